//! Decoding of success responses, and the secrecy of what they hold.

mod changes;
mod damage;
mod decoding;
mod decoding_property;
mod outcomes;
mod redaction;
mod secrets;
mod unreadable;
