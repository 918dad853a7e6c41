//! The requests of one discovery: their deadline, their redirects, and the report of what each URL
//! responded.

use std::time::Duration;

use reqwest::{
    Method, StatusCode, Url,
    header::{ACCEPT, HeaderMap, HeaderValue, LOCATION, WWW_AUTHENTICATE},
};
use serde_json::Value;
use tokio::time::{Instant, timeout_at};

use super::documents::Document;
use crate::{
    client::Client,
    oauth::error::{OAuthError, OAuthErrorKind},
    redact::sanitize,
    response::{Response, challenge},
};

/// How many redirects of one request are followed.
const MAX_REDIRECTS: usize = 3;

pub(super) struct Search<'c> {
    client: &'c Client,
    /// `None` means no timeout.
    deadline: Option<Instant>,
    /// One line for each URL that was tried.
    lines: Vec<String>,
    /// The last request without a response.
    failure: Option<OAuthError>,
    /// An origin to which no connection was established.
    unreachable: Option<Url>,
    has_response: bool,
    has_document: bool,
    is_unavailable: bool,
}

/// The response of a resource to a request without a token.
pub(super) struct Challenge {
    /// The URL after redirects.
    pub(super) url: Url,
    pub(super) status: Option<StatusCode>,
    pub(super) metadata_urls: Vec<String>,
    pub(super) scopes: Vec<String>,
}

impl Challenge {
    /// Parses the `WWW-Authenticate` header of a 401 response of this resource.
    pub(super) fn parse(resource: &Url, www_authenticate: &str) -> Self {
        let headers = challenge::headers(www_authenticate);
        Self::read(resource.clone(), StatusCode::UNAUTHORIZED, &headers)
    }

    fn read(url: Url, status: StatusCode, headers: &HeaderMap) -> Self {
        let mut metadata_urls = challenge::values(headers, "resource_metadata");
        if metadata_urls.is_empty() {
            metadata_urls = unquoted(headers, "resource_metadata=");
        }
        let scopes = challenge::scopes(headers);
        Self { url, status: Some(status), metadata_urls, scopes }
    }
}

impl<'c> Search<'c> {
    pub(super) fn new(client: &'c Client) -> Self {
        Self {
            client,
            deadline: Instant::now().checked_add(client.transport().timeout),
            lines: Vec::new(),
            failure: None,
            unreachable: None,
            has_response: false,
            has_document: false,
            is_unavailable: false,
        }
    }

    /// Returns the JSON object at a URL. If there is none, records why.
    pub(super) async fn document(&mut self, url: &Url) -> Option<Document> {
        let is_unreachable = |other: &Url| other.origin() == url.origin();
        if self.unreachable.as_ref().is_some_and(is_unreachable) {
            return None;
        }
        let (_, response) = self.get(url, "application/json", true).await?;
        let problem = match serde_json::from_slice(&response.body) {
            _ if response.status != StatusCode::OK => response.status.to_string(),
            _ if response.truncated.is_some() => "200 OK, but the body was truncated".to_owned(),
            Ok(Value::Object(document)) => {
                self.has_document = true;
                return Some(document);
            }
            _ if response.content_coding().is_some() => {
                let coding = response.content_coding().unwrap_or_default();
                format!("200 OK, but with the content coding {coding}")
            }
            _ if response.body.trim_ascii_start().starts_with(b"<") => {
                "200 OK, but the body is an HTML page".to_owned()
            }
            _ => "200 OK, but the body is not a JSON object".to_owned(),
        };
        self.record(url, &problem);
        None
    }

    /// Requests a resource without a token.
    pub(super) async fn challenge(&mut self, url: &Url) -> Challenge {
        // An MCP endpoint accepts a GET request only for an event stream.
        let response = self.get(url, "application/json, text/event-stream", false).await;
        let Some((url, response)) = response else {
            let url = url.clone();
            return Challenge { url, status: None, metadata_urls: Vec::new(), scopes: Vec::new() };
        };
        self.record(&url, &response.status.to_string());
        Challenge::read(url, response.status, &response.headers)
    }

