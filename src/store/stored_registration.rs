//! A registration in a store, as callers see it.

use chrono::{DateTime, Utc};

use super::{
    record::Record,
    retired::{Retired, RetiredRecord},
};
use crate::{
    metadata::ClientMetadata,
    redact::sanitize_message,
    response::{ClientInformation, SecretExpiry},
};

/// A client in a store, in use or history, as
/// [`RegistrationStoreExt::list`](crate::RegistrationStoreExt::list) returns it.
///
/// `Debug` prints no secret. To get the client with its secret as JSON, call
/// [`export`](crate::RegistrationStoreExt::export).
#[derive(Clone, Debug)]
pub struct StoredRegistration {
    endpoint: String,
    client: ClientInformation,
    requested: Option<ClientMetadata>,
    is_imported: bool,
    saved_at: DateTime<Utc>,
    retired: Option<Retired>,
    lost_secrets: Option<String>,
}

impl StoredRegistration {
    /// Returns the URL of the registration endpoint that the client belongs to, on one line of at most
    /// 2000 characters.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Returns the client. A client that is no longer used has only its id and the expiry of its
    /// secret.
    #[must_use]
    pub fn client(&self) -> &ClientInformation {
        &self.client
    }

    /// Returns the metadata of the registration request, or `None` for imported credentials and for
    /// a client that is no longer used.
    #[must_use]
    pub fn requested(&self) -> Option<&ClientMetadata> {
        self.requested.as_ref()
    }

    /// Returns whether the credentials were
    /// [imported](crate::RegistrationStoreExt::import).
    #[must_use]
    pub fn is_imported(&self) -> bool {
        self.is_imported
    }

    /// Returns when the client was saved, in whole seconds, by the clock of the machine that saved
    /// it.
    #[must_use]
    pub fn saved_at(&self) -> DateTime<Utc> {
        self.saved_at
    }

    /// Returns why and when the client became history, or `None` if it is in use.
    #[must_use]
    pub fn retired(&self) -> Option<Retired> {
        self.retired
    }

    /// Returns the name of the system keyring entry that had the client's secrets, if the entry no
    /// longer exists. Returns `None` if the secrets are in [`client`](Self::client), or if the
    /// client has none.
    #[must_use]
    pub fn lost_secrets(&self) -> Option<&str> {
        self.lost_secrets.as_deref()
    }
}

impl From<Record> for StoredRegistration {
    fn from(record: Record) -> Self {
        Self {
            lost_secrets: record.lost_secrets().map(sanitize_message),
            is_imported: record.is_imported(),
            client: record.bound_client(),
            endpoint: sanitize_message(&record.endpoint),
            requested: record.requested,
            saved_at: record.saved_at,
            retired: None,
        }
    }
}

impl From<RetiredRecord> for StoredRegistration {
    fn from(record: RetiredRecord) -> Self {
        let mut client = ClientInformation::with_id(record.client_id);
        if let Some(at) = record.secret_expires_at {
            client.client_secret_expires_at = SecretExpiry::At(at);
        }
        Self {
            lost_secrets: None,
            is_imported: record.fingerprint.is_none(),
            endpoint: sanitize_message(&record.endpoint),
            client,
            requested: None,
            saved_at: record.saved_at,
            retired: Some(Retired { reason: record.reason, at: record.at }),
        }
    }
}
