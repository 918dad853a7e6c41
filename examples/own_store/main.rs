//! Keeps a registration in a custom store, here an `SQLite` database (`sqlite.rs`).
//!
//! ```text
//! cargo run --example own_store
//! ```
//!
//! The first run registers at a server in this process. The second run opens the store again, as
//! another process would, and gets the client from it without a request.

mod sqlite;

use std::error::Error;

use poggio::{ClientMetadata, RegistrationStoreExt, ResponseMeta, testing::Server};

use crate::sqlite::SqliteStore;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let database = folder.path().join("acme.sqlite");
    let server = Server::start().await;
    let metadata = ClientMetadata::new()
        .with_client_name("Acme Sync")
        .with_redirect_uri("http://127.0.0.1:8910/callback");

    for run in ["first", "second"] {
        let store = SqliteStore::open(&database)?;
        let client = server.client().register_once(&metadata, &store).await?;
        let stored = store.list().await?.len();
        let requests = client.response().map_or(0, ResponseMeta::attempts);
        println!(
            "{run:6}  {}, requests: {requests}, saved: {stored}",
            client.client_id.escape_debug()
        );
    }
    println!("server  clients: {}", server.registrations().len());
    Ok(())
}
