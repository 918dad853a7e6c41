//! Stores without a lock: what happens to other hosts if one dies under its claim. All tests use
//! tokio's paused clock.

use std::{
    future::pending,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use poggio::{
    Client, Outcome, RegistrationStore, RegistrationStoreExt,
    store::{
        SharedStore, StoreFuture, Versioned, WriteResult,
        object_store::{
            memory::InMemory,
            throttle::{ThrottleConfig, ThrottledStore},
        },
    },
};
use serde_json::json;
use tokio::{
    task::JoinSet,
    time::{Instant, sleep, timeout},
};

use crate::support::{
    Wire, attempts, metadata, sized,
    store::{MemoryStore, secret},
};

const TIMEOUT: Duration = Duration::from_secs(2);
/// The term of a claim: `TIMEOUT` and ten seconds.
const TERM: Duration = Duration::from_secs(12);

async fn wire() -> (Wire, Client) {
    let body = r#"{"client_id": "7", "client_secret": "hunter2"}"#;
    let wire = Wire::responding(sized("201 Created", "", body)).await;
    let poggio = Client::builder().base_url(&wire.base_url).timeout(TIMEOUT).build().unwrap();
    (wire, poggio)
}

/// A remote store, whose first writer never learns that it wrote.
struct RemoteStore {
    inner: MemoryStore,
    has_written: AtomicBool,
    conflicts: AtomicUsize,
}

impl RegistrationStore for RemoteStore {
    fn read(&self) -> StoreFuture<'_, Option<Versioned>> {
        self.inner.read()
    }

    fn write<'a>(
        &'a self,
        text: &'a str,
        expected: Option<&'a Versioned>,
    ) -> StoreFuture<'a, WriteResult> {
        Box::pin(async move {
            let result = self.inner.write(text, expected).await?;
            if result == WriteResult::Conflict {
                self.conflicts.fetch_add(1, Ordering::Relaxed);
            } else if !self.has_written.swap(true, Ordering::Relaxed) {
                pending::<()>().await;
            }
            Ok(result)
        })
    }
}

#[tokio::test(start_paused = true)]
async fn register_once_returns_one_client_to_40_hosts_after_the_claiming_host_died() {
    let (wire, poggio) = wire().await;
    let store = Arc::new(RemoteStore {
        inner: MemoryStore::slow(Duration::from_millis(50), Duration::ZERO),
        has_written: AtomicBool::default(),
        conflicts: AtomicUsize::default(),
    });
    let start = Instant::now();
    let call_all = async || {
        let mut hosts = JoinSet::new();
        for _ in 0..40 {
            let (poggio, store) = (poggio.clone(), Arc::clone(&store));
            let host = async move { poggio.register_once(&metadata(), &*store).await };
            hosts.spawn(timeout(3 * TERM, host));
        }
        hosts.join_all().await
    };
    // The dead host may have sent its request.
    let (waited, dead): (Vec<_>, Vec<_>) = call_all().await.into_iter().partition(Result::is_ok);
    for result in waited {
        assert_eq!(result.unwrap().unwrap_err().outcome(), Outcome::Unknown);
    }
    assert_eq!((dead.len(), wire.arrived()), (1, 0));
    assert!(store.clear_unknown().await.unwrap());
    for result in call_all().await {
        assert_eq!(result.unwrap().unwrap().client_id, "7");
    }
    assert_eq!(wire.arrived(), 1);
    // All others lost the race for the first claim.
    assert!(store.conflicts.load(Ordering::Relaxed) >= 39, "{:?}", store.conflicts);
    assert!(start.elapsed() >= TERM);
}

#[tokio::test(start_paused = true)]
async fn register_once_waits_for_a_claim_of_the_longest_term() {
    let (wire, _) = wire().await;
    let builder = Client::builder().base_url(&wire.base_url).timeout(Duration::MAX);
    let poggio = builder.build().unwrap();
    let claim = json!({"owner": "another", "term_seconds": u64::MAX});
    let document = json!({"format": 2, "last_number": 0, "claim": claim, "registrations": []});
    let store = MemoryStore::with_text(document.to_string());
    let requested = metadata();
    let call = poggio.register_once(&requested, &store);
    timeout(100 * TERM, call).await.unwrap_err();
    assert_eq!(wire.arrived(), 0);
}

#[tokio::test(start_paused = true)]
async fn register_once_completes_a_save_to_a_shared_store_after_its_caller_is_gone() {
    let latency = Duration::from_secs(1);
    let config = ThrottleConfig { wait_put_per_call: latency, ..ThrottleConfig::default() };
    let open = || {
        let bucket = Arc::new(ThrottledStore::new(InMemory::new(), config));
        SharedStore::new(bucket, "poggio/acme.json").unwrap()
    };
    let (_wire, poggio) = wire().await;
    let start = Instant::now();
    poggio.register_once(&metadata(), &open()).await.unwrap();
    let duration = start.elapsed();

    let ((wire, poggio), store, requested) = (self::wire().await, open(), metadata());
    let call = poggio.register_once(&requested, &store);
    timeout(duration.saturating_sub(latency / 2), call).await.unwrap_err();
    assert_eq!(wire.arrived(), 1);
    sleep(latency).await;
    let client = poggio.register_once(&requested, &store).await.unwrap();
    assert_eq!((attempts(&client), secret(&client)), (0, "hunter2"));
    assert_eq!(wire.arrived(), 1);
}
