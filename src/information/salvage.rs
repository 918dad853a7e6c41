//! Credentials out of bytes that are not an answer: cut, wrapped, followed or preceded by
//! something else.

use serde::de::DeserializeOwned;

use crate::{ClientSecret, error::Salvaged};

/// Whatever of `client_id` and `client_secret` stands whole in these bytes, at any depth.
///
/// A member's name as a string's content has its quotes escaped, so it is not taken for one; a
/// string without its closing quote did not arrive whole.
pub(crate) fn credentials(bytes: &[u8]) -> Salvaged {
    Salvaged {
        client_id: text(bytes, b"\"client_id\""),
        client_secret: text(bytes, b"\"client_secret\"").map(ClientSecret::from),
    }
}

/// The first value of that name that is a non-empty string, or a whole number that ended.
fn text(bytes: &[u8], quoted_name: &[u8]) -> Option<String> {
    let mut ends = bytes
        .windows(quoted_name.len())
        .enumerate()
        .filter(|(_, window)| *window == quoted_name)
        .map(|(start, _)| start + quoted_name.len());
    ends.find_map(|end| value(bytes.get(end..)?))
}

fn value(after_name: &[u8]) -> Option<String> {
    let after_colon = after_name.trim_ascii_start().strip_prefix(b":")?.trim_ascii_start();
    let string = first::<String>(after_colon).filter(|text| !text.is_empty());
    string.or_else(|| {
        let end = after_colon.iter().position(|byte| !byte.is_ascii_digit())?;
        let ended = matches!(after_colon.get(end)?, b',' | b'}' | b' ' | b'\n' | b'\r' | b'\t');
        let digits = after_colon.get(..end).filter(|digits| ended && !digits.is_empty())?;
        String::from_utf8(digits.to_vec()).ok()
    })
}

fn first<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    serde_json::Deserializer::from_slice(bytes).into_iter::<T>().next()?.ok()
}
