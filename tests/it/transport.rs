//! How a request is sent, and what is reported if no response arrives.

#[cfg(feature = "rustls")]
mod causes;
mod content_coding;
mod costs;
mod http1;
mod late;
mod no_certificates;
#[cfg(feature = "rustls")]
mod reliability;
mod run_result;
mod safe_requests;
mod scenarios;
mod sending;
#[cfg(feature = "rustls")]
mod tls;
#[cfg(feature = "rustls")]
mod tls_server;
