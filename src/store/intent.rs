//! Intents: the durable notes of requests that are being sent, or whose outcome is unknown. They
//! limit how often a program that restarts may send such a request again.

use chrono::{DateTime, TimeDelta, Utc, serde::ts_seconds, serde::ts_seconds_option};
use serde::{Deserialize, Serialize};

/// How many minutes the next request waits after the first, second, … request in a row without a
/// usable client. The last value repeats.
const WAITS: [i64; 6] = [1, 4, 16, 64, 256, 24 * 60];

/// The maximum number of intents. Further requests share the one whose wait ends first.
const MAX_INTENTS: usize = 32;

/// The intents of a document.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Intents(Vec<Intent>);

/// A request that is being sent, or whose outcome is unknown. Its size is bounded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Intent {
    /// The endpoint and the metadata of the request; see `Query::key`.
    key: String,
    /// The call that sent the last request.
    owner: String,
    /// How many requests in a row have an unknown outcome, this one included.
    requests: u32,
    /// When the last request was sent, by the clock of its sender.
    #[serde(with = "ts_seconds")]
    sent_at: DateTime<Utc>,
    /// When a clock that was behind `sent_at` first saw this intent. That clock waits from then.
    #[serde(default, with = "ts_seconds_option", skip_serializing_if = "Option::is_none")]
    seen_at: Option<DateTime<Utc>>,
}

/// The wait for the next request, because the outcome of the last one is unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wait {
    pub(crate) since: DateTime<Utc>,
    pub(crate) until: DateTime<Utc>,
}

/// Returns how long the next request waits after so many requests in a row without a usable client.
pub(super) fn wait_after(requests: usize) -> TimeDelta {
    let [.., longest] = WAITS;
    let Some(index) = requests.checked_sub(1) else { return TimeDelta::zero() };
    TimeDelta::minutes(WAITS.get(index).copied().unwrap_or(longest))
}

impl Intent {
    /// Returns when the wait began, by a clock that shows `now`. A time in the future is not used,
    /// because the clock that wrote it may have been ahead by any amount.
    fn wait_began(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        [Some(self.sent_at), self.seen_at].into_iter().flatten().find(|time| *time <= now)
    }

    fn wait(&self, now: DateTime<Utc>) -> Wait {
        let requests = usize::try_from(self.requests).unwrap_or(usize::MAX);
        let since = self.wait_began(now).unwrap_or(now);
        let until = since.checked_add_signed(wait_after(requests)).unwrap_or(since);
        Wait { since, until }
    }
}

impl Intents {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the wait for a request with this key, or `None` if it may be sent now.
    pub(super) fn wait(&self, key: &str, now: DateTime<Utc>) -> Option<Wait> {
        let wait = self.0.get(self.slot(key, now)?)?.wait(now);
        (wait.until > now).then_some(wait)
    }

    /// Starts the wait for a request with this key by a clock that is behind. Returns whether that
    /// changed anything: the wait of each clock starts once.
    pub(super) fn start_wait(&mut self, key: &str, now: DateTime<Utc>) -> bool {
        let slot = self.slot(key, now);
        let Some(intent) = slot.and_then(|slot| self.0.get_mut(slot)) else { return false };
        let is_new = intent.wait_began(now).is_none();
        if is_new {
            intent.seen_at = Some(now);
        }
        is_new
    }

    /// Returns whether the last request of an intent is this caller's.
    pub(super) fn contains(&self, owner: &str) -> bool {
        self.0.iter().any(|intent| intent.owner == owner)
    }

    /// Notes that `owner` is about to send a request. Returns the intent that this replaces.
    pub(super) fn begin(&mut self, key: &str, owner: &str, now: DateTime<Utc>) -> Option<Intent> {
        let slot = self.slot(key, now);
        let previous = slot.map(|slot| self.0.remove(slot));
        let requests = previous.as_ref().map_or(0, |intent| intent.requests);
        self.0.push(Intent {
            key: key.to_owned(),
            owner: owner.to_owned(),
            requests: requests.saturating_add(1),
            sent_at: now,
            seen_at: None,
        });
        previous
    }

    /// Notes that the request of `owner` registered no client: what `begin` replaced applies again.
    /// Returns whether that changed anything.
    pub(super) fn undo(&mut self, owner: &str, previous: Option<&Intent>) -> bool {
        let Some(index) = self.0.iter().position(|intent| intent.owner == owner) else {
            return false;
        };
        self.0.remove(index);
        self.0.extend(previous.cloned());
        true
    }

    /// Removes the intent of a key, because a client was saved. Returns whether there was one.
    pub(super) fn remove(&mut self, key: &str) -> bool {
        let initial_len = self.0.len();
        self.0.retain(|intent| intent.key != key);
        self.0.len() < initial_len
    }

    /// Removes all intents. Returns whether there was one.
    pub(super) fn clear(&mut self) -> bool {
        !std::mem::take(&mut self.0).is_empty()
    }

