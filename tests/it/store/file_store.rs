//! `FileStore`: its document, its paths, permissions and owners, its lock, and writes that fail, are
//! interrupted, or meet other files.

mod document;
#[cfg(unix)]
mod leftover;
mod lock;
#[cfg(unix)]
mod owner;
mod paths;
#[cfg(unix)]
mod permissions;
#[cfg(unix)]
mod removed;
#[cfg(unix)]
mod rename;

use poggio::{Error, Outcome};
use tokio::time::timeout;

#[cfg(unix)]
use crate::support::require;
use crate::support::{WAIT_LIMIT, metadata, store::Fixture};

/// Asserts that `register_once` fails without a request.
async fn refusal(fixture: &Fixture) -> Error {
    let call = timeout(WAIT_LIMIT, async { fixture.register_once(&metadata()).await });
    let error = call.await.unwrap().unwrap_err();
    let expected = (0, Outcome::NotRegistered);
    assert_eq!((fixture.request_count(), error.outcome()), expected, "{error}");
    error
}

/// A user other than the one who runs the tests.
#[cfg(unix)]
const NOBODY: u32 = 65_534;

/// Gives a file to another user, which only root can do. Returns whether that was done.
#[cfg(unix)]
fn chown_if_root(path: &std::path::Path, user: u32) -> bool {
    let is_done = std::os::unix::fs::chown(path, Some(user), None).is_ok();
    require(is_done, "chown is not permitted", "run as root")
}
