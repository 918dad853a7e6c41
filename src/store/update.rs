//! What every store can do besides: look, forget, import, export.

use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use super::{
    document::Document,
    lookup::Unusable,
    record::Record,
    registration_store::{RegistrationStore, Versioned, WriteResult},
    retired::RetiredReason,
    stored_registration::StoredRegistration,
};
use crate::{
    error::{ConfigError, Error, StoreError},
    response::ClientInformation,
    url,
};

/// How long a change waits for others who use the store: as long as a call does by default.
const WAIT: Duration = Duration::from_secs(30);

/// The document, and the text it was read from.
pub(crate) async fn read<S: RegistrationStore + ?Sized>(
    store: &S,
) -> Result<(Document, Option<Versioned>), StoreError> {
    let place = store.name();
    let stored = store.read().await.map_err(|error| error.at(&place))?;
    Ok((Document::read(stored.as_ref(), &place)?, stored))
}

/// Puts the document in the place of the text that its predecessor was read from.
pub(crate) async fn write<S: RegistrationStore + ?Sized>(
    store: &S,
    document: &Document,
    expected: Option<&Versioned>,
) -> Result<WriteResult, StoreError> {
    let place = store.name();
    let text = document.write(&place)?;
    store.write(text.expose(), expected).await.map_err(|error| error.at(&place))
}

pub(super) async fn list<S: RegistrationStore + ?Sized>(
    store: &S,
) -> Result<Vec<StoredRegistration>, Error> {
    let records = read(store).await?.0.registrations;
    Ok(records.into_iter().map(StoredRegistration::new).collect())
}

pub(super) async fn export<S: RegistrationStore + ?Sized>(
    store: &S,
    client_id: &str,
) -> Result<Option<Value>, Error> {
    let mut records = read(store).await?.0.registrations.into_iter().rev();
    let found = records.find(|kept| kept.client.client_id == client_id);
    if let Some(lost) = found.as_ref().and_then(Unusable::lost) {
        return Err(lost.at(&store.name()).into());
    }
    Ok(found.map(|kept| kept.client.expose_json()))
}

/// Takes a client out of use: of this endpoint, or wherever it is.
pub(crate) async fn retire<S: RegistrationStore + ?Sized>(
    store: &S,
    endpoint: Option<&str>,
    client_id: &str,
    reason: RetiredReason,
) -> Result<bool, Error> {
    let changed = change(store, |document| {
        let of_client = |kept: &&mut Record| {
            kept.client.client_id == client_id
                && endpoint.is_none_or(|endpoint| kept.endpoint == endpoint)
        };
        let mut has_changed = false;
        for kept in document.registrations.iter_mut().filter(of_client) {
            // A person's word also ends what was only rejected.
            let is_removed = matches!(kept.retired, Some(r) if r.reason == RetiredReason::Removed);
            if kept.is_live() || (reason == RetiredReason::Removed && !is_removed) {
                kept.retire(reason);
                has_changed = true;
            }
        }
        has_changed
    });
    Ok(changed.await?)
}

pub(super) async fn import<S: RegistrationStore + ?Sized>(
    store: &S,
    endpoint: &str,
    client: &ClientInformation,
) -> Result<(), Error> {
    let endpoint = url::parse_endpoint(endpoint).map_err(|problem| {
        let problem = format!("the endpoint is no registration endpoint: {problem}");
        ConfigError::new("RegistrationStore::import", problem)
    })?;
    let endpoint = endpoint.as_str();
    change(store, |document| {
        let earlier = document
            .registrations
            .iter_mut()
            .filter(|kept| kept.is_imported() && kept.is_live() && kept.endpoint == endpoint);
        earlier.for_each(|kept| kept.retire(RetiredReason::Replaced));
        document.registrations.push(Record::new(endpoint, None, client.clone()));
        true
    })
    .await?;
    Ok(())
}

/// Changes the document, however often others change it in the meantime; `change` says whether it
/// did.
pub(crate) async fn change<S: RegistrationStore + ?Sized>(
    store: &S,
    mut change: impl FnMut(&mut Document) -> bool,
) -> Result<bool, StoreError> {
    let _lock = store.lock(WAIT).await.map_err(|error| error.at(&store.name()))?;
    let end = Instant::now() + WAIT;
    while Instant::now() < end {
        let (mut document, stored) = read(store).await?;
        if !change(&mut document) {
            return Ok(false);
        }
        if write(store, &document, stored.as_ref()).await? == WriteResult::Written {
            return Ok(true);
        }
        let pause = Duration::from_millis(fastrand::u64(5..50));
        tokio::time::sleep(pause).await;
    }
    Err(StoreError::busy(&store.name(), "others keep changing it", WAIT))
}
