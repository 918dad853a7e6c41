//! The JSON document with the tokens of one account. How calls change it is in `change` and
//! `protocol`.

use std::{collections::BTreeMap, fmt};

use chrono::{
    DateTime, TimeDelta, Utc,
    serde::{ts_seconds, ts_seconds_option},
};
use oauth2::{TokenResponse, basic::BasicTokenResponse};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{
    error::StoreError,
    oauth::access_token::AccessToken,
    secret,
    store::{self, Claim, Format, StoredDocument, Versioned},
};

/// The tokens of one account, and the claim of the caller that is requesting one.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TokenDocument {
    format: Format,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) claim: Option<Claim>,
    tokens: Vec<Entry>,
}

/// What a token was requested for. Tokens with other keys are independent of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Key {
    /// The origin of the token endpoint. Its tokens are never sent to another one (RFC 9700 section
    /// 4.4).
    pub(super) server: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) resource: Option<String>,
    /// Scopes and parameters of the client credentials grant; `None` for a login.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) client_credentials: Option<Parameters>,
}

/// The parameters of a request that lead to another token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Parameters {
    pub(super) scopes: Vec<String>,
    pub(super) params: BTreeMap<String, String>,
}

/// A token, and the refresh token that replaces it.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    key: Key,
    /// The client that the token was issued to.
    pub(super) client_id: String,
    access_token: Token,
    token_type: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) refresh_token: Option<Token>,
    scopes: Vec<String>,
    #[serde(with = "ts_seconds")]
    pub(super) issued_at: DateTime<Utc>,
    #[serde(default, with = "ts_seconds_option", skip_serializing_if = "Option::is_none")]
    pub(super) expires_at: Option<DateTime<Utc>>,
}

/// A token in the document. `Debug` does not show it.
#[derive(Clone, Debug)]
pub(super) struct Token(SecretString);

impl PartialEq for Token {
    fn eq(&self, other: &Self) -> bool {
        self.expose() == other.expose()
    }
}

impl Token {
    pub(super) fn new(token: &str) -> Self {
        Self(SecretString::from(token))
    }

    pub(super) fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl From<SecretString> for Token {
    fn from(token: SecretString) -> Self {
        Self(token)
    }
}

impl Serialize for Token {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.expose())
    }
}

impl<'de> Deserialize<'de> for Token {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(secret::into_secret(text)))
    }
}

impl Entry {
    /// Creates an entry from a token response. Without a `scope` in it, the requested scopes count
    /// as granted (RFC 6749 section 5.1); without a refresh token, `refresh_token` stays valid (RFC
    /// 6749 section 6).
    pub(super) fn new(
        key: Key,
        client_id: &str,
        response: &BasicTokenResponse,
        requested_scopes: &[String],
        refresh_token: Option<Token>,
        now: DateTime<Utc>,
    ) -> Self {
        let granted = |scopes: &Vec<oauth2::Scope>| {
            let scopes = scopes.iter().map(|scope| scope.as_str().to_owned());
            scopes.filter(|scope| !scope.is_empty()).collect()
        };
        let lifetime = response.expires_in().and_then(|lifetime| {
            TimeDelta::from_std(lifetime).ok().and_then(|by| now.checked_add_signed(by))
        });
        let new_refresh_token = response.refresh_token().map(|token| Token::new(token.secret()));
        Self {
            key,
            client_id: client_id.to_owned(),
            access_token: Token::new(response.access_token().secret()),
            token_type: response.token_type().as_ref().to_owned(),
            refresh_token: new_refresh_token.or(refresh_token),
            scopes: response.scopes().map_or_else(|| requested_scopes.to_vec(), granted),
            issued_at: now,
            expires_at: lifetime,
        }
    }

    pub(super) fn token(&self) -> AccessToken {
        AccessToken::new(&self.access_token.0, &self.token_type, self.expires_at, &self.scopes)
    }

    pub(super) fn access_token(&self) -> &Token {
        &self.access_token
    }

    pub(super) fn scopes(&self) -> &[String] {
        &self.scopes
    }

    /// Returns the token to revoke, which ends the login (RFC 7009 section 2.1), and its type.
    pub(super) fn to_revoke(&self) -> (&str, &'static str) {
        match &self.refresh_token {
            Some(token) => (token.expose(), "refresh_token"),
            None => (self.access_token.expose(), "access_token"),
        }
    }

    /// Returns whether the entry is of use: its token is valid, or can be replaced.
    fn is_of_use(&self, now: DateTime<Utc>) -> bool {
        self.refresh_token.is_some() || self.expires_at.is_none_or(|at| now < at)
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry").field("key", &self.key).finish_non_exhaustive()
    }
}

impl StoredDocument for TokenDocument {
    fn parse(stored: Option<&Versioned>, store_name: &str) -> Result<Self, StoreError> {
        let Some(stored) = stored else { return Ok(Self::default()) };
        store::parse(stored.expose(), store_name)
    }

    fn explain(error: StoreError) -> StoreError {
        error.of_tokens()
    }

    fn to_json(&self, store_name: &str) -> Result<Versioned, StoreError> {
        let mut text = serde_json::to_string_pretty(self)
            .map_err(|_| StoreError::new("its tokens cannot be written as JSON").at(store_name))?;
        text.push('\n');
        Ok(Versioned::new(text, ""))
    }
}

impl TokenDocument {
    pub(super) fn find(&self, key: &Key) -> Option<&Entry> {
        self.tokens.iter().find(|entry| entry.key == *key)
    }

    /// Replaces the token with the same key, and removes expired ones of all keys.
    pub(super) fn insert(&mut self, entry: Entry, now: DateTime<Utc>) {
        self.tokens.retain(|own| own.key != entry.key && own.is_of_use(now));
        self.tokens.push(entry);
    }

    /// Removes the token with this key. Returns whether there was one.
    pub(super) fn remove(&mut self, key: &Key) -> bool {
        let len = self.tokens.len();
        self.tokens.retain(|entry| entry.key != *key);
        self.tokens.len() < len
    }

    /// Removes a token that a resource has refused, if it is still the current one of this key.
    pub(super) fn remove_refused(&mut self, key: &Key, refused: &Token) -> bool {
        let is_refused = self.find(key).is_some_and(|entry| entry.access_token() == refused);
        is_refused && self.remove(key)
    }

    /// Replaces or removes a refresh token if it is still the current one of this key.
    pub(super) fn replace_refresh_token(
        &mut self,
        key: &Key,
        token: &Token,
        new: Option<&Token>,
    ) -> bool {
        let mut entries = self.tokens.iter_mut();
        let entry =
            entries.find(|entry| entry.key == *key && entry.refresh_token.as_ref() == Some(token));
        let Some(entry) = entry.filter(|_| new != Some(token)) else { return false };
        entry.refresh_token = new.cloned();
        true
    }
}
