//! Registers many OAuth clients, and can be stopped, killed and run again at any moment.
//!
//! By itself it registers made-up customers at an embedded loopback server. With a file of clients,
//! one a line, it keeps every result in a file of its own; `--live` talks to Poggio:
//!
//! ```text
//! cargo run --example register_many -- customers.jsonl --results results.jsonl --live
//! ```
//!
//! Run again with the same files, it goes on where it stopped: no client that is or may be
//! registered is sent a second time.
//!
//! Exit codes: 0 all are registered; 1 some are not; 2 wrong arguments; 3 some may be registered;
//! 4 some are registered, but not all of their credentials could be read or saved. The highest
//! that applies.

mod input;
mod journal;
mod keyed;
mod run;

use std::{
    cell::RefCell,
    io::{self, Write as _},
    path::{Path, PathBuf},
    pin::pin,
    process::ExitCode,
};

use clap::Parser;
use futures_util::StreamExt;
use indicatif::{ProgressBar, ProgressStyle};
use poggio::{Client, Error, Outcome, testing::Server};
use tempfile::NamedTempFile;

use self::{
    input::Source,
    journal::Journal,
    run::{Clients, Run, Stop},
};

/// Register many OAuth clients at Poggio (RFC 7591).
#[derive(Parser)]
#[command(after_help = "Exit codes: 0 all are registered; 1 some are not; 2 wrong arguments; \
    3 some may be registered; 4 some are registered, but not all of their credentials could be \
    read or saved. The highest that applies.")]
struct Args {
    /// The clients, one a line: .jsonl, an object with a `key` of your own and RFC 7591's members;
    /// or .csv, with a header of those names and lists separated by blanks.
    #[arg(value_name = "FILE", requires = "results")]
    file: Option<PathBuf>,
    /// Keep each result, secrets among them, in this file that only you can read; run again with
    /// the same file to go on.
    #[arg(long, value_name = "RESULTS", requires = "file")]
    results: Option<PathBuf>,
    /// How many made-up customers to register where there is no FILE.
    #[arg(long, value_name = "N", default_value_t = 20, conflicts_with = "file")]
    sample: u64,
    /// How many registrations may be under way at once.
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..))]
    concurrency: u16,
    /// Register at Poggio instead of at the embedded server; a token is read from
    /// `POGGIO_AUTH_TOKEN`, another address from `POGGIO_BASE_URL`. Clients cannot be removed
    /// afterwards.
    #[arg(long, requires = "file")]
    live: bool,
    /// Register at this address, https or loopback; with the token of `POGGIO_AUTH_TOKEN`, too.
    #[arg(long, value_name = "URL", conflicts_with = "live", requires = "file")]
    base_url: Option<String>,
    /// Send those that may be registered again: only after you have looked at Poggio that they are
    /// not.
    #[arg(long, requires = "file")]
    retry_unknown: bool,
}

const NOT_REGISTERED: u8 = 1;
const UNKNOWN: u8 = 3;
const REGISTERED: u8 = 4;

/// Why nothing is sent.
struct Refusal {
    what: String,
    path: PathBuf,
    lines: Vec<String>,
    help: String,
}

impl Refusal {
    fn report(&self) -> u8 {
        eprintln!("error: {}", self.what);
        eprintln!("  --> {}", self.path.display());
        for line in &self.lines {
            eprintln!("   | {}", printable(line));
        }
        eprintln!("   = outcome: {}", Outcome::NotRegistered);
        eprintln!("   = help: {}", self.help);
        NOT_REGISTERED
    }
}

/// Text of others, without what would steer the terminal.
fn printable(text: &str) -> String {
    text.replace(char::is_control, "\u{fffd}")
}

/// Prints; if nobody reads it, the clients are registered all the same.
fn print(text: &str) {
    let _ = io::stdout().write_all(text.as_bytes());
}

#[tokio::main]
async fn main() -> ExitCode {
    match register_many(Args::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(code) => ExitCode::from(code),
    }
}

