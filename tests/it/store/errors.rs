//! Errors that several calls share, and types that must not be serialized.

use poggio::{
    ClientInformation, ClientSecret, RegistrationStoreExt,
    store::{StoredRegistration, Versioned},
    testing::Server,
};
use serde::Serialize;
use serde_json::json;

use crate::support::{
    metadata,
    store::{MemoryStore, client_from},
};

#[tokio::test]
async fn errors_of_every_call_name_the_store() {
    let (server, store) = (Server::start().await, MemoryStore::failing_from(0));
    let (poggio, requested) = (server.client(), metadata());
    let imported = client_from(&json!({"client_id": "7"}));
    for error in [
        poggio.register_once(&requested, &store).await.unwrap_err(),
        poggio.find_registration(&requested, &store).await.unwrap_err(),
        store.list().await.unwrap_err(),
        store.export("7").await.unwrap_err(),
        store.mark_rejected("7").await.unwrap_err(),
        store.remove("7").await.unwrap_err(),
        store.import(poggio.registration_endpoint(), &imported).await.unwrap_err(),
    ] {
        assert_eq!(
            error.to_string(),
            "vault secret/acme cannot be reached; no client was registered: fix the store, then \
             call again"
        );
    }
    assert_eq!(server.requests().len(), 0);
}

#[test]
fn client_information_from_json_claims_no_registration_in_its_error() {
    let error = ClientInformation::from_json("").unwrap_err();
    assert_eq!(
        error.to_string(),
        "the saved text could not be decoded: it is empty; restore the text from a backup, or use \
         the credentials in this error"
    );
}

/// `PROOF` is ambiguous, and does not compile, for a type that implements `Serialize`.
trait NotSerialize<Proof> {
    const PROOF: bool = true;
}
impl<T> NotSerialize<()> for T {}
impl<T: Serialize> NotSerialize<u8> for T {}

#[test]
fn types_with_secrets_do_not_implement_serialize() {
    const { assert!(<ClientSecret as NotSerialize<_>>::PROOF) };
    const { assert!(<ClientInformation as NotSerialize<_>>::PROOF) };
    const { assert!(<StoredRegistration as NotSerialize<_>>::PROOF) };
    const { assert!(<Versioned as NotSerialize<_>>::PROOF) };
}
