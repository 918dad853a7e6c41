//! What the errors of a store say, whichever call meets them.

use poggio::{
    ClientInformation, ClientSecret, Error, FileStore, Outcome, RegistrationStore,
    RegistrationStoreExt, StoreError,
    store::{StoreFuture, StoredRegistration, Versioned, WriteResult},
    testing::{Reply, Server},
};
use serde::Serialize;
use serde_json::json;

use crate::support::metadata;

/// A vault that cannot be reached.
struct Vault;

impl RegistrationStore for Vault {
    fn read(&self) -> StoreFuture<'_, Option<Versioned>> {
        Box::pin(async { Err(StoreError::new("cannot be reached")) })
    }

    fn write<'a>(&'a self, _: &'a str, _: Option<&'a Versioned>) -> StoreFuture<'a, WriteResult> {
        Box::pin(async { Ok(WriteResult::Written) })
    }

    fn name(&self) -> String {
        "vault secret/acme".into()
    }
}

#[tokio::test]
async fn every_call_names_the_store() {
    let server = Server::start().await;
    let (poggio, asked) = (server.client(), metadata());
    let entered = ClientInformation::from_json(r#"{"client_id": "7"}"#).unwrap();
    let endpoint = poggio.registration_endpoint();
    for error in [
        poggio.register_once(&asked, &Vault).await.unwrap_err(),
        poggio.find_registration(&asked, &Vault).await.unwrap_err(),
        Vault.list().await.unwrap_err(),
        Vault.export("7").await.unwrap_err(),
        Vault.mark_rejected("7").await.unwrap_err(),
        Vault.remove("7").await.unwrap_err(),
        Vault.import(endpoint, &entered).await.unwrap_err(),
    ] {
        assert_eq!(
            error.to_string(),
            "vault secret/acme cannot be reached; no client was registered: put the store right, \
             then call again"
        );
    }
    assert_eq!(server.requests().len(), 0);
}

#[tokio::test]
async fn a_client_that_cannot_be_kept_either_is_in_the_error_again() {
    let server = Server::start().await;
    server.script([Reply::registered().with_header("x-request-id", "r-7")]);
    let client = server.client().register(&metadata()).await.unwrap();
    let error = server.client().save_registration(&metadata(), &Vault, &client).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the client \"loopback-client-1\" could not be saved: vault secret/acme cannot be reached \
         [request r-7]; a client was registered: save the client that this error holds, with \
         Client::save_registration when the store works"
    );
    assert_eq!(error.outcome(), Outcome::Registered);
    assert_eq!((error.attempts(), error.request_id()), (1, Some("r-7")));
    let Error::Store(error) = error else { panic!("{error}") };
    assert_eq!(error.into_client().unwrap().expose_json(), client.expose_json());
}

#[tokio::test]
async fn an_endpoint_that_no_client_has_is_no_place_to_import_for() {
    let folder = tempfile::tempdir().unwrap();
    let store = FileStore::new(folder.path().join("client.json")).unwrap();
    let entered = ClientInformation::from_json(r#"{"client_id": "7"}"#).unwrap();
    for (endpoint, problem) in [
        ("", "not a URL (relative URL without a base)"),
        (
            "http://api.poggio.io/v1/oauth/register",
            "http to api.poggio.io, which is not this machine, would show credentials to the \
             network; use https",
        ),
    ] {
        let error = store.import(endpoint, &entered).await.unwrap_err();
        let Error::Config(error) = error else { panic!("{error}") };
        assert_eq!(error.setting(), "RegistrationStore::import");
        let told = format!("the endpoint is no registration endpoint: {problem}");
        assert_eq!(error.problem(), told);
    }
    // As a client has it.
    store.import(" HTTP://127.0.0.1:80/v1/oauth/register", &entered).await.unwrap();
    let poggio = poggio::Client::builder().base_url("http://127.0.0.1").build().unwrap();
    let found = poggio.find_registration(&metadata(), &store).await.unwrap();
    assert_eq!(found.unwrap().client_id, "7");
}

#[tokio::test]
async fn a_text_that_was_kept_and_cannot_be_read_claims_nothing() {
    let error = ClientInformation::from_json("").unwrap_err();
    assert_eq!(
        error.to_string(),
        "the text cannot be read: it is empty; restore the text as it was kept; what could be read \
         of it is in this error"
    );
}

/// Which of two holds cannot be said of a type that can be written as JSON by itself, and that
/// would not compile.
trait HoldsFor<Proof> {
    const YES: bool = true;
}
impl<T> HoldsFor<()> for T {}
impl<T: Serialize> HoldsFor<u8> for T {}

#[test]
fn nothing_with_a_secret_can_be_written_by_serde() {
    const { assert!(<ClientSecret as HoldsFor<_>>::YES) };
    const { assert!(<ClientInformation as HoldsFor<_>>::YES) };
    const { assert!(<StoredRegistration as HoldsFor<_>>::YES) };
    const { assert!(<Versioned as HoldsFor<_>>::YES) };
    assert_eq!(json!(poggio::AuthMethod::None), "none", "as others can");
}
