//! Detects whether a request may have been sent.

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

/// A mark that is set when the HTTP client first polls the body of a request.
///
/// The HTTP client polls the body only after it has a connection, including TLS, and has started the
/// request on it. If the mark is not set, no byte of the body was written, and over HTTP/1 no byte of the
/// request, so the server cannot have acted on it.
#[derive(Clone, Debug, Default)]
pub(super) struct SentMark(Arc<AtomicBool>);

impl SentMark {
    /// Wraps the body of a request so that polling it sets the returned mark.
    ///
    /// A wrapped body cannot be cloned, so the HTTP client cannot send it twice for a redirect or a
    /// retry.
    pub(super) fn attach(request: &mut Request) -> Self {
        let mark = Self::default();
        let body = request.body_mut().take().unwrap_or_default();
        *request.body_mut() = Some(Body::wrap(MarkedBody { body, mark: mark.clone() }));
        mark
    }

    pub(super) fn is_sent(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

struct MarkedBody {
    body: Body,
    mark: SentMark,
}

impl http_body::Body for MarkedBody {
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
