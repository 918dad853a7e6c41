//! Makes text from servers and files safe to show: one short line, without control characters and
//! without credentials.
//!
//! [`sanitize`] is for all such text. A [`Redactor`] also masks known credentials, in any encoding, and
//! values whose name says that they are credentials. It never guesses by the looks of a value. Every text
//! passes through here once, when it is read for display. Not redacted are methods that begin with
//! `expose`, public fields, and [`ApiError::headers`](crate::ApiError::headers), which `Debug` does not
//! show either.

mod escape;
mod line;
mod markup;
mod names;
mod packed;
mod search;
mod text;
mod unit;

use std::{collections::BTreeSet, fmt, ops::Range};

use search::Needles;
use unit::{Unit, units};

const REDACTED: &str = "[redacted]";
/// The length of one text from a server or a file.
const MAX_CHARS: usize = 300;
/// The length of a message of this crate that contains several texts.
const MAX_MESSAGE: usize = 2000;
/// The part of a text that is read, which is much longer than the part that is shown.
const MAX_INPUT: usize = 2048;
/// The part of a body in which credentials are searched by name.
const MAX_BODY: usize = 256 * 1024;
/// The number of characters of a body that are read at once.
const WINDOW: usize = 16 * 1024;
/// The part of a credential in a body that is read, which is longer than a text even if it is escaped.
const MAX_CREDENTIAL: usize = 6 * MAX_INPUT;
/// The number of characters before a value that contain its name.
const CONTEXT: usize = 256;

/// Returns text on one line of at most 300 characters, without control characters. Masks nothing.
pub(crate) fn sanitize(text: &str) -> String {
    line::truncate(&line::one_line(cut(text, MAX_INPUT)), MAX_CHARS)
}

/// Returns a message of this crate that contains text of others, on one line of at most 2000 characters.
pub(crate) fn sanitize_message(text: &str) -> String {
    line::truncate(&line::one_line(cut(text, 2 * MAX_MESSAGE)), MAX_MESSAGE)
}

/// Text whose `Debug` is [`Redactor::quote`].
pub(crate) struct Shown<'a>(pub(crate) &'a str, pub(crate) &'a Redactor);

impl fmt::Debug for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.1.quote(self.0))
    }
}

/// A value whose `Debug` is this function.
pub(crate) struct DebugFn<F>(pub(crate) F);

impl<F: Fn(&mut fmt::Formatter<'_>) -> fmt::Result> fmt::Debug for DebugFn<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0(f)
    }
}

/// Masks known credentials of eight characters or more, and the values of credential names.
#[derive(Default)]
pub(crate) struct Redactor {
    needles: Needles,
}

