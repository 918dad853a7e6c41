//! `register_once` on stores without a lock: what hosts that race, die, or are slow do to each other.
//! All on tokio's paused clock.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use poggio::{
    Client, Outcome, RegistrationStore,
    store::{
        SharedStore, StoreFuture, Versioned, WriteResult,
        object_store::{
            memory::InMemory,
            throttle::{ThrottleConfig, ThrottledStore},
        },
    },
};
use tokio::time::{Instant, sleep, timeout};

use crate::support::{ServerBehaviour, Wire, attempts, metadata};

const TIMEOUT: Duration = Duration::from_secs(2);
/// Of a claim: `TIMEOUT`, and ten seconds.
const TERM: Duration = Duration::from_secs(12);

async fn wire() -> (Wire, Client) {
    let body = r#"{"client_id": "7", "client_secret": "hunter2"}"#;
    let head = format!("HTTP/1.1 201 Created\r\ncontent-length: {}\r\n\r\n", body.len());
    let wire = Wire::serve(vec![ServerBehaviour::Answers((head + body).into_bytes())]).await;
    let poggio = Client::builder().base_url(&wire.base_url).timeout(TIMEOUT).build().unwrap();
    (wire, poggio)
}

/// A text that takes a while to reach; whoever writes first stops there for ever.
#[derive(Default)]
struct Far {
    text: Mutex<Option<String>>,
    one_has_died: AtomicBool,
    conflicts: AtomicUsize,
    prepare_takes: Duration,
}

impl RegistrationStore for Far {
    fn read(&self) -> StoreFuture<'_, Option<Versioned>> {
        Box::pin(async {
            sleep(Duration::from_millis(50)).await;
            Ok(self.text.lock().unwrap().clone().map(|text| Versioned::new(text, "")))
        })
    }

    fn write<'a>(
        &'a self,
        text: &'a str,
        old: Option<&'a Versioned>,
    ) -> StoreFuture<'a, WriteResult> {
        Box::pin(async move {
            sleep(Duration::from_millis(50)).await;
            {
                let mut own = self.text.lock().unwrap();
                if own.as_deref() != old.map(Versioned::expose) {
                    self.conflicts.fetch_add(1, Ordering::Relaxed);
                    return Ok(WriteResult::Conflict);
                }
                *own = Some(text.to_owned());
            }
            if !self.one_has_died.swap(true, Ordering::Relaxed) {
                std::future::pending::<()>().await;
            }
            Ok(WriteResult::Written)
        })
    }

    fn preflight(&self, _: Duration) -> StoreFuture<'_, ()> {
        Box::pin(async {
            sleep(self.prepare_takes).await;
            Ok(())
        })
    }
}

#[tokio::test(start_paused = true)]
async fn those_who_raced_with_a_host_that_died_all_get_the_client_of_one() {
    let (wire, poggio) = wire().await;
    let store = Arc::new(Far::default());
    let start = Instant::now();
    let hosts = (0..40).map(|_| {
        let (poggio, store) = (poggio.clone(), Arc::clone(&store));
        let host = async move { poggio.register_once(&metadata(), &*store).await };
        tokio::spawn(timeout(3 * TERM, host))
    });
    let mut dead = 0;
    for host in hosts.collect::<Vec<_>>() {
        match host.await.unwrap() {
            Ok(client) => assert_eq!(client.unwrap().client_id, "7"),
            Err(_) => dead += 1,
        }
    }
    assert_eq!((dead, wire.arrived()), (1, 1));
    // All but one lost the race for the first claim, and some the one for the next.
    assert!(store.conflicts.load(Ordering::Relaxed) > 39, "{:?}", store.conflicts);
    assert!(start.elapsed() >= TERM);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_takes_long_to_prepare_is_told_before_anything_is_sent() {
    let (wire, poggio) = wire().await;
    let one_has_died = AtomicBool::new(true);
    let store = Far { one_has_died, prepare_takes: TERM, ..Far::default() };
    let error = poggio.register_once(&metadata(), &store).await.unwrap_err();
    assert!(error.to_string().starts_with("the store answers too slowly for a registration under"));
    assert_eq!((wire.arrived(), error.outcome()), (0, Outcome::NotRegistered));
}

#[tokio::test(start_paused = true)]
async fn a_save_to_a_shared_store_goes_on_where_its_caller_has_gone() {
    let takes = Duration::from_secs(1);
    let config = ThrottleConfig { wait_put_per_call: takes, ..ThrottleConfig::default() };
    let open = || {
        let bucket = Arc::new(ThrottledStore::new(InMemory::new(), config));
        SharedStore::new(bucket, "poggio/acme.json").unwrap()
    };
    let (_wire, poggio) = wire().await;
    let start = Instant::now();
    poggio.register_once(&metadata(), &open()).await.unwrap();
    let whole = start.elapsed();

    let (wire, poggio) = self::wire().await;
    let store = open();
    let asked = metadata();
    let call = poggio.register_once(&asked, &store);
    timeout(whole.saturating_sub(takes / 2), call).await.unwrap_err();
    assert_eq!(wire.arrived(), 1);
    sleep(takes).await;
    let client = poggio.register_once(&asked, &store).await.unwrap();
    assert_eq!((attempts(&client), client.client_secret.unwrap().expose()), (0, "hunter2"));
    assert_eq!(wire.arrived(), 1);
}
