//! Measures `Session::access_token` for a token that is kept: in memory, beside the cache of huskarl,
//! and in the first call of a process, beside reading the file by hand. Prints rows of a table.

use std::{
    env, fs,
    hint::black_box,
    path::Path,
    process::Command,
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use huskarl::{
    cache::{InMemoryTokenCache, TokenError, TokenSource},
    core::platform::MaybeSendBoxFuture,
    grant::core::{RawTokenResponse, TokenResponse},
};
use poggio::{
    Client, FileStore,
    oauth::{AuthorizationServer, Session},
    testing::Server,
};
use serde::Deserialize;
use tokio::runtime::Runtime;

const ROUNDS: usize = 31;
const CALLS: u32 = 200_000;
const PROCESSES: usize = 201;

fn main() {
    let args: Vec<_> = env::args().collect();
    if let [_, side, path, base_url] = &args[..] {
        return println!("{}", first_call(side, Path::new(path), base_url).as_nanos());
    }
    let runtime = Runtime::new().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("client.json");
    let server = runtime.block_on(Server::start());
    let session = session(&path, &server.base_url());
    runtime.block_on(async {
        let authorization = session.begin_login().await.unwrap();
        let callback = server.allow(authorization.url().as_str()).await;
        session.finish_login(authorization, &callback).await.unwrap();
    });
    println!("| threads | huskarl | access_token | ratio |");
    for threads in [1, 2] {
        kept_tokens(&runtime, &session, threads);
    }
    println!("| by hand | first call | difference | ratio |");
    first_calls(&path, &server.base_url());
}

fn session(path: &Path, base_url: &str) -> Session {
    let poggio = Client::builder().base_url(base_url).build().unwrap();
    session_of(&poggio, path, base_url)
}

fn session_of(poggio: &Client, path: &Path, base_url: &str) -> Session {
    let server = AuthorizationServer::new(
        format!("{base_url}/app/oauth/authorize"),
        format!("{base_url}/v2/oauth/token"),
    );
    let store = Arc::new(FileStore::new(path).unwrap());
    Session::builder(poggio, store).server(server).build().unwrap()
}

/// Issues the same token again and again.
struct Source(Arc<TokenResponse>);

impl TokenSource for Source {
    fn token(&self) -> MaybeSendBoxFuture<'_, Result<Arc<TokenResponse>, TokenError>> {
        Box::pin(async { Ok(Arc::clone(&self.0)) })
    }
}

/// Measures both sides in turns.
fn kept_tokens(runtime: &Runtime, session: &Session, threads: usize) {
    let raw = RawTokenResponse::builder()
        .access_token("loopback-access-token-1-of-no-value-elsewhere")
        .token_type("bearer")
        .expires_in(3600)
        .build();
    let token = Arc::new(raw.into_token_response(None, SystemTime::now()).unwrap());
    let cache = Arc::new(InMemoryTokenCache::builder().source(Source(token)).build());
    let mut rounds = Vec::new();
    for round in 0..=ROUNDS {
        let theirs = time(runtime, threads, || {
            let cache = Arc::clone(&cache);
            async move {
                for _ in 0..CALLS {
                    black_box(cache.token().await.unwrap());
                }
            }
        });
        let ours = time(runtime, threads, || {
            let session = session.clone();
            async move {
                for _ in 0..CALLS {
                    black_box(session.access_token().await.unwrap());
                }
            }
        });
        // The first round warms up.
        if round > 0 {
            rounds.push((theirs, ours));
        }
    }
    let theirs = median(rounds.iter().map(|round| round.0));
    let ours = median(rounds.iter().map(|round| round.1));
    let ratio = median(rounds.iter().map(|(theirs, ours)| ours / theirs));
    println!("| {threads} | {theirs:.0} ns | {ours:.0} ns | {ratio:.2} |");
}

/// Returns the wall time of a call in nanoseconds, on each of these threads.
fn time<F: Future<Output = ()> + Send + 'static>(
    runtime: &Runtime,
    threads: usize,
    calls: impl Fn() -> F,
) -> f64 {
    let start = Instant::now();
    let tasks: Vec<_> = (0..threads).map(|_| runtime.spawn(calls())).collect();
    for task in tasks {
        runtime.block_on(task).unwrap();
    }
    start.elapsed().as_secs_f64() * 1e9 / f64::from(CALLS)
}

/// Measures the first call in processes of their own, in turns.
fn first_calls(path: &Path, base_url: &str) {
    let files = fs::read_dir(path.parent().unwrap()).unwrap().map(|file| file.unwrap().path());
    let contains_token = |path: &std::path::PathBuf| {
        fs::read_to_string(path).is_ok_and(|text| text.contains("access_token"))
    };
    let tokens = files.into_iter().find(contains_token).unwrap();
    let run = |side: &str, path: &Path| {
        let mut command = Command::new(env::current_exe().unwrap());
        let output = command.arg(side).arg(path).arg(base_url).output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().parse::<f64>().unwrap() / 1e3
    };
    let rounds: Vec<_> =
        (0..PROCESSES).map(|_| (run("by hand", &tokens), run("session", path))).collect();
    let by_hand = median(rounds.iter().map(|round| round.0));
    let first = median(rounds.iter().map(|round| round.1));
    let more = median(rounds.iter().map(|(by_hand, first)| first - by_hand));
    let ratio = median(rounds.iter().map(|(by_hand, first)| first / by_hand));
    println!("| {by_hand:.0} µs | {first:.0} µs | {more:.0} µs | {ratio:.1} |");
}

/// Returns how long a process takes to get the token in the file. Each program has a runtime and a
/// client, so these do not count.
fn first_call(side: &str, path: &Path, base_url: &str) -> Duration {
    let runtime = Runtime::new().unwrap();
    let poggio = Client::builder().base_url(base_url).build().unwrap();
    runtime.block_on(async {
        let start = Instant::now();
        if side == "session" {
            let session = session_of(&poggio, path, base_url);
            black_box(session.access_token().await.unwrap().expose());
        } else {
            black_box(read_by_hand(path));
        }
        start.elapsed()
    })
}

#[derive(Deserialize)]
struct Document {
    tokens: Vec<Token>,
}

#[derive(Deserialize)]
struct Token {
    access_token: String,
    expires_at: u64,
}

fn read_by_hand(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    let document: Document = poggio::serde_json::from_str(&text).unwrap();
    let token = document.tokens.into_iter().next().unwrap();
    assert!(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() < token.expires_at);
    token.access_token
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<_> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
