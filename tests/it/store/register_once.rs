//! A registration that happens once: who gets what, and when there is a new one.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, SystemTime},
};

use poggio::{
    Client, ClientInformation, ClientMetadata, Error, FileStore, Outcome, RegistrationStore,
    RegistrationStoreExt, StoreError, StoreErrorKind,
    store::{RetiredReason, StoreFuture, StoreLock, Versioned, WriteResult},
    testing::{Reply, Server},
};
use serde_json::json;
use tempfile::TempDir;

use crate::support::{Wire, all_shown, attempts, metadata, sized};

/// A server, and a store in a folder that is removed at the end.
pub(crate) struct Setting {
    pub(crate) server: Server,
    pub(crate) poggio: Client,
    pub(crate) store: FileStore,
    pub(crate) folder: TempDir,
}

impl Setting {
    pub(crate) async fn new() -> Self {
        let server = Server::start().await;
        let folder = tempfile::tempdir().unwrap();
        let store = FileStore::new(folder.path().join("client.json")).unwrap();
        Self { poggio: server.client(), server, store, folder }
    }

    pub(crate) async fn once(&self, metadata: &ClientMetadata) -> Result<ClientInformation, Error> {
        self.poggio.register_once(metadata, &self.store).await
    }

    pub(crate) fn posts(&self) -> usize {
        self.server.requests().len()
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.store.path().to_owned()
    }

    async fn reasons(&self) -> Vec<(String, Option<RetiredReason>)> {
        let kept = self.store.list().await.unwrap();
        let reason = |kept: &poggio::store::StoredRegistration| kept.retired().map(|r| r.reason);
        kept.iter().map(|kept| (kept.client().client_id.clone(), reason(kept))).collect()
    }
}

pub(crate) fn secret(client: &ClientInformation) -> &str {
    client.client_secret.as_ref().unwrap().expose()
}

fn seconds_from_now(seconds: i64) -> i64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    i64::try_from(now.as_secs()).unwrap() + seconds
}

fn expiring_in(seconds: i64) -> Reply {
    Reply::registered().with_member("client_secret_expires_at", seconds_from_now(seconds))
}

#[tokio::test]
async fn the_first_call_registers_and_every_later_one_gets_the_same() {
    let s = Setting::new().await;
    s.server.script([Reply::registered().with_member("x_tenant", "acme")]);

    let first = s.once(&metadata()).await.unwrap();
    assert_eq!(attempts(&first), 1);

    // As another process, which has only the file.
    let store = FileStore::new(s.file()).unwrap();
    let again = s.server.client().register_once(&metadata(), &store).await.unwrap();
    assert_eq!(again.client_id, first.client_id);
    assert_eq!(secret(&again), secret(&first));
    assert_eq!(again.expose_json(), first.expose_json());
    assert_eq!(again.additional.get("x_tenant"), Some(&json!("acme")));
    assert!(again.response().is_none());
    assert_eq!(s.posts(), 1);
}

#[tokio::test]
async fn a_record_belongs_to_its_endpoint() {
    let s = Setting::new().await;
    let other = Server::start().await;
    other.script([Reply::registered().with_member("client_id", "other-1")]);

    let here = s.once(&metadata()).await.unwrap();
    let there = other.client().register_once(&metadata(), &s.store).await.unwrap();
    assert_eq!(there.client_id, "other-1");

    assert_eq!(s.once(&metadata()).await.unwrap().client_id, here.client_id);
    let again = other.client().register_once(&metadata(), &s.store).await.unwrap();
    assert_eq!(again.client_id, "other-1");
    assert_eq!((s.posts(), other.requests().len()), (1, 1));
    assert_eq!(s.store.list().await.unwrap()[0].endpoint(), s.poggio.registration_endpoint());
}

#[tokio::test]
async fn what_is_asked_in_another_order_or_for_another_port_is_the_same() {
    let s = Setting::new().await;
    let asked = metadata().with_scope("read write").with_contacts(["a@a.example", "b@b.example"]);
    let first = s.once(&asked).await.unwrap();

    let mut other = asked.with_scope("write read").with_contacts(["b@b.example", "a@a.example"]);
    other.redirect_uris = vec!["http://127.0.0.1:50123/callback".to_owned()];
    let again = s.once(&other).await.unwrap();

    assert_eq!(again.client_id, first.client_id);
    assert_eq!(again.metadata.redirect_uris, ["http://127.0.0.1:8910/callback"]);
    assert_eq!(s.posts(), 1);
}

