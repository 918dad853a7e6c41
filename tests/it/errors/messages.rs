//! Every message of the public API in one snapshot, so that they can be read side by side. Each comes
//! from a real situation.
//!
//! Each error has its message, its outcome and what to do, which `Display` joins.

mod http;
mod oauth;
mod settings;
mod store;

use std::{fmt::Write, fs, path::Path};

use poggio::{Error, oauth::OAuthError};

/// The messages so far.
#[derive(Default)]
struct Table {
    text: String,
    /// Folders, which differ in each run.
    folders: Vec<String>,
}

impl Table {
    fn section(&mut self, name: &str) {
        writeln!(self.text, "\n# {name}").unwrap();
    }

    fn hide_folder(&mut self, path: &Path) {
        self.folders.push(path.display().to_string());
    }

    /// Adds the lines of one situation; `kind` is a variant such as `Error::Api`.
    fn add(&mut self, kind: &str, situation: &str, lines: &[&str]) {
        writeln!(self.text, "\n{kind}: {situation}").unwrap();
        for line in lines {
            let mut line = without_times(&without_ports(line));
            for folder in &self.folders {
                line = line.replace(folder, "FOLDER");
            }
            writeln!(self.text, "    {line}").unwrap();
        }
    }

    /// Adds an error, whose `Display` must end with the outcome and what to do.
    fn error(&mut self, kind: &str, situation: &str, error: &Error) {
        let (display, outcome, help) = (error.to_string(), error.outcome(), error.help());
        check_voice(&display);
        if let Error::Config(_) = error {
            return self.add(kind, situation, &[&display]);
        }
        let end = format!("; {outcome}: {help}");
        let message = display.strip_suffix(&end).unwrap_or_else(|| panic!("{display}: {help}"));
        let (outcome, help) = (format!("{outcome:?}: {outcome}"), format!("help: {help}"));
        self.add(kind, situation, &[message, &outcome, &help]);
    }

    fn oauth(&mut self, kind: &str, situation: &str, error: &OAuthError) {
        let (display, help) = (error.to_string(), error.help());
        assert_eq!(format!("OAuthErrorKind::{:?}", error.kind()), kind, "{display}");
        if kind == "OAuthErrorKind::Discovery" {
            // One line for each URL that was tried, and the last line is the help.
            let lines: Vec<_> = display.lines().collect();
            for line in &lines {
                check_voice(line);
            }
            assert_eq!(lines.last(), Some(&help), "{display}");
            return self.add(kind, situation, &lines);
        }
        check_voice(&display);
        let outcome = error.registration().map(Error::outcome);
        let end = match outcome {
            Some(outcome) => format!("; {outcome}: {help}"),
            None => format!("; {help}"),
        };
        let message = display.strip_suffix(&end).unwrap_or_else(|| panic!("{display}: {help}"));
        self.add(kind, situation, &[message, &format!("help: {help}")]);
    }
}

/// Replaces the ports of loopback servers, which differ in each run.
fn without_ports(line: &str) -> String {
    let mut parts = line.split("127.0.0.1:");
    let mut text = parts.next().unwrap().to_owned();
    for part in parts {
        let digits = part.chars().take_while(char::is_ascii_digit).count();
        text.push_str("127.0.0.1:");
        text.push_str(if digits < 5 { part } else { "PORT" });
        text.push_str(if digits < 5 { "" } else { &part[digits..] });
    }
    text
}

/// Replaces times, such as `2026-01-01 00:00:00`.
fn without_times(line: &str) -> String {
    let form = "0000-00-00 00:00:00";
    let is_time = |text: &str| {
        let mut pairs = text.chars().zip(form.chars());
        let matches = |(c, form): (char, char)| c == form || (form == '0' && c.is_ascii_digit());
        text.len() == form.len() && pairs.all(matches)
    };
    let mut text = line.to_owned();
    for start in (0..line.len()).rev() {
        if line.get(start..start + form.len()).is_some_and(is_time) {
            text.replace_range(start..start + form.len(), "TIME");
        }
    }
    text
}

/// Checks what all messages have in common: one line that continues a sentence.
#[track_caller]
fn check_voice(message: &str) {
    assert!(!message.contains('\n'), "{message}");
    assert!(!message.ends_with(['.', '!', '?']), "{message}");
    let words = ["anew", "the answer", "cannot be read", "by itself", "asked", "odd", "whole"];
    for word in words {
        assert!(!message.contains(word), "{word:?} in: {message}");
    }
}

/// Returns the variants of an enumeration of this crate.
fn variants(name: &str) -> Vec<String> {
    let start = format!("enum {name} {{\n");
    let files = source_files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    let body = files.iter().find_map(|text| {
        let (_, rest) = text.split_once(&start)?;
        rest.split_once("\n}")
    });
    let Some((body, _)) = body else { panic!("no enumeration {name} in src") };
    let variants = body.lines().filter_map(|line| line.strip_prefix("    "));
    let variants = variants.filter(|line| line.starts_with(|c: char| c.is_ascii_uppercase()));
    let name = |line: &str| line.split(|c: char| !c.is_alphanumeric()).next().unwrap().to_owned();
    variants.map(name).collect()
}

fn source_files(folder: &Path) -> Vec<String> {
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    paths
        .flat_map(|path| {
            if path.is_dir() {
                source_files(&path)
            } else {
                vec![fs::read_to_string(path).unwrap()]
            }
        })
        .collect()
}

#[tokio::test]
async fn messages_of_all_errors_match_their_snapshot() {
    let mut table = Table::default();
    settings::add(&mut table).await;
    http::add(&mut table).await;
    store::add(&mut table).await;
    oauth::add(&mut table).await;

    for name in ["Error", "StoreErrorKind", "OAuthErrorKind", "ChangeKind", "FailureKind"] {
        let variants = variants(name);
        assert!(variants.len() > 2, "{name}: {variants:?}");
        for variant in variants {
            let kind = format!("\n{name}::{variant}: ");
            assert!(table.text.contains(&kind), "no message of {name}::{variant}; add one here");
        }
    }
    for outcome in variants("Outcome") {
        assert!(table.text.contains(&format!("\n    {outcome}: ")), "no error of {outcome}");
    }
    insta::assert_snapshot!("messages", table.text);
}
