//! One store per tenant: 100 tenants that register at the same time on a slow server.

use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, Instant},
};

use poggio::{
    Client, ClientInformation, FileStore, RegistrationStore, RegistrationStoreExt,
    store::{SharedStore, object_store::memory::InMemory},
    testing::{Reply, Server},
};
use tokio::task::JoinSet;

use crate::support::metadata;

const TENANTS: usize = 100;
const LATENCY: Duration = Duration::from_millis(800);
/// One after the other, they would take 80 seconds.
const LIMIT: Duration = Duration::from_secs(10);

/// Registers on all stores at once, and again. Asserts that each store has a client of its own, after
/// one request each.
async fn assert_registers_once_each(stores: Vec<Arc<dyn RegistrationStore>>) {
    let server = Server::start().await;
    server.script((0..TENANTS).map(|_| Reply::registered().with_delay(LATENCY)));
    let poggio = server.client();
    let start = Instant::now();
    let first = register(&poggio, &stores).await;
    assert!(start.elapsed() < LIMIT, "{:?}", start.elapsed());
    assert_eq!(server.requests().len(), TENANTS);
    let ids: BTreeSet<_> = first.iter().map(|client| &client.client_id).collect();
    assert_eq!(ids.len(), TENANTS);

    let again = register(&poggio, &stores).await;
    for (again, first) in again.iter().zip(&first) {
        assert_eq!(again.expose_json(), first.expose_json());
    }
    assert_eq!(server.requests().len(), TENANTS);
    for store in stores {
        assert_eq!(store.list().await.unwrap().len(), 1);
    }
}

/// Returns the client of each store, in order.
async fn register(
    poggio: &Client,
    stores: &[Arc<dyn RegistrationStore>],
) -> Vec<ClientInformation> {
    let mut tenants = JoinSet::new();
    for (index, store) in stores.iter().enumerate() {
        let (poggio, store) = (poggio.clone(), Arc::clone(store));
        tenants.spawn(
            async move { (index, poggio.register_once(&metadata(), &*store).await.unwrap()) },
        );
    }
    let mut clients = tenants.join_all().await;
    clients.sort_by_key(|(index, _)| *index);
    clients.into_iter().map(|(_, client)| client).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn register_once_serves_100_tenants_with_a_shared_store_each() {
    let bucket = Arc::new(InMemory::new());
    let open = |tenant| {
        let path = format!("tenants/{tenant}.json");
        Arc::new(SharedStore::new(bucket.clone(), &path).unwrap()) as Arc<dyn RegistrationStore>
    };
    assert_registers_once_each((0..TENANTS).map(open).collect()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn register_once_serves_100_tenants_with_a_file_store_each() {
    let folder = tempfile::tempdir().unwrap();
    let open = |tenant| {
        let path = folder.path().join(format!("{tenant}.json"));
        Arc::new(FileStore::new(path).unwrap()) as Arc<dyn RegistrationStore>
    };
    assert_registers_once_each((0..TENANTS).map(open).collect()).await;
}
