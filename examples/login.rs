//! Logs a user in with the browser, and keeps the login.
//!
//! ```text
//! cargo run --example login
//! POGGIO_BASE_URL=https://api.poggio.io cargo run --example login -- https://mcp.poggio.io/mcp
//! ```
//!
//! The first command logs in at an embedded loopback server: allow access on its page. The second
//! logs in at Poggio, for the resource of that URL. It keeps the login for later runs, and for the
//! example `call_api`.

use std::{env, sync::Arc};

use poggio::{
    Client, ClientMetadata, FileStore, GrantType,
    oauth::{LoginOptions, OAuthError, Recovery, Session},
    testing::Server,
};

#[tokio::main]
async fn main() {
    let result = if env::var("POGGIO_BASE_URL").is_ok_and(|url| !url.is_empty()) {
        at_poggio().await
    } else {
        at_embedded_server().await
    };
    if let Err(error) = result {
        eprintln!("error: {error}");
        std::process::exit(1);
    }
}

async fn at_poggio() -> Result<(), OAuthError> {
    log_in(&Client::from_env()?, FileStore::for_app("poggio-example-login")?).await
}

/// The server and its clients end with the program, so the store is a temporary file.
async fn at_embedded_server() -> Result<(), OAuthError> {
    let server = Server::start().await;
    let folder = tempfile::tempdir().expect("temporary files can be written");
    log_in(&server.client(), FileStore::new(folder.path().join("client.json"))?).await
}

async fn log_in(poggio: &Client, store: FileStore) -> Result<(), OAuthError> {
    let metadata = ClientMetadata::new()
        .with_redirect_uri("http://127.0.0.1/callback")
        .with_grant_types([GrantType::AuthorizationCode, GrantType::RefreshToken])
        .with_client_name("Poggio example");
    println!("server   {}", poggio.base_url());
    println!("store    {}", store.path().display());
    let mut session = Session::builder(poggio, Arc::new(store))
        .server(poggio.discover(poggio.base_url()).await?)
        .metadata(metadata);
    if let Some(url) = env::args().nth(1) {
        session = session.resource(url);
    }
    let session = session.build()?;

    let token = match session.access_token().await {
        Err(error) if error.recovery() == Recovery::LogIn => {
            // Registers a client if the store has none.
            let show = |url: &str| println!("\nif no browser opens, open this URL:\n{url}\n");
            session.login(LoginOptions::new().on_url(show)).await?
        }
        // The kept token, or a refreshed one.
        result => result?,
    };
    let scopes = token.scopes().join(" ");
    let expiry = token.expires_at().map_or("unknown".to_owned(), |time| time.to_string());
    println!("token    {}, not shown", token.token_type());
    println!("scopes   {}", if scopes.is_empty() { "not stated" } else { &scopes });
    println!("expires  {expiry}");
    Ok(())
}
