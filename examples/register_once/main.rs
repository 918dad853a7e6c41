//! Registers an OAuth client once: run it twice, and the second run sends no request.
//!
//! By default it registers at an embedded loopback server, at the same address on each run, and
//! keeps the client in this user's configuration folder. `--live` registers at Poggio:
//!
//! ```text
//! cargo run --example register_once -- --live --store client.json
//! ```
//!
//! `--fleet 8` starts eight copies of itself at the same time on one store, and shows which of them
//! registered. Other flags show and change the store.
//!
//! Exit codes: 0 done; 1 not done, and no client was registered; 2 wrong arguments; 3 a client may
//! have been registered; 4 a client was registered, but not all of it could be read or saved.

mod fleet;
mod rescue;
mod show;

use std::{
    fs,
    io::{self, ErrorKind, Write},
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::Parser;
use poggio::{
    Client, ClientInformation, ClientMetadata, Error, FileStore, RegistrationStoreExt,
    testing::Server,
};
use tempfile::NamedTempFile;

use self::show::{Failure, print};

/// Register an OAuth client at Poggio (RFC 7591), once.
#[derive(Parser)]
#[command(after_help = "Exit codes: 0 done; 1 not done, and no client was registered; 2 wrong \
    arguments; 3 a client may have been registered; 4 a client was registered, but not all of it \
    could be read or saved.")]
#[allow(clippy::struct_excessive_bools, reason = "each is a flag")]
struct Args {
    /// Register at Poggio instead of at the embedded server. `POGGIO_AUTH_TOKEN` sets the token,
    /// and `POGGIO_BASE_URL` another base URL.
    #[arg(long)]
    live: bool,
    /// Register at this base URL, https or loopback, with the token from `POGGIO_AUTH_TOKEN`.
    #[arg(long, value_name = "URL", conflicts_with = "live")]
    base_url: Option<String>,
    /// The port of the embedded server. A client belongs to the address of its server, so another
    /// port means another client.
    #[arg(long, value_name = "PORT", default_value_t = 8911,
        value_parser = clap::value_parser!(u16).range(1..), conflicts_with_all = ["live", "base_url"])]
    port: u16,
    /// Keep the client in this file instead of in this user's configuration folder.
    #[arg(long, value_name = "FILE")]
    store: Option<PathBuf>,
    /// A redirect URI; can be repeated. A client belongs to the requested metadata, so another URI
    /// means another client.
    #[arg(long, value_name = "URI", default_value = "http://127.0.0.1:8910/callback")]
    redirect_uri: Vec<String>,
    /// Write the client, with its secret in plain text, as RFC 7591 JSON to a new file that only
    /// you can read.
    #[arg(long, value_name = "FILE")]
    export: Option<PathBuf>,
    /// Show the client if the store has it, and do not register.
    #[arg(long, group = "action")]
    look: bool,
    /// Show every client in the store, including those no longer in use.
    #[arg(long, group = "action", conflicts_with = "export")]
    list: bool,
    /// Mark this client as rejected by the server, so that the next run registers another.
    #[arg(long, value_name = "CLIENT_ID", group = "action", conflicts_with = "export")]
    mark_rejected: Option<String>,
    /// Stop using this client, which may be an imported one.
    #[arg(long, value_name = "CLIENT_ID", group = "action", conflicts_with = "export")]
    remove: Option<String>,
    /// Let the next run send its request now, although the outcome of an earlier one is unknown.
    #[arg(long, group = "action", conflicts_with = "export")]
    clear_unknown: bool,
    /// Use the credentials in this RFC 7591 JSON file from now on. They are never replaced.
    #[arg(long, value_name = "FILE", group = "action", conflicts_with = "export")]
    import: Option<PathBuf>,
    /// Save the client in this RFC 7591 JSON file, which an earlier run registered but could not
    /// save in the store.
    #[arg(long, value_name = "FILE", group = "action", conflicts_with = "export")]
    keep: Option<PathBuf>,
    /// Start N copies of this program at the same time, on one store and one embedded server.
    #[arg(long, value_name = "N", group = "action", value_parser = clap::value_parser!(u16).range(1..=256),
        conflicts_with_all = ["live", "base_url", "port", "export"])]
    fleet: Option<u16>,
    /// Run as one copy of a fleet: print "ready", wait until standard input ends, print one line.
    #[arg(long, group = "action", hide = true)]
    member: bool,
}

