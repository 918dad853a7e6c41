//! A registration in a document, with its secrets in plain text. Callers see it as a
//! `StoredRegistration`.

use std::time::SystemTime;

use chrono::{DateTime, Utc, serde::ts_seconds};
use serde::{Deserialize, Serialize, Serializer};

use super::retired::{Retired, RetiredReason};
use crate::{metadata::ClientMetadata, response::ClientInformation};

/// A client in a document, in use or history.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Record {
    pub(super) endpoint: String,
    /// `None` for imported credentials.
    pub(super) requested: Option<ClientMetadata>,
    #[serde(with = "ts_seconds")]
    pub(super) saved_at: DateTime<Utc>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) retired: Option<Retired>,
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
    /// In this entry of the system keyring. This is in the file only: `KeyringStore` puts the
    /// secrets back into the document that it returns.
    Keyring(String),
    /// They were in this entry, which no longer exists.
    Lost(String),
}

impl Record {
    /// Creates the record of a client that is in use from now on.
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

    pub(super) fn is_imported(&self) -> bool {
        self.requested.is_none()
    }

    pub(super) fn lost_secrets(&self) -> Option<&str> {
        match &self.secrets {
            Some(SecretLocation::Lost(entry)) => Some(entry),
            Some(SecretLocation::Keyring(_)) | None => None,
        }
    }

    pub(super) fn is_in_keyring(&self) -> bool {
        matches!(self.secrets, Some(SecretLocation::Keyring(_)))
    }

    pub(super) fn is_active(&self) -> bool {
        self.retired.is_none()
    }

    pub(super) fn retire(&mut self, reason: RetiredReason) {
        self.retired = Some(Retired { reason, at: now() });
    }
}

/// Returns the current time in whole seconds, the precision of the document.
pub(super) fn now() -> DateTime<Utc> {
    let now = DateTime::<Utc>::from(SystemTime::now());
    DateTime::from_timestamp(now.timestamp(), 0).unwrap_or(now)
}

fn serialize_with_secrets<S: Serializer>(
    client: &ClientInformation,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    client.expose_json().serialize(serializer)
}
