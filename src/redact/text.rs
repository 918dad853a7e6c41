//! The characters of a text by index, and the brackets and string literals in it.

use std::ops::Range;

use super::{line::is_blank, unit::Unit};

/// How far back a character is searched.
const MAX_DISTANCE: usize = 64;

pub(super) fn is_name(char: char) -> bool {
    char.is_ascii_alphanumeric() || matches!(char, '_' | '-')
}

pub(super) fn is_quote(char: char) -> bool {
    matches!(char, '"' | '\'' | '`')
}

pub(super) struct Text<'a>(pub(super) &'a [Unit]);

impl Text<'_> {
    pub(super) fn at(&self, index: usize) -> Option<char> {
        self.0.get(index).map(|unit| unit.char)
    }

    pub(super) fn before(&self, index: usize) -> Option<char> {
        self.at(index.checked_sub(1)?)
    }

    /// Returns how many characters from `start` on match.
    pub(super) fn count(&self, start: usize, matches: impl Fn(char) -> bool) -> usize {
        self.count_up_to(usize::MAX, start, matches)
    }

    pub(super) fn count_up_to(
        &self,
        max: usize,
        start: usize,
        matches: impl Fn(char) -> bool,
    ) -> usize {
        let rest = self.0.get(start..).unwrap_or_default();
        rest.iter().take(max).take_while(|unit| matches(unit.char)).count()
    }

    /// Returns the index of the first character from `start` on that matches, or the end of the text.
    pub(super) fn find(&self, start: usize, matches: impl Fn(char) -> bool) -> usize {
        start + self.count(start, |char| !matches(char))
    }

    pub(super) fn skip_blanks(&self, start: usize) -> usize {
        start + self.count(start, is_blank)
    }

    pub(super) fn starts_with(&self, start: usize, text: &str) -> bool {
        let rest = self.0.get(start..).unwrap_or_default();
        rest.iter().map(|unit| unit.char).take(text.len()).eq(text.chars())
    }

    /// Returns the index of this text at or after `start`, or the end.
    pub(super) fn find_text(&self, start: usize, text: &str) -> usize {
        let mut positions = start..self.0.len();
        positions.find(|at| self.starts_with(*at, text)).unwrap_or(self.0.len())
    }

    pub(super) fn lowercase(&self, range: Range<usize>) -> String {
        let units = self.0.get(range).unwrap_or_default().iter();
        units.map(|unit| unit.char.to_ascii_lowercase()).collect()
    }

    /// Returns the last character before `at` that does not match, unless it is far away.
    pub(super) fn before_all(&self, at: usize, matches: impl Fn(char) -> bool) -> Option<char> {
        let before = self.0.get(..at)?.iter().rev().take(MAX_DISTANCE);
        before.map(|unit| unit.char).find(|char| !matches(*char))
    }

    /// Returns the inside of the string literal at `at`.
    pub(super) fn quoted(&self, at: usize) -> Option<Range<usize>> {
        let quote = self.at(at)?;
        let mut end = at + 1;
        while self.at(end).is_some_and(|char| char != quote) {
            end += if self.at(end) == Some('\\') { 2 } else { 1 };
        }
        Some(at + 1..end.min(self.0.len())).filter(|value| !value.is_empty())
    }

    pub(super) fn unquoted(&self, at: usize) -> Option<Range<usize>> {
        let ends = |char| is_blank(char) || is_quote(char) || matches!(char, '&' | '<' | '>');
        Some(at..self.find(at, ends)).filter(|value| !value.is_empty())
    }

    /// Returns the index after the bracket that closes the one at `at`, or the end of the text.
    pub(super) fn closing(&self, mut at: usize) -> usize {
        let mut depth = 0;
        while let Some(char) = self.at(at) {
            match char {
                '[' | '{' => depth += 1,
                ']' | '}' if depth == 1 => return at + 1,
                ']' | '}' => depth -= 1,
                '"' => at = self.quoted(at).map_or(at + 1, |inside| inside.end),
                _ => {}
            }
            at += 1;
        }
        self.0.len()
    }
}
