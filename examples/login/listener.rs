//! Where the browser comes back to: a listener on this machine that takes one answer.
//!
//! Everyone on this machine can reach it, and pages of other hosts can make a browser do so. So
//! whatever is not the answer gets a small page, or none, and the waiting goes on; nothing that a
//! connection does can take more than a little memory and a few seconds.

use std::{
    io::{self, ErrorKind},
    net::{Ipv4Addr, Ipv6Addr},
    time::Duration,
};

use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{mpsc, oneshot},
    task::{self, JoinSet},
    time::{Instant, sleep, sleep_until, timeout},
};

use crate::{page::Page, request};

/// Browsers open some half a dozen to a host. Further ones wait until one of these ends.
const CONNECTIONS: usize = 64;
/// For the head of a request to be there whole.
const HEAD: Duration = Duration::from_secs(5);
/// For all of a connection, a reader that takes its time included.
const CONNECTION: Duration = Duration::from_secs(10);
/// What a request may hold: a query with a long code fits well.
const BUFFER: usize = 16 * 1024;

/// Sockets on 127.0.0.1 and, where the machine has IPv6, on `[::1]`: a browser may have been told
/// either by the name `localhost`.
pub(crate) struct Listener {
    v4: TcpListener,
    v6: Option<TcpListener>,
}

/// A request that may be the answer, and where its page goes.
struct Asked {
    connection: task::Id,
    query: String,
    page: oneshot::Sender<Page>,
}

impl Listener {
    /// Listens on this port; on one that the system gives, where it is 0.
    pub(crate) async fn bind(port: u16) -> io::Result<Self> {
        let mut attempts = 0;
        loop {
            match Self::bind_both(port).await {
                // A given port may be another's on [::1].
                Err(error) if is_in_use(&error) && port == 0 && attempts < 8 => attempts += 1,
                result => return result,
            }
        }
    }

    async fn bind_both(port: u16) -> io::Result<Self> {
        let v4 = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let port = v4.local_addr()?.port();
        match TcpListener::bind((Ipv6Addr::LOCALHOST, port)).await {
            Ok(v6) => Ok(Self { v4, v6: Some(v6) }),
            Err(error) if is_in_use(&error) => Err(error),
            Err(_) => Ok(Self { v4, v6: None }),
        }
    }

    pub(crate) fn port(&self) -> io::Result<u16> {
        Ok(self.v4.local_addr()?.port())
    }

    /// Waits until `judge` has a page for a callback's query, shows it, and listens no more. The
    /// page is with the browser then, unless that has gone. After `wait`, nothing is waited for.
    pub(crate) async fn answer(
        self,
        wait: Duration,
        mut judge: impl FnMut(&str) -> Option<Page>,
    ) -> io::Result<()> {
        let end = Instant::now() + wait;
        let port = self.port()?;
        let (asks, mut asked) = mpsc::channel(1);
        let mut connections = JoinSet::new();
        let answered = loop {
            tokio::select! {
                stream = self.accept(), if connections.len() < CONNECTIONS => {
                    connections.spawn(serve(stream, port, asks.clone()));
                }
                Some(_) = connections.join_next() => {}
                Some(asked) = asked.recv() => match judge(&asked.query) {
                    Some(page) => break (asked, page),
                    None => drop(asked.page.send(Page::not_the_answer())),
                },
                () = sleep_until(end) => return Ok(()),
            }
        };
        let (asked, page) = answered;
        // Whoever has seen the page finds no one any more.
        drop(self);
        let _ = asked.page.send(page);
        // All the others end with the set.
        let written = async {
            while let Some(ended) = connections.join_next_with_id().await {
                if ended.map_or_else(|error| error.id(), |(id, ())| id) == asked.connection {
                    break;
                }
            }
        };
        let _ = timeout(CONNECTION, written).await;
        Ok(())
    }

    async fn accept(&self) -> TcpStream {
        loop {
            let accepted = match &self.v6 {
                Some(v6) => tokio::select! {
                    accepted = self.v4.accept() => accepted,
                    accepted = v6.accept() => accepted,
                },
                None => self.v4.accept().await,
            };
            match accepted {
                Ok((stream, _)) => return stream,
                // Gone again, or this process has too many files open.
                Err(_) => sleep(Duration::from_millis(50)).await,
            }
        }
    }
}

/// Whether a port is taken; Windows keeps whole ranges of them for itself.
pub(crate) fn is_in_use(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::AddrInUse)
        || (cfg!(windows) && error.kind() == ErrorKind::PermissionDenied)
}

/// Serves one request.
async fn serve(stream: TcpStream, port: u16, asks: mpsc::Sender<Asked>) {
    let asks = &asks;
    let service = service_fn(async |request: hyper::Request<Incoming>| {
        let page = match request::query(&request, port) {
            // Where no one waits any more, no one answers either.
            Ok(query) => ask(asks, query).await.ok_or(ErrorKind::ConnectionAborted)?,
            Err(refusal) => refusal,
        };
        Ok::<_, io::Error>(page.response())
    });
    let mut http = http1::Builder::new();
    http.keep_alive(false)
        // A client that has nothing more to say still gets its page.
        .half_close(true)
        .max_buf_size(BUFFER)
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD);
    let connection = http.serve_connection(TokioIo::new(stream), service);
    // One that fails has lost nothing but its own page.
    let _ = timeout(CONNECTION, connection).await;
}

/// Asks whether this is the answer; `None` where no one asks any more.
async fn ask(asks: &mpsc::Sender<Asked>, query: String) -> Option<Page> {
    let (page, shown) = oneshot::channel();
    asks.send(Asked { connection: task::id(), query, page }).await.ok()?;
    shown.await.ok()
}
