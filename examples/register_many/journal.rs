//! The results, kept so that neither a kill nor a full disk loses a secret or registers twice.
//!
//! JSON Lines, each on the disk before the program goes on: an intent before its request is sent,
//! and the result before it is counted. A key with an intent and no result was under way when the
//! program was killed: its client may be registered.
//!
//! Behind the records lies room for the results of all that is under way, blanks that the records
//! overwrite. So a disk that fills up is met by the next intent, when nothing was sent for it.

use std::{
    collections::HashMap,
    fs::{File, OpenOptions, TryLockError},
    io::{self, BufRead, BufReader, Seek, SeekFrom, Write},
    path::Path,
};

use poggio::{ClientInformation, ClientSecret, Error, Outcome};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::Refusal;

/// More than the result of any usual client needs.
const ROOM: u64 = 8 * 1024;

/// What the journal last says of a key.
#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Standing {
    Registered,
    NotRegistered,
    Unknown,
    /// Registered, with an answer that could not be read.
    Unreadable,
}

impl Standing {
    pub(crate) fn of(result: &Result<ClientInformation, Error>) -> Self {
        match result.as_ref().map_err(Error::outcome) {
            Ok(_) => Self::Registered,
            Err(Outcome::NotRegistered) => Self::NotRegistered,
            Err(Outcome::Unknown) => Self::Unknown,
            Err(Outcome::Registered) => Self::Unreadable,
        }
    }
}

/// What earlier runs left.
#[derive(Default)]
pub(crate) struct Past {
    pub(crate) standings: HashMap<String, Standing>,
    /// The line that a kill cut off, if the last run ended so.
    pub(crate) torn: Option<u64>,
    place: Option<String>,
}

pub(crate) struct Journal {
    file: File,
    /// Where the records end.
    end: u64,
    /// Where the room behind them ends.
    room_end: u64,
    in_flight: u64,
}

impl Journal {
    /// Opens or makes a journal of registrations at `place`.
    pub(crate) fn open(path: &Path, place: &str) -> Result<(Self, Past), Refusal> {
        let refuse = |problem: String, help: &str| Refusal {
            what: "the file of results cannot be used; nothing was sent".to_owned(),
            path: path.to_owned(),
            lines: vec![problem],
            help: help.to_owned(),
        };
        let io = |error: io::Error| refuse(error.to_string(), "name a file that you can write to");

        let file = open_private(path).map_err(io)?;
        let metadata = file.metadata().map_err(io)?;
        if !metadata.is_file() {
            return Err(refuse("it is not a file".to_owned(), "name another file"));
        }
        #[cfg(unix)]
        if std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o077 != 0 {
            let help = format!("chmod 600 '{}'", path.display());
            return Err(refuse("others can read it, and it holds secrets".to_owned(), &help));
        }
        file.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => {
                refuse("another run is writing to it".to_owned(), "wait for that run to end")
            }
            TryLockError::Error(error) => io(error),
        })?;
        let (past, end, is_ended) = read_back(&file).map_err(|error| match error.kind() {
            io::ErrorKind::InvalidData => refuse(
                error.to_string(),
                "mend that line, or move the file away; its secrets are nowhere else",
            ),
            _ => io(error),
        })?;
        if let Some(other) = past.place.as_ref().filter(|other| *other != place) {
            return Err(refuse(
                format!("it has registrations at {other}, not at {place}"),
                "name another file of results",
            ));
        }

        // Nothing is written, and nothing cut off, before all of the file is understood.
        let mut journal = Self { file, end, room_end: metadata.len(), in_flight: 0 };
        if !is_ended {
            journal.write(b"\n").map_err(io)?;
        }
        if past.torn.is_some() {
            // Kept, since it may hold a secret, and marked, so that it is not taken for damage.
            journal.append(&json!({"cut_off": true})).map_err(io)?;
        }
        if past.place.is_none() {
            journal.append(&json!({"registered_at": place})).map_err(io)?;
        }
        Ok((journal, past))
    }

    /// Notes that a request will be sent, with room for its result; where that fails, it must not
    /// be sent.
    pub(crate) fn start(&mut self, key: &str) -> io::Result<()> {
        let record = line(&json!({"key": key, "started": true}));
        self.make_room(record.len() as u64 + (self.in_flight + 2) * ROOM)?;
        self.write(&record)?;
        self.in_flight += 1;
        Ok(())
    }

    pub(crate) fn finish(
        &mut self,
        key: &str,
        result: &Result<ClientInformation, Error>,
    ) -> io::Result<()> {
        self.in_flight = self.in_flight.saturating_sub(1);
        let client = match result {
            Ok(client) => client,
            Err(error) => return self.append(&failure(key, error)),
        };
        let record = json!({"key": key, "outcome": "registered", "client": client.expose_json()});
        self.append(&record).or_else(|_| {
            // On a full disk, an answer that is larger than its room: what cannot be had again.
            let least = json!({
                "client_id": client.client_id,
                "client_secret": client.client_secret.as_ref().map(ClientSecret::expose),
            });
            self.append(&json!({"key": key, "outcome": "registered", "client": least}))
        })
    }

    fn append(&mut self, record: &Value) -> io::Result<()> {
        let record = line(record);
        self.make_room(record.len() as u64)?;
        self.write(&record)
    }

    /// Makes sure of so many bytes behind the records, before any of a record is written.
    fn make_room(&mut self, bytes: u64) -> io::Result<()> {
        let missing = (self.end + bytes).saturating_sub(self.room_end);
        if missing > 0 {
            self.file.seek(SeekFrom::Start(self.room_end))?;
            let blanks = io::copy(&mut io::Read::take(io::repeat(b' '), missing), &mut self.file)?;
            self.room_end += blanks;
        }
        Ok(())
    }

    fn write(&mut self, record: &[u8]) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(self.end))?;
        self.file.write_all(record)?;
        // Kept even if the disk does not confirm it.
        self.end += record.len() as u64;
        self.room_end = self.room_end.max(self.end);
        self.file.sync_data()
    }
}

