//! Calls an API, here an MCP server, with the token of a kept login.
//!
//! ```text
//! cargo run --example call_api
//! POGGIO_BASE_URL=https://api.poggio.io cargo run --example call_api -- https://mcp.poggio.io/mcp
//! ```
//!
//! The first command uses an embedded loopback server. The second requires a login at Poggio, by the
//! example `login` with the same URL.

use std::{env, process::exit, sync::Arc};

use poggio::{
    Client, ClientMetadata, FileStore, GrantType,
    oauth::{LoginOptions, OAuthError, Recovery, Session},
    reqwest::{Method, Request},
    testing::Server,
};
use tokio::sync::oneshot;

#[tokio::main]
async fn main() {
    let result = match env::args().nth(1) {
        Some(url) => at_poggio(&url).await,
        None => at_embedded_server().await,
    };
    if let Err(error) = result {
        eprintln!("error: {error}");
        if error.recovery() == Recovery::LogIn {
            eprintln!("run the example `login` with the same variables and the same URL");
        }
        exit(1);
    }
}

async fn at_poggio(url: &str) -> Result<(), OAuthError> {
    let store = FileStore::for_app("poggio-example-login")?;
    call(&session(&Client::from_env()?, store, url).await?, url).await
}

async fn at_embedded_server() -> Result<(), OAuthError> {
    let server = Arc::new(Server::start().await);
    let folder = tempfile::tempdir().expect("temporary files can be written");
    let store = FileStore::new(folder.path().join("client.json"))?;
    let session = session(&server.client(), store, &server.mcp_url()).await?;

    // The user, who allows access.
    let (sender, shown) = oneshot::channel::<String>();
    let user = Arc::clone(&server);
    let callback = async move { user.allow(&shown.await.unwrap_or_default()).await };
    let on_url = |url: &str| sender.send(url.to_owned()).unwrap_or_default();
    session.login(LoginOptions::new().browser(false).on_url(on_url).pasted(callback)).await?;
    call(&session, &server.mcp_url()).await
}

async fn session(poggio: &Client, store: FileStore, url: &str) -> Result<Session, OAuthError> {
    let metadata = ClientMetadata::new()
        .with_redirect_uri("http://127.0.0.1/callback")
        .with_grant_types([GrantType::AuthorizationCode, GrantType::RefreshToken])
        .with_client_name("Poggio example");
    Session::builder(poggio, Arc::new(store))
        .server(poggio.discover(poggio.base_url()).await?)
        .metadata(metadata)
        // The token is sent to this origin and to that of the base URL only.
        .resource(url)
        .build()
}

/// Sends a request. An expired token is refreshed once, whichever process asks first.
async fn call(session: &Session, url: &str) -> Result<(), OAuthError> {
    let parsed = url.parse().unwrap_or_else(|error| {
        eprintln!("error: {url:?} is not a URL: {error}");
        exit(2);
    });
    let request = Request::new(Method::GET, parsed);
    let response = session.execute(request).await?;
    println!("{}", response.status());
    println!("{}", response.text().await.unwrap_or_else(|error| error.to_string()));
    Ok(())
}
