//! Why and when a registration became history.

use chrono::{DateTime, Utc, serde::ts_seconds};
use serde::{Deserialize, Serialize};

/// Why and when a registration became history.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Retired {
    /// Why the client is no longer used.
    pub reason: RetiredReason,
    /// When it was retired, in whole seconds, by the clock of the machine that did so.
    #[serde(with = "ts_seconds")]
    pub at: DateTime<Utc>,
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
