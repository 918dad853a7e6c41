//! Decides whether a request is retried, and after which wait.
//!
//! A registration is not idempotent, so a request is retried only if it is certain that the server did
//! not act on it.

use std::time::Duration;

use reqwest::StatusCode;

use crate::{error::TransportFailure, random, response::Response};

/// The upper limit of the first random wait. It doubles with each attempt.
const FIRST_BACKOFF: Duration = Duration::from_millis(500);
const MAX_BACKOFF: Duration = Duration::from_secs(8);
/// If a server asks for a longer wait, the caller gets the error instead.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(60);

/// How one attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AttemptOutcome {
    /// No response arrived. `sent` is false only if the server cannot have acted on the request.
    NoResponse { sent: bool },
    /// A response arrived. `retry_after` is its `Retry-After`, if usable.
    Response { status: StatusCode, retry_after: Option<Duration> },
}

impl AttemptOutcome {
    pub(super) fn new(result: Result<&Response, &TransportFailure>) -> Self {
        match result {
            Err(failure) => Self::NoResponse { sent: failure.sent },
            Ok(Response { status, retry_after, .. }) => {
                Self::Response { status: *status, retry_after: *retry_after }
            }
        }
    }

    /// Returns whether the server rejected the request only for now: a 429, or a 503 with `Retry-After`.
    fn is_temporary(&self) -> bool {
        match self {
            Self::Response { status: StatusCode::TOO_MANY_REQUESTS, .. } => true,
            Self::Response { status: StatusCode::SERVICE_UNAVAILABLE, retry_after } => {
                retry_after.is_some()
            }
            _ => false,
        }
    }
}

/// What to do after an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RetryDecision {
    /// Return the result to the caller.
    Stop,
    /// Retry after a random wait of at most this duration (full jitter).
    Backoff(Duration),
    /// Retry after the wait that the server asked for.
    After(Duration),
}

pub(crate) fn decide(outcome: &AttemptOutcome, attempts: u32, max_retries: u32) -> RetryDecision {
    if attempts > max_retries {
        return RetryDecision::Stop;
    }
    match *outcome {
        AttemptOutcome::NoResponse { sent: true } => RetryDecision::Stop,
        AttemptOutcome::Response { .. } if !outcome.is_temporary() => RetryDecision::Stop,
        AttemptOutcome::Response { retry_after: Some(wait), .. } if wait > MAX_RETRY_AFTER => {
            RetryDecision::Stop
        }
        AttemptOutcome::Response { retry_after: Some(wait), .. } => RetryDecision::After(wait),
        AttemptOutcome::NoResponse { sent: false }
        | AttemptOutcome::Response { retry_after: None, .. } => {
            RetryDecision::Backoff(backoff(attempts))
        }
    }
}

/// Returns how long to wait before the retry, or `None` if there is none.
pub(super) fn wait(outcome: &AttemptOutcome, attempts: u32, max_retries: u32) -> Option<Duration> {
    match decide(outcome, attempts, max_retries) {
        RetryDecision::Stop => None,
        RetryDecision::After(wait) => Some(wait),
        RetryDecision::Backoff(max) => Some(max.mul_f64(random::factor(0.0, 1.0))),
    }
}

fn backoff(attempts: u32) -> Duration {
    let doubled = 2u32.saturating_pow(attempts.saturating_sub(1));
    FIRST_BACKOFF.saturating_mul(doubled).min(MAX_BACKOFF)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decide_retries_only_429_and_503_with_retry_after() {
        let soon = Some(Duration::from_secs(3));
        for code in 100..=599 {
            let status = StatusCode::from_u16(code).unwrap();
            let expected = match code {
                429 => (
                    RetryDecision::Backoff(FIRST_BACKOFF),
                    RetryDecision::After(Duration::from_secs(3)),
                ),
                503 => (RetryDecision::Stop, RetryDecision::After(Duration::from_secs(3))),
                _ => (RetryDecision::Stop, RetryDecision::Stop),
            };
            let decide =
                |retry_after| decide(&AttemptOutcome::Response { status, retry_after }, 1, 2);
            assert_eq!((decide(None), decide(soon)), expected, "{code}");
        }
    }

    #[test]
    fn decide_never_retries_a_request_that_may_have_been_sent() {
        let decide = |sent| decide(&AttemptOutcome::NoResponse { sent }, 1, 2);
        assert_eq!(decide(true), RetryDecision::Stop);
        assert_eq!(decide(false), RetryDecision::Backoff(FIRST_BACKOFF));
    }

    #[test]
    fn decide_stops_after_max_retries() {
        let refused = AttemptOutcome::NoResponse { sent: false };
        assert_eq!(decide(&refused, 2, 2), RetryDecision::Backoff(Duration::from_secs(1)));
        assert_eq!(decide(&refused, 3, 2), RetryDecision::Stop);
        assert_eq!(decide(&refused, 1, 0), RetryDecision::Stop);
    }

    #[test]
    fn backoff_doubles_up_to_eight_seconds() {
        let millis: Vec<_> = (1..=7).map(|attempts| backoff(attempts).as_millis()).collect();
        assert_eq!(millis, [500, 1000, 2000, 4000, 8000, 8000, 8000]);
        assert_eq!(backoff(u32::MAX), MAX_BACKOFF);
    }

    #[test]
    fn decide_stops_if_retry_after_exceeds_one_minute() {
        let at = |seconds| {
            let retry_after = Some(Duration::from_secs(seconds));
            let status = StatusCode::TOO_MANY_REQUESTS;
            decide(&AttemptOutcome::Response { status, retry_after }, 1, 2)
        };
        assert_eq!(at(60), RetryDecision::After(Duration::from_secs(60)));
        assert_eq!(at(61), RetryDecision::Stop);
    }

    #[test]
    fn wait_is_random_and_at_most_the_backoff() {
        let refused = AttemptOutcome::NoResponse { sent: false };
        let waits: Vec<_> = (0..100).map(|_| wait(&refused, 1, 2).unwrap()).collect();
        assert!(waits.iter().all(|wait| *wait <= FIRST_BACKOFF));
        assert!(waits.iter().any(|wait| *wait != waits[0]), "all waits are the same");
    }
}
