//! The example programs, run as a user runs them, and the README.

mod login;
mod programs;
mod readme;
mod register;
