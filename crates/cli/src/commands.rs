//! The subcommands, each in a file.

mod client_view;
mod clients;
mod discover;
mod login;
mod login_view;
mod register;
mod token;

use clap::CommandFactory;

use crate::{
    args::{Args, Command},
    failure::Failure,
    output::Output,
    phase::Phase,
};

pub(crate) async fn run(args: Args, phase: &Phase) -> Result<(), Failure> {
    let options = &args.options;
    let output = Output { json: options.json };
    match args.command {
        Command::Login(args) => login::login(args, options, output, phase).await,
        Command::Token(args) => token::token(&args, options, output).await,
        Command::Status(args) => token::status(&args, options, output).await,
        Command::Logout(args) => token::logout(&args, options, output).await,
        Command::Register(args) => register::register(&args, options, output, phase).await,
        Command::Clients(command) => clients::run(command, options, output).await,
        Command::Discover { url } => discover::discover(url, options, output).await,
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Args::command(), "poggio", &mut script);
            Output::text(String::from_utf8_lossy(&script).trim_end())
        }
    }
}