impl Redactor {
    pub(crate) fn new<'a>(credentials: impl IntoIterator<Item = &'a str>) -> Self {
        let mut needles = Needles::default();
        credentials.into_iter().for_each(|credential| needles.add(credential));
        Self { needles }
    }

    /// Adds the credentials in a body of any format. Reads it in windows, which bounds the memory.
    pub(crate) fn with_body(mut self, body: &[u8]) -> Self {
        let body = body.get(..MAX_BODY).unwrap_or(body);
        let mut chars = body.utf8_chunks().flat_map(|chunk| {
            let invalid = (!chunk.invalid().is_empty()).then_some(char::REPLACEMENT_CHARACTER);
            chunk.valid().chars().chain(invalid)
        });
        let mut window: Vec<char> = Vec::new();
        while !self.needles.are_full() {
            window.extend(chars.by_ref().take(WINDOW - window.len()));
            let unfinished = self.add_window(&window);
            if window.len() < WINDOW {
                break;
            }
            // A name that is cut at the end, or whose value is cut there, is in the next window too.
            let next = unfinished.filter(|start| *start > WINDOW / 2).unwrap_or(WINDOW);
            window.drain(..next - CONTEXT);
        }
        self
    }

    /// Adds the credentials in a part of a body. Returns where a value begins that reaches the end.
    fn add_window(&mut self, window: &[char]) -> Option<usize> {
        let mut known: Vec<Range<usize>> = Vec::new();
        let mut unfinished = None;
        for layer in escape::layers(units(window.iter().copied())) {
            for value in names::values(&layer) {
                if self.needles.are_full() {
                    return None;
                }
                for bare in value.bare_readings(&layer) {
                    self.add_text(layer.get(bare).unwrap_or_default());
                }
                let Some(range) = original(&layer, value.range.clone()) else { continue };
                if range.end == window.len() {
                    unfinished = unfinished.max(Some(range.start));
                }
                // In a decoded layer, a quote in a value looks like its end.
                let after = known.partition_point(|known| known.end <= range.start);
                if known.get(after).is_none_or(|known| range.end <= known.start) {
                    self.add_value(layer.get(value.range).unwrap_or_default());
                    if layer.len() < window.len() {
                        let raw = window.get(range.clone()).unwrap_or_default();
                        self.add_text(&units(raw.iter().copied()));
                    }
                    known.insert(after, range);
                }
            }
        }
        unfinished
    }

    /// Adds a value. If it looks like a list or an object, adds the strings in it too.
    fn add_value(&mut self, value: &[Unit]) {
        self.add_text(value);
        if value.first().is_some_and(|unit| matches!(unit.char, '[' | '{')) {
            for part in names::strings(value) {
                self.add_text(value.get(part).unwrap_or_default());
            }
        }
    }

    /// Adds a text as it is written and decoded. A format has escapes of one kind, and what looks like
    /// another kind is then a part of the credential, so each kind is also decoded alone.
    fn add_text(&mut self, text: &[Unit]) {
        let raw = units(text.iter().take(MAX_CREDENTIAL).map(|unit| unit.char));
        let has_escapes = raw.iter().any(|unit| escape::is_start(unit.char));
        let kinds = escape::KINDS.iter().take(if has_escapes { usize::MAX } else { 1 });
        let layers = kinds.flat_map(|kinds| escape::layers_of(raw.clone(), kinds).take(3));
        let texts: BTreeSet<String> =
            layers.map(|layer| layer.iter().map(|unit| unit.char).collect()).collect();
        for text in &texts {
            let text = text.trim_matches(line::is_blank);
            self.needles.add(text);
            // The punctuation after a value without quotes.
            let word = text.trim_end_matches([',', ';', '.', ')', ']', '}']);
            let cdata = text.strip_prefix("<![CDATA[").and_then(|text| text.strip_suffix("]]>"));
            Some(word).filter(|word| *word != text).into_iter().chain(cdata).for_each(|text| {
                self.needles.add(text);
            });
        }
    }

    /// Returns the text on one line of at most 300 characters, safe to show and to log.
    pub(crate) fn redact(&self, text: &str) -> String {
        line::truncate(&line::one_line(&self.mask(text)), MAX_CHARS)
    }

    /// Returns the first 300 characters of the text as a string literal, with control characters escaped.
    pub(crate) fn quote(&self, text: &str) -> String {
        let literal = format!("{:?}", line::truncate(&self.mask(text), MAX_CHARS));
        // `Debug` does not escape every invisible character.
        line::one_line(&literal)
    }

    /// Returns whether nothing of the text has to be masked or removed.
    pub(crate) fn is_safe(&self, text: &str) -> bool {
        self.redact(text) == text
    }

    /// Returns an excerpt of a body that is not JSON: the title of an HTML page, or the first 300
    /// characters of the text. `None` if there is no readable text.
    pub(crate) fn excerpt(&self, body: &[u8]) -> Option<String> {
        let chunks = body.utf8_chunks().take(MAX_INPUT);
        let text: String = chunks.map(|chunk| cut(chunk.valid(), MAX_BODY)).collect();
        let text = text.trim_start_matches('\u{feff}').trim();
        let excerpt = if !text.starts_with('<') {
            self.redact(text)
        } else if let Some(title) = markup::title(text) {
            self.redact(title)
        } else {
            // The names of elements say which values are credentials.
            self.redact(&markup::text(&self.mask(text)))
        };
        Some(excerpt).filter(|excerpt| !excerpt.trim().is_empty())
    }

    /// Replaces each credential.
    fn mask(&self, text: &str) -> String {
        let text = cut(text, MAX_INPUT);
        let mut ranges = self.credentials(units(text.chars()));
        if ranges.is_empty() {
            return text.to_owned();
        }
        let chars: Vec<char> = text.chars().collect();
        ranges.sort_unstable_by_key(|range| range.start);
        let mut masked = String::with_capacity(text.len());
        let mut end = 0;
        for range in ranges {
            if range.start >= end {
                masked.extend(chars.get(end..range.start).unwrap_or_default());
                masked.push_str(REDACTED);
            }
            end = end.max(range.end);
        }
        masked.extend(chars.get(end..).unwrap_or_default());
        masked
    }

    /// Returns the ranges of all credentials.
    fn credentials(&self, text: Vec<Unit>) -> Vec<Range<usize>> {
        let layers: Vec<_> = escape::layers(text).collect();
        let mut ranges = Vec::new();
        for layer in &layers {
            let values = names::values(layer);
            ranges.extend(values.into_iter().filter_map(|value| original(layer, value.range)));
        }
        self.needles.find(&layers, |range| ranges.push(range));
        ranges
    }
}

