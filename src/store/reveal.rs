//! Puts the secrets of single clients into a document. Only `KeyringStore` keeps secrets outside its
//! documents; the documents of other stores stay as they are.

use super::{document::Document, record::Record, registration_store::Versioned};
use crate::error::StoreError;

/// Puts the secrets into the records for which `needed` returns true, and into no others. Returns
/// whether all entries exist.
pub(super) async fn reveal(
    document: &mut Document,
    stored: Option<&Versioned>,
    needed: impl Fn(&Record) -> bool,
) -> Result<bool, StoreError> {
    let Some(source) = stored.and_then(Versioned::secrets) else { return Ok(true) };
    let records = document.registrations.iter().filter(|record| needed(record));
    let names: Vec<_> = records.filter_map(Record::keyring_entry).map(str::to_owned).collect();
    if names.is_empty() {
        return Ok(true);
    }
    let mut members = source.members(names).await?;
    let mut is_complete = true;
    for record in document.registrations.iter_mut().filter(|record| needed(record)) {
        if let Some(entry) = record.keyring_entry().map(str::to_owned) {
            is_complete &= record.reveal(members.remove(&entry));
        }
    }
    Ok(is_complete)
}
