//! [`Client`]: its configuration, and one registration.
//!
//! `Client::register_once` is in `store`, and tokens are in `oauth`.

mod builder;
mod environment;
mod handle;
mod hooks;
mod http_client;
mod mapping;
mod register;

pub use builder::ClientBuilder;
#[cfg(feature = "oauth2")]
pub(crate) use environment::AUTH_TOKEN;
pub use handle::Client;
#[cfg(any(fuzzing, feature = "__bench"))]
pub(crate) use mapping::response_error;
