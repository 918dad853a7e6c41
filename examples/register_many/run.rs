//! What is to be sent, what came of it, and why it stopped.

use std::{
    cell::RefCell,
    collections::{HashMap, HashSet},
    fmt::Write as _,
    path::Path,
    time::Duration,
};

use poggio::{ClientInformation, ClientMetadata, Error, Outcome};

use crate::{
    NOT_REGISTERED, REGISTERED, UNKNOWN,
    input::Lines,
    journal::{Journal, Past, Standing},
    printable,
};

/// How many failures are spelled out.
const FAILURES_SHOWN: usize = 10;
/// How many keys are named that an earlier run left open.
const DOUBTFUL_SHOWN: usize = 100;
/// A server that asks for more is not waited for.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// Why no more is sent.
pub(crate) enum Stop {
    Interrupt,
    /// The server asks to come back later.
    Later(Duration),
    /// The results cannot be written.
    Results(String),
    /// The file of clients is no longer what was checked.
    Changed(String),
}

pub(crate) struct Run {
    journal: Journal,
    pending: HashSet<String>,
    to_send: u64,
    stop: Option<Stop>,
    counts: Counts,
    /// Registered, with results that could not be written.
    unsaved: Vec<(String, String)>,
    /// What earlier runs left open, in the order of the file.
    doubtful: Vec<String>,
    failures: Vec<String>,
}

#[derive(Default)]
struct Counts {
    before: u64,
    unreadable_before: u64,
    registered: u64,
    not_registered: u64,
    unknown: u64,
    unreadable: u64,
}

impl Run {
    pub(crate) fn new(
        journal: Journal,
        keys: HashMap<String, u64>,
        past: &Past,
        retry_unknown: bool,
    ) -> Self {
        let (mut pending, mut doubtful) = (HashSet::new(), Vec::new());
        let mut counts = Counts::default();
        for (key, line) in keys {
            match past.standings.get(&key) {
                Some(Standing::Registered) => counts.before += 1,
                Some(Standing::Unreadable) => counts.unreadable_before += 1,
                Some(Standing::Unknown) if !retry_unknown => doubtful.push((line, key)),
                Some(Standing::Unknown | Standing::NotRegistered) | None => {
                    pending.insert(key);
                }
            }
        }
        doubtful.sort();
        Self {
            journal,
            to_send: pending.len() as u64,
            pending,
            stop: None,
            counts,
            unsaved: Vec::new(),
            doubtful: doubtful.into_iter().map(|(_, key)| key).collect(),
            failures: Vec::new(),
        }
    }

    pub(crate) fn to_send(&self) -> u64 {
        self.to_send
    }

    /// The first reason stands.
    pub(crate) fn stop(&mut self, stop: Stop) {
        self.stop.get_or_insert(stop);
    }

    pub(crate) fn finished(&mut self, key: &str, result: &Result<ClientInformation, Error>) {
        let standing = Standing::of(result);
        // On the disk before it is counted.
        if let Err(error) = self.journal.finish(key, result) {
            self.stop(Stop::Results(error.to_string()));
            if matches!(standing, Standing::Registered | Standing::Unreadable) {
                self.unsaved.push((key.to_owned(), error.to_string()));
                return;
            }
        }
        *match standing {
            Standing::Registered => &mut self.counts.registered,
            Standing::NotRegistered => &mut self.counts.not_registered,
            Standing::Unknown => &mut self.counts.unknown,
            Standing::Unreadable => &mut self.counts.unreadable,
        } += 1;
        let Err(error) = result else { return };
        if let Some(wait) = error.retry_after().filter(|wait| *wait > LONGEST_WAIT) {
            self.stop(Stop::Later(wait));
        }
        if self.failures.len() < FAILURES_SHOWN {
            self.failures.push(printable(&format!("{key}: {error}")));
        }
    }

    fn failed(&self) -> u64 {
        self.counts.not_registered + self.counts.unknown + self.counts.unreadable
    }

