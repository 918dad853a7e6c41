//! How a request is sent, and what happens on the way.

mod costs;
pub(crate) mod memory;
#[cfg(feature = "rustls")]
mod reliability;
pub(crate) mod sending;
#[cfg(feature = "rustls")]
pub(crate) mod tls;
pub(crate) mod wire;
