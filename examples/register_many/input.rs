//! The clients to register: from a file of JSON Lines or CSV, one a line, or made up.

use std::{
    collections::HashMap,
    fs::File,
    io::{self, BufRead, BufReader, Seek},
    ops::Range,
    path::{Path, PathBuf},
};

use poggio::{ClientMetadata, MetadataField};
use serde::Deserializer;
use serde_json::{Map, Value};

use crate::{Refusal, keyed::Keyed};

/// How many bad lines are spelled out.
const SHOWN: usize = 20;
/// With a longer key, a line of the journal could outgrow the room that is kept for it.
const LONGEST_KEY: usize = 256;

pub(crate) enum Source {
    Sample(u64),
    File { file: File, path: PathBuf, is_csv: bool },
}

/// A client, or why its line cannot be used.
pub(crate) struct Line {
    pub(crate) number: u64,
    pub(crate) client: Result<(String, ClientMetadata), String>,
}

impl Source {
    pub(crate) fn open(path: &Path) -> Result<Self, Refusal> {
        let extension = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
        let is_csv = match extension.as_str() {
            "csv" => true,
            "jsonl" | "ndjson" => false,
            _ => return Err(unusable(path, "its name has to end in .jsonl or .csv".to_owned())),
        };
        let file = File::open(path).map_err(|error| unusable(path, error.to_string()))?;
        Ok(Self::File { file, path: path.to_owned(), is_csv })
    }

    /// Reads from the start; only one reader at a time, as both share the file's position.
    pub(crate) fn lines(&self) -> io::Result<Lines> {
        let (file, is_csv) = match self {
            Self::Sample(count) => return Ok(Lines::Sample(1..count + 1)),
            Self::File { file, is_csv, .. } => (file.try_clone()?, *is_csv),
        };
        // A pipe cannot be read twice, and says so here.
        (&file).rewind()?;
        Ok(if is_csv {
            let reader = csv::ReaderBuilder::new()
                // Both kinds of line ends, and lines counted right: trimming takes the "\r".
                .terminator(csv::Terminator::Any(b'\n'))
                .trim(csv::Trim::All)
                // The number of cells is checked here, where blank lines are known.
                .flexible(true)
                .from_reader(file);
            Lines::Csv(Some(reader))
        } else {
            Lines::Json(Some(BufReader::new(file)), 0)
        })
    }

    /// Checks every line before anything is sent; returns each key with its line.
    pub(crate) fn check(&self) -> Result<HashMap<String, u64>, Refusal> {
        let path = match self {
            Self::Sample(_) => Path::new("the sample"),
            Self::File { path, .. } => path,
        };
        let mut keys = HashMap::new();
        let (mut bad, mut bad_count) = (Vec::new(), 0);
        for line in self.lines().map_err(|error| unusable(path, error.to_string()))? {
            let problem = match line.client {
                Err(problem) => problem,
                Ok((key, metadata)) => match (metadata.validate(), keys.get(&key)) {
                    (Err(errors), _) => {
                        let errors: Vec<_> = errors.iter().map(ToString::to_string).collect();
                        errors.join("; ")
                    }
                    (Ok(()), Some(first)) => format!("key: {key:?} is on line {first} already"),
                    (Ok(()), None) => {
                        keys.insert(key, line.number);
                        continue;
                    }
                },
            };
            bad_count += 1;
            if bad.len() < SHOWN {
                bad.push(format!("line {}: {problem}", line.number));
            }
        }
        if bad_count > bad.len() {
            bad.push(format!("and {} more", bad_count - bad.len()));
        }
        if bad.is_empty() && keys.is_empty() {
            bad.push("it has no client in it".to_owned());
        }
        if bad.is_empty() { Ok(keys) } else { Err(refusal(path, bad)) }
    }
}

fn unusable(path: &Path, problem: String) -> Refusal {
    refusal(path, vec![problem])
}

fn refusal(path: &Path, lines: Vec<String>) -> Refusal {
    Refusal {
        what: "the file of clients cannot be used; nothing was sent".to_owned(),
        path: path.to_owned(),
        lines,
        help: "correct the file, then run again".to_owned(),
    }
}

/// The lines of a file, one in memory at a time. A reader that failed is gone.
pub(crate) enum Lines {
    Sample(Range<u64>),
    Json(Option<BufReader<File>>, u64),
    Csv(Option<csv::Reader<File>>),
}

impl Iterator for Lines {
    type Item = Line;

    fn next(&mut self) -> Option<Line> {
        match self {
            Self::Sample(numbers) => numbers.next().map(sample),
            Self::Json(reader, number) => json_line(reader, number),
            Self::Csv(reader) => csv_line(reader),
        }
    }
}

