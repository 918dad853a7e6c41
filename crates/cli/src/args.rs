//! The arguments of the command and of its subcommands.

use std::{env, path::PathBuf};

use clap::{
    CommandFactory, Parser, Subcommand, builder::NonEmptyStringValueParser, error::ErrorKind,
    value_parser,
};
use clap_complete::Shell;

use crate::{
    exit::{self, Exit},
    failure::Failure,
    metadata::MetadataArgs,
};

/// The parameters of the authorization request that the login sets.
const LOGIN_PARAMS: [&str; 8] = [
    "client_id",
    "code_challenge",
    "code_challenge_method",
    "redirect_uri",
    "resource",
    "response_type",
    "scope",
    "state",
];

/// Log in at Poggio, print access tokens, and register OAuth clients.
#[derive(Debug, Parser)]
#[command(name = "poggio", version, max_term_width = 100, after_help = exit::TABLE)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) options: Options,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options of all subcommands.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Options {
    /// Use an embedded server on this machine, to try things out. It runs while a command needs it,
    /// and has a store of its own.
    #[arg(long, global = true)]
    pub(crate) embedded: bool,
    /// The port of the embedded server. Clients and tokens of another port are not used. Default:
    /// 8912.
    #[arg(long, global = true, value_name = "PORT", value_parser = value_parser!(u16).range(1..))]
    pub(crate) embedded_port: Option<u16>,
    /// The base URL of the API: https, or http on this machine. Default: `POGGIO_BASE_URL`, or
    /// `https://api.poggio.io`. `POGGIO_AUTH_TOKEN` is the token for registrations.
    #[arg(long, global = true, value_name = "URL")]
    pub(crate) base_url: Option<String>,
    /// Use the authorization server with this issuer, whose metadata names the endpoints (RFC 8414).
    #[arg(long, global = true, value_name = "URL")]
    pub(crate) issuer: Option<String>,
    /// Use the authorization server of this protected resource, such as an MCP server (RFC 9728).
    #[arg(long, global = true, value_name = "URL")]
    pub(crate) discover: Option<String>,
    /// The file with clients and tokens. Default: in this user's configuration folder.
    #[arg(long, global = true, value_name = "PATH")]
    pub(crate) store: Option<PathBuf>,
    /// The account whose login is used. Each account has its own.
    #[arg(long, global = true, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) account: Option<String>,
    /// Print results and errors as JSON.
    #[arg(long, global = true, overrides_with = "json")]
    pub(crate) json: bool,
}

impl Options {
    /// Returns why the options exclude each other. clap does not see options before a subcommand
    /// together with those after it.
    fn conflict(&self) -> Option<&'static str> {
        let servers = [
            self.embedded,
            self.base_url.is_some(),
            self.issuer.is_some(),
            self.discover.is_some(),
        ];
        if servers.into_iter().filter(|is_set| *is_set).count() > 1 {
            return Some("use only one of --embedded, --base-url, --issuer and --discover");
        }
        let port = self.embedded_port.filter(|_| !self.embedded);
        port.map(|_| "--embedded-port requires --embedded")
    }

    /// Whether the endpoints come from the metadata of a server, which needs requests.
    pub(crate) fn is_discovered(&self) -> bool {
        self.issuer.is_some() || self.discover.is_some()
    }
}

impl Args {
    /// Parses the arguments. Ends the process with clap's message if they are wrong, but returns it
    /// with `--json`.
    pub(crate) fn parse_all() -> Result<Self, Failure> {
        let parsed = Self::try_parse().and_then(|args| match args.problem() {
            Some(problem) => Err(Self::command().error(ErrorKind::ArgumentConflict, problem)),
            None => Ok(args),
        });
        parsed.map_err(|error| {
            // The options of arguments that cannot be parsed are not known.
            let is_json = env::args_os().skip(1).any(|arg| arg == "--json");
            // The help and the version are no errors.
            if !is_json || !error.use_stderr() {
                error.exit();
            }
            wrong_arguments(&error)
        })
    }

    fn problem(&self) -> Option<&'static str> {
        self.options.conflict().or(match &self.command {
            Command::Discover { url: None } if !self.options.embedded => {
                Some("discover requires a URL, or --embedded")
            }
            _ => None,
        })
    }
}

