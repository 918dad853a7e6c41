//! The JSON document of a store, and the claim of a caller that is registering.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::error::Category;

use super::{record::Record, registration_store::Versioned};
use crate::error::StoreError;

/// The version of the document's format. Other versions are refused.
const FORMAT: u64 = 1;

/// Larger documents are not read. No history of registrations comes near this size.
pub(super) const MAX_SIZE: u64 = 64 * 1024 * 1024;

/// The registrations of an application, oldest first, and the claim of the caller that is
/// registering.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Document {
    format: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) claim: Option<Claim>,
    pub(super) registrations: Vec<Record>,
}

/// A caller's exclusive right to register, in a store without a lock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Claim {
    /// Unique for each claim. Starts with the process id, because error messages show it.
    pub(super) owner: String,
    /// How long the claim is valid. Each waiting caller counts from when it first sees the claim,
    /// so that no clocks are compared.
    pub(super) term_seconds: u64,
}

impl Claim {
    /// How much longer than the timeout of a call a claim is valid, so that the caller can save its
    /// new client.
    pub(super) const CLAIM_SLACK: Duration = Duration::from_secs(10);

    /// Creates a claim for a call with this timeout.
    pub(super) fn new(timeout: Duration) -> Self {
        let owner = format!("process {} ({})", std::process::id(), unique_id());
        Self { owner, term_seconds: timeout.saturating_add(Self::CLAIM_SLACK).as_secs() }
    }

    pub(super) fn term(&self) -> Duration {
        Duration::from_secs(self.term_seconds)
    }
}

/// Returns a random 128-bit identifier. It is unique even on two copies of one virtual machine.
pub(super) fn unique_id() -> String {
    let mut bytes = [0; 16];
    if getrandom::fill(&mut bytes).is_err() {
        // Not as unique, but better than failing if the system has no randomness.
        bytes = fastrand::u128(..).to_ne_bytes();
    }
    format!("{:032x}", u128::from_ne_bytes(bytes))
}

#[derive(Deserialize)]
struct FormatVersion {
    format: u64,
}

/// Returns whether `text` is JSON from its first byte to its last, in a format of this crate.
pub(super) fn is_whole(text: &str) -> bool {
    serde_json::from_str(text).is_ok_and(|FormatVersion { format }| format == FORMAT)
}

impl Default for Document {
    fn default() -> Self {
        Self { format: FORMAT, claim: None, registrations: Vec::new() }
    }
}

impl Document {
    /// Parses the content of a store. Returns an empty document for an empty store.
    pub(crate) fn parse(stored: Option<&Versioned>, store_name: &str) -> Result<Self, StoreError> {
        let Some(stored) = stored else { return Ok(Self::default()) };
        // Messages of serde_json are not shown, because they can quote a secret.
        let damaged = |error: serde_json::Error| {
            let (line, column) = (error.line(), error.column());
            let how = match error.classify() {
                Category::Eof => "it ends too early",
                Category::Syntax | Category::Io => "it is not JSON",
                Category::Data => "a member is invalid",
            };
            StoreError::damaged(store_name, format!("{how}, at line {line}, column {column}"))
        };
        let FormatVersion { format } = serde_json::from_str(stored.expose()).map_err(damaged)?;
        if format != FORMAT {
            return Err(StoreError::unknown_format(store_name, format, FORMAT));
        }
        let document: Self = serde_json::from_str(stored.expose()).map_err(damaged)?;
        if document.registrations.iter().any(Record::is_in_keyring) {
            return Err(StoreError::in_keyring(store_name));
        }
        Ok(document)
    }

    /// Returns the document as JSON, with its secrets in plain text.
    pub(crate) fn to_json(&self, store_name: &str) -> Result<Versioned, StoreError> {
        let mut text = serde_json::to_string_pretty(self).map_err(|_| {
            StoreError::new("has registrations that cannot be serialized as JSON").at(store_name)
        })?;
        text.push('\n');
        Ok(Versioned::new(text, ""))
    }
}
