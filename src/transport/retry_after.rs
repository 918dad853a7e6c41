//! The `Retry-After` header (RFC 9110 section 10.2.3): seconds, or a date in any of its three formats.

use std::time::{Duration, SystemTime};

use reqwest::header::{DATE, HeaderMap, HeaderName, RETRY_AFTER};

/// Returns how long the server asks to wait, or `None` if the header is missing or invalid.
///
/// A date counts from the response's `Date` header if there is one, so that a wrong local clock does not
/// matter. A date in the past means no wait.
pub(crate) fn read(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // A number too large for `u64` means a wait so long that the caller gets the error.
        return Some(Duration::from_secs(text.parse().unwrap_or(u64::MAX)));
    }
    let at = httpdate::parse_http_date(text).ok()?;
    let now = date(headers, &DATE).unwrap_or_else(SystemTime::now);
    Some(at.duration_since(now).unwrap_or_default())
}

fn date(headers: &HeaderMap, name: &HeaderName) -> Option<SystemTime> {
    httpdate::parse_http_date(headers.get(name)?.to_str().ok()?).ok()
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
    fn read_accepts_seconds_and_all_date_formats() {
        for (text, seconds) in [
            ("0", 0),
            (" 7 ", 7),
            ("120", 120),
            ("99999999999999999999999", u64::MAX),
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
        for text in ["", "-5", "1.5", "soon", "5 seconds", "+3", "Thu, 32 Jan 2026 00:00:30 GMT"] {
            assert_eq!(read_from(text), None, "{text}");
        }
        assert_eq!(read(&HeaderMap::new()), None);
    }

    #[test]
    fn read_uses_the_local_clock_without_a_date_header() {
        let mut headers = HeaderMap::new();
        let at = SystemTime::now() + Duration::from_secs(100);
        headers.insert(RETRY_AFTER, httpdate::fmt_http_date(at).parse().unwrap());
        let wait = read(&headers).unwrap().as_secs();
        assert!((98..=100).contains(&wait), "{wait}");
    }
}