/// Returns clap's message without its usage.
fn wrong_arguments(error: &clap::Error) -> Failure {
    let text = error.to_string();
    let text = text.strip_prefix("error: ").unwrap_or(&text);
    let mut lines = text.lines().take_while(|line| !line.is_empty()).map(str::trim_start);
    let failure = Failure::new(Exit::Usage, lines.next().unwrap_or_default());
    lines.fold(failure, Failure::why).help("see `poggio --help`")
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Log in with the browser, and save the token.
    Login(LoginArgs),
    /// Print a valid access token, and nothing else. Refreshes it if it is due.
    Token(TokenArgs),
    /// Show who is logged in, where, with which scopes, and until when. Sends nothing.
    Status(TokenArgs),
    /// Erase the token, and revoke it if the server can.
    Logout(TokenArgs),
    /// Register a client (RFC 7591), and save it in the store.
    Register(Box<RegisterArgs>),
    /// Show and change the clients in the store.
    #[command(subcommand)]
    Clients(ClientsCommand),
    /// Show the endpoints of an authorization server, or of the one of a protected resource.
    Discover {
        /// The issuer, or the URL of the resource. Default with --embedded: its MCP endpoint.
        #[arg(value_name = "URL")]
        url: Option<String>,
    },
    /// Print a completion script for a shell.
    Completions {
        /// The shell.
        shell: Shell,
    },
}

#[derive(Debug, clap::Args)]
pub(crate) struct TokenArgs {
    /// The resource that the token is for (RFC 8707). Default: the one of --discover.
    #[arg(long, value_name = "URL")]
    pub(crate) resource: Option<String>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct LoginArgs {
    #[command(flatten)]
    pub(crate) token: TokenArgs,
    /// Scopes to request, separated by spaces; can be repeated. Without it, the server chooses.
    #[arg(long, value_name = "SCOPES", value_parser = scopes)]
    pub(crate) scope: Vec<String>,
    /// A parameter of the authorization request, such as `prompt=consent`; can be repeated.
    #[arg(long, value_name = "NAME=VALUE", value_parser = name_and_value)]
    pub(crate) param: Vec<(String, String)>,
    /// Only print the URL, and open no browser.
    #[arg(long)]
    pub(crate) no_browser: bool,
    /// The port to receive the callback on. Default: the registered one if it is free, or else any.
    #[arg(long, value_name = "PORT", value_parser = value_parser!(u16).range(1..))]
    pub(crate) port: Option<u16>,
    /// How long to wait for the callback, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 300,
        value_parser = value_parser!(u64).range(1..=86_400))]
    pub(crate) timeout: u64,
    /// Register another client first, because the login page does not know the saved one.
    #[arg(long)]
    pub(crate) renew_client: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct RegisterArgs {
    #[command(flatten)]
    pub(crate) metadata: MetadataArgs,
    /// Also write the credentials as JSON to a new file that only you can read.
    #[arg(long, value_name = "FILE", value_parser = file)]
    pub(crate) save: Option<PathBuf>,
    /// Skip the local check of the metadata, so that only the server checks it.
    #[arg(long)]
    pub(crate) no_local_validation: bool,
    /// Register without a question, also if the store has such a client, or if the outcome of the
    /// last registration is unknown.
    #[arg(long)]
    pub(crate) yes: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ClientsCommand {
    /// List the clients in use, and the newest 50 of the history.
    List,
    /// Show a client without its secret.
    Show {
        #[arg(value_parser = NonEmptyStringValueParser::new())]
        client_id: String,
    },
    /// Import credentials that were issued elsewhere. They are used for all logins at this server,
    /// and never replaced.
    Import {
        /// A file with RFC 7591 JSON, such as `{"client_id": "…", "client_secret": "…"}`; `-` is
        /// standard input.
        file: PathBuf,
    },
    /// Export a client as RFC 7591 JSON, with its secret.
    Export {
        #[arg(value_parser = NonEmptyStringValueParser::new())]
        client_id: String,
        /// A new file, which only you can read. `-` is standard output, which shows the secret.
        #[arg(long, short, value_name = "FILE")]
        output: PathBuf,
    },
    /// Remove a client, and erase its secret.
    Remove {
        #[arg(value_parser = NonEmptyStringValueParser::new())]
        client_id: String,
    },
    /// Mark a client as rejected by the server, so that the next login registers another.
    MarkRejected {
        #[arg(value_parser = NonEmptyStringValueParser::new())]
        client_id: String,
    },
    /// Allow the next registration, although the outcome of the last one is unknown. Ask the server's
    /// operator first, because it may create a second client.
    ClearUnknown,
}

fn name_and_value(param: &str) -> Result<(String, String), &'static str> {
    match param.split_once('=') {
        Some((name, _)) if LOGIN_PARAMS.contains(&name) => {
            Err("the login sets this parameter; use --scope or --resource for these two")
        }
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("use the form NAME=VALUE"),
    }
}

/// Checks the characters of scopes (RFC 6749 section 3.3), before a client is registered for them.
fn scopes(text: &str) -> Result<String, &'static str> {
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\')) {
        Ok(text.to_owned())
    } else {
        Err("use printable ASCII characters except \" and \\, and separate scopes by spaces")
    }
}

/// Rejects `-`, because a person who passes it expects standard output.
fn file(path: &str) -> Result<PathBuf, &'static str> {
    match path {
        "" => Err("name a file"),
        "-" => Err("standard output would show the secret; name a new file"),
        _ => Ok(path.into()),
    }
}
