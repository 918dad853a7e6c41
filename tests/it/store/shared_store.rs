//! `SharedStore`: hosts that start at once, die or are slow, and object stores that fail or lack
//! conditional writes. `tests/interop` uses real services.

mod bucket;
mod conditions;
mod documents;
mod faults;
mod hosts;
mod plain_http;
mod size;

use std::sync::Arc;

use poggio::{
    RegistrationStore,
    store::{
        SharedStore,
        object_store::{ObjectStore, memory::InMemory},
    },
    testing::Server,
};
use tokio::task::JoinSet;

use crate::support::metadata;

const PATH: &str = "poggio/acme.json";

fn open(bucket: &Arc<impl ObjectStore>) -> SharedStore {
    SharedStore::new(Arc::clone(bucket) as Arc<dyn ObjectStore>, PATH).unwrap()
}

/// Registers on all stores at once, and asserts that one request was sent and no claim is left.
async fn assert_registers_once(stores: impl Iterator<Item = SharedStore>) {
    let (server, mut hosts) = (Server::start().await, JoinSet::new());
    for store in stores {
        let poggio = server.client();
        hosts.spawn(async move {
            let client = poggio.register_once(&metadata(), &store).await.unwrap();
            (client.expose_json(), store)
        });
    }
    let hosts = hosts.join_all().await;
    assert!(hosts.iter().all(|(client, _)| *client == hosts[0].0));
    assert_eq!(server.requests().len(), 1);
    let document = hosts[0].1.read().await.unwrap().unwrap();
    assert!(!document.expose().contains("\"claim\""));
}

#[tokio::test(flavor = "multi_thread")]
async fn register_once_sends_one_request_for_many_hosts() {
    let bucket = Arc::new(InMemory::new());
    assert_registers_once((0..8).map(|_| open(&bucket))).await;
}
