//! The errors of rejected registrations, and the messages of all errors side by side.

mod display;
// A client for https is one of the situations.
#[cfg(all(unix, any(feature = "rustls", feature = "native-tls")))]
mod messages;
