//! A store in an object of S3, Google Cloud Storage, Azure or what speaks their protocols.
//!
//! Every host reads the object and replaces it only where it is still what was read (`If-Match`,
//! `If-None-Match: *`). That is all the service has to do: which host registers, how long the
//! others wait, and what becomes of one that died, is settled by what is written there (the claim,
//! see `protocol.rs` beside this file).

use std::{fmt, sync::Arc};

use object_store::{
    Error as ObjectError, GetOptions, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload,
    UpdateVersion, path::Path,
};
use serde::{Deserialize, Serialize};

use super::registration_store::{RegistrationStore, StoreFuture, Versioned, WriteResult};
use crate::{
    error::{ConfigError, Error, StoreError},
    redact::Redactor,
};

/// What is larger is not read: far more than any history of registrations.
const CAP: u64 = 64 * 1024 * 1024;

/// Keeps the registrations of an application in an object of a cloud's store, for many hosts
/// (feature `object-store`).
///
/// Any number of hosts that start at once send one request between them, and all get the same
/// client. One of them claims the object for the time that a call may take
/// ([`timeout`](crate::ClientBuilder::timeout) and 10 seconds more); a host that died in between
/// holds up the others for no longer than that. No host's clock matters.
///
/// The object holds secrets: let nobody but these hosts read it, in a bucket that encrypts. To keep
/// versions of it is wise; what is in it is nowhere else.
///
/// # The service
///
/// It has to compare and replace in one step. These do: S3, Google Cloud Storage, Azure Blob
/// Storage, R2, `MinIO`. Where it does not, [`register_once`](crate::Client::register_once) is an
/// error before anything is registered; nothing is ever written without a condition.
///
/// The crate [`object_store`] talks to it, and its settings are the caller's:
///
/// * S3's conditional writes, `S3ConditionalPut::ETagMatch`, are its default; leave them on.
/// * It tries again by itself, for up to 3 minutes: what cannot connect, and what is answered with
///   408, 429 or 5xx, but no write whose connection breaks. That is safe here: a write that took effect
///   though its answer was lost is found by the next read. It is long for a claim, though. With
///   `RetryConfig { retry_timeout: Duration::from_secs(10), .. }` a host knows in time whether its
///   client was saved. One that was too slow loses nothing: its client goes into the history, and
///   it returns that of the host which was faster.
///
/// # Examples
///
/// In `Cargo.toml`, for S3:
///
/// ```toml
/// [dependencies]
/// poggio = { version = "0.1", features = ["object-store"] }
/// object_store = { version = "0.14", default-features = false, features = ["aws"] }
/// ```
///
/// ```no_run
/// use std::{sync::Arc, time::Duration};
/// use object_store::{RetryConfig, aws::AmazonS3Builder};
/// use poggio::{Client, ClientMetadata, store::SharedStore};
///
/// # async fn start(metadata: ClientMetadata) -> Result<(), Box<dyn std::error::Error>> {
/// // Region and credentials from the environment, or from what the machine is allowed.
/// let s3 = AmazonS3Builder::from_env()
///     .with_bucket_name("acme-secrets")
///     .with_retry(RetryConfig { retry_timeout: Duration::from_secs(10), ..Default::default() })
///     .build()?;
/// let store = SharedStore::new(Arc::new(s3), "poggio/acme-sync.json")?;
/// let client = Client::from_env()?.register_once(&metadata, &store).await?;
/// # Ok(())
/// # }
/// ```
///
/// The same with a store in memory, as tests use it:
///
/// ```
/// use std::sync::Arc;
/// use poggio::{
///     ClientMetadata,
///     store::{SharedStore, object_store::memory::InMemory},
///     testing::Server,
/// };
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), poggio::Error> {
/// # let server = Server::start().await;
/// # let (one_host, another) = (server.client(), server.client());
/// # let metadata = ClientMetadata::new().with_redirect_uri("https://acme.example/callback");
/// let bucket = Arc::new(InMemory::new());
/// let here = SharedStore::new(bucket.clone(), "poggio/acme-sync.json")?;
/// let there = SharedStore::new(bucket, "poggio/acme-sync.json")?;
///
/// let (first, second) = tokio::join!(
///     one_host.register_once(&metadata, &here),
///     another.register_once(&metadata, &there),
/// );
/// assert_eq!(first?.client_id, second?.client_id);
/// assert_eq!(server.registrations().len(), 1);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct SharedStore {
    objects: Arc<dyn ObjectStore>,
    path: Path,
}

/// The service's name for a state of the object; which of the two it gives is its own business.
#[derive(Serialize, Deserialize)]
struct Version {
    e_tag: Option<String>,
    version: Option<String>,
}

impl SharedStore {
    /// Returns the store in the object at `path`, such as `poggio/acme-sync.json`, which does not
    /// have to be there; its bucket does.
    ///
    /// Nothing is sent yet.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] where the path names no object: it is empty, or has an empty part, `.` or
    /// `..`.
    pub fn new(objects: Arc<dyn ObjectStore>, path: &str) -> Result<Self, Error> {
        match Path::parse(path) {
            Ok(path) if !path.as_ref().is_empty() => Ok(Self { objects, path }),
            _ => {
                let problem = format!(
                    "{path:?} names no object; name one as in \"poggio/acme-sync.json\", without \
                     empty parts, . or .."
                );
                Err(ConfigError::new("SharedStore::new", problem).into())
            }
        }
    }

    /// Returns the object's path.
    #[must_use]
    pub fn path(&self) -> &str {
        self.path.as_ref()
    }

