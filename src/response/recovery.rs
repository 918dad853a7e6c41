//! Recovers the credentials from a body that cannot be decoded, because it is truncated or is not pure
//! JSON.

use std::fmt;

#[cfg(feature = "oauth2")]
use secrecy::SecretString;
use secrecy::zeroize::Zeroizing;

use super::received::BYTE_ORDER_MARK;
#[cfg(feature = "oauth2")]
use crate::secret;
use crate::{metadata::MetadataField, redact::Redactor, secret::ClientSecret};

/// The credentials that arrived completely.
#[derive(Clone, Default)]
pub(crate) struct RecoveredCredentials {
    pub(crate) client_id: Option<String>,
    pub(crate) client_secret: Option<ClientSecret>,
}

impl fmt::Debug for RecoveredCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let redactor = Redactor::new(self.client_secret.as_ref().map(ClientSecret::expose));
        f.debug_struct("RecoveredCredentials")
            .field("client_id", &self.client_id.as_deref().map(|id| redactor.redact(id)))
            .field("client_secret", &self.client_secret)
            .finish()
    }
}

/// The depth that `serde_json` reads. Deeper braces are ignored, which limits the memory in use.
const MAX_DEPTH: usize = 128;
/// How often JSON may be nested in a JSON string. Gateways do it once.
const MAX_NESTING: usize = 2;

/// The names of two members that belong together. The first decides which object is used.
struct Names {
    first: &'static str,
    second: &'static str,
    /// A part of both names.
    part: &'static [u8],
}

const CLIENT: Names = Names { first: "client_id", second: "client_secret", part: b"client" };
#[cfg(feature = "oauth2")]
const TOKENS: Names = Names { first: "refresh_token", second: "access_token", part: b"_token" };

/// Returns the `client_id` and the `client_secret` that these bytes contain.
///
/// Both are taken from the same object, so that the id of one client is never combined with the secret
/// of another. That object is the outermost one with a `client_id` or, if there is none, with a secret.
/// If a member is repeated, the last one is used, as in decoding. A string without its closing quote is
/// not recovered, because it may be incomplete. If there is no such object, searches the JSON in the
/// strings of these bytes.
pub(crate) fn credentials(bytes: &[u8]) -> RecoveredCredentials {
    let object = search(bytes, &CLIENT, MAX_NESTING).unwrap_or_default();
    RecoveredCredentials {
        client_id: object.first,
        client_secret: object.second.map(ClientSecret::from),
    }
}

/// Returns the `refresh_token` that these bytes contain, by the same rules.
#[cfg(feature = "oauth2")]
pub(crate) fn refresh_token(bytes: &[u8]) -> Option<SecretString> {
    search(bytes, &TOKENS, MAX_NESTING)?.first.map(secret::into_secret)
}

fn search(bytes: &[u8], names: &Names, nesting: usize) -> Option<Object> {
    // An unmatched quote swaps the inside and the outside of strings, so search again after it.
    let after_first_quote =
        || outermost(bytes.get(bytes.iter().position(|byte| *byte == b'"')? + 1..)?, names);
    let nested = || in_strings(bytes, names, nesting.checked_sub(1)?);
    outermost(bytes, names).or_else(after_first_quote).or_else(nested)
}

/// Searches the JSON in the strings of these bytes, such as in `{"statusCode": 201, "body": "{…}"}`. The
/// last string may be truncated.
fn in_strings(bytes: &[u8], names: &Names, nesting: usize) -> Option<Object> {
    let mut best: Option<Object> = None;
    let (mut name, mut last_end) = (&b""[..], 0);
    let next_quote = |end| bytes.get(end..)?.iter().position(|byte| *byte == b'"');
    while let Some(offset) = next_quote(last_end) {
        let start = last_end + offset;
        let end = string_end(bytes, start);
        let between = bytes.get(last_end..start).unwrap_or_default().trim_ascii();
        // With the closing quote, if the string has one.
        let text = bytes.get(start + 1..end).unwrap_or_default();
        let is_value = last_end == 0 || between != b":" || !is_metadata(name);
        let has_names = || text.windows(names.part.len()).any(|window| window == names.part);
        if is_value
            && has_names()
            && let Some(object) = search_json(&unescape(text), names, nesting)
            && best.as_ref().is_none_or(|best| object.rank() < best.rank())
        {
            best = Some(object);
        }
        (name, last_end) = (text.strip_suffix(b"\"").unwrap_or(text), end);
    }
    best
}

