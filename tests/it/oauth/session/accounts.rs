//! Accounts: one registration, and a token document for each account. Other settings of a session.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use poggio::{
    Error, RegistrationStore, RegistrationStoreExt,
    oauth::{LoginOptions, OAuthErrorKind, Recovery, Session},
    store::{SharedStore, StoreFuture, Versioned, WriteResult, object_store::memory::InMemory},
};

use super::Fixture;
use crate::support::{session::check_accounts, store::MemoryStore};

#[tokio::test]
async fn session_keeps_many_accounts_in_a_file_store() {
    let it = Fixture::new().await;
    check_accounts(&it.server, |account| it.builder().account(account).build().unwrap()).await;
    assert_eq!(it.store.list().await.unwrap().len(), 1);
}

/// Checks the accounts of a store. `open` returns it as another process has it.
async fn check(open: impl Fn() -> Arc<dyn RegistrationStore>) {
    let it = Fixture::new().await;
    let session = |account: &str| {
        let builder = Session::builder(&it.poggio, open()).server(it.endpoints.clone());
        builder.account(account).build().unwrap()
    };
    check_accounts(&it.server, session).await;
    assert_eq!(open().list().await.unwrap().len(), 1);
}

#[tokio::test]
async fn session_keeps_many_accounts_in_a_shared_store() {
    let objects = Arc::new(InMemory::new());
    check(|| Arc::new(SharedStore::new(objects.clone(), "poggio/acme.json").unwrap())).await;
}

/// A document in the database of an application, which has a row for each document.
struct Row {
    database: Arc<Database>,
    name: String,
}

#[derive(Default)]
struct Database(Mutex<HashMap<String, Arc<MemoryStore>>>);

impl Row {
    fn row(&self) -> Arc<MemoryStore> {
        Arc::clone(self.database.0.lock().unwrap().entry(self.name.clone()).or_default())
    }
}

impl RegistrationStore for Row {
    fn read(&self) -> StoreFuture<'_, Option<Versioned>> {
        Box::pin(async { self.row().read().await })
    }

    fn write<'a>(
        &'a self,
        text: &'a str,
        expected: Option<&'a Versioned>,
    ) -> StoreFuture<'a, WriteResult> {
        Box::pin(async move { self.row().write(text, expected).await })
    }

    fn sibling(&self, name: &str) -> Option<Arc<dyn RegistrationStore>> {
        Some(Arc::new(Self { database: Arc::clone(&self.database), name: name.to_owned() }))
    }
}

#[tokio::test]
async fn session_keeps_many_accounts_in_a_store_of_the_application() {
    let database = Arc::<Database>::default();
    let open = || Row { database: Arc::clone(&database), name: "clients".to_owned() };
    check(|| Arc::new(open())).await;
    assert_eq!(database.0.lock().unwrap().len(), 51);
}

#[tokio::test]
async fn session_accounts_share_the_registration_and_keep_their_own_tokens() {
    let it = Fixture::new().await;
    let session = |account: &str| it.builder().account(account).build().unwrap();
    let names = ["ada", "Ada", "ada@acme.example", "../ada", "ada-1"];
    for (index, name) in names.iter().enumerate() {
        let token = it.log_in(&session(name), LoginOptions::new()).await.unwrap();
        let expected = format!("loopback-access-token-{}-of-no-value-elsewhere", index + 1);
        assert_eq!(token.expose(), expected);
    }
    for (index, name) in names.iter().enumerate() {
        let token = session(name).access_token().await.unwrap();
        let expected = format!("loopback-access-token-{}-of-no-value-elsewhere", index + 1);
        assert_eq!(token.expose(), expected);
    }
    assert_eq!(it.server.registrations().len(), 1);

    session("ada").logout().await.unwrap();
    session("ada").access_token().await.unwrap_err();
    session("Ada").access_token().await.unwrap();
}

#[tokio::test]
async fn session_builder_requires_a_token_store_if_the_store_has_no_siblings() {
    let it = Fixture::new().await;
    let store = Arc::new(MemoryStore::default());
    let builder = Session::builder(&it.poggio, store.clone()).server(it.endpoints.clone());
    let error = builder.build().unwrap_err();
    assert_eq!(error.kind(), OAuthErrorKind::Client);
    assert!(error.to_string().contains("token_store"), "{error}");

    let tokens: Arc<dyn RegistrationStore> = Arc::new(MemoryStore::default());
    let builder = Session::builder(&it.poggio, store).server(it.endpoints.clone());
    let session = builder.token_store(Arc::clone(&tokens)).build().unwrap();
    it.log_in(&session, LoginOptions::new()).await.unwrap();
    session.access_token().await.unwrap();
    let text = tokens.read().await.unwrap().unwrap();
    assert!(text.expose().contains("loopback-refresh-token-1"));
}

#[tokio::test]
async fn session_builder_refuses_an_account_name_that_is_empty_or_too_long() {
    let it = Fixture::new().await;
    for name in [String::new(), "é".repeat(100)] {
        let error = it.builder().account(name).build().unwrap_err();
        assert_eq!(error.kind(), OAuthErrorKind::Client);
        assert!(error.to_string().contains("account: the name is empty or too long"), "{error}");
    }
}

#[tokio::test]
async fn session_needs_a_resource_that_is_an_absolute_uri_without_a_fragment() {
    let it = Fixture::new().await;
    for resource in ["", "mcp.example", "/mcp", "https://mcp.example/#a", "https://mcp.example/é"]
    {
        let error = it.builder().resource(resource).build().unwrap_err();
        let Some(Error::Config(config)) = error.registration() else { panic!("{error}") };
        assert_eq!(config.setting(), "resource", "{resource}");
        assert_eq!(error.recovery(), Recovery::FixRequest);
    }
    for resource in ["https://mcp.example/mcp?a=b", "urn:example:api"] {
        assert!(it.builder().resource(resource).build().is_ok(), "{resource}");
    }
}
