//! Makes text from a server safe to show: one short line, without control characters and without
//! anything that looks like a credential.
//!
//! Every text that an error takes from a response passes through here once, when the response is
//! read. Not redacted are [`ApiError::headers`](crate::ApiError::headers) and
//! [`UnreadableResponse::expose_body`](crate::UnreadableResponse::expose_body), which `Debug` does not
//! show either.

use crate::secret::ClientSecret;

const REDACTED: &str = "[redacted]";
const MAX_CHARS: usize = 300;
/// Shorter words are not masked for looking random, because codes, ports and dates do too.
const MIN_RANDOM_CHARS: usize = 16;
/// A member or parameter whose name ends with one of these words holds a credential.
const CREDENTIAL_NAMES: &[&str] =
    &["secret", "token", "password", "key", "credential", "credentials"];

/// Redacts text: masks known secrets, and anything that looks like a credential.
pub(crate) struct Redactor<'a> {
    /// An array, so that reading a response does not allocate.
    secrets: [Option<&'a str>; 2],
    more_secrets: Vec<&'a str>,
}

impl<'a> Redactor<'a> {
    pub(crate) fn new(token: Option<&'a str>, secret: Option<&'a ClientSecret>) -> Self {
        let secrets = [token, secret.map(ClientSecret::expose)];
        Self { secrets: secrets.map(|text| text.filter(is_long_enough)), more_secrets: Vec::new() }
    }

    #[cfg(feature = "oauth2")]
    pub(crate) fn with_secrets(secrets: impl IntoIterator<Item = &'a str>) -> Self {
        let more_secrets = secrets.into_iter().filter(is_long_enough).collect();
        Self { secrets: [None, None], more_secrets }
    }

    fn secrets(&self) -> impl Iterator<Item = &'a str> {
        self.secrets.iter().flatten().chain(&self.more_secrets).copied()
    }

    /// Returns the text on one line of at most 300 characters, safe to show and to log.
    pub(crate) fn redact(&self, text: &str) -> String {
        let mut line = one_line(text);
        for secret in self.secrets() {
            line = line.replace(secret, REDACTED);
        }
        truncate(&mask_credentials(&line))
    }

    /// Returns whether the text contains a known secret.
    pub(crate) fn contains_secret(&self, text: &str) -> bool {
        self.secrets().any(|secret| text.contains(secret))
    }

    /// Returns an excerpt of a body that is not JSON: the title of an HTML page, or the first 300
    /// characters of the text. `None` if there is no readable text.
    pub(crate) fn excerpt(&self, body: &[u8]) -> Option<String> {
        let text = String::from_utf8_lossy(body);
        let text = text.trim_start_matches('\u{feff}').trim_start();
        let excerpt =
            if text.starts_with('<') { self.redact(&html_text(text)) } else { self.redact(text) };
        Some(excerpt).filter(|excerpt| !excerpt.is_empty())
    }
}

/// Values shorter than four bytes are not masked, because masking them would hide ordinary text.
fn is_long_enough(secret: &&str) -> bool {
    secret.len() >= 4
}

/// Returns text of this crate or of the caller on one line of at most 300 characters, without control
/// characters. Masks nothing.
pub(crate) fn sanitize(text: &str) -> String {
    truncate(&one_line(text))
}

/// Replaces white space and control characters with single spaces, and removes characters that are
/// invisible or change the direction of text.
fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_whitespace() || character.is_control() {
            if !line.is_empty() && !line.ends_with(' ') {
                line.push(' ');
            }
        } else if !is_invisible(character) {
            line.push(character);
        }
    }
    line.truncate(line.trim_end().len());
    line
}

fn is_invisible(character: char) -> bool {
    matches!(character,
        '\u{00AD}' | '\u{061C}' | '\u{180E}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}'
        | '\u{2060}'..='\u{206F}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFD}'
        | '\u{E0000}'..='\u{E0FFF}')
}

/// Masks each word that looks random, and each value that follows the name of a credential.
fn mask_credentials(line: &str) -> String {
    let mut masked = String::with_capacity(line.len());
    let mut rest = line;
    while !rest.is_empty() {
        let (word, after) = rest.split_at(rest.find(|c| !is_word(c)).unwrap_or(rest.len()));
        let (gap, next) = after.split_at(after.find(is_word).unwrap_or(after.len()));
        masked.push_str(if looks_random(word) { REDACTED } else { word });
        masked.push_str(gap);
        rest = next;
        if !next.is_empty() && is_credential_name(word, gap) {
            masked.push_str(REDACTED);
            let end = next.find(|c: char| c.is_whitespace() || "\"'&,;<>".contains(c));
            rest = next.get(end.unwrap_or(next.len())..).unwrap_or_default();
        }
    }
    masked
}

fn is_word(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '_' | '-' | '+' | '/' | '.' | '~')
}

