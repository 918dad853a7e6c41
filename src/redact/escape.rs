//! Decodes the escapes of URLs, HTML, JSON, and the string literals of programming languages.

use std::iter;

use super::unit::{Unit, character};

/// The number of times that a text is decoded, because it may be escaped repeatedly.
const MAX_LAYERS: usize = 4;
/// No numeric character reference is longer, whose zeros may be repeated.
const MAX_DIGITS: usize = 16;

/// The first characters of the escapes of all kinds, and of each kind.
pub(super) const KINDS: [&str; 4] = ["%&\\", "%", "&", "\\"];

/// Returns the text as it is, decoded once, decoded twice, and so on, until nothing is escaped. Holds two
/// of them at a time.
pub(super) fn layers(units: Vec<Unit>) -> impl Iterator<Item = Vec<Unit>> {
    layers_of(units, "%&\\")
}

/// Like [`layers`], for escapes that begin with one of these characters.
pub(super) fn layers_of(units: Vec<Unit>, kinds: &str) -> impl Iterator<Item = Vec<Unit>> {
    iter::successors(Some(units), move |last| decode(last, kinds)).take(MAX_LAYERS + 1)
}

/// Decodes each escape. Returns `None` if there is none.
fn decode(units: &[Unit], kinds: &str) -> Option<Vec<Unit>> {
    let is_escape = |unit: &Unit| is_start(unit.char) && kinds.contains(unit.char);
    let first = units.iter().position(is_escape)?;
    let (plain, mut rest) = units.split_at(first);
    let mut next = Vec::with_capacity(units.len());
    next.extend_from_slice(plain);
    while let Some(unit) = rest.first() {
        let escape = Some(rest).filter(|_| is_escape(unit)).and_then(decoded);
        let (unit, len) = escape.unwrap_or((*unit, 1));
        next.push(unit);
        rest = rest.get(len..).unwrap_or_default();
    }
    (next.len() < units.len()).then_some(next)
}

/// Returns whether an escape may begin with this character.
pub(super) fn is_start(char: char) -> bool {
    matches!(char, '%' | '&' | '\\')
}

/// Decodes the escape at the start of the units. Returns its character and its length in units.
pub(super) fn decoded(units: &[Unit]) -> Option<(Unit, usize)> {
    let (char, len) = match units.first()?.char {
        '%' => percent(units)?,
        '&' => reference(units)?,
        '\\' => backslash(units)?,
        _ => return None,
    };
    let (first, last) = (units.first()?, units.get(len.checked_sub(1)?)?);
    Some((Unit { char, start: first.start, end: last.end }, len))
}

/// `%41`, with one byte of UTF-8 or Latin-1 each, or `%u0041`.
fn percent(units: &[Unit]) -> Option<(char, usize)> {
    if units.get(1)?.char == 'u' {
        return utf16(units, "%u");
    }
    character(units, |units| byte(units, "%"))
}

/// `&amp;`, `&#38;` or `&#x26;`. The semicolon of a number may be missing.
fn reference(units: &[Unit]) -> Option<(char, usize)> {
    let at = |index: usize| units.get(index).map(|unit| unit.char);
    if at(1)? != '#' {
        let first = at(1)?;
        let is_next = |name: &str| {
            // Most names begin with another letter.
            if !name.starts_with(first) {
                return false;
            }
            let chars = units.iter().skip(1).map(|unit| unit.char);
            chars.take(name.len() + 1).eq(name.chars().chain([';']))
        };
        let (name, char) = NAMED.iter().find(|(name, _)| is_next(name))?;
        return Some((*char, name.len() + 2));
    }
    let (start, radix) = if matches!(at(2)?, 'x' | 'X') { (3, 16) } else { (2, 10) };
    let len = digits(units.get(start..)?, radix, MAX_DIGITS);
    let char = char::from_u32(number(units.get(start..start + len)?, radix)?)?;
    let end = start + len;
    Some((char, if at(end) == Some(';') { end + 1 } else { end }))
}

