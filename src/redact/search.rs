//! Finds known credentials in a text, however they are encoded in it.
//!
//! Each way to read a part of the text, raw or decoded, is an edge between two positions of the text. A
//! credential occurs in the text if a path of edges spells it. Paths may skip blanks, control
//! characters and tags, and letter case is ignored. The time is linear in the length of the text.

use std::{cmp::Reverse, collections::HashMap, mem};

use secrecy::zeroize::Zeroizing;

use super::{escape::decoded, line::is_blank, unit::Unit};

/// Shorter values are not masked, because masking them would hide ordinary words.
const MIN_CHARS: usize = 8;
/// A longer credential is searched in overlapping pieces, which bounds the time.
const MAX_CHARS: usize = 128;
const OVERLAP: usize = 32;
/// The number of pieces of credentials that are searched, the first ones.
const MAX_NEEDLES: usize = 256;
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
}

impl Needle {
    /// Returns the credential in pieces. Returns nothing if it is shorter than eight characters.
    fn pieces(credential: &str) -> Vec<Self> {
        if credential.chars().count() < MIN_CHARS {
            return Vec::new();
        }
        let fold = |text: &str| -> Zeroizing<Vec<char>> {
            let labels = text.chars().map(Label::of);
            Zeroizing::new(labels.flat_map(|label| label.chars.into_iter().flatten()).collect())
        };
        let visible = fold(&credential.replace(is_blank, ""));
        let has_blanks = visible.len() < MIN_CHARS;
        let chars = match (has_blanks, visible.is_empty()) {
            (_, true) => return Vec::new(),
            (false, _) => visible,
            (true, _) => fold(&credential.replace(is_blank, " ")),
        };
        let starts = (0..chars.len()).step_by(MAX_CHARS - OVERLAP);
        let pieces = starts.filter_map(|start| {
            let piece = chars.get(start..chars.len().min(start + MAX_CHARS))?;
            // The piece before includes a remainder that is no longer than the overlap.
            (start == 0 || piece.len() > OVERLAP)
                .then(|| Self { chars: Zeroizing::new(piece.to_vec()), has_blanks })
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

/// The credentials that are searched.
#[derive(Default)]
pub(super) struct Needles {
    all: Vec<Needle>,
    by_first: HashMap<char, Vec<usize>>,
    /// The number of characters that were read, including those of credentials that were known.
    read: usize,
}

impl Needles {
    /// Adds a credential, unless there are too many. Does nothing if it is shorter than eight
    /// characters.
    pub(super) fn add(&mut self, credential: &str) {
        self.read += credential.len();
        for piece in Needle::pieces(credential) {
            let first = piece.chars.first().copied().unwrap_or(' ');
            let same_first = self.by_first.entry(first).or_default();
            let is_known = same_first.iter().any(|index| self.all.get(*index) == Some(&piece));
            if !is_known && self.all.len() < MAX_NEEDLES {
                same_first.push(self.all.len());
                self.all.push(piece);
            }
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Returns whether the text has all characters of a credential, or of the beginning of one. Most text
    /// has not, and then needs no graph.
    pub(super) fn may_be_in(&self, layers: &[Vec<Unit>], may_be_cut: bool) -> bool {
        let mut has = [false; 128];
        for char in layers.iter().flatten().map(|unit| unit.char) {
            // Other characters may be equal to an ASCII character in another case.
            let folded = if char.is_ascii() {
                [Some(char.to_ascii_lowercase()), None, None]
            } else if char < '\u{100}' && char != '\u{df}' {
                continue;
            } else {
                Label::of(char).chars
            };
            for char in folded.into_iter().flatten() {
                has.get_mut(char as usize).into_iter().for_each(|has| *has = true);
            }
        }
        let is_in = |char: &char| *char == ' ' || has.get(*char as usize).is_none_or(|has| *has);
        self.all.iter().any(|needle| {
            let len = if may_be_cut { MIN_CHARS } else { needle.chars.len() };
            needle.chars.iter().take(len).all(is_in)
        })
    }

    /// Returns whether no more can be added in a reasonable time.
    pub(super) fn are_full(&self) -> bool {
        self.all.len() == MAX_NEEDLES || self.read > MAX_READ
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
pub(super) struct Graph {
    /// Sorted by start.
    edges: Vec<Edge>,
    len: usize,
    /// Whether the text may be cut at its end.
    may_be_cut: bool,
}

impl Graph {
    /// Creates the graph from the layers of a text, of which the first is the text itself.
    pub(super) fn new(layers: &[Vec<Unit>], may_be_cut: bool) -> Self {
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
        Self { edges, len, may_be_cut }
    }

    /// Calls `found` with the range of each occurrence. A beginning of eight characters or more at the
    /// end of a text that may be cut is an occurrence too.
    pub(super) fn find(&self, needles: &Needles, mut found: impl FnMut(usize, usize)) {
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
                        Some(all) if all == needle.chars.len() => found(path.from, edge.end),
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
        for path in at_end.filter(|path| self.may_be_cut && path.spelled.0 >= MIN_CHARS) {
            found(path.from, self.len);
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
