//! The deadline of a call: one timer for everything that is waited for.

use std::{
    pin::{Pin, pin},
    time::Duration,
};

use futures_util::future::{self, Either};
use tokio::time::{Instant, Sleep};

/// Whether a wait ends before the deadline.
pub(super) fn fits(wait: Duration, deadline: Option<Instant>) -> bool {
    deadline
        .is_none_or(|deadline| Instant::now().checked_add(wait).is_some_and(|end| end < deadline))
}

/// Waits for `work` until the deadline; `None` if that came first.
pub(super) async fn until<T>(
    deadline: Pin<&mut Option<Sleep>>,
    work: impl Future<Output = T>,
) -> Option<T> {
    let work = pin!(work);
    let Some(deadline) = deadline.as_pin_mut() else {
        return Some(work.await);
    };
    match future::select(work, deadline).await {
        Either::Left((done, _)) => Some(done),
        Either::Right(_) => None,
    }
}
