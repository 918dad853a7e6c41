//! Logs a user in: registers once, opens the browser, takes the answer, gets a token and refreshes
//! it.
//!
//! By itself it talks to an embedded loopback server, at the same address on each run, whose page
//! asks the user. `--live` talks to Poggio:
//!
//! ```text
//! cargo run --example login -- --live
//! ```
//!
//! `--discover ISSUER` finds the endpoints of any authorization server that registers clients. A
//! token for an MCP server names it: `--live --resource https://mcp.poggio.io/mcp`.
//!
//! Exit codes: 0 logged in; 1 no client was registered, or a setting cannot be used; 2 wrong
//! arguments; 3 a client may have been registered; 4 a client was registered, but not all of it
//! could be read or saved; 5 denied; 6 nobody came back in time; 7 a port cannot be used; 8 no token: the
//! server refused, or could not be reached or read; 130 interrupted.

mod browser;
mod end;
mod place;
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
    end::{End, Stage},
    place::Place,
    show::print,
};

/// Log a user in: from a registration (RFC 7591) to a token, in the browser.
#[derive(Parser)]
#[command(
    after_help = "Exit codes: 0 logged in; 1 no client was registered, or a setting cannot be \
    used; 2 wrong arguments; 3 a client may have been registered; 4 a client was registered, but \
    not all of it could be read or saved; 5 denied; 6 nobody came back in time; 7 a port cannot be used; \
    8 no token: the server refused, or could not be reached or read; 130 interrupted."
)]
struct Args {
    /// Log in at Poggio instead of at the embedded server; a token for the registration is read from
    /// `POGGIO_AUTH_TOKEN`, another address from `POGGIO_BASE_URL`.
    #[arg(long)]
    live: bool,
    /// Log in at the Poggio of this address, https or loopback; with the token of
    /// `POGGIO_AUTH_TOKEN`, too.
    #[arg(long, value_name = "URL", conflicts_with = "live")]
    base_url: Option<String>,
    /// Where that Poggio's users log in, unless it is below the same address.
    #[arg(long, value_name = "URL", requires = "base_url")]
    authorization_endpoint: Option<String>,
    /// Find the endpoints by the metadata of this authorization server (RFC 8414), and register
    /// where it says, without a token.
    #[arg(long, value_name = "ISSUER", conflicts_with_all = ["live", "base_url"])]
    discover: Option<String>,
    /// Where the embedded server listens. A kept client belongs to its server's address: another
    /// port, another client.
    #[arg(long, value_name = "PORT", default_value_t = 8912,
        value_parser = clap::value_parser!(u16).range(1..),
        conflicts_with_all = ["live", "base_url", "discover"])]
    embedded_port: u16,
    /// Keep the client in this file; without it, in this user's configuration folder.
    #[arg(long, value_name = "FILE")]
    store: Option<PathBuf>,
    /// Keep first the client of this file, which an earlier run could not save.
    #[arg(long, value_name = "FILE", value_parser = credentials)]
    keep: Option<ClientInformation>,
    /// Note first that the server no longer accepts the kept client: another is registered.
    #[arg(long)]
    renew: bool,
    /// Print the URL to open instead of opening a browser.
    #[arg(long)]
    print_url: bool,
    /// Where to listen for the browser; without it, on the port that was registered if it is free,
    /// else on any.
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    port: Option<u16>,
    /// A scope to ask for; can be given several times. Without it, the server chooses.
    #[arg(long, value_name = "SCOPE")]
    scope: Vec<String>,
    /// What the token is for (RFC 8707), such as the URL of an MCP server.
    #[arg(long, value_name = "URL")]
    resource: Option<String>,
    /// A parameter for the server's page; can be given several times. `OpenID` providers give a
    /// refresh token for the scope `offline_access` with `prompt=consent`.
    #[arg(long, value_name = "NAME=VALUE", value_parser = name_and_value)]
    param: Vec<(String, String)>,
    /// How the client authenticates: `client_secret_post`, `client_secret_basic`, or `none`.
    #[arg(long, value_name = "METHOD", default_value = "client_secret_post")]
    token_endpoint_auth_method: String,
    /// How long the user may take, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 300,
        value_parser = clap::value_parser!(u64).range(1..=86_400))]
    wait: u64,
}

fn credentials(path: &str) -> Result<ClientInformation, String> {
    let text = fs::read_to_string(path).map_err(|error| error.to_string())?;
    ClientInformation::from_json(&text).map_err(|error| error.to_string())
}

/// As what is registered counts: the port of a loopback address is free (RFC 8252 section 7.3).
const ANY_PORT: &str = "http://127.0.0.1/callback";

#[tokio::main]
async fn main() -> ExitCode {
    let args = Args::parse();
    let store = match args.open_store() {
        Ok(store) => store,
        Err(error) => return ExitCode::from(show::report(&error)),
    };
    let stage = Cell::new(Stage::Registering);
    let result = tokio::select! {
        result = run(&args, &store, &stage) => result,
        // Where this cannot be listened for, the system ends the program.
        Ok(()) = tokio::signal::ctrl_c() => Err(End::Interrupted(stage.get())),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(end) => ExitCode::from(end.report(&store)),
    }
}

