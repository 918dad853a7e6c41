//! Finds known credentials in a text, however they are encoded in it.
//!
//! Encoded bytes, such as base64, are searched as credentials of their own. Letter case, blanks and
//! control characters are ignored. Most text can be read in one way only, and is compared directly. In
//! other text, each way to read a part, raw or decoded, is an edge between two positions, and a
//! credential occurs if a path of edges spells it. The time is linear in the length of the text.

use std::{cmp::Reverse, collections::BTreeMap, mem, ops::Range};

use secrecy::zeroize::Zeroizing;

use super::{escape::decoded, line::is_blank, packed, unit::Unit};

/// Shorter values are not masked, because masking them would hide ordinary words.
const MIN_CHARS: usize = 8;
/// A longer credential is searched in overlapping pieces, which bounds the time.
const MAX_CHARS: usize = 128;
const OVERLAP: usize = 32;
/// The number of pieces of credentials that are searched, the first ones.
const MAX_CREDENTIALS: usize = 256;
/// The number of pieces that are searched, including those of encoded credentials.
const MAX_NEEDLES: usize = 2048;
/// The number of characters of credentials that are read, which bounds the time.
const MAX_READ: usize = 64 * 1024;
/// The number of paths that are followed at once for one piece. Only text that repeats itself has more.
const MAX_PATHS: usize = 32;
/// The number of paths that are followed at once for all pieces, those of the first ones.
const MAX_ALL_PATHS: usize = 256;
/// The number of characters of a tag or of a terminal's control sequence.
const MAX_TAG: usize = 80;

/// A credential, or a piece of a long one.
#[derive(PartialEq, Eq)]
struct Needle {
    /// Lowercase, without blanks unless `has_blanks`.
    chars: Zeroizing<Vec<char>>,
    /// Whether blanks count, because the rest of the credential is too short.
    has_blanks: bool,
    /// The ASCII characters among the first eight characters.
    first: Ascii,
}

impl Needle {
    /// Returns the credential in pieces. Returns nothing if it is shorter than eight characters.
    fn pieces(credential: &str) -> Vec<Self> {
        if credential.chars().count() < MIN_CHARS {
            return Vec::new();
        }
        let fold = |blanks: bool| -> Zeroizing<Vec<char>> {
            let labels = credential.chars().map(Label::of);
            let labels = labels.filter(|label| blanks || !label.is_blank);
            Zeroizing::new(labels.flat_map(|label| label.chars.into_iter().flatten()).collect())
        };
        let visible = fold(false);
        let has_blanks = visible.len() < MIN_CHARS;
        let chars = match (has_blanks, visible.is_empty()) {
            (_, true) => return Vec::new(),
            (false, _) => visible,
            (true, _) => fold(true),
        };
        let starts = (0..chars.len()).step_by(MAX_CHARS - OVERLAP);
        let pieces = starts.filter_map(|start| {
            let piece = chars.get(start..chars.len().min(start + MAX_CHARS))?;
            // The piece before includes a remainder that is no longer than the overlap.
            (start == 0 || piece.len() > OVERLAP).then(|| Self {
                chars: Zeroizing::new(piece.to_vec()),
                has_blanks,
                first: piece.iter().take(MIN_CHARS).copied().collect(),
            })
        });
        pieces.collect()
    }

    /// Returns the number of characters that are spelled after this edge, or `None` if the edge does not
    /// continue the credential.
    fn advance(&self, spelled: usize, label: &Label) -> Option<usize> {
        if label.is_blank && !self.has_blanks {
            return (spelled > 0).then_some(spelled);
        }
        let mut end = spelled;
        for char in label.chars.iter().flatten() {
            if self.chars.get(end)? != char {
                return None;
            }
            end += 1;
        }
        Some(end)
    }
}

/// A set of ASCII characters.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Ascii(u128);

impl FromIterator<char> for Ascii {
    fn from_iter<I: IntoIterator<Item = char>>(chars: I) -> Self {
        let bits = chars.into_iter().filter(char::is_ascii).map(|char| 1 << u32::from(char));
        Self(bits.fold(0, |all, bit: u128| all | bit))
    }
}

/// A number for the last eight characters, made from the one before.
fn next_key(key: u64, char: char) -> u64 {
    key << 8 ^ u64::from(char)
}

