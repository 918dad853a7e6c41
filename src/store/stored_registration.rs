//! A registration in a store, as callers see it.

use std::fmt;

use chrono::{DateTime, Utc};

use super::{record::Record, retired::Retired};
use crate::{metadata::ClientMetadata, redact::sanitize_message, response::ClientInformation};

/// A client in a store, in use or history, as
/// [`RegistrationStoreExt::list`](crate::RegistrationStoreExt::list) returns it.
///
/// `Debug` prints no secret. To get the client with its secret as JSON, call
/// [`export`](crate::RegistrationStoreExt::export).
#[derive(Clone)]
pub struct StoredRegistration {
    record: Record,
    /// On one line, because a file may contain anything.
    endpoint: String,
    lost_secrets: Option<String>,
}

impl StoredRegistration {
    pub(super) fn new(record: Record) -> Self {
        let endpoint = sanitize_message(&record.endpoint);
        let lost_secrets = record.lost_secrets().map(sanitize_message);
        Self { record, endpoint, lost_secrets }
    }

    /// Returns the URL of the registration endpoint that the client belongs to, on one line of at most
    /// 2000 characters.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Returns the client.
    #[must_use]
    pub fn client(&self) -> &ClientInformation {
        &self.record.client
    }

    /// Returns the metadata of the registration request, or `None` for imported credentials.
    #[must_use]
    pub fn requested(&self) -> Option<&ClientMetadata> {
        self.record.requested.as_ref()
    }

    /// Returns whether the credentials were
    /// [imported](crate::RegistrationStoreExt::import).
    #[must_use]
    pub fn is_imported(&self) -> bool {
        self.record.is_imported()
    }

    /// Returns when the client was saved, in whole seconds, by the clock of the machine that saved
    /// it.
    #[must_use]
    pub fn saved_at(&self) -> DateTime<Utc> {
        self.record.saved_at
    }

    /// Returns why and when the client became history, or `None` if it is in use.
    #[must_use]
    pub fn retired(&self) -> Option<Retired> {
        self.record.retired
    }

    /// Returns the name of the system keyring entry that had the client's secrets, if the entry no
    /// longer exists. Returns `None` if the secrets are in [`client`](Self::client), or if the
    /// client has none.
    #[must_use]
    pub fn lost_secrets(&self) -> Option<&str> {
        self.lost_secrets.as_deref()
    }
}

impl fmt::Debug for StoredRegistration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredRegistration")
            .field("endpoint", &self.endpoint)
            .field("requested", &self.record.requested)
            .field("saved_at", &self.record.saved_at)
            .field("retired", &self.record.retired)
            .field("lost_secrets", &self.lost_secrets)
            .field("client", &self.record.client)
            .finish()
    }
}
