//! Texts of servers, and times, as the terminal shows them.

use std::time::SystemTime;

use poggio::chrono::{DateTime, SecondsFormat, Utc};

/// How many characters of one text are shown.
const MAX_LEN: usize = 1000;

/// Returns a text without control characters, which could change the terminal.
pub(crate) fn plain(text: &str) -> String {
    let is_long = text.chars().nth(MAX_LEN).is_some();
    let text: String = text.chars().take(MAX_LEN).collect();
    let mut shown = String::new();
    for part in text.split_inclusive(['"', '\'', '\\']) {
        let end = part.len() - usize::from(part.ends_with(['"', '\'', '\\']));
        let (text, kept) = part.split_at(end);
        shown.extend(text.escape_debug());
        shown.push_str(kept);
    }
    if is_long {
        shown.push('…');
    }
    shown
}

pub(crate) fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// Returns a time and how far away it is, such as `2026-01-01T00:00:00Z, in 59 minutes`.
pub(crate) fn expiry(at: DateTime<Utc>) -> String {
    let seconds = at.signed_duration_since(DateTime::<Utc>::from(SystemTime::now())).num_seconds();
    if seconds <= 0 {
        return format!("{}, expired", time(at));
    }
    let (number, unit) = match seconds {
        0..120 => (seconds, "seconds"),
        120..7_200 => (seconds / 60, "minutes"),
        7_200..172_800 => (seconds / 3_600, "hours"),
        _ => (seconds / 86_400, "days"),
    };
    format!("{}, in {number} {unit}", time(at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_escapes_control_characters_only() {
        assert_eq!(plain("a\u{1b}[2J\"é\\"), "a\\u{1b}[2J\"é\\");
        assert_eq!(plain("right\u{202e}left"), "right\\u{202e}left");
        assert_eq!(plain(&"x".repeat(2000)).chars().count(), 1001);
    }
}