const NOT_REGISTERED: u8 = 1;
const UNKNOWN: u8 = 3;
const REGISTERED: u8 = 4;

#[tokio::main]
async fn main() -> ExitCode {
    match run(Args::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(code) => ExitCode::from(code),
    }
}

async fn run(args: Args) -> Result<(), u8> {
    if let Some(count) = args.fleet {
        return fleet::run(count, args.store.as_deref(), &args.redirect_uri).await;
    }
    let failed = |error: Error| show::report(&error);
    let store = args.open_store().map_err(failed)?;
    if !args.member {
        print(&format!("store     {}\n", store.path().display()));
    }
    if args.list {
        show::list(&store.list().await.map_err(failed)?);
        return Ok(());
    }
    if let Some(client_id) = &args.mark_rejected {
        let was_in_use = store.mark_rejected(client_id).await.map_err(failed)?;
        return show::changed(
            client_id,
            was_in_use,
            "marked as rejected: the next run registers another",
        );
    }
    if let Some(client_id) = &args.remove {
        let was_there = store.remove(client_id).await.map_err(failed)?;
        return show::changed(client_id, was_there, "removed");
    }
    if args.clear_unknown {
        let was_there = store.clear_unknown().await.map_err(failed)?;
        let request = if was_there { "the next run sends its request" } else { "nothing waited" };
        print(&format!("\n{request}\n"));
        return Ok(());
    }

    let poggio = args.client().map_err(failed)?;
    if !args.member {
        let embedded = args.is_embedded().then_some("the embedded server (--live for Poggio)");
        let server = embedded.unwrap_or(poggio.base_url());
        print(&format!("server    {server}\n\n"));
    }
    if let Some(path) = &args.import {
        let client = read_credentials(path)?;
        store.import(poggio.registration_endpoint(), &client).await.map_err(failed)?;
        print(&format!(
            "imported  {}\n",
            client.client_id.escape_debug().take(300).collect::<String>()
        ));
        return Ok(());
    }

    if let Some(path) = &args.keep {
        let client = read_credentials(path)?;
        poggio.save_registration(&args.metadata(), &store, &client).await.map_err(failed)?;
        print(&format!(
            "saved     {}\n",
            client.client_id.escape_debug().take(300).collect::<String>()
        ));
        return Ok(());
    }

    // Checks the path before the registration, so that a wrong one creates no client.
    let export = args.export.as_deref().map(Export::prepare).transpose()?;
    let metadata = args.metadata();
    let client = if args.look {
        let found = poggio.find_registration(&metadata, &store).await.map_err(failed)?;
        let Some(client) = found else {
            print(
                "the store has no client for this metadata; a run without --look registers one\n",
            );
            return Err(NOT_REGISTERED);
        };
        client
    } else {
        // The server runs until it is dropped.
        let _embedded = if args.is_embedded() { Some(serve(args.port).await?) } else { None };
        let result = if args.member {
            fleet::member(&poggio, &metadata, &store).await
        } else {
            poggio.register_once(&metadata, &store).await
        };
        result.map_err(|error| rescue::report(&error, &store))?
    };
    if !args.member {
        // If the store cannot be listed, only the time of saving is missing.
        show::client(&client, &store.list().await.unwrap_or_default());
    }
    match export {
        Some(export) => export.write(&client, &store).await,
        None => Ok(()),
    }
}

