//! Credentials that a user imports.

use poggio::{Error, FileStore, Outcome, RegistrationStoreExt, StoreErrorKind};
use serde_json::json;

use crate::support::{
    metadata,
    store::{Fixture, client_from, secret, store_error},
};

#[tokio::test]
async fn imported_credentials_take_precedence_and_are_never_replaced() {
    let fixture = Fixture::new().await;
    let (poggio, store) = (&fixture.poggio, &fixture.store);
    let registered = fixture.register_once(&metadata()).await.unwrap();
    let endpoint = poggio.registration_endpoint();

    let imported = client_from(&json!({"client_id": "7", "client_secret": "by hand"}));
    store.import(endpoint, &imported).await.unwrap();
    for requested in [metadata(), metadata().with_scope("read")] {
        let client = fixture.register_once(&requested).await.unwrap();
        assert_eq!((&*client.client_id, secret(&client)), ("7", "by hand"));
    }
    assert!(store.list().await.unwrap()[1].is_imported());

    let expired = json!({"client_id": "8", "client_secret": "s", "client_secret_expires_at": 9});
    let elsewhere = json!({"client_id": "9", "redirect_uris": ["https://acme.example/cb"]});
    for (json, id, problem) in [
        (expired, "8", "has expired or is about to"),
        (elsewhere, "9", r#"has no redirect URI "http://127.0.0.1:8910/callback""#),
    ] {
        store.import(endpoint, &client_from(&json)).await.unwrap();
        assert_unusable(&fixture.register_once(&metadata()).await.unwrap_err(), id, problem);
        let error = poggio.find_registration(&metadata(), store).await.unwrap_err();
        assert_unusable(&error, id, problem);
    }
    store.import(endpoint, &imported).await.unwrap();
    assert!(store.mark_rejected("7").await.unwrap());
    let error = fixture.register_once(&metadata()).await.unwrap_err();
    assert_unusable(&error, "7", "the server no longer accepts the imported client");

    // Once they are removed, the registered client is used again.
    assert!(store.remove("7").await.unwrap());
    assert!(!store.remove("7").await.unwrap());
    let client = fixture.register_once(&metadata()).await.unwrap();
    assert_eq!(client.client_id, registered.client_id);
    assert_eq!(fixture.request_count(), 1);
}

#[track_caller]
fn assert_unusable(error: &Error, id: &str, problem: &str) {
    assert_eq!(store_error(error).kind(), StoreErrorKind::ImportedUnusable);
    assert_eq!(error.outcome(), Outcome::NotRegistered);
    let text = error.to_string();
    assert!(text.contains(&format!("the imported client {id:?}")), "{text}");
    assert!(text.contains(problem), "{text}");
    assert!(
        text.ends_with(
            "import other credentials, or remove these with RegistrationStoreExt::remove"
        ),
        "{text}"
    );
}

#[tokio::test]
async fn import_applies_to_one_endpoint_and_to_any_loopback_port() {
    let fixture = Fixture::new().await;
    let redirect_uris = ["http://127.0.0.1:1/callback"];
    let imported = client_from(&json!({"client_id": "7", "redirect_uris": redirect_uris}));
    fixture.store.import("https://elsewhere.example/register", &imported).await.unwrap();
    let client = fixture.register_once(&metadata()).await.unwrap();
    assert_eq!(client.client_id, "loopback-client-1");

    fixture.store.import(fixture.poggio.registration_endpoint(), &imported).await.unwrap();
    assert_eq!(fixture.register_once(&metadata()).await.unwrap().client_id, "7");
}

#[tokio::test]
async fn import_accepts_what_export_returned() {
    let fixture = Fixture::new().await;
    let client = fixture.register_once(&metadata()).await.unwrap();
    let exported = fixture.store.export(&client.client_id).await.unwrap().unwrap();

    let other = FileStore::new(fixture.folder().join("other.json")).unwrap();
    let endpoint = fixture.poggio.registration_endpoint();
    other.import(endpoint, &client_from(&exported)).await.unwrap();
    let again = fixture.poggio.register_once(&metadata(), &other).await.unwrap();
    assert_eq!(again.expose_json(), client.expose_json());
    assert_eq!(fixture.request_count(), 1);
}

#[tokio::test]
async fn import_rejects_an_endpoint_that_no_client_can_have() {
    let fixture = Fixture::new().await;
    let imported = client_from(&json!({"client_id": "7"}));
    for (endpoint, problem) in [
        ("", "not a URL (relative URL without a base); use the form https://host/path"),
        (
            "http://api.poggio.io/v1/oauth/register",
            "http to api.poggio.io would expose credentials, because it is not a loopback host; \
             use https",
        ),
    ] {
        let error = fixture.store.import(endpoint, &imported).await.unwrap_err();
        let Error::Config(error) = error else { panic!("{error}") };
        assert_eq!(error.setting(), "RegistrationStoreExt::import");
        let expected = format!("the registration endpoint is invalid: {problem}");
        assert_eq!(error.problem(), expected);
    }
}

#[tokio::test]
async fn import_normalizes_the_endpoint_as_the_client_does() {
    let fixture = Fixture::new().await;
    let imported = client_from(&json!({"client_id": "7"}));
    let endpoint = " HTTP://127.0.0.1:80/v1/oauth/register";
    fixture.store.import(endpoint, &imported).await.unwrap();
    let poggio = poggio::Client::builder().base_url("http://127.0.0.1").build().unwrap();
    let found = poggio.find_registration(&metadata(), &fixture.store).await.unwrap();
    assert_eq!(found.unwrap().client_id, "7");
}
