//! The shared store on a store in memory: hosts at once, hosts that die or are slow, and services
//! that fail, lose answers, or mind no conditions. With a real server: `s3`.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures_util::stream::BoxStream;
use poggio::{
    Client, Error, Outcome, RegistrationStore, RegistrationStoreExt, StoreError, StoreErrorKind,
    store::{
        RetiredReason, SharedStore, Versioned, WriteResult,
        object_store::{
            self, CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
            ObjectStore, ObjectStoreExt, PutMode, PutMultipartOptions, PutOptions, PutPayload,
            PutResult, Result, RetryConfig, aws::AmazonS3Builder, memory::InMemory, path::Path,
        },
    },
    testing::Server,
};
use serde_json::json;
use tokio::time::{Instant, sleep, timeout};

use crate::{
    store::s3::PlainHttp,
    support::{ServerBehaviour, Wire, all_shown, debugged, metadata, sized},
};

const PATH: &str = "poggio/acme.json";
const SECRET: &str = "hunter2";
/// What is written of a host that registers.
const TIMEOUT: Duration = Duration::from_secs(2);
const TERM: Duration = Duration::from_secs(12);

fn store(bucket: &Arc<impl ObjectStore>) -> SharedStore {
    SharedStore::new(Arc::clone(bucket) as Arc<dyn ObjectStore>, PATH).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn hosts_that_start_at_once_send_one_request() {
    let (server, bucket) = (Server::start().await, Arc::new(InMemory::new()));
    server.use_random_ids();
    let hosts = (0..8).map(|_| {
        let (poggio, store) = (server.client(), store(&bucket));
        tokio::spawn(async move { poggio.register_once(&metadata(), &store).await.unwrap() })
    });
    let mut clients = Vec::new();
    for host in hosts.collect::<Vec<_>>() {
        clients.push(host.await.unwrap().expose_json());
    }
    assert_eq!(server.requests().len(), 1);
    assert!(clients.iter().all(|client| *client == clients[0]));
    // The claim is given up.
    let kept = store(&bucket).read().await.unwrap().unwrap();
    assert!(!kept.expose().contains("\"claim\""));
}

fn of_store(error: Error) -> StoreError {
    match error {
        Error::Store(error) => error,
        error => panic!("{error}"),
    }
}

/// A server on this test's clock, whose clients are `client-1`, `client-2`, each of them once.
async fn wire() -> (Wire, Client) {
    let answer = |i| {
        let body = format!(r#"{{"client_id": "client-{i}", "client_secret": "{SECRET}"}}"#);
        ServerBehaviour::Answers(sized("201 Created", "", &body))
    };
    let wire = Wire::serve(vec![answer(1), answer(2), answer(3)]).await;
    let poggio = Client::builder().base_url(&wire.base_url).timeout(TIMEOUT).build().unwrap();
    (wire, poggio)
}

/// The accesses of a host that finds nothing, in order.
const FIRST_READ: usize = 0;
const READ_BEFORE_CLAIM: usize = 1;
const CONDITIONS: usize = 2;
const CLAIM: usize = 3;
const READ_AFTER_CLAIM: usize = 4;
// Here, the request.
const SAVE: usize = 5;

#[tokio::test(start_paused = true)]
async fn a_host_that_died_holds_up_the_others_for_its_term() {
    let (_wire, poggio) = wire().await;
    let bucket = Arc::new(Bucket::with(READ_AFTER_CLAIM, Fault::Delays(Duration::MAX / 4)));
    let died = timeout(Duration::from_secs(1), async {
        poggio.register_once(&metadata(), &store(&bucket)).await
    });
    assert!(died.await.is_err());
    let kept = store(&bucket).read().await.unwrap().unwrap();
    assert!(kept.expose().contains("\"term_seconds\": 12"));

    let start = Instant::now();
    let client = poggio.register_once(&metadata(), &store(&bucket)).await.unwrap();
    assert_eq!(client.client_id, "client-1");
    assert!((TERM..TERM + TIMEOUT).contains(&start.elapsed()), "{:?}", start.elapsed());
    // And no other waits again.
    let start = Instant::now();
    let client = poggio.register_once(&metadata(), &store(&bucket)).await.unwrap();
    assert_eq!((client.client_id.as_str(), start.elapsed()), ("client-1", Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn a_host_that_was_only_slow_gives_way_to_the_winner_and_loses_nothing() {
    let (_wire, poggio) = wire().await;
    let bucket = Arc::new(Bucket::with(SAVE, Fault::Delays(Duration::from_secs(60))));
    let (first, second) = (store(&bucket), store(&bucket));
    let metadata = metadata();
    let (slow, winner) = tokio::join!(poggio.register_once(&metadata, &first), async {
        sleep(Duration::from_secs(1)).await;
        poggio.register_once(&metadata, &second).await
    });
    assert_eq!(winner.unwrap().client_id, "client-2");
    assert_eq!(slow.unwrap().client_id, "client-2");

    let kept = first.list().await.unwrap();
    let kept: Vec<_> = kept
        .iter()
        .map(|kept| {
            let secret = kept.client().client_secret.as_ref().unwrap().expose().to_owned();
            (kept.client().client_id.clone(), secret, kept.retired().map(|r| r.reason))
        })
        .collect();
    let has = |id: &str, retired| (id.to_owned(), SECRET.to_owned(), retired);
    let lost_race = has("client-1", Some(RetiredReason::LostRace));
    assert_eq!(kept, [lost_race, has("client-2", None)]);
}

#[tokio::test(start_paused = true)]
async fn a_claim_that_never_ends_is_an_error_that_names_its_owner() {
    let (wire, poggio) = wire().await;
    let bucket = Arc::new(Bucket::default());
    let claim = json!({
        "format": 1,
        "claim": {"owner": "process 7 (cafe)", "term_seconds": 1_000_000},
        "registrations": [],
    });
    bucket.inner.put(&PATH.into(), claim.to_string().into()).await.unwrap();

    let start = Instant::now();
    let error = poggio.register_once(&metadata(), &store(&bucket)).await.unwrap_err();
    assert!((TERM..TERM + 2 * TIMEOUT).contains(&start.elapsed()), "{:?}", start.elapsed());
    assert_eq!(error.outcome(), Outcome::NotRegistered);
    insta::assert_snapshot!(error, @"poggio/acme.json in Bucket was in use by others for 14s: process 7 (cafe) has claimed it; no client was registered: wait for the others, or end them, then call again");
    let error = of_store(error);
    assert_eq!(error.kind(), StoreErrorKind::Busy);
    assert_eq!(wire.arrived(), 0);
}

#[tokio::test]
async fn a_service_that_fails_at_any_step_costs_no_client() {
    for at in 0..SAVE {
        let server = Server::start().await;
        let bucket = Arc::new(Bucket::with(at, Fault::Fails));
        let error = server.client().register_once(&metadata(), &store(&bucket)).await.unwrap_err();
        assert_eq!(server.requests().len(), 0, "at {at}");
        assert_eq!(error.outcome(), Outcome::NotRegistered, "at {at}");
        let does = if matches!(at, CONDITIONS | CLAIM) { "write" } else { "read" };
        let text =
            format!("poggio/acme.json in Bucket cannot be used: to {does} it failed: out of order");
        assert!(error.to_string().contains(&text), "at {at}: {error}");

        let error = of_store(error);
        assert_eq!(error.kind(), StoreErrorKind::Failed);
        assert!(error.client().is_none());
    }
    assert_eq!((FIRST_READ, READ_BEFORE_CLAIM), (0, 1));
}

#[tokio::test]
async fn a_write_whose_answer_is_lost_is_found_and_a_save_that_fails_is_tried_again() {
    for (at, fault) in [
        // The service's library tried again and met its own write.
        (CLAIM, Fault::MeetsItself),
        (SAVE, Fault::MeetsItself),
        // It gave up, and the call itself tries again.
        (SAVE, Fault::LosesAnswer),
        (SAVE, Fault::Fails),
    ] {
        let server = Server::start().await;
        let bucket = Arc::new(Bucket::with(at, fault));
        let client = server.client().register_once(&metadata(), &store(&bucket)).await.unwrap();
        assert_eq!(client.client_id, "loopback-client-1");
        assert_eq!(server.requests().len(), 1, "at {at}");
        assert_eq!(store(&bucket).list().await.unwrap().len(), 1);
        let kept = store(&bucket).read().await.unwrap().unwrap();
        assert!(!kept.expose().contains("\"claim\""), "at {at}");
    }
}

#[tokio::test]
async fn a_service_that_cannot_compare_is_refused_before_anything_is_registered() {
    for (minds, what) in [
        (Minds::Nothing, "writes whatever the condition is"),
        (Minds::Creation, "does not write on a condition"),
        (Minds::NoTags, "gives neither an ETag nor a version to compare"),
    ] {
        let server = Server::start().await;
        let bucket = Arc::new(Bucket { minds, ..Bucket::default() });
        for _ in 0..2 {
            let error =
                server.client().register_once(&metadata(), &store(&bucket)).await.unwrap_err();
            assert_eq!(error.outcome(), Outcome::NotRegistered);
            assert_eq!(
                of_store(error).to_string(),
                format!(
                    "poggio/acme.json in Bucket cannot be used: its service {what}, and two hosts \
                     could overwrite each other; use one with conditional writes, and leave them \
                     on"
                ),
            );
        }
        assert!(server.requests().is_empty());
        let is_there = bucket.inner.get(&PATH.into()).await.is_ok();
        assert_eq!(is_there, minds == Minds::NoTags, "{minds:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_whose_condition_never_holds_is_given_up() {
    let (wire, poggio) = wire().await;
    let bucket = Arc::new(Bucket { minds: Minds::WeakTags, ..Bucket::default() });
    let start = Instant::now();
    let error = poggio.register_once(&metadata(), &store(&bucket)).await.unwrap_err();
    assert!((TIMEOUT..2 * TIMEOUT).contains(&start.elapsed()), "{:?}", start.elapsed());
    assert_eq!(error.outcome(), Outcome::Registered);
    let error = of_store(error);
    assert_eq!(error.kind(), StoreErrorKind::Busy);
    assert_eq!(
        error.to_string(),
        "the client \"client-1\" could not be saved: poggio/acme.json in Bucket was in use by \
         others for 2s: others keep changing it"
    );
    assert_eq!(error.into_client().unwrap().client_secret.unwrap().expose(), SECRET);
    assert_eq!(wire.arrived(), 1);
}

#[tokio::test]
async fn what_cannot_be_a_document_is_refused() {
    let bucket = Arc::new(Bucket::default());
    for (bytes, how) in [
        (vec![b' '; 64 * 1024 * 1024], "it is larger than 64 MiB"),
        (vec![b'{', 0xff], "it is not UTF-8"),
        (b"{".to_vec(), "it ends too early, at line 1, column 1"),
    ] {
        bucket.inner.put(&PATH.into(), bytes.into()).await.unwrap();
        let error = store(&bucket).list().await.unwrap_err();
        let expected = format!(
            "poggio/acme.json in Bucket is damaged, or not a store of registrations: {how}; it \
             was not changed"
        );
        assert_eq!(of_store(error).to_string(), expected);
    }
}

#[tokio::test]
async fn a_write_expects_what_this_store_read() {
    let store = store(&Arc::new(Bucket::default()));
    let error = store.write("new", Some(&Versioned::new("old".to_owned(), "7"))).await.unwrap_err();
    assert!(error.to_string().contains("was not what was read"), "{error}");

    // What was removed in between is not what was read.
    assert_eq!(store.write("old", None).await.unwrap(), WriteResult::Written);
    let read = store.read().await.unwrap();
    let empty = self::store(&Arc::new(Bucket::default()));
    assert_eq!(empty.write("new", read.as_ref()).await.unwrap(), WriteResult::Conflict);
    assert!(empty.read().await.unwrap().is_none());
}

#[tokio::test]
async fn a_service_may_name_a_state_by_a_version_alone() {
    let bucket = Arc::new(Bucket { minds: Minds::Versions, ..Bucket::default() });
    let store = store(&bucket);
    for text in ["one", "two", "three"] {
        let read = store.read().await.unwrap();
        assert_eq!(store.write(text, read.as_ref()).await.unwrap(), WriteResult::Written);
        assert_eq!(store.read().await.unwrap().unwrap().expose(), text);
    }
}

#[test]
fn a_path_names_an_object() {
    let bucket = Arc::new(InMemory::new());
    for path in ["", "/", "a//b", "a/../b", "./a"] {
        let error = SharedStore::new(bucket.clone(), path).unwrap_err();
        let begin = format!("SharedStore::new: {path:?} names no object; name one as in");
        assert!(error.to_string().contains(&begin), "{error}");
    }
    for path in ["acme.json", "/poggio/acme.json", "poggio/acme sync.json"] {
        let store = SharedStore::new(bucket.clone(), path).unwrap();
        assert_eq!(store.path(), path.trim_start_matches('/'));
        assert_eq!(store.name(), format!("{} in InMemory", store.path()));
        assert_eq!(format!("{store:?}"), format!("SharedStore({:?})", store.name()));
    }
}

/// S3 with credentials that must not be seen.
fn s3(endpoint: &str) -> SharedStore {
    let s3 = AmazonS3Builder::new()
        .with_endpoint(endpoint)
        .with_bucket_name("acme")
        .with_region("us-east-1")
        .with_access_key_id("AKIAHIDDEN")
        .with_secret_access_key("hidden-key")
        .with_token("hidden-token")
        .with_allow_http(true)
        .with_http_connector(PlainHttp::new())
        .with_retry(RetryConfig { max_retries: 0, ..RetryConfig::default() });
    SharedStore::new(Arc::new(s3.build().unwrap()), PATH).unwrap()
}

#[tokio::test]
async fn an_error_of_the_service_shows_its_code_and_nothing_of_what_was_sent() {
    let body = "<Error><Code>SignatureDoesNotMatch</Code><Message>hidden-message</Message>\
         <AWSAccessKeyId>AKIAHIDDEN</AWSAccessKeyId><CanonicalRequest>PUT x-amz-security-token:\
         hidden-token</CanonicalRequest><Echo>hidden-text</Echo></Error>";
    for (status, body, shown) in [
        (
            "403 Forbidden",
            body,
            "403 Forbidden, SignatureDoesNotMatch (these credentials are not allowed to)",
        ),
        (
            "401 Unauthorized",
            "hidden-text",
            "401 Unauthorized (these credentials are not accepted)",
        ),
        ("400 Bad Request", "<Code>hidden-text hidden</Code>", "400 Bad Request"),
        ("500 Oops", "", "500 Internal Server Error"),
    ] {
        let server = Wire::answering(sized(status, "", body)).await;
        let store = s3(&server.base_url);
        let written = store.write("hidden-text", None).await.unwrap_err();
        for (does, error) in [("read", store.read().await.unwrap_err()), ("write", written)] {
            assert_eq!(
                error.to_string(),
                format!(
                    "poggio/acme.json in AmazonS3(acme) cannot be used: to {does} it failed: {shown}"
                ),
            );
            let all = all_shown(&Error::from(error)).to_lowercase();
            assert!(!all.contains("hidden"), "{all}");
        }
        assert!(!debugged(&store).to_lowercase().contains("hidden"));
    }
}

#[tokio::test]
async fn a_bucket_that_is_missing_and_a_service_that_is_away_are_named() {
    let body = "<Error><Code>NoSuchBucket</Code></Error>";
    let server = Wire::answering(sized("404 Not Found", "", body)).await;
    let store = s3(&server.base_url);
    assert!(store.read().await.unwrap().is_none());
    let error = store.write("text", None).await.unwrap_err().to_string();
    let shown = "to write it failed: 404 Not Found, NoSuchBucket (is there such a bucket?)";
    assert!(error.ends_with(shown), "{error}");

    let nobody = Wire::nobody();
    let error = s3(&nobody.base_url).read().await.unwrap_err().to_string();
    assert!(error.contains("to read it failed: Connection refused"), "{error}");
}

/// What a bucket does at an access.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    /// An error, and nothing happened.
    Fails,
    /// An error, though it happened.
    LosesAnswer,
    /// The condition does not hold, since it has happened.
    MeetsItself,
    /// The answer is late; a write is, too.
    Delays(Duration),
}

/// What conditions a bucket minds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Minds {
    #[default]
    All,
    Nothing,
    /// As a folder of files does.
    Creation,
    /// And names no state of an object.
    NoTags,
    /// What exists, by tags that compare to nothing.
    WeakTags,
    /// By a version alone; to replace what is not there is to find nothing.
    Versions,
}

/// A store in memory that does not do what it should.
#[derive(Debug, Default)]
struct Bucket {
    inner: InMemory,
    fault: Option<(usize, Fault)>,
    minds: Minds,
    accesses: AtomicUsize,
}

impl Bucket {
    fn with(at: usize, fault: Fault) -> Self {
        Self { fault: Some((at, fault)), ..Self::default() }
    }

    /// The fault of this access.
    async fn fault(&self) -> Option<Fault> {
        let access = self.accesses.fetch_add(1, Ordering::Relaxed);
        let (_, fault) = self.fault.filter(|(at, _)| *at == access)?;
        if let Fault::Delays(time) = fault {
            sleep(time).await;
        }
        Some(fault)
    }
}

fn out_of_order() -> object_store::Error {
    object_store::Error::Generic { store: "Bucket", source: "out of order".into() }
}

impl std::fmt::Display for Bucket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Bucket")
    }
}

#[async_trait::async_trait]
impl ObjectStore for Bucket {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        mut opts: PutOptions,
    ) -> Result<PutResult> {
        let fault = self.fault().await;
        if fault == Some(Fault::Fails) {
            return Err(out_of_order());
        }
        match (self.minds, &mut opts.mode) {
            (Minds::Nothing, mode) => *mode = PutMode::Overwrite,
            (Minds::Creation, PutMode::Update(_)) => {
                return Err(object_store::Error::NotImplemented {
                    operation: "update".to_owned(),
                    implementer: "Bucket".to_owned(),
                });
            }
            (Minds::Versions, PutMode::Update(update)) => {
                assert_eq!(update.e_tag.as_deref().filter(|tag| tag.len() < 34), None);
                update.e_tag = update.version.take().map(|version| format!("\"{version}\""));
            }
            _ => {}
        }
        let result =
            self.inner.put_opts(location, payload, opts).await.map_err(|error| match error {
                object_store::Error::Precondition { path, source }
                    if self.minds == Minds::Versions =>
                {
                    object_store::Error::NotFound { path, source }
                }
                error => error,
            })?;
        match fault {
            Some(Fault::LosesAnswer) => Err(out_of_order()),
            Some(Fault::MeetsItself) => Err(object_store::Error::Precondition {
                path: location.to_string(),
                source: "it is not what was expected".into(),
            }),
            _ => Ok(result),
        }
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        if self.fault().await == Some(Fault::Fails) {
            return Err(out_of_order());
        }
        let mut result = self.inner.get_opts(location, options).await?;
        if self.minds == Minds::NoTags {
            result.meta.e_tag = None;
        }
        if self.minds == Minds::WeakTags {
            result.meta.e_tag = result.meta.e_tag.map(|tag| format!("W/{tag}"));
        }
        if self.minds == Minds::Versions {
            let tag = result.meta.e_tag.take();
            result.meta.version = tag.map(|tag| tag.trim_matches('"').to_owned());
        }
        Ok(result)
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(locations)
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(location, options).await
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}
