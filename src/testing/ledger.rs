//! What the server keeps: clients, pages that wait for an answer, codes and tokens.

use std::{
    collections::HashMap,
    fmt,
    time::{Duration, SystemTime},
};

use fluent_uri::Uri;

use super::{
    credentials::{Credentials, random},
    params::Params,
};
use crate::{AuthMethod, ClientInformation, GrantType, SecretExpiry};

/// How long a page waits for its answer, and a code for its exchange (RFC 6749 section 4.1.2).
const MINUTES: Duration = Duration::from_secs(10 * 60);
pub(super) const TOKEN_LIFETIME: Duration = Duration::from_secs(60 * 60);

#[derive(Default)]
pub(super) struct Ledger {
    clients: HashMap<String, ClientInformation>,
    pages: HashMap<String, (Asked, SystemTime)>,
    codes: HashMap<String, Code>,
    access_tokens: HashMap<String, (Grant, SystemTime)>,
    refresh_tokens: HashMap<String, RefreshToken>,
    /// How far this server's clock is ahead.
    pub(super) ahead: Duration,
}

/// An authorization request that may be allowed.
#[derive(Clone)]
pub(super) struct Asked {
    pub(super) grant: Grant,
    pub(super) redirect_uri: String,
    /// Whether the request named it, so that the token request has to.
    pub(super) redirect_is_stated: bool,
    pub(super) state: Option<String>,
    /// The SHA-256 of the code verifier, in base64url (RFC 7636).
    pub(super) challenge: String,
}

/// What a code or a token stands for.
#[derive(Clone, Default)]
pub(super) struct Grant {
    pub(super) client_id: String,
    pub(super) scope: Option<String>,
    /// Empty where none was named (RFC 8707).
    pub(super) resources: Vec<String>,
    pub(super) org_id: Option<String>,
    pub(super) user_id: Option<String>,
    /// The code it all goes back to.
    pub(super) code: Option<String>,
}

#[derive(Clone)]
pub(super) struct Code {
    pub(super) asked: Asked,
    expires_at: SystemTime,
    pub(super) is_used: bool,
}

#[derive(Clone)]
pub(super) struct RefreshToken {
    pub(super) grant: Grant,
    pub(super) is_used: bool,
}

impl fmt::Debug for Ledger {
    /// Counts; what it holds are credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ledger")
            .field("clients", &self.clients.len())
            .field("codes", &self.codes.len())
            .field("access_tokens", &self.access_tokens.len())
            .field("refresh_tokens", &self.refresh_tokens.len())
            .finish_non_exhaustive()
    }
}

impl Ledger {
    fn now(&self) -> SystemTime {
        SystemTime::now() + self.ahead
    }

    /// Keeps a client as a success answer tells it, where one can be read from that.
    pub(super) fn read(&mut self, answer: &[u8]) {
        let text = String::from_utf8_lossy(answer);
        if let Ok(client) = ClientInformation::from_json(&text) {
            self.remember(client);
        }
    }

    pub(super) fn remember(&mut self, client: ClientInformation) {
        self.clients.insert(client.client_id.clone(), client);
    }

    pub(super) fn client(&self, id: &str) -> Option<&ClientInformation> {
        self.clients.get(id)
    }

    /// Forgets a client, and with it all that it was given.
    pub(super) fn forget(&mut self, id: &str) {
        self.clients.remove(id);
        self.pages.retain(|_, (asked, _)| asked.grant.client_id != id);
        self.codes.retain(|_, code| code.asked.grant.client_id != id);
        self.access_tokens.retain(|_, (grant, _)| grant.client_id != id);
        self.refresh_tokens.retain(|_, token| token.grant.client_id != id);
    }

    pub(super) fn secret_has_expired(&self, client: &ClientInformation) -> bool {
        matches!(client.client_secret_expires_at, SecretExpiry::At(at) if SystemTime::from(at) <= self.now())
    }

    /// Keeps a request until its page is answered. The ticket is never one that can be told.
    pub(super) fn show(&mut self, asked: Asked) -> String {
        let ticket = random(32);
        self.pages.insert(ticket.clone(), (asked, self.now() + MINUTES));
        ticket
    }

    /// Takes the request of a ticket, which is good once.
    pub(super) fn answered(&mut self, ticket: &str) -> Option<Asked> {
        let (asked, expires_at) = self.pages.remove(ticket)?;
        (self.now() < expires_at).then_some(asked)
    }

