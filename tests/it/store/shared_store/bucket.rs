//! An object store in memory that fails at one access, or handles conditions in its own way.

use std::{
    fmt,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures_util::{StreamExt, stream::BoxStream};
use poggio::store::object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, ObjectStoreExt, PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult,
    Result, memory::InMemory, path::Path,
};
use tokio::time::sleep;

/// How an access fails.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Fault {
    /// An error; nothing was done.
    Fails,
    /// An error, although the access was done.
    LosesResponse,
    /// The write was done and retried, and the retry found its condition unmet.
    RetriesAfterWrite,
    /// The access takes so long.
    Delays(Duration),
    /// This write and all later ones find their condition unmet.
    RefusesFromHere,
    /// Before the access, another host writes this text over the document.
    Appears(&'static str),
}

/// How a bucket handles conditions.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) enum Conditions {
    #[default]
    All,
    /// Ignores the condition.
    Ignored,
    IgnoresIfMatch,
    IgnoresIfNoneMatch,
    /// Creation alone, as a folder of files does.
    CreateOnly,
    /// Neither tags nor versions.
    NoTags,
    /// Weak tags, which never match.
    WeakTags,
    /// The tag is the length of the object.
    LengthTags,
    /// Versions instead of tags; to replace a missing object fails with `NotFound`.
    Versions,
    /// Reports an unmet condition, and writes.
    WritesAndRefuses,
    /// Reports an unmet condition for each write.
    RefusesAll,
    /// Reports success for an unmet condition, and does not write.
    AcceptsUnmet,
    /// Reports success, and does not write.
    DropsWrites,
    /// Reads return the state before the last write.
    Stale,
    /// Deletions are not allowed.
    NoDelete,
}

#[derive(Debug, Default)]
pub(super) struct Bucket {
    pub(super) inner: InMemory,
    /// The state before the last write.
    before: Mutex<InMemory>,
    /// The index of the access that fails.
    fault: Option<(usize, Fault)>,
    conditions: Conditions,
    accesses: AtomicUsize,
    /// The paths of all writes and deletions.
    changed: Mutex<Vec<String>>,
}

impl Bucket {
    pub(super) fn with_fault(access: usize, fault: Fault) -> Self {
        Self { fault: Some((access, fault)), ..Self::default() }
    }

    pub(super) fn with_conditions(conditions: Conditions) -> Self {
        Self { conditions, ..Self::default() }
    }

    pub(super) fn and_fault(mut self, access: usize, fault: Fault) -> Self {
        self.fault = Some((access, fault));
        self
    }

    /// Puts an object into the bucket without an access.
    pub(super) async fn add(&self, path: &str, text: impl Into<PutPayload>) {
        self.inner.put(&path.into(), text.into()).await.unwrap();
        *self.before.lock().unwrap() = self.inner.fork();
    }

    pub(super) fn accesses(&self) -> usize {
        self.accesses.load(Ordering::Relaxed)
    }

    /// Returns the paths of all writes and deletions so far, in order.
    pub(super) fn changed(&self) -> Vec<String> {
        self.changed.lock().unwrap().clone()
    }

    /// Returns the path and the text of each object.
    pub(super) async fn contents(&self) -> Vec<(String, String)> {
        let mut contents = Vec::new();
        for meta in self.inner.list(None).collect::<Vec<_>>().await {
            let path = meta.unwrap().location;
            let bytes = self.inner.get(&path).await.unwrap().bytes().await.unwrap();
            contents.push((path.to_string(), String::from_utf8(bytes.to_vec()).unwrap()));
        }
        contents
    }

    /// Counts an access, and returns its fault.
    async fn access(&self) -> Result<Option<Fault>> {
        let access = self.accesses.fetch_add(1, Ordering::Relaxed);
        let is_due = |(at, fault): &(usize, Fault)| match fault {
            Fault::RefusesFromHere => access >= *at,
            _ => access == *at,
        };
        let fault = self.fault.filter(is_due).map(|(_, fault)| fault);
        match fault {
            Some(Fault::Fails) => return Err(out_of_order()),
            Some(Fault::Delays(duration)) => sleep(duration).await,
            Some(Fault::Appears(text)) => self.add(super::PATH, text).await,
            _ => {}
        }
        Ok(fault)
    }

