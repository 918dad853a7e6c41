//! Encodes credentials in base64, base32, hexadecimal digits and lists of byte values.

use secrecy::zeroize::Zeroizing;

/// The alphabets of RFC 4648 sections 4, 5 and 6.
const BASE64: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const BASE64_URL: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const BASE32: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// Returns the encoded forms of a credential, which may be a part of a longer text that is encoded as a
/// whole. Omits the characters at both ends that depend on the rest of that text.
pub(super) fn encoded(credential: &str) -> Vec<Zeroizing<String>> {
    let bytes = credential.as_bytes();
    let list = |separator: &str, byte: fn(&u8) -> String| {
        Zeroizing::new(bytes.iter().map(byte).collect::<Vec<_>>().join(separator))
    };
    let hex = |byte: &u8| format!("{byte:02x}");
    let mut forms = vec![list("", hex), list(":", hex), list("-", hex), list(",", u8::to_string)];
    forms.extend((0..5).map(|offset| encode(bytes, BASE32, offset)));
    // HTTP Basic encodes a percent-encoded secret, and a token consists of JSON.
    let json = Zeroizing::new(serde_json::to_string(credential).unwrap_or_default());
    let json = json.get(1..json.len().saturating_sub(1)).unwrap_or_default();
    let percent = percent(bytes);
    let mut texts = vec![credential, json, &percent];
    texts.dedup();
    for text in texts {
        for alphabet in [BASE64, BASE64_URL] {
            forms.extend((0..3).map(|offset| encode(text.as_bytes(), alphabet, offset)));
        }
    }
    forms
}

/// Percent-encodes a credential as in a form (RFC 6749 appendix B).
fn percent(bytes: &[u8]) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(3 * bytes.len()));
    for byte in bytes {
        match byte {
            b' ' => text.push('+'),
            b'*' | b'-' | b'.' | b'_' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => {
                text.push(char::from(*byte));
            }
            _ => text.extend(['%', hex_digit(byte >> 4), hex_digit(byte & 15)]),
        }
    }
    text
}

fn hex_digit(value: u8) -> char {
    char::from_digit(u32::from(value), 16).unwrap_or('0').to_ascii_uppercase()
}

/// Encodes bytes that follow `offset` other bytes, with the characters that contain only their bits.
fn encode(bytes: &[u8], alphabet: &[u8], offset: usize) -> Zeroizing<String> {
    let width = alphabet.len().ilog2() as usize;
    let skipped = (8 * offset).next_multiple_of(width) - 8 * offset;
    let len = (8 * bytes.len()).saturating_sub(skipped) / width;
    let chars = (0..len).map(|index| {
        let at = skipped + index * width;
        let byte = |index: usize| bytes.get(index).copied().unwrap_or_default();
        let bits = u16::from_be_bytes([byte(at / 8), byte(at / 8 + 1)]);
        let symbol = usize::from(bits >> (16 - width - at % 8)) % alphabet.len();
        alphabet.get(symbol).copied().map_or(' ', char::from)
    });
    Zeroizing::new(chars.collect())
}
