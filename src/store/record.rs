//! A client in use in a document, with its secrets in plain text. Retired clients are in `retired`.
//! Callers see both as a `StoredRegistration`.

use std::{sync::Arc, time::SystemTime};

use chrono::{DateTime, Utc, serde::ts_seconds};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Map, Value};

use super::{
    fingerprint::Fingerprint,
    retired::{RetiredReason, RetiredRecord},
};
use crate::{
    metadata::ClientMetadata,
    response::{Binding, ClientInformation, SecretExpiry, ServerId},
};

/// A client in use.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Record {
    /// The number of the registration, set by `Document::add`.
    pub(super) number: u64,
    pub(super) endpoint: String,
    /// `None` if it is not known yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) server: Option<ServerId>,
    /// `None` for imported credentials.
    pub(super) requested: Option<ClientMetadata>,
    #[serde(with = "ts_seconds")]
    pub(super) saved_at: DateTime<Utc>,
    /// Whether the client has obtained a token. If it never did, a new client may not help.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) has_obtained_token: bool,
    /// Where the secrets are, if they are not in `client`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    secrets: Option<SecretLocation>,
    #[serde(serialize_with = "serialize_with_secrets")]
    pub(super) client: ClientInformation,
}

/// Where the secrets of a client are, if they are not in the document. Only `KeyringStore` writes
/// this.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum SecretLocation {
    /// In this entry of the system keyring. `reveal` copies them into the client.
    Keyring(String),
    /// They were in this entry, which no longer exists.
    Lost(String),
}

impl SecretLocation {
    fn into_lost(self) -> Self {
        match self {
            Self::Keyring(entry) | Self::Lost(entry) => Self::Lost(entry),
        }
    }
}

impl Record {
    /// Creates the record of a client that is in use from now on, at `server` or else at the server
    /// that the client was registered for.
    pub(super) fn new(
        endpoint: &str,
        requested: Option<&ClientMetadata>,
        server: Option<&ServerId>,
        client: ClientInformation,
    ) -> Self {
        let bound_to = client.binding.as_ref().and_then(|binding| binding.server.as_ref());
        let server = server.or(bound_to);
        Self {
            number: 0,
            endpoint: endpoint.to_owned(),
            server: server.map(|server| server.to_stored(None)),
            requested: requested.cloned(),
            saved_at: now(),
            has_obtained_token: false,
            secrets: None,
            client,
        }
    }

    /// Returns the client, bound to its endpoint and its server.
    pub(super) fn bound_client(&self) -> ClientInformation {
        let binding = Binding { endpoint: self.endpoint.clone(), server: self.server.clone() };
        ClientInformation { binding: Some(Arc::new(binding)), ..self.client.clone() }
    }

    pub(super) fn is_imported(&self) -> bool {
        self.requested.is_none()
    }

    pub(super) fn lost_secrets(&self) -> Option<&str> {
        match &self.secrets {
            Some(SecretLocation::Lost(entry)) => Some(entry),
            Some(SecretLocation::Keyring(_)) | None => None,
        }
    }

    /// Returns the keyring entry that has the secrets.
    pub(super) fn keyring_entry(&self) -> Option<&str> {
        match &self.secrets {
            Some(SecretLocation::Keyring(entry)) => Some(entry),
            Some(SecretLocation::Lost(_)) | None => None,
        }
    }

    /// Adds the members of the keyring entry to the client, or marks its secrets as lost if the
    /// entry does not exist or belongs to another client. Returns whether they were added.
    ///
    /// The record still refers to the entry, so that a write does not make another one.
    pub(super) fn reveal(&mut self, members: Option<Map<String, Value>>) -> bool {
        let revealed = members.and_then(|members| {
            let mut client = self.client.expose_json();
            client.as_object_mut()?.extend(members);
            let client: ClientInformation = serde_json::from_value(client).ok()?;
            (client.client_id == self.client.client_id).then_some(client)
        });
        if let Some(client) = revealed {
            self.client = client;
            return true;
        }
        self.secrets = self.secrets.take().map(SecretLocation::into_lost);
        false
    }

    /// Returns what the history keeps of this client: neither its secrets nor its metadata.
    pub(super) fn into_retired(self, reason: RetiredReason) -> RetiredRecord {
        let has_secret = self.client.client_secret.is_some() || self.secrets.is_some();
        RetiredRecord {
            client_id: self.client.client_id,
            endpoint: self.endpoint,
            fingerprint: self.requested.map(|requested| Fingerprint::of(&requested).digest()),
            saved_at: self.saved_at,
            secret_expires_at: match self.client.client_secret_expires_at {
                SecretExpiry::At(at) if has_secret => Some(at),
                _ => None,
            },
            reason,
            at: now(),
        }
    }
}

/// Returns the current time in whole seconds, the precision of the document.
pub(crate) fn now() -> DateTime<Utc> {
    let now = DateTime::<Utc>::from(SystemTime::now());
    DateTime::from_timestamp(now.timestamp(), 0).unwrap_or(now)
}

fn serialize_with_secrets<S: Serializer>(
    client: &ClientInformation,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    client.expose_json().serialize(serializer)
}
