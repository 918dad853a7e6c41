//! [`Unit`]: a character of a text, decoded or not, and the part of the text that it was read from.

/// A character, and the range of characters of the original text that it was read from.
#[derive(Clone, Copy)]
pub(super) struct Unit {
    pub(super) char: char,
    pub(super) start: usize,
    pub(super) end: usize,
}

/// Returns the characters of a text that is not decoded.
pub(super) fn units(text: impl IntoIterator<Item = char>) -> Vec<Unit> {
    let numbered = text.into_iter().enumerate();
    numbered.map(|(at, char)| Unit { char, start: at, end: at + 1 }).collect()
}

/// Reads one character of UTF-8 whose bytes `read` returns, each with its length in units. If the
/// bytes are not UTF-8, reads the first one as Latin-1. Returns the character and its length.
pub(super) fn character(
    units: &[Unit],
    read: impl Fn(&[Unit]) -> Option<(u8, usize)>,
) -> Option<(char, usize)> {
    let (first, first_len) = read(units)?;
    let width = match first {
        0xC2..=0xDF => 2,
        0xE0..=0xEF => 3,
        0xF0..=0xF4 => 4,
        _ => 1,
    };
    let mut bytes = vec![first];
    let mut len = first_len;
    while bytes.len() < width {
        let Some((byte, more)) = units.get(len..).and_then(&read) else { break };
        bytes.push(byte);
        len += more;
    }
    match str::from_utf8(&bytes).ok().and_then(|text| text.chars().next()) {
        Some(char) => Some((char, len)),
        None => Some((char::from(first), first_len)),
    }
}