/// Returns the range of the original text of these units.
fn original(units: &[Unit], range: Range<usize>) -> Option<Range<usize>> {
    let part = units.get(range)?;
    Some(part.first()?.start..part.last()?.end)
}

fn cut(text: &str, max_chars: usize) -> &str {
    text.char_indices().nth(max_chars).and_then(|(end, _)| text.get(..end)).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::{Redactor, sanitize};

    fn redact(text: &str) -> String {
        Redactor::new(["hunter-two-pass", "client"]).redact(text)
    }

    #[test]
    fn redact_does_not_change_text_without_credentials() {
        for text in [
            "client_name is not allowed",
            "Input should be 'authorization_code', 'refresh_token' or 'client_credentials'",
            "redirect_uri https://app2.acme.example/oauth/callback is not allowed",
            "grant urn:ietf:params:oauth:grant-type:device_code is unsupported",
            "invalid client secret provided",
            "Invalid token: expired",
            "Invalid token: expired\nInvalid password: too short".lines().next().unwrap(),
            "invalid_token: The access token is unknown",
            "Bearer token is missing",
            "invalid_client",
            "redirect_uri http://127.0.0.1:8910/oauth/callback is not allowed",
            "trace 550e8400-e29b-41d4-a716-446655440000, /srv/app/4bf92f3577b34da6a3ce929d0e0e4736",
            "code=invalid_request, state=done, error code: 7",
            "token_endpoint_auth_method=client_secret_post&grant_type=refresh_token",
            "client_secret = null, \"client_secret\": \"\"",
            "two  blanks, a caf\u{e9}, 5 \u{b5}m, \u{1f469}\u{fe0f} and 100% & more \\ + <b>",
            " ",
        ] {
            assert_eq!(redact(text), text);
        }
    }

    #[test]
    fn redact_removes_control_and_direction_characters() {
        assert_eq!(redact("a\u{1b}[31mred\r\nb\u{9b}2Jc\u{202e}d\u{0}e"), "a [31mred b 2Jcd e");
        assert_eq!(redact("\n\u{feff}a\u{2028}b\u{2029}\tc\u{200b}\u{2066}d\n"), "a b cd");
        assert_eq!(sanitize("\u{1b}]0;title\u{7}a\u{7f}b\u{85}c"), "]0;title a b c");
    }

    #[test]
    fn redact_masks_known_credentials_in_any_encoding() {
        for encoded in [
            "hunter-two-pass",
            "HUNTER-Two-Pass",
            "hunter-\u{200b}two-\u{202e}pass",
            "hunter-\n  two-pass",
            "hun ter-two -pass",
            "hunter-<br>two-<em>pass",
            "hunter-\u{1b}[31mtwo-pass",
            "hunter%2Dtwo%2dpass",
            "hunter%252Dtwo%25252dpass",
            "%68unter-two-pass",
            "hunter&#45;two&#x2D;pas&#0000115;",
            "hunter&amp;#45;two-pass",
            r"hunter\-two\u002dpass",
            r"hunter\\u002dtwo-pass",
            r"\x68unter\055two\u{2d}pass",
            "aHVudGVyLXR3by1wYXNz",
            "aHVudGVyLXR3\nby1wYXNz",
            "aHVudGVyLXR3by1wYX%4Ez",
            "68756e7465722d74776f2d70617373",
            "68:75:6E:74:65:72:2D:74:77:6F:2D:70:61:73:73",
            "NB2W45DFOIWXI53PFVYGC43T",
            "[104, 117, 110, 116, 101, 114, 45, 116, 119, 111, 45, 112, 97, 115, 115]",
        ] {
            let redacted = redact(&format!("saw {encoded} here"));
            let redacted = redacted.replace("[[redacted]]", "[redacted]");
            assert_eq!(redacted, "saw [redacted] here", "{encoded}");
        }
    }

    #[test]
    fn redact_masks_credentials_next_to_other_text() {
        assert_eq!(redact("100%4hunter-two-pass&#3"), "100%4[redacted]&#3");
        // "id:hunter-two-pass" and "my-id:hunter-two-pass!" in base64.
        assert_eq!(redact("Basic aWQ6aHVudGVyLXR3by1wYXNz"), "Basic aWQ6[redacted]");
        assert_eq!(redact("bXktaWQ6aHVudGVyLXR3by1wYXNzIQ=="), "bXktaWQ6[redacted]IQ==");
    }

    #[test]
    fn redact_masks_the_beginning_of_a_credential_at_the_end_of_the_text() {
        assert_eq!(redact("the secret hunter-t"), "the secret [redacted]");
        assert_eq!(redact("the secret hunter"), "the secret hunter");
        let long = "0123456789".repeat(1000);
        let redacted = Redactor::new([long.as_str()]).redact(&format!("saw {long} here"));
        assert_eq!(redacted, "saw [redacted]");
        let long = &long[..1005];
        let redacted = Redactor::new([long]).redact(&format!("saw {long} here"));
        assert_eq!(redacted, "saw [redacted] here");
    }

    #[test]
    fn redact_masks_values_by_name() {
        for (text, expected) in [
            (r#"{"client_secret" : "short"}"#, r#"{"client_secret" : "[redacted]"}"#),
            (r#"{"client_secret": "a\"b", "x": 1}"#, r#"{"client_secret": "[redacted]", "x": 1}"#),
            (r#"{\"client_secret\": \"abc\"}"#, r#"{\"client_secret\": \"[redacted]\"}"#),
            (r#"{"accessToken":["a","b"],"x":1}"#, r#"{"accessToken":[redacted],"x":1}"#),
            (
                r#"[{"name": "secret", "value": "a"}]"#,
                r#"[{"name": "secret", "value": "[redacted]"}]"#,
            ),
            ("{'client_secret': b'abc'}", "{'client_secret': b'[redacted]'}"),
            (r#"client_secret: Some("abc"), x"#, r#"client_secret: Some("[redacted]"), x"#),
            ("access_token=abc&x=1", "access_token=[redacted]&x=1"),
            ("user[password]=abc&x=1", "user[password]=[redacted]&x=1"),
            ("password=p@ssw0rd! next", "password=[redacted] next"),
            ("at /cb?code=abc&state=def", "at /cb?code=[redacted]&state=[redacted]"),
            ("%22id_token%22%3A%22abc%22", "%22id_token%22%3A%22[redacted]%22"),
            ("&quot;id_token&quot;: &quot;a&quot;", "&quot;id_token&quot;: &quot;[redacted]&quot;"),
            ("client_id: a\nclient_secret: abc\n", "client_id: a client_secret: [redacted]"),
            ("id: a\npassword: abc\nx: y", "id: a password: [redacted] x: y"),
            ("client_secret: |-\n  abc\nx: y", "client_secret: |-  [redacted] x: y"),
            (
                "<id>a</id><client_secret>a b</client_secret>",
                "<id>a</id><client_secret>[redacted]</client_secret>",
            ),
            ("<o:token type='x'><![CDATA[a]]></o:token>", "<o:token type='x'>[redacted]</o:token>"),
            (
                "<key>client_secret</key> <string>a</string>",
                "<key>client_secret</key> <string>[redacted]</string>",
            ),
            ("<input name=\"token\" value=\"a\">", "<input name=\"token\" value=\"[redacted]\">"),
            ("<param name='token'>a</param>", "<param name='token'>[redacted]</param>"),
            ("Authorization: Bearer abc\nHost: x", "Authorization: Bearer [redacted] Host: x"),
            ("authorization: Digest a=\"b\"\nHost: x", "authorization: Digest [redacted] Host: x"),
            ("Set-Cookie: a=b; Path=/\nHost: x", "Set-Cookie: [redacted] Host: x"),
            ("X-Api-Key: abc", "X-Api-Key: [redacted]"),
        ] {
            assert_eq!(redact(text), expected);
        }
    }

    #[test]
    fn redactor_reads_the_credentials_in_a_body() {
        for body in [
            r#"{"a": {"client_secret" : "abc\/def\u0041hi"}}"#,
            r#"{"client_secret": ["x", "abc/defAhi"]}"#,
            r#""{\"client_secret\": \"abc/defAhi\"}""#,
            "client_secret=abc%2FdefAhi&x=1",
            "client_secret: abc/defAhi\n",
            "{client_id: 7, client_secret: abc/defAhi}",
            "<client_secret>abc/defAhi</client_secret>",
            r#"{"client_secret": "abc/defAhi"#,
        ] {
            let redactor = Redactor::default().with_body(body.as_bytes());
            assert_eq!(redactor.redact("saw abc/defAhi here"), "saw [redacted] here", "{body}");
        }
    }

    /// Credentials that a reader may take for a list, a string literal, an escape or a tag.
    const CREDENTIALS: [&str; 22] = [
        "{a0aaAA!",
        "[a0aaAA!",
        "\"a0aaAA!",
        "'a0aaAA!",
        "\\a0aaAA!",
        "%a0aaAA!",
        "&a0aaAA!",
        "<a0aaAA!",
        "=a0aaAA!",
        "`a0aaAA!",
        "a0aaAA!{",
        "a0aaAA!]",
        "a0aaAA!\"",
        "a0aaAA!'",
        "a0aaAA!\\",
        "a0aaAA!%",
        "a0aaAA!&",
        "a0aaAA!<",
        "a0aaAA!=",
        "{\"a0aaAA!\"}",
        "%a0\"aaAA!",
        "&#41;\\a0aaAA!",
    ];

    #[test]
    fn redactor_reads_credentials_that_begin_or_end_with_punctuation() {
        for credential in CREDENTIALS {
            let json = serde_json::json!({"client_secret": credential}).to_string();
            let encode = |byte: fn(u8) -> String| credential.bytes().map(byte).collect::<String>();
            let percent = encode(|byte| format!("%{byte:02X}"));
            let html = encode(|byte| format!("&#{byte};"));
            let mut bodies = vec![
                json.clone(),
                serde_json::json!([{"data": {"client_secret": [credential]}}]).to_string(),
                serde_json::Value::from(json).to_string(),
                format!("client_secret={percent}&x=1"),
                format!("<client_secret>{html}</client_secret>"),
                format!("client_id: a\nclient_secret: {credential}\nx: y"),
                format!("X-Api-Key: {credential}\r\n"),
            ];
            if !credential.contains(['%', '&']) {
                bodies.push(format!("a=1&client_secret={credential}&x=1"));
            }
            if !credential.contains('<') {
                bodies.push(format!("<client_secret><![CDATA[{credential}]]></client_secret>"));
            }
            for body in bodies {
                let redactor = Redactor::default().with_body(body.as_bytes());
                let redacted = redactor.redact(&format!("saw {credential} here"));
                assert_eq!(redacted, "saw [redacted] here", "{credential} of {body}");
            }
        }
    }

    #[test]
    fn redactor_reads_credentials_anywhere_in_a_long_body() {
        for len in [0, 16_300, 16_384, 100_000] {
            for (before, after) in [("", ""), ("\u{fc}\"\\", "\u{fc}\"\\")] {
                let text = "x".repeat(len);
                let secret = "0123456789".repeat(150);
                let body = serde_json::json!({
                    "a": format!("{before}{text}"),
                    "client_secret": format!("{secret}{before}{after}"),
                    "z": text,
                });
                let redactor = Redactor::default().with_body(body.to_string().as_bytes());
                let redacted = redactor.redact(&format!("saw {secret}{before}{after} here"));
                assert_eq!(redacted, "saw [redacted] here", "after {len} characters");
            }
        }
    }

    #[test]
    fn redact_masks_all_of_a_value_without_quotes() {
        for (text, expected) in [
            ("client_secret=abc(def", "client_secret=[redacted]"),
            ("client_secret={abc}def", "client_secret=[redacted]"),
            ("client_secret='abc'def", "client_secret='[redacted]"),
        ] {
            assert_eq!(redact(text), expected);
        }
    }

    #[test]
    fn redact_truncates_after_300_characters() {
        let redacted = redact(&"\u{fc}".repeat(1000));
        assert_eq!(redacted, format!("{}\u{2026}", "\u{fc}".repeat(300)));
    }

    #[test]
    fn redact_takes_linear_time_in_hostile_text() {
        for piece in [
            "a",
            "code=",
            "token:",
            "secret=(",
            "secret=[",
            "<token",
            "%25",
            "&amp;",
            "\\",
            "\"",
            "state=&",
            "token=<",
            "token:'(",
            "secret=x'y",
        ] {
            let text = piece.repeat(32 * 1024 / piece.len());
            let redactor = Redactor::new([text.as_str()]).with_body(text.as_bytes());
            assert!(redactor.redact(&text).chars().count() <= 301, "{piece}");
        }
    }

    #[test]
    fn excerpt_returns_the_title_of_a_page_or_its_text() {
        let excerpt = |body: &str| Redactor::default().excerpt(body.as_bytes());
        assert_eq!(
            excerpt("<html><head><TITLE>502 Bad Gateway</TITLE></head><body>x</body></html>")
                .as_deref(),
            Some("502 Bad Gateway")
        );
        assert_eq!(excerpt("<p>out of <b>order</b></p>").as_deref(), Some("out of order"));
        assert_eq!(
            excerpt("<e><code>no</code><token>a</token></e>").as_deref(),
            Some("no [redacted]")
        );
        assert_eq!(excerpt("").as_deref(), None);
        assert_eq!(excerpt("\u{1b}\u{200b}").as_deref(), None);
    }
}
