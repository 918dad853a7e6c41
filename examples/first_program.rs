//! The first program of the README: registers a client, logs a user in, and calls an API, all at a server
//! in this process.
//!
//! ```text
//! cargo run --example first_program
//! ```

use std::{error::Error, sync::Arc};

use poggio::oauth::{LoginOptions, Session};
use poggio::reqwest::{Method, Request};
use poggio::{FileStore, testing::Server};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // A Poggio in this process. For the real one, see below.
    let server = Server::start().await;
    let (poggio, api) = (server.client(), server.mcp_url());
    let endpoints = poggio.discover_for(&api).await?;

    // The client and the tokens are saved in the user's configuration folder.
    let store = Arc::new(FileStore::for_app("first-program")?);
    let session = Session::builder(&poggio, store).server(endpoints).resource(&api).build()?;

    // Registers a client, opens the browser, waits for the user, and saves the tokens.
    let options = LoginOptions::new().on_url(|url| println!("log in at {url}"));
    let token = session.login(options).await?;
    println!("logged in, until {:?}", token.expires_at());

    // Adds the token. After a 401, refreshes it and sends the request once more.
    let response = session.execute(Request::new(Method::GET, api.parse()?)).await?;
    println!("{}: {}", response.status(), response.text().await?);
    Ok(())
}
