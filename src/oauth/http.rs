//! [`Client`] as an HTTP client for the [`oauth2`] crate. A token request follows the rules of a
//! registration: no redirects, a deadline, a size cap, https except on loopback, no secret in an
//! error.

use std::{pin::Pin, sync::Arc};

use base64::{Engine, prelude::BASE64_STANDARD};
use oauth2::{AsyncHttpClient, HttpRequest, HttpResponse};
use reqwest::{
    Method, Request, Url,
    header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue},
};
use secrecy::zeroize::Zeroizing;
use serde_json::{Map, Value, json};

use super::{
    error::{OAuthError, OAuthErrorKind},
    server::endpoint,
    token_error::TokenError,
    unreadable::Unreadable,
};
use crate::{
    client::Client, error::TransportError, metadata::GrantType, redact::Redactor,
    response::Response, url,
};

impl<'c> AsyncHttpClient<'c> for Client {
    type Error = OAuthError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, OAuthError>> + Send + 'c>>;

    /// Sends a token request, and returns a token response with the members that the [`oauth2`]
    /// crate requires. Any other response is an [`OAuthError`], because that crate would drop its
    /// host, its status and `Retry-After`: that crate's error is
    /// [`RequestTokenError::Request`](oauth2::RequestTokenError::Request). Only an OAuth error in
    /// response to a device code is returned to that crate, which polls the server. The success
    /// response to a request other than a token request, such as a revocation, is returned unchanged.
    ///
    /// The request is retried only if the server cannot have acted on it, because a code is valid
    /// once, and a refresh token may be.
    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(async move {
            let (parts, body) = request.into_parts();
            let url = endpoint("token_endpoint", &parts.uri.to_string())?;
            let mut headers = parts.headers;
            headers.get_mut(AUTHORIZATION).into_iter().for_each(|value| value.set_sensitive(true));
            let body = Zeroizing::new(body);
            let response = self.send(parts.method, url, headers.clone(), &body).await?;
            read_response(&response, &body, &headers)
        })
    }
}

impl Client {
    /// Sends a request other than a registration, under the same rules.
    pub(super) async fn send(
        &self,
        method: Method,
        url: Url,
        headers: HeaderMap,
        body: &[u8],
    ) -> Result<Response, OAuthError> {
        self.check_scheme(&url)?;
        let transport = self.transport();
        let host: Arc<str> = url::host_and_port(&url).into();
        let attempt = |deadline| {
            let mut request = Request::new(method.clone(), url.clone());
            request.headers_mut().clone_from(&headers);
            if !body.is_empty() {
                *request.body_mut() = Some(body.to_vec().into());
            }
            let (url, host) = (&url, &host);
            async move {
                let result = transport.attempt(self.http(), request, url, host, deadline).await;
                result.map(|response| (response, ()))
            }
        };
        let result = transport.send(attempt).await;
        result.map(|(response, ())| response).map_err(|failure| {
            OAuthError::transport(TransportError::new(failure, host, transport.timeout))
        })
    }

    /// Sends a GET request, and returns the response without its body: an event stream has no end.
    pub(super) async fn head(&self, url: &Url, headers: HeaderMap) -> Result<Response, OAuthError> {
        self.check_scheme(url)?;
        let transport = self.transport();
        let host: Arc<str> = url::host_and_port(url).into();
        let mut request = Request::new(Method::GET, url.clone());
        *request.headers_mut() = headers;
        let result = transport.head(self.http(), request, url, &host).await;
        result.map_err(|failure| {
            OAuthError::transport(TransportError::new(failure, host, transport.timeout))
        })
    }

    /// Refuses plain http if this client is for https: it may use a proxy, which would see the
    /// request.
    pub(super) fn check_scheme(&self, url: &Url) -> Result<(), OAuthError> {
        if url.scheme() != "http" || self.transport().endpoint.scheme() == "http" {
            return Ok(());
        }
        let problem = "http is accepted only if the base URL of the client is http too; use https";
        Err(OAuthError::new(OAuthErrorKind::Endpoint, format!("{url}: {problem}")))
    }
}

/// Returns the response to a request with this body and these headers in the form that the `oauth2`
/// crate requires.
pub(crate) fn read_response(
    response: &Response,
    request_body: &[u8],
    request_headers: &HeaderMap,
) -> Result<HttpResponse, OAuthError> {
    let error = || read_error(response, request_body, request_headers);
    let mut form = form_urlencoded::parse(request_body);
    let grant_type = form.find(|(name, _)| name == "grant_type").map(|(_, value)| value);
    let is_poll = grant_type.as_deref() == Some(GrantType::DeviceCode.as_str());
    if !response.status.is_success() {
        return error_response(response, error(), is_poll);
    }
    if grant_type.is_some() {
        token_response(response, error)
    } else {
        unchanged_response(response)
    }
}

/// Returns the error of a response. If the `oauth2` crate polls the server, returns an OAuth error
/// response (RFC 6749 section 5.2) in the form that it requires, because it polls again according to
/// its code.
fn error_response(
    response: &Response,
    error: TokenError,
    is_poll: bool,
) -> Result<HttpResponse, OAuthError> {
    let is_standard = matches!(response.status.as_u16(), 400 | 401) && is_oauth_error(response);
    let Some(code) = error.code().filter(|_| is_poll && is_standard) else {
        return Err(OAuthError::refused(error));
    };
    let json = json!({"error": code.as_str(), "error_description": error.description()});
    Ok(json_response(response.status.as_u16(), &json))
}