impl Args {
    fn is_embedded(&self) -> bool {
        self.base_url.is_none() && !self.live
    }

    fn open_store(&self) -> Result<FileStore, Error> {
        match &self.store {
            Some(path) => FileStore::new(path),
            None => FileStore::for_app("poggio-example"),
        }
    }

    fn client(&self) -> Result<Client, Error> {
        let builder = match &self.base_url {
            Some(url) => Client::builder().from_env()?.base_url(url),
            None if self.live => Client::builder().from_env()?,
            None => Client::builder().base_url(format!("http://127.0.0.1:{}", self.port)),
        };
        builder.app_info("poggio-example", env!("CARGO_PKG_VERSION")).build()
    }

    fn metadata(&self) -> ClientMetadata {
        let mut metadata = ClientMetadata::new()
            .with_grant_types(["authorization_code", "refresh_token"])
            .with_client_name("Poggio example");
        metadata.redirect_uris.clone_from(&self.redirect_uri);
        metadata
    }
}

/// Starts the embedded server at the same address on each run.
async fn serve(port: u16) -> Result<Server, u8> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map_err(|error| {
        Failure {
            what: "the embedded server cannot listen on this address",
            location: format!("127.0.0.1:{port}"),
            problem: error.to_string(),
            help: "set a free port with --port, the same on each run, because a client belongs to it",
        }
        .report()
    })?;
    let server = Server::start_on(listener).await;
    // Clients of earlier runs are in the store, so ids must not repeat.
    server.use_random_ids();
    Ok(server)
}

fn read_credentials(path: &Path) -> Result<ClientInformation, u8> {
    let read = fs::read_to_string(path).map_err(|error| error.to_string());
    let client = read.and_then(|text| {
        ClientInformation::from_json(&text)
            .map_err(|_| "it is not the JSON of a client with a client_id".to_owned())
    });
    client.map_err(|problem| {
        let what = "the credentials file is invalid";
        let help = "use a file with RFC 7591 JSON, as --export writes it";
        Failure { what, location: path.display().to_string(), problem, help }.report()
    })
}

/// A new file for a client's credentials, written atomically.
struct Export<'a> {
    path: &'a Path,
    /// Created with mode 0600.
    file: NamedTempFile,
}

impl<'a> Export<'a> {
    fn prepare(path: &'a Path) -> Result<Self, u8> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let prepared = match fs::symlink_metadata(path) {
            Ok(_) => Err(ErrorKind::AlreadyExists.into()),
            Err(_) => NamedTempFile::new_in(folder.unwrap_or(Path::new("."))),
        };
        match prepared {
            Ok(file) => Ok(Self { path, file }),
            Err(error) => Err(Self::failure(path, &error).report()),
        }
    }

    async fn write(mut self, client: &ClientInformation, store: &FileStore) -> Result<(), u8> {
        // The exit code says whether this run registered a client, which is in the store.
        let code = if client.response().is_some() { REGISTERED } else { NOT_REGISTERED };
        let exported = match store.export(&client.client_id).await {
            Ok(exported) => exported.unwrap_or_default(),
            Err(error) => {
                show::report(&error);
                return Err(code);
            }
        };
        let written =
            writeln!(self.file, "{exported:#}").and_then(|()| self.file.as_file().sync_all());
        let persisted =
            written.and_then(|()| Ok(self.file.persist_noclobber(self.path).map(drop)?));
        persisted.map_err(|error| {
            Self::failure(self.path, &error).report();
            code
        })
    }

    fn failure(path: &Path, error: &io::Error) -> Failure {
        let problem = match error.kind() {
            ErrorKind::AlreadyExists => "the file exists, and it is never overwritten".to_owned(),
            _ => error.to_string(),
        };
        let help = "use a new file in a folder that you can write to";
        let location = path.display().to_string();
        Failure { what: "the credentials cannot be exported to this file", location, problem, help }
    }
}
