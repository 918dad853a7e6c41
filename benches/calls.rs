//! Measures the cost of a registration relative to one written by hand with reqwest and `serde_json`.
//!
//! Both sides run alternately in one process, and the server runs in another. So the ratio covers only
//! the client's work, and other load on the machine affects both sides.
//!
//! `cargo bench --bench calls` prints one JSON object per line. `cargo test --benches` makes only a few
//! calls.
#![allow(clippy::cast_precision_loss, reason = "counts of calls are small")]

mod support;

use std::{
    alloc::System,
    env,
    time::{Duration, Instant},
};

use cpu_time::ProcessTime;
use poggio::{Client, ClientMetadata};
use serde_json::json;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use support::{Bare, Server, median, metadata, rounded, runtime};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// The cost per call in one round: times in microseconds, allocated blocks, allocated bytes.
#[derive(Clone, Copy)]
struct Cost {
    wall: f64,
    cpu: f64,
    allocations: f64,
    bytes: f64,
}

fn main() {
    support::serve_if_requested();
    let quick = !env::args().any(|arg| arg == "--bench");
    let (rounds, calls) = if quick { (1, 256) } else { (31, 2048) };
    let server = Server::start();
    let bare = Bare::new(&server.base_url);
    let [poggio, unchecked] = [true, false].map(|checked| {
        let builder = Client::builder().base_url(&server.base_url).local_validation(checked);
        builder.build().expect("a client")
    });
    let runtime = runtime();

    for concurrency in [1, 32, 256] {
        let calls = if concurrency == 1 { calls / 4 } else { calls };
        let mut costs: [Vec<Cost>; 3] = Default::default();
        // The first round opens the connections and is not counted.
        for round in 0..=rounds {
            let round_costs = runtime.block_on(async {
                [
                    cost(calls, workers(calls, concurrency, &bare, by_hand)).await,
                    cost(calls, workers(calls, concurrency, &poggio, by_poggio)).await,
                    cost(calls, workers(calls, concurrency, &unchecked, by_poggio)).await,
                ]
            });
            if round > 0 {
                costs.iter_mut().zip(round_costs).for_each(|(all, cost)| all.push(cost));
            }
        }
        let per_call = |side: usize| median(costs[side].iter().map(|cost| cost.allocations));
        // Unlike times, the count does not depend on the machine.
        assert!(
            concurrency != 32 || per_call(1) <= 1.08 * per_call(0),
            "{} allocations a call, {} by hand",
            per_call(1),
            per_call(0)
        );
        let names = ["bare reqwest", "register", "register, local_validation off"];
        for (name, side) in names.iter().zip(&costs) {
            print(name, concurrency, side, &costs[0]);
        }
    }
}

async fn cost(calls: usize, work: impl Future<Output = usize>) -> Cost {
    let region = Region::new(ALLOCATOR);
    let (wall, cpu) = (Instant::now(), ProcessTime::now());
    assert_eq!(work.await, calls, "every call registers");
    let (wall, cpu, allocated) = (wall.elapsed(), cpu.elapsed(), region.change());
    let per_call = |total: f64| total / calls as f64;
    let micros = |time: Duration| per_call(time.as_secs_f64() * 1e6);
    Cost {
        wall: micros(wall),
        cpu: micros(cpu),
        allocations: per_call((allocated.allocations + allocated.reallocations) as f64),
        bytes: per_call(allocated.bytes_allocated as f64),
    }
}

/// Makes the calls in concurrent tasks and returns how many registered a client.
async fn workers<C, F>(
    calls: usize,
    concurrency: usize,
    client: &C,
    call: fn(C, ClientMetadata) -> F,
) -> usize
where
    C: Clone + Send + 'static,
    F: Future<Output = bool> + Send + 'static,
{
    let tasks: Vec<_> = (0..concurrency)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move {
                let mut registered = 0;
                for _ in 0..calls / concurrency {
                    registered += usize::from(call(client.clone(), metadata()).await);
                }
                registered
            })
        })
        .collect();
    let mut registered = 0;
    for task in tasks {
        registered += task.await.expect("a task that does not panic");
    }
    registered
}

async fn by_hand(client: Bare, metadata: ClientMetadata) -> bool {
    let registered = client.register(&metadata).await.expect("a registration");
    registered.client_id == "3f9c1e7a52b84d06"
}

async fn by_poggio(client: Client, metadata: ClientMetadata) -> bool {
    let registered = client.register(&metadata).await.expect("a registration");
    registered.client_id == "3f9c1e7a52b84d06"
}

fn print(name: &str, concurrency: usize, side: &[Cost], bare: &[Cost]) {
    let value = |of: fn(&Cost) -> f64| median(side.iter().map(of));
    // The median of the ratios per round, because load during a round affects both sides.
    let ratio = |of: fn(&Cost) -> f64| median(side.iter().zip(bare).map(|(a, b)| of(a) / of(b)));
    println!(
        "{}",
        json!({
            "bench": "calls",
            "side": name,
            "concurrency": concurrency,
            "rounds": side.len(),
            "wall_us": rounded(value(|cost| cost.wall)),
            "cpu_us": rounded(value(|cost| cost.cpu)),
            "allocations": rounded(value(|cost| cost.allocations)),
            "bytes": rounded(value(|cost| cost.bytes)),
            "ratio": {
                "wall": rounded(ratio(|cost| cost.wall)),
                "cpu": rounded(ratio(|cost| cost.cpu)),
                "allocations": rounded(ratio(|cost| cost.allocations)),
                "bytes": rounded(ratio(|cost| cost.bytes)),
            },
        })
    );
}