    pub(super) fn new_code(&mut self, asked: Asked, credentials: &mut Credentials) -> String {
        let code = credentials.secret("code");
        let expires_at = self.now() + MINUTES;
        self.codes.insert(code.clone(), Code { asked, expires_at, is_used: false });
        code
    }

    /// The code of that text, and whether it can still be exchanged by its age.
    pub(super) fn code(&self, code: &str) -> Option<(Code, bool)> {
        let code = self.codes.get(code)?;
        Some((code.clone(), self.now() < code.expires_at))
    }

    pub(super) fn use_code(&mut self, code: &str) {
        if let Some(code) = self.codes.get_mut(code) {
            code.is_used = true;
        }
    }

    /// Ends every token that goes back to a code (RFC 6749 section 4.1.2).
    pub(super) fn revoke_all_of(&mut self, code: &str) {
        self.access_tokens.retain(|_, (grant, _)| grant.code.as_deref() != Some(code));
        self.refresh_tokens.retain(|_, token| token.grant.code.as_deref() != Some(code));
    }

    pub(super) fn new_access_token(&mut self, grant: Grant, next: &mut Credentials) -> String {
        let token = next.secret("access-token");
        let expires_at = self.now() + TOKEN_LIFETIME;
        self.access_tokens.insert(token.clone(), (grant, expires_at));
        token
    }

    /// What a live access token stands for.
    pub(super) fn access_token(&self, token: &str) -> Option<&Grant> {
        let (grant, expires_at) = self.access_tokens.get(token)?;
        (self.now() < *expires_at).then_some(grant)
    }

    pub(super) fn new_refresh_token(&mut self, grant: Grant, next: &mut Credentials) -> String {
        let token = next.secret("refresh-token");
        self.refresh_tokens.insert(token.clone(), RefreshToken { grant, is_used: false });
        token
    }

    pub(super) fn refresh_token(&self, token: &str) -> Option<RefreshToken> {
        self.refresh_tokens.get(token).cloned()
    }

    pub(super) fn use_refresh_token(&mut self, token: &str) {
        if let Some(token) = self.refresh_tokens.get_mut(token) {
            token.is_used = true;
        }
    }
}

/// Whether a client may use a grant; none stated is the code grant alone (RFC 7591 section 2).
pub(super) fn may_use(client: &ClientInformation, grant_type: &GrantType) -> bool {
    let granted = &client.metadata.grant_types;
    granted.contains(grant_type)
        || (granted.is_empty() && *grant_type == GrantType::AuthorizationCode)
}

pub(super) fn is_public(client: &ClientInformation) -> bool {
    client.metadata.token_endpoint_auth_method == AuthMethod::None
}

/// The scope of a grant: what is asked for, else all that it may be. `None` where more is asked
/// for than may be, or what is no scope (RFC 6749 section 3.3).
#[allow(clippy::option_option, reason = "whether there is an answer, and whether it is a scope")]
pub(super) fn scope(asked: Option<&str>, may_be: Option<&str>) -> Option<Option<String>> {
    let Some(asked) = asked else { return Some(may_be.map(str::to_owned)) };
    let is_allowed = |token: &str| {
        let is_token = !token.is_empty()
            && token.chars().all(|c| c.is_ascii_graphic() && !matches!(c, '"' | '\\'));
        is_token && may_be.is_none_or(|all| all.split(' ').any(|one| one == token))
    };
    asked.split(' ').all(is_allowed).then(|| Some(asked.to_owned()))
}

/// The resources of a grant: those asked for, else all that they may be; `None` where one is no
/// absolute URI without a fragment, or not among those (RFC 8707 section 2).
pub(super) fn resources(params: &Params, may_be: &[String]) -> Option<Vec<String>> {
    let asked: Vec<_> = params.values("resource").map(str::to_owned).collect();
    if asked.is_empty() {
        return Some(may_be.to_vec());
    }
    let is_allowed = |uri: &String| {
        let is_resource = Uri::parse(uri.as_str()).is_ok_and(|uri| !uri.has_fragment());
        is_resource && (may_be.is_empty() || may_be.contains(uri))
    };
    asked.iter().all(is_allowed).then_some(asked)
}