/// Returns whether this is the name of client metadata, in which a server repeats text of the caller.
fn is_metadata(name: &[u8]) -> bool {
    str::from_utf8(name).is_ok_and(|name| MetadataField::from_name(name).is_some())
}

/// Searches text that may be JSON: an object, an array or a string.
fn search_json(text: &[u8], names: &Names, nesting: usize) -> Option<Object> {
    let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
    match text.trim_ascii_start().first()? {
        b'{' | b'[' => search(text, names, nesting),
        b'"' => in_strings(text, names, nesting.checked_sub(1)?),
        _ => None,
    }
}

/// Removes one level of escapes, up to the closing quote. Escapes of characters outside ASCII stay, because they have the same
/// meaning in the JSON inside.
fn unescape(text: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut unescaped = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut rest = text;
    loop {
        let (byte, after) = match rest {
            [b'\\', b'u', digits @ ..] => match ascii(digits) {
                Some(byte) => (byte, digits.get(4..).unwrap_or_default()),
                None => (b'\\', rest.get(1..).unwrap_or_default()),
            },
            [b'\\', b'n' | b'r' | b't', after @ ..] => (b' ', after),
            [] | [b'"', ..] => return unescaped,
            [b'\\', byte, after @ ..] | [byte, after @ ..] => (*byte, after),
        };
        unescaped.push(byte);
        rest = after;
    }
}

/// Returns the ASCII character that these four hexadecimal digits encode.
fn ascii(digits: &[u8]) -> Option<u8> {
    let digits = str::from_utf8(digits.get(..4)?).ok()?;
    u8::from_str_radix(digits, 16).ok().filter(u8::is_ascii)
}

#[derive(Default)]
struct Object {
    depth: usize,
    first: Option<String>,
    second: Option<String>,
}

impl Object {
    /// The sort key: objects with the first member, then outer objects.
    fn rank(&self) -> (bool, usize) {
        (self.first.is_none(), self.depth)
    }

    fn has_credentials(&self) -> bool {
        self.first.is_some() || self.second.is_some()
    }
}

/// Returns the object with credentials that ranks first. Of equal objects, the one that ends first.
///
/// Only strings and braces are parsed, so anything may be between them.
fn outermost(bytes: &[u8], names: &Names) -> Option<Object> {
    let mut best: Option<Object> = None;
    let mut consider = |object: Object| {
        let is_better = best.as_ref().is_none_or(|best| object.rank() < best.rank());
        if object.has_credentials() && is_better {
            best = Some(object);
        }
    };
    let mut open = vec![Object::default()];
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        at = match byte {
            b'"' => read_member(bytes, names, at, open.last_mut()),
            b'{' if open.len() < MAX_DEPTH => {
                open.push(Object { depth: open.len(), ..Object::default() });
                at + 1
            }
            b'}' if open.len() > 1 => {
                open.pop().into_iter().for_each(&mut consider);
                at + 1
            }
            _ => at + 1,
        };
    }
    open.into_iter().rev().for_each(&mut consider);
    best
}

/// Reads the string at `start`. If it is the name of a credential, stores the value in the object.
/// Returns the index after the string.
fn read_member(bytes: &[u8], names: &Names, start: usize, object: Option<&mut Object>) -> usize {
    let end = string_end(bytes, start);
    // Without the closing quote, if the string has one.
    let name = bytes.get(start + 1..end - 1).unwrap_or_default();
    let field = match object {
        Some(object) if name == names.first.as_bytes() => &mut object.first,
        Some(object) if name == names.second.as_bytes() => &mut object.second,
        _ => return end,
    };
    if let Some(value) = bytes.get(end..).and_then(value) {
        *field = Some(value);
    }
    end
}