/// Returns a success response of the token endpoint in the form that the `oauth2` crate requires.
fn token_response(
    response: &Response,
    error: impl FnOnce() -> TokenError,
) -> Result<HttpResponse, OAuthError> {
    check_complete(response)?;
    let Ok(Value::Object(members)) = serde_json::from_slice(&response.body) else {
        return Err(match response.content_coding() {
            Some(coding) => {
                unreadable_error(response, &format!("it has the content coding {coding}"))
            }
            None => unreadable_error(response, "it is not a JSON object"),
        });
    };
    // Some servers send an error with status 200.
    let is_error = members.get("error").is_some_and(Value::is_string);
    let Some(members) = normalize_token_members(members) else {
        return Err(if is_error {
            OAuthError::refused(error())
        } else {
            unreadable_error(response, "it has no access_token")
        });
    };
    // RFC 6749 section 5.1 requires status 200, and that crate accepts no other. A server that
    // responds with 201 has issued a token too.
    Ok(json_response(200, &Value::Object(members)))
}

/// Returns the success response to a request that is not a token request, such as a revocation.
fn unchanged_response(response: &Response) -> Result<HttpResponse, OAuthError> {
    check_complete(response)?;
    let mut unchanged = HttpResponse::new(response.body.to_vec());
    *unchanged.status_mut() = response.status;
    if let Some(value) = response.headers.get(CONTENT_TYPE) {
        unchanged.headers_mut().insert(CONTENT_TYPE, value.clone());
    }
    Ok(unchanged)
}

fn check_complete(response: &Response) -> Result<(), OAuthError> {
    match &response.truncated {
        None => Ok(()),
        Some(truncated) => Err(unreadable_error(response, &truncated.to_string())),
    }
}

/// Reads an error response, and masks the secrets of the request, which the server may quote.
pub(super) fn read_error(
    response: &Response,
    request_body: &[u8],
    request_headers: &HeaderMap,
) -> TokenError {
    let basic = basic_secret(request_headers);
    let form: Vec<_> = form_urlencoded::parse(request_body).collect();
    let secrets = form.iter().filter(|(name, _)| !PUBLIC_FIELDS.contains(&&**name));
    let secrets = secrets.map(|(_, value)| &**value).chain(basic.as_deref());
    let redactor = Redactor::new(secrets).with_body(&response.body);
    TokenError::read(response, &redactor)
}

/// The form fields of a request that may be shown. Any other field may be a credential.
const PUBLIC_FIELDS: &[&str] = &[
    "audience",
    "client_id",
    "grant_type",
    "org_id",
    "redirect_uri",
    "resource",
    "response_type",
    "scope",
    "token_type_hint",
    "user_id",
    "username",
];

/// The client secret in an Authorization header (RFC 6749 section 2.3.1).
fn basic_secret(headers: &HeaderMap) -> Option<String> {
    let header = headers.get(AUTHORIZATION)?.to_str().ok()?.strip_prefix("Basic ")?;
    let decoded = String::from_utf8(BASE64_STANDARD.decode(header).ok()?).ok()?;
    let (_, secret) = decoded.split_once(':')?;
    // The secret is form-encoded. Parsed as a form, it is the name of a parameter without a value.
    let (secret, _) = form_urlencoded::parse(secret.as_bytes()).next()?;
    Some(secret.into_owned())
}

fn is_oauth_error(response: &Response) -> bool {
    let body: Option<Value> = serde_json::from_slice(&response.body).ok();
    body.is_some_and(|body| body.get("error").is_some_and(Value::is_string))
}

/// Normalizes the members of a token response, so that one invalid member does not discard the
/// token. Returns `None` if there is no access token.
fn normalize_token_members(mut members: Map<String, Value>) -> Option<Map<String, Value>> {
    members.get("access_token")?.as_str().filter(|token| !token.is_empty())?;
    if !members.get("token_type").is_some_and(Value::is_string) {
        members.insert("token_type".to_owned(), "bearer".into());
    }
    if let Some(value) = members.remove("expires_in") {
        let seconds = match &value {
            Value::String(text) => text.trim().parse::<f64>().ok(),
            number => number.as_f64(),
        };
        if let Some(seconds) = seconds.filter(|seconds| (0.0..9e15).contains(seconds)) {
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "in range")]
            members.insert("expires_in".to_owned(), (seconds as u64).into());
        }
    }
    let scope = match members.remove("scope") {
        Some(Value::String(scope)) => Some(scope),
        Some(Value::Array(scopes)) => {
            Some(scopes.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" "))
        }
        _ => None,
    };
    if let Some(scope) = scope {
        // An empty scope stays, because a missing one means that all was granted.
        let scopes: Vec<_> = scope.split_whitespace().collect();
        members.insert("scope".to_owned(), scopes.join(" ").into());
    }
    if let Some(number @ Value::Number(_)) = members.get("refresh_token") {
        let text = number.to_string();
        members.insert("refresh_token".to_owned(), text.into());
    }
    let refresh_token = members.get("refresh_token").and_then(Value::as_str);
    if refresh_token.is_none_or(str::is_empty) {
        members.remove("refresh_token");
    }
    Some(members)
}

fn json_response(status: u16, json: &Value) -> HttpResponse {
    let mut response = HttpResponse::new(json.to_string().into_bytes());
    *response.status_mut() = http::StatusCode::from_u16(status).unwrap_or_default();
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, json);
    response
}

fn unreadable_error(response: &Response, problem: &str) -> OAuthError {
    OAuthError::unreadable(Unreadable::of(response, problem))
}
