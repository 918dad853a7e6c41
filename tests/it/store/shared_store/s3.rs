//! The shared store on a real S3 server: moto, if it is installed.

use std::{
    env,
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use poggio::{
    reqwest,
    store::object_store::{
        ObjectStoreExt, RetryConfig,
        aws::{AmazonS3, AmazonS3Builder},
    },
    testing::check_store,
};

use super::{PATH, assert_registers_once, open, plain_http::PlainHttp};
use crate::support::require;

/// A moto server with a bucket; it ends when this is dropped.
struct Moto {
    process: Child,
    endpoint: String,
}

impl Moto {
    /// Returns `None` if moto is not installed.
    async fn start() -> Option<Self> {
        let python = python();
        require(python.is_some(), "moto is not installed", "pip install 'moto[server]'");
        let python = python?;
        let mut process = Command::new(python)
            .arg("tests/fixtures/moto_one_at_a_time.py")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let stdout = process.stdout.take().unwrap();
        let mut moto = Self { process, endpoint: String::new() };
        // It prints its port as soon as it accepts connections.
        let mut port = String::new();
        BufReader::new(stdout).read_line(&mut port).unwrap();
        moto.endpoint = format!("http://127.0.0.1:{}", port.trim_end());
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let bucket = http.put(format!("{}/bucket1", moto.endpoint)).header("content-length", "0");
        assert_eq!(bucket.send().await.unwrap().status(), 200);
        Some(moto)
    }

    /// Returns the service as another host sees it, with its own connections.
    fn s3(&self) -> Arc<AmazonS3> {
        let retry_timeout = Duration::from_secs(10);
        let s3 = AmazonS3Builder::new()
            .with_endpoint(&self.endpoint)
            .with_bucket_name("bucket1")
            .with_region("us-east-1")
            .with_access_key_id("test")
            .with_secret_access_key("test")
            .with_allow_http(true)
            .with_http_connector(PlainHttp::new())
            .with_retry(RetryConfig { retry_timeout, ..RetryConfig::default() });
        Arc::new(s3.build().unwrap())
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Returns the Python that has moto: the one in `POGGIO_MOTO_PYTHON`, or else the first in `PATH`.
fn python() -> Option<PathBuf> {
    if let Some(python) = env::var_os("POGGIO_MOTO_PYTHON") {
        return Some(PathBuf::from(python));
    }
    let imports = Command::new("python3").args(["-c", "import flask, moto"]).output();
    imports.is_ok_and(|output| output.status.success()).then(|| PathBuf::from("python3"))
}

#[tokio::test(flavor = "multi_thread")]
async fn shared_store_on_s3_passes_check_store_and_registers_once_for_16_hosts() {
    let Some(moto) = Moto::start().await else { return };
    let s3 = moto.s3();
    check_store(|| open(&s3)).await;

    // The texts of check_store are no documents.
    s3.delete(&PATH.into()).await.unwrap();
    assert_registers_once((0..16).map(|_| open(&moto.s3()))).await;
}
