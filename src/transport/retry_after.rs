//! The `Retry-After` header (RFC 9110 section 10.2.3): seconds, or a date in any of its three formats.

use std::time::{Duration, SystemTime};

use chrono::{DateTime, NaiveDateTime, Utc};
use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};

/// Returns how long the server asks to wait in whole seconds, or `None` if no value is usable.
///
/// A value is a number of seconds, a fraction of which is rounded up, or a date. A date in the past means
/// no wait. A date counts from the response's `Date` header if there is one, so that a wrong local clock
/// does not matter. If there are several values, the longest wait is used.
pub(crate) fn read(headers: &HeaderMap) -> Option<Duration> {
    let texts = headers.get_all(RETRY_AFTER).iter().filter_map(|value| value.to_str().ok());
    let waits = texts.filter_map(|text| match until(text.trim(), headers) {
        Some(wait) => Some(wait),
        // A date contains a comma. Otherwise, a proxy has joined several headers.
        None => text.split(',').filter_map(|text| seconds(text.trim())).max(),
    });
    waits.max().map(Duration::from_secs)
}

/// Reads `7` and `6.5`, but no sign and no exponent.
fn seconds(text: &str) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !is_digits(whole) || !is_digits(fraction) {
        return None;
    }
    // A number too large for `u64` means a wait so long that the caller gets the error.
    let whole: u64 = whole.parse().unwrap_or(u64::MAX);
    Some(whole.saturating_add(u64::from(fraction.bytes().any(|digit| digit != b'0'))))
}

/// Reads a date, and returns the time until then in seconds, rounded up.
fn until(text: &str, headers: &HeaderMap) -> Option<u64> {
    let at = http_date(text)?;
    let now = headers.get(DATE).and_then(|date| http_date(date.to_str().ok()?));
    let wait = (at - now.unwrap_or_else(|| SystemTime::now().into())).to_std().unwrap_or_default();
    Some(wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0)))
}

/// Parses the three formats of a date (RFC 9110 section 5.6.7), without the day of the week. All are
/// in UTC.
fn http_date(text: &str) -> Option<DateTime<Utc>> {
    const FORMATS: [&str; 3] =
        ["%d %b %Y %H:%M:%S GMT", "%d-%b-%y %H:%M:%S GMT", "%b %e %H:%M:%S %Y"];
    let (_day_of_week, text) = text.split_once(' ')?;
    let parse = |format| NaiveDateTime::parse_from_str(text, format).ok();
    FORMATS.into_iter().find_map(parse).map(|date| date.and_utc())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_from(retry_after: &str) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        headers.insert(DATE, "Thu, 01 Jan 2026 00:00:00 GMT".parse().unwrap());
        headers.insert(RETRY_AFTER, retry_after.parse().unwrap());
        read(&headers)
    }

    #[test]
    fn read_rounds_the_wait_until_a_date_up() {
        let second = || DateTime::<Utc>::from(SystemTime::now()).timestamp();
        let wait = loop {
            let now = second();
            let date = DateTime::from_timestamp(now + 10, 0).unwrap();
            let date = date.format("%a, %d %b %Y %H:%M:%S GMT").to_string();
            let wait = read(&HeaderMap::from_iter([(RETRY_AFTER, date.parse().unwrap())]));
            if second() == now {
                break wait;
            }
        };
        // Less than 10 s remain, and a server may refuse a request that is a moment early.
        assert_eq!(wait, Some(Duration::from_secs(10)));
    }

    #[test]
    fn read_accepts_seconds_and_all_date_formats() {
        for (text, seconds) in [
            ("0", 0),
            (" 7 ", 7),
            ("120", 120),
            ("299.997", 300),
            ("0.1", 1),
            ("0.0", 0),
            ("5.", 5),
            (" 1.000000000001 ", 2),
            ("007", 7),
            ("99999999999999999999999", u64::MAX),
            ("99999999999999999999999.5", u64::MAX),
            ("18446744073709551615.5", u64::MAX),
            ("Thu, 01 Jan 2026 00:00:30 GMT", 30),
            ("Thursday, 01-Jan-26 00:00:30 GMT", 30),
            ("Thu Jan  1 00:00:30 2026", 30),
            ("Wed, 31 Dec 2025 23:59:00 GMT", 0),
        ] {
            assert_eq!(read_from(text), Some(Duration::from_secs(seconds)), "{text}");
        }
    }

    #[test]
    fn read_ignores_invalid_values() {
        for text in [
            "",
            " ",
            "-5",
            "-0.5",
            "+3",
            ".5",
            ".",
            "1.2.3",
            "1e3",
            "NaN",
            "inf",
            "0x10",
            "soon",
            "5 seconds",
            "5s",
            "1 000",
            ",",
            "Thu, 32 Jan 2026 00:00:30 GMT",
        ] {
            assert_eq!(read_from(text), None, "{text}");
        }
        assert_eq!(read(&HeaderMap::new()), None);
    }

    #[test]
    fn read_uses_the_longest_of_several_values() {
        for (texts, expected) in [
            (&["5", "10", "7"][..], Some(10)),
            (&["soon", "5"], Some(5)),
            (&["5", "Thu, 01 Jan 2026 00:00:30 GMT"], Some(30)),
            (&["120, 120"], Some(120)),
            (&["soon, 2.5"], Some(3)),
            (&["soon", "-1"], None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(DATE, "Thu, 01 Jan 2026 00:00:00 GMT".parse().unwrap());
            for text in texts {
                headers.append(RETRY_AFTER, text.parse().unwrap());
            }
            assert_eq!(read(&headers).map(|wait| wait.as_secs()), expected, "{texts:?}");
        }
    }

    #[test]
    fn read_uses_the_local_clock_without_a_date_header() {
        let mut headers = HeaderMap::new();
        let at = SystemTime::now() + Duration::from_secs(100);
        let date = DateTime::<Utc>::from(at).format("%a, %d %b %Y %H:%M:%S GMT").to_string();
        headers.insert(RETRY_AFTER, date.parse().unwrap());
        let wait = read(&headers).unwrap().as_secs();
        assert!((98..=100).contains(&wait), "{wait}");
        assert_eq!(read(&headers).unwrap().subsec_nanos(), 0);
    }
}