#[tokio::test]
async fn what_is_asked_otherwise_is_registered_anew_and_found_again() {
    let s = Setting::new().await;
    let first = s.once(&metadata()).await.unwrap();
    let other = metadata().with_scope("read");
    let second = s.once(&other).await.unwrap();
    assert_ne!(second.client_id, first.client_id);

    // Two versions of a program that take turns do not register at each start.
    assert_eq!(s.once(&metadata()).await.unwrap().client_id, first.client_id);
    assert_eq!(s.once(&other).await.unwrap().client_id, second.client_id);
    assert_eq!(s.posts(), 2);
    let kept = s.store.list().await.unwrap();
    let asked: Vec<_> = kept.iter().map(|kept| kept.requested().unwrap().clone()).collect();
    assert_eq!(asked, [metadata(), other]);
    assert_eq!(secret(kept[0].client()), secret(&first));
}

#[tokio::test]
async fn a_secret_that_expires_within_the_margin_is_renewed() {
    let s = Setting::new().await;
    s.server.script([expiring_in(50), expiring_in(70), expiring_in(0)]);
    let first = s.once(&metadata()).await.unwrap();
    let second = s.once(&metadata()).await.unwrap();
    assert_ne!(second.client_id, first.client_id);
    assert_eq!(s.once(&metadata()).await.unwrap().client_id, second.client_id);
    assert_eq!(
        s.reasons().await,
        [(first.client_id, Some(RetiredReason::Expired)), (second.client_id.clone(), None)]
    );

    // A caller with another margin.
    let careful =
        s.server.client_builder().renewal_margin(Duration::from_secs(90)).build().unwrap();
    let third = careful.register_once(&metadata(), &s.store).await.unwrap();
    assert_ne!(third.client_id, second.client_id);
    assert_eq!(s.posts(), 3);
}

#[tokio::test]
async fn a_clock_that_is_ahead_does_not_register_at_every_call() {
    let s = Setting::new().await;
    // By this clock, whatever the server gives has expired long ago.
    s.server.script((0..5).map(|_| expiring_in(-1_000_000)));
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(s.once(&metadata()).await.unwrap().client_id);
    }
    assert_eq!(s.posts(), 2, "{ids:?}");
    assert_eq!(ids[1..], [&*ids[1]; 4].map(str::to_owned));
}

/// As if this had been saved by a clock that was ahead of the one now.
fn saved_ahead(s: &Setting, by_seconds: i64) {
    let text = std::fs::read_to_string(s.file()).unwrap();
    let mut json: serde_json::Value = serde_json::from_str(&text).unwrap();
    for kept in json["registrations"].as_array_mut().unwrap() {
        kept["saved_at"] = seconds_from_now(by_seconds).into();
    }
    std::fs::write(s.file(), json.to_string()).unwrap();
}

#[tokio::test]
async fn a_clock_set_back_renews_what_has_expired_and_nothing_else() {
    let year = 365 * 86_400;
    let s = Setting::new().await;
    s.server.script([expiring_in(3600)]);
    let first = s.once(&metadata()).await.unwrap();
    saved_ahead(&s, year);
    assert_eq!(s.once(&metadata()).await.unwrap().client_id, first.client_id);
    assert_eq!(s.posts(), 1);

    // What was registered while the clock was ahead had expired when it came, by that clock; now
    // that the clock is right, it is renewed when it expires.
    let s = Setting::new().await;
    s.server.script([expiring_in(-10), expiring_in(-10), expiring_in(-10), expiring_in(3600)]);
    s.once(&metadata()).await.unwrap();
    let second = s.once(&metadata()).await.unwrap();
    assert_eq!(s.once(&metadata()).await.unwrap().client_id, second.client_id);
    assert_eq!(s.posts(), 2);
    saved_ahead(&s, year);
    let third = s.once(&metadata()).await.unwrap();
    assert_ne!(third.client_id, second.client_id);
    assert_eq!(s.posts(), 3);
}

