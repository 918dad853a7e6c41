//! Logs a user in: registers once, opens the browser, receives the callback, gets a token and
//! refreshes it.
//!
//! By default it uses an embedded loopback server, at the same address on each run. `--live` logs
//! in at Poggio:
//!
//! ```text
//! cargo run --example login -- --live
//! ```
//!
//! `--discover ISSUER` uses any authorization server that registers clients and publishes its
//! metadata. To get a token for an MCP server, use `--live --resource https://mcp.poggio.io/mcp`.
//!
//! Exit codes: 0 logged in; 1 no client was registered, or a setting cannot be used; 2 wrong
//! arguments; 3 a client may have been registered; 4 a client was registered, but not all of it
//! could be read or saved; 5 denied; 6 the login timed out; 7 a port cannot be used; 8 no token,
//! because the server refused, or could not be reached or read; 130 interrupted.

mod browser;
mod environment;
mod error;
#[path = "../register_once/rescue.rs"]
mod rescue;
mod show;

use std::{cell::Cell, fs, path::PathBuf, process::ExitCode, time::Duration};

use clap::Parser;
use poggio::{
    ClientInformation, ClientMetadata, Error, FileStore, RegistrationStoreExt,
    oauth::{
        Authorization, CallbackListener, OAuth2Client, OAuthError,
        oauth2::{
            CodeTokenRequest, TokenResponse,
            basic::{BasicErrorResponse, BasicTokenResponse},
        },
    },
    reqwest::Url,
};
use tokio::time::timeout;

use self::{
    environment::Environment,
    error::{LoginError, Phase},
    show::print,
};

/// Register an OAuth client (RFC 7591), log a user in with the browser, and get a token.
#[derive(Parser)]
#[command(
    after_help = "Exit codes: 0 logged in; 1 no client was registered, or a setting cannot be \
    used; 2 wrong arguments; 3 a client may have been registered; 4 a client was registered, but \
    not all of it could be read or saved; 5 denied; 6 the login timed out; 7 a port cannot be used; \
    8 no token, because the server refused, or could not be reached or read; 130 interrupted."
)]
struct Args {
    /// Log in at Poggio instead of at the embedded server. `POGGIO_AUTH_TOKEN` sets the token for
    /// the registration, and `POGGIO_BASE_URL` another base URL.
    #[arg(long)]
    live: bool,
    /// Log in at the server with this base URL, https or loopback, with the token from
    /// `POGGIO_AUTH_TOKEN`.
    #[arg(long, value_name = "URL", conflicts_with = "live")]
    base_url: Option<String>,
    /// The URL at which users log in, if it is not below the base URL.
    #[arg(long, value_name = "URL", requires = "base_url")]
    authorization_endpoint: Option<String>,
    /// Log in at the authorization server with this issuer. Its metadata (RFC 8414) names the
    /// endpoints; the registration uses no token.
    #[arg(long, value_name = "ISSUER", conflicts_with_all = ["live", "base_url"])]
    discover: Option<String>,
    /// The port of the embedded server. A client belongs to the address of its server, so another
    /// port means another client.
    #[arg(long, value_name = "PORT", default_value_t = 8912,
        value_parser = clap::value_parser!(u16).range(1..),
        conflicts_with_all = ["live", "base_url", "discover"])]
    embedded_port: u16,
    /// Keep the client in this file instead of in this user's configuration folder.
    #[arg(long, value_name = "FILE")]
    store: Option<PathBuf>,
    /// First save the client in this file, which an earlier run could not save in the store.
    #[arg(long, value_name = "FILE", value_parser = credentials)]
    keep: Option<ClientInformation>,
    /// First mark the saved client as rejected by the server, so that this run registers another.
    #[arg(long)]
    renew: bool,
    /// Print the URL to open instead of opening a browser.
    #[arg(long)]
    print_url: bool,
    /// The port on which to wait for the callback. By default, the registered port if it is free,
    /// or else any free port.
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    port: Option<u16>,
    /// A scope to request; can be repeated. Without it, the server chooses.
    #[arg(long, value_name = "SCOPE")]
    scope: Vec<String>,
    /// The resource that the token is for (RFC 8707), such as the URL of an MCP server.
    #[arg(long, value_name = "URL")]
    resource: Option<String>,
    /// A parameter of the authorization request; can be repeated. `OpenID` providers issue a
    /// refresh token for the scope `offline_access` with `prompt=consent`.
    #[arg(long, value_name = "NAME=VALUE", value_parser = name_and_value)]
    param: Vec<(String, String)>,
    /// How the client authenticates: `client_secret_post`, `client_secret_basic`, or `none`.
    #[arg(long, value_name = "METHOD", default_value = "client_secret_post")]
    token_endpoint_auth_method: String,
    /// How long to wait for the callback, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 300,
        value_parser = clap::value_parser!(u64).range(1..=86_400))]
    wait: u64,
}

