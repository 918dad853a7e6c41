//! Why a stored client cannot be used and is not replaced automatically.

use std::fmt;

use super::record::Record;
use crate::{
    error::{StoreError, StoreErrorKind},
    redact::Redactor,
};

/// Why a stored client cannot be used. The reasons before `OtherServer` are about imported
/// credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Unusable {
    Expired(String),
    Rejected(String),
    /// The imported client lacks a redirect URI of the metadata.
    Redirect {
        client_id: String,
        uri: String,
    },
    /// The client belongs to another authorization server.
    OtherServer {
        client_id: String,
        problem: String,
    },
    /// The keyring entry with the secret no longer exists.
    SecretLost {
        client_id: String,
        entry: String,
    },
}

impl Unusable {
    /// Returns `SecretLost` if the keyring no longer has the secrets of this client.
    pub(super) fn secret_lost(record: &Record) -> Option<Self> {
        let entry = record.lost_secrets()?.to_owned();
        Some(Self::SecretLost { client_id: record.client.client_id.clone(), entry })
    }

    pub(super) fn into_error(self, store_name: &str) -> StoreError {
        let kind = match self {
            Self::Expired(_) | Self::Rejected(_) | Self::Redirect { .. } => {
                StoreErrorKind::ImportedUnusable
            }
            Self::OtherServer { .. } => StoreErrorKind::OtherServer,
            Self::SecretLost { .. } => StoreErrorKind::SecretLost,
        };
        StoreError::unusable(store_name, &self).with_kind(kind)
    }
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let quote = |text: &str| Redactor::default().quote(text);
        match self {
            Self::Expired(id) => {
                write!(
                    f,
                    "the secret of the imported client {} has expired or is about to",
                    quote(id)
                )
            }
            Self::Rejected(id) => {
                write!(f, "the server no longer accepts the imported client {}", quote(id))
            }
            Self::Redirect { client_id, uri } => {
                let client_id = quote(client_id);
                write!(f, "the imported client {client_id} has no redirect URI {}", quote(uri))
            }
            Self::OtherServer { client_id, problem } => {
                write!(f, "the client {} {problem}", quote(client_id))
            }
            Self::SecretLost { client_id, entry } => write!(
                f,
                "the system keyring no longer has the secret of the client {} (entry {} of the \
                 service \"poggio\")",
                quote(client_id),
                quote(entry)
            ),
        }
    }
}
