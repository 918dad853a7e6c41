//! A server's text made fit for people: one short line, nothing that steers a terminal, nothing
//! that looks like a credential.
//!
//! All text of a server that this crate keeps goes through here once, where it is read. Only
//! [`ApiError::headers`](crate::ApiError::headers) is kept as it came.

use crate::secret::ClientSecret;

const REDACTED: &str = "[redacted]";
const MAX_CHARS: usize = 300;
/// Shorter words are not masked for their looks: codes, ports and dates would go with them.
const SUSPECT_CHARS: usize = 16;
/// What a credential is called, in the last part of a member's or parameter's name.
const LABELS: &[&str] = &["secret", "token", "password", "key", "credential", "credentials"];

/// Cleans text, knowing which credentials must not show in it.
pub(crate) struct Redactor<'a> {
    known: [Option<&'a str>; 2],
    more: Vec<&'a str>,
}

impl<'a> Redactor<'a> {
    /// A redactor that also masks these wherever they stand.
    pub(crate) fn new(token: Option<&'a str>, secret: Option<&'a ClientSecret>) -> Self {
        let known = [token, secret.map(ClientSecret::expose)];
        Self { known: known.map(|text| text.filter(is_secret)), more: Vec::new() }
    }

    /// A redactor that also masks these wherever they stand.
    #[cfg(feature = "oauth2")]
    pub(crate) fn with_secrets(known: impl IntoIterator<Item = &'a str>) -> Self {
        Self { known: [None, None], more: known.into_iter().filter(is_secret).collect() }
    }

    fn known(&self) -> impl Iterator<Item = &'a str> {
        self.known.iter().flatten().chain(&self.more).copied()
    }

    /// The text on one line of at most 300 characters, fit to be shown and logged.
    pub(crate) fn redact(&self, text: &str) -> String {
        let mut line = one_line(text);
        for secret in self.known() {
            line = line.replace(secret, REDACTED);
        }
        shorten(&mask_suspects(&line))
    }

    /// Whether a text holds one of the known credentials.
    pub(crate) fn contains_secret(&self, text: &str) -> bool {
        self.known().any(|secret| text.contains(secret))
    }

    /// A glimpse of a body that is not what the contract says: the title of a page, else its
    /// first words. `None` where nothing readable is left.
    pub(crate) fn excerpt(&self, body: &[u8]) -> Option<String> {
        let text = String::from_utf8_lossy(body);
        let text = text.trim_start_matches('\u{feff}').trim_start();
        let excerpt =
            if text.starts_with('<') { self.redact(&page_text(text)) } else { self.redact(text) };
        Some(excerpt).filter(|excerpt| !excerpt.is_empty())
    }
}

/// Less than four bytes are no secret.
fn is_secret(text: &&str) -> bool {
    text.len() >= 4
}

/// Our own or a caller's text on one short line: nothing that steers a terminal, nothing masked.
pub(crate) fn sanitize(text: &str) -> String {
    shorten(&one_line(text))
}

/// Blanks for control characters, nothing for invisible and direction-changing ones.
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

/// Masks each word that looks random, and what stands behind the name of a credential.
fn mask_suspects(line: &str) -> String {
    let mut masked = String::with_capacity(line.len());
    let mut rest = line;
    while !rest.is_empty() {
        let (word, after) = rest.split_at(rest.find(|c| !is_word(c)).unwrap_or(rest.len()));
        let (gap, next) = after.split_at(after.find(is_word).unwrap_or(after.len()));
        masked.push_str(if looks_random(word) { REDACTED } else { word });
        masked.push_str(gap);
        rest = next;
        if !next.is_empty() && is_label(word, gap) {
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

/// Whether a word with this after it names a credential that follows: `client_secret=`,
/// `"access_token":`, `Bearer `. A colon alone follows a word in any sentence.
fn is_label(word: &str, gap: &str) -> bool {
    let last = word.rsplit(['_', '-', '.']).next().unwrap_or(word);
    let named = LABELS.iter().any(|label| last.eq_ignore_ascii_case(label));
    let assigned = gap.contains('=') || gap.starts_with("\":") || gap.starts_with("':");
    (named && assigned) || (word.eq_ignore_ascii_case("bearer") && gap == " ")
}

/// Whether a word, or a part of a path, is long and changes between small letters, capitals and
/// digits as often as no name does.
fn looks_random(word: &str) -> bool {
    word.split(['/', '.']).any(|part| {
        let kinds = part
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .map(|character| (character.is_ascii_digit(), character.is_ascii_uppercase()));
        let changes = kinds.clone().zip(kinds.skip(1)).filter(|(one, next)| one != next).count();
        part.len() >= SUSPECT_CHARS && changes * 4 >= part.len()
    })
}

fn shorten(text: &str) -> String {
    match text.char_indices().nth(MAX_CHARS) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or(text).trim_end()),
        None => text.to_owned(),
    }
}

/// The title of a page, else its text without tags.
fn page_text(page: &str) -> String {
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
    fn ordinary_sentences_are_left_alone() {
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
    fn what_steers_a_terminal_is_taken_out() {
        assert_eq!(redact("a\u{1b}[31mred\r\nb\u{9b}2Jc\u{202e}d\u{0}e"), "a [31mred b 2Jcd e");
    }

    #[test]
    fn credentials_are_masked_by_value_by_name_and_by_looks() {
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
    fn a_long_text_is_cut_between_characters() {
        let cleaned = redact(&"ü".repeat(1000));
        assert_eq!(cleaned, format!("{}…", "ü".repeat(300)));
    }

    #[test]
    fn a_page_shows_its_title_else_its_text() {
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