fn credentials(path: &str) -> Result<ClientInformation, String> {
    let text = fs::read_to_string(path).map_err(|error| error.to_string())?;
    ClientInformation::from_json(&text).map_err(|error| error.to_string())
}

/// Identifies the registration: the port of a loopback redirect URI does not count (RFC 8252
/// section 7.3).
const ANY_PORT: &str = "http://127.0.0.1/callback";

#[tokio::main]
async fn main() -> ExitCode {
    let args = Args::parse();
    let store = match args.open_store() {
        Ok(store) => store,
        Err(error) => return ExitCode::from(show::report(&error)),
    };
    let phase = Cell::new(Phase::Registering);
    let result = tokio::select! {
        result = run(&args, &store, &phase) => result,
        // If this signal cannot be handled, it ends the program without a message.
        Ok(()) = tokio::signal::ctrl_c() => Err(LoginError::Interrupted(phase.get())),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => ExitCode::from(error.report(&store)),
    }
}

async fn run(args: &Args, store: &FileStore, phase: &Cell<Phase>) -> Result<(), LoginError> {
    let environment = Environment::find(args).await?;
    let Environment { poggio, embedded, name, .. } = &environment;
    print(&format!("store     {}\nserver    {}\n", store.path().display(), name));

    let metadata = args.metadata(ANY_PORT);
    if let Some(client) = &args.keep {
        poggio.save_registration(&metadata, store, client).await?;
    }
    let saved = poggio.find_registration(&metadata, store).await?;
    if let (true, Some(saved)) = (args.renew, &saved) {
        store.mark_rejected(&saved.client_id).await?;
    }
    if let (Some(embedded), Some(saved)) = (embedded, &saved) {
        // The embedded server starts empty on each run.
        embedded.add_client(saved);
    }
    let listener = listen(args.port, saved.as_ref()).await?;
    let redirect_uri = listener.redirect_uri().to_owned();
    print(&format!("callback  {redirect_uri}\n"));

    let login = Login { args, environment: &environment, redirect_uri: &redirect_uri, phase };
    let metadata = args.metadata(&redirect_uri);
    let mut listener = Some(listener);
    let work = |client| login.attempt(client, listener.take());
    poggio.with_registered(&metadata, store, work).await?
}

/// One login, for which the browser may be opened twice.
struct Login<'a> {
    args: &'a Args,
    environment: &'a Environment,
    redirect_uri: &'a str,
    phase: &'a Cell<Phase>,
}

