//! Token requests, sent by the rules of a registration: no redirect, one deadline, a size cap,
//! https alone, nothing secret in an error.

use std::pin::Pin;

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
};
use crate::{
    client::Client,
    error::{ApiError, TransportError},
    redact::Redactor,
    response::{Response, Truncated},
};

impl<'c> AsyncHttpClient<'c> for Client {
    type Error = OAuthError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, OAuthError>> + Send + 'c>>;

    /// Sends a token request. It is sent again by itself only where the server cannot have acted
    /// on it: a code is good once, and a refresh token may be.
    ///
    /// What comes back is what the [`oauth2`] crate can read: a token answer with the members it
    /// needs, or an OAuth error. Anything else is an error of this crate. The success answer to
    /// another request, an introspection say, is handed on as it came.
    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(async move {
            let (parts, body) = request.into_parts();
            let url = endpoint("token_endpoint", &parts.uri.to_string())?;
            let mut headers = parts.headers;
            headers.get_mut(AUTHORIZATION).into_iter().for_each(|value| value.set_sensitive(true));
            let sent = Zeroizing::new(body);
            let response = self.send(parts.method, url, headers.clone(), &sent).await?;
            if !response.status.is_success() {
                return refusal_answer(&response, &refused(&response, &sent, &headers));
            }
            let asks_for_token =
                form_urlencoded::parse(&sent).any(|(name, _)| name == "grant_type");
            if asks_for_token { token_answer(&response, &sent, &headers) } else { whole(&response) }
        })
    }
}

impl Client {
    /// Sends a request that is no registration, by the same rules.
    pub(super) async fn send(
        &self,
        method: Method,
        url: Url,
        headers: HeaderMap,
        body: &[u8],
    ) -> Result<Response, OAuthError> {
        let transport = self.transport();
        // For https, a proxy may be in use, which would carry what is in the clear elsewhere.
        if url.scheme() == "http" && transport.endpoint.scheme() != "http" {
            let problem =
                "plain http is accepted only where this client's own base URL is plain http, too";
            return Err(OAuthError::new(OAuthErrorKind::Endpoint, format!("{url}: {problem}")));
        }
        let attempt = |deadline| {
            let mut request = Request::new(method.clone(), url.clone());
            request.headers_mut().clone_from(&headers);
            if !body.is_empty() {
                *request.body_mut() = Some(body.to_vec().into());
            }
            let url = &url;
            async move {
                let sent = transport.attempt(self.http(), request, url, deadline).await;
                sent.map(|response| (response, ()))
            }
        };
        let sent = transport.send(attempt).await;
        sent.map(|(response, ())| response).map_err(|failure| {
            let endpoint = url.to_string();
            OAuthError::transport(TransportError::new(failure, endpoint, transport.timeout))
        })
    }
}

/// A refusal in the form that the `oauth2` crate reads, where it has one.
fn refusal_answer(response: &Response, refused: &TokenError) -> Result<HttpResponse, OAuthError> {
    // What else comes with another status, such as how long to wait, that crate would drop.
    let is_usual = matches!(response.status.as_u16(), 400 | 401) && is_oauth_error(response);
    let Some(code) = refused.code().filter(|_| is_usual) else {
        return Err(OAuthError::refused(refused.clone()));
    };
    let json = json!({"error": code.as_str(), "error_description": refused.description()});
    Ok(json_response(response.status.as_u16(), &json))
}

/// A success answer of the token endpoint in the form that the `oauth2` crate reads.
fn token_answer(
    response: &Response,
    sent: &[u8],
    headers: &HeaderMap,
) -> Result<HttpResponse, OAuthError> {
    check_whole(response)?;
    let Ok(Value::Object(members)) = serde_json::from_slice(&response.body) else {
        return Err(unreadable_error("it is no JSON object"));
    };
    // Some servers refuse with 200.
    let is_refusal = members.get("error").is_some_and(Value::is_string);
    let Some(members) = token_members(members) else {
        return Err(if is_refusal {
            OAuthError::refused(refused(response, sent, headers))
        } else {
            unreadable_error("it has no access_token")
        });
    };
    // RFC 6749 section 5.1 has 200; a server that says 201 has issued a token all the same.
    Ok(json_response(200, &Value::Object(members)))
}

/// The answer to another request than one for a token, such as a revocation.
fn whole(response: &Response) -> Result<HttpResponse, OAuthError> {
    check_whole(response)?;
    let mut handed_on = HttpResponse::new(response.body.to_vec());
    *handed_on.status_mut() = response.status;
    if let Some(value) = response.headers.get(CONTENT_TYPE) {
        handed_on.headers_mut().insert(CONTENT_TYPE, value.clone());
    }
    Ok(handed_on)
}

fn check_whole(response: &Response) -> Result<(), OAuthError> {
    let problem = match &response.truncated {
        None => return Ok(()),
        Some(Truncated::TooLarge(cap)) => format!("it is larger than max_response_bytes ({cap})"),
        Some(Truncated::Timeout) => "time ran out in the middle of it".to_owned(),
        Some(Truncated::Broken(_)) => "the connection broke in the middle of it".to_owned(),
    };
    Err(unreadable_error(&problem))
}

/// What the server says, without what it may quote of the request.
fn refused(response: &Response, sent: &[u8], headers: &HeaderMap) -> TokenError {
    let basic = basic_secret(headers);
    let form: Vec<_> = form_urlencoded::parse(sent).collect();
    let secrets = form.iter().filter(|(name, _)| !PUBLIC_FIELDS.contains(&&**name));
    let secrets = secrets.map(|(_, value)| &**value).chain(basic.as_deref());
    TokenError::of(&ApiError::new(response, &Redactor::with_secrets(secrets)))
}

/// What of a request may be shown; any other field may be a credential.
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
    // In front of a `=`, it is the name of a parameter.
    let (secret, _) = form_urlencoded::parse(secret.as_bytes()).next()?;
    Some(secret.into_owned())
}

fn is_oauth_error(response: &Response) -> bool {
    let body: Option<Value> = serde_json::from_slice(&response.body).ok();
    body.is_some_and(|body| body.get("error").is_some_and(Value::is_string))
}

/// The members of a token response, read as leniently as a registration: what was issued must not
/// be lost for a slip in another member. `None` without an access token.
fn token_members(mut members: Map<String, Value>) -> Option<Map<String, Value>> {
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
    if let Some(Value::Array(scopes)) = members.get("scope") {
        let scopes: Vec<_> = scopes.iter().filter_map(Value::as_str).collect();
        members.insert("scope".to_owned(), scopes.join(" ").into());
    }
    for name in ["refresh_token", "scope"] {
        let text = members.get(name).and_then(Value::as_str);
        if text.is_none_or(str::is_empty) {
            members.remove(name);
        }
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

fn unreadable_error(problem: &str) -> OAuthError {
    OAuthError::new(OAuthErrorKind::Unreadable, problem)
}
