//! Credentials out of bytes that are not an answer: cut, wrapped, followed or preceded by
//! something else.

use crate::secret::ClientSecret;

/// The credentials of which every byte arrived.
#[derive(Clone, Debug, Default)]
pub(crate) struct RecoveredCredentials {
    pub(crate) client_id: Option<String>,
    pub(crate) client_secret: Option<ClientSecret>,
}

/// No answer is nested more deeply.
const MAX_DEPTH: usize = 128;

/// Whatever of `client_id` and `client_secret` stands whole in these bytes.
///
/// They are taken from one and the same object, the outermost that has a `client_id`, else that
/// has a secret; where a member comes twice the last counts, as it does in an answer that can be
/// read. A string without its closing quote did not arrive whole.
pub(crate) fn credentials(bytes: &[u8]) -> RecoveredCredentials {
    // After a stray quote, what is in strings and what is between them are the other way about.
    let after_a_quote =
        || outermost(bytes.get(bytes.iter().position(|byte| *byte == b'"')? + 1..)?);
    let found = outermost(bytes).or_else(after_a_quote).unwrap_or_default();
    RecoveredCredentials {
        client_id: found.client_id,
        client_secret: found.client_secret.map(ClientSecret::from),
    }
}

#[derive(Default)]
struct Object {
    depth: usize,
    client_id: Option<String>,
    client_secret: Option<String>,
}

impl Object {
    /// The better of two, the smaller: with an id before without, the outer before the inner.
    fn rank(&self) -> (bool, usize) {
        (self.client_id.is_none(), self.depth)
    }

    fn is_of_use(&self) -> bool {
        self.client_id.is_some() || self.client_secret.is_some()
    }
}

/// The best object that begins in these bytes; of two as good, the first.
///
/// Only strings and braces are looked at, so what is between them may be anything.
fn outermost(bytes: &[u8]) -> Option<Object> {
    let mut best: Option<Object> = None;
    let mut keep = |object: Object| {
        let is_better = best.as_ref().is_none_or(|best| object.rank() < best.rank());
        if object.is_of_use() && is_better {
            best = Some(object);
        }
    };
    let mut open = vec![Object::default()];
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        at = match byte {
            b'"' => member(bytes, at, open.last_mut()),
            b'{' if open.len() < MAX_DEPTH => {
                open.push(Object { depth: open.len(), ..Object::default() });
                at + 1
            }
            b'}' if open.len() > 1 => {
                open.pop().into_iter().for_each(&mut keep);
                at + 1
            }
            _ => at + 1,
        };
    }
    open.into_iter().rev().for_each(&mut keep);
    best
}

/// Takes the value of the string that begins here, if that is a credential's name, into its
/// object; returns where the string ends.
fn member(bytes: &[u8], start: usize, object: Option<&mut Object>) -> usize {
    let end = string_end(bytes, start);
    let field = match (bytes.get(start..end), object) {
        (Some(b"\"client_id\""), Some(object)) => &mut object.client_id,
        (Some(b"\"client_secret\""), Some(object)) => &mut object.client_secret,
        _ => return end,
    };
    if let Some(value) = bytes.get(end..).and_then(value) {
        *field = Some(value);
    }
    end
}

/// Where the string that begins here ends, past its closing quote; past everything if it has none.
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

/// The value after a member's name: a string that is not empty, or a whole number that ended.
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
    use super::credentials;

    fn recovered(text: &str) -> (Option<String>, Option<String>) {
        let found = credentials(text.as_bytes());
        (found.client_id, found.client_secret.map(|secret| secret.expose().to_owned()))
    }

    fn both(id: &str, secret: &str) -> (Option<String>, Option<String>) {
        (Some(id.to_owned()), Some(secret.to_owned()))
    }

    #[test]
    fn the_credentials_are_those_of_one_object_the_outermost() {
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
    fn of_a_member_that_comes_twice_the_last_counts() {
        let twice =
            r#"{"client_id": "a", "client_secret": "x", "client_id": "b", "client_secret": "y" "#;
        assert_eq!(recovered(twice), both("b", "y"));
        let cut = r#"{"client_id": "a", "client_secret": "x", "client_secret": "y"#;
        assert_eq!(recovered(cut), both("a", "x"));
    }

    #[test]
    fn what_stands_around_does_not_matter() {
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
    fn nonsense_takes_no_longer_than_sense() {
        for piece in ["\\\"", "\"", "{", "\"client_id\":", "\"client_secret\":\""] {
            let started = std::time::Instant::now();
            recovered(&piece.repeat(256 * 1024 / piece.len()));
            assert!(started.elapsed().as_secs() < 5, "{piece}");
        }
    }

    #[test]
    fn a_name_in_a_string_is_no_member() {
        assert_eq!(recovered(r#"{"x": "\"client_id\": \"fake\"", "y"#), (None, None));
        assert_eq!(recovered(r#"{"x": "client_id", "y": 1"#), (None, None));
    }

    #[test]
    fn at_every_cut_a_credential_is_whole_or_not_there() {
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