fn sample(number: u64) -> Line {
    let metadata = ClientMetadata::new()
        .with_redirect_uri(format!("https://customer-{number}.example/callback"))
        .with_grant_types(["authorization_code", "refresh_token"])
        .with_client_name(format!("Customer {number}"));
    Line { number, client: Ok((format!("customer-{number}"), metadata)) }
}

fn json_line(source: &mut Option<BufReader<File>>, number: &mut u64) -> Option<Line> {
    let mut line = Vec::new();
    loop {
        line.clear();
        *number += 1;
        match source.as_mut()?.read_until(b'\n', &mut line) {
            Ok(0) => return None,
            Ok(_) => {}
            Err(error) => {
                *source = None;
                return Some(Line { number: *number, client: Err(error.to_string()) });
            }
        }
        // A byte order mark, which some editors put first.
        let text = line.strip_prefix(b"\xef\xbb\xbf").filter(|_| *number == 1).unwrap_or(&line);
        if !text.trim_ascii().is_empty() {
            let mut json = serde_json::Deserializer::from_slice(text);
            let client = keyed(&mut json).and_then(|client| {
                // Two objects on one line.
                json.end().map(|()| client).map_err(|error| without_line(&error))
            });
            return Some(Line { number: *number, client });
        }
    }
}

fn csv_line(source: &mut Option<csv::Reader<File>>) -> Option<Line> {
    let reader = source.as_mut()?;
    let mut record = csv::StringRecord::new();
    let header = reader.headers().map_err(|error| error.to_string()).and_then(known_members);
    let header = match header {
        Ok(header) => header,
        Err(problem) => {
            *source = None;
            return Some(Line { number: 1, client: Err(problem) });
        }
    };
    loop {
        return match reader.read_record(&mut record) {
            Ok(false) => None,
            Ok(true) if record.iter().eq([""]) => continue,
            Ok(true) => {
                let number = record.position().map_or(0, csv::Position::line);
                Some(Line { number, client: row(&header, &record) })
            }
            Err(error) => {
                let number = error.position().map_or(0, csv::Position::line);
                let is_utf8 = !matches!(error.kind(), csv::ErrorKind::Utf8 { .. });
                let problem = if is_utf8 { error.to_string() } else { "it is not UTF-8".into() };
                if error.is_io_error() {
                    *source = None;
                }
                Some(Line { number, client: Err(problem) })
            }
        };
    }
}

/// The header, where each of its names is a member that a client can have.
fn known_members(header: &csv::StringRecord) -> Result<csv::StringRecord, String> {
    for (i, name) in header.iter().enumerate() {
        if name != "key" && MetadataField::from_name(name).is_none() {
            return Err(format!("{name:?} is neither key nor a member of client metadata"));
        }
        if header.iter().take(i).any(|before| before == name) {
            return Err(format!("{name} is in the header twice"));
        }
    }
    Ok(header.clone())
}

fn row(
    header: &csv::StringRecord,
    record: &csv::StringRecord,
) -> Result<(String, ClientMetadata), String> {
    if record.len() != header.len() {
        return Err(format!("it has {} cells, the header has {}", record.len(), header.len()));
    }
    let mut members = Map::new();
    for (name, cell) in header.iter().zip(record).filter(|(_, cell)| !cell.is_empty()) {
        let is_list =
            ["redirect_uris", "grant_types", "response_types", "contacts"].contains(&name);
        let value = if is_list { cell.split_whitespace().collect() } else { Value::from(cell) };
        members.insert(name.to_owned(), value);
    }
    // No cell can say "an empty list", which a client without users needs.
    let grants = members.get("grant_types").and_then(Value::as_array);
    if grants.is_some_and(|grants| grants.iter().eq(["client_credentials"])) {
        members.entry("response_types").or_insert_with(|| Value::Array(Vec::new()));
    }
    keyed(Value::Object(members))
}

/// Names the member that cannot be read, which serde alone does not.
fn keyed<'de, D>(line: D) -> Result<(String, ClientMetadata), String>
where
    D: Deserializer<'de, Error = serde_json::Error>,
{
    let Keyed { key, metadata } = serde_path_to_error::deserialize(line).map_err(|error| {
        let path = error.path().to_string();
        let problem = without_line(error.inner());
        if path == "." { problem } else { format!("{path}: {problem}") }
    })?;
    match key {
        None => Err("key: it is missing".to_owned()),
        Some(key) if key.trim().is_empty() => Err("key: it is empty".to_owned()),
        Some(key) if key.len() > LONGEST_KEY => {
            Err(format!("key: it has {} bytes, at most {LONGEST_KEY} are allowed", key.len()))
        }
        Some(key) => Ok((key, metadata)),
    }
}

/// Each line is read by itself, so serde counts it as line 1.
fn without_line(error: &serde_json::Error) -> String {
    error.to_string().replace(" at line 1 column ", " at column ")
}
