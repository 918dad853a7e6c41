//! What a response means.

mod changes;
mod damage;
mod reading;
mod secrets;
