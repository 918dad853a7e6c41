//! Intents: the durable notes of requests that are being sent, or whose outcome is unknown. They
//! limit how often a program that restarts may send such a request again.

use chrono::{DateTime, TimeDelta, Utc, serde::ts_seconds, serde::ts_seconds_option};
use serde::{Deserialize, Serialize};

/// How many minutes the next request waits after the first, second, … request in a row of unknown
/// outcome. The last value repeats.
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

impl Intent {
    /// Returns when the wait began, by a clock that shows `now`. A time in the future is not used,
    /// because the clock that wrote it may have been ahead by any amount.
    fn wait_began(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        [Some(self.sent_at), self.seen_at].into_iter().flatten().find(|time| *time <= now)
    }

    fn wait(&self, now: DateTime<Utc>) -> Wait {
        let index = usize::try_from(self.requests.saturating_sub(1)).unwrap_or(usize::MAX);
        let [.., longest] = WAITS;
        let minutes = WAITS.get(index).copied().unwrap_or(longest);
        let since = self.wait_began(now).unwrap_or(now);
        let until = since.checked_add_signed(TimeDelta::minutes(minutes)).unwrap_or(since);
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