async fn run(args: &Args, store: &FileStore, stage: &Cell<Stage>) -> Result<(), End> {
    let place = Place::find(args).await?;
    print(&format!("store     {}\nserver    {}\n", store.path().display(), place.name));

    let metadata = args.metadata(ANY_PORT);
    if let Some(client) = &args.keep {
        place.poggio.save_registration(&metadata, store, client).await?;
    }
    let kept = place.poggio.find_registration(&metadata, store).await?;
    if let (true, Some(kept)) = (args.renew, &kept) {
        store.mark_rejected(&kept.client_id).await?;
    }
    if let (Some(embedded), Some(kept)) = (&place.embedded, &kept) {
        // It began with this run; a real one remembers.
        embedded.add_client(kept);
    }
    let listener = listen(args.port, kept.as_ref()).await?;
    let redirect_uri = listener.redirect_uri().to_owned();
    print(&format!("callback  {redirect_uri}\n"));

    let login = Login { args, place: &place, redirect_uri: &redirect_uri, stage };
    let metadata = args.metadata(&redirect_uri);
    let mut listener = Some(listener);
    let work = |client| login.begin(client, listener.take());
    place.poggio.with_registered(&metadata, store, work).await?
}

/// A login that is under way.
struct Login<'a> {
    args: &'a Args,
    place: &'a Place,
    redirect_uri: &'a str,
    stage: &'a Cell<Stage>,
}

impl Login<'_> {
    /// Runs it, the second time without a listener; an error without a token is for
    /// `with_registered` to look at.
    async fn begin(
        &self,
        client: ClientInformation,
        listener: Option<CallbackListener>,
    ) -> Result<Result<(), End>, OAuthError> {
        let listener = if let Some(listener) = listener {
            listener
        } else {
            print(
                "\nthe server no longer accepts the client that was kept: another is registered, \
                 and the login begins again\n",
            );
            CallbackListener::bind(self.redirect_uri).await?
        };
        match self.run(&client, listener).await {
            Err(End::NoToken(error)) => {
                self.stage.set(Stage::Registering);
                Err(error)
            }
            other => Ok(other),
        }
    }

    async fn run(&self, client: &ClientInformation, listener: CallbackListener) -> Result<(), End> {
        show::client(client);
        let server = &self.place.server;
        let oauth = client.oauth2_client(server, Some(self.redirect_uri))?;
        let mut authorization = Authorization::new(&oauth, server, &self.args.scope);
        if let Some(resource) = &self.args.resource {
            authorization = authorization.with_param("resource", resource);
        }
        for (name, value) in &self.args.param {
            authorization = authorization.with_param(name, value);
        }

        self.stage.set(Stage::Waiting);
        browser::send_to(authorization.url(), self.args.print_url).await;
        let wait = Duration::from_secs(self.args.wait);
        let callback = timeout(wait, listener.wait(&authorization));
        let callback = callback.await.map_err(|_| End::TimedOut(wait))??;
        let request = authorization.exchange_code(&callback)?;
        self.stage.set(Stage::Exchanging);
        Ok(self.exchange(&oauth, request).await?)
    }

    async fn exchange(
        &self,
        oauth: &OAuth2Client,
        mut request: CodeTokenRequest<'_, BasicErrorResponse, BasicTokenResponse>,
    ) -> Result<(), OAuthError> {
        let Place { poggio, api, .. } = self.place;
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
    let (name, value) = param.split_once('=').ok_or("there is no = in it")?;
    Ok((name.to_owned(), value.to_owned()))
}

/// Listens where the user said, else where the client was registered, else anywhere.
async fn listen(
    asked: Option<u16>,
    kept: Option<&ClientInformation>,
) -> Result<CallbackListener, End> {
    let registered = kept.and_then(redirect_uri);
    let listener = match asked {
        Some(port) => {
            let bound = CallbackListener::bind(&format!("http://127.0.0.1:{port}/callback")).await;
            let flag = "--port";
            bound.map_err(|error| End::Port { port, flag, reason: error.to_string() })?
        }
        None => {
            CallbackListener::bind_or_any_port(registered.as_deref().unwrap_or(ANY_PORT)).await?
        }
    };
    let registered = registered.as_deref().and_then(port);
    let is_other = port(listener.redirect_uri()) != registered;
    if let Some(registered) = registered.filter(|_| is_other) {
        let why = if asked.is_some() { "" } else { ", which is in use" };
        print(&format!(
            "note      the client was registered with port {registered}{why}; that another is as \
             good is RFC 8252 section 7.3\n"
        ));
    }
    Ok(listener)
}

/// The loopback redirect URI that was registered.
fn redirect_uri(client: &ClientInformation) -> Option<String> {
    let uris = &client.metadata.redirect_uris;
    uris.iter().find(|uri| uri.starts_with("http://")).cloned()
}

fn port(uri: &str) -> Option<u16> {
    Url::parse(uri).ok()?.port()
}
