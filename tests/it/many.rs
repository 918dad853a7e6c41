//! Many registrations at one pace, on tokio's paused clock.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures_util::StreamExt;
use poggio::{Client, ClientMetadata, Error, Outcome};
use tokio::{
    io::AsyncWriteExt,
    net::TcpListener,
    time::{Instant, sleep, timeout},
};

use crate::{memory::Peak, wire::read_request};

/// A request as the server saw it come.
#[derive(Clone, Copy, Debug)]
struct Seen {
    /// Since the server began.
    at: Duration,
    /// With this one.
    under_way: usize,
}

/// A server that keeps its connections and decides by how many requests came before, and when.
struct Limited {
    base_url: String,
    seen: Arc<Mutex<Vec<Seen>>>,
}

const TAKES: Duration = Duration::from_millis(100);
const REFUSED: &str = "429 Too Many Requests";

impl Limited {
    /// `refuses` gives the head of a refusal, or nothing for a registration.
    async fn start(
        refuses: impl Fn(usize, Duration) -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base_url = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (log, refuses, began) = (Arc::clone(&seen), Arc::new(refuses), Instant::now());
        let under_way = Arc::new(AtomicUsize::new(0));
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                stream.set_nodelay(true).unwrap();
                let (log, refuses) = (Arc::clone(&log), Arc::clone(&refuses));
                let under_way = Arc::clone(&under_way);
                tokio::spawn(async move {
                    while !read_request(&mut stream).await.is_empty() {
                        let now = under_way.fetch_add(1, Ordering::SeqCst) + 1;
                        let nth = {
                            let mut log = log.lock().unwrap();
                            log.push(Seen { at: began.elapsed(), under_way: now });
                            log.len() - 1
                        };
                        let answer = answer(nth, refuses(nth, began.elapsed()));
                        sleep(TAKES).await;
                        under_way.fetch_sub(1, Ordering::SeqCst);
                        if stream.write_all(answer.as_bytes()).await.is_err() {
                            break;
                        }
                    }
                });
            }
        });
        Self { base_url, seen }
    }

    fn client(&self) -> Client {
        Client::builder().base_url(&self.base_url).build().unwrap()
    }

    fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

