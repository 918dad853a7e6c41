//! [`Environment`]: the server and the store that the options select.

use std::{
    net::{Ipv4Addr, TcpListener},
    sync::Arc,
};

use poggio::{
    Client, ClientBuilder, ClientMetadata, FileStore, GrantType, Outcome, RegistrationStoreExt,
    oauth::{AuthorizationServer, Session},
    reqwest,
    testing::Server,
};

use crate::{args::Options, exit::Exit, failure::Failure, shown::plain};

/// The server at which the command works, and its store.
pub(crate) struct Environment {
    pub(crate) poggio: Client,
    pub(crate) server: AuthorizationServer,
    pub(crate) store: Arc<FileStore>,
    /// Whether the server registers clients. If not, its operator gives them out.
    pub(crate) registers: bool,
    /// The embedded server runs until it is dropped.
    _embedded: Option<Server>,
}

/// What the client of a command is for.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Mode {
    /// Sends nothing. No certificates are loaded, because that takes time.
    Offline,
    Online,
    /// Registers without a local check of the metadata.
    Unchecked,
}

impl Environment {
    /// Finds the server and opens the store. With [`Mode::Offline`], nothing is sent, unless the
    /// endpoints must be discovered.
    pub(crate) async fn open(options: &Options, mode: Mode) -> Result<Self, Failure> {
        let store = Arc::new(open_store(options)?);
        let discovered = match (&options.issuer, &options.discover) {
            (Some(issuer), _) => Some(discovery_client(issuer)?.discover(issuer).await?),
            (None, Some(url)) => Some(discovery_client(url)?.discover_for(url).await?),
            (None, None) => None,
        };
        if let Some(server) = discovered {
            let poggio = client_of(&server, mode)?;
            let registers = server.registration_endpoint.is_some();
            return Ok(Self { poggio, server, store, registers, _embedded: None });
        }
        let embedded = match mode {
            Mode::Online | Mode::Unchecked if options.embedded => {
                Some(start(options, &store).await?)
            }
            _ => None,
        };
        let poggio = build(client_builder(options)?, mode)?;
        let server = server_below(poggio.base_url(), options.embedded);
        Ok(Self { poggio, server, store, registers: true, _embedded: embedded })
    }

    /// Returns the issuer, or else the base URL.
    pub(crate) fn server_name(&self) -> String {
        plain(self.server.issuer.as_deref().unwrap_or(self.poggio.base_url()))
    }

    /// Returns the session of an account. The metadata is the same for all commands, because it
    /// identifies the client.
    pub(crate) fn session(
        &self,
        options: &Options,
        resource: Option<&str>,
        scopes: Vec<String>,
    ) -> Result<Session, Failure> {
        let mut builder = Session::builder(&self.poggio, self.store.clone())
            .metadata(login_metadata())
            .server(self.server.clone());
        if !scopes.is_empty() {
            builder = builder.scopes(scopes);
        }
        if let Some(resource) = resource {
            builder = builder.resource(resource);
        }
        if let Some(account) = &options.account {
            builder = builder.account(account);
        }
        Ok(builder.build()?)
    }
}

fn embedded_port(options: &Options) -> u16 {
    options.embedded_port.unwrap_or(8912)
}

/// The port of a loopback redirect URI does not count (RFC 8252 section 7.3).
pub(crate) fn login_metadata() -> ClientMetadata {
    ClientMetadata::new()
        .with_redirect_uri("http://127.0.0.1/callback")
        .with_grant_types([GrantType::AuthorizationCode, GrantType::RefreshToken])
        .with_client_name("Poggio CLI")
}

/// Opens the store. The embedded server has a store of its own, whose clients have no value.
pub(crate) fn open_store(options: &Options) -> Result<FileStore, Failure> {
    Ok(match &options.store {
        Some(path) => FileStore::new(path)?,
        None if options.embedded => FileStore::for_app("cli-embedded")?,
        None => FileStore::for_app("cli")?,
    })
}

fn client_builder(options: &Options) -> Result<ClientBuilder, Failure> {
    if options.embedded {
        let base_url = format!("http://127.0.0.1:{}", embedded_port(options));
        return Ok(Client::builder().base_url(base_url));
    }
    let builder = Client::builder().from_env()?;
    Ok(match &options.base_url {
        Some(url) => builder.base_url(url),
        None => builder,
    })
}

fn build(builder: ClientBuilder, mode: Mode) -> Result<Client, Failure> {
    let builder = builder.app_info("poggio-cli", env!("CARGO_PKG_VERSION"));
    Ok(match mode {
        Mode::Online => builder.build()?,
        Mode::Unchecked => builder.local_validation(false).build()?,
        Mode::Offline => {
            // Trusts no certificate, and sends nothing.
            let http = reqwest::Client::builder().no_proxy().tls_certs_only([]).build();
            let http = http.map_err(|error| {
                Failure::new(Exit::Failed, "the HTTP client could not be set up")
                    .why(error.to_string())
                    .help("install this command again")
            })?;
            builder.http_client(http).build()?
        }
    })
}

/// Returns the endpoints below a base URL. Those of Poggio are documented.
fn server_below(base_url: &str, is_embedded: bool) -> AuthorizationServer {
    if base_url == "https://api.poggio.io" {
        return AuthorizationServer::poggio();
    }
    let mut server = AuthorizationServer::new(
        format!("{base_url}/app/oauth/authorize"),
        format!("{base_url}/v1/oauth/token"),
    );
    if is_embedded {
        server = server.with_issuer(base_url);
        server.authorization_response_iss_parameter_supported = true;
    }
    server
}

/// Returns a client for discovery, which permits http only for a URL with http. It has no token: that
/// of `POGGIO_AUTH_TOKEN` is for Poggio.
pub(crate) fn discovery_client(url: &str) -> Result<Client, Failure> {
    build(builder_for(url), Mode::Online)
}

fn builder_for(url: &str) -> ClientBuilder {
    let scheme = url.trim_start().get(..5);
    let is_http = scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case("http:"));
    let builder = Client::builder();
    if is_http { builder.base_url("http://127.0.0.1") } else { builder }
}

/// Returns a client that registers at a discovered server. If it registers no clients, a session
/// uses an imported one.
fn client_of(server: &AuthorizationServer, mode: Mode) -> Result<Client, Failure> {
    let builder = builder_for(&server.token_endpoint);
    let builder = match &server.registration_endpoint {
        Some(endpoint) => builder.registration_endpoint(endpoint),
        None => builder,
    };
    build(builder, mode)
}

/// Starts the embedded server, with the clients of earlier runs.
async fn start(options: &Options, store: &FileStore) -> Result<Server, Failure> {
    let port = embedded_port(options);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map_err(|error| {
        Failure::new(Exit::Failed, "the port of the embedded server cannot be used")
            .place(format!("127.0.0.1:{port}"))
            .why(error.to_string())
            .outcome(Outcome::NotRegistered)
            .help("stop the program that uses it, or choose another with --embedded-port")
    })?;
    let server = Server::start_on(listener).await;
    // Clients of earlier runs are in the store, so ids must not repeat.
    server.use_random_ids();
    let own = format!("{}/", server.base_url());
    for stored in store.list().await? {
        if stored.retired().is_none() && stored.endpoint().starts_with(&own) {
            server.add_client(stored.client());
        }
    }
    Ok(server)
}
