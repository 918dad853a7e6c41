//! How a request is sent, and what is reported if no response arrives.

mod costs;
mod http1;
#[cfg(feature = "rustls")]
mod reliability;
mod run_result;
mod scenarios;
mod sending;
#[cfg(feature = "rustls")]
mod tls;
#[cfg(feature = "rustls")]
mod tls_server;
