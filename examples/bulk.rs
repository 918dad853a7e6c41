//! Registers a client for each of many customers, at most 16 at the same time.
//!
//! ```text
//! cargo run --example bulk
//! ```
//!
//! Each customer has a store, so that a run that was interrupted can be repeated: it sends no request
//! for a customer whose client is saved. Here, an embedded loopback server refuses some requests of
//! the first run, and a second run sends only those again.

use std::path::Path;

use futures_util::{StreamExt, stream};
use indicatif::ProgressBar;
use poggio::{
    Client, ClientInformation, ClientMetadata, Error, FileStore,
    testing::{Reply, Server},
};

const CONCURRENT: usize = 16;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let server = Server::start().await;
    let poggio = server.client();
    let folder = tempfile::tempdir()?;
    let customers: Vec<String> = (1..=100).map(|i| format!("customer-{i:03}")).collect();

    server.script((1..=3).map(|_| Reply::status(403)));
    for run in ["first", "second"] {
        let requests_before = server.requests().len();
        let failed = register_all(&poggio, &customers, folder.path()).await;
        let requests = server.requests().len() - requests_before;
        println!("{run} run: {requests} requests, {failed} failed");
    }
    println!("{} clients for {} customers", server.registrations().len(), customers.len());
    Ok(())
}

/// Returns how many registrations failed.
async fn register_all(poggio: &Client, customers: &[String], folder: &Path) -> usize {
    let calls =
        customers.iter().map(|name| async move { (name, register(poggio, name, folder).await) });
    let mut results = stream::iter(calls).buffer_unordered(CONCURRENT);
    // Draws nothing if standard error is not a terminal.
    let progress = ProgressBar::new(customers.len() as u64);
    let mut failed = 0;
    while let Some((name, result)) = results.next().await {
        if let Err(error) = result {
            failed += 1;
            progress.suspend(|| eprintln!("{name}: {error}"));
        }
        progress.inc(1);
    }
    progress.finish_and_clear();
    failed
}

async fn register(poggio: &Client, name: &str, folder: &Path) -> Result<ClientInformation, Error> {
    let store = FileStore::new(folder.join(format!("{name}.json")))?;
    let metadata = ClientMetadata::new()
        .with_redirect_uri(format!("https://{name}.example/callback"))
        .with_client_name(name);
    poggio.register_once(&metadata, &store).await
}
