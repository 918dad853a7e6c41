//! The JSON document of a store, and the claim of a caller that is registering.

use serde::{Deserialize, Serialize};

use super::{
    claim::Claim,
    exclusive::StoredDocument,
    format::{self, Format},
    intent::Intents,
    record::Record,
    registration_store::Versioned,
    retired::{RetiredLine, RetiredReason, RetiredRecord},
};
use crate::error::StoreError;

/// How many retired clients a document has. Older ones are dropped, so that its size stays flat.
const MAX_RETIRED: usize = 50;

/// Larger documents are not read. No number of clients in use comes near this size.
pub(super) const MAX_SIZE: u64 = 64 * 1024 * 1024;

/// The clients of an application, and the claim of the caller that is registering.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Document {
    format: Format,
    /// The number of the last registration. Registrations are counted from 1.
    last_number: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) claim: Option<Claim>,
    /// The requests that are being sent, or whose outcome is unknown.
    #[serde(default, skip_serializing_if = "Intents::is_empty")]
    pub(super) intents: Intents,
    /// The clients in use, oldest first. Only these have secrets.
    pub(super) registrations: Vec<Record>,
    /// The newest clients that are no longer used, in the order in which they were retired.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    retired: Vec<RetiredLine>,
}

/// Identifies a version of a document. A document of another kind has no number.
#[derive(Deserialize)]
pub(super) struct Generation {
    #[serde(rename = "format")]
    _format: Format,
    last_number: Option<u64>,
}

impl Generation {
    /// Returns `None` unless `text` is JSON to its last byte, in the format of this crate.
    pub(super) fn parse(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// Returns whether this version may have a registration that `other` does not have.
    pub(super) fn is_newer_than(&self, other: Option<&Self>) -> bool {
        let of_other = other.map_or(Some(0), |other| other.last_number);
        self.last_number.zip(of_other).is_none_or(|(number, of_other)| number > of_other)
    }
}

impl StoredDocument for Document {
    fn parse(stored: Option<&Versioned>, store_name: &str) -> Result<Self, StoreError> {
        let Some(stored) = stored else { return Ok(Self::default()) };
        let document: Self = format::parse(stored.expose(), store_name)?;
        let is_in_keyring = |record: &Record| record.keyring_entry().is_some();
        if stored.secrets().is_none() && document.registrations.iter().any(is_in_keyring) {
            return Err(StoreError::in_keyring(store_name));
        }
        Ok(document)
    }

    fn to_json(&self, store_name: &str) -> Result<Versioned, StoreError> {
        let failed = |_| {
            StoreError::new("has registrations that cannot be serialized as JSON").at(store_name)
        };
        let mut text = serde_json::to_string_pretty(self).map_err(failed)?;
        text.push('\n');
        // At the size limit, so that clients can be removed from a document without white space.
        if text.len() as u64 >= MAX_SIZE {
            text = serde_json::to_string(self).map_err(failed)?;
        }
        Ok(Versioned::new(text, ""))
    }
}

impl Document {
    /// Returns the number of the last registration. Later ones have larger numbers.
    pub(super) fn last_number(&self) -> u64 {
        self.last_number
    }

    /// Adds a client in use.
    pub(super) fn add(&mut self, mut record: Record) {
        self.last_number = self.last_number.saturating_add(1);
        record.number = self.last_number;
        self.registrations.push(record);
    }

    /// Retires the clients in use for which `predicate` returns true, which erases their secrets.
    /// Returns whether there were any.
    pub(super) fn retire(
        &mut self,
        reason: RetiredReason,
        mut predicate: impl FnMut(&Record) -> bool,
    ) -> bool {
        let retired: Vec<_> =
            self.registrations.extract_if(.., |record| predicate(record)).collect();
        let has_any = !retired.is_empty();
        for record in retired {
            self.add_retired(&record.into_retired(reason));
        }
        has_any
    }

    /// Returns the newest clients that are no longer used, in the order in which they were retired.
    pub(super) fn retired(&self) -> impl DoubleEndedIterator<Item = RetiredRecord> {
        self.retired.iter().filter_map(RetiredLine::parse)
    }

    /// Returns the imported credentials among the [`retired`](Self::retired) clients.
    pub(super) fn retired_imports(&self) -> impl DoubleEndedIterator<Item = RetiredRecord> {
        self.retired.iter().filter(|line| line.is_import()).filter_map(RetiredLine::parse)
    }

    /// Adds a client to the history, and drops the oldest one if there are too many.
    pub(super) fn add_retired(&mut self, retired: &RetiredRecord) {
        self.retired.push(retired.to_line());
        while self.retired.len() > MAX_RETIRED {
            let Some(index) = (0..self.retired.len()).find(|index| self.can_drop(*index)) else {
                return;
            };
            self.retired.remove(index);
        }
    }

    /// Applies `change` to each retired client, and returns whether it changed any.
    pub(super) fn change_retired(
        &mut self,
        mut change: impl FnMut(&mut RetiredRecord) -> bool,
    ) -> bool {
        let mut has_changed = false;
        for line in &mut self.retired {
            if let Some(mut retired) = line.parse()
                && change(&mut retired)
            {
                *line = retired.to_line();
                has_changed = true;
            }
        }
        has_changed
    }

    /// Returns whether no lookup needs this retired client. Imported credentials that the server
    /// rejected are needed until others follow, because no registration may replace them.
    fn can_drop(&self, index: usize) -> bool {
        let mut lines = self.retired.iter().skip(index);
        let retired = lines.next().and_then(RetiredLine::parse);
        let Some(retired) = retired.filter(RetiredRecord::is_rejected_import) else { return true };
        let mut later = lines.filter(|line| line.is_import()).filter_map(RetiredLine::parse);
        later.any(|later| later.endpoint == retired.endpoint)
    }
}
