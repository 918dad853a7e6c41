//! Puts text on one short line, without characters that a terminal interprets or does not show. It
//! masks nothing.

use std::mem;

/// Replaces each run of control characters and line separators with a space, and removes characters
/// that are invisible or change the direction of text.
pub(super) fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    let mut is_broken = false;
    for character in text.chars() {
        if is_break(character) {
            is_broken = !line.is_empty();
        } else if !is_invisible(character) {
            if mem::take(&mut is_broken) && character != ' ' && !line.ends_with(' ') {
                line.push(' ');
            }
            line.push(character);
        }
    }
    line
}

/// Returns the first `max` characters, with `…` if that is not all.
pub(super) fn truncate(text: &str, max: usize) -> String {
    match text.char_indices().nth(max) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or(text).trim_end()),
        None => text.to_owned(),
    }
}

/// Returns whether a character can be added to a credential without a visible change.
pub(super) fn is_blank(character: char) -> bool {
    if character.is_ascii() {
        return character <= ' ' || character == '\u{7F}';
    }
    character.is_whitespace() || is_break(character) || is_invisible(character)
}

fn is_break(character: char) -> bool {
    character.is_control() || matches!(character, '\u{2028}' | '\u{2029}')
}

/// The format characters (Unicode category Cf) that have no glyph.
fn is_invisible(character: char) -> bool {
    matches!(character,
        '\u{00AD}' | '\u{061C}' | '\u{180E}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}'
        | '\u{2060}'..='\u{206F}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}'
        | '\u{1BCA0}'..='\u{1BCA3}' | '\u{1D173}'..='\u{1D17A}' | '\u{E0000}'..='\u{E007F}')
}
