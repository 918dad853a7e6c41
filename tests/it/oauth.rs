//! From a registered client to a token.

mod authorization;
mod browser;
mod callback_listener;
mod client;
mod discovery;
mod errors;
mod flow;
mod mix_up;
#[cfg(feature = "rustls")]
mod poggio;
mod tokens;