fn answer(nth: usize, refusal: Option<String>) -> String {
    let (head, body) = match refusal {
        Some(head) => (head, r#"{"detail": "slow down"}"#.to_owned()),
        None => ("201 Created".to_owned(), format!(r#"{{"client_id": "id-{nth}"}}"#)),
    };
    format!("HTTP/1.1 {head}\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

fn clients(count: usize) -> impl Iterator<Item = (usize, ClientMetadata)> {
    (0..count).map(|i| {
        let uri = format!("https://customer-{i}.example/callback");
        (i, ClientMetadata::new().with_redirect_uri(uri))
    })
}

#[tokio::test(start_paused = true)]
async fn every_result_comes_with_its_key_and_no_more_are_under_way_than_asked() {
    let server = Limited::start(|_, _| None).await;
    let mut keys = BTreeSet::new();
    let mut ids = BTreeSet::new();
    let names: Vec<String> = (0..50).map(|i| format!("customer-{i}")).collect();
    // Keys may be borrowed.
    let given = names.iter().map(|name| {
        let uri = format!("https://{name}.example/callback");
        (name.as_str(), ClientMetadata::new().with_redirect_uri(uri))
    });
    let mut results = server.client().register_all(given, 7);
    while let Some((key, result)) = results.next().await {
        let client = result.unwrap();
        assert_eq!(client.attempts(), 1);
        keys.insert(key);
        ids.insert(client.client_id);
    }
    assert_eq!(keys, names.iter().map(String::as_str).collect());
    assert_eq!(ids.len(), 50);
    let most = server.seen().iter().map(|seen| seen.under_way).max();
    assert_eq!(most, Some(7), "all seven at once, and never eight");
    let ended = server.seen().last().unwrap().at;
    assert!(ended < TAKES * 9, "in 8 rounds, not one after the other: {ended:?}");
}

#[tokio::test(start_paused = true)]
async fn a_concurrency_of_zero_is_one_and_bad_metadata_is_that_items_error() {
    let server = Limited::start(|_, _| None).await;
    let mut given: Vec<_> = clients(3).collect();
    given[1].1.redirect_uris.clear();
    let results: Vec<_> = server.client().register_all(given, 0).collect().await;
    let told: Vec<_> = results.iter().map(|(key, result)| (*key, result.is_ok())).collect();
    assert_eq!(told, [(0, true), (1, false), (2, true)]);
    assert!(matches!(results[1].1, Err(Error::Validation(_))));
    assert_eq!(server.seen().iter().map(|seen| seen.under_way).max(), Some(1));
}

#[tokio::test(start_paused = true)]
async fn after_a_429_all_hold_still_and_then_begin_one_by_one() {
    for header in [REFUSED, "503 Service Unavailable"] {
        // 40 seconds from the ninth request on, which is more than half a call's timeout.
        let until = Mutex::new(None);
        let server = Limited::start(move |nth, at| {
            let mut until = until.lock().unwrap();
            if nth == 8 {
                *until = Some(at + Duration::from_secs(40));
            }
            let left = until.and_then(|until| until.checked_sub(at))?;
            if left.is_zero() {
                return None;
            }
            Some(format!("{header}\r\nretry-after: {}", left.as_secs_f64().ceil()))
        })
        .await;
        let results: Vec<_> = server.client().register_all(clients(60), 8).collect().await;
        assert_eq!(results.len(), 60);
        for (key, result) in &results {
            assert!(result.is_ok(), "{key}: {result:?}");
        }

        let seen = server.seen();
        let refused = seen[8].at;
        let heard = refused + TAKES;
        let again = refused + Duration::from_secs(40);
        let quiet = seen.iter().filter(|seen| seen.at > heard && seen.at < again).count();
        assert_eq!(quiet, 0, "nobody asks while the server wants quiet: {seen:?}");
        let after: Vec<_> = seen.iter().filter(|seen| seen.at >= again).collect();
        let begin: Vec<_> = after.iter().take(7).map(|seen| seen.under_way).collect();
        assert_eq!(begin, [1, 1, 2, 1, 2, 3, 4], "one, then two, then four: {after:?}");
        assert_eq!(after.iter().map(|seen| seen.under_way).max(), Some(8), "and all again");
        let attempts: u32 = results.iter().map(|(_, r)| r.as_ref().unwrap().attempts()).sum();
        assert_eq!(attempts as usize, seen.len());
        assert!(seen.len() <= 60 + 8, "only what was under way was sent in vain: {}", seen.len());
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_never_takes_another_gives_each_its_error_after_its_retries() {
    let server = Limited::start(|nth, _| (nth > 0).then(|| REFUSED.to_owned())).await;
    let results: Vec<_> = server.client().register_all(clients(4), 4).collect().await;
    let failed: Vec<_> = results.iter().filter_map(|(_, result)| result.as_ref().err()).collect();
    assert_eq!(failed.len(), 3);
    for error in failed {
        assert_eq!(error.status().map(|status| status.as_u16()), Some(429));
        assert_eq!((error.attempts(), error.outcome()), (3, Outcome::NotRegistered));
    }
    assert_eq!(server.seen().len(), 1 + 3 * 3);
}

#[tokio::test(start_paused = true)]
async fn a_long_retry_after_stands_for_all_that_follow_without_a_request() {
    let hour = Duration::from_secs(3600);
    let server = Limited::start(move |nth, at| {
        let left = hour.checked_sub(at).filter(|left| nth >= 2 && !left.is_zero())?;
        Some(format!("{REFUSED}\r\nretry-after: {}", left.as_secs()))
    })
    .await;
    let mut results = server.client().register_all(clients(100), 2);
    let mut sent = 0;
    for _ in 0..50 {
        let (_, result) = results.next().await.unwrap();
        let Err(error) = result else { continue };
        assert_eq!(error.status().map(|status| status.as_u16()), Some(429));
        assert_eq!(error.outcome(), Outcome::NotRegistered);
        let wait = error.retry_after().unwrap();
        assert!(wait > Duration::from_secs(3590) && wait <= hour, "{wait:?}");
        sent += error.attempts();
    }
    assert_eq!(sent, 2, "what was under way when it came");
    assert_eq!(server.seen().len(), 4);

    // Up to two more were given their error already; then the hour is over.
    sleep(hour).await;
    let rest: Vec<_> = results.collect().await;
    assert_eq!(rest.len(), 50);
    assert!(rest.iter().skip(2).all(|(_, result)| result.is_ok()), "{rest:?}");
}

#[tokio::test(start_paused = true)]
async fn a_wait_without_end_does_not_hang() {
    let endless = format!("{REFUSED}\r\nretry-after: 99999999999999999999999");
    let server = Limited::start(move |_, _| Some(endless.clone())).await;
    let all = server.client().register_all(clients(1000), 3).collect::<Vec<_>>();
    let results = timeout(Duration::from_secs(60), all).await.unwrap();
    assert_eq!(results.len(), 1000);
    assert!(results.iter().all(|(_, result)| result.as_ref().is_err_and(|error| {
        error.retry_after().is_some_and(|wait| wait > Duration::from_secs(1 << 40))
    })));
    assert_eq!(server.seen().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_loses_no_answer() {
    let server = Limited::start(|_, _| None).await;
    let poggio =
        Client::builder().base_url(&server.base_url).timeout(Duration::from_secs(1)).build();
    let mut results = poggio.unwrap().register_all(clients(12), 4);
    let mut registered = 0;
    while let Some((_, result)) = results.next().await {
        result.unwrap();
        registered += 1;
        sleep(Duration::from_secs(120)).await;
    }
    assert_eq!(registered, 12);
}

#[tokio::test(start_paused = true)]
async fn items_are_taken_as_there_is_room_and_a_dropped_stream_sends_nothing_more() {
    let server = Limited::start(|_, _| None).await;
    let taken = AtomicUsize::new(0);
    let given = clients(1000).inspect(|_| {
        taken.fetch_add(1, Ordering::SeqCst);
    });
    let mut results = server.client().register_all(given, 5);
    for read in 1..=20 {
        results.next().await.unwrap().1.unwrap();
        let taken = taken.load(Ordering::SeqCst);
        assert!(taken <= read + 5, "{taken} taken, {read} read");
    }
    drop(results);
    let sent = server.seen().len();
    sleep(Duration::from_secs(10)).await;
    assert_eq!(server.seen().len(), sent);
}

#[tokio::test(start_paused = true)]
async fn memory_does_not_grow_with_the_number() {
    let mut peaks = Vec::new();
    for count in [100, 1000] {
        let server = Limited::start(|_, _| None).await;
        server.seen.lock().unwrap().reserve(count);
        let poggio = server.client();
        let peak = Peak::watch();
        let mut results = poggio.register_all(clients(count), 8);
        while let Some((_, result)) = results.next().await {
            result.unwrap();
        }
        peaks.push(peak.bytes());
    }
    // Connections, their buffers, eight calls; not a kilobyte for each of the 900 more.
    assert!(peaks[1] < peaks[0] + 64 * 1024, "{peaks:?}");
}