/// The credentials that are searched.
#[derive(Default)]
pub(super) struct Needles {
    all: Vec<Needle>,
    by_first: BTreeMap<char, Vec<usize>>,
    /// By the key of the first eight characters.
    by_key: BTreeMap<u64, Vec<usize>>,
    /// Whether a piece has blanks that count.
    has_blanks: bool,
    credentials: usize,
    /// The number of characters that were read, including those of credentials that were known.
    read: usize,
}

impl Needles {
    /// Adds a credential and its encoded forms, unless there are too many. Does nothing if it is shorter
    /// than eight characters.
    pub(super) fn add(&mut self, credential: &str) {
        self.read += credential.len();
        let before = self.all.len();
        if self.are_full() || !self.add_pieces(credential) {
            return;
        }
        self.credentials += self.all.len() - before;
        for form in packed::encoded(credential) {
            self.add_pieces(&form);
        }
    }

    /// Returns whether one of the pieces is new.
    fn add_pieces(&mut self, credential: &str) -> bool {
        let before = self.all.len();
        for piece in Needle::pieces(credential) {
            let key = piece.chars.iter().take(MIN_CHARS).fold(0, |key, char| next_key(key, *char));
            let same_start = self.by_key.entry(key).or_default();
            let is_known = same_start.iter().any(|index| self.all.get(*index) == Some(&piece));
            if !is_known && self.all.len() < MAX_NEEDLES {
                same_start.push(self.all.len());
                let first = piece.chars.first().copied().unwrap_or(' ');
                self.by_first.entry(first).or_default().push(self.all.len());
                self.has_blanks |= piece.has_blanks;
                self.all.push(piece);
            }
        }
        self.all.len() > before
    }

    /// Returns whether no more can be added in a reasonable time.
    pub(super) fn are_full(&self) -> bool {
        self.credentials >= MAX_CREDENTIALS || self.all.len() >= MAX_NEEDLES || self.read > MAX_READ
    }

    /// Calls `found` with the range of each credential in a text, of which the first layer is the text
    /// itself. A beginning of eight characters or more at the end of the text, which may be cut there,
    /// is a credential too.
    pub(super) fn find(&self, layers: &[Vec<Unit>], found: impl FnMut(Range<usize>)) {
        let has_other_readings = |text: &[Unit]| {
            (0..text.len()).any(|at| text.get(at..).and_then(other_reading).is_some())
        };
        match layers {
            _ if !self.may_be_in(layers) => {}
            [text] if !self.has_blanks && !has_other_readings(text) => self.find_plain(text, found),
            _ => Graph::new(layers).find(self, found),
        }
    }

    /// Finds credentials in a text that can be read in one way only.
    fn find_plain(&self, text: &[Unit], mut found: impl FnMut(Range<usize>)) {
        let labels = text.iter().map(|unit| (Label::of(unit.char), unit));
        let visible = labels.filter(|(label, _)| !label.is_blank);
        let chars: Vec<_> = visible
            .flat_map(|(label, unit)| label.chars.into_iter().flatten().map(move |c| (c, unit)))
            .collect();
        let mut key = 0;
        for (last, (char, _)) in chars.iter().enumerate() {
            key = next_key(key, *char);
            let Some(start) = (last + 1).checked_sub(MIN_CHARS) else { continue };
            let rest = chars.get(start..).unwrap_or_default();
            for needle in
                self.by_key.get(&key).into_iter().flatten().filter_map(|i| self.all.get(*i))
            {
                let own = needle.chars.iter().zip(rest).take_while(|(own, (char, _))| *own == char);
                let len = own.count();
                let is_whole = len == needle.chars.len() || len == rest.len();
                if let Some([(_, first), .., (_, last)]) = rest.get(..len).filter(|_| is_whole) {
                    found(first.start..last.end);
                }
            }
        }
    }

    /// Returns whether the text has all characters of the beginning of a credential. Most text has not,
    /// and then needs no search.
    fn may_be_in(&self, layers: &[Vec<Unit>]) -> bool {
        if self.all.is_empty() {
            return false;
        }
        let labels = layers.iter().flatten().map(|unit| Label::of(unit.char));
        let chars = labels.flat_map(|label| label.chars.into_iter().flatten());
        let has: Ascii = chars.chain([' ']).collect();
        self.all.iter().any(|needle| needle.first.0 & !has.0 == 0)
    }
}

/// What an edge spells.
#[derive(Clone, Copy)]
struct Label {
    chars: [Option<char>; 3],
    is_blank: bool,
}

impl Label {
    const BLANK: Self = Self { chars: [Some(' '), None, None], is_blank: true };

