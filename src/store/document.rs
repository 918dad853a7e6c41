//! What a store holds: a JSON document, with the version of its format.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::error::Category;

use super::{record::Record, registration_store::Versioned};
use crate::error::StoreError;

/// The format that is written, and the only one that is read.
const FORMAT: u64 = 1;

/// The registrations of an application, oldest first, and who is registering.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Document {
    format: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) claim: Option<Claim>,
    pub(super) registrations: Vec<Record>,
}

/// A caller's right to register, in a store without a lock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Claim {
    /// Who: random, new for each claim, with the process in words.
    pub(crate) owner: String,
    /// For how long, counted by whoever waits, from when it first sees this claim.
    pub(crate) term_seconds: u64,
}

impl Claim {
    /// What is left of a term when a request has taken as long as it may.
    pub(crate) const CLAIM_SLACK: Duration = Duration::from_secs(10);

    /// Makes a claim for as long as a call may last, and what it takes to save its result.
    pub(crate) fn new(timeout: Duration) -> Self {
        let owner = format!("process {} ({})", std::process::id(), unique());
        Self { owner, term_seconds: timeout.saturating_add(Self::CLAIM_SLACK).as_secs() }
    }

    pub(crate) fn term(&self) -> Duration {
        Duration::from_secs(self.term_seconds)
    }
}

/// A name that no one else has made or will make, not even a copy of this machine.
pub(crate) fn unique() -> String {
    let mut bytes = [0; 16];
    if getrandom::fill(&mut bytes).is_err() {
        // No worse than nothing, where the system has no randomness to give.
        bytes = fastrand::u128(..).to_ne_bytes();
    }
    format!("{:032x}", u128::from_ne_bytes(bytes))
}

#[derive(Deserialize)]
struct Format {
    format: u64,
}

impl Default for Document {
    fn default() -> Self {
        Self { format: FORMAT, claim: None, registrations: Vec::new() }
    }
}

impl Document {
    /// Reads what a store holds; nothing is an empty document.
    pub(crate) fn read(stored: Option<&Versioned>, place: &str) -> Result<Self, StoreError> {
        let Some(stored) = stored else { return Ok(Self::default()) };
        // Messages of the JSON library are not shown: they can quote a value.
        let damaged = |error: serde_json::Error| {
            let (line, column) = (error.line(), error.column());
            let how = match error.classify() {
                Category::Eof => "it ends too early",
                Category::Syntax | Category::Io => "it is no JSON",
                Category::Data => "a member is not as it was written",
            };
            StoreError::damaged(place, format!("{how}, at line {line}, column {column}"))
        };
        let Format { format } = serde_json::from_str(stored.expose()).map_err(damaged)?;
        if format != FORMAT {
            return Err(StoreError::unknown_format(place, format, FORMAT));
        }
        let document: Self = serde_json::from_str(stored.expose()).map_err(damaged)?;
        if document.registrations.iter().any(Record::is_in_keyring) {
            return Err(StoreError::in_keyring(place));
        }
        Ok(document)
    }

    /// The document as text, with secrets in the clear.
    pub(crate) fn write(&self, place: &str) -> Result<Versioned, StoreError> {
        let mut text = serde_json::to_string_pretty(self).map_err(|_| {
            StoreError::new("its registrations cannot be written as JSON").at(place)
        })?;
        text.push('\n');
        Ok(Versioned::new(text, ""))
    }
}
