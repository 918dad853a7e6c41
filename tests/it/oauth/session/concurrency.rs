//! Sessions of several processes and hosts, and stores that fail: one refresh, and no lost token.

use std::{
    env,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures_util::future::join_all;
use poggio::{
    RegistrationStore, StoreError,
    oauth::{LoginOptions, OAuthErrorKind, Session},
    store::{StoreFuture, StoreLock, Versioned, WriteResult},
    testing::Reply,
};
use tokio::sync::Mutex;

use super::Fixture;
use crate::support::{
    session::{check_one_refresh, endpoints_at},
    store::MemoryStore,
};

const CHILD: &str = "POGGIO_TEST_SESSION";
const SECOND_TOKEN: &str = "loopback-access-token-2-of-no-value-elsewhere";

#[tokio::test(flavor = "multi_thread")]
async fn access_token_refreshes_once_for_all_processes_and_tasks() {
    let it = Fixture::new().await;
    let arguments = format!("{} {}", it.server.base_url(), it.store.path().display());
    let process = || {
        let mut command = Command::new(env::current_exe().unwrap());
        let test = "oauth::session::concurrency::access_token_process";
        command.args([test, "--exact", "--nocapture"]).env(CHILD, &arguments);
        command
    };
    check_one_refresh(&it.server, || it.session(), process).await;
}

/// Returns at once in a test run, and is what each of the processes does.
#[test]
fn access_token_process() {
    if let Ok(arguments) = env::var(CHILD) {
        print_token(&arguments);
    }
}

fn print_token(arguments: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    println!("{}", runtime.block_on(session_of(arguments).access_token()).unwrap().expose());
}

/// Returns the session of a process, from the base URL and the path of the store.
pub(super) fn session_of(arguments: &str) -> Session {
    let (base_url, path) = arguments.split_once(' ').unwrap();
    let poggio = poggio::Client::builder().base_url(base_url).build().unwrap();
    let store = Arc::new(poggio::FileStore::new(path).unwrap());
    Session::builder(&poggio, store).server(endpoints_at(base_url)).build().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn access_token_refreshes_once_for_all_hosts_of_a_store_without_a_lock() {
    let it = Fixture::new().await;
    it.server.rotate_refresh_tokens(true);
    let (clients, tokens) = (Arc::new(MemoryStore::default()), Arc::new(MemoryStore::default()));
    let session = || {
        let builder = Session::builder(&it.poggio, clients.clone()).server(it.endpoints.clone());
        builder.token_store(tokens.clone()).build().unwrap()
    };
    it.server.script_token([Reply::issued().with_member("expires_in", 0)]);
    it.log_in(&session(), LoginOptions::new()).await.unwrap();

    it.server.script_token([Reply::issued().with_delay(Duration::from_millis(200))]);
    let calls = (0..16).map(|_| {
        let session = session();
        tokio::spawn(async move { session.access_token().await.unwrap().expose().to_owned() })
    });
    let found: Vec<_> = join_all(calls).await.into_iter().map(Result::unwrap).collect();
    assert_eq!(found, [SECOND_TOKEN; 16]);
    assert_eq!(it.token_requests().len(), 2);
    assert!(!tokens.text().unwrap().contains("claim"));
}

/// A store with a lock, whose writes fail on request.
#[derive(Default)]
pub(super) struct FailingStore {
    memory: MemoryStore,
    lock: Arc<Mutex<()>>,
    fails: AtomicBool,
}

impl FailingStore {
    pub(super) fn set_fails(&self, fails: bool) {
        self.fails.store(fails, Ordering::SeqCst);
    }
}

impl RegistrationStore for FailingStore {
    fn read(&self) -> StoreFuture<'_, Option<Versioned>> {
        self.memory.read()
    }

    fn write<'a>(
        &'a self,
        text: &'a str,
        expected: Option<&'a Versioned>,
    ) -> StoreFuture<'a, WriteResult> {
        if self.fails.load(Ordering::SeqCst) {
            return Box::pin(async { Err(StoreError::new("has no space left")) });
        }
        self.memory.write(text, expected)
    }

    fn lock(&self, _: Duration) -> StoreFuture<'_, Option<StoreLock>> {
        let lock = Arc::clone(&self.lock);
        Box::pin(async { Ok(Some(Box::new(lock.lock_owned().await) as StoreLock)) })
    }
}

#[tokio::test]
async fn access_token_saves_a_token_that_an_earlier_call_could_not_save() {
    let it = Fixture::new().await;
    it.server.rotate_refresh_tokens(true);
    let tokens = Arc::new(FailingStore::default());
    let session = it.expired_in(tokens.clone()).await;

    tokens.set_fails(true);
    for _ in 0..2 {
        let error = session.access_token().await.unwrap_err();
        assert_eq!(error.kind(), OAuthErrorKind::Registration);
        assert!(error.to_string().contains("has no space left"), "{error}");
    }
    tokens.set_fails(false);
    assert_eq!(session.access_token().await.unwrap().expose(), SECOND_TOKEN);
    // The server has seen the first refresh token once.
    assert_eq!(it.token_requests().len(), 2);
    let text = tokens.memory.text().unwrap();
    assert!(text.contains("loopback-refresh-token-2"), "{text}");
}

#[tokio::test]
async fn logout_discards_a_token_that_could_not_be_saved() {
    let it = Fixture::new().await;
    let tokens = Arc::new(FailingStore::default());
    let session = it.expired_in(tokens.clone()).await;
    tokens.set_fails(true);
    session.access_token().await.unwrap_err();
    tokens.set_fails(false);
    session.logout().await.unwrap();
    let error = session.access_token().await.unwrap_err();
    assert_eq!(error.kind(), OAuthErrorKind::LoginRequired);
    assert!(!tokens.memory.text().unwrap().contains("loopback-"));
}

#[tokio::test]
async fn session_builder_refuses_a_server_that_names_the_registration_of_another() {
    let (honest, hostile) = (Fixture::new().await, Fixture::new().await);
    let mut server = hostile.endpoints.clone();
    server.registration_endpoint.clone_from(&honest.endpoints.registration_endpoint);
    let builder = Session::builder(&honest.poggio, honest.store.clone()).server(server);
    let error = builder.build().unwrap_err();
    assert_eq!(error.kind(), OAuthErrorKind::Endpoint);
    assert!(honest.server.requests().is_empty() && hostile.server.requests().is_empty());
}
