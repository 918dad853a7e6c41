//! Tests of the command `poggio`, a file for each group of subcommands.

mod arguments;
#[cfg(target_os = "linux")]
mod certificates;
mod clients;
mod discover;
mod login;
mod output;
mod register;
mod support;
#[cfg(unix)]
mod terminal;
mod token;
