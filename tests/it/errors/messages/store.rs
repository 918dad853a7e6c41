//! Errors of stores.

use std::{fs, os::unix::fs::symlink, time::Duration};

use poggio::{
    Error, FileStore, RegistrationStore, RegistrationStoreExt, oauth::AuthorizationServer,
    testing::Reply,
};
use serde_json::json;

use super::Table;
use crate::support::{
    metadata,
    store::{Fixture, MemoryStore, client_from, set_mode, store_error},
};

pub(super) async fn add(table: &mut Table) {
    table.section("Stores");
    let error = MemoryStore::failing_from(0).list().await.unwrap_err();
    table.error("Error::Store", "custom store that fails", &error);
    let fixture = Fixture::new().await;
    let error = fixture.poggio.register_once(&metadata(), &MemoryStore::failing_from(4)).await;
    table.error("Error::Store", "custom store that fails after the request", &error.unwrap_err());
    fixture.server.script([Reply::cut_off()]);
    let client = fixture.register_once(&metadata()).await.unwrap();
    let warning = client.warnings()[0].to_string();
    table.add("FieldWarning", "recovered by register_once", &[&warning]);

    let fixture = Fixture::new().await;
    fixture.server.script([Reply::status(500)]);
    fixture.register_once(&metadata()).await.unwrap_err();
    let error = fixture.register_once(&metadata()).await.unwrap_err();
    add_error(table, &fixture, "request whose outcome is unknown", &error);

    other_server(table).await;
    files(table).await;
    documents(table).await;
    imported(table).await;
}

async fn other_server(table: &mut Table) {
    let fixture = Fixture::new().await;
    for (origin, is_own) in [("https://a.example", true), ("https://b.example", false)] {
        let server =
            AuthorizationServer::new(format!("{origin}/authorize"), format!("{origin}/token"));
        let poggio = fixture.poggio.for_server(&server).unwrap();
        match poggio.register_once(&metadata(), &fixture.store).await {
            Ok(_) => assert!(is_own),
            Err(error) => add_error(table, &fixture, "client of another server", &error),
        }
    }
}

/// Adds an error of the kind that it has.
fn add_error(table: &mut Table, fixture: &Fixture, situation: &str, error: &Error) {
    table.hide_folder(fixture.folder());
    let kind = format!("StoreErrorKind::{:?}", store_error(error).kind());
    table.error(&kind, situation, error);
}

async fn files(table: &mut Table) {
    let mut fixture = Fixture::new().await;
    let lock = fixture.store.lock(Duration::from_secs(5)).await.unwrap();
    let timeout = Duration::from_millis(300);
    let poggio = fixture.server.client_builder().timeout(timeout).build().unwrap();
    let error = poggio.register_once(&metadata(), &fixture.store).await.unwrap_err();
    add_error(table, &fixture, "locked file", &error);
    drop(lock);

    fixture.register_once(&metadata()).await.unwrap();
    set_mode(fixture.path(), 0o644);
    let error = fixture.store.list().await.unwrap_err();
    add_error(table, &fixture, "file that others can read", &error);
    set_mode(fixture.path(), 0o600);

    set_mode(fixture.folder(), 0o777);
    let error = fixture.store.list().await.unwrap_err();
    add_error(table, &fixture, "folder that every user can write", &error);
    set_mode(fixture.folder(), 0o755);

    let link = fixture.folder().join("link.json");
    symlink(fixture.path(), &link).unwrap();
    fixture.store = FileStore::new(&link).unwrap();
    let error = fixture.store.list().await.unwrap_err();
    add_error(table, &fixture, "symbolic link", &error);

    fs::create_dir(fixture.folder().join("folder")).unwrap();
    fixture.store = FileStore::new(fixture.folder().join("folder")).unwrap();
    let error = fixture.store.list().await.unwrap_err();
    add_error(table, &fixture, "folder", &error);

    let fixture = Fixture::new().await;
    fs::remove_dir(fixture.folder()).unwrap();
    fs::write(fixture.folder(), "").unwrap();
    let error = fixture.register_once(&metadata()).await.unwrap_err();
    add_error(table, &fixture, "file in place of the folder", &error);
}

async fn documents(table: &mut Table) {
    let fixture = Fixture::new().await;
    fixture.register_once(&metadata()).await.unwrap();
    let document = fixture.json();
    for (situation, text) in [
        ("text", "not a store".to_owned()),
        ("document that is cut off", fixture.text()[..20].to_owned()),
        ("document without members", "{}".to_owned()),
    ] {
        fixture.write(text);
        let error = fixture.store.list().await.unwrap_err();
        add_error(table, &fixture, situation, &error);
    }
    let mut later = document.clone();
    later["format"] = 99.into();
    fixture.write(later.to_string());
    let error = fixture.store.list().await.unwrap_err();
    add_error(table, &fixture, "document of a later version", &error);
    for (situation, secrets) in [
        ("document of KeyringStore", json!({"keyring": "an entry"})),
        ("document whose keyring entry is lost", json!({"lost": "an entry"})),
    ] {
        let mut document = document.clone();
        document["registrations"][0]["secrets"] = secrets;
        fixture.write(document.to_string());
        let error = fixture.register_once(&metadata()).await.unwrap_err();
        add_error(table, &fixture, situation, &error);
    }
}

async fn imported(table: &mut Table) {
    let fixture = Fixture::new().await;
    let endpoint = fixture.poggio.registration_endpoint();
    for (situation, json) in [
        (
            "expired import",
            json!({"client_id": "7", "client_secret": "s3cr3t", "client_secret_expires_at": 9}),
        ),
        (
            "import without the redirect URI",
            json!({"client_id": "7", "redirect_uris": ["https://a.example/cb"]}),
        ),
        ("rejected import", json!({"client_id": "7"})),
    ] {
        fixture.store.import(endpoint, &client_from(&json)).await.unwrap();
        if situation == "rejected import" {
            fixture.store.mark_rejected("7").await.unwrap();
        }
        let error = fixture.register_once(&metadata()).await.unwrap_err();
        add_error(table, &fixture, situation, &error);
    }
}
