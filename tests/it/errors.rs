//! The errors of rejected registrations.

mod display;
