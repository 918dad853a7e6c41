//! Counts the instructions of a registration relative to one written by hand, with valgrind.
//!
//! The result is the count of 1,280 calls minus that of 256 calls, with 32 concurrent calls in a process
//! of their own. `cargo bench --bench instructions` prints one JSON object per line, or a message if
//! valgrind is not installed.
#![allow(clippy::cast_precision_loss, reason = "counts of calls are small")]

#[path = "../tests/it/support/require.rs"]
#[expect(dead_code, reason = "only `require_program` is used here")]
mod require;
mod support;

use std::{env, process::Command};

use poggio::Client;
use serde_json::json;
use support::{Bare, Server, metadata, rounded, runtime};

const MAKE: &str = "--make-calls";
const SIDES: [&str; 3] = ["bare reqwest", "register", "register, local_validation off"];
const CONCURRENCY: usize = 32;

fn main() {
    support::serve_if_requested();
    let args: Vec<String> = env::args().collect();
    if let [_, make, side, calls, base_url] = args.as_slice()
        && make == MAKE
    {
        return make_calls(side, calls.parse().expect("a number"), base_url);
    }
    if !require::require_program("valgrind", "apt-get install valgrind") {
        return;
    }
    let server = Server::start();
    if !args.iter().any(|arg| arg == "--bench") {
        // Under `cargo test`: shows only that the count works.
        assert!(instructions(SIDES[1], CONCURRENCY, &server.base_url) > 0);
        return;
    }
    let (few, many) = (256, 1280);
    let mut bare = f64::NAN;
    for side in SIDES {
        let count = |calls| instructions(side, calls, &server.base_url);
        let per_call = (count(many) as f64 - count(few) as f64) / (many - few) as f64;
        if side == SIDES[0] {
            bare = per_call;
        }
        println!(
            "{}",
            json!({
                "bench": "instructions",
                "side": side,
                "concurrency": CONCURRENCY,
                "instructions": per_call.round(),
                "ratio": rounded(per_call / bare),
            })
        );
    }
}

/// Runs this program under valgrind with this many calls and returns the instruction count.
fn instructions(side: &str, calls: usize, base_url: &str) -> u64 {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(env::current_exe().expect("the bench's own path"))
        .args([MAKE, side, &calls.to_string(), base_url])
        .output()
        .expect("valgrind runs");
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "the calls fail: {text}");
    let refs = text.lines().find_map(|line| line.split_once("refs:")).expect("a count");
    refs.1.trim().replace(',', "").parse().expect("a number")
}

fn make_calls(side: &str, calls: usize, base_url: &str) {
    runtime().block_on(async {
        let checked = side != SIDES[2];
        let poggio = Client::builder().base_url(base_url).local_validation(checked).build();
        let (poggio, bare) = (poggio.expect("a client"), Bare::new(base_url));
        let is_bare = side == SIDES[0];
        let tasks: Vec<_> = (0..CONCURRENCY)
            .map(|_| {
                let (poggio, bare) = (poggio.clone(), bare.clone());
                tokio::spawn(async move {
                    for _ in 0..calls / CONCURRENCY {
                        if is_bare {
                            bare.register(&metadata()).await.expect("a registration");
                        } else {
                            poggio.register(&metadata()).await.expect("a registration");
                        }
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.expect("a task that does not panic");
        }
    });
}
