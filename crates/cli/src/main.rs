//! The command `poggio`: the arguments, and which command runs.

#![forbid(unsafe_code)]

use clap::Parser;

/// Log in at Poggio, print a token, register OAuth clients and keep them.
#[derive(Parser)]
#[command(name = "poggio", version)]
struct Args {}

fn main() {
    let Args {} = Args::parse();
}
