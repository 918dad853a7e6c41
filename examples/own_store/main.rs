//! Keeps a registration in a store of one's own, here `SQLite`: the store is in `sqlite.rs`.
//!
//! ```text
//! cargo run --example own_store
//! ```
//!
//! It registers at a server in this process, and then asks again as another process would: the
//! client comes from the store, without a request.

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
        let kept = store.list().await?.len();
        let requests = client.response().map_or(0, ResponseMeta::attempts);
        println!("{run:6}  {}, requests: {requests}, kept: {kept}", client.client_id);
    }
    println!("server  clients: {}", server.registrations().len());
    Ok(())
}
