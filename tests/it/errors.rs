//! What an error shows.

mod display;
