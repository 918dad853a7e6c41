//! Decodes base64, base32, hexadecimal digits and lists of byte values.

use super::{
    line::is_blank,
    unit::{Unit, character},
};

/// Calls `each` with the decoded text of each run of characters that may be base64, base32 or
/// hexadecimal digits, once for each position at which the encoding may begin, and of each list of
/// byte values. The flag says whether the run reaches the end of the units.
pub(super) fn unpack(units: &[Unit], mut each: impl FnMut(Vec<Unit>, bool)) {
    for packing in PACKINGS {
        let symbols = units.iter().filter(|unit| !packing.is_separator(unit.char));
        let symbols: Vec<_> = symbols.map(|unit| ((packing.value)(unit.char), *unit)).collect();
        let mut rest = symbols.as_slice();
        while !rest.is_empty() {
            let len = rest.iter().take_while(|(value, _)| value.is_some()).count();
            let (run, after) = rest.split_at(len);
            for offset in 0..packing.group {
                let bytes = packing.bytes(run.get(offset..).unwrap_or_default());
                if bytes.len() >= MIN_BYTES {
                    each(text(&bytes), after.is_empty());
                }
            }
            rest = after.get(1..).unwrap_or_default();
        }
    }
    byte_lists(units, each);
}

/// Shorter runs cannot hold a credential.
const MIN_BYTES: usize = 8;

/// A way to write bytes as characters of a few bits each.
struct Packing {
    bits: u32,
    /// The number of characters after which the alignment repeats.
    group: usize,
    value: fn(char) -> Option<u32>,
    separators: &'static str,
}

const PACKINGS: [Packing; 3] = [
    Packing { bits: 6, group: 4, value: base64, separators: "" },
    Packing { bits: 5, group: 8, value: base32, separators: "" },
    Packing { bits: 4, group: 2, value: |char| char.to_digit(16), separators: ":-" },
];

impl Packing {
    fn is_separator(&self, char: char) -> bool {
        is_blank(char) || self.separators.contains(char)
    }

    /// Returns the bytes, each with the range that it is read from. Drops bits after the last byte.
    fn bytes(&self, symbols: &[(Option<u32>, Unit)]) -> Vec<(u8, usize, usize)> {
        let mut bytes = Vec::with_capacity(symbols.len());
        let (mut bits, mut len, mut first) = (0, 0, 0);
        for (value, unit) in symbols {
            if len == 0 {
                first = unit.start;
            }
            bits = (bits << self.bits | value.unwrap_or_default()) & 0xFFFF;
            len += self.bits;
            if len >= 8 {
                len -= 8;
                let byte = u8::try_from(bits >> len & 0xFF).unwrap_or_default();
                bytes.push((byte, first, unit.end));
                first = unit.start;
            }
        }
        bytes
    }
}

/// The alphabets of RFC 4648 sections 4 and 5.
fn base64(char: char) -> Option<u32> {
    match char {
        'A'..='Z' => Some(u32::from(char) - u32::from('A')),
        'a'..='z' => Some(u32::from(char) - u32::from('a') + 26),
        '0'..='9' => Some(u32::from(char) - u32::from('0') + 52),
        '+' | '-' => Some(62),
        '/' | '_' => Some(63),
        _ => None,
    }
}

/// The alphabet of RFC 4648 section 6.
fn base32(char: char) -> Option<u32> {
    match char.to_ascii_uppercase() {
        upper @ 'A'..='Z' => Some(u32::from(upper) - u32::from('A')),
        '2'..='7' => Some(u32::from(char) - u32::from('2') + 26),
        _ => None,
    }
}

/// Decodes lists of numbers from 0 to 255, as in `[104, 117, 110]`.
fn byte_lists(units: &[Unit], mut each: impl FnMut(Vec<Unit>, bool)) {
    let mut bytes = Vec::new();
    let mut rest = units;
    while let Some(first) = rest.first() {
        let digits = rest.iter().take_while(|unit| unit.char.is_ascii_digit()).count();
        let (number, after) = rest.split_at(digits.max(1));
        let text: String = number.iter().map(|unit| unit.char).collect();
        if let (Ok(byte), Some(last)) = (text.parse(), number.last()) {
            bytes.push((byte, first.start, last.end));
        } else if first.char != ',' && !is_blank(first.char) {
            decode_list(&mut bytes, false, &mut each);
        }
        rest = after;
    }
    decode_list(&mut bytes, true, &mut each);
}

fn decode_list(
    bytes: &mut Vec<(u8, usize, usize)>,
    at_end: bool,
    mut each: impl FnMut(Vec<Unit>, bool),
) {
    if bytes.len() >= MIN_BYTES {
        each(text(bytes), at_end);
    }
    bytes.clear();
}

/// Returns the characters of bytes, each with the range of its bytes.
fn text(bytes: &[(u8, usize, usize)]) -> Vec<Unit> {
    let as_units: Vec<_> = bytes
        .iter()
        .map(|&(byte, start, end)| Unit { char: char::from(byte), start, end })
        .collect();
    let byte = |units: &[Unit]| Some((u8::try_from(units.first()?.char).ok()?, 1));
    let mut text = Vec::with_capacity(bytes.len());
    let mut rest = as_units.as_slice();
    while let Some((char, len)) = character(rest, byte) {
        let (now, after) = rest.split_at(len);
        if let (Some(first), Some(last)) = (now.first(), now.last()) {
            text.push(Unit { char, start: first.start, end: last.end });
        }
        rest = after;
    }
    text
}
