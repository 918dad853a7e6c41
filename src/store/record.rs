//! A registration as a document holds it, its secrets in the clear.

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
    pub(super) requested: Option<ClientMetadata>,
    #[serde(with = "ts_seconds")]
    pub(super) saved_at: DateTime<Utc>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) retired: Option<Retired>,
    /// Where its secrets are, when they are not in `client`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    secrets: Option<SecretLocation>,
    #[serde(serialize_with = "exposed")]
    pub(super) client: ClientInformation,
}

/// Where the secrets of a client are that are not in the document; `KeyringStore` writes it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum SecretLocation {
    /// In this entry of the system keyring. Only a file says so; what was read from there is put
    /// in before the document is.
    Keyring(String),
    /// They were in this entry, and are not any more.
    Lost(String),
}

impl Record {
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
