//! What is sent again, and when: one pure decision.
//!
//! A registration is not idempotent, so a request is sent again only where it is certain that the
//! server did not act on it.

use std::time::Duration;

use reqwest::StatusCode;

use super::{Answer, Failure};

/// The first wait is random below this; the bound doubles with each attempt.
const FIRST_BACKOFF: Duration = Duration::from_millis(500);
const MAX_BACKOFF: Duration = Duration::from_secs(8);
/// A server that asks for more than this gets its error handed on instead.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(60);

/// How one attempt ended, as far as the decision goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Happened {
    /// No answer; whether any part of the request may have left.
    NoAnswer { sent: bool },
    /// An answer, and the Retry-After it carried if that was usable.
    Answered { status: StatusCode, retry_after: Option<Duration> },
}

impl Happened {
    pub(super) fn of(result: &Result<Answer, Failure>) -> Self {
        match result {
            Err(failure) => Self::NoAnswer { sent: failure.sent },
            Ok(Answer { status, retry_after, .. }) => {
                Self::Answered { status: *status, retry_after: *retry_after }
            }
        }
    }

    /// Whether the server takes no request now: a 429, or a 503 that says until when.
    pub(super) fn is_refused_for_now(&self) -> bool {
        match self {
            Self::Answered { status: StatusCode::TOO_MANY_REQUESTS, .. } => true,
            Self::Answered { status: StatusCode::SERVICE_UNAVAILABLE, retry_after } => {
                retry_after.is_some()
            }
            _ => false,
        }
    }
}

/// What to do after an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// Hand it on.
    GiveBack,
    /// Send again after a random wait below this bound (full jitter).
    Backoff(Duration),
    /// Send again after exactly this, as the server asked.
    After(Duration),
}

pub(crate) fn decide(happened: &Happened, attempts: u32, max_retries: u32) -> Decision {
    if attempts > max_retries {
        return Decision::GiveBack;
    }
    match *happened {
        Happened::NoAnswer { sent: true } => Decision::GiveBack,
        Happened::Answered { .. } if !happened.is_refused_for_now() => Decision::GiveBack,
        Happened::Answered { retry_after: Some(wait), .. } if wait > MAX_RETRY_AFTER => {
            Decision::GiveBack
        }
        Happened::Answered { retry_after: Some(wait), .. } => Decision::After(wait),
        Happened::NoAnswer { sent: false } | Happened::Answered { retry_after: None, .. } => {
            Decision::Backoff(backoff(attempts))
        }
    }
}

/// How long to wait before sending again; `None` to hand the result on.
pub(super) fn wait(happened: &Happened, attempts: u32, max_retries: u32) -> Option<Duration> {
    match decide(happened, attempts, max_retries) {
        Decision::GiveBack => None,
        Decision::After(wait) => Some(wait),
        Decision::Backoff(bound) => Some(bound.mul_f64(fastrand::f64())),
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
                429 => (Decision::Backoff(FIRST_BACKOFF), Decision::After(Duration::from_secs(3))),
                503 => (Decision::GiveBack, Decision::After(Duration::from_secs(3))),
                _ => (Decision::GiveBack, Decision::GiveBack),
            };
            let decide = |retry_after| decide(&Happened::Answered { status, retry_after }, 1, 2);
            assert_eq!((decide(None), decide(soon)), expected, "{code}");
        }
    }

    #[test]
    fn a_request_that_may_have_left_is_never_sent_again() {
        let decide = |sent| decide(&Happened::NoAnswer { sent }, 1, 2);
        assert_eq!(decide(true), Decision::GiveBack);
        assert_eq!(decide(false), Decision::Backoff(FIRST_BACKOFF));
    }

    #[test]
    fn retries_end_after_max_retries() {
        let refused = Happened::NoAnswer { sent: false };
        assert_eq!(decide(&refused, 2, 2), Decision::Backoff(Duration::from_secs(1)));
        assert_eq!(decide(&refused, 3, 2), Decision::GiveBack);
        assert_eq!(decide(&refused, 1, 0), Decision::GiveBack);
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
            decide(&Happened::Answered { status, retry_after }, 1, 2)
        };
        assert_eq!(at(60), Decision::After(Duration::from_secs(60)));
        assert_eq!(at(61), Decision::GiveBack);
    }

    #[test]
    fn a_backoff_waits_somewhere_below_its_bound() {
        let refused = Happened::NoAnswer { sent: false };
        let waits: Vec<_> = (0..100).map(|_| wait(&refused, 1, 2).unwrap()).collect();
        assert!(waits.iter().all(|wait| *wait <= FIRST_BACKOFF));
        assert!(waits.iter().any(|wait| *wait != waits[0]), "all waits are the same");
    }
}
