//! Registers an OAuth client and shows what was granted.
//!
//! By default it registers at an embedded loopback server. `--live` registers at Poggio:
//!
//! ```text
//! cargo run --example register -- --live --save client.json --client-name "Acme Sync"
//! ```
//!
//! Exit codes: 0 registered; 1 no client was registered; 2 wrong arguments; 3 a client may have
//! been registered; 4 a client was registered, but not all of it could be read or saved.

use std::{
    error::Error as _,
    fs,
    io::{self, ErrorKind, Seek, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::Parser;
use poggio::{
    Client, ClientInformation, ClientMetadata, ClientSecret, Error, MetadataField, Origin, Outcome,
    SecretExpiry, testing::Server,
};
use tempfile::{NamedTempFile, TempPath};

/// Register an OAuth client at Poggio (RFC 7591).
#[derive(Parser)]
#[command(after_help = "Exit codes: 0 registered; 1 no client was registered; 2 wrong arguments; \
    3 a client may have been registered; 4 a client was registered, but not all of it could be \
    read or saved.")]
struct Args {
    /// Register at Poggio instead of at the embedded server. `POGGIO_AUTH_TOKEN` sets the token,
    /// and `POGGIO_BASE_URL` another base URL. A client cannot be deleted, so --save is required.
    #[arg(long, requires = "save")]
    live: bool,
    /// Register at this base URL, https or loopback, with the token from `POGGIO_AUTH_TOKEN`.
    #[arg(long, value_name = "URL", conflicts_with = "live")]
    base_url: Option<String>,
    /// Write the credentials as JSON to a new file that only you can read.
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,
    /// Skip the local check of the metadata, so that only the server checks it.
    #[arg(long)]
    no_local_validation: bool,
    /// Read the metadata from an RFC 7591 JSON file. Each flag below replaces one member of it.
    #[arg(long, value_name = "FILE")]
    metadata: Option<PathBuf>,
    /// A redirect URI; can be repeated.
    #[arg(long, value_name = "URI")]
    redirect_uri: Vec<String>,
    /// How the client authenticates: `client_secret_post`, `client_secret_basic`, `none`, or
    /// another method.
    #[arg(long, value_name = "METHOD")]
    token_endpoint_auth_method: Option<String>,
    /// A grant type that the client uses; can be repeated.
    #[arg(long, value_name = "TYPE")]
    grant_type: Vec<String>,
    /// A response type that the client uses; can be repeated.
    #[arg(long, value_name = "TYPE")]
    response_type: Vec<String>,
    /// The name that users see.
    #[arg(long, value_name = "NAME")]
    client_name: Option<String>,
    /// The client's home page.
    #[arg(long, value_name = "URL")]
    client_uri: Option<String>,
    /// The client's logo.
    #[arg(long, value_name = "URL")]
    logo_uri: Option<String>,
    /// The scopes that the client may request, separated by spaces.
    #[arg(long, value_name = "SCOPES")]
    scope: Option<String>,
    /// A contact for the client, such as an e-mail address; can be repeated.
    #[arg(long, value_name = "ADDRESS")]
    contact: Vec<String>,
    /// The client's terms of service.
    #[arg(long, value_name = "URL")]
    tos_uri: Option<String>,
    /// The client's privacy policy.
    #[arg(long, value_name = "URL")]
    policy_uri: Option<String>,
    /// An identifier of the software, the same in all its installations.
    #[arg(long, value_name = "ID")]
    software_id: Option<String>,
    /// The version of the software.
    #[arg(long, value_name = "VERSION")]
    software_version: Option<String>,
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
    let metadata = args.client_metadata()?;
    // Creates the file before the registration, because the server shows the secret only once.
    let target = args.save.as_deref().map(SaveFile::prepare).transpose()?;

    // The server runs until it is dropped.
    let embedded = match (&args.base_url, args.live) {
        (None, false) => Some(Server::start().await),
        _ => None,
    };
    let poggio = args.client(embedded.as_ref()).map_err(|error| report(&error))?;
    let result = poggio.register(&metadata).await;

    match &result {
        Ok(client) => {
            // Saves before it prints, because printing can fail.
            let saved = match target {
                Some(target) => target.write(&client.expose_json()).map(Some)?,
                None => None,
            };
            let mut lines = table(client, &metadata);
            lines.push(match saved {
                Some(path) => format!("\nsaved to {}\n", path.display()),
                None => {
                    "\nnote: the server shows the secret once; --save FILE saves it\n".to_owned()
                }
            });
            // A closed output does not change that the client is registered.
            let _ = io::stdout().write_all(lines.join("\n").as_bytes());
            Ok(())
        }
        Err(error) => {
            if let (Error::Unreadable(response), Some(target)) = (error, target)
                && (response.client_id().is_some() || response.client_secret().is_some())
            {
                let path = target.write(&serde_json::json!({
                    "client_id": response.client_id(),
                    "client_secret": response.client_secret().map(ClientSecret::expose),
                }))?;
                println!("saved the recovered credentials to {}\n", path.display());
            }
            Err(report(error))
        }
    }
}

impl Args {
    fn client(&self, embedded: Option<&Server>) -> Result<Client, Error> {
        let builder = match (embedded, &self.base_url) {
            (Some(server), _) => server.client_builder(),
            (None, Some(url)) => Client::builder().from_env()?.base_url(url),
            (None, None) => Client::builder().from_env()?,
        };
        let poggio = builder
            .app_info("poggio-example", env!("CARGO_PKG_VERSION"))
            .local_validation(!self.no_local_validation)
            .build()?;
        match embedded {
            Some(_) => println!("registering at the embedded server (--live for Poggio)\n"),
            None => println!("registering at {}\n", poggio.base_url()),
        }
        Ok(poggio)
    }

    fn client_metadata(&self) -> Result<ClientMetadata, u8> {
        let mut metadata = match &self.metadata {
            Some(path) => read_metadata(path)?,
            None => ClientMetadata::new()
                .with_redirect_uri("http://127.0.0.1:8910/callback")
                .with_grant_types(["authorization_code", "refresh_token"])
                .with_client_name("Poggio example"),
        };
        if !self.redirect_uri.is_empty() {
            metadata.redirect_uris.clone_from(&self.redirect_uri);
        }
        if let Some(method) = &self.token_endpoint_auth_method {
            metadata = metadata.with_token_endpoint_auth_method(method);
        }
        if !self.grant_type.is_empty() {
            metadata = metadata.with_grant_types(&self.grant_type);
            // The default metadata is for a client with users; remove what redirects them.
            if self.metadata.is_none() && self.grant_type == ["client_credentials"] {
                metadata.redirect_uris.clone_from(&self.redirect_uri);
                metadata.response_types.clear();
            }
        }
        if !self.response_type.is_empty() {
            metadata = metadata.with_response_types(&self.response_type);
        }
        if !self.contact.is_empty() {
            metadata = metadata.with_contacts(&self.contact);
        }
        let texts = [
            (&self.client_name, &mut metadata.client_name),
            (&self.client_uri, &mut metadata.client_uri),
            (&self.logo_uri, &mut metadata.logo_uri),
            (&self.scope, &mut metadata.scope),
            (&self.tos_uri, &mut metadata.tos_uri),
            (&self.policy_uri, &mut metadata.policy_uri),
            (&self.software_id, &mut metadata.software_id),
            (&self.software_version, &mut metadata.software_version),
        ];
        for (given, field) in texts {
            if given.is_some() {
                field.clone_from(given);
            }
        }
        Ok(metadata)
    }
}

fn read_metadata(path: &Path) -> Result<ClientMetadata, u8> {
    let read = fs::read_to_string(path).map_err(|error| error.to_string());
    let parsed = read.and_then(|text| {
        // The error names the member, which serde_json's own error does not.
        let json = &mut serde_json::Deserializer::from_str(text.trim_start_matches('\u{feff}'));
        serde_path_to_error::deserialize(json).map_err(|error| error.to_string())
    });
    parsed.map_err(|problem| {
        eprintln!("error: the metadata file is invalid");
        eprintln!("  --> {}", path.display());
        eprintln!("   | {problem}");
        eprintln!("   = outcome: {}", Outcome::NotRegistered);
        eprintln!("   = help: correct the file, then register again");
        NOT_REGISTERED
    })
}

/// A new file that only its owner can read, written atomically.
struct SaveFile<'a> {
    path: &'a Path,
    /// Reserves the name; removed if nothing is written.
    placeholder: TempPath,
    /// Receives the content and is then renamed. Its disk space is reserved.
    file: NamedTempFile,
}

/// Reserves more disk space than the credentials of any client need.
const RESERVED_SPACE: [u8; 16 * 1024] = [b' '; 16 * 1024];

impl<'a> SaveFile<'a> {
    fn prepare(path: &'a Path) -> Result<Self, u8> {
        Self::try_prepare(path).map_err(|problem| {
            eprintln!("error: the credentials cannot be saved to this file");
            eprintln!("  --> {}", path.display());
            match problem.kind() {
                ErrorKind::AlreadyExists => {
                    eprintln!("   | the file exists, and it is never overwritten");
                }
                _ => eprintln!("   | {problem}"),
            }
            eprintln!("   = outcome: {}", Outcome::NotRegistered);
            eprintln!("   = help: use a new file in a folder that you can write to");
            NOT_REGISTERED
        })
    }

    fn try_prepare(path: &'a Path) -> io::Result<Self> {
        fs::File::create_new(path)?;
        let placeholder = TempPath::try_from_path(path)?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        // Created with mode 0600.
        let mut file = NamedTempFile::new_in(folder.unwrap_or(Path::new(".")))?;
        file.write_all(&RESERVED_SPACE)?;
        file.as_file().sync_all()?;
        Ok(Self { path, placeholder, file })
    }

    fn write(mut self, credentials: &serde_json::Value) -> Result<&'a Path, u8> {
        let text = format!("{credentials:#}\n");
        let written = self.file.rewind().and_then(|()| self.file.write_all(text.as_bytes()));
        let written = written
            .and_then(|()| self.file.as_file().set_len(text.len() as u64))
            .and_then(|()| self.file.as_file().sync_all());
        let saved = match written {
            Ok(()) => self.file.persist(self.path).map_err(|error| (error.error, error.file)),
            Err(error) => Err((error, self.file)),
        };
        let Err((problem, file)) = saved else {
            // The path now has the credentials, so the placeholder must not be removed.
            let _ = self.placeholder.keep();
            return Ok(self.path);
        };
        eprintln!("error: the client was registered, but its credentials could not be saved");
        eprintln!("  --> {}", self.path.display());
        eprintln!("   | {problem}");
        if let Ok((_, path)) = file.keep() {
            eprintln!("   = note: the part that was written is in {}", path.display());
        }
        eprintln!("   = outcome: {}", Outcome::Registered);
        eprintln!("   = help: do not register again before you have checked that file");
        Err(REGISTERED)
    }
}

