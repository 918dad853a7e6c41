//! One pace for many calls: where the server refuses one for now, all of them hold still.
//!
//! After the wait a single request asks whether the server takes requests again; with each that
//! it takes, twice as many may be under way, up to where it was before.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use reqwest::{StatusCode, header::HeaderMap};
use tokio::{
    sync::Notify,
    time::{Instant, sleep_until},
};

use super::{
    Answer, Failure,
    retry::{self, Happened},
};

/// Shared by the calls of one [`register_all`](crate::Client::register_all).
#[derive(Debug)]
pub(crate) struct Pace {
    /// How many requests may be under way at the most.
    most: usize,
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug)]
struct State {
    /// How many requests may be under way now.
    window: usize,
    under_way: usize,
    /// How many refusals there were: what was sent before the last says nothing of the time after.
    refusals: u64,
    quiet: Option<Quiet>,
}

/// A time in which nothing is sent.
#[derive(Debug)]
struct Quiet {
    /// `None`: longer than a clock can say.
    until: Option<Instant>,
    /// The refusal that stands for every call, where its wait is too long to sit out.
    standing: Option<Refusal>,
}

#[derive(Debug)]
struct Refusal {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Pace {
    pub(crate) fn new(most: usize) -> Self {
        let state = State { window: most, under_way: 0, refusals: 0, quiet: None };
        Self { most, state: Mutex::new(state), changed: Notify::new() }
    }

    /// Waits until one more request may be sent; an answer where the server has said already that
    /// it takes none for a long time.
    pub(super) async fn turn(&self, attempts: u32) -> Result<Turn<'_>, Answer> {
        loop {
            // Made before the state is looked at, so that no change between is missed.
            let changed = self.changed.notified();
            let until = {
                let mut state = self.lock();
                state.end_quiet(Instant::now());
                match &state.quiet {
                    Some(Quiet { until, standing: Some(refusal) }) => {
                        return Err(refusal.answer(*until, attempts));
                    }
                    Some(quiet) => quiet.until,
                    None if state.under_way < state.window => {
                        state.under_way += 1;
                        return Ok(Turn { pace: self, refusals: state.refusals });
                    }
                    None => None,
                }
            };
            match until {
                Some(until) => sleep_until(until).await,
                None => changed.await,
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn end_quiet(&mut self, now: Instant) {
        if self.quiet.as_ref().and_then(|quiet| quiet.until).is_some_and(|until| until <= now) {
            self.quiet = None;
        }
    }

    /// Nothing is sent for `pause` from now, unless a longer quiet stands already.
    fn refuse(&mut self, pause: Duration, standing: Option<Refusal>) {
        self.window = 1;
        self.refusals += 1;
        let until = Instant::now().checked_add(pause);
        let longer = match &self.quiet {
            None => true,
            Some(quiet) => quiet.until.is_some_and(|old| until.is_none_or(|new| new > old)),
        };
        if longer {
            self.quiet = Some(Quiet { until, standing });
        }
    }
}

impl Refusal {
    fn of(answer: &Answer) -> Self {
        let Answer { status, headers, body, .. } = answer;
        Self { status: *status, headers: headers.clone(), body: body.clone() }
    }

    /// The same answer for a call that was not sent for it, with the wait that is left.
    fn answer(&self, until: Option<Instant>, attempts: u32) -> Answer {
        let left = until.map(|until| until.saturating_duration_since(Instant::now()));
        Answer {
            status: self.status,
            headers: self.headers.clone(),
            body: self.body.clone(),
            cut: None,
            retry_after: Some(left.unwrap_or(Duration::MAX)),
            attempts,
        }
    }
}

/// The right to have one request under way.
#[derive(Debug)]
pub(super) struct Turn<'a> {
    pace: &'a Pace,
    /// The refusals there were when it began.
    refusals: u64,
}

impl Turn<'_> {
    /// Tells all calls how this one ended; how long they hold still where the server asked for it.
    pub(super) fn end(self, result: &Result<Answer, Failure>, attempts: u32) -> Option<Duration> {
        let Ok(answer) = result else { return None };
        let happened = Happened::of(result);
        let mut state = self.pace.lock();
        if !happened.is_refused_for_now() {
            if self.refusals == state.refusals {
                state.window = state.window.saturating_mul(2).min(self.pace.most);
            }
            return None;
        }
        let short = retry::wait(&happened, attempts, u32::MAX);
        // What is too long to sit out stands for the others as it came.
        let (pause, standing) = match short {
            Some(pause) => (pause, None),
            None => (answer.retry_after?, Some(Refusal::of(answer))),
        };
        state.refuse(pause, standing);
        Some(pause)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.pace.lock().under_way -= 1;
        self.pace.changed.notify_waiters();
    }
}