    /// Returns the index of the intent that a request with this key has to wait for, if any. If the
    /// list is full, that is the one whose wait ends first.
    fn slot(&self, key: &str, now: DateTime<Utc>) -> Option<usize> {
        let own = self.0.iter().position(|intent| intent.key == key);
        let is_full = self.0.len() >= MAX_INTENTS;
        let first_to_end = || {
            let all = self.0.iter().enumerate();
            all.min_by_key(|(_, intent)| intent.wait(now).until).map(|(index, _)| index)
        };
        own.or_else(|| is_full.then(first_to_end).flatten())
    }
}

#[cfg(test)]
impl Intent {
    /// Returns a short text that differs for different intents of one key.
    pub(super) fn digest(&self) -> String {
        format!("{}{}@{}", self.owner, self.requests, self.sent_at.timestamp())
    }
}

#[cfg(test)]
impl Intents {
    pub(super) fn digest(&self) -> String {
        self.0.iter().map(Intent::digest).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 24 * 60;

    /// Returns the time so many minutes after a fixed moment.
    fn at(minutes: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000, 0).unwrap() + TimeDelta::minutes(minutes)
    }

    /// Sends a request of unknown outcome, if it may be sent.
    fn is_sent(intents: &mut Intents, key: &str, now: DateTime<Utc>) -> bool {
        let is_free = intents.wait(key, now).is_none();
        if is_free {
            intents.begin(key, "owner", now);
        } else {
            intents.start_wait(key, now);
        }
        is_free
    }

    /// Returns the minutes at which a program that calls every minute sends a request. Its clock is
    /// `offset` minutes ahead.
    fn sent_at(intents: &mut Intents, minutes: std::ops::Range<i64>, offset: i64) -> Vec<i64> {
        minutes.filter(|minute| is_sent(intents, "key", at(minute + offset))).collect()
    }

    #[test]
    fn wait_allows_six_requests_on_the_first_day_and_one_a_day_after() {
        let sent = sent_at(&mut Intents::default(), 0..4 * DAY, 0);
        assert_eq!(sent, [0, 1, 5, 21, 85, 341, 1781, 3221, 4661]);
    }

    #[test]
    fn wait_is_never_longer_than_the_last_one_from_now_after_a_clock_was_set_back() {
        for years in [1, 200] {
            let mut intents = Intents::default();
            let ahead = years * 365 * DAY;
            assert_eq!(sent_at(&mut intents, 0..1, ahead), [0]);
            // Set back: a minute from the first call. Without a call in between, from that one.
            assert_eq!(sent_at(&mut intents, 7..9, 0), [8]);
            assert_eq!(sent_at(&mut intents, 9..20, 0), [12]);
            // Before every time in the document.
            assert_eq!(intents.wait("key", at(-DAY)).unwrap().until, at(16 - DAY));
        }
    }

    #[test]
    fn wait_is_kept_by_each_of_two_clocks() {
        let mut intents = Intents::default();
        // A host two days ahead has sent six requests, the last one at minute 341.
        assert_eq!(sent_at(&mut intents, 0..400, 2 * DAY).len(), 6);
        // A host with the right clock waits a day from its first call, and so does the other one.
        for minute in 400..400 + DAY {
            assert!(!is_sent(&mut intents, "key", at(minute)), "{minute}");
            assert!(!is_sent(&mut intents, "key", at(minute + 2 * DAY)) || minute == 1781);
        }
    }

    #[test]
    fn undo_restores_the_wait_of_an_earlier_request() {
        let mut intents = Intents::default();
        assert!(is_sent(&mut intents, "key", at(0)));
        assert!(is_sent(&mut intents, "key", at(1)));
        for minute in 5..9 {
            let previous = intents.begin("key", "refused", at(minute));
            assert!(intents.wait("key", at(minute)).is_some());
            assert!(intents.undo("refused", previous.as_ref()));
            assert!(!intents.undo("refused", previous.as_ref()));
        }
        assert!(is_sent(&mut intents, "key", at(9)));
        assert_eq!(intents.wait("key", at(9)).unwrap().until, at(9 + 16));
    }

    #[test]
    fn intents_of_many_keys_share_a_bounded_list() {
        let mut intents = Intents::default();
        // Each of 100 keys has unknown outcomes all the time.
        let mut sent = 0;
        for minute in (0..DAY).step_by(10) {
            for key in 0..100 {
                sent += usize::from(is_sent(&mut intents, &format!("key {key}"), at(minute)));
            }
        }
        assert!(sent <= 32 * 6, "{sent}");
        let text = serde_json::to_string(&intents).unwrap();
        assert_eq!(intents.0.len(), 32);
        assert!(text.len() < 32 * 150, "{}", text.len());
    }

    #[test]
    fn intents_from_a_file_with_extreme_values_never_wait_longer_than_a_day() {
        for (requests, sent_at) in [(0, 0), (u32::MAX, 0), (u32::MAX, 8_210_266_876_799_i64)] {
            let json = format!(
                r#"[{{"key": "key", "owner": "a", "requests": {requests}, "sent_at": {sent_at}}}]"#
            );
            let mut intents: Intents = serde_json::from_str(&json).unwrap();
            let until = intents.wait("key", at(0)).map_or(at(0), |wait| wait.until);
            assert!(until <= at(DAY), "{until}");
            assert_eq!(sent_at > 0, intents.start_wait("key", at(0)));
            intents.begin("key", "b", at(DAY));
            assert!(intents.wait("key", at(DAY)).is_some());
        }
    }
}