/// `\n`, `\x41`, `\101`, `\u0041`, `\u{41}`, `\U00000041`, `\/`, or a line break that continues a
/// string.
fn backslash(units: &[Unit]) -> Option<(char, usize)> {
    let code = |start: usize, len: usize| {
        Some((char::from_u32(number(units.get(start..start + len)?, 16)?)?, start + len))
    };
    let special = match units.get(1)?.char {
        'u' if units.get(2).is_some_and(|unit| unit.char == '{') => {
            let len = digits(units.get(3..)?, 16, 6);
            let is_closed = units.get(3 + len).is_some_and(|unit| unit.char == '}');
            code(3, len).filter(|_| is_closed).map(|(char, end)| (char, end + 1))
        }
        'u' => utf16(units, "\\u"),
        'U' => code(2, 8),
        'x' => character(units, |units| byte(units, "\\x")),
        '0'..='7' => character(units, octal),
        'n' => Some(('\n', 2)),
        'r' => Some(('\r', 2)),
        't' => Some(('\t', 2)),
        'a' | 'b' | 'e' | 'f' | 'v' => Some(('\u{7}', 2)),
        '\n' | '\r' => Some(('\u{200B}', 2)),
        _ => None,
    };
    special.or(Some((units.get(1)?.char, 2)))
}

/// A code unit of UTF-16 as four hexadecimal digits after a prefix, or a pair of them.
fn utf16(units: &[Unit], prefix: &str) -> Option<(char, usize)> {
    let unit = |units: &[Unit]| {
        let start = after(units, prefix)?;
        u16::try_from(number(units.get(start..start + 4)?, 16)?).ok()
    };
    let len = prefix.len() + 4;
    let first = unit(units)?;
    let second = units.get(len..).and_then(unit);
    let mut decoded = char::decode_utf16([first].into_iter().chain(second));
    let char = decoded.next()?.ok()?;
    Some((char, len * char.len_utf16()))
}

/// Two hexadecimal digits after a prefix.
fn byte(units: &[Unit], prefix: &str) -> Option<(u8, usize)> {
    let start = after(units, prefix)?;
    let byte = u8::try_from(number(units.get(start..start + 2)?, 16)?).ok()?;
    Some((byte, start + 2))
}

/// A backslash and up to three octal digits.
fn octal(units: &[Unit]) -> Option<(u8, usize)> {
    let start = after(units, "\\")?;
    let len = digits(units.get(start..)?, 8, 3);
    Some((u8::try_from(number(units.get(start..start + len)?, 8)?).ok()?, start + len))
}

fn after(units: &[Unit], prefix: &str) -> Option<usize> {
    let is_prefix = units.iter().map(|unit| unit.char).take(prefix.len()).eq(prefix.chars());
    is_prefix.then_some(prefix.len())
}

fn digits(units: &[Unit], radix: u32, max: usize) -> usize {
    units.iter().take(max).take_while(|unit| unit.char.is_digit(radix)).count()
}

fn number(digits: &[Unit], radix: u32) -> Option<u32> {
    let mut digits = digits.iter();
    let first = digits.next()?.char.to_digit(radix)?;
    digits.try_fold(first, |number, unit| {
        number.checked_mul(radix)?.checked_add(unit.char.to_digit(radix)?)
    })
}

/// The named character references of HTML for ASCII characters and for the no-break space.
const NAMED: &[(&str, char)] = &[
    ("amp", '&'),
    ("AMP", '&'),
    ("apos", '\''),
    ("ast", '*'),
    ("bsol", '\\'),
    ("colon", ':'),
    ("comma", ','),
    ("commat", '@'),
    ("dollar", '$'),
    ("equals", '='),
    ("excl", '!'),
    ("grave", '`'),
    ("gt", '>'),
    ("GT", '>'),
    ("Hat", '^'),
    ("lbrace", '{'),
    ("lbrack", '['),
    ("lcub", '{'),
    ("lowbar", '_'),
    ("lpar", '('),
    ("lsqb", '['),
    ("lt", '<'),
    ("LT", '<'),
    ("nbsp", '\u{A0}'),
    ("NewLine", '\n'),
    ("num", '#'),
    ("percnt", '%'),
    ("period", '.'),
    ("plus", '+'),
    ("quest", '?'),
    ("quot", '"'),
    ("QUOT", '"'),
    ("rbrace", '}'),
    ("rbrack", ']'),
    ("rcub", '}'),
    ("rpar", ')'),
    ("rsqb", ']'),
    ("semi", ';'),
    ("sol", '/'),
    ("Tab", '\t'),
    ("verbar", '|'),
    ("vert", '|'),
];
