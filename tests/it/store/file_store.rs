//! `FileStore`: its document, its paths and permissions, its lock, and files removed during a call.

mod document;
mod lock;
mod paths;
#[cfg(unix)]
mod permissions;
#[cfg(unix)]
mod removed;

use poggio::{Error, Outcome};
use tokio::time::timeout;

use crate::support::{PATIENCE, metadata, store::Fixture};

/// Asserts that `register_once` fails without a request.
async fn refusal(fixture: &Fixture) -> Error {
    let call = timeout(PATIENCE, async { fixture.register_once(&metadata()).await });
    let error = call.await.unwrap().unwrap_err();
    let expected = (0, Outcome::NotRegistered);
    assert_eq!((fixture.request_count(), error.outcome()), expected, "{error}");
    error
}