    pub(crate) fn summary(&self) -> String {
        let Counts { before, unreadable_before, registered, not_registered, unknown, unreadable } =
            self.counts;
        let mut text = String::new();
        let rows = [
            ("registered", registered),
            ("not registered", not_registered),
            ("may be registered", unknown),
            ("registered, not readable", unreadable),
            ("registered, not saved", self.unsaved.len() as u64),
            ("not sent", self.pending.len() as u64),
            ("skipped: registered", before),
            ("skipped: may be registered", self.doubtful.len() as u64),
            ("skipped: not readable", unreadable_before),
        ];
        for (i, (name, count)) in rows.into_iter().enumerate() {
            if i == 0 || count > 0 {
                let _ = writeln!(text, "{name:<28}{count:>8}");
            }
        }
        if !self.failures.is_empty() {
            text.push('\n');
        }
        for failure in &self.failures {
            let _ = writeln!(text, "{failure}");
        }
        let more = self.failed() - self.failures.len() as u64;
        if more > 0 {
            let _ = writeln!(text, "and {more} more");
        }
        if !self.doubtful.is_empty() {
            text.push_str("\nmay be registered by an earlier run, so not sent again:\n");
            for key in self.doubtful.iter().take(DOUBTFUL_SHOWN) {
                let _ = writeln!(text, "  {}", printable(key));
            }
            if self.doubtful.len() > DOUBTFUL_SHOWN {
                let _ = writeln!(text, "  and {} more", self.doubtful.len() - DOUBTFUL_SHOWN);
            }
        }
        if unreadable > 0 {
            text.push_str("\nwhat could be read of those credentials is with the results\n");
        }
        if !self.doubtful.is_empty() || unknown > 0 {
            text.push_str(
                "\nlook at Poggio for those that may be registered; if they are not there, run \
                 again with --retry-unknown\n",
            );
        }
        text
    }

    /// Says why it stopped, and what could not be saved.
    pub(crate) fn report_stop(&self, results: &Path) {
        for (key, problem) in &self.unsaved {
            eprintln!("error: a client is registered, but its credentials are not saved");
            eprintln!("  --> {}", results.display());
            eprintln!("   | {}: {problem}", printable(key));
            eprintln!("   = outcome: {}", Outcome::Registered);
            eprintln!("   = help: do not register it again before you have looked at Poggio");
        }
        let (problem, help) = match &self.stop {
            None if self.pending.is_empty() => return,
            None => ("clients that were checked are no longer in the file", "run again".to_owned()),
            Some(Stop::Interrupt) => {
                eprintln!("stopped; run again to go on");
                return;
            }
            Some(Stop::Later(wait)) => {
                eprintln!(
                    "stopped, as the server asks to wait; run again in {} minutes to go on",
                    wait.as_secs().div_ceil(60)
                );
                return;
            }
            Some(Stop::Results(problem)) => {
                (problem.as_str(), "make room for the results, then run again to go on".to_owned())
            }
            Some(Stop::Changed(problem)) => {
                (problem.as_str(), "the file of clients was changed; run again".to_owned())
            }
        };
        eprintln!("error: stopped before the end; what was under way is finished");
        if matches!(self.stop, Some(Stop::Results(_))) {
            eprintln!("  --> {}", results.display());
        }
        eprintln!("   | {}", printable(problem));
        eprintln!("   = outcome: for those not sent, {}", Outcome::NotRegistered);
        eprintln!("   = help: {help}");
    }

    pub(crate) fn exit_code(&self) -> u8 {
        let Counts { unreadable_before, not_registered, unknown, unreadable, .. } = self.counts;
        if unreadable + unreadable_before > 0 || !self.unsaved.is_empty() {
            REGISTERED
        } else if unknown > 0 || !self.doubtful.is_empty() {
            UNKNOWN
        } else if not_registered > 0 || self.stop.is_some() || !self.pending.is_empty() {
            NOT_REGISTERED
        } else {
            0
        }
    }
}

/// Gives each client that is to be sent, after its intent is on the disk.
pub(crate) struct Clients<'a> {
    pub(crate) lines: Lines,
    pub(crate) run: &'a RefCell<Run>,
}

impl Iterator for Clients<'_> {
    type Item = (String, ClientMetadata);

    fn next(&mut self) -> Option<Self::Item> {
        let mut run = self.run.borrow_mut();
        loop {
            if run.stop.is_some() || run.pending.is_empty() {
                return None;
            }
            let line = self.lines.next()?;
            let (key, metadata) = match line.client {
                Ok(client) => client,
                Err(problem) => {
                    run.stop(Stop::Changed(format!("line {}: {problem}", line.number)));
                    return None;
                }
            };
            // Taken out, so that a file that changes meanwhile cannot name it twice.
            if !run.pending.remove(&key) {
                continue;
            }
            if let Err(error) = run.journal.start(&key) {
                run.pending.insert(key);
                run.stop(Stop::Results(error.to_string()));
                return None;
            }
            return Some((key, metadata));
        }
    }
}
