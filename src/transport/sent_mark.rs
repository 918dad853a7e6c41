//! Whether a request may have left this machine.

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
use reqwest::{Body, Request};

/// Whether a request may have left, known from its own body.
///
/// The HTTP library asks for the body only once it has a connection, TLS included, and has taken
/// up the request there. Before that no byte of the body has been written, so that the server
/// cannot have acted; over HTTP/1 no byte of the request at all.
#[derive(Clone, Debug, Default)]
pub(super) struct SentMark(Arc<AtomicBool>);

impl SentMark {
    /// Makes the request's body leave a mark, and returns it.
    ///
    /// Such a body cannot be sent a second time, so that neither a redirect nor a retry of the HTTP
    /// library sends it again.
    pub(super) fn set_on(request: &mut Request) -> Self {
        let mark = Self::default();
        let body = request.body_mut().take().unwrap_or_default();
        *request.body_mut() = Some(Body::wrap(Marked { body, mark: mark.clone() }));
        mark
    }

    pub(super) fn is_sent(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
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
