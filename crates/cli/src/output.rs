//! [`Output`]: results on standard output, and everything else on standard error.

use std::io::{self, ErrorKind, IsTerminal, Write};

use anstyle::{AnsiColor, Style};
use comfy_table::{ColumnConstraint, ContentArrangement, Table, presets};
use serde_json::Value;

use crate::{exit::Exit, failure::Failure};

const ERROR: Style = AnsiColor::Red.on_default().bold();
const LABEL: Style = AnsiColor::Cyan.on_default();
/// In a terminal that is narrower, lines are broken by the terminal.
const MIN_WIDTH: u16 = 40;

#[derive(Clone, Copy)]
pub(crate) struct Output {
    pub(crate) json: bool,
}

impl Output {
    /// Prints the rows of one result, or the same as JSON.
    pub(crate) fn result(
        self,
        title: &str,
        rows: Vec<(&str, String)>,
        json: &Value,
    ) -> Result<(), Failure> {
        if self.json {
            return Self::json(json);
        }
        let rows = rows.into_iter().map(|(name, value)| vec![format!("  {name}"), value]).collect();
        let table = names_and_values(rows);
        Self::text(&if title.is_empty() { table } else { format!("{title}\n{table}") })
    }

    /// Prints a list with a header, or the same as JSON.
    pub(crate) fn list(
        self,
        header: &[&str],
        rows: Vec<Vec<String>>,
        json: &Value,
    ) -> Result<(), Failure> {
        if self.json {
            return Self::json(json);
        }
        let list = table(header, rows.clone());
        let is_narrow =
            width().is_some_and(|width| list.lines().any(|l| l.chars().count() > width));
        Self::text(&if is_narrow { blocks(header, rows) } else { list })
    }

    pub(crate) fn json(json: &Value) -> Result<(), Failure> {
        Self::text(&format!("{json:#}"))
    }

    /// Prints text and a line break to standard output. A reader that has closed it is no error.
    pub(crate) fn text(text: &str) -> Result<(), Failure> {
        let mut output = io::stdout().lock();
        let written = writeln!(output, "{text}").and_then(|()| output.flush());
        match written {
            Err(error) if error.kind() != ErrorKind::BrokenPipe => {
                Err(Failure::new(Exit::Failed, "the output could not be written")
                    .why(error.to_string())
                    .help("check where standard output leads, then run it again"))
            }
            _ => Ok(()),
        }
    }

    /// Prints a line about the progress to standard error, but not with `--json`.
    pub(crate) fn progress(self, line: &str) {
        if !self.json {
            // If nobody reads it, the command continues.
            let _ = writeln!(anstream::stderr().lock(), "{line}");
        }
    }

    /// Prints a warning of the server's response.
    pub(crate) fn warning(self, warning: &str) {
        let style = AnsiColor::Yellow.on_default().bold();
        self.progress(&format!("{style}warning:{style:#} {warning}"));
    }

    /// Prints an error: what happened, where, why, and what to do.
    pub(crate) fn failure(self, failure: &Failure) {
        let text = if self.json { format!("{:#}", failure.to_json()) } else { in_lines(failure) };
        let _ = writeln!(anstream::stderr().lock(), "{text}");
    }
}

fn in_lines(failure: &Failure) -> String {
    let mut lines = vec![format!("{ERROR}error:{ERROR:#} {}", failure.what)];
    for detail in &failure.details {
        lines.extend(detail.place.iter().map(|place| format!("  {LABEL}-->{LABEL:#} {place}")));
        lines.extend(detail.why.iter().map(|why| format!("   {LABEL}|{LABEL:#} {why}")));
    }
    let label = |name: &str, text: &str| format!("   {LABEL}= {name}:{LABEL:#} {text}");
    lines.extend(failure.notes.iter().map(|note| label("note", note)));
    lines.extend(failure.outcome.map(|outcome| label("outcome", &outcome.to_string())));
    if !failure.help.is_empty() {
        lines.push(label("help", &failure.help));
    }
    lines.join("\n")
}

/// Returns the width of the terminal, or `None` if the output is a file or a pipe.
fn width() -> Option<usize> {
    let size = terminal_size::terminal_size().filter(|_| io::stdout().is_terminal());
    size.map(|(terminal_size::Width(width), _)| usize::from(width))
}

/// Returns a table without borders and line breaks.
fn table(header: &[&str], rows: Vec<Vec<String>>) -> String {
    let mut table = Table::new();
    table.set_header(header);
    formatted(table, rows).trim_fmt()
}

/// Returns a table of names and values, whose values fit the terminal.
fn names_and_values(rows: Vec<Vec<String>>) -> String {
    let mut table = formatted(Table::new(), rows);
    if let Some(width) = width().and_then(|width| u16::try_from(width).ok()) {
        table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width.max(MIN_WIDTH));
        if let Some(names) = table.column_mut(0) {
            names.set_constraint(ColumnConstraint::ContentWidth);
        }
    }
    table.trim_fmt()
}

/// Returns the rows of a table below each other, because it is wider than the terminal.
fn blocks(header: &[&str], rows: Vec<Vec<String>>) -> String {
    let rows = rows.into_iter().flat_map(|row| {
        header.iter().zip(row).enumerate().map(|(index, (name, value))| {
            let indent = if index == 0 { "" } else { "  " };
            vec![format!("{indent}{}", name.to_lowercase()), value]
        })
    });
    names_and_values(rows.collect())
}

fn formatted(mut table: Table, rows: Vec<Vec<String>>) -> Table {
    table.load_preset(presets::NOTHING).add_rows(rows);
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table
}