    /// Writes, as the service that the bucket imitates.
    async fn imitate(
        &self,
        location: &Path,
        payload: PutPayload,
        mut options: PutOptions,
    ) -> Result<PutResult> {
        let overwrite = PutOptions::from(PutMode::Overwrite);
        match (self.conditions, &mut options.mode) {
            (Conditions::Ignored, mode) => *mode = PutMode::Overwrite,
            (Conditions::IgnoresIfMatch, mode @ PutMode::Update(_))
            | (Conditions::IgnoresIfNoneMatch, mode @ PutMode::Create) => {
                *mode = PutMode::Overwrite;
            }
            (Conditions::CreateOnly, PutMode::Update(_)) => {
                return Err(Error::NotImplemented {
                    operation: "update".to_owned(),
                    implementer: "Bucket".to_owned(),
                });
            }
            (Conditions::Versions, PutMode::Update(update)) => {
                assert_eq!(update.e_tag.as_deref().filter(|tag| tag.len() < 34), None);
                update.e_tag = update.version.take().map(|version| format!("\"{version}\""));
            }
            (Conditions::LengthTags, PutMode::Update(update)) => {
                let length = self.inner.head(location).await?.size;
                let matches = update.e_tag == Some(format!("\"{length}\""));
                options.mode = if matches { PutMode::Overwrite } else { PutMode::Create };
            }
            (Conditions::RefusesAll, _) => return Err(unmet(location)),
            (Conditions::DropsWrites, _) => {
                return Ok(PutResult {
                    e_tag: None,
                    version: None,
                    extensions: http::Extensions::default(),
                });
            }
            _ => {}
        }
        let result = self.inner.put_opts(location, payload.clone(), options).await;
        match (self.conditions, result) {
            (Conditions::Versions, Err(Error::Precondition { path, source })) => {
                Err(Error::NotFound { path, source })
            }
            (Conditions::WritesAndRefuses, Err(error)) => {
                self.inner.put_opts(location, payload, overwrite).await?;
                Err(error)
            }
            (Conditions::AcceptsUnmet, Err(_)) => Ok(PutResult {
                e_tag: None,
                version: None,
                extensions: http::Extensions::default(),
            }),
            (_, result) => result,
        }
    }
}

fn out_of_order() -> Error {
    Error::Generic { store: "Bucket", source: "out of order".into() }
}

fn unmet(location: &Path) -> Error {
    Error::Precondition { path: location.to_string(), source: "it is not what was expected".into() }
}

impl fmt::Display for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Bucket")
    }
}

#[async_trait::async_trait]
impl ObjectStore for Bucket {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        let fault = self.access().await?;
        self.changed.lock().unwrap().push(location.to_string());
        if fault == Some(Fault::RefusesFromHere) {
            return Err(unmet(location));
        }
        let before = self.inner.fork();
        let result = self.imitate(location, payload, options).await;
        *self.before.lock().unwrap() = before;
        let result = result?;
        match fault {
            Some(Fault::LosesResponse) => Err(out_of_order()),
            Some(Fault::RetriesAfterWrite) => Err(unmet(location)),
            _ => Ok(result),
        }
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.access().await?;
        let before = self.before.lock().unwrap().fork();
        let source = if self.conditions == Conditions::Stale { &before } else { &self.inner };
        let mut result = source.get_opts(location, options).await?;
        let tag = result.meta.e_tag.take();
        match self.conditions {
            Conditions::NoTags => {}
            Conditions::WeakTags => result.meta.e_tag = tag.map(|tag| format!("W/{tag}")),
            Conditions::LengthTags => result.meta.e_tag = Some(format!("\"{}\"", result.meta.size)),
            Conditions::Versions => {
                result.meta.version = tag.map(|tag| tag.trim_matches('"').to_owned());
            }
            _ => result.meta.e_tag = tag,
        }
        Ok(result)
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        let is_allowed = self.conditions != Conditions::NoDelete;
        // The store deletes single objects, whose paths are at hand.
        let paths = locations.collect::<Vec<_>>();
        let paths = futures_util::FutureExt::now_or_never(paths).unwrap();
        let log = |path: &Result<Path>| path.as_ref().unwrap().to_string();
        self.changed.lock().unwrap().extend(paths.iter().map(log));
        let paths = futures_util::stream::iter(paths);
        if is_allowed {
            return self.inner.delete_stream(paths.boxed());
        }
        let denied = |path: Result<Path>| {
            let path = path?.to_string();
            Err(Error::PermissionDenied { path, source: "no deletions".into() })
        };
        paths.map(denied).boxed()
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
