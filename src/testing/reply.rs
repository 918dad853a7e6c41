//! Scripted replies.

use std::time::Duration;

use serde_json::Value;
use wiremock::ResponseTemplate;

use super::fastapi::Answer;

/// One reply of a [`Server`](super::Server)'s script.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use poggio::testing::Reply;
///
/// let rate_limited = Reply::status(429).with_header("retry-after", "1");
/// let refused = Reply::json(400, serde_json::json!({"error": "invalid_redirect_uri"}));
/// let slow = Reply::registered().with_delay(Duration::from_secs(5));
/// let other_method =
///     Reply::registered().with_member("token_endpoint_auth_method", "client_secret_basic");
/// # let _ = (rate_limited, refused, slow, other_method);
/// ```
#[derive(Clone, Debug)]
pub struct Reply {
    pub(super) kind: Kind,
    headers: Vec<(String, String)>,
    delay: Option<Duration>,
}

#[derive(Clone, Debug)]
pub(super) enum Kind {
    /// What the server answers by itself, with members of a success answer set or left out.
    Registered(Vec<(String, Option<Value>)>),
    Fixed {
        status: u16,
        body: Vec<u8>,
        content_type: Option<&'static str>,
    },
    Disconnect,
}

impl Reply {
    fn of(kind: Kind) -> Self {
        Self { kind, headers: Vec::new(), delay: None }
    }

    /// Replies as the server does by itself: registers, or refuses what it would refuse.
    #[must_use]
    pub fn registered() -> Self {
        Self::of(Kind::Registered(Vec::new()))
    }

    /// Replies as the token endpoint does by itself: issues a token, or refuses what it would
    /// refuse.
    ///
    /// A member that is changed is told to the program; the server keeps its own.
    ///
    /// # Examples
    ///
    /// ```
    /// # use poggio::testing::Reply;
    /// let without_refresh_token = Reply::issued().without_member("refresh_token");
    /// # let _ = without_refresh_token;
    /// ```
    #[must_use]
    pub fn issued() -> Self {
        Self::registered()
    }

    /// Replies with a status and an empty body.
    ///
    /// # Panics
    ///
    /// If the status is not from 200 to 599; so with every status given to a `Reply`.
    #[must_use]
    pub fn status(status: u16) -> Self {
        Self::bytes(status, [])
    }

    /// Replies with JSON.
    #[must_use]
    pub fn json(status: u16, body: impl Into<Value>) -> Self {
        Self::fixed(status, body.into().to_string().into(), Some("application/json"))
    }

    /// Replies with plain text.
    #[must_use]
    pub fn text(status: u16, body: impl Into<String>) -> Self {
        Self::fixed(status, body.into().into(), Some("text/plain; charset=utf-8"))
    }

    /// Replies with a page.
    #[must_use]
    pub fn html(status: u16, body: impl Into<String>) -> Self {
        Self::fixed(status, body.into().into(), Some("text/html; charset=utf-8"))
    }

    /// Replies with any bytes and no `Content-Type`.
    #[must_use]
    pub fn bytes(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self::fixed(status, body.into(), None)
    }

    /// Reads the request, then drops the connection without a reply.
    #[must_use]
    pub fn disconnect() -> Self {
        Self::of(Kind::Disconnect)
    }

    fn fixed(status: u16, body: Vec<u8>, content_type: Option<&'static str>) -> Self {
        // A test that asks for another status is wrong, and best told where it asks.
        assert!((200..=599).contains(&status), "a reply's status is from 200 to 599, not {status}");
        Self::of(Kind::Fixed { status, body, content_type })
    }

    /// Sets a member of a registration or token, in place of what the server would answer; without
    /// effect on other replies.
    #[must_use]
    pub fn with_member(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        if let Kind::Registered(changes) = &mut self.kind {
            changes.push((name.into(), Some(value.into())));
        }
        self
    }

    /// Leaves a member of a registration or token out; without effect on other replies.
    #[must_use]
    pub fn without_member(mut self, name: impl Into<String>) -> Self {
        if let Kind::Registered(changes) = &mut self.kind {
            changes.push((name.into(), None));
        }
        self
    }

    /// Adds a header; `content-type` replaces the reply's own.
    #[must_use]
    pub fn with_header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Waits before it replies; the wait before a disconnect is none.
    #[must_use]
    pub fn with_delay(mut self, delay: Duration) -> Self {
        self.delay = Some(delay);
        self
    }

    /// What is sent, with its status and body beside it.
    pub(super) fn template(
        self,
        by_itself: impl FnOnce() -> Answer,
    ) -> (u16, Vec<u8>, ResponseTemplate) {
        let mut content_type = None;
        let (status, headers, body) = match self.kind {
            Kind::Registered(changes) => {
                let answer = by_itself().changed(&changes);
                let body = answer.body.map_or_else(Vec::new, |body| body.to_string().into_bytes());
                content_type = (!body.is_empty()).then_some("application/json");
                (answer.status, answer.headers, body)
            }
            Kind::Fixed { status, body, content_type: own } => {
                content_type = own;
                (status, Vec::new(), body)
            }
            // Taken by its own responder before this.
            Kind::Disconnect => (500, Vec::new(), Vec::new()),
        };
        let own_type =
            self.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-type"));
        let content_type = own_type.map(|(_, value)| value.as_str()).or(content_type);

        let mut template = ResponseTemplate::new(status)
            .set_body_raw(body.clone(), content_type.unwrap_or_default());
        for (name, value) in headers.iter().map(|(name, value)| (*name, value.as_str())) {
            template = template.append_header(name, value);
        }
        for (name, value) in &self.headers {
            if !name.eq_ignore_ascii_case("content-type") {
                template = template.append_header(name.as_str(), value.as_str());
            }
        }
        if let Some(delay) = self.delay {
            template = template.set_delay(delay);
        }
        (status, body, template)
    }
}
