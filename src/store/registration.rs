//! A registration as a caller sees it.

use chrono::{DateTime, Utc, serde::ts_seconds};
use serde::{Deserialize, Serialize};

use super::record::Record;
use crate::{ClientInformation, ClientMetadata};

/// A client in a store, in use or history.
///
/// `Debug` shows no secret, and there is no `Serialize`, which would: see
/// [`export`](crate::RegistrationStore::export).
#[derive(Clone, Debug)]
pub struct StoredRegistration(Record);

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
    pub(super) fn new(record: Record) -> Self {
        Self(record)
    }

    /// Returns the registration endpoint it belongs to, a URL.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.0.endpoint
    }

    /// Returns the client, read as leniently as an answer is.
    #[must_use]
    pub fn client(&self) -> &ClientInformation {
        &self.0.client
    }

    /// Returns what was asked for; `None` for what a person entered.
    #[must_use]
    pub fn requested(&self) -> Option<&ClientMetadata> {
        self.0.requested.as_ref()
    }

    /// Returns whether a person entered it: see
    /// [`import`](crate::RegistrationStore::import).
    #[must_use]
    pub fn is_imported(&self) -> bool {
        self.0.is_imported()
    }

    /// Returns when it was put here, by the clock of the machine that did so, to the second.
    #[must_use]
    pub fn saved_at(&self) -> DateTime<Utc> {
        self.0.saved_at
    }

    /// Returns why it became history; `None` while it is in use.
    #[must_use]
    pub fn retired(&self) -> Option<Retired> {
        self.0.retired
    }

    /// Returns the entry of the system keyring that had this client's secrets and does not have
    /// them any more; `None` where they are in [`client`](Self::client), or where it has none.
    #[must_use]
    pub fn lost_secrets(&self) -> Option<&str> {
        self.0.lost_secrets()
    }
}
