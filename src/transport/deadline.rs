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

/// A timer that fires later than this did not fire because the process or the runtime was stopped. A
/// timer of tokio is at most 1 ms late otherwise.
const LATE: Duration = Duration::from_millis(3);
/// How long the task of the connection may then take to read what is already in the socket.
const GRACE: Duration = Duration::from_millis(100);

/// The deadline of one request and its response.
pub(super) struct Deadline<'a> {
    timer: Pin<&'a mut Option<Sleep>>,
    grace: Option<Duration>,
}

impl<'a> Deadline<'a> {
    /// Takes a timer that fires at the deadline, or `None` if there is no deadline.
    pub(super) fn new(timer: Pin<&'a mut Option<Sleep>>) -> Self {
        Self { timer, grace: Some(GRACE) }
    }

    /// Awaits a future until the deadline. Returns `None` if the deadline passes first.
    ///
    /// If the timer fires late and the request was sent, waits once more for a short time: after a stop,
    /// the timer can be handled before the connection, although the response has arrived.
    pub(super) async fn limit<T>(
        &mut self,
        future: impl Future<Output = T>,
        is_sent: impl Fn() -> bool,
    ) -> Option<T> {
        let mut future = pin!(future);
        loop {
            let Some(timer) = self.timer.as_mut().as_pin_mut() else {
                return Some(future.await);
            };
            if let Either::Left((output, _)) = select(future.as_mut(), timer).await {
                return Some(output);
            }
            let mut timer = self.timer.as_mut().as_pin_mut()?;
            let now = Instant::now();
            let grace = self.grace.take()?;
            if now.saturating_duration_since(timer.deadline()) < LATE || !is_sent() {
                return None;
            }
            timer.as_mut().reset(now + grace);
        }
    }
}
