//! Unreadable responses: a client whose credentials are complete is saved, so that no caller registers
//! another.

use poggio::{Error, Outcome, RegistrationStoreExt, StoreErrorKind, testing::Reply};

use crate::support::{
    attempts, metadata,
    store::{Fixture, MemoryStore, secret, store_error},
};

#[tokio::test]
async fn register_once_saves_credentials_recovered_from_an_unreadable_response() {
    for (reply, id, expected_secret, problem) in [
        (
            Reply::cut_off(),
            "loopback-cut",
            "cut-secret",
            "the response of SERVER (201 Created) could not be decoded: it is not JSON (line 1, column 71)",
        ),
        (
            Reply::wrapped(),
            "loopback-wrapped",
            "wrapped-secret",
            "the response of SERVER (201 Created) could not be decoded: its client_id is missing, empty or \
             not a string",
        ),
    ] {
        let fixture = Fixture::new().await;
        fixture.server.script([reply.with_header("x-request-id", "r-7")]);
        let client = fixture.register_once(&metadata()).await.unwrap();
        assert_eq!((client.client_id.as_str(), secret(&client)), (id, expected_secret));
        let response = client.response().unwrap();
        assert_eq!(response.status(), 201);
        assert_eq!((response.attempts(), response.request_id()), (1, Some("r-7")));
        let host = fixture.server.base_url().replace("http://", "");
        let warnings = client.warnings().iter();
        let warnings: Vec<_> =
            warnings.map(|warning| warning.to_string().replace(&host, "SERVER")).collect();
        let expected =
            format!("body: {problem}, but its client_id and client_secret were recovered");
        assert_eq!(warnings, [expected]);
        // The granted metadata is unknown.
        let changes = client.changes_from(&metadata());
        let is_method = |change: &str| change.starts_with("token_endpoint_auth_method");
        assert!(changes.iter().any(|change| is_method(&change.to_string())));

        let again = fixture.register_once(&metadata()).await.unwrap();
        assert_eq!((again.client_id.as_str(), secret(&again)), (id, expected_secret));
        assert_eq!(attempts(&again), 0);
        assert_eq!(again.metadata.redirect_uris, metadata().redirect_uris);
        assert_eq!(fixture.request_count(), 1);
    }
}

#[tokio::test]
async fn register_once_returns_recovered_credentials_in_the_error_if_the_store_fails() {
    let fixture = Fixture::new().await;
    fixture.server.script([Reply::cut_off()]);
    let store = MemoryStore::failing_from(4);
    let error = fixture.poggio.register_once(&metadata(), &store).await.unwrap_err();
    assert_eq!(error.outcome(), Outcome::Registered);
    assert_eq!(secret(store_error(&error).client().unwrap()), "cut-secret");
}

#[tokio::test]
async fn register_once_saves_nothing_if_the_credentials_are_not_whole() {
    for text in
        [r#"{"client_id": "1", "client_secret": "s3cr"#, r#"{"client_secret": "s3cr3t"}"#, ""]
    {
        let fixture = Fixture::new().await;
        fixture.server.script([Reply::text(201, text)]);
        let error = fixture.register_once(&metadata()).await.unwrap_err();
        assert!(matches!(error, Error::Unreadable(_)), "{error}");
        assert_eq!(error.outcome(), Outcome::Registered);
        let found = fixture.poggio.find_registration(&metadata(), &fixture.store).await.unwrap();
        assert!(found.is_none());
        // Every call would create another client that no caller can use.
        let error = fixture.register_once(&metadata()).await.unwrap_err();
        assert_eq!(store_error(&error).kind(), StoreErrorKind::UnknownOutcome);
        assert_eq!(fixture.request_count(), 1);
        assert!(fixture.store.clear_unknown().await.unwrap());
        assert_eq!(attempts(&fixture.register_once(&metadata()).await.unwrap()), 1);
    }
}
