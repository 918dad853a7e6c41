//! What several modules need: metadata, servers that speak raw bytes, all that an error shows.

use std::{
    error::Error as _,
    fmt::Debug,
    io::{self, Write},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use poggio::{
    ClientInformation, ClientMetadata, Error,
    testing::{Reply, Server},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

/// Metadata that every rule lets through.
pub(crate) fn metadata() -> ClientMetadata {
    ClientMetadata::new()
        .with_redirect_uri("http://127.0.0.1:8910/callback")
        .with_client_name("Acme Sync")
}

/// Registers at a loopback server that gives this reply.
pub(crate) async fn register_with(reply: Reply) -> Result<ClientInformation, Error> {
    let server = Server::start().await;
    server.script([reply]);
    let poggio = server.client_builder().max_retries(0).build().unwrap();
    poggio.register(&metadata()).await
}

/// What of an error can end up in a log: Display, Debug in both forms, and so along its sources.
pub(crate) fn all_shown(error: &Error) -> String {
    let mut shown = format!("{error}\n{}", debugged(error));
    let mut source = error.source();
    while let Some(cause) = source {
        shown.push_str(&format!("\n{cause}\n{cause:?}\n{cause:#?}"));
        source = cause.source();
    }
    shown
}

pub(crate) fn debugged(value: &impl Debug) -> String {
    format!("{value:?}\n{value:#?}")
}

/// Says that a test was skipped, and why, past the harness, which keeps what a test prints.
pub(crate) fn skipped(why: &str) {
    let _ = writeln!(io::stderr(), "skipped: {why}");
}

/// For what another thread or program does next: more than it takes, and an end where it never comes.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

const PAUSE: Duration = Duration::from_millis(5);

/// Waits until it is so, on a thread that may stand still.
pub(crate) fn wait_for(mut it: impl FnMut() -> bool) {
    let start = Instant::now();
    while !it() {
        assert!(start.elapsed() < PATIENCE, "it does not come");
        thread::sleep(PAUSE);
    }
}

/// Waits until it is so, while other tasks of this thread go on.
pub(crate) async fn come(mut it: impl FnMut() -> bool) {
    let start = Instant::now();
    while !it() {
        assert!(start.elapsed() < PATIENCE, "it does not come");
        tokio::time::sleep(PAUSE).await;
    }
}

/// A server that reads a request, writes given bytes and closes the connection.
pub(crate) struct RawServer {
    pub(crate) base_url: String,
    requests: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl RawServer {
    pub(crate) async fn answering(answer: impl Into<Vec<u8>>) -> Self {
        Self::at("127.0.0.1:0", answer).await
    }

    pub(crate) async fn at(address: &str, answer: impl Into<Vec<u8>>) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let base_url = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let answer = answer.into();
        let seen = Arc::clone(&requests);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let request = read_request(&mut stream).await;
                seen.lock().unwrap().push(request);
                let _ = stream.write_all(&answer).await;
                let _ = stream.shutdown().await;
            }
        });
        Self { base_url, requests }
    }

    /// Everything received, a request each.
    pub(crate) fn requests(&self) -> Vec<String> {
        let requests = self.requests.lock().unwrap();
        requests.iter().map(|bytes| String::from_utf8_lossy(bytes).into_owned()).collect()
    }
}

/// Reads a whole request, or what there was of it.
pub(crate) async fn read_request(stream: &mut (impl AsyncRead + Unpin)) -> Vec<u8> {
    let mut request = Vec::new();
    while !is_whole(&request) {
        match stream.read_u8().await {
            Ok(byte) => request.push(byte),
            Err(_) => break,
        }
    }
    request
}

/// Whether head and body are there, by the declared length.
pub(crate) fn is_whole(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes).to_lowercase();
    text.split_once("\r\n\r\n").is_some_and(|(head, body)| {
        let length = head
            .split_once("content-length: ")
            .map_or("0", |(_, rest)| rest.split("\r\n").next().unwrap_or_default());
        body.len() >= length.parse::<usize>().unwrap()
    })
}
