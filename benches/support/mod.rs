//! Shared by the benchmarks: a server in a separate process, and a registration written by hand with
//! reqwest and `serde_json`.
#![allow(dead_code, reason = "each benchmark uses a part of this module")]

use std::{
    env,
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    time::Duration,
};

use http_body_util::{BodyExt, Full};
use hyper::{Request, Response, body::Bytes, body::Incoming, service::service_fn};
use hyper_util::rt::TokioIo;
use poggio::{
    ClientMetadata,
    reqwest::{self, header},
};
use serde::Deserialize;
use tokio::runtime::{Builder, Runtime};

const SERVE: &str = "--serve";

/// The response body of a FastAPI server to [`metadata`].
pub(crate) const RESPONSE: &str = r#"{"client_id":"3f9c1e7a52b84d06","client_secret":"Zk3vW9qLr8sT1uXyB4nM7cPaDfGhJkQe5oR2iU6wYtE","client_id_issued_at":1764000000,"client_secret_expires_at":0,"redirect_uris":["http://127.0.0.1:8910/callback"],"token_endpoint_auth_method":"client_secret_post","grant_types":["authorization_code","refresh_token"],"response_types":["code"],"client_name":"Acme Sync","client_uri":"https://acme.example","logo_uri":null,"scope":"read write","contacts":["ops@acme.example"],"tos_uri":null,"policy_uri":null,"software_id":null,"software_version":null}"#;

pub(crate) fn metadata() -> ClientMetadata {
    ClientMetadata::new()
        .with_redirect_uri("http://127.0.0.1:8910/callback")
        .with_grant_types(["authorization_code", "refresh_token"])
        .with_client_name("Acme Sync")
        .with_client_uri("https://acme.example")
        .with_scope("read write")
        .with_contacts(["ops@acme.example"])
}

/// A server process, which is killed on drop.
pub(crate) struct Server {
    process: Child,
    pub(crate) base_url: String,
}

impl Server {
    /// Starts this program again as the server.
    pub(crate) fn start() -> Self {
        let program = env::current_exe().expect("the bench's own path");
        let mut process = Command::new(program)
            .arg(SERVE)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a second process");
        let mut line = String::new();
        let stdout = process.stdout.take().expect("it is piped");
        BufReader::new(stdout).read_line(&mut line).expect("the server says where it listens");
        Self { process, base_url: line.trim().to_owned() }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Call this first in `main`. It does not return if this process is the server.
pub(crate) fn serve_if_requested() {
    if !env::args().any(|arg| arg == SERVE) {
        return;
    }
    // Standard input closes when the benchmark ends, even if it is killed.
    std::thread::spawn(|| {
        let _ = std::io::stdin().read_line(&mut String::new());
        std::process::exit(0);
    });
    runtime().block_on(serve());
}

/// Returns a runtime that uses only the current thread.
pub(crate) fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().expect("a runtime")
}

/// Rounds to three decimal places.
pub(crate) fn rounded(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

pub(crate) fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

async fn serve() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    println!("http://{}", listener.local_addr().expect("its address"));
    loop {
        let (stream, _) = listener.accept().await.expect("a connection");
        let _ = stream.set_nodelay(true);
        tokio::spawn(
            hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service_fn(respond)),
        );
    }
}

async fn respond(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, hyper::Error> {
    let body = request.into_body().collect().await?.to_bytes();
    let status = if body.starts_with(b"{") { 201 } else { 400 };
    let mut response = Response::new(Full::new(Bytes::from_static(RESPONSE.as_bytes())));
    *response.status_mut() = hyper::StatusCode::from_u16(status).unwrap_or_default();
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
    Ok(response)
}

/// A registration written by hand.
#[derive(Clone)]
pub(crate) struct Bare {
    http: reqwest::Client,
    url: String,
}

/// The documented members, decoded strictly.
#[derive(Debug, Deserialize)]
pub(crate) struct Registered {
    pub(crate) client_id: String,
    pub(crate) client_secret: Option<String>,
    pub(crate) client_id_issued_at: Option<i64>,
    pub(crate) client_secret_expires_at: Option<i64>,
    pub(crate) redirect_uris: Vec<String>,
    pub(crate) token_endpoint_auth_method: String,
    pub(crate) grant_types: Vec<String>,
    pub(crate) response_types: Vec<String>,
    pub(crate) client_name: Option<String>,
    pub(crate) client_uri: Option<String>,
    pub(crate) logo_uri: Option<String>,
    pub(crate) scope: Option<String>,
    pub(crate) contacts: Option<Vec<String>>,
    pub(crate) tos_uri: Option<String>,
    pub(crate) policy_uri: Option<String>,
    pub(crate) software_id: Option<String>,
    pub(crate) software_version: Option<String>,
}

impl Bare {
    pub(crate) fn new(base_url: &str) -> Self {
        let http = reqwest::Client::builder()
            .connect_timeout(Duration::from_secs(10))
            .timeout(Duration::from_secs(30))
            .redirect(reqwest::redirect::Policy::none())
            .user_agent("bare/0.1.0")
            .no_proxy()
            .build()
            .expect("a client");
        Self { http, url: format!("{base_url}/v1/oauth/register") }
    }

    pub(crate) async fn register(
        &self,
        metadata: &ClientMetadata,
    ) -> Result<Registered, reqwest::Error> {
        let request = self.http.post(&self.url).header(header::ACCEPT, "application/json");
        let response = request.json(metadata).send().await?.error_for_status()?;
        response.json().await
    }
}
