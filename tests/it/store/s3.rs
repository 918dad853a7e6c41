//! The shared store on a real S3 server that others wrote: moto, where it is installed.

use std::{
    env,
    net::TcpListener,
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use http_body_util::BodyExt;
use poggio::{
    reqwest,
    store::{
        RegistrationStoreExt, SharedStore,
        object_store::{
            self, ClientOptions, RetryConfig,
            aws::{AmazonS3, AmazonS3Builder},
            client::{
                HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse,
                HttpService,
            },
        },
    },
    testing::{Server, check_store},
};

use crate::support::{metadata, require};

/// How many hosts start at once.
const HOSTS: usize = 16;

/// Sends the requests of `object_store` over plain http, in a build that need not have any TLS.
#[derive(Clone, Debug)]
pub(crate) struct PlainHttp(reqwest::Client);

impl PlainHttp {
    pub(crate) fn new() -> Self {
        Self(reqwest::Client::builder().no_proxy().build().unwrap())
    }
}

fn failed(error: reqwest::Error) -> HttpError {
    HttpError::new(HttpErrorKind::Unknown, error.without_url())
}

#[async_trait::async_trait]
impl HttpService for PlainHttp {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let (parts, body) = request.into_parts();
        let request = http::Request::from_parts(parts, body.collect().await?.to_bytes());
        let request = request.try_into().map_err(failed)?;
        let response = http::Response::from(self.0.execute(request).await.map_err(failed)?);
        let (parts, body) = response.into_parts();
        let body = body.collect().await.map_err(failed)?.to_bytes();
        Ok(HttpResponse::from_parts(parts, body.into()))
    }
}

impl HttpConnector for PlainHttp {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.clone()))
    }
}

/// A server of S3's protocol, on a port of its own, that ends when it is dropped.
struct Moto {
    process: Child,
    endpoint: String,
}

impl Moto {
    /// Starts it, with a bucket; `None` where it is not installed.
    async fn start() -> Option<Self> {
        let python = python();
        require(python.is_some(), "moto is not installed", "pip install 'moto[server]'");
        let python = python?;
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let process = Command::new(python)
            .args(["tests/fixtures/moto_one_at_a_time.py", &port.to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let moto = Self { process, endpoint: format!("http://127.0.0.1:{port}") };
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let start = Instant::now();
        while http.get(format!("{}/moto-api/data.json", moto.endpoint)).send().await.is_err() {
            assert!(start.elapsed() < Duration::from_secs(60), "moto does not start");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let bucket = http.put(format!("{}/bucket1", moto.endpoint)).header("content-length", "0");
        assert_eq!(bucket.send().await.unwrap().status(), 200);
        Some(moto)
    }

    /// The service as one more host has it, with connections of its own.
    fn s3(&self) -> Arc<AmazonS3> {
        let s3 = AmazonS3Builder::new()
            .with_endpoint(&self.endpoint)
            .with_bucket_name("bucket1")
            .with_region("us-east-1")
            .with_access_key_id("test")
            .with_secret_access_key("test")
            .with_allow_http(true)
            .with_http_connector(PlainHttp::new())
            .with_retry(RetryConfig {
                retry_timeout: Duration::from_secs(10),
                ..Default::default()
            })
            .build();
        Arc::new(s3.unwrap())
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The Python that has moto: the one that is named, else the first on the path.
fn python() -> Option<PathBuf> {
    if let Some(named) = env::var_os("POGGIO_MOTO_PYTHON") {
        return Some(PathBuf::from(named));
    }
    let imports = Command::new("python3").args(["-c", "import flask, moto"]).output();
    imports.is_ok_and(|output| output.status.success()).then(|| PathBuf::from("python3"))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_shared_store_keeps_every_rule_on_s3() {
    let Some(moto) = Moto::start().await else { return };
    let s3 = moto.s3();
    check_store(|| SharedStore::new(s3.clone(), "poggio/acme.json").unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_hosts_register_once_on_s3() {
    let Some(moto) = Moto::start().await else { return };
    let hosts: Vec<_> = (0..HOSTS).map(|_| moto.s3()).collect();
    for round in 0..3 {
        let server = Server::start().await;
        server.use_random_ids();
        let path = format!("fleet {round}/acme.json");
        let store = |s3: &Arc<AmazonS3>| SharedStore::new(s3.clone(), &path).unwrap();
        let calls = hosts.iter().map(|s3| {
            let (poggio, store) = (server.client(), store(s3));
            tokio::spawn(async move { poggio.register_once(&metadata(), &store).await.unwrap() })
        });
        let mut clients = Vec::new();
        for call in calls.collect::<Vec<_>>() {
            clients.push(call.await.unwrap().expose_json());
        }
        assert_eq!(server.requests().len(), 1, "round {round}");
        assert!(clients.iter().all(|client| *client == clients[0]));
        assert_eq!(store(&hosts[0]).list().await.unwrap().len(), 1);
    }
}
