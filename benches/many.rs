//! Thousands of registrations: `register_all` beside a loop by hand at the same concurrency.
//!
//! On a runtime of several threads, in turns, against a server in a process of its own: one that
//! answers at once, where only this side's work and the server's count, and one that takes 5 ms.
//! `cargo bench --bench many` prints a JSON object a line.
#![allow(clippy::cast_precision_loss, reason = "counts of calls are small")]

mod support;

use std::{env, sync::Arc, time::Instant};

use futures_util::{StreamExt, stream};
use poggio::Client;
use serde_json::json;
use support::{Bare, Server, metadata, register_all, rounded};

const CONCURRENCY: usize = 32;

fn main() {
    support::serve_if_asked();
    let quick = !env::args().any(|arg| arg == "--bench");
    let (counts, rounds): (&[usize], usize) =
        if quick { (&[100], 1) } else { (&[100, 1000, 10_000], 5) };
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    for millis in [0, 5] {
        let server = Server::answering_after(millis);
        let bare = Arc::new(Bare::new(&server.base_url));
        let poggio = Client::builder().base_url(&server.base_url).build().expect("a client");
        for &count in counts {
            let mut times = Vec::new();
            for round in 0..=rounds {
                let start = Instant::now();
                assert_eq!(runtime.block_on(by_hand(&bare, count)), count);
                let hand = start.elapsed().as_secs_f64();
                let start = Instant::now();
                assert_eq!(runtime.block_on(register_all(&poggio, count, CONCURRENCY)), count);
                // The first opens the connections.
                if round > 0 {
                    times.push((hand, start.elapsed().as_secs_f64()));
                }
            }
            print(millis, count, times);
        }
    }
}

/// A task a call, as anyone would write it.
async fn by_hand(bare: &Arc<Bare>, count: usize) -> usize {
    let calls = (0..count).map(|_| {
        let bare = Arc::clone(bare);
        tokio::spawn(async move { bare.register(&metadata()).await.is_ok() })
    });
    let results = stream::iter(calls).buffer_unordered(CONCURRENCY);
    results.filter(|result| std::future::ready(matches!(result, Ok(true)))).count().await
}

fn print(millis: u64, count: usize, mut times: Vec<(f64, f64)>) {
    times.sort_by(|a, b| (a.1 / a.0).total_cmp(&(b.1 / b.0)));
    let (hand, all) = times[times.len() / 2];
    let rate = |seconds: f64| (count as f64 / seconds).round();
    println!(
        "{}",
        json!({
            "bench": "many",
            "server_ms": millis,
            "registrations": count,
            "concurrency": CONCURRENCY,
            "by_hand_per_s": rate(hand),
            "register_all_per_s": rate(all),
            "ratio": rounded(hand / all),
            "peak_rss_kib": peak_rss(),
        })
    );
}

/// The most memory this process ever held; `None` where the system does not tell.
fn peak_rss() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().trim_end_matches(" kB").parse().ok()
}
