//! Sending a user to log in, and reading what comes back.

use std::fmt;

use oauth2::{
    AuthorizationCode, CodeTokenRequest, CsrfToken, PkceCodeChallenge, PkceCodeVerifier, Scope,
    basic::{BasicErrorResponse, BasicTokenResponse},
};
use reqwest::Url;

use super::{
    client::OAuth2Client,
    error::{OAuthError, OAuthErrorKind},
    server::AuthorizationServer,
    token_error::TokenError,
};
use crate::{redact::Redactor, response::ErrorCode};

/// A user's authorization that is under way: the URL to open, and what its answer has to match.
///
/// Always with PKCE by S256 (RFC 7636) and a state; the issuer is checked where it is known
/// (RFC 9207). `Debug` shows none of them.
///
/// # Examples
///
/// See [`oauth`](crate::oauth).
pub struct Authorization {
    url: Url,
    state: CsrfToken,
    verifier: PkceCodeVerifier,
    issuer: Option<String>,
    requires_iss: bool,
    client: OAuth2Client,
}

/// What this crate puts into the URL.
const OWN_PARAMS: &[&str] = &[
    "client_id",
    "code_challenge",
    "code_challenge_method",
    "redirect_uri",
    "response_type",
    "scope",
    "state",
];

impl Authorization {
    /// Begins an authorization of `client` at `server` for these scopes; none leaves the choice to
    /// the server.
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

    /// Adds a parameter to the URL, such as RFC 8707's `resource`.
    ///
    /// The token request takes the same one by its `add_extra_param`. What this crate puts there by
    /// itself (`state`, `redirect_uri`, …) stays as it is: a parameter may be there once.
    #[must_use]
    pub fn with_param(mut self, name: &str, value: &str) -> Self {
        if OWN_PARAMS.contains(&name) {
            tracing::warn!(name, "not added: an authorization has this parameter already");
            return self;
        }
        self.url.query_pairs_mut().append_pair(name, value);
        self
    }

    /// Returns the URL to open in the user's browser. It holds the state: keep it out of logs.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// Returns whether a request to the redirect URI carries this authorization's state, and so is
    /// its answer; all else is to be ignored, whoever sent it.
    #[must_use]
    pub fn matches_state(&self, callback: &str) -> bool {
        let state = Parameters::of(callback).one("state");
        matches!(state, Ok(Some(state)) if state == *self.state.secret())
    }

    /// Reads the answer, the URL that the browser was sent back to or its query; returns the
    /// request that exchanges its code for a token, at the server and as the client that this began
    /// with. A code is good once.
    ///
    /// # Errors
    ///
    /// [`OAuthErrorKind::Callback`] if state or issuer are not those of this authorization, or if
    /// there is no code; [`OAuthErrorKind::Refused`] if the user or the server said no.
    pub fn exchange_code(
        &self,
        callback: &str,
    ) -> Result<CodeTokenRequest<'_, BasicErrorResponse, BasicTokenResponse>, OAuthError> {
        let parameters = Parameters::of(callback);
        self.check(&parameters)?;
        let code = parameters.one("code")?.filter(|code| !code.is_empty());
        if let Some(error) = parameters.one("error")?.filter(|error| !error.is_empty()) {
            let own = [self.state.secret().as_str(), self.verifier.secret()];
            let redactor = Redactor::with_secrets(own.into_iter().chain(code.as_deref()));
            let description = parameters.one("error_description")?;
            let description = description.map(|text| redactor.redact(&text));
            let error = ErrorCode::read(&redactor.redact(&error));
            return Err(OAuthError::refused(TokenError::new(error, description)));
        }
        let code = code.ok_or_else(|| callback_error("it has no code"))?;
        let request = self.client.exchange_code(AuthorizationCode::new(code));
        Ok(request.set_pkce_verifier(PkceCodeVerifier::new(self.verifier.secret().clone())))
    }

    fn check(&self, parameters: &Parameters) -> Result<(), OAuthError> {
        let wrong = |problem: &str| Err(callback_error(problem));
        match parameters.one("state")? {
            None => return wrong("it has no state"),
            Some(state) if state != *self.state.secret() => {
                return wrong("its state is not the one that was sent");
            }
            Some(_) => {}
        }
        match (parameters.one("iss")?, &self.issuer) {
            (None, _) if self.requires_iss => wrong("it has no iss, which this server states"),
            (Some(stated), Some(issuer)) if stated != *issuer => {
                wrong("its iss is not the server that was asked")
            }
            _ => Ok(()),
        }
    }
}

impl fmt::Debug for Authorization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let endpoint = self.url.as_str().split('?').next();
        f.debug_struct("Authorization")
            .field("endpoint", &endpoint)
            .field("issuer", &self.issuer)
            .finish_non_exhaustive()
    }
}

/// The parameters of a callback's query.
struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// From a whole URL, a path with a query, or a query alone.
    fn of(callback: &str) -> Self {
        let callback = callback.split('#').next().unwrap_or_default();
        // A query may hold a ? as well.
        let is_query = |text: &str| text.contains(['=', '&']);
        let is_location =
            |text: &str| ["/", "http://", "https://"].iter().any(|s| text.starts_with(s));
        let query = match callback.split_once('?') {
            Some((before, query)) if is_location(before) || !is_query(before) => query,
            _ => callback,
        };
        Self(form_urlencoded::parse(query.as_bytes()).into_owned().collect())
    }

    /// The value of a parameter, which may be there once (RFC 6749 section 3.1).
    fn one(&self, name: &str) -> Result<Option<String>, OAuthError> {
        let mut values = self.0.iter().filter(|(known, _)| known == name);
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
