//! The state of the server: clients, codes and tokens. Their IDs and secrets are counted or random.

use std::{
    collections::HashMap,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use super::params::Params;
use crate::{metadata::GrantType, random, response::ClientInformation};

/// 2026-01-01T00:00:00Z.
const ISSUED_AT: u64 = 1_767_225_600;

#[derive(Default)]
pub(super) struct State {
    pub(super) base_url: String,
    pub(super) uses_random_ids: bool,
    pub(super) rotates_refresh_tokens: bool,
    /// How far the server's clock is ahead of the machine's.
    pub(super) clock_offset: Duration,
    pub(super) clients: HashMap<String, ClientInformation>,
    issued: HashMap<String, Issued>,
    counts: HashMap<&'static str, u64>,
}

/// A code or a token.
struct Issued {
    kind: Kind,
    grant: Grant,
    expires_at: SystemTime,
    is_used: bool,
}

/// A name and a lifetime.
#[derive(Clone, Copy, PartialEq)]
pub(super) struct Kind(&'static str, Duration);

const CODE_LIFETIME: Duration = Duration::from_secs(10 * 60);
pub(super) const TOKEN_LIFETIME: Duration = Duration::from_secs(60 * 60);
pub(super) const CODE: Kind = Kind("code", CODE_LIFETIME);
pub(super) const ACCESS_TOKEN: Kind = Kind("access-token", TOKEN_LIFETIME);
pub(super) const REFRESH_TOKEN: Kind =
    Kind("refresh-token", TOKEN_LIFETIME.saturating_mul(24 * 365));

/// The permissions of a code or token.
#[derive(Clone, Default)]
pub(super) struct Grant {
    pub(super) client_id: String,
    pub(super) scope: Option<String>,
    pub(super) resource: Option<String>,
    pub(super) org_id: Option<String>,
    pub(super) user_id: Option<String>,
    pub(super) redirect_uri: String,
    pub(super) code_challenge: String,
    /// The first code or token of the login, which all others descend from.
    pub(super) root: String,
}

impl State {
    pub(super) fn now(&self) -> SystemTime {
        SystemTime::now() + self.clock_offset
    }

    /// Returns a new client ID and its time of issue.
    pub(super) fn new_client_id(&mut self) -> (String, u64) {
        if self.uses_random_ids {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            return (random(16), now.as_secs());
        }
        (format!("loopback-client-{}", self.count("client")), ISSUED_AT)
    }

    /// Returns a new secret, code or token.
    pub(super) fn new_secret(&mut self, name: &'static str) -> String {
        if self.uses_random_ids {
            return random(43);
        }
        format!("loopback-{name}-{}-of-no-value-elsewhere", self.count(name))
    }

    fn count(&mut self, name: &'static str) -> u64 {
        let count = self.counts.entry(name).or_default();
        *count += 1;
        *count
    }

    pub(super) fn add_client(&mut self, client: ClientInformation) {
        self.clients.insert(client.client_id.clone(), client);
    }

    /// Removes a client, its codes and its tokens.
    pub(super) fn revoke_client(&mut self, id: &str) {
        self.clients.remove(id);
        self.issued.retain(|_, issued| issued.grant.client_id != id);
    }

    pub(super) fn issue(&mut self, kind: Kind, mut grant: Grant) -> String {
        let Kind(name, lifetime) = kind;
        let text = self.new_secret(name);
        if grant.root.is_empty() {
            grant.root.clone_from(&text);
        }
        let expires_at = self.now() + lifetime;
        self.issued.insert(text.clone(), Issued { kind, grant, expires_at, is_used: false });
        text
    }

    /// Returns the grant of an access token that is valid now.
    pub(super) fn access_token(&self, text: &str) -> Option<&Grant> {
        let token = self.issued.get(text).filter(|issued| issued.kind == ACCESS_TOKEN)?;
        (self.now() < token.expires_at).then_some(&token.grant)
    }

    /// Returns the grant of a client's code or refresh token that is valid now. If it was used before,
    /// revokes the whole login (RFC 6749 section 4.1.2, RFC 9700 section 4.14.2).
    pub(super) fn redeem(&mut self, kind: Kind, text: &str, client_id: &str) -> Option<Grant> {
        let issued = self.issued.get(text).filter(|issued| issued.kind == kind)?;
        let is_valid = self.now() < issued.expires_at && !issued.is_used;
        let grant = Some(issued.grant.clone()).filter(|grant| grant.client_id == client_id)?;
        if issued.is_used {
            self.issued.retain(|_, issued| issued.grant.root != grant.root);
        }
        is_valid.then_some(grant)
    }

    /// Makes a code or refresh token invalid.
    pub(super) fn mark_used(&mut self, text: &str) {
        if let Some(issued) = self.issued.get_mut(text) {
            issued.is_used = true;
        }
    }
}

fn random(length: usize) -> String {
    let mut text = random::unique_id() + &random::unique_id();
    text.truncate(length);
    text
}

/// Whether a client may use a grant type. The default is the code grant (RFC 7591 section 2).
pub(super) fn allows(client: &ClientInformation, grant_type: &GrantType) -> bool {
    let granted = &client.metadata.grant_types;
    granted.contains(grant_type)
        || (granted.is_empty() && *grant_type == GrantType::AuthorizationCode)
}

/// Returns the requested scope, by default the allowed one, or an error if it exceeds that. Without
/// an allowed scope, any may be requested.
pub(super) fn scope(params: &Params, allowed: Option<&str>) -> Result<Option<String>, ()> {
    let Some(allowed) = allowed else { return Ok(params.take("scope")) };
    let requested = params.get("scope").unwrap_or(allowed);
    let is_allowed = |value| allowed.split(' ').any(|one| one == value);
    if requested.split(' ').all(is_allowed) { Ok(Some(requested.to_owned())) } else { Err(()) }
}
