//! Why and when a registration was taken out of use.

use chrono::{DateTime, Utc, serde::ts_seconds};
use serde::{Deserialize, Serialize};

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
    /// [`mark_rejected`](crate::RegistrationStore::mark_rejected).
    Rejected,
    /// A person [removed](crate::RegistrationStore::remove) it.
    Removed,
    /// Another was [imported](crate::RegistrationStore::import) in its place, or the server gave the
    /// same client a new secret.
    Replaced,
    /// Another host had registered in the meantime, and that client is used.
    LostRace,
}
