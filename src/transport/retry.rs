//! What is sent again, and when: one pure decision.
//!
//! A registration is not idempotent, so a request is sent again only where it is certain that the
//! server did not act on it.

use std::time::Duration;

use reqwest::StatusCode;

use crate::{error::TransportFailure, response::Response};

/// The first wait is random below this; the bound doubles with each attempt.
const FIRST_BACKOFF: Duration = Duration::from_millis(500);
const MAX_BACKOFF: Duration = Duration::from_secs(8);
/// A server that asks for more than this gets its error handed on instead.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(60);

/// How one attempt ended, as far as the decision goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AttemptOutcome {
    /// No answer; whether any part of the request may have left.
    NoResponse { sent: bool },
    /// An answer, and the Retry-After it carried if that was usable.
    Response { status: StatusCode, retry_after: Option<Duration> },
}

impl AttemptOutcome {
    pub(super) fn of(result: Result<&Response, &TransportFailure>) -> Self {
        match result {
            Err(failure) => Self::NoResponse { sent: failure.sent },
            Ok(Response { status, retry_after, .. }) => {
                Self::Response { status: *status, retry_after: *retry_after }
            }
        }
    }

    /// Whether the server takes no request now: a 429, or a 503 that says until when.
    fn is_refused_for_now(&self) -> bool {
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
    /// Hand it on.
    Stop,
    /// Send again after a random wait below this bound (full jitter).
    Backoff(Duration),
    /// Send again after exactly this, as the server asked.
    After(Duration),
}

pub(crate) fn decide(happened: &AttemptOutcome, attempts: u32, max_retries: u32) -> RetryDecision {
    if attempts > max_retries {
        return RetryDecision::Stop;
    }
    match *happened {
        AttemptOutcome::NoResponse { sent: true } => RetryDecision::Stop,
        AttemptOutcome::Response { .. } if !happened.is_refused_for_now() => RetryDecision::Stop,
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

/// How long to wait before sending again; `None` to hand the result on.
pub(super) fn wait(happened: &AttemptOutcome, attempts: u32, max_retries: u32) -> Option<Duration> {
    match decide(happened, attempts, max_retries) {
        RetryDecision::Stop => None,
        RetryDecision::After(wait) => Some(wait),
        RetryDecision::Backoff(bound) => Some(bound.mul_f64(fastrand::f64())),
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
    fn only_429_and_a_503_that_says_when_are_sent_again() {
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
    fn a_request_that_may_have_left_is_never_sent_again() {
        let decide = |sent| decide(&AttemptOutcome::NoResponse { sent }, 1, 2);
        assert_eq!(decide(true), RetryDecision::Stop);
        assert_eq!(decide(false), RetryDecision::Backoff(FIRST_BACKOFF));
    }

    #[test]
    fn retries_end_after_max_retries() {
        let refused = AttemptOutcome::NoResponse { sent: false };
        assert_eq!(decide(&refused, 2, 2), RetryDecision::Backoff(Duration::from_secs(1)));
        assert_eq!(decide(&refused, 3, 2), RetryDecision::Stop);
        assert_eq!(decide(&refused, 1, 0), RetryDecision::Stop);
    }

    #[test]
    fn the_backoff_doubles_up_to_eight_seconds() {
        let millis: Vec<_> = (1..=7).map(|attempts| backoff(attempts).as_millis()).collect();
        assert_eq!(millis, [500, 1000, 2000, 4000, 8000, 8000, 8000]);
        assert_eq!(backoff(u32::MAX), MAX_BACKOFF);
    }

    #[test]
    fn more_than_a_minute_is_given_back() {
        let at = |seconds| {
            let retry_after = Some(Duration::from_secs(seconds));
            let status = StatusCode::TOO_MANY_REQUESTS;
            decide(&AttemptOutcome::Response { status, retry_after }, 1, 2)
        };
        assert_eq!(at(60), RetryDecision::After(Duration::from_secs(60)));
        assert_eq!(at(61), RetryDecision::Stop);
    }

    #[test]
    fn a_backoff_waits_somewhere_below_its_bound() {
        let refused = AttemptOutcome::NoResponse { sent: false };
        let waits: Vec<_> = (0..100).map(|_| wait(&refused, 1, 2).unwrap()).collect();
        assert!(waits.iter().all(|wait| *wait <= FIRST_BACKOFF));
        assert!(waits.iter().any(|wait| *wait != waits[0]), "all waits are the same");
    }
}