impl Drop for Journal {
    /// Gives the room back; where that fails, blanks are left, which no reader minds.
    fn drop(&mut self) {
        let _ = self.file.set_len(self.end);
        let _ = self.file.sync_all();
    }
}

/// Returns what the file says, where its records end, and whether their last line has its end.
fn read_back(file: &File) -> io::Result<(Past, u64, bool)> {
    let mut past = Past::default();
    let (mut end, mut is_ended) = (0, true);
    let mut reader = BufReader::new(file);
    let (mut start, mut line) = (0, Vec::new());
    for number in 1.. {
        line.clear();
        let length = reader.read_until(b'\n', &mut line)? as u64;
        let has_end = line.ends_with(b"\n");
        let text = line.trim_ascii();
        // The room behind the records has no end of line; a crash can leave zeros there.
        if length == 0 || !has_end && text.iter().all(|byte| *byte == 0) {
            break;
        }
        let trimmed = start + line.trim_ascii_end().len() as u64;
        start += length;
        if text.is_empty() {
            end = start;
            continue;
        }
        match (serde_json::from_slice(text), past.torn) {
            (Ok(Word { cut_off: true, .. }), Some(_)) => past.torn = None,
            // Only the last line can have been cut off.
            (_, Some(bad)) => {
                let problem = format!("line {bad} cannot be read");
                return Err(io::Error::new(io::ErrorKind::InvalidData, problem));
            }
            (Ok(word), None) => past.hear(word),
            (Err(_), None) => past.torn = Some(number),
        }
        is_ended = has_end;
        end = if has_end { start } else { trimmed };
    }
    Ok((past, end, is_ended))
}

/// Opens a file that only its owner can read, from its first moment.
fn open_private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path)?;
    // The name, too, has to outlive a crash of the machine.
    #[cfg(unix)]
    {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?;
    }
    Ok(file)
}

/// A line of the journal; what else it holds, secrets among it, is not kept in memory.
#[derive(Deserialize)]
struct Word {
    key: Option<String>,
    outcome: Option<Standing>,
    registered_at: Option<String>,
    #[serde(default)]
    cut_off: bool,
}

impl Past {
    fn hear(&mut self, word: Word) {
        if let Some(key) = word.key {
            // An intent says that the key may be registered, until its result does better.
            self.standings.insert(key, word.outcome.unwrap_or(Standing::Unknown));
        }
        self.place = word.registered_at.or(self.place.take());
    }
}

fn failure(key: &str, error: &Error) -> Value {
    let text = error.to_string();
    match error {
        Error::Unreadable(answer) => json!({
            "key": key,
            "outcome": "unreadable",
            "error": text,
            "client_id": answer.client_id(),
            "client_secret": answer.client_secret().map(ClientSecret::expose),
        }),
        _ if error.outcome() == Outcome::Unknown => {
            json!({"key": key, "outcome": "unknown", "error": text})
        }
        _ => json!({"key": key, "outcome": "not_registered", "error": text}),
    }
}

fn line(record: &Value) -> Vec<u8> {
    let mut line = record.to_string().into_bytes();
    line.push(b'\n');
    line
}