    /// The character in a form that is equal for all its cases.
    fn of(char: char) -> Self {
        if is_blank(char) {
            return Self::BLANK;
        }
        if char.is_ascii() {
            return Self { chars: [Some(char.to_ascii_lowercase()), None, None], is_blank: false };
        }
        let upper = char.to_lowercase().flat_map(char::to_uppercase);
        let mut folded = upper.flat_map(char::to_lowercase);
        Self { chars: [folded.next(), folded.next(), folded.next()], is_blank: false }
    }
}

struct Edge {
    start: usize,
    end: usize,
    label: Label,
}

/// All ways to read a text.
struct Graph {
    /// Sorted by start.
    edges: Vec<Edge>,
    len: usize,
}

impl Graph {
    /// Creates the graph from the layers of a text, of which the first is the text itself.
    fn new(layers: &[Vec<Unit>]) -> Self {
        let len = layers.first().map_or(0, Vec::len);
        let mut edges = Vec::with_capacity(len);
        let mut add = |unit: Unit| {
            edges.push(Edge { start: unit.start, end: unit.end, label: Label::of(unit.char) });
        };
        layers.iter().take(1).flatten().copied().for_each(&mut add);
        for layer in layers {
            for at in 0..layer.len() {
                let rest = layer.get(at..).unwrap_or_default();
                decoded(rest).map(|(unit, _)| unit).into_iter().for_each(&mut add);
                other_reading(rest).into_iter().for_each(&mut add);
            }
        }
        edges.sort_by_key(|edge| edge.start);
        Self { edges, len }
    }

    fn find(&self, needles: &Needles, mut found: impl FnMut(Range<usize>)) {
        // The paths that end at each position.
        let mut paths: Vec<Vec<Path>> = vec![Vec::new(); self.len + 1];
        for edges in self.edges.chunk_by(|a, b| a.start == b.start) {
            let Some(start) = edges.first().map(|edge| edge.start) else { continue };
            let mut here = paths.get_mut(start).map(mem::take).unwrap_or_default();
            here.sort_unstable();
            here.dedup_by_key(|path| (path.needle, path.spelled));
            here.truncate(MAX_ALL_PATHS);
            for edge in edges {
                let first = edge.label.chars.first().copied().flatten();
                let new = needles.by_first.get(&first.unwrap_or(' ')).into_iter().flatten();
                let new =
                    new.map(|needle| Path { needle: *needle, spelled: Reverse(0), from: start });
                let per_needle = here.chunk_by(|a, b| a.needle == b.needle);
                let going_on = per_needle.flat_map(|paths| paths.iter().take(MAX_PATHS)).copied();
                for path in going_on.chain(new) {
                    let Some(needle) = needles.all.get(path.needle) else { continue };
                    match needle.advance(path.spelled.0, &edge.label) {
                        Some(all) if all == needle.chars.len() => found(path.from..edge.end),
                        Some(more) => {
                            let path = Path { spelled: Reverse(more), ..path };
                            paths.get_mut(edge.end).into_iter().for_each(|to| to.push(path));
                        }
                        None => {}
                    }
                }
            }
        }
        let at_end = paths.last().into_iter().flatten();
        for path in at_end.filter(|path| path.spelled.0 >= MIN_CHARS) {
            found(path.from..self.len);
        }
    }
}

/// The beginning of a credential in the text. Sorted by credential, the longest first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Path {
    needle: usize,
    /// The number of characters that are spelled.
    spelled: Reverse<usize>,
    from: usize,
}

/// Readings of the first units that are not escapes: a plus sign for a blank, a doubled quote for one,
/// and nothing for a tag or for a control sequence of a terminal.
fn other_reading(units: &[Unit]) -> Option<Unit> {
    let first = units.first()?;
    let tagged = |end: fn(char) -> bool| {
        let mut inner = units.iter().skip(2).take(MAX_TAG);
        let last = inner.find(|unit| unit.char == '<' || end(unit.char))?;
        (last.char != '<').then_some((' ', last.end))
    };
    let second = units.get(1).map(|unit| unit.char);
    let (char, end) = match (first.char, second) {
        ('+', _) => (' ', first.end),
        ('"', Some('"')) | ('\'', Some('\'')) => (first.char, units.get(1)?.end),
        ('<', Some(next)) if next == '/' || next.is_ascii_alphabetic() => tagged(|c| c == '>')?,
        ('\u{1b}', Some('[')) => tagged(|c| c.is_ascii_alphabetic())?,
        _ => return None,
    };
    Some(Unit { char, start: first.start, end })
}
