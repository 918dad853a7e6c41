//! Finds the values of members, parameters, elements and headers whose name says that they are
//! credentials, in JSON, forms, queries, YAML, XML, HTTP headers and similar formats.

use std::ops::Range;

use super::{
    line::is_blank,
    text::{Text, is_name, is_quote},
    unit::Unit,
};

/// How the value of a name is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// The name of a credential in OAuth or HTTP. A colon is enough before the value.
    Name,
    /// An ordinary word. In a sentence, a colon may follow it without a value.
    Word,
    /// A credential in the query of a callback, and an ordinary word elsewhere.
    Parameter,
    /// A header with a scheme before the value.
    Authorization,
    /// A header whose value extends to the end of the line.
    Header,
}

/// Names end with one of these.
const NAMES: &[&str] = &[
    "accesskey",
    "accesstoken",
    "apikey",
    "apitoken",
    "authtoken",
    "bearertoken",
    "clientassertion",
    "clientpassword",
    "clientsecret",
    "codeverifier",
    "idtoken",
    "privatekey",
    "refreshtoken",
    "secretkey",
    "sessiontoken",
    "subjecttoken",
    "actortoken",
];
const WORDS: &[&str] = &[
    "assertion",
    "bearer",
    "credential",
    "credentials",
    "passphrase",
    "passwd",
    "password",
    "secret",
    "token",
    "verifier",
];
/// Error codes begin with one of these, as `invalid_token` does.
const ADJECTIVES: &[&str] =
    &["bad", "expired", "invalid", "missing", "revoked", "unauthorized", "unknown", "unsupported"];
/// Authentication schemes with one word after them.
const SCHEMES: &[&str] = &["basic", "bearer", "dpop", "negotiate", "token"];
/// Values that are not credentials.
const EMPTY: &[&str] = &["null", "none", "nil", "undefined", "true", "false"];
const MAX_NAME: usize = 64;
/// The number of characters of a value without quotes that is read in other ways.
const MAX_BARE: usize = 256;

/// A value that follows the name of a credential.
pub(super) struct Value {
    /// The value without quotes. Empty if the value begins with a character that ends values.
    pub(super) range: Range<usize>,
    /// The start of the value if the name has no quotes, as in a form or a header. A quote, a bracket or
    /// a tag is then perhaps a part of the credential.
    bare: Option<usize>,
    kind: Kind,
}

impl Value {
    /// Returns the other ranges that may be the credential: up to a blank or an ampersand, and up to the
    /// end of the line. After a word, the rest of the line may be a sentence.
    pub(super) fn bare_readings(&self, units: &[Unit]) -> impl Iterator<Item = Range<usize>> {
        let text = Text(units);
        let start = self.bare.map(|at| at + text.count(at, |char| char != '\n' && is_blank(char)));
        start.into_iter().flat_map(move |start| {
            let word = text.count_up_to(MAX_BARE, start, |char| !is_blank(char) && char != '&');
            let has_line = self.kind != Kind::Word;
            let line = text.count_up_to(MAX_BARE, start, |char| !matches!(char, '\r' | '\n'));
            [start..start + word, start..start + if has_line { line } else { word }]
        })
    }
}

/// Returns the values. Their ranges do not overlap.
pub(super) fn values(units: &[Unit]) -> Vec<Value> {
    // Every notation has one of these.
    if !units.iter().any(|unit| matches!(unit.char, '=' | ':' | '<' | '>')) {
        return Vec::new();
    }
    let text = Text(units);
    let is_document = units.iter().any(|unit| unit.char == '\n');
    let mut values = Vec::new();
    let mut at = 0;
    while at < units.len() {
        let end = at + text.count(at, is_name);
        let value = text.kind(at, end).and_then(|kind| text.value(at..end, kind, is_document));
        at = value.as_ref().map_or(end.max(at + 1), |value| value.range.end);
        values.extend(value);
    }
    values
}

