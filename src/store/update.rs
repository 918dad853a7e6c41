//! Reads and writes the document of a store, and changes it under the store's lock.

use std::time::Duration;

use tokio::time::Instant;

use super::{
    document::Document,
    record::now,
    registration_store::{RegistrationStore, Versioned, WriteResult},
    retired::RetiredReason,
};
use crate::{
    error::{Error, StoreError},
    url,
};

/// How long an update waits for other users of the store. Equals the default timeout of a call.
const UPDATE_TIMEOUT: Duration = Duration::from_secs(30);

/// Reads the document, and returns it with the version to pass to [`write_document`].
pub(super) async fn read_document<S: RegistrationStore + ?Sized>(
    store: &S,
) -> Result<(Document, Option<Versioned>), StoreError> {
    let name = store.name();
    let stored = store.read().await.map_err(|error| error.at(&name))?;
    Ok((Document::parse(stored.as_ref(), &name)?, stored))
}

/// Writes the document if the store still holds `expected`.
pub(super) async fn write_document<S: RegistrationStore + ?Sized>(
    store: &S,
    document: &Document,
    expected: Option<&Versioned>,
) -> Result<WriteResult, StoreError> {
    let name = store.name();
    let text = document.to_json(&name)?;
    store.write(text.expose(), expected).await.map_err(|error| error.at(&name))
}

/// Retires a client, of one endpoint or of all. Returns whether that changed the document.
pub(super) async fn retire<S: RegistrationStore + ?Sized>(
    store: &S,
    endpoint: Option<&str>,
    client_id: &str,
    reason: RetiredReason,
) -> Result<bool, Error> {
    let has_changed = update(store, |document| {
        let is_endpoint =
            |other: &str| endpoint.is_none_or(|own| url::is_same_endpoint(own, other));
        let has_changed = document.retire(reason, |record| {
            record.client.client_id == client_id && is_endpoint(&record.endpoint)
        });
        if reason != RetiredReason::Removed {
            return has_changed;
        }
        // A removal also overrides an earlier reason, so that a rejected import no longer fails.
        let has_changed_retired = document.change_retired(|retired| {
            let is_client = retired.client_id == client_id && is_endpoint(&retired.endpoint);
            let changes = is_client && retired.reason != RetiredReason::Removed;
            if changes {
                (retired.reason, retired.at) = (reason, now());
            }
            changes
        });
        has_changed || has_changed_retired
    });
    Ok(has_changed.await?)
}

/// Applies `change` to the document, and again after each conflict with another writer. `change`
/// returns whether there is anything to write.
pub(super) async fn update<S: RegistrationStore + ?Sized>(
    store: &S,
    change: impl FnMut(&mut Document) -> bool,
) -> Result<bool, StoreError> {
    update_within(store, UPDATE_TIMEOUT, change).await
}

/// Does what [`update`] does, and waits for other users of the store at most `wait`.
pub(super) async fn update_within<S: RegistrationStore + ?Sized>(
    store: &S,
    wait: Duration,
    mut change: impl FnMut(&mut Document) -> bool,
) -> Result<bool, StoreError> {
    let _lock = store.lock(wait).await.map_err(|error| error.at(&store.name()))?;
    let deadline = Instant::now() + wait;
    while Instant::now() < deadline {
        let (mut document, stored) = read_document(store).await?;
        if !change(&mut document) {
            return Ok(false);
        }
        if write_document(store, &document, stored.as_ref()).await? == WriteResult::Written {
            return Ok(true);
        }
        let pause = Duration::from_millis(fastrand::u64(5..50));
        tokio::time::sleep(pause).await;
    }
    Err(StoreError::busy(&store.name(), "other callers keep changing it", wait))
}
