//! The token of a session in memory: when it expires, and when it is due for replacement.

use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::time::Instant;

use super::document::Entry;
use crate::{oauth::access_token::AccessToken, random, store::now};

/// A token with its times. They are compared with the wall clock and with the time since the token
/// was read, so that a wall clock that is set back does not make it valid for longer.
#[derive(Clone)]
pub(super) struct Cached {
    pub(super) token: AccessToken,
    read_at: Instant,
    times: Option<Times>,
}

/// `None` if the server did not say when the token expires: it is then valid until a server refuses
/// it.
#[derive(Clone, Copy)]
struct Times {
    expires_at: DateTime<Utc>,
    /// How long the token is valid from `read_at` on.
    remaining: Duration,
    /// How long before its expiry the token is replaced.
    margin: Duration,
}

impl Cached {
    /// `margin` is capped at half the lifetime, so that a token is always used for a while. It is
    /// reduced by up to a fifth at random, so that many processes do not refresh at the same moment.
    pub(super) fn new(entry: &Entry, margin: Duration) -> Self {
        let times = entry.expires_at.map(|expires_at| {
            let lifetime = between(entry.issued_at, expires_at);
            let margin = margin.min(lifetime / 2).mul_f64(random::factor(0.8, 1.0));
            let remaining = between(now(), expires_at).min(lifetime);
            Times { expires_at, remaining, margin }
        });
        Self { token: entry.token(), read_at: Instant::now(), times }
    }

    pub(super) fn is_valid(&self) -> bool {
        self.times.is_none_or(|times| times.is_ahead(self.read_at, Duration::ZERO))
    }

    /// Returns whether the token is valid, and not due for replacement.
    pub(super) fn is_fresh(&self) -> bool {
        self.times.is_none_or(|times| times.is_ahead(self.read_at, times.margin))
    }
}

impl Times {
    fn is_ahead(&self, read_at: Instant, margin: Duration) -> bool {
        read_at.elapsed().saturating_add(margin) < self.remaining
            && margin < between(now(), self.expires_at)
    }
}

fn between(start: DateTime<Utc>, end: DateTime<Utc>) -> Duration {
    (end - start).to_std().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use oauth2::basic::BasicTokenResponse;

    use super::*;
    use crate::oauth::session::document::Key;

    const MARGIN: Duration = Duration::from_secs(60);

    /// Returns a token of this age and lifetime in seconds.
    fn token(age: i64, lifetime: i64) -> Cached {
        let json =
            format!(r#"{{"access_token":"a","token_type":"bearer","expires_in":{lifetime}}}"#);
        let response: BasicTokenResponse = serde_json::from_str(&json).unwrap();
        let key = Key { server: String::new(), resource: None, client_credentials: None };
        let issued_at = now() - TimeDelta::seconds(age);
        Cached::new(&Entry::new(key, "id", &response, &[], None, issued_at), MARGIN)
    }

    fn state(cached: &Cached) -> (bool, bool) {
        (cached.is_valid(), cached.is_fresh())
    }

    #[tokio::test(start_paused = true)]
    async fn cached_token_is_due_before_it_expires() {
        assert_eq!(state(&token(0, 3600)), (true, true));
        assert_eq!(state(&token(3500, 3600)), (true, true));
        assert_eq!(state(&token(3560, 3600)), (true, false));
        assert_eq!(state(&token(3601, 3600)), (false, false));
        // The margin is at most half the lifetime.
        assert_eq!(state(&token(0, 60)), (true, true));
        assert_eq!(state(&token(40, 60)), (true, false));
    }

    #[tokio::test(start_paused = true)]
    async fn cached_tokens_are_due_at_different_moments() {
        let due = |left: i64| (0..100).filter(|_| !token(3600 - left, 3600).is_fresh()).count();
        assert_eq!((due(62), due(46)), (0, 100));
        let some = due(54);
        assert!((1..100).contains(&some), "{some} of 100");
    }

    #[tokio::test(start_paused = true)]
    async fn cached_token_of_the_future_expires_after_its_lifetime() {
        // This machine's clock was set back by a day since the token was issued.
        let cached = token(-86_400, 3600);
        assert_eq!(state(&cached), (true, true));
        tokio::time::advance(Duration::from_secs(3590)).await;
        assert_eq!(state(&cached), (true, false));
        tokio::time::advance(Duration::from_secs(20)).await;
        assert_eq!(state(&cached), (false, false));
    }
}
