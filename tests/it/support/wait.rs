//! Waits for what another thread, task or program does.

use std::{
    thread,
    time::{Duration, Instant},
};

/// The upper limit of a wait, far above what it takes.
pub(crate) const WAIT_LIMIT: Duration = Duration::from_secs(20);

const PAUSE: Duration = Duration::from_millis(5);

/// Waits until the condition is met; blocks the thread.
pub(crate) fn wait_for(mut is_met: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_met() {
        assert!(start.elapsed() < WAIT_LIMIT, "the condition is not met in {WAIT_LIMIT:?}");
        thread::sleep(PAUSE);
    }
}

/// Waits until the condition is met, while other tasks of the runtime run.
pub(crate) async fn eventually(mut is_met: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_met() {
        assert!(start.elapsed() < WAIT_LIMIT, "the condition is not met in {WAIT_LIMIT:?}");
        tokio::time::sleep(PAUSE).await;
    }
}
