//! S3, by moto.

use std::{process::Stdio, sync::Arc};

use object_store::aws::{AmazonS3, AmazonS3Builder};
use poggio::reqwest;

use crate::{
    service::{Service, python},
    sessions::check_refresh,
    shared_store::{check, client_options, retry},
};

/// Returns the bucket as another host sees it, with its own connections.
pub(crate) fn connect(url: &str) -> Arc<AmazonS3> {
    let s3 = AmazonS3Builder::new()
        .with_endpoint(url)
        .with_bucket_name("bucket1")
        .with_region("us-east-1")
        .with_access_key_id("test")
        .with_secret_access_key("test")
        .with_client_options(client_options())
        .with_retry(retry());
    Arc::new(s3.build().unwrap())
}

/// Starts moto with an empty bucket, if it is installed.
async fn start() -> Option<Service> {
    let mut command = python("moto", "moto_one_at_a_time.py")?;
    let moto = Service::start(command.stderr(Stdio::null()), "");
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let bucket = http.put(format!("{}/bucket1", moto.url)).header("content-length", "0");
    assert_eq!(bucket.send().await.unwrap().status(), 200);
    Some(moto)
}

#[tokio::test(flavor = "multi_thread")]
async fn shared_store_works_on_moto() {
    let Some(moto) = start().await else { return };
    check(|| connect(&moto.url)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn session_on_moto_refreshes_once_for_all_hosts() {
    let Some(moto) = start().await else { return };
    check_refresh("moto", &moto.url).await;
}
