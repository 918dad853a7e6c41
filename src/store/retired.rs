//! Retired clients: why and when, and what a document keeps of them.

use chrono::{
    DateTime, Utc,
    serde::{ts_seconds, ts_seconds_option},
};
use serde::{Deserialize, Serialize};

/// Why and when a registration became history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Retired {
    /// Why the client is no longer used.
    pub reason: RetiredReason,
    /// When it was retired, in whole seconds, by the clock of the machine that did so.
    pub at: DateTime<Utc>,
}

/// What a document keeps of a client that is no longer used. There are no secrets in it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RetiredRecord {
    pub(super) number: u64,
    pub(super) client_id: String,
    pub(super) endpoint: String,
    /// Identifies the metadata requested. `None` for imported credentials.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) fingerprint: Option<String>,
    #[serde(with = "ts_seconds")]
    pub(super) saved_at: DateTime<Utc>,
    #[serde(default, skip_serializing_if = "Option::is_none", with = "ts_seconds_option")]
    pub(super) secret_expires_at: Option<DateTime<Utc>>,
    pub(super) reason: RetiredReason,
    #[serde(with = "ts_seconds")]
    pub(super) at: DateTime<Utc>,
}

impl RetiredRecord {
    pub(super) fn is_rejected_import(&self) -> bool {
        self.fingerprint.is_none() && self.reason == RetiredReason::Rejected
    }
}

/// Why a registration is no longer used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RetiredReason {
    /// Its secret had expired or was about to expire, and a new client replaced it.
    Expired,
    /// The server no longer accepts it; see
    /// [`mark_rejected`](crate::RegistrationStoreExt::mark_rejected).
    Rejected,
    /// A person [removed](crate::RegistrationStoreExt::remove) it.
    Removed,
    /// Other credentials were [imported](crate::RegistrationStoreExt::import) in its place, or the
    /// server gave the same client a new secret.
    Replaced,
    /// Another host registered at the same time, and its client is used.
    LostRace,
}