    /// Sends a GET request, and follows redirects within the origin. Returns the last URL and its
    /// response. If there is none, records why.
    async fn get(
        &mut self,
        url: &Url,
        accept: &'static str,
        reads_body: bool,
    ) -> Option<(Url, Response)> {
        let mut url = url.clone();
        for _ in 0..=MAX_REDIRECTS {
            let response = self.get_once(&url, accept, reads_body).await?;
            match redirect(&url, &response) {
                Some(next) => url = next,
                None => return Some((url, response)),
            }
        }
        self.record(&url, "too many redirects");
        None
    }

    async fn get_once(
        &mut self,
        url: &Url,
        accept: &'static str,
        reads_body: bool,
    ) -> Option<Response> {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static(accept));
        let client = self.client;
        let request = async {
            if reads_body {
                client.send(Method::GET, url.clone(), headers, &[]).await
            } else {
                client.head(url, headers).await
            }
        };
        let result = match self.deadline {
            None => request.await,
            Some(deadline) => {
                let left = deadline.saturating_duration_since(Instant::now());
                // Time is left for the next URL.
                let result = timeout_at(Instant::now() + left / 2, request).await;
                result.unwrap_or_else(|_| Err(no_response(left / 2)))
            }
        };
        match result {
            Ok(response) => {
                self.has_response = true;
                self.is_unavailable |= response.status.is_server_error();
                Some(response)
            }
            Err(error) => {
                self.is_unavailable = true;
                // The request for a challenge is not retried, so it does not count.
                if reads_body && error.is_unsent() {
                    self.unreachable = Some(url.clone());
                }
                self.record(url, &error.problem());
                self.failure = Some(error);
                None
            }
        }
    }

    /// Adds a line to the report.
    pub(super) fn record(&mut self, url: &Url, problem: &str) {
        self.lines.push(format!("{}: {}", sanitize(url.as_str()), sanitize(problem)));
    }

    /// Whether every URL responded that it has no metadata.
    pub(super) fn has_no_metadata(&self) -> bool {
        !self.has_document && !self.is_unavailable
    }

    /// Returns the error of a discovery that found nothing for this URL.
    pub(super) fn into_error(self, url: &Url) -> OAuthError {
        let kind =
            if self.has_response { OAuthErrorKind::Discovery } else { OAuthErrorKind::Transport };
        let (url, is_unavailable) = (sanitize(url.as_str()), self.is_unavailable);
        OAuthError::discovery(kind, url, self.lines, self.failure, is_unavailable)
    }
}

fn no_response(within: Duration) -> OAuthError {
    let problem = format!("no response within {} ms", within.as_millis());
    OAuthError::new(OAuthErrorKind::Transport, problem)
}

/// Returns the values after `name` in challenges that cannot be parsed, because a URL in them is not
/// quoted.
fn unquoted(headers: &HeaderMap, name: &str) -> Vec<String> {
    let headers = headers.get_all(WWW_AUTHENTICATE).iter();
    let texts = headers.filter_map(|value| value.to_str().ok());
    let values = texts.flat_map(|text| text.split(name).skip(1));
    let value = |rest: &str| rest.split([',', ' ', '"']).next().unwrap_or_default().to_owned();
    values.map(value).collect()
}

/// Returns the target of a redirect within the origin of `url`.
fn redirect(url: &Url, response: &Response) -> Option<Url> {
    let location = response.headers.get(LOCATION).filter(|_| response.status.is_redirection())?;
    let mut target = url.join(location.to_str().ok()?).ok()?;
    target.set_fragment(None);
    let is_same_origin = target.origin() == url.origin();
    (is_same_origin && target.username().is_empty() && target.password().is_none())
        .then_some(target)
}
