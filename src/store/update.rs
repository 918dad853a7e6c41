//! Reads and writes the document of a store, and changes it under the store's lock.

use std::time::Duration;

use tokio::time::Instant;

use super::{
    document::Document,
    exclusive,
    record::{Record, now},
    registration_store::{RegistrationStore, Versioned, WriteResult},
    retired::RetiredReason,
    reveal::reveal,
};
use crate::{
    error::{Error, StoreError},
    random, url,
};

/// How long an update waits for other users of the store. Equals the default timeout of a call.
const UPDATE_TIMEOUT: Duration = Duration::from_secs(30);

/// How often a document is read that others change so fast that its secrets are gone.
const MAX_READS: u32 = 5;

/// Reads the document, and the secrets of the clients for which `needed` returns true.
pub(super) async fn read_with_secrets<S: RegistrationStore + ?Sized>(
    store: &S,
    needed: impl Fn(&Record) -> bool,
) -> Result<(Document, Option<Versioned>), StoreError> {
    let mut before: Option<Versioned> = None;
    let mut reads_left = MAX_READS;
    loop {
        let (mut document, stored) = exclusive::read::<Document, _>(store).await?;
        let is_complete = reveal(&mut document, stored.as_ref(), &needed)
            .await
            .map_err(|error| error.at(&store.name()))?;
        reads_left -= 1;
        // Another caller may have retired a client, and deleted its entry, since the document was
        // read.
        let is_unchanged =
            before.as_ref().map(Versioned::expose) == stored.as_ref().map(Versioned::expose);
        if is_complete || is_unchanged || reads_left == 0 {
            return Ok((document, stored));
        }
        before = stored;
    }
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
/// returns whether there is anything to write. The document has no secrets that are in a keyring.
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
    change: impl FnMut(&mut Document) -> bool,
) -> Result<bool, StoreError> {
    apply(store, wait, |_| false, change).await
}

/// Does what [`update`] does, on a document with the secrets of the clients for which `needed`
/// returns true.
pub(super) async fn update_with_secrets<S: RegistrationStore + ?Sized>(
    store: &S,
    needed: impl Fn(&Record) -> bool,
    change: impl FnMut(&mut Document) -> bool,
) -> Result<bool, StoreError> {
    apply(store, UPDATE_TIMEOUT, needed, change).await
}

async fn apply<S: RegistrationStore + ?Sized>(
    store: &S,
    wait: Duration,
    needed: impl Fn(&Record) -> bool,
    mut change: impl FnMut(&mut Document) -> bool,
) -> Result<bool, StoreError> {
    let _lock = store.lock(wait).await.map_err(|error| error.at(&store.name()))?;
    let deadline = Instant::now() + wait;
    while Instant::now() < deadline {
        let (mut document, stored) = read_with_secrets(store, &needed).await?;
        if !change(&mut document) {
            return Ok(false);
        }
        if exclusive::write(store, &document, stored.as_ref()).await? == WriteResult::Written {
            return Ok(true);
        }
        tokio::time::sleep(random::millis(5, 50)).await;
    }
    Err(StoreError::busy(&store.name(), "other callers keep changing it", wait))
}
