//! Azure Blob Storage, by Azurite.

use std::{process::Command, sync::Arc};

use object_store::azure::{MicrosoftAzure, MicrosoftAzureBuilder};

use crate::{
    service::{Service, installed, node},
    sessions::check_refresh,
    shared_store::{check, client_options, retry},
};

/// The account of every Azurite, from its documentation.
const ACCOUNT: &str = "devstoreaccount1";
const KEY: &str =
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

/// Returns the container as another host sees it, with its own connections.
pub(crate) fn connect(url: &str) -> Arc<MicrosoftAzure> {
    let azure = MicrosoftAzureBuilder::new()
        .with_account(ACCOUNT)
        .with_access_key(KEY)
        .with_endpoint(format!("{url}/{ACCOUNT}"))
        .with_container_name("container1")
        .with_client_options(client_options())
        .with_retry(retry());
    Arc::new(azure.build().unwrap())
}

/// Starts Azurite with an empty container, if it is installed.
fn start() -> Option<Service> {
    let program = "node_modules/azurite/dist/src/blob/main.js";
    let mut command = node("azurite", program)?;
    command
        .args(["--disableTelemetry", "--inMemoryPersistence", "--skipApiVersionCheck", "--silent"])
        .args(["--blobHost", "127.0.0.1", "--blobPort", "0"])
        .args(["--blobKeepAliveTimeout", "60"])
        .current_dir(installed(""));
    let azurite = Service::start(&mut command, "listens on http://127.0.0.1:");
    let container = Command::new("node")
        .arg(installed("create_container.mjs"))
        .args([&*azurite.url, "container1"])
        .status();
    assert!(container.unwrap().success());
    Some(azurite)
}

#[tokio::test(flavor = "multi_thread")]
async fn shared_store_works_on_azurite() {
    let Some(azurite) = start() else { return };
    check(|| connect(&azurite.url)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn session_on_azurite_refreshes_once_for_all_hosts() {
    let Some(azurite) = start() else { return };
    check_refresh("azurite", &azurite.url).await;
}
