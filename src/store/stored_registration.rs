//! A registration as a caller sees it.

use chrono::{DateTime, Utc};

use super::{record::Record, retired::Retired};
use crate::{metadata::ClientMetadata, response::ClientInformation};

/// A client in a store, in use or history.
///
/// `Debug` shows no secret, and there is no `Serialize`, which would: see
/// [`export`](crate::RegistrationStore::export).
#[derive(Clone, Debug)]
pub struct StoredRegistration(Record);

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
