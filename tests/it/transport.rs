//! How a request is sent, and what happens on the way.

mod costs;
#[cfg(feature = "rustls")]
mod reliability;
mod sending;
#[cfg(feature = "rustls")]
mod tls;
mod wire;