async fn register_many(args: Args) -> Result<(), u8> {
    let source = match &args.file {
        Some(path) => Source::open(path).map_err(|refusal| refusal.report())?,
        None => Source::Sample(args.sample),
    };
    // The whole file, before anything is sent: half a list is harder to mend than none.
    let keys = source.check().map_err(|refusal| refusal.report())?;

    let embedded = match (&args.base_url, args.live) {
        (None, false) => Some(Server::start().await),
        _ => None,
    };
    let poggio = args.client(embedded.as_ref()).map_err(|error| configuration(&error))?;
    let place = match &embedded {
        Some(_) => "the embedded server",
        None => poggio.base_url(),
    };

    // Removed when this is done, with secrets of no value elsewhere.
    let temporary = match &args.results {
        Some(_) => None,
        None => Some(NamedTempFile::new().map_err(|error| no_temporary_file(&error))?),
    };
    let results = match (&args.results, &temporary) {
        (Some(path), _) => path,
        (None, Some(file)) => file.path(),
        (None, None) => Path::new(""),
    };
    let (journal, past) = Journal::open(results, place).map_err(|refusal| refusal.report())?;
    if let Some(line) = past.torn {
        eprintln!("note: line {line} of {} was cut off when the last run", results.display());
        eprintln!("      ended; it is kept as it is, and may hold credentials");
    }

    let run = Run::new(journal, keys, &past, args.retry_unknown);
    if embedded.is_some() {
        print("registering at the embedded server (--live for Poggio)\n\n");
    } else {
        print(&format!("registering at {place}\n\n"));
    }
    let lines = source.lines().map_err(|error| no_temporary_file(&error))?;
    let run = RefCell::new(run);
    send(&poggio, Clients { lines, run: &run }, usize::from(args.concurrency)).await;

    let kept = match &args.results {
        Some(path) => format!("results are in {}\n", path.display()),
        None => "results were in a temporary file; FILE --results RESULTS keeps them\n".to_owned(),
    };
    let run = run.into_inner();
    print(&(run.summary() + "\n" + &kept));
    run.report_stop(results);
    match run.exit_code() {
        0 => Ok(()),
        code => Err(code),
    }
}

/// Registers what `clients` gives; Ctrl-C ends that, but waits for what is under way.
async fn send(poggio: &Client, clients: Clients<'_>, concurrency: usize) {
    let run = clients.run;
    // Not drawn where stderr is no terminal.
    let bar = ProgressBar::new(run.borrow().to_send());
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len}  {per_sec}  {eta} to go")
    {
        bar.set_style(style);
    }
    let mut results = poggio.register_all(clients, concurrency);
    let mut interrupt = pin!(tokio::signal::ctrl_c());
    let mut interrupted = false;
    loop {
        tokio::select! {
            result = results.next() => match result {
                Some((key, result)) => {
                    run.borrow_mut().finished(&key, &result);
                    bar.inc(1);
                }
                None => break,
            },
            signal = &mut interrupt, if !interrupted => {
                interrupted = true;
                // Where it cannot be caught, it ends the program as a kill does, and loses no more.
                if signal.is_ok() {
                    run.borrow_mut().stop(Stop::Interrupt);
                    bar.suspend(|| eprintln!("stopping; what is under way is finished first"));
                }
            }
        }
    }
    bar.finish_and_clear();
}

impl Args {
    fn client(&self, embedded: Option<&Server>) -> Result<Client, Error> {
        let builder = match (embedded, &self.base_url) {
            (Some(server), _) => server.client_builder(),
            (None, Some(url)) => Client::builder().from_env()?.base_url(url),
            (None, None) => Client::builder().from_env()?,
        };
        builder.app_info("poggio-example", env!("CARGO_PKG_VERSION")).build()
    }
}

fn configuration(error: &Error) -> u8 {
    if let Error::Config(error) = error {
        eprintln!("error: a setting cannot be used");
        eprintln!("  --> {}", error.setting());
        eprintln!("   | {}", error.problem());
    } else {
        eprintln!("error: {error}");
    }
    eprintln!("   = outcome: {}", error.outcome());
    eprintln!("   = help: {}", error.help());
    NOT_REGISTERED
}

fn no_temporary_file(error: &io::Error) -> u8 {
    let refusal = Refusal {
        what: "a file cannot be used; nothing was sent".to_owned(),
        path: std::env::temp_dir(),
        lines: vec![error.to_string()],
        help: "make sure that it can be read and written".to_owned(),
    };
    refusal.report()
}
