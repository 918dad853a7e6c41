//! A store in an object of S3, Google Cloud Storage, Azure or a compatible service.
//!
//! Every host reads the object, and replaces it only if it still is the version that was read
//! (`If-Match`, `If-None-Match: *`). The service needs nothing else. Which host registers, how long
//! the others wait and what happens if a host crashes is decided by the claim in the document; see
//! `protocol`.

mod conditions;
mod object;

use std::{fmt, sync::Arc, time::Duration};

use object_store::{ObjectStore, path::Path};
use tokio::sync::OnceCell;

use self::object::Object;
use super::{
    document::MAX_SIZE,
    registration_store::{RegistrationStore, StoreFuture, Versioned, WriteResult, is_valid_name},
};
use crate::error::{ConfigError, Error, StoreError};

/// Room for one registration below the size limit. Exceeds what a response of the default maximum
/// size needs.
const RESERVED_BYTES: u64 = 512 * 1024;

/// A store in an object of a cloud's object storage, for many hosts (feature `object-store`).
///
/// Any number of hosts that start at the same time send one request between them, and all get the
/// same client. One of them claims the object for the [`timeout`](crate::ClientBuilder::timeout)
/// plus 10 seconds. If that host crashes mid-registration, the others wait no longer than that. The
/// clocks of the hosts do not matter.
///
/// The object contains secrets. Use a bucket that encrypts and that only these hosts can read, and
/// turn on versioning: the object is the only copy. Its [siblings](RegistrationStore::sibling) are
/// objects beside it: `poggio/acme.json@tokens.json` is a sibling of `poggio/acme.json`.
///
/// # The service
///
/// The service must support conditional writes. S3, Google Cloud Storage, Azure Blob Storage, R2
/// and `MinIO` do. Every write of this store is conditional. Before its first write, a store checks
/// the service with seven requests on another object, `<path>@probe-<unique id>`. With a service
/// that ignores a condition, every write fails, so that
/// [`register_once`](crate::Client::register_once) sends no request, and the object is unchanged.
///
/// The credentials need to read and write objects whose path starts with that of the object, and
/// should be allowed to delete them: otherwise a probe of about 70 bytes remains for each store that
/// wrote something.
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
#[doc(alias("s3", "gcs", "azure", "bucket", "distributed"))]
#[derive(Clone)]
pub struct SharedStore {
    object: Object,
    /// Set once the service has passed the check of its conditional writes. Siblings share it.
    has_conditions: Arc<OnceCell<()>>,
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
            Ok(path) if !path.as_ref().is_empty() => {
                Ok(Self { object: Object::new(objects, path), has_conditions: Arc::default() })
            }
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
        self.object.path.as_ref()
    }

    async fn put(
        &self,
        text: &str,
        expected: Option<&Versioned>,
    ) -> Result<WriteResult, StoreError> {
        if text.len() as u64 >= MAX_SIZE {
            return Err(self.too_large());
        }
        self.has_conditions.get_or_try_init(|| conditions::check(&self.object)).await?;
        match expected {
            None => self.object.create(text).await,
            Some(expected) => self.object.replace(text, expected).await,
        }
    }

    /// A larger object could not be read again.
    fn too_large(&self) -> StoreError {
        let problem = "has reached the limit of 64 MiB; remove clients, or use another object";
        StoreError::new(problem).at(&self.object.name)
    }
}

impl RegistrationStore for SharedStore {
    fn read(&self) -> StoreFuture<'_, Option<Versioned>> {
        Box::pin(self.object.read())
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

    fn preflight(&self, _: Duration) -> StoreFuture<'_, ()> {
        Box::pin(async {
            let size = self.object.size().await?;
            if size.saturating_add(RESERVED_BYTES) >= MAX_SIZE {
                return Err(self.too_large());
            }
            Ok(())
        })
    }

    fn name(&self) -> String {
        self.object.name.clone()
    }

    fn sibling(&self, name: &str) -> Option<Arc<dyn RegistrationStore>> {
        if !is_valid_name(name) {
            return None;
        }
        let path = Path::parse(format!("{}@{name}.json", self.object.path)).ok()?;
        let object = self.object.at(path);
        Some(Arc::new(Self { object, has_conditions: Arc::clone(&self.has_conditions) }))
    }
}

impl fmt::Debug for SharedStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SharedStore").field(&self.name()).finish()
    }
}
