//! From a registered client to a token.

mod authorization;
mod browser;
mod callback_listener;
#[cfg(feature = "rustls")]
mod poggio;
mod tokens;
mod whole;
