//! One connection: one request and its response, within limits of time and memory. The caller
//! chooses the response.

use std::{io, time::Duration};

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{net::TcpStream, time::timeout};

use super::{page::Page, request::Request};

/// The time for the request line and all headers to arrive.
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);
/// The time for the whole connection, including a client that reads slowly.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(10);
/// The size of the request line and headers. A query with a long code is much smaller.
const MAX_HEAD_BYTES: usize = 16 * 1024;

/// Responds to one request with the page from `respond`; closes the connection if `respond` fails.
pub(super) async fn serve<F>(stream: TcpStream, respond: impl Fn(Request) -> F)
where
    F: Future<Output = io::Result<Page>>,
{
    let service = service_fn(|request| {
        let page = respond(request);
        async { Ok::<_, io::Error>(page.await?.into_response()) }
    });
    let mut http = http1::Builder::new();
    http.keep_alive(false)
        // A client that has closed its sending side still gets the page.
        .half_close(true)
        .max_buf_size(MAX_HEAD_BYTES)
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT);
    let connection = http.serve_connection(TokioIo::new(stream), service);
    // If a connection fails, only its page is lost; the listener continues.
    let _ = timeout(CONNECTION_TIMEOUT, connection).await;
}
