//! [`Authorization`]: the authorization request of one login, and the checks of its callback.

use std::fmt;

use oauth2::{
    AuthorizationCode, CodeTokenRequest, CsrfToken, PkceCodeChallenge, PkceCodeVerifier, Scope,
    basic::{BasicErrorResponse, BasicTokenResponse},
};
use reqwest::Url;
use serde_json::{Value, json};

use super::{
    client::OAuth2Client,
    error::{OAuthError, OAuthErrorKind},
    server::{AUTHORIZATION_PARAMS, AuthorizationServer},
    token_error::TokenError,
};
use crate::{
    redact::{Redactor, sanitize},
    response::ErrorCode,
    url,
};

/// The authorization request of one login: the URL to open, and the values that its callback must
/// match.
///
/// Every authorization uses PKCE with S256 (RFC 7636) and a state. The `iss` of the callback is
/// checked if the [`AuthorizationServer`] has an issuer (RFC 9207). `Debug` shows neither the state
/// nor the PKCE verifier.
///
/// # Examples
///
/// See [`oauth`](crate::oauth).
#[doc(alias("pkce", "rfc7636", "authorization code", "state"))]
pub struct Authorization {
    url: Url,
    state: CsrfToken,
    verifier: PkceCodeVerifier,
    issuer: Option<String>,
    requires_iss: bool,
    client: OAuth2Client,
}

impl Authorization {
    /// Returns a new authorization of `client` at `server` for these scopes. Without scopes, the
    /// server chooses.
    pub fn new<S: Into<String>>(
        client: &OAuth2Client,
        server: &AuthorizationServer,
        scopes: impl IntoIterator<Item = S>,
    ) -> Self {
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let (url, state) = client
            .authorize_url(CsrfToken::new_random)
            .set_pkce_challenge(challenge)
            .add_scopes(scopes.into_iter().map(|scope| Scope::new(scope.into())))
            .url();
        Self {
            url,
            state,
            verifier,
            issuer: server.issuer.clone(),
            requires_iss: server.authorization_response_iss_parameter_supported,
            client: client.clone(),
        }
    }

    /// Adds a parameter to the URL, such as `resource` (RFC 8707).
    ///
    /// If the token request needs the parameter too, add it there with `add_extra_param`. The
    /// parameters that this crate sets itself (`state`, `redirect_uri`, …) cannot be replaced; such
    /// a call only logs a warning.
    #[must_use]
    pub fn with_param(mut self, name: &str, value: &str) -> Self {
        if AUTHORIZATION_PARAMS.contains(&name) {
            tracing::warn!(name, "parameter ignored, because this crate sets it");
            return self;
        }
        self.url.query_pairs_mut().append_pair(name, value);
        self
    }

    /// Returns the URL to open in the user's browser. It contains the state: keep it out of logs.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// Returns whether a callback, given as its URL or only the query, has the state of this
    /// authorization. Ignore any other request to the redirect URI: it may come from an attacker.
    #[must_use]
    pub fn matches_state(&self, callback: &str) -> bool {
        let state = Parameters::parse(callback).get("state");
        matches!(state, Ok(Some(state)) if state == *self.state.secret())
    }

