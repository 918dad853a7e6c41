//! Bodies: the request's, which notes when it is first asked for, and the answer's, read under a
//! cap and a deadline.

use std::{
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
use tokio::time::Sleep;

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

/// Makes the request's body leave a mark, and returns that.
///
/// Such a body cannot be sent a second time, so nothing below re-sends it by itself: neither a
/// redirect nor a retry of the HTTP library's own.
pub(super) fn mark(request: &mut Request) -> SentMark {
    let mark = SentMark::default();
    let body = request.body_mut().take().unwrap_or_default();
    *request.body_mut() = Some(Body::wrap(Marked { body, mark: mark.clone() }));
    mark
}

struct Marked {
    body: Body,
    mark: SentMark,
}

impl http_body::Body for Marked {
    type Data = Bytes;
    type Error = reqwest::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, reqwest::Error>>> {
        self.mark.0.store(true, Ordering::Release);
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

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

/// Reads up to `cap` bytes; what came before a cut is kept.
///
/// A body of one piece, which is the usual, is handed on as it lies in the HTTP library's buffer.
/// Of several, a copy is made, which is wiped on drop, since a success answer holds a secret.
pub(super) async fn read(
    response: &mut Response,
    cap: usize,
    mut deadline: Pin<&mut Option<Sleep>>,
) -> (Bytes, Option<Cut>) {
    let mut first = Bytes::new();
    let mut whole = Zeroizing::new(Vec::new());
    let cut = loop {
        let chunk = match until(deadline.as_mut(), response.chunk()).await {
            None => break Some(Cut::Timeout),
            Some(Err(error)) => break Some(Cut::Broken(error)),
            Some(Ok(None)) => break None,
            Some(Ok(Some(chunk))) => chunk,
        };
        let room = cap - first.len().max(whole.len());
        let fitting = chunk.slice(..chunk.len().min(room));
        if first.is_empty() {
            first = fitting;
        } else {
            if whole.is_empty() {
                append(&mut whole, &first);
            }
            append(&mut whole, &fitting);
        }
        if chunk.len() > room {
            break Some(Cut::TooLarge(cap));
        }
    };
    let body = if whole.is_empty() { first } else { Bytes::from_owner(whole) };
    (body, cut)
}

/// Appends, and wipes what is outgrown.
fn append(whole: &mut Zeroizing<Vec<u8>>, piece: &[u8]) {
    if whole.capacity() - whole.len() < piece.len() {
        let mut larger = Vec::with_capacity((whole.len() + piece.len()).max(16 * 1024) * 2);
        larger.extend_from_slice(whole);
        *whole = Zeroizing::new(larger);
    }
    whole.extend_from_slice(piece);
}
