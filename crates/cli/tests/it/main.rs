//! Tests of the command `poggio`, a file for each group of subcommands.

mod arguments;
mod clients;
mod discover;
mod login;
mod output;
mod register;
mod support;
#[cfg(unix)]
mod terminal;
mod token;