#[tokio::test]
async fn callers_that_wait_take_a_secret_that_ends_soon_as_their_own_would() {
    let s = std::sync::Arc::new(Setting::new().await);
    // Each would be renewed at once, by the margin.
    s.server.script((0..16).map(|_| expiring_in(30).with_delay(Duration::from_millis(300))));
    let callers = (0..16).map(|_| {
        let s = std::sync::Arc::clone(&s);
        tokio::spawn(async move { s.once(&metadata()).await.unwrap() })
    });
    let mut ids = Vec::new();
    for caller in callers.collect::<Vec<_>>() {
        ids.push(caller.await.unwrap().client_id);
    }
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    assert_eq!(s.posts(), 1);
    // One that comes later has it renewed.
    assert_ne!(s.once(&metadata()).await.unwrap().client_id, ids[0]);
}

#[tokio::test]
async fn a_server_that_gives_the_same_client_a_new_secret_has_it_kept() {
    let s = Setting::new().await;
    let with_secret = |secret: &str| {
        Reply::registered().with_member("client_id", "same").with_member("client_secret", secret)
    };
    s.server.script(["first", "second", "third"].map(with_secret));
    assert_eq!(secret(&s.once(&metadata()).await.unwrap()), "first");
    s.store.mark_rejected("same").await.unwrap();
    for _ in 0..2 {
        assert_eq!(secret(&s.once(&metadata()).await.unwrap()), "second");
    }
    // Asked otherwise: the new secret is the one that counts.
    let other = metadata().with_scope("read");
    for _ in 0..2 {
        assert_eq!(secret(&s.once(&other).await.unwrap()), "third");
    }
    assert_eq!(s.posts(), 3);
    let reasons = s.reasons().await.into_iter().map(|(_, reason)| reason);
    let (rejected, replaced) = (RetiredReason::Rejected, RetiredReason::Replaced);
    assert_eq!(reasons.collect::<Vec<_>>(), [Some(rejected), Some(replaced), None]);
}

#[tokio::test]
async fn what_the_server_does_not_state_is_what_was_asked() {
    let s = Setting::new().await;
    s.server.script([Reply::json(201, json!({"client_id": "7", "client_secret": "s"}))]);
    s.once(&metadata()).await.unwrap();
    // Where to listen is to be had though another port is asked for.
    let mut other = metadata();
    other.redirect_uris = vec!["http://127.0.0.1:50123/callback".to_owned()];
    let again = s.once(&other).await.unwrap();
    assert_eq!(again.metadata.redirect_uris, ["http://127.0.0.1:8910/callback"]);
    assert_eq!(s.posts(), 1);
}

#[tokio::test]
async fn a_client_that_could_not_be_saved_is_kept_later_and_renewed_like_any_other() {
    let server = Server::start().await;
    server.script([expiring_in(3600)]);
    let store = Failing::from_access(4);
    let error = server.client().register_once(&metadata(), &*store).await.unwrap_err();
    assert!(
        error.to_string().contains("with Client::save_registration when the store works"),
        "{error}"
    );
    let Error::Store(error) = error else { panic!() };
    let client = error.into_client().unwrap();

    let s = Setting::new().await;
    let endpoint = server.client();
    endpoint.save_registration(&metadata(), &s.store, &client).await.unwrap();
    endpoint.save_registration(&metadata(), &s.store, &client).await.unwrap();
    let again = endpoint.register_once(&metadata(), &s.store).await.unwrap();
    assert_eq!(again.expose_json(), client.expose_json());
    let kept = s.store.list().await.unwrap();
    assert_eq!((kept.len(), kept[0].is_imported()), (1, false));
    let careful =
        server.client_builder().renewal_margin(Duration::from_secs(7200)).build().unwrap();
    assert_ne!(
        careful.register_once(&metadata(), &s.store).await.unwrap().client_id,
        again.client_id
    );

    // Where another is in use by now, it is history.
    let s = Setting::new().await;
    let used = endpoint.register_once(&metadata(), &s.store).await.unwrap();
    endpoint.save_registration(&metadata(), &s.store, &client).await.unwrap();
    let again = endpoint.register_once(&metadata(), &s.store).await.unwrap();
    assert_eq!(again.client_id, used.client_id);
    assert_eq!(
        s.reasons().await,
        [(client.client_id, Some(RetiredReason::LostRace)), (used.client_id, None)]
    );
}