/// Returns the ranges of the strings in a list or an object, without the names of members.
pub(super) fn strings(units: &[Unit]) -> Vec<Range<usize>> {
    let text = Text(units);
    let mut strings = Vec::new();
    let mut at = 0;
    while let Some(char) = text.at(at) {
        let inside = Some(at).filter(|_| is_quote(char)).and_then(|at| text.quoted(at));
        at = inside.as_ref().map_or(at + 1, |inside| inside.end + 1);
        let is_member = text.at(text.skip_blanks(at)) == Some(':');
        strings.extend(inside.filter(|_| !is_member));
    }
    strings
}

impl Text<'_> {
    fn kind(&self, start: usize, end: usize) -> Option<Kind> {
        if start == end || end - start > MAX_NAME {
            return None;
        }
        // No allocation, because each word of a body is read.
        let mut letters = [0; MAX_NAME];
        let name = self.0.get(start..end)?.iter().map(|unit| unit.char);
        let name = name.filter(|char| !matches!(char, '_' | '-'));
        let mut len = 0;
        for (to, char) in letters.iter_mut().zip(name) {
            *to = u8::try_from(char).unwrap_or_default().to_ascii_lowercase();
            len += 1;
        }
        let name = letters.get(..len)?;
        // The last letters of all names, which most words do not have.
        if !matches!(
            name.last_chunk()?,
            b"arer"
                | b"code"
                | b"cret"
                | b"ekey"
                | b"fier"
                | b"ials"
                | b"ikey"
                | b"oken"
                | b"okie"
                | b"rase"
                | b"skey"
                | b"sswd"
                | b"tate"
                | b"tial"
                | b"tion"
                | b"tkey"
                | b"word"
        ) {
            return None;
        }
        let ends_with = |words: &[&str]| words.iter().any(|word| name.ends_with(word.as_bytes()));
        match name {
            b"authorization" | b"proxyauthorization" => Some(Kind::Authorization),
            b"cookie" | b"setcookie" => Some(Kind::Header),
            b"code" | b"state" => Some(Kind::Parameter),
            _ if !ends_with(NAMES) && !ends_with(WORDS) => None,
            _ if ADJECTIVES.iter().any(|word| name.starts_with(word.as_bytes())) => None,
            _ if ends_with(NAMES) => Some(Kind::Name),
            _ => Some(Kind::Word),
        }
    }

    /// Returns the value that follows this name.
    fn value(&self, name: Range<usize>, kind: Kind, is_document: bool) -> Option<Value> {
        if kind == Kind::Parameter {
            let is_parameter = matches!(self.before(name.start), None | Some('?' | '&' | '#'));
            let has_value = is_parameter && self.at(name.end) == Some('=');
            let value = has_value.then(|| self.unquoted(name.end + 1)).flatten()?;
            // At the start of a text that is not a form, it is an ordinary word.
            let is_form = name.start > 0 || self.at(value.end) == Some('&');
            return is_form.then_some(Value { range: value, bare: Some(name.end + 1), kind });
        }
        if let Some(value) = self.element(&name) {
            return (!value.is_empty()).then_some(Value { range: value, bare: None, kind });
        }
        let closers = self.count(name.end, |char| is_quote(char) || matches!(char, ']' | ')'));
        let mut at = self.skip_blanks(name.end + closers);
        let is_quoted = self.before(name.start).is_some_and(is_quote) && closers > 0;
        if is_quoted {
            at = self.named_value(at);
        }
        let bare = Some(at + 1).filter(|_| !is_quoted);
        let starts_line = || is_document && self.starts_line(name.start);
        match (self.at(at)?, self.at(at + 1)) {
            ('=', Some('=' | '>')) | (':', Some('=')) => at += 2,
            ('=', _) => at += 1,
            (':', Some(':')) => return None,
            (':', _) if is_quoted || kind != Kind::Word || starts_line() => at += 1,
            _ => return None,
        }
        match kind {
            Kind::Authorization => self.authorization(at),
            Kind::Header => {
                let start = at + self.count(at, |char| char == ' ');
                Some(start..self.find(start, |char| char == '\n')).filter(|value| !value.is_empty())
            }
            _ => self.any_value(at),
        }
        .or((!is_quoted).then_some(at..at))
        .filter(|value| {
            let text = self.lowercase(value.start..value.end.min(value.start + MAX_NAME));
            !EMPTY.contains(&text.trim_end_matches([',', ';', '.', ')', ']', '}']))
        })
        .map(|range| Value { range, bare, kind })
    }

    /// `<name>value</name>`, `<input name="name">value<`, or `<key>name</key><string>value<`.
    fn element(&self, name: &Range<usize>) -> Option<Range<usize>> {
        let opener = self.before_all(name.start, |char| is_name(char) || char == ':')?;
        let quote = self.at(name.end).filter(|char| is_quote(*char));
        let start = if opener == '<' {
            let close = self.find(name.end, |char| matches!(char, '<' | '>'));
            if self.at(close)? == '<' || self.before(close) == Some('/') {
                return None;
            }
            close + 1
        } else if quote.is_some() && self.at(name.end + 1) == Some('>') {
            name.end + 2
        } else if opener == '>' && self.starts_with(name.end, "</") {
            let mut at = name.end;
            while self.at(at)? == '<' {
                at = self.skip_blanks(self.find(at, |char| char == '>') + 1);
            }
            at
        } else {
            return None;
        };
        Some(start..self.find_text(start, "</"))
    }

    fn starts_line(&self, at: usize) -> bool {
        let is_indent = |char| matches!(char, ' ' | '\t' | '-');
        matches!(self.before_all(at, is_indent), None | Some('\n'))
    }

    /// Skips `"value"` after the value of a `name`, as in `{"name": "secret", "value": "x"}`.
    fn named_value(&self, at: usize) -> usize {
        let word = at + self.count(at, |char| is_blank(char) || is_quote(char) || char == ',');
        let end = word + self.count(word, is_name);
        if self.lowercase(word..end) != "value" {
            return at;
        }
        self.skip_blanks(end + self.count(end, is_quote))
    }

    /// Returns the value in any notation that begins at or after `at`.
    fn any_value(&self, at: usize) -> Option<Range<usize>> {
        let mut at = self.skip_blanks(at);
        // A YAML block begins on the next line.
        let indicator = self.count(at, |char| matches!(char, '|' | '>' | '+' | '-'));
        if indicator > 0 && self.at(at + indicator).is_some_and(is_blank) {
            at = self.skip_blanks(at + indicator);
        }
        // A string literal in parentheses or with a prefix: Some("…"), b'…'.
        let mut literal = at;
        for _ in 0..3 {
            let word = self.count(literal, is_name);
            if word > 0 && self.at(literal + word) == Some('(') {
                literal += word + 1;
            }
        }
        if matches!(self.at(literal), Some('b' | 'B' | 'r' | 'R' | 'u' | 'U' | 'f' | 'F')) {
            literal += 1;
        }
        if self.at(literal).is_some_and(is_quote) {
            at = literal;
        }
        let inner = match (self.at(at)?, self.at(at + 1)) {
            // The next layer has the quote without the backslash.
            ('\\', Some(next)) if is_quote(next) => None,
            (quote, _) if is_quote(quote) => self.quoted(at),
            ('[' | '{', _) => Some(at..self.closing(at)),
            _ => return self.unquoted(at),
        }?;
        // A credential may begin with a quote or a bracket.
        let after = inner.end + usize::from(self.at(inner.end).is_some_and(is_quote));
        let goes_on = self.at(after).is_some_and(is_name);
        let end = self.unquoted(after).filter(|_| goes_on).map_or(inner.end, |rest| rest.end);
        Some(inner.start..end)
    }

    /// Returns the value of an `Authorization` header, without its scheme.
    fn authorization(&self, at: usize) -> Option<Range<usize>> {
        let value = self.any_value(at)?;
        let after = value.end + self.count(value.end, |char| char == ' ');
        if self.before(value.start).is_some_and(is_quote) || after == value.end {
            return Some(value);
        }
        if SCHEMES.contains(&self.lowercase(value.clone()).as_str()) {
            return self.unquoted(after);
        }
        Some(after..self.find(after, |char| char == '\n')).filter(|value| !value.is_empty())
    }
}
