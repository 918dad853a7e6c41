//! A store in an object of S3, Google Cloud Storage, Azure or a compatible service.
//!
//! Every host reads the object, and replaces it only if it still is the version that was read
//! (`If-Match`, `If-None-Match: *`). The service needs nothing else. Which host registers, how long
//! the others wait and what happens if a host crashes is decided by the claim in the document; see
//! `protocol`.

use std::{fmt, sync::Arc};

use object_store::{
    Error as ObjectError, GetOptions, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload,
    UpdateVersion, path::Path,
};
use serde::{Deserialize, Serialize};

use super::{
    document::MAX_SIZE,
    registration_store::{RegistrationStore, StoreFuture, Versioned, WriteResult, is_valid_name},
};
use crate::{
    error::{ConfigError, Error, StoreError},
    redact::Redactor,
};

/// A store in an object of a cloud's object storage, for many hosts (feature `object-store`).
///
/// Any number of hosts that start at the same time send one request between them, and all get the
/// same client. One of them claims the object for the [`timeout`](crate::ClientBuilder::timeout)
/// plus 10 seconds. If that host crashes mid-registration, the others wait no longer than that. The
/// clocks of the hosts do not matter.
///
/// The object contains secrets. Use a bucket that encrypts and that only these hosts can read, and
/// turn on versioning: the object is the only copy. Its [siblings](RegistrationStore::sibling) are
/// objects beside it: `poggio/acme.tokens.json` is a sibling of `poggio/acme.json`.
///
/// # The service
///
/// The service must support conditional writes. S3, Google Cloud Storage, Azure Blob Storage, R2
/// and `MinIO` do. With a service that does not, [`register_once`](crate::Client::register_once)
/// fails before it sends a request. Every write of this store is conditional.
///
/// You configure the service with the crate [`object_store`]:
///
/// * Leave S3's conditional writes on (`S3ConditionalPut::ETagMatch`, the default).
/// * Shorten its retries. By default, `object_store` retries for up to 3 minutes if it cannot
///   connect or if the status is 408, 429 or 5xx; it does not retry a write whose connection
///   breaks. That is safe, because the next read detects a write that took effect although its
///   response was lost. But it is longer than a claim lasts. With a `retry_timeout` of 10 seconds, a
///   host knows in time whether its client was saved. If a host is too slow, no secret is lost: its
///   client becomes history, and the host returns the client of the faster one.
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
/// // Region and credentials come from the environment or from the instance's role.
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
/// With an object in memory, for tests:
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
/// # let (one_host, other_host) = (server.client(), server.client());
/// # let metadata = ClientMetadata::new().with_redirect_uri("https://acme.example/callback");
/// let bucket = Arc::new(InMemory::new());
/// let one_store = SharedStore::new(bucket.clone(), "poggio/acme-sync.json")?;
/// let other_store = SharedStore::new(bucket, "poggio/acme-sync.json")?;
///
/// let (first, second) = tokio::join!(
///     one_host.register_once(&metadata, &one_store),
///     other_host.register_once(&metadata, &other_store),
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

/// The version of the object, stored as JSON in [`Versioned`]. Services return an `ETag`, a
/// version, or both.
#[derive(Serialize, Deserialize)]
struct Version {
    e_tag: Option<String>,
    version: Option<String>,
}

impl SharedStore {
    /// Returns the store in the object at `path`, such as `poggio/acme-sync.json`. The bucket has
    /// to exist, the object does not. Sends no request.
    ///
    /// # Errors
    ///
    /// Returns [`Error::Config`] if the path is empty, or has a segment that is empty, `.` or `..`.
    pub fn new(objects: Arc<dyn ObjectStore>, path: &str) -> Result<Self, Error> {
        match Path::parse(path) {
            Ok(path) if !path.as_ref().is_empty() => Ok(Self { objects, path }),
            _ => {
                let problem = format!(
                    "{path:?} is not the path of an object; use one such as \
                     \"poggio/acme-sync.json\", without empty, . or .. segments"
                );
                Err(ConfigError::new("SharedStore::new", problem).into())
            }
        }
    }

    /// Returns the path of the object.
    #[must_use]
    pub fn path(&self) -> &str {
        self.path.as_ref()
    }

    async fn get(&self) -> Result<Option<Versioned>, StoreError> {
        let response = match self.objects.get_opts(&self.path, GetOptions::default()).await {
            Ok(response) => response,
            Err(ObjectError::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(self.store_error("read", &error)),
        };
        let damaged = |how: &str| Err(StoreError::damaged(&self.name(), how));
        if response.meta.size >= MAX_SIZE {
            return damaged("it is larger than 64 MiB");
        }
        let version =
            Version { e_tag: response.meta.e_tag.clone(), version: response.meta.version.clone() };
        if version.e_tag.is_none() && version.version.is_none() {
            return Err(self.not_conditional("returns neither an ETag nor a version"));
        }
        let bytes = response.bytes().await.map_err(|error| self.store_error("read", &error))?;
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
            self.check_conditional_writes().await?;
            return self.put_if(text, PutMode::Create).await;
        };
        let Ok(version) = serde_json::from_str::<Version>(expected.version()) else {
            let problem =
                "got a version of another store; pass the value that `read` of this store returned";
            return Err(StoreError::new(problem).at(&self.name()));
        };
        let Version { e_tag, version } = version;
        self.put_if(text, PutMode::Update(UpdateVersion { e_tag, version })).await
    }

