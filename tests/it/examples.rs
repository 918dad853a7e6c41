//! The example programs and the README.

pub(crate) mod login;
pub(crate) mod programs;
mod readme;
pub(crate) mod register_once;
