//! A registration in a store, as callers see it.

use chrono::{DateTime, Utc};

use super::{record::Record, retired::Retired};
use crate::{metadata::ClientMetadata, response::ClientInformation};

/// A client in a store, in use or history, as
/// [`RegistrationStoreExt::list`](crate::RegistrationStoreExt::list) returns it.
///
/// `Debug` prints no secret. To get the client with its secret as JSON, call
/// [`export`](crate::RegistrationStoreExt::export).
#[derive(Clone, Debug)]
pub struct StoredRegistration(Record);

impl StoredRegistration {
    pub(super) fn new(record: Record) -> Self {
        Self(record)
    }

    /// Returns the URL of the registration endpoint that the client belongs to.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.0.endpoint
    }

    /// Returns the client.
    #[must_use]
    pub fn client(&self) -> &ClientInformation {
        &self.0.client
    }

    /// Returns the metadata of the registration request, or `None` for imported credentials.
    #[must_use]
    pub fn requested(&self) -> Option<&ClientMetadata> {
        self.0.requested.as_ref()
    }

    /// Returns whether the credentials were
    /// [imported](crate::RegistrationStoreExt::import).
    #[must_use]
    pub fn is_imported(&self) -> bool {
        self.0.is_imported()
    }

    /// Returns when the client was saved, in whole seconds, by the clock of the machine that saved
    /// it.
    #[must_use]
    pub fn saved_at(&self) -> DateTime<Utc> {
        self.0.saved_at
    }

    /// Returns why and when the client became history, or `None` if it is in use.
    #[must_use]
    pub fn retired(&self) -> Option<Retired> {
        self.0.retired
    }

    /// Returns the name of the system keyring entry that had the client's secrets, if the entry no
    /// longer exists. Returns `None` if the secrets are in [`client`](Self::client), or if the
    /// client has none.
    #[must_use]
    pub fn lost_secrets(&self) -> Option<&str> {
        self.0.lost_secrets()
    }
}
