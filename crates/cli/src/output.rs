//! [`Output`]: results on standard output, and everything else on standard error.

use std::io::{self, ErrorKind, IsTerminal, Write};

use anstyle::{AnsiColor, Style};
use comfy_table::{ContentArrangement, Table, presets};
use serde_json::Value;

use crate::{exit::Exit, failure::Failure};

const ERROR: Style = AnsiColor::Red.on_default().bold();
const LABEL: Style = AnsiColor::Cyan.on_default();
/// A column may be no narrower, so that a narrow terminal breaks lines instead of words.
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
            return self.json(json);
        }
        let rows = rows.into_iter().map(|(name, value)| vec![format!("  {name}"), value]).collect();
        let table = table(None, rows);
        Self::text(&if title.is_empty() { table } else { format!("{title}\n{table}") })
    }

    /// Prints a list with a header, or the same as JSON.
    pub(crate) fn list(
        self,
        header: &[&str],
        rows: Vec<Vec<String>>,
        json: &Value,
    ) -> Result<(), Failure> {
        if self.json { self.json(json) } else { Self::text(&table(Some(header), rows)) }
    }

    pub(crate) fn json(self, json: &Value) -> Result<(), Failure> {
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

/// Returns a table without borders. It fits the terminal; in a file or a pipe, no line is broken.
fn table(header: Option<&[&str]>, rows: Vec<Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).add_rows(rows);
    if let Some(header) = header {
        table.set_header(header);
    }
    let terminal = terminal_size::terminal_size().filter(|_| io::stdout().is_terminal());
    if let Some((terminal_size::Width(width), _)) = terminal {
        table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width.max(MIN_WIDTH));
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table.trim_fmt()
}