/// Returns one line per member, with the control characters of the server's text escaped.
fn table(client: &ClientInformation, requested: &ClientMetadata) -> Vec<String> {
    let expires = match client.client_secret_expires_at {
        SecretExpiry::Never => Some("never".to_owned()),
        SecretExpiry::At(at) => Some(at.to_string()),
        SecretExpiry::Unspecified => None,
    };
    let secret = if client.client_secret.is_some() { "[redacted]" } else { "none" };
    let mut rows = vec![
        ("client_id", Some(client.client_id.clone())),
        ("client_secret", Some(secret.to_owned())),
        ("client_id_issued_at", client.client_id_issued_at.map(|at| at.to_string())),
        ("client_secret_expires_at", expires),
    ];
    let granted = client.expose_json();
    rows.extend(MetadataField::ALL.iter().map(|field| {
        let value = granted.get(field.as_str()).map(|value| match value.as_array() {
            Some(values) => {
                let values: Vec<_> = values.iter().filter_map(|value| value.as_str()).collect();
                values.join(", ")
            }
            None => value.as_str().unwrap_or_default().to_owned(),
        });
        (field.as_str(), value)
    }));

    let rows = rows.into_iter().filter_map(|(name, value)| Some((name, value?)));
    let mut lines: Vec<_> = rows
        .map(|(name, value)| {
            format!("  {name:<28}{}", value.escape_debug().take(300).collect::<String>())
        })
        .collect();
    lines
        .extend(client.changes_from(requested).iter().map(|change| format!("\nchanged: {change}")));
    lines.extend(client.warnings().iter().map(|warning| format!("\nwarning: {warning}")));
    lines
}

