//! A registration as it is kept.

use std::time::SystemTime;

use chrono::{DateTime, Utc, serde::ts_seconds};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use serde_json::{Map, Value};

use crate::{ClientInformation, ClientMetadata, information::read};

/// A client in a store, in use or history.
///
/// `Debug` shows no secret.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoredRegistration {
    pub(super) endpoint: String,
    pub(super) requested: Option<ClientMetadata>,
    #[serde(with = "ts_seconds")]
    pub(super) saved_at: DateTime<Utc>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) retired: Option<Retired>,
    /// Where its secrets are, when they are not in `client`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    secrets: Option<Elsewhere>,
    #[serde(serialize_with = "exposed", deserialize_with = "read_back")]
    pub(super) client: ClientInformation,
}

/// Where the secrets of a client are that are not in the document; `KeyringStore` writes it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Elsewhere {
    /// In this entry of the system keyring. Only a file says so; what was read from there is put
    /// in before the document is.
    Keyring(String),
    /// They were in this entry, and are not any more.
    Lost(String),
}

/// Why and when a registration became history.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Retired {
    /// Why it is not used any more.
    pub reason: RetiredReason,
    /// Since when, by the clock of the machine that noted it, to the second.
    #[serde(with = "ts_seconds")]
    pub at: DateTime<Utc>,
}

/// Why a registration is not used any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RetiredReason {
    /// Its secret had expired, or was about to, when another took its place.
    Expired,
    /// The server no longer accepted it, said
    /// [`forget`](crate::RegistrationStore::forget).
    Rejected,
    /// A person [removed](crate::RegistrationStore::remove) it.
    Removed,
    /// Another was [imported](crate::RegistrationStore::import) in its place, or the server gave the
    /// same client a new secret.
    Replaced,
    /// Another host had registered in the meantime, and that client is used.
    Superseded,
}

impl StoredRegistration {
    /// Makes the record of a client, in use from now on.
    pub(super) fn new(
        endpoint: &str,
        requested: Option<&ClientMetadata>,
        client: ClientInformation,
    ) -> Self {
        Self {
            endpoint: endpoint.to_owned(),
            requested: requested.cloned(),
            saved_at: now(),
            retired: None,
            secrets: None,
            client,
        }
    }

    /// Returns the registration endpoint it belongs to, a URL.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Returns the client, read as leniently as an answer is.
    #[must_use]
    pub fn client(&self) -> &ClientInformation {
        &self.client
    }

    /// Returns what was asked for; `None` for what a person entered.
    #[must_use]
    pub fn requested(&self) -> Option<&ClientMetadata> {
        self.requested.as_ref()
    }

    /// Returns whether a person entered it: see
    /// [`import`](crate::RegistrationStore::import).
    #[must_use]
    pub fn is_imported(&self) -> bool {
        self.requested.is_none()
    }

    /// Returns when it was put here, by the clock of the machine that did so, to the second.
    #[must_use]
    pub fn saved_at(&self) -> DateTime<Utc> {
        self.saved_at
    }

    /// Returns why it became history; `None` while it is in use.
    #[must_use]
    pub fn retired(&self) -> Option<Retired> {
        self.retired
    }

    /// Returns the entry of the system keyring that had this client's secrets and does not have
    /// them any more; `None` where they are in [`client`](Self::client), or where it has none.
    #[must_use]
    pub fn lost_secrets(&self) -> Option<&str> {
        match &self.secrets {
            Some(Elsewhere::Lost(entry)) => Some(entry),
            Some(Elsewhere::Keyring(_)) | None => None,
        }
    }

    pub(super) fn is_in_keyring(&self) -> bool {
        matches!(self.secrets, Some(Elsewhere::Keyring(_)))
    }

    pub(super) fn is_live(&self) -> bool {
        self.retired.is_none()
    }

    pub(super) fn retire(&mut self, reason: RetiredReason) {
        self.retired = Some(Retired { reason, at: now() });
    }
}

/// This machine's time, to the second.
pub(crate) fn now() -> DateTime<Utc> {
    let now = DateTime::<Utc>::from(SystemTime::now());
    DateTime::from_timestamp(now.timestamp(), 0).unwrap_or(now)
}

fn exposed<S: Serializer>(client: &ClientInformation, serializer: S) -> Result<S::Ok, S::Error> {
    client.expose_json().serialize(serializer)
}

fn read_back<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ClientInformation, D::Error> {
    let members = Map::<String, Value>::deserialize(deserializer)?;
    read::members(members).map_err(|_| D::Error::custom("no client_id"))
}
