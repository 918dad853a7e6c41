//! The command `poggio`. Here are its start and its end; each subcommand has a file in `commands`.

#![forbid(unsafe_code)]
#![warn(clippy::expect_used, clippy::indexing_slicing, clippy::unwrap_used)]

mod args;
mod commands;
mod environment;
mod exit;
mod failure;
mod metadata;
mod output;
mod phase;
mod save_file;
mod shown;
mod terminal;

use std::process::ExitCode;

use self::{args::Args, exit::Exit, failure::Failure, output::Output, phase::Phase};

fn main() -> ExitCode {
    let args = match Args::parse_all() {
        Ok(args) => args,
        Err(failure) => {
            Output { json: true }.failure(&failure);
            return ExitCode::from(failure.exit.code());
        }
    };
    let output = Output { json: args.options.json };
    let code = match run(args) {
        Ok(()) => Exit::Done,
        Err(failure) => {
            output.failure(&failure);
            failure.exit
        }
    };
    ExitCode::from(code.code())
}

fn run(args: Args) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime =
        runtime.map_err(|error| Failure::io("the runtime could not be started", &error))?;
    let phase = Phase::default();
    let result = runtime.block_on(async {
        tokio::select! {
            result = commands::run(args, &phase) => result,
            // If this signal cannot be handled, it ends the program without a message.
            Ok(()) = tokio::signal::ctrl_c() => Err(phase.interrupted()),
        }
    });
    // Does not wait for the program that opens a browser.
    runtime.shutdown_background();
    result
}
