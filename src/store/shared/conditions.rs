//! Checks that a service evaluates the conditions of a write, on a separate object beside the
//! document. The document is neither read nor written, so the check risks no data.

use super::object::Object;
use crate::{error::StoreError, random::unique_id, store::registration_store::WriteResult};

/// Checks that the service of `document` creates an object only if there is none, and replaces it
/// only if it still is the version that was read.
///
/// The name of the probe is unique, so that no other object is written over or deleted, and hosts
/// that check at the same time do not see each other. If the service does not allow deletions, the
/// probe remains.
pub(super) async fn check(document: &Object) -> Result<(), StoreError> {
    let Some(probe) = document.probe(&unique_id()) else {
        return Err(document.not_conditional("allows no object beside it"));
    };
    let result = check_probe(&probe).await;
    probe.try_delete().await;
    result
}

async fn check_probe(probe: &Object) -> Result<(), StoreError> {
    // Of equal length, because some services derive the ETag from the length and the time.
    let [first, second, third] =
        [1, 2, 3].map(|n| format!("poggio checks conditional writes; delete this object ({n})\n"));
    let fails = |what| Err(probe.not_conditional(what));

    // The reads decide: a write that the service retried internally reports a conflict.
    let created = probe.create(&first).await?;
    let before = match probe.read().await? {
        Some(read) if read.expose() == first => read,
        None if created == WriteResult::Conflict => return fails("does not create an object"),
        _ => return fails("does not return what was just written"),
    };
    let replaced = probe.replace(&second, &before).await?;
    match probe.read().await? {
        Some(after) if after.expose() == second => {
            if after.version() == before.version() {
                return fails("gives different contents the same ETag");
            }
        }
        _ if replaced == WriteResult::Conflict => {
            return fails("does not accept the ETag that it gave");
        }
        _ => return fails("does not return what was just written"),
    }
    if probe.replace(&third, &before).await? == WriteResult::Written {
        return fails("ignores If-Match");
    }
    if probe.create(&third).await? == WriteResult::Written {
        return fails("ignores If-None-Match");
    }
    match probe.read().await? {
        Some(unchanged) if unchanged.expose() == second => Ok(()),
        _ => fails("writes although it reports a conflict"),
    }
}