impl Login<'_> {
    /// Runs the login with this client. The second attempt has no listener yet. An `OAuthError` is
    /// returned to `with_registered`, which may register another client and try again.
    async fn attempt(
        &self,
        client: ClientInformation,
        listener: Option<CallbackListener>,
    ) -> Result<Result<(), LoginError>, OAuthError> {
        let listener = if let Some(listener) = listener {
            listener
        } else {
            print(
                "\nthe server no longer accepts the saved client: registered another, starting the \
                 login again\n",
            );
            CallbackListener::bind(self.redirect_uri).await?
        };
        match self.run(&client, listener).await {
            Err(LoginError::OAuth(error)) => {
                self.phase.set(Phase::Registering);
                Err(error)
            }
            other => Ok(other),
        }
    }

    async fn run(
        &self,
        client: &ClientInformation,
        listener: CallbackListener,
    ) -> Result<(), LoginError> {
        show::client(client);
        let server = &self.environment.server;
        let oauth = client.oauth2_client(server, Some(self.redirect_uri))?;
        let mut authorization = Authorization::new(&oauth, server, &self.args.scope);
        if let Some(resource) = &self.args.resource {
            authorization = authorization.with_param("resource", resource);
        }
        for (name, value) in &self.args.param {
            authorization = authorization.with_param(name, value);
        }

        self.phase.set(Phase::Waiting);
        browser::open_or_print(authorization.url(), self.args.print_url).await;
        let wait = Duration::from_secs(self.args.wait);
        let callback = timeout(wait, listener.wait(&authorization));
        let callback = callback.await.map_err(|_| LoginError::TimedOut(wait))??;
        let request = authorization.exchange_code(&callback)?;
        self.phase.set(Phase::Exchanging);
        Ok(self.exchange(&oauth, request).await?)
    }

    async fn exchange(
        &self,
        oauth: &OAuth2Client,
        mut request: CodeTokenRequest<'_, BasicErrorResponse, BasicTokenResponse>,
    ) -> Result<(), OAuthError> {
        let Environment { poggio, api, .. } = self.environment;
        let resource = self.args.resource.as_deref();
        if let Some(resource) = resource {
            request = request.add_extra_param("resource", resource);
        }
        let token = request.request_async(poggio).await?;
        show::token("allowed", &token, &self.args.scope);

        if let Some(refresh_token) = token.refresh_token() {
            let mut request = oauth.exchange_refresh_token(refresh_token);
            if let Some(resource) = resource {
                request = request.add_extra_param("resource", resource);
            }
            let token = request.request_async(poggio).await?;
            show::token("refreshed", &token, &self.args.scope);
        }
        show::how_to_call(resource.unwrap_or(api));
        Ok(())
    }
}

impl Args {
    fn open_store(&self) -> Result<FileStore, Error> {
        match &self.store {
            Some(path) => FileStore::new(path),
            None => FileStore::for_app("poggio-example-login"),
        }
    }

    fn metadata(&self, redirect_uri: &str) -> ClientMetadata {
        ClientMetadata::new()
            .with_redirect_uri(redirect_uri)
            .with_token_endpoint_auth_method(self.token_endpoint_auth_method.as_str())
            .with_grant_types(["authorization_code", "refresh_token"])
            .with_client_name("Poggio login example")
    }
}

fn name_and_value(param: &str) -> Result<(String, String), &'static str> {
    let (name, value) = param.split_once('=').ok_or("use the form NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

/// Binds the requested port. Without one, binds the registered port if it is free, or else any
/// port.
async fn listen(
    requested: Option<u16>,
    client: Option<&ClientInformation>,
) -> Result<CallbackListener, LoginError> {
    let registered = client.and_then(redirect_uri);
    let listener = match requested {
        Some(port) => {
            let bound = CallbackListener::bind(&format!("http://127.0.0.1:{port}/callback")).await;
            let flag = "--port";
            bound.map_err(|error| LoginError::Port { port, flag, reason: error.to_string() })?
        }
        None => {
            CallbackListener::bind_or_any_port(registered.as_deref().unwrap_or(ANY_PORT)).await?
        }
    };
    let registered = registered.as_deref().and_then(port);
    let differs = port(listener.redirect_uri()) != registered;
    if let Some(registered) = registered.filter(|_| differs) {
        let why = if requested.is_some() { "" } else { ", which is in use" };
        print(&format!(
            "note      the client was registered with port {registered}{why}; the server accepts \
             any port (RFC 8252 section 7.3)\n"
        ));
    }
    Ok(listener)
}

/// Returns the registered loopback redirect URI.
fn redirect_uri(client: &ClientInformation) -> Option<String> {
    let uris = &client.metadata.redirect_uris;
    uris.iter().find(|uri| uri.starts_with("http://")).cloned()
}

fn port(uri: &str) -> Option<u16> {
    Url::parse(uri).ok()?.port()
}
