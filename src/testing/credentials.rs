//! What clients and programs are given: ids, secrets, codes, tokens.

use std::{
    collections::HashMap,
    time::{SystemTime, UNIX_EPOCH},
};

/// 2026-01-01T00:00:00Z.
const ISSUED_AT: u64 = 1_767_225_600;

/// What comes next.
#[derive(Debug)]
pub(super) enum Credentials {
    /// The same on every run: how many there were of each kind.
    Counted(HashMap<&'static str, u64>),
    Random,
}

impl Default for Credentials {
    fn default() -> Self {
        Self::Counted(HashMap::new())
    }
}

impl Credentials {
    /// A client's id, and when it was issued.
    pub(super) fn client_id(&mut self) -> (String, u64) {
        if let Some(count) = self.count("client") {
            return (format!("loopback-client-{count}"), ISSUED_AT);
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        (random(16), now.as_secs())
    }

    /// A secret, code or token.
    pub(super) fn secret(&mut self, kind: &'static str) -> String {
        match self.count(kind) {
            Some(count) => format!("loopback-{kind}-{count}-of-no-value-elsewhere"),
            None => random(43),
        }
    }

    fn count(&mut self, kind: &'static str) -> Option<u64> {
        let Self::Counted(counts) = self else { return None };
        let count = counts.entry(kind).or_default();
        *count += 1;
        Some(*count)
    }
}

pub(super) fn random(length: usize) -> String {
    std::iter::repeat_with(fastrand::alphanumeric).take(length).collect()
}
