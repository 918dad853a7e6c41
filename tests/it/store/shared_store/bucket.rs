//! An object store in memory that fails at one access, or supports only some conditions.

use std::{
    fmt,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use futures_util::stream::BoxStream;
use poggio::store::object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
    memory::InMemory, path::Path,
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
}

/// Which conditions a bucket supports.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) enum Conditions {
    #[default]
    All,
    /// Ignores the condition.
    Ignored,
    /// Creation alone, as a folder of files does.
    CreateOnly,
    /// Neither tags nor versions.
    NoTags,
    /// Weak tags, which never match.
    WeakTags,
    /// Versions instead of tags; to replace a missing object fails with `NotFound`.
    Versions,
}

#[derive(Debug, Default)]
pub(super) struct Bucket {
    pub(super) inner: InMemory,
    /// The index of the access that fails.
    fault: Option<(usize, Fault)>,
    conditions: Conditions,
    accesses: AtomicUsize,
}

impl Bucket {
    pub(super) fn with_fault(access: usize, fault: Fault) -> Self {
        Self { fault: Some((access, fault)), ..Self::default() }
    }

    pub(super) fn with_conditions(conditions: Conditions) -> Self {
        Self { conditions, ..Self::default() }
    }

    /// Counts an access, and returns its fault.
    async fn access(&self) -> Result<Option<Fault>> {
        let access = self.accesses.fetch_add(1, Ordering::Relaxed);
        let fault = self.fault.filter(|(at, _)| *at == access).map(|(_, fault)| fault);
        match fault {
            Some(Fault::Fails) => return Err(out_of_order()),
            Some(Fault::Delays(duration)) => sleep(duration).await,
            _ => {}
        }
        Ok(fault)
    }
}

fn out_of_order() -> Error {
    Error::Generic { store: "Bucket", source: "out of order".into() }
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
        mut options: PutOptions,
    ) -> Result<PutResult> {
        let fault = self.access().await?;
        match (self.conditions, &mut options.mode) {
            (Conditions::Ignored, mode) => *mode = PutMode::Overwrite,
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
            _ => {}
        }
        let result = match self.inner.put_opts(location, payload, options).await {
            Err(Error::Precondition { path, source })
                if self.conditions == Conditions::Versions =>
            {
                Err(Error::NotFound { path, source })
            }
            result => result,
        }?;
        match fault {
            Some(Fault::LosesResponse) => Err(out_of_order()),
            Some(Fault::RetriesAfterWrite) => Err(Error::Precondition {
                path: location.to_string(),
                source: "it is not what was expected".into(),
            }),
            _ => Ok(result),
        }
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.access().await?;
        let mut result = self.inner.get_opts(location, options).await?;
        let tag = result.meta.e_tag.take();
        match self.conditions {
            Conditions::NoTags => {}
            Conditions::WeakTags => result.meta.e_tag = tag.map(|tag| format!("W/{tag}")),
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