    async fn get(&self) -> Result<Option<Versioned>, StoreError> {
        let answer = match self.objects.get_opts(&self.path, GetOptions::default()).await {
            Ok(answer) => answer,
            Err(ObjectError::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(self.failed("read", &error)),
        };
        let damaged = |how: &str| Err(StoreError::damaged(&self.name(), how));
        if answer.meta.size >= CAP {
            return damaged("it is larger than 64 MiB");
        }
        let version =
            Version { e_tag: answer.meta.e_tag.clone(), version: answer.meta.version.clone() };
        if version.e_tag.is_none() && version.version.is_none() {
            return Err(self.cannot_compare("gives neither an ETag nor a version to compare"));
        }
        let bytes = answer.bytes().await.map_err(|error| self.failed("read", &error))?;
        let Ok(text) = String::from_utf8(Vec::from(bytes)) else {
            return damaged("it is not UTF-8");
        };
        let version = serde_json::json!(version).to_string();
        Ok(Some(Versioned::new(text, version)))
    }

    async fn put(
        &self,
        text: &str,
        expected: Option<&Versioned>,
    ) -> Result<WriteResult, StoreError> {
        let Some(expected) = expected else {
            self.try_conditions().await?;
            return self.put_where(text, PutMode::Create).await;
        };
        let Ok(version) = serde_json::from_str::<Version>(expected.version()) else {
            let problem = "was not what was read: write what `read` of this store returned";
            return Err(StoreError::new(problem).at(&self.name()));
        };
        let Version { e_tag, version } = version;
        self.put_where(text, PutMode::Update(UpdateVersion { e_tag, version })).await
    }

    async fn put_where(&self, text: &str, mode: PutMode) -> Result<WriteResult, StoreError> {
        let is_update = matches!(mode, PutMode::Update(_));
        let payload = PutPayload::from(text.to_owned());
        match self.objects.put_opts(&self.path, payload, PutOptions::from(mode)).await {
            Ok(_) => Ok(WriteResult::Written),
            Err(
                ObjectError::AlreadyExists { .. }
                | ObjectError::Precondition { .. }
                | ObjectError::NotModified { .. },
            ) => Ok(WriteResult::Conflict),
            // Removed in between; of a missing bucket the next read and write tell.
            Err(ObjectError::NotFound { .. }) if is_update => Ok(WriteResult::Conflict),
            Err(error) => Err(self.failed("write", &error)),
        }
    }

    /// Makes sure that the service minds conditions before anything depends on it: to replace what
    /// is not there, and never had this version, has to be refused.
    async fn try_conditions(&self) -> Result<(), StoreError> {
        let (e_tag, version) = (format!("\"{}\"", "0".repeat(32)), "1".to_owned());
        let mode = PutMode::Update(UpdateVersion { e_tag: Some(e_tag), version: Some(version) });
        if self.put_where("", mode).await? == WriteResult::Conflict {
            return Ok(());
        }
        // Not to be taken for a store. If it stays, it is refused as damaged.
        let _ = self.objects.delete(&self.path).await;
        Err(self.cannot_compare("writes whatever the condition is"))
    }

    fn cannot_compare(&self, what: &str) -> StoreError {
        let problem = format!(
            "cannot be used: its service {what}, and two hosts could overwrite each other; use one \
             with conditional writes, and leave them on"
        );
        StoreError::new(problem).at(&self.name())
    }

    fn failed(&self, what: &str, error: &ObjectError) -> StoreError {
        let why = match error {
            ObjectError::NotImplemented { .. } | ObjectError::NotSupported { .. } => {
                return self.cannot_compare("does not write on a condition");
            }
            ObjectError::NotFound { .. } => " (is there such a bucket?)",
            ObjectError::PermissionDenied { .. } => " (these credentials are not allowed to)",
            ObjectError::Unauthenticated { .. } => " (these credentials are not accepted)",
            _ => "",
        };
        let problem = format!("cannot be used: to {what} it failed: {}{why}", cause(error));
        StoreError::new(problem).at(&self.name())
    }
}

/// The innermost cause, which has no URL; of a service's answer its status and code alone: its
/// body can repeat what was sent.
fn cause(error: &ObjectError) -> String {
    const STATUS: &str = "Server returned non-2xx status code: ";
    const BODY: &str = "Server returned error response: ";
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    let text = cause.to_string();
    let (status, body) = if let Some((_, answer)) = text.split_once(STATUS) {
        answer.split_once(": ").unwrap_or((answer, ""))
    } else if let Some((_, body)) = text.split_once(BODY) {
        ("an error in the answer", body)
    } else {
        return Redactor::new(None, None).redact(&text);
    };
    let code = body.split_once("<Code>").and_then(|(_, rest)| rest.split_once("</Code>"));
    match code {
        Some((code, _)) if code.len() < 64 && code.chars().all(|c| c.is_ascii_alphabetic()) => {
            format!("{status}, {code}")
        }
        _ => status.to_owned(),
    }
}

impl RegistrationStore for SharedStore {
    fn read(&self) -> StoreFuture<'_, Option<Versioned>> {
        Box::pin(self.get())
    }

    fn write<'a>(
        &'a self,
        text: &'a str,
        expected: Option<&'a Versioned>,
    ) -> StoreFuture<'a, WriteResult> {
        // What has begun is done to its end, even where its caller has gone: it may be the one
        // place that a secret is in.
        let (store, text, expected) = (self.clone(), text.to_owned(), expected.cloned());
        let work = tokio::spawn(async move { store.put(&text, expected.as_ref()).await });
        Box::pin(async {
            let stopped = |_| Err(StoreError::new("was interrupted: the runtime is shutting down"));
            work.await.unwrap_or_else(stopped)
        })
    }

    fn name(&self) -> String {
        format!("{} in {}", self.path, self.objects)
    }
}

impl fmt::Debug for SharedStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SharedStore").field(&self.name()).finish()
    }
}