/// Returns whether a word, together with the text after it, names a credential that follows:
/// `client_secret=`, `"access_token":`, `Bearer `. A bare colon is not enough, because it follows
/// words in ordinary sentences.
fn is_credential_name(word: &str, gap: &str) -> bool {
    let last = word.rsplit(['_', '-', '.']).next().unwrap_or(word);
    let is_name = CREDENTIAL_NAMES.iter().any(|name| last.eq_ignore_ascii_case(name));
    let is_assigned = gap.contains('=') || gap.starts_with("\":") || gap.starts_with("':");
    (is_name && is_assigned) || (word.eq_ignore_ascii_case("bearer") && gap == " ")
}

/// Returns whether a word, or a part of a path, is long and switches between lowercase, uppercase and
/// digits more often than a name does: at least once in four characters.
fn looks_random(word: &str) -> bool {
    word.split(['/', '.']).any(|part| {
        let classes = part
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .map(|character| (character.is_ascii_digit(), character.is_ascii_uppercase()));
        let switches = classes.clone().zip(classes.skip(1)).filter(|(a, b)| a != b).count();
        part.len() >= MIN_RANDOM_CHARS && switches * 4 >= part.len()
    })
}

fn truncate(text: &str) -> String {
    match text.char_indices().nth(MAX_CHARS) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or(text).trim_end()),
        None => text.to_owned(),
    }
}

/// Returns the title of an HTML page, or its text without tags if it has no title.
fn html_text(page: &str) -> String {
    let lower = page.to_ascii_lowercase();
    let title = lower.find("<title").and_then(|open| {
        let start = open + lower.get(open..)?.find('>')? + 1;
        let end = start + lower.get(start..)?.find("</title")?;
        page.get(start..end).map(str::trim).filter(|title| !title.is_empty())
    });
    if let Some(title) = title {
        return title.to_owned();
    }
    let mut text = String::new();
    let mut in_tag = false;
    for character in page.chars() {
        match character {
            '<' => in_tag = true,
            '>' if in_tag => {
                in_tag = false;
                text.push(' ');
            }
            _ if !in_tag => text.push(character),
            _ => {}
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::Redactor;

    fn redact(text: &str) -> String {
        Redactor::new(Some("kn0wn"), None).redact(text)
    }

    #[test]
    fn redact_does_not_change_ordinary_sentences() {
        for text in [
            "client_name is not allowed",
            "Input should be 'authorization_code', 'refresh_token' or 'client_credentials'",
            "redirect_uri https://app2.acme.example/oauth/callback is not allowed",
            "grant urn:ietf:params:oauth:grant-type:device_code is unsupported",
            "invalid client secret provided",
            "Invalid token: expired",
            "invalid_token: The access token is unknown",
            "redirect_uri http://127.0.0.1:8910/oauth/callback is not allowed",
            "oauth2_value_error.missing at oauth2_redirect_uris, RequestValidationError",
            "Größe: 5 µm",
        ] {
            assert_eq!(redact(text), text);
        }
    }

    #[test]
    fn redact_removes_control_and_direction_characters() {
        assert_eq!(redact("a\u{1b}[31mred\r\nb\u{9b}2Jc\u{202e}d\u{0}e"), "a [31mred b 2Jcd e");
    }

    #[test]
    fn redact_masks_credentials_by_value_name_and_randomness() {
        for (text, expected) in [
            ("got kn0wn here", "got [redacted] here"),
            ("gotkn0wnhere", "got[redacted]here"),
            (r#"{"client_secret":"short"}"#, r#"{"client_secret":"[redacted]"}"#),
            ("access_token=abc&x=1", "access_token=[redacted]&x=1"),
            ("password=p@ssw0rd! next", "password=[redacted] next"),
            ("Authorization: Bearer abc", "Authorization: Bearer [redacted]"),
            ("uuid 550e8400-e29b-41d4-a716-446655440000", "uuid [redacted]"),
            ("kn\u{200b}0wn", "[redacted]"),
            ("saw knQwTt1ulkolfxnEGy3a_pXox28RbhL1TutKpp-s13k.", "saw [redacted]"),
        ] {
            assert_eq!(redact(text), expected);
        }
    }

    #[test]
    fn redact_truncates_after_300_characters() {
        let redacted = redact(&"ü".repeat(1000));
        assert_eq!(redacted, format!("{}…", "ü".repeat(300)));
    }

    #[test]
    fn excerpt_returns_the_title_of_a_page_or_its_text() {
        let excerpt = |body: &str| Redactor::new(None, None).excerpt(body.as_bytes());
        assert_eq!(
            excerpt("<html><head><TITLE>502 Bad Gateway</TITLE></head><body>x</body></html>")
                .as_deref(),
            Some("502 Bad Gateway")
        );
        assert_eq!(excerpt("<p>out of <b>order</b></p>").as_deref(), Some("out of order"));
        assert_eq!(excerpt("").as_deref(), None);
        assert_eq!(excerpt("\u{1b}\u{200b}").as_deref(), None);
    }
}
