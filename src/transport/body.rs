//! Bodies: the request's, which notes when it is first asked for, and the answer's, read under a
//! cap and a deadline.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use reqwest::{Body, Request, Response};
use secrecy::zeroize::Zeroizing;
use tokio::time::Instant;

use super::until;

/// Whether a request may have left, known from its own body.
///
/// The HTTP library asks for the body only once it has a connection, TLS included, and has taken
/// up the request there. Before that no byte of the body has been written, so that the server
/// cannot have acted; over HTTP/1 no byte of the request at all.
#[derive(Clone, Debug, Default)]
pub(crate) struct SentMark(Arc<AtomicBool>);

impl SentMark {
    pub(crate) fn is_sent(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// A copy of the request whose body leaves a mark, and that mark.
///
/// Such a body cannot be sent a second time, so nothing below re-sends it by itself: neither a
/// redirect nor a retry of the HTTP library's own.
pub(super) fn marked(request: &Request) -> (Request, SentMark) {
    let mark = SentMark::default();
    let mut copy = Request::new(request.method().clone(), request.url().clone());
    *copy.headers_mut() = request.headers().clone();
    // Generated code gives every request its whole body at once.
    let bytes = request.body().and_then(Body::as_bytes).unwrap_or_default();
    let marked = Marked { rest: Some(Bytes::copy_from_slice(bytes)), mark: mark.clone() };
    *copy.body_mut() = Some(Body::wrap(marked));
    (copy, mark)
}

struct Marked {
    rest: Option<Bytes>,
    mark: SentMark,
}

impl http_body::Body for Marked {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.mark.0.store(true, Ordering::Release);
        Poll::Ready(self.rest.take().map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.rest.as_ref().map_or(0, Bytes::len) as u64)
    }
}

/// More than an answer of the contract has, in bytes.
const USUAL: usize = 16 * 1024;

/// Why an answer's body is not whole.
#[derive(Debug)]
pub(crate) enum Cut {
    /// It is larger than the cap, in bytes; the rest was not read.
    TooLarge(usize),
    /// The deadline came.
    Timeout,
    /// The connection broke.
    Broken(reqwest::Error),
}

/// Reads up to `cap` bytes; what came before a cut is kept. The buffer is wiped on drop, since a
/// success answer holds a secret.
pub(super) async fn read(
    mut response: Response,
    cap: usize,
    deadline: Option<Instant>,
) -> (Bytes, Option<Cut>) {
    let declared = response.content_length().and_then(|length| usize::try_from(length).ok());
    // Room for any sane answer at once, so that growing leaves no copy behind; a server's word for
    // its length is not trusted with more.
    let room = declared.unwrap_or(USUAL).min(4 * USUAL).min(cap);
    let mut body = Zeroizing::new(Vec::with_capacity(room));
    let cut = loop {
        let chunk = match until(deadline, response.chunk()).await {
            None => break Some(Cut::Timeout),
            Some(Err(error)) => break Some(Cut::Broken(error)),
            Some(Ok(None)) => break None,
            Some(Ok(Some(chunk))) => chunk,
        };
        let room = cap - body.len();
        if let Some(fitting) = chunk.get(..room).filter(|_| chunk.len() > room) {
            body.extend_from_slice(fitting);
            break Some(Cut::TooLarge(cap));
        }
        body.extend_from_slice(&chunk);
    };
    (Bytes::from_owner(body), cut)
}