#[tokio::test]
async fn secrets_without_an_end_and_clients_without_a_secret_are_not_renewed() {
    for reply in [
        Reply::registered().with_member("client_secret_expires_at", 0),
        Reply::registered().without_member("client_secret_expires_at"),
        // Nothing expires where there is no secret.
        expiring_in(-100).without_member("client_secret"),
    ] {
        let s = Setting::new().await;
        s.server.script([reply]);
        let first = s.once(&metadata()).await.unwrap();
        assert_eq!(s.once(&metadata()).await.unwrap().client_id, first.client_id);
        assert_eq!(s.posts(), 1);
    }
}

#[tokio::test]
async fn two_that_report_invalid_client_at_once_cause_one_registration() {
    let s = Setting::new().await;
    let first = s.once(&metadata()).await.unwrap();

    let report = || async {
        let was_used = s.store.mark_rejected(&first.client_id).await.unwrap();
        (was_used, s.once(&metadata()).await.unwrap())
    };
    let ((a_was_used, a), (b_was_used, b)) = tokio::join!(report(), report());
    assert_eq!(u8::from(a_was_used) + u8::from(b_was_used), 1);
    assert_ne!(a.client_id, first.client_id);
    assert_eq!(a.client_id, b.client_id);
    assert_eq!(secret(&a), secret(&b));

    // One that reports the old client late does not touch the new one.
    assert!(!s.store.mark_rejected(&first.client_id).await.unwrap());
    assert_eq!(s.once(&metadata()).await.unwrap().client_id, a.client_id);
    assert_eq!(s.posts(), 2);
    assert_eq!(
        s.reasons().await,
        [(first.client_id.clone(), Some(RetiredReason::Rejected)), (a.client_id, None)]
    );
    let history = s.store.export(&first.client_id).await.unwrap().unwrap();
    assert_eq!(history, first.expose_json());
}

#[tokio::test]
async fn to_look_sends_nothing_and_makes_nothing() {
    let s = Setting::new().await;
    let looked = s.poggio.find_registration(&metadata(), &s.store).await.unwrap();
    assert!(looked.is_none());
    assert_eq!(std::fs::read_dir(s.folder.path()).unwrap().count(), 0);
    assert_eq!(s.store.export("loopback-client-1").await.unwrap(), None);
    assert!(!s.store.mark_rejected("loopback-client-1").await.unwrap());
    assert!(s.store.list().await.unwrap().is_empty());

    let first = s.once(&metadata()).await.unwrap();
    let looked = s.poggio.find_registration(&metadata(), &s.store).await.unwrap().unwrap();
    assert_eq!(looked.client_id, first.client_id);
    let other = metadata().with_scope("read");
    assert!(s.poggio.find_registration(&other, &s.store).await.unwrap().is_none());
    assert_eq!(s.posts(), 1);
}

fn entered(json: serde_json::Value) -> ClientInformation {
    ClientInformation::from_json(&json.to_string()).unwrap()
}

