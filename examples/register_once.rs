//! Registers an OAuth client once: run it twice, and the second run sends no request.
//!
//! ```text
//! cargo run --example register_once
//! ```
//!
//! It registers at an embedded loopback server, and keeps the client in this user's configuration
//! folder. With `POGGIO_BASE_URL=https://api.poggio.io` it registers at Poggio; `POGGIO_AUTH_TOKEN`
//! sets the bearer token.

use std::{env, io, net::TcpListener, process::ExitCode};

use poggio::{Client, ClientMetadata, Error, FileStore, RegistrationStoreExt, testing::Server};

#[tokio::main]
async fn main() -> ExitCode {
    let result = if env::var("POGGIO_BASE_URL").is_ok_and(|url| !url.is_empty()) {
        register_once(Client::from_env()).await
    } else {
        // A client belongs to the address of its server, so each run uses the same port.
        let listener = listen(8911).expect("loopback has a free port");
        let server = Server::start_on(listener).await;
        // The store has the clients of earlier runs, so ids must not repeat.
        server.use_random_ids();
        register_once(server.client_builder().build()).await
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // The message says what happened, whether a client was registered, and what to do. If a
            // client could not be saved, `error` holds it: see `Client::save_registration`.
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn register_once(poggio: Result<Client, Error>) -> Result<(), Error> {
    let poggio = poggio?;
    let store = FileStore::for_app("poggio-example")?;
    println!("store     {}", store.path().display());
    println!("server    {}\n", poggio.base_url());

    let metadata = ClientMetadata::new()
        .with_redirect_uri("http://127.0.0.1:8910/callback")
        .with_grant_types(["authorization_code", "refresh_token"])
        .with_client_name("Poggio example");
    let client = poggio.register_once(&metadata, &store).await?;

    match client.response() {
        Some(_) => println!("registered: a request was sent"),
        None => println!("found: no request was sent"),
    }
    println!("  client_id  {}", client.client_id.escape_debug());
    for stored in store.list().await? {
        if stored.client().client_id == client.client_id {
            println!("  saved      {}", stored.saved_at());
        }
    }
    Ok(())
}

/// Returns a listener on this port, or on any port if another program has it.
fn listen(port: u16) -> io::Result<TcpListener> {
    TcpListener::bind(("127.0.0.1", port)).or_else(|_| TcpListener::bind("127.0.0.1:0"))
}
