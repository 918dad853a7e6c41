//! Keeps a registration in a store of your own, here an `SQLite` database (`sqlite.rs`).
//!
//! ```text
//! cargo run --example own_store
//! ```
//!
//! `poggio::testing::check_store` tests that a store keeps the rules.

mod sqlite;

use std::error::Error;

use poggio::{ClientMetadata, testing::Server};

use crate::sqlite::SqliteStore;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let server = Server::start().await;
    let metadata = ClientMetadata::new().with_redirect_uri("http://127.0.0.1:8910/callback");
    // The second run opens the store again, as another process would, and sends no request.
    for run in ["first", "second"] {
        let store = SqliteStore(folder.path().join("acme.sqlite"));
        let client = server.client().register_once(&metadata, &store).await?;
        println!("{run} run: {}, requests: {}", client.client_id, server.requests().len());
    }
    Ok(())
}