    async fn put_if(&self, text: &str, mode: PutMode) -> Result<WriteResult, StoreError> {
        let is_update = matches!(mode, PutMode::Update(_));
        let payload = PutPayload::from(text.to_owned());
        match self.objects.put_opts(&self.path, payload, PutOptions::from(mode)).await {
            Ok(_) => Ok(WriteResult::Written),
            Err(
                ObjectError::AlreadyExists { .. }
                | ObjectError::Precondition { .. }
                | ObjectError::NotModified { .. },
            ) => Ok(WriteResult::Conflict),
            // Removed since the read. If the bucket is missing, the next read or write fails.
            Err(ObjectError::NotFound { .. }) if is_update => Ok(WriteResult::Conflict),
            Err(error) => Err(self.store_error("write", &error)),
        }
    }

    /// Checks that the service evaluates conditions, before the object is created. It has to refuse
    /// an update of an object that does not exist, from a version that never existed.
    async fn check_conditional_writes(&self) -> Result<(), StoreError> {
        let (e_tag, version) = (format!("\"{}\"", "0".repeat(32)), "1".to_owned());
        let mode = PutMode::Update(UpdateVersion { e_tag: Some(e_tag), version: Some(version) });
        if self.put_if("", mode).await? == WriteResult::Conflict {
            return Ok(());
        }
        // Remove the empty object. If that fails, the next read refuses it as damaged.
        let _ = self.objects.delete(&self.path).await;
        Err(self.not_conditional("ignores the condition of a write"))
    }

    fn not_conditional(&self, what: &str) -> StoreError {
        let problem = format!(
            "cannot be used: its service {what}, so two hosts could overwrite each other; use a \
             service with conditional writes, and leave them on"
        );
        StoreError::new(problem).at(&self.name())
    }

    fn store_error(&self, operation: &str, error: &ObjectError) -> StoreError {
        let hint = match error {
            ObjectError::NotImplemented { .. } | ObjectError::NotSupported { .. } => {
                return self.not_conditional("does not support conditional writes");
            }
            ObjectError::NotFound { .. } => " (check that the bucket exists)",
            ObjectError::PermissionDenied { .. } => " (the credentials lack permission)",
            ObjectError::Unauthenticated { .. } => " (the credentials were rejected)",
            _ => "",
        };
        let problem =
            format!("could not be used: failed to {operation} it: {}{hint}", safe_cause(error));
        StoreError::new(problem).at(&self.name())
    }
}

/// Returns the innermost cause of an error, because the outer ones contain the URL. For an error
/// response, returns only the status and the error code, because the body can repeat the request.
fn safe_cause(error: &ObjectError) -> String {
    const STATUS: &str = "Server returned non-2xx status code: ";
    const BODY: &str = "Server returned error response: ";
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    let text = cause.to_string();
    let (status, body) = if let Some((_, response)) = text.split_once(STATUS) {
        response.split_once(": ").unwrap_or((response, ""))
    } else if let Some((_, body)) = text.split_once(BODY) {
        ("an error in the response", body)
    } else {
        return Redactor::default().redact(&text);
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
        // Spawned, so that the write completes even if the caller is dropped: it may contain the
        // only copy of a new secret.
        let (store, text, expected) = (self.clone(), text.to_owned(), expected.cloned());
        let task = tokio::spawn(async move { store.put(&text, expected.as_ref()).await });
        Box::pin(async {
            let interrupted =
                |_| Err(StoreError::new("was interrupted, because the runtime is shutting down"));
            task.await.unwrap_or_else(interrupted)
        })
    }

    fn name(&self) -> String {
        format!("{} in {}", self.path, self.objects)
    }

    fn sibling(&self, name: &str) -> Option<Arc<dyn RegistrationStore>> {
        let file_name = self.path.filename().filter(|_| is_valid_name(name))?;
        let stem = match file_name.rsplit_once('.') {
            Some((stem, _)) if !stem.is_empty() => stem,
            _ => file_name,
        };
        let folder = self.path.as_ref().strip_suffix(file_name)?;
        let path = Path::parse(format!("{folder}{stem}.{name}.json")).ok()?;
        Some(Arc::new(Self { objects: Arc::clone(&self.objects), path }))
    }
}

impl fmt::Debug for SharedStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SharedStore").field(&self.name()).finish()
    }
}