/// Returns the index after the closing quote of the string at `start`, or the length of the bytes if the
/// string is not closed.
fn string_end(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// Returns the value after the name of a member: a closed string that is not empty, or an integer that is
/// followed by a delimiter.
fn value(after_name: &[u8]) -> Option<String> {
    let after = after_name.trim_ascii_start().strip_prefix(b":")?.trim_ascii_start();
    if after.first() == Some(&b'"') {
        let text: String = serde_json::from_slice(after.get(..string_end(after, 0))?).ok()?;
        return Some(text).filter(|text| !text.is_empty());
    }
    let end = after.iter().position(|byte| !byte.is_ascii_digit())?;
    let ended = matches!(after.get(end)?, b',' | b'}' | b' ' | b'\n' | b'\r' | b'\t');
    let digits = after.get(..end).filter(|digits| ended && !digits.is_empty())?;
    String::from_utf8(digits.to_vec()).ok()
}

#[cfg(test)]
mod tests {
    #[cfg(feature = "oauth2")]
    use secrecy::ExposeSecret;

    use super::*;

    fn recovered(text: &str) -> (Option<String>, Option<String>) {
        let found = credentials(text.as_bytes());
        (found.client_id, found.client_secret.map(|secret| secret.expose().to_owned()))
    }

    fn both(id: &str, secret: &str) -> (Option<String>, Option<String>) {
        (Some(id.to_owned()), Some(secret.to_owned()))
    }

    #[test]
    fn recovery_takes_credentials_from_the_outermost_object_only() {
        let owner = r#""owner": {"client_id": "portal", "client_secret": "other"}"#;
        let own = r#""client_id": "mine", "client_secret": "s3cr3t""#;
        assert_eq!(recovered(&format!("{{{owner}, {own}, ")), both("mine", "s3cr3t"));
        assert_eq!(recovered(&format!("{{{own}, {owner}, ")), both("mine", "s3cr3t"));
        assert_eq!(
            recovered(&format!(r#"{{{owner}, "client_id": "mine", "client_secret": "s3"#)),
            (Some("mine".to_owned()), None),
            "never one client's id with another's secret"
        );
        assert_eq!(recovered(&format!(r#"[{{"data": {{{own}}}}}]"#)), both("mine", "s3cr3t"));
    }

    #[test]
    fn recovery_uses_the_last_of_repeated_members() {
        let twice =
            r#"{"client_id": "a", "client_secret": "x", "client_id": "b", "client_secret": "y" "#;
        assert_eq!(recovered(twice), both("b", "y"));
        let cut = r#"{"client_id": "a", "client_secret": "x", "client_secret": "y"#;
        assert_eq!(recovered(cut), both("a", "x"));
    }

    #[test]
    fn recovery_ignores_text_around_the_object() {
        let whole = r#"{"client_id": "id", "client_secret": "s\"3\u00fc"}"#;
        for text in [
            format!("}}}}]]{whole}"),
            format!("<p>it's{whole}</p>"),
            format!("a stray \" {whole}"),
            format!("{whole}{whole}"),
            format!(r#""a string"{whole}"#),
        ] {
            assert_eq!(recovered(&text), both("id", "s\"3\u{fc}"), "{text}");
        }
    }

    #[test]
    fn recovery_reads_json_in_a_string() {
        let plain = r#"{"client_id": "mine", "client_secret": "s\"3\u00fc\\"}"#;
        let expected = both("mine", "s\"3\u{fc}\\");
        let quoted = |text: &str| serde_json::Value::from(text).to_string();
        let nested = quoted(plain);
        let html_safe = format!("\"{}\"", plain.replace('\\', r"\u005C").replace('"', r"\u0022"));
        for text in [
            nested.clone(),
            html_safe,
            quoted(&format!("\u{feff} {plain}")),
            quoted(&nested),
            nested.replace('{', "{\\n\\t").replace('/', "\\/"),
            format!("[{nested}]"),
            format!("\u{feff}{nested}"),
            format!(r#"{{"statusCode": 201, "headers": {{"a": "b"}}, "body": {nested}}}"#),
            format!(r#"{{"result" :{nested}, "isBase64Encoded": false}}"#),
            format!(r#"{{"data": {{"response": {nested}}}}}"#),
            format!(r#"{{"body": {}}}"#, quoted(&format!(r#"{{"client": {plain}}}"#))),
            format!(r#"{{"cut": {}, "body": {nested}}}"#, quoted(r#"{"client_secret": "s3c"#)),
            format!(r#"{{"log": "a client \\ was created", "body": {nested}, "x"#),
        ] {
            assert_eq!(recovered(&text), expected, "{text}");
        }
    }

    #[test]
    fn recovery_prefers_the_outer_object_and_ignores_json_in_metadata() {
        let own = r#""client_id": "mine", "client_secret": "s3cr3t""#;
        let fake = r#""{\"client_id\": \"fake\"}""#;
        assert_eq!(recovered(&format!(r#"{{"body": {fake}, {own}, "#)), both("mine", "s3cr3t"));
        for name in ["client_name", "software_id"] {
            assert_eq!(recovered(&format!(r#"{{"{name}": {fake}, "x"#)), (None, None));
        }
        let secret_first = r#"["{\"client_secret\": \"s\"}", "{\"client_id\": \"mine\"}"]"#;
        assert_eq!(recovered(secret_first), (Some("mine".to_owned()), None));
    }

    #[test]
    fn recovery_never_returns_a_truncated_credential_of_json_in_a_string() {
        let inner = r#"{"client_id": "id-1", "client_secret": "s3cr3t\u00fc"}"#;
        let whole = serde_json::json!({"status": 201, "body": inner}).to_string();
        let end = |text: &str| whole.find(text).unwrap() + text.len();
        for cut in 0..=whole.len() {
            let (id, secret) = recovered(&whole[..cut]);
            // The closing quote is escaped, so it is two bytes.
            assert_eq!(id.is_some(), cut >= end("id-1") + 2, "{}", &whole[..cut]);
            assert_eq!(secret.is_some(), cut >= end("u00fc") + 2, "{}", &whole[..cut]);
            assert!(id.is_none_or(|id| id == "id-1"));
            assert!(secret.is_none_or(|secret| secret == "s3cr3t\u{fc}"));
        }
    }

    #[test]
    fn recovery_takes_linear_time() {
        for piece in [
            "\\\"",
            "\"",
            "{",
            "\\",
            "\"client{\"",
            "\"{client\\\"",
            "\\u0022client{",
            "\"client_id\":",
            "\"client_secret\":\"",
        ] {
            let started = std::time::Instant::now();
            recovered(&piece.repeat(256 * 1024 / piece.len()));
            assert!(started.elapsed().as_secs() < 5, "{piece}");
        }
    }

    #[cfg(feature = "oauth2")]
    #[test]
    fn recovery_never_returns_a_truncated_refresh_token() {
        let inner = r#"{"access_token": "at", "refresh_token": "rt-1\u00fc", "scope": "a"}"#;
        let nested = serde_json::json!({"status": 200, "body": inner}).to_string();
        for (whole, quote) in [(inner, 1), (&*nested, 2)] {
            let end = whole.find("u00fc").unwrap() + "u00fc".len() + quote;
            for cut in 0..=whole.len() {
                let token = refresh_token(&whole.as_bytes()[..cut]);
                let token = token.as_ref().map(ExposeSecret::expose_secret);
                assert_eq!(token, (cut >= end).then_some("rt-1\u{fc}"), "{}", &whole[..cut]);
            }
        }
    }

    #[test]
    fn recovery_ignores_member_names_inside_strings() {
        assert_eq!(recovered(r#"{"x": "\"client_id\": \"fake\"", "y"#), (None, None));
        assert_eq!(recovered(r#"{"x": "client_id", "y": 1"#), (None, None));
    }

    #[test]
    fn recovery_never_returns_a_truncated_credential() {
        let whole =
            r#"{"a": "{\"", "client_id": "id-1", "b": [1, {}], "client_secret": "s3cr3t", "c": 1}"#;
        for cut in 0..=whole.len() {
            let (id, secret) = recovered(&whole[..cut]);
            assert_eq!(id.is_some(), cut >= whole.find(r#"id-1""#).unwrap() + 5, "{cut}");
            assert_eq!(secret.is_some(), cut >= whole.find(r#"s3cr3t""#).unwrap() + 7, "{cut}");
            assert!(id.is_none_or(|id| id == "id-1"));
            assert!(secret.is_none_or(|secret| secret == "s3cr3t"));
        }
    }
}
