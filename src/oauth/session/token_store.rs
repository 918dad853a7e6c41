//! Reads and writes the token document of an account, and gives one caller at a time the right to
//! request a token: by the store's lock, or by a claim in the document if the store has no lock.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::document::TokenDocument;
use crate::{
    error::StoreError,
    random,
    store::{Claim, ClaimWatch, RegistrationStore, StoreLock, Versioned, WriteResult},
};

/// How many claims a caller may write if its store is so slow that they could expire.
const MAX_CLAIMS: u32 = 3;
/// Retries of a write that failed. A store with a lock is on this machine and would fail again.
const MAX_RETRIES: u32 = 3;

/// Reads the document, and returns it with the version to pass to the next write.
pub(super) async fn read(
    store: &dyn RegistrationStore,
) -> Result<(TokenDocument, Option<Versioned>), StoreError> {
    let name = store.name();
    let stored = store.read().await.map_err(|error| error.at(&name))?;
    Ok((TokenDocument::parse(stored.as_ref(), &name)?, stored))
}

/// The exclusive right to request a token and to replace it in the document.
pub(super) struct Exclusive<'a> {
    store: &'a dyn RegistrationStore,
    timeout: Duration,
    /// The claim in the document, if the store has no lock.
    claim: Option<Claim>,
    _lock: Option<StoreLock>,
}

impl<'a> Exclusive<'a> {
    /// Waits until no other caller has the right, and returns it with the current document.
    /// Returns `None` instead as soon as the document has what this caller needs.
    pub(super) async fn acquire(
        store: &'a dyn RegistrationStore,
        timeout: Duration,
        mut is_done: impl FnMut(&TokenDocument) -> bool,
    ) -> Result<Option<(Self, TokenDocument)>, StoreError> {
        let lock = store.lock(timeout).await.map_err(|error| error.at(&store.name()))?;
        if lock.is_some() {
            let document = read(store).await?.0;
            let exclusive = Self { store, timeout, claim: None, _lock: lock };
            return Ok((!is_done(&document)).then_some((exclusive, document)));
        }
        let mut watch = ClaimWatch::new(timeout);
        let mut expired = None;
        let mut claims = 0;
        let started = Instant::now();
        loop {
            let (mut document, version) = read(store).await?;
            if is_done(&document) {
                return Ok(None);
            }
            if let Some(claim) = document.claim.take_if(|claim| expired.as_ref() != Some(claim)) {
                if watch.wait(&claim, &store.name()).await? {
                    expired = Some(claim);
                }
                continue;
            }
            let claim = Claim::new(timeout);
            document.claim = Some(claim.clone());
            let claimed_at = Instant::now();
            let result = write(store, &document, version.as_ref()).await?;
            if result == WriteResult::Conflict || claimed_at.elapsed() > Claim::CLAIM_SLACK {
                // The claim of a slow store could expire before the response arrives.
                claims += u32::from(result == WriteResult::Written);
                if claims == MAX_CLAIMS || started.elapsed() > timeout + Claim::CLAIM_SLACK {
                    return Err(busy(store, timeout));
                }
                expired = (result == WriteResult::Written).then_some(claim);
                pause().await;
                continue;
            }
            let exclusive = Self { store, timeout, claim: Some(claim), _lock: None };
            return Ok(Some((exclusive, document)));
        }
    }

    /// Checks, as far as possible, that the next write will succeed. Gives up the right if it will not.
    pub(super) async fn preflight(self) -> Result<Self, StoreError> {
        let (store, timeout) = (self.store, self.timeout);
        match store.preflight(timeout).await {
            Ok(()) => Ok(self),
            Err(error) => {
                self.release().await;
                Err(error.at(&store.name()))
            }
        }
    }

    /// Gives up the right without a change. A claim that cannot be removed expires.
    pub(super) async fn release(self) {
        if let Err(error) = self.finish(|_| false).await {
            tracing::debug!(%error, "the claim was not removed; it expires");
        }
    }

    /// Applies `change` to the document, gives up the claim, and writes the document if it differs.
    pub(super) async fn finish(
        self,
        mut change: impl FnMut(&mut TokenDocument) -> bool,
    ) -> Result<(), StoreError> {
        let claim = self.claim.clone();
        let change = |document: &mut TokenDocument| {
            let had_claim = document.claim.take_if(|own| claim.as_ref() == Some(own)).is_some();
            change(document) || had_claim
        };
        update_unlocked(self.store, self.timeout, change, self.claim.is_some()).await.map(drop)
    }
}

/// Applies `change` to the document under the store's lock. Returns whether it was written.
pub(super) async fn update(
    store: &dyn RegistrationStore,
    timeout: Duration,
    change: impl FnMut(&mut TokenDocument) -> bool,
) -> Result<bool, StoreError> {
    let lock = store.lock(timeout).await.map_err(|error| error.at(&store.name()))?;
    update_unlocked(store, timeout, change, lock.is_none()).await
}

/// Applies `change`, and again after each conflict with another writer. `change` returns whether
/// there is anything to write.
async fn update_unlocked(
    store: &dyn RegistrationStore,
    timeout: Duration,
    mut change: impl FnMut(&mut TokenDocument) -> bool,
    retries: bool,
) -> Result<bool, StoreError> {
    let deadline = Instant::now().checked_add(timeout);
    let mut retries_left = if retries { MAX_RETRIES } else { 0 };
    loop {
        match update_once(store, &mut change).await {
            Ok(None) => pause().await,
            Ok(Some(written)) => return Ok(written),
            Err(_) if retries_left > 0 => {
                retries_left -= 1;
                sleep(Duration::from_secs(1) / 4_u32.pow(retries_left)).await;
            }
            Err(error) => return Err(error),
        }
        if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            return Err(busy(store, timeout));
        }
    }
}

/// Returns `None` after a conflict.
async fn update_once(
    store: &dyn RegistrationStore,
    change: &mut impl FnMut(&mut TokenDocument) -> bool,
) -> Result<Option<bool>, StoreError> {
    let (mut document, version) = read(store).await?;
    if !change(&mut document) {
        return Ok(Some(false));
    }
    let result = write(store, &document, version.as_ref()).await?;
    Ok((result == WriteResult::Written).then_some(true))
}

async fn write(
    store: &dyn RegistrationStore,
    document: &TokenDocument,
    expected: Option<&Versioned>,
) -> Result<WriteResult, StoreError> {
    let name = store.name();
    let text = document.to_json(&name)?;
    store.write(text.expose(), expected).await.map_err(|error| error.at(&name))
}

fn busy(store: &dyn RegistrationStore, timeout: Duration) -> StoreError {
    StoreError::busy(&store.name(), "other callers keep changing it", timeout)
}

async fn pause() {
    sleep(random::millis(5, 50)).await;
}
