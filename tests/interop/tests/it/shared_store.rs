//! What has to hold for `SharedStore` on an object store with conditional writes.

use std::{sync::Arc, time::Duration};

use futures_util::StreamExt;
use object_store::{ClientOptions, ObjectStore, ObjectStoreExt, RetryConfig};
use poggio::{
    ClientMetadata, RegistrationStore, RegistrationStoreExt,
    store::SharedStore,
    testing::{Server, check_store},
};
use tokio::task::JoinSet;

pub(crate) const PATH: &str = "poggio/acme.json";

pub(crate) fn metadata() -> ClientMetadata {
    ClientMetadata::new().with_redirect_uri("http://127.0.0.1:8910/callback")
}

/// Plain HTTP, on connections that are idle for less time than Node.js keeps them open.
pub(crate) fn client_options() -> ClientOptions {
    ClientOptions::new().with_allow_http(true).with_pool_idle_timeout(Duration::from_secs(2))
}

/// Retries for less time than a claim lasts.
pub(crate) fn retry() -> RetryConfig {
    RetryConfig { retry_timeout: Duration::from_secs(10), ..RetryConfig::default() }
}

pub(crate) fn open(objects: &Arc<impl ObjectStore>) -> SharedStore {
    SharedStore::new(Arc::clone(objects) as Arc<dyn ObjectStore>, PATH).unwrap()
}

/// Returns the path and the text of each object.
pub(crate) async fn contents(objects: &impl ObjectStore) -> Vec<(String, String)> {
    let mut contents = Vec::new();
    for meta in objects.list(None).collect::<Vec<_>>().await {
        let path = meta.unwrap().location;
        let bytes = objects.get(&path).await.unwrap().bytes().await.unwrap();
        contents.push((path.to_string(), String::from_utf8(bytes.to_vec()).unwrap()));
    }
    contents
}

/// Checks the store on a service. `connect` returns the service as another host sees it, with its own
/// connections.
pub(crate) async fn check<O: ObjectStore>(connect: impl Fn() -> Arc<O>) {
    let objects = connect();
    check_store(|| open(&objects)).await;
    // The texts of check_store are no documents.
    objects.delete(&PATH.into()).await.unwrap();
    assert_eq!(contents(&*objects).await, [], "the probes are deleted");

    let (server, mut hosts) = (Server::start().await, JoinSet::new());
    for _ in 0..16 {
        let (poggio, store) = (server.client(), open(&connect()));
        hosts.spawn(async move { poggio.register_once(&metadata(), &store).await.unwrap() });
    }
    let clients = hosts.join_all().await;
    assert!(clients.iter().all(|client| client.client_id == "loopback-client-1"));
    assert_eq!(server.requests().len(), 1);

    // Changes of the document, and a sibling beside it.
    let store = open(&connect());
    assert!(store.mark_rejected("loopback-client-1").await.unwrap());
    let next = server.client().register_once(&metadata(), &store).await.unwrap();
    assert_eq!(next.client_id, "loopback-client-2");
    let tokens = store.sibling("tokens").unwrap();
    tokens.write("tokens", None).await.unwrap();
    assert_eq!(tokens.read().await.unwrap().unwrap().expose(), "tokens");
    assert!(store.remove("loopback-client-2").await.unwrap());
    let registrations = open(&connect()).list().await.unwrap();
    assert!(registrations.iter().all(|registration| registration.retired().is_some()));
    assert_eq!(contents(&*objects).await.len(), 2);
}
