//! What a response means.

mod changes;
mod damage;
mod reading;
pub(crate) mod secrets;
