//! Random waits and unique names. Nothing here is for cryptography: the secrets of this crate's protocols
//! come from the `oauth2` crate and the server.

use std::{
    hash::{BuildHasher, Hash, Hasher, RandomState},
    process, thread,
    time::{Duration, Instant, SystemTime},
};

/// Returns a random number. `RandomState` takes its keys from the operating system, and changes them
/// for each hasher.
pub(crate) fn number() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// Returns a random factor that is at least `from` and less than `to`.
pub(crate) fn factor(from: f64, to: f64) -> f64 {
    // The upper 32 bits, which `f64` holds exactly.
    let upper = u32::try_from(number() >> 32).unwrap_or_default();
    (f64::from(upper) / (f64::from(u32::MAX) + 1.0)).mul_add(to - from, from)
}

/// Returns a random time of at least `from` and less than `to` milliseconds.
pub(crate) fn millis(from: u64, to: u64) -> Duration {
    Duration::from_millis(from + number() % (to - from))
}

/// Returns a random 128-bit identifier. Clock, process and thread are part of it, so that it is
/// unique on two copies of one virtual machine, whose random state is the same.
pub(crate) fn unique_id() -> String {
    let half = || {
        let mut hasher = RandomState::new().build_hasher();
        (SystemTime::now(), Instant::now()).hash(&mut hasher);
        (process::id(), thread::current().id()).hash(&mut hasher);
        hasher.finish()
    };
    format!("{:016x}{:016x}", half(), half())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn factor_and_millis_stay_in_their_range() {
        let factors: Vec<_> = (0..1000).map(|_| factor(0.75, 1.25)).collect();
        assert!(factors.iter().all(|factor| (0.75..1.25).contains(factor)), "{factors:?}");
        assert!(factors.iter().any(|factor| *factor < 0.9), "{factors:?}");
        assert!(factors.iter().any(|factor| *factor > 1.1), "{factors:?}");
        let waits: BTreeSet<_> = (0..1000).map(|_| millis(5, 8).as_millis()).collect();
        assert_eq!(Vec::from_iter(waits), [5, 6, 7]);
    }

    #[test]
    fn unique_id_differs_for_each_call_and_thread() {
        let ids = || (0..1000).map(|_| unique_id()).collect::<Vec<_>>();
        let threads: Vec<_> = (0..4).map(|_| thread::spawn(ids)).collect();
        let ids: BTreeSet<_> =
            threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
        assert_eq!(ids.len(), 4000);
        assert!(ids.iter().all(|id| id.len() == 32), "{ids:?}");
    }
}
