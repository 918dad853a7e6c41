//! The deadline of a call.

use std::{
    pin::{Pin, pin},
    time::Duration,
};

use futures_util::future::{Either, select};
use tokio::time::{Instant, Sleep};

/// Returns whether a wait that begins now ends before the deadline.
pub(super) fn ends_before(wait: Duration, deadline: Option<Instant>) -> bool {
    deadline
        .is_none_or(|deadline| Instant::now().checked_add(wait).is_some_and(|end| end < deadline))
}

/// Awaits a future until the deadline. Returns `None` if the deadline passes first.
pub(super) async fn with_deadline<T>(
    deadline: Pin<&mut Option<Sleep>>,
    future: impl Future<Output = T>,
) -> Option<T> {
    let future = pin!(future);
    let Some(deadline) = deadline.as_pin_mut() else {
        return Some(future.await);
    };
    match select(future, deadline).await {
        Either::Left((output, _)) => Some(output),
        Either::Right(_) => None,
    }
}
