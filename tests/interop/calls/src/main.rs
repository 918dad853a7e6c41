//! Measures a registration with this crate, beside one with bare reqwest, openidconnect and huskarl.
//!
//! All sides run in turns in one process, and the server in another. Valgrind counts the instructions
//! of each side in a process of its own: those of 1,280 calls minus those of 256 calls. Prints one JSON
//! object per line. Run it with `--release`.
#![allow(clippy::cast_precision_loss, reason = "counts of calls are small")]

#[path = "../../../../benches/support/mod.rs"]
mod support;

mod side;

use std::{
    alloc::System,
    env,
    process::Command,
    time::{Duration, Instant},
};

use cpu_time::ProcessTime;
use serde_json::json;
use side::{NAMES, Side};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use support::{Server, median, rounded, runtime};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const MAKE: &str = "--make-calls";
const CONCURRENCY: usize = 32;
const ROUNDS: usize = 31;
const CALLS: usize = 2048;

/// The cost per call in one round: times in microseconds, allocated blocks, allocated bytes.
type Cost = [f64; 4];

fn main() {
    support::serve_if_requested();
    let args: Vec<String> = env::args().collect();
    if let [_, make, name, calls, base_url] = args.as_slice()
        && make == MAKE
    {
        let calls = calls.parse().expect("a number");
        return runtime()
            .block_on(async { make_calls(&Side::new(name, base_url).await, calls).await });
    }
    let server = Server::start();
    let runtime = runtime();
    let costs = runtime.block_on(rounds(&server.base_url));
    let mut bare = f64::NAN;
    for (index, name) in NAMES.iter().enumerate() {
        let [few, many] = [256, 1280].map(|calls| instructions(name, calls, &server.base_url));
        let instructions = (many - few) as f64 / 1024.0;
        bare = if index == 0 { instructions } else { bare };
        let value = |part: usize| rounded(median(costs.iter().map(|round| round[index][part])));
        let ratio = |part: usize| {
            rounded(median(costs.iter().map(|round| round[index][part] / round[0][part])))
        };
        println!(
            "{}",
            json!({
                "bench": "comparison",
                "side": name,
                "wall_us": value(0),
                "cpu_us": value(1),
                "allocations": value(2),
                "bytes": value(3),
                "instructions": instructions.round(),
                "ratio": {
                    "wall": ratio(0),
                    "cpu": ratio(1),
                    "allocations": ratio(2),
                    "bytes": ratio(3),
                    "instructions": rounded(instructions / bare),
                },
            })
        );
    }
}

/// Returns the costs of all sides, by round. The first round opens the connections and is not counted.
async fn rounds(base_url: &str) -> Vec<[Cost; NAMES.len()]> {
    let mut sides = Vec::new();
    for name in NAMES {
        sides.push(Side::new(name, base_url).await);
    }
    let mut rounds = Vec::new();
    for _ in 0..=ROUNDS {
        let mut round = [Cost::default(); NAMES.len()];
        for (cost, side) in round.iter_mut().zip(&sides) {
            *cost = measure(side).await;
        }
        rounds.push(round);
    }
    rounds.split_off(1)
}

async fn measure(side: &Side) -> Cost {
    let region = Region::new(ALLOCATOR);
    let (wall, cpu) = (Instant::now(), ProcessTime::now());
    make_calls(side, CALLS).await;
    let (wall, cpu, allocated) = (wall.elapsed(), cpu.elapsed(), region.change());
    let micros = |time: Duration| time.as_secs_f64() * 1e6;
    let allocations = (allocated.allocations + allocated.reallocations) as f64;
    [micros(wall), micros(cpu), allocations, allocated.bytes_allocated as f64]
        .map(|total| total / CALLS as f64)
}

/// Makes the calls in concurrent tasks. Panics if one does not register.
async fn make_calls(side: &Side, calls: usize) {
    let tasks: Vec<_> = (0..CONCURRENCY)
        .map(|_| {
            let side = side.clone();
            tokio::spawn(async move {
                for _ in 0..calls / CONCURRENCY {
                    assert_eq!(side.register().await, "3f9c1e7a52b84d06");
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("a task that does not panic");
    }
}

/// Runs this program under valgrind with this many calls and returns the instruction count.
fn instructions(name: &str, calls: usize, base_url: &str) -> u64 {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(env::current_exe().expect("the path of this program"))
        .args([MAKE, name, &calls.to_string(), base_url])
        .output()
        .expect("valgrind runs");
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "the calls fail: {text}");
    let refs = text.lines().find_map(|line| line.split_once("refs:")).expect("a count");
    refs.1.trim().replace(',', "").parse().expect("a number")
}