/// Prints the error with its cause, outcome and help; returns the exit code.
fn report(error: &Error) -> u8 {
    match error {
        Error::Validation(errors) => {
            match errors.origin() {
                Origin::Local => {
                    eprintln!("error: the client metadata is invalid and was not sent");
                }
                Origin::Server => eprintln!("error: the server rejected the client metadata"),
            }
            for error in errors {
                eprintln!("  --> {} [{}]", error.path(), error.kind());
                if let Some(value) = error.value() {
                    // `Debug` escapes control characters.
                    let shown =
                        value.as_str().map_or(value.to_string(), |text| format!("{text:?}"));
                    eprintln!("   | {shown}");
                }
                eprintln!("   | {}", error.message());
            }
        }
        Error::Config(error) => {
            eprintln!("error: a setting is invalid");
            eprintln!("  --> {}", error.setting());
            eprintln!("   | {}", error.problem());
        }
        Error::Api(error) => eprintln!("error: {error}"),
        Error::Transport(error) => eprintln!("error: {error}"),
        Error::Unreadable(error) => eprintln!("error: {error}"),
        other => eprintln!("error: {other}"),
    }
    let mut cause = error.source();
    while let Some(error) = cause {
        eprintln!("   | because: {}", error.to_string().escape_debug());
        cause = error.source();
    }
    if let Some(id) = error.request_id() {
        eprintln!("   = request: {id}");
    }
    eprintln!("   = outcome: {}", error.outcome());
    eprintln!("   = help: {}", error.help());
    match error.outcome() {
        Outcome::NotRegistered => NOT_REGISTERED,
        Outcome::Unknown => UNKNOWN,
        Outcome::Registered => REGISTERED,
    }
}