    /// Returns the request that exchanges the code of a callback for a token.
    ///
    /// `callback` is the URL to which the server redirected the browser, or only its query. Send
    /// the request once: a server accepts a code only once.
    ///
    /// # Errors
    ///
    /// Returns [`OAuthErrorKind::Callback`] if the state or the issuer does not match this
    /// authorization, or if the callback has no code. Returns [`OAuthErrorKind::Refused`] if the
    /// user denied access or the server refused.
    pub fn exchange_code(
        &self,
        callback: &str,
    ) -> Result<CodeTokenRequest<'_, BasicErrorResponse, BasicTokenResponse>, OAuthError> {
        let parameters = Parameters::parse(callback);
        self.check(&parameters)?;
        let code = parameters.get("code")?.filter(|code| !code.is_empty());
        if let Some(error) = parameters.get("error")?.filter(|error| !error.is_empty()) {
            let secrets = [self.state.secret().as_str(), self.verifier.secret()];
            let redactor = Redactor::new(secrets.into_iter().chain(code.as_deref()));
            let description = parameters.get("error_description")?;
            let description = description.map(|text| redactor.redact(&text));
            let error = ErrorCode::read(&error, &redactor);
            let host = url::host_and_port(&self.url).into();
            return Err(OAuthError::refused(TokenError::new(Some(host), error, description)));
        }
        let code = code.ok_or_else(|| callback_error("it has no code"))?;
        let request = self.client.exchange_code(AuthorizationCode::new(code));
        Ok(request.set_pkce_verifier(PkceCodeVerifier::new(self.verifier.secret().clone())))
    }

    /// Returns this authorization as JSON, **with its state and PKCE verifier in the clear**, so that
    /// another process can finish the login: see
    /// [`Session::restore_login`](super::Session::restore_login).
    ///
    /// Keep it where only your application reads it, such as a database row or an encrypted cookie,
    /// and delete it when the login ends.
    #[must_use]
    pub fn expose_json(&self) -> Value {
        json!({"url": self.url.as_str(), "code_verifier": self.verifier.secret()})
    }

    /// Returns the redirect URI of an authorization in JSON.
    pub(super) fn redirect_uri_of(json: &Value) -> Option<String> {
        query_param(&Url::parse(json.get("url")?.as_str()?).ok()?, "redirect_uri")
    }

    /// Returns the authorization that `json` describes, if it is for this client and server.
    pub(super) fn from_json(
        json: &Value,
        client: &OAuth2Client,
        server: &AuthorizationServer,
    ) -> Option<Self> {
        let url = Url::parse(json.get("url")?.as_str()?).ok()?;
        let state = CsrfToken::new(query_param(&url, "state")?);
        let verifier = PkceCodeVerifier::new(json.get("code_verifier")?.as_str()?.to_owned());
        let is_for_client = query_param(&url, "client_id")? == **client.client_id();
        let mut endpoint = url.clone();
        endpoint.set_query(client.auth_uri().url().query());
        let is_for_server = endpoint == *client.auth_uri().url();
        (is_for_client && is_for_server).then(|| Self {
            state,
            verifier,
            issuer: server.issuer.clone(),
            requires_iss: server.authorization_response_iss_parameter_supported,
            client: client.clone(),
            url,
        })
    }

    /// Returns the client that this authorization is for.
    pub(super) fn client_id(&self) -> &str {
        self.client.client_id()
    }

    /// Returns the redirect URI of the request.
    pub(super) fn redirect_uri(&self) -> Option<String> {
        query_param(&self.url, "redirect_uri")
    }

    /// Returns the requested scopes.
    pub(super) fn scopes(&self) -> Vec<String> {
        let scope = query_param(&self.url, "scope");
        scope.unwrap_or_default().split_whitespace().map(str::to_owned).collect()
    }

    /// Checks the state and, if the issuer is known, `iss`.
    fn check(&self, parameters: &Parameters) -> Result<(), OAuthError> {
        let mismatch = |problem: &str| Err(callback_error(problem));
        match parameters.get("state")? {
            None => return mismatch("it has no state"),
            Some(state) if state != *self.state.secret() => {
                return mismatch("its state differs from the one that was sent");
            }
            Some(_) => {}
        }
        match (parameters.get("iss")?, &self.issuer) {
            (None, _) if self.requires_iss => {
                mismatch("it has no iss, which this server always sends")
            }
            (Some(stated), Some(issuer)) if stated != *issuer => {
                mismatch("its iss is not the issuer of this server")
            }
            _ => Ok(()),
        }
    }
}

impl fmt::Debug for Authorization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let endpoint = self.url.as_str().split('?').next();
        f.debug_struct("Authorization")
            .field("endpoint", &endpoint.map(sanitize))
            .field("issuer", &self.issuer.as_deref().map(sanitize))
            .finish_non_exhaustive()
    }
}

/// Returns the value of a query parameter.
fn query_param(url: &Url, name: &str) -> Option<String> {
    let mut params = url.query_pairs();
    params.find(|(own, _)| own == name).map(|(_, value)| value.into_owned())
}

/// The parameters of a callback's query.
struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// Parses a URL, a path with a query, or only a query.
    fn parse(callback: &str) -> Self {
        let callback = callback.split('#').next().unwrap_or_default();
        // A query may contain a ? too.
        let is_query = |text: &str| text.contains(['=', '&']);
        let is_location =
            |text: &str| ["/", "http://", "https://"].iter().any(|s| text.starts_with(s));
        let query = match callback.split_once('?') {
            Some((before, query)) if is_location(before) || !is_query(before) => query,
            _ => callback,
        };
        Self(form_urlencoded::parse(query.as_bytes()).into_owned().collect())
    }

    /// Returns the value of a parameter, or an error if it is repeated (RFC 6749 section 3.1).
    fn get(&self, name: &str) -> Result<Option<String>, OAuthError> {
        let mut values = self.0.iter().filter(|(key, _)| key == name);
        let value = values.next().map(|(_, value)| value.clone());
        match values.next() {
            Some(_) => Err(callback_error(&format!("it has {name} more than once"))),
            None => Ok(value),
        }
    }
}

fn callback_error(problem: &str) -> OAuthError {
    OAuthError::new(OAuthErrorKind::Callback, problem)
}
