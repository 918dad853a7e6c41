//! One connection: one request and its response, within limits of time and memory. What the
//! response is, the caller decides.

use std::{io, time::Duration};

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{net::TcpStream, time::timeout};

use super::{page::Page, request::Request};

/// For the whole head of a request to arrive.
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);
/// For the whole connection, including a client that reads slowly.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(10);
/// The longest head of a request; a query with a long code fits well.
const MAX_HEAD: usize = 16 * 1024;

/// Serves one request with the page of `respond`; closes the connection if that fails.
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
        // A client that closes its sending side still gets the page.
        .half_close(true)
        .max_buf_size(MAX_HEAD)
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT);
    let connection = http.serve_connection(TokioIo::new(stream), service);
    // If the connection fails, only its own page is lost.
    let _ = timeout(CONNECTION_TIMEOUT, connection).await;
}
