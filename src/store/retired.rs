//! Retired clients: why and when they were retired, and the part that a document keeps.

use chrono::{DateTime, Utc};
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

/// A client that is no longer used, as a document keeps it: without its secrets.
#[derive(Clone, Debug)]
pub(super) struct RetiredRecord {
    /// Identifies the metadata requested. `None` for imported credentials.
    pub(super) fingerprint: Option<String>,
    pub(super) reason: RetiredReason,
    pub(super) at: DateTime<Utc>,
    pub(super) saved_at: DateTime<Utc>,
    pub(super) secret_expires_at: Option<DateTime<Utc>>,
    pub(super) endpoint: String,
    pub(super) client_id: String,
}

/// A [`RetiredRecord`] in a document: its fields in their order, separated by spaces, and `-` for
/// `None`.
///
/// This is one text, which is parsed only if the history matters, so that finding a client in use
/// takes the same time with a history as without.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct RetiredLine(String);

impl RetiredLine {
    pub(super) fn is_import(&self) -> bool {
        self.0.strip_prefix(NONE).is_some_and(|rest| rest.starts_with(' '))
    }

    /// Returns the record, or `None` if the line was damaged.
    pub(super) fn parse(&self) -> Option<RetiredRecord> {
        let mut fields = self.0.splitn(7, ' ');
        let mut next = || fields.next();
        Some(RetiredRecord {
            fingerprint: Some(next()?).filter(|text| *text != NONE).map(str::to_owned),
            reason: RetiredReason::from_name(next()?)?,
            at: parse_time(next()?)?,
            saved_at: parse_time(next()?)?,
            secret_expires_at: parse_time(next()?),
            endpoint: next()?.to_owned(),
            // The last field, because it may contain spaces.
            client_id: next()?.to_owned(),
        })
    }
}

const NONE: &str = "-";

fn parse_time(seconds: &str) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp(seconds.parse().ok()?, 0)
}

impl RetiredRecord {
    pub(super) fn to_line(&self) -> RetiredLine {
        let expiry = self.secret_expires_at.map(|at| at.timestamp().to_string());
        RetiredLine(format!(
            "{} {} {} {} {} {} {}",
            self.fingerprint.as_deref().unwrap_or(NONE),
            self.reason.name(),
            self.at.timestamp(),
            self.saved_at.timestamp(),
            expiry.as_deref().unwrap_or(NONE),
            self.endpoint,
            self.client_id
        ))
    }

    pub(super) fn is_rejected_import(&self) -> bool {
        self.fingerprint.is_none() && self.reason == RetiredReason::Rejected
    }
}

/// Why a registration is no longer used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
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

impl RetiredReason {
    const NAMES: [(Self, &str); 5] = [
        (Self::Expired, "expired"),
        (Self::Rejected, "rejected"),
        (Self::Removed, "removed"),
        (Self::Replaced, "replaced"),
        (Self::LostRace, "lost_race"),
    ];

    /// Returns the name of the reason in a document.
    fn name(self) -> &'static str {
        let found = Self::NAMES.iter().find(|(reason, _)| *reason == self);
        found.map_or("", |(_, name)| name)
    }

    fn from_name(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(_, other)| *other == name).map(|(reason, _)| *reason)
    }
}