#[tokio::test]
async fn credentials_that_a_person_entered_come_first_and_are_never_replaced() {
    let s = Setting::new().await;
    let registered = s.once(&metadata()).await.unwrap();
    let endpoint = s.poggio.registration_endpoint();

    let plain = entered(json!({"client_id": "7", "client_secret": "by hand"}));
    s.store.import(endpoint, &plain).await.unwrap();
    for asked in [metadata(), metadata().with_scope("read")] {
        let client = s.once(&asked).await.unwrap();
        assert_eq!((&*client.client_id, secret(&client)), ("7", "by hand"));
    }
    assert!(s.store.list().await.unwrap()[1].is_imported());

    // Each way in which they cannot be used, and none of it leads to a request.
    let expired = json!({"client_id": "8", "client_secret": "s", "client_secret_expires_at": 9});
    let elsewhere = json!({"client_id": "9", "redirect_uris": ["https://acme.example/cb"]});
    for (json, id, why) in [
        (expired, "8", "its secret has expired"),
        (elsewhere, "9", r#"it has no redirect URI "http://127.0.0.1:8910/callback""#),
    ] {
        s.store.import(endpoint, &entered(json)).await.unwrap();
        let error = s.once(&metadata()).await.unwrap_err();
        assert_imported(&error, id, why);
        let error = s.poggio.find_registration(&metadata(), &s.store).await.unwrap_err();
        assert_imported(&error, id, why);
    }
    s.store.import(endpoint, &plain).await.unwrap();
    assert!(s.store.mark_rejected("7").await.unwrap());
    let error = s.once(&metadata()).await.unwrap_err();
    assert_imported(&error, "7", "the server does not accept it any more");
    assert_eq!(s.posts(), 1);

    // A person's word ends it, and what was registered is used again.
    assert!(s.store.remove("7").await.unwrap());
    assert!(!s.store.remove("7").await.unwrap());
    assert_eq!(s.once(&metadata()).await.unwrap().client_id, registered.client_id);
    assert_eq!(s.posts(), 1);
}

fn assert_imported(error: &Error, id: &str, why: &str) {
    let Error::Store(store) = error else { panic!("{error}") };
    assert_eq!(store.kind(), StoreErrorKind::ImportedUnusable);
    assert_eq!(error.outcome(), Outcome::NotRegistered);
    let text = error.to_string();
    assert!(text.contains(&format!("the client {id:?} was entered by a person")), "{text}");
    assert!(text.contains(why), "{text}");
    assert!(text.ends_with("import other credentials, or take these out with remove"), "{text}");
}

#[tokio::test]
async fn an_import_is_for_one_endpoint_and_covers_any_loopback_port() {
    let s = Setting::new().await;
    let with_uri = entered(json!({
        "client_id": "7", "redirect_uris": ["http://127.0.0.1:1/callback"],
    }));
    s.store.import("https://elsewhere.example/register", &with_uri).await.unwrap();
    assert_eq!(s.once(&metadata()).await.unwrap().client_id, "loopback-client-1");

    s.store.import(s.poggio.registration_endpoint(), &with_uri).await.unwrap();
    assert_eq!(s.once(&metadata()).await.unwrap().client_id, "7");
}

#[tokio::test]
async fn what_is_exported_can_be_imported_elsewhere() {
    let s = Setting::new().await;
    let client = s.once(&metadata()).await.unwrap();
    let json = s.store.export(&client.client_id).await.unwrap().unwrap();

    let other = FileStore::new(s.folder.path().join("other.json")).unwrap();
    let read = ClientInformation::from_json(&json.to_string()).unwrap();
    other.import(s.poggio.registration_endpoint(), &read).await.unwrap();
    let again = s.poggio.register_once(&metadata(), &other).await.unwrap();
    assert_eq!(again.expose_json(), client.expose_json());
    assert_eq!(s.posts(), 1);
}

#[tokio::test]
async fn wrong_metadata_is_told_before_the_store_is_touched() {
    let s = Setting::new().await;
    let error = s.once(&ClientMetadata::new()).await.unwrap_err();
    assert!(matches!(error, Error::Validation(_)), "{error}");
    assert_eq!(std::fs::read_dir(s.folder.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn a_registration_that_fails_is_told_as_it_is_and_the_next_call_tries_again() {
    let s = Setting::new().await;
    s.server.script([Reply::status(403), Reply::status(500)]);
    let error = s.once(&metadata()).await.unwrap_err();
    assert_eq!((error.status().unwrap().as_u16(), error.outcome()), (403, Outcome::NotRegistered));
    let error = s.once(&metadata()).await.unwrap_err();
    assert_eq!((error.status().unwrap().as_u16(), error.outcome()), (500, Outcome::Unknown));
    assert!(s.store.list().await.unwrap().is_empty());
    assert_eq!(attempts(&s.once(&metadata()).await.unwrap()), 1);
}

#[tokio::test]
async fn a_caller_that_gives_up_holds_up_no_one() {
    let s = Setting::new().await;
    s.server.script([Reply::registered().with_delay(Duration::from_secs(30))]);
    let asked = metadata();
    let given_up = tokio::time::timeout(Duration::from_millis(200), s.once(&asked)).await;
    assert!(given_up.is_err());
    assert_eq!(s.posts(), 1);

    let client = tokio::time::timeout(Duration::from_secs(5), s.once(&metadata())).await;
    assert_eq!(attempts(&client.unwrap().unwrap()), 1);
}

/// A store in memory, without a lock, whose accesses fail from one on.
#[derive(Default)]
pub(crate) struct Failing {
    text: std::sync::Mutex<Option<String>>,
    accesses: AtomicUsize,
    fails_from: usize,
}

impl Failing {
    pub(crate) fn from_access(fails_from: usize) -> Arc<Self> {
        Arc::new(Self { fails_from, ..Self::default() })
    }

    fn access<T>(&self, work: impl FnOnce(&mut Option<String>) -> T) -> Result<T, StoreError> {
        if self.accesses.fetch_add(1, Ordering::SeqCst) >= self.fails_from {
            return Err(StoreError::new("is gone").with_source("the plug was pulled"));
        }
        Ok(work(&mut self.text.lock().unwrap()))
    }
}

impl RegistrationStore for Failing {
    fn read(&self) -> StoreFuture<'_, Option<Versioned>> {
        let read = self.access(|text| text.clone().map(|text| Versioned::new(text, "")));
        Box::pin(async { read })
    }

    fn write<'a>(
        &'a self,
        text: &'a str,
        expected: Option<&'a Versioned>,
    ) -> StoreFuture<'a, WriteResult> {
        let written = self.access(|kept| {
            if kept.as_deref() != expected.map(Versioned::expose) {
                return WriteResult::Conflict;
            }
            *kept = Some(text.to_owned());
            WriteResult::Written
        });
        Box::pin(async { written })
    }

    fn name(&self) -> String {
        "the drawer".to_owned()
    }
}

#[tokio::test]
async fn a_store_that_fails_at_any_step_costs_no_secret() {
    // Look, look again, claim, look; save.
    const BEFORE: usize = 4;
    let mut outcomes = Vec::new();
    for fails_from in 0..6 {
        let server = Server::start().await;
        let store = Failing::from_access(fails_from);
        let result = server.client().register_once(&metadata(), &*store).await;
        let posts = server.requests().len();
        let error = match result {
            Ok(client) => {
                assert_eq!((posts, &*client.client_id), (1, "loopback-client-1"));
                outcomes.push("saved");
                continue;
            }
            Err(error) => error,
        };
        assert_eq!(posts, usize::from(fails_from >= BEFORE), "{fails_from}");
        let shown = all_shown(&error);
        assert!(shown.contains("the drawer is gone"), "{shown}");
        assert!(shown.contains("the plug was pulled"), "{shown}");
        assert!(!shown.contains("loopback-secret"), "{shown}");
        let outcome = error.outcome();
        let attempts = error.attempts();
        let Error::Store(error) = error else { panic!("{error}") };
        match error.into_client() {
            None => {
                assert_eq!((outcome, attempts), (Outcome::NotRegistered, 0));
                outcomes.push("nothing");
            }
            Some(client) => {
                assert_eq!((outcome, attempts), (Outcome::Registered, 1));
                assert!(secret(&client).contains("secret"), "the server's own");
                assert!(shown.contains(r#"the client "loopback-client-1" could not be saved"#));
                outcomes.push("handed over");
            }
        }
    }
    assert_eq!(outcomes, ["nothing", "nothing", "nothing", "nothing", "handed over", "saved"]);
}

#[tokio::test]
async fn a_claim_is_dropped_whatever_the_call_comes_to() {
    let server = Server::start().await;
    let store = Failing { fails_from: usize::MAX, ..Failing::default() };
    server.script([Reply::status(403)]);
    server.client().register_once(&metadata(), &store).await.unwrap_err();
    let kept = store.text.lock().unwrap().clone().unwrap();
    assert!(!kept.contains("claim"), "{kept}");
    server.client().register_once(&metadata(), &store).await.unwrap();
    let kept = store.text.lock().unwrap().clone().unwrap();
    assert!(!kept.contains("claim") && kept.contains("loopback-client-1"), "{kept}");
}

/// A store that takes its time.
struct Slow(Failing, Duration);

impl RegistrationStore for Slow {
    fn read(&self) -> StoreFuture<'_, Option<Versioned>> {
        Box::pin(async {
            tokio::time::sleep(self.1).await;
            self.0.read().await
        })
    }

    fn write<'a>(
        &'a self,
        text: &'a str,
        expected: Option<&'a Versioned>,
    ) -> StoreFuture<'a, WriteResult> {
        self.0.write(text, expected)
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_too_slow_for_its_claims_is_told_before_anything_is_sent() {
    // A server on this test's clock.
    let wire = Wire::answering(sized("201 Created", "", r#"{"client_id": "7"}"#)).await;
    let poggio = Client::builder().base_url(&wire.base_url).build().unwrap();
    let store = |seconds| {
        let inner = Failing { fails_from: usize::MAX, ..Failing::default() };
        Slow(inner, Duration::from_secs(seconds))
    };
    // Who looks at a claim that may have run out by then claims again.
    let error = poggio.register_once(&metadata(), &store(11)).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the store answers too slowly for a registration under its claim; no client was \
         registered: put the store right, then call again"
    );
    assert_eq!(wire.arrived(), 0);
    assert_eq!(poggio.register_once(&metadata(), &store(9)).await.unwrap().client_id, "7");
}

#[tokio::test]
async fn a_lock_that_cannot_be_taken_is_an_error_before_anything_is_sent() {
    struct Locked(Failing);
    impl RegistrationStore for Locked {
        fn read(&self) -> StoreFuture<'_, Option<Versioned>> {
            self.0.read()
        }
        fn write<'a>(
            &'a self,
            text: &'a str,
            expected: Option<&'a Versioned>,
        ) -> StoreFuture<'a, WriteResult> {
            self.0.write(text, expected)
        }
        fn lock(&self, wait: Duration) -> StoreFuture<'_, Option<StoreLock>> {
            assert_eq!(wait, Duration::from_secs(7), "the client's timeout");
            Box::pin(async { Err(StoreError::new("is busy").with_kind(StoreErrorKind::Busy)) })
        }
    }
    let server = Server::start().await;
    let poggio = server.client_builder().timeout(Duration::from_secs(7)).build().unwrap();
    let store = Locked(Failing { fails_from: usize::MAX, ..Failing::default() });
    let error = poggio.register_once(&metadata(), &store).await.unwrap_err();
    let Error::Store(store_error) = &error else { panic!("{error}") };
    assert_eq!(store_error.kind(), StoreErrorKind::Busy);
    assert_eq!(
        error.to_string(),
        "the store is busy; no client was registered: wait for the others, or end them, then \
         call again"
    );
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn the_largest_limits_hold() {
    let s = Setting::new().await;
    let builder = s.server.client_builder().timeout(Duration::MAX).renewal_margin(Duration::MAX);
    let poggio = builder.build().unwrap();
    s.server.script([expiring_in(3600)]);
    let first = poggio.register_once(&metadata(), &s.store).await.unwrap();
    // Nothing that ends lies beyond such a margin; what has no end does.
    let second = poggio.register_once(&metadata(), &s.store).await.unwrap();
    assert_ne!(second.client_id, first.client_id);
    let again = poggio.register_once(&metadata(), &s.store).await.unwrap();
    assert_eq!(again.client_id, second.client_id);

    // A store without a lock, claimed by another for as long as a number can say.
    let store = Failing { fails_from: usize::MAX, ..Failing::default() };
    let claim = json!({"owner": "another", "term_seconds": u64::MAX});
    let text = json!({"format": 1, "claim": claim, "registrations": []}).to_string();
    *store.text.lock().unwrap() = Some(text);
    let asked = metadata();
    let waiting = poggio.register_once(&asked, &store);
    assert!(tokio::time::timeout(Duration::from_millis(300), waiting).await.is_err());
}
