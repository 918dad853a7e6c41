//! One object: conditional reads and writes, and errors that show no secret. The check that a
//! service evaluates conditions is in `conditions`.

use std::sync::Arc;

use object_store::{
    Error as ObjectError, GetOptions, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload,
    UpdateVersion, path::Path,
};
use serde::{Deserialize, Serialize};

use crate::{
    error::StoreError,
    redact::Redactor,
    store::{
        document::MAX_SIZE,
        registration_store::{Versioned, WriteResult},
    },
};

#[derive(Clone)]
pub(super) struct Object {
    objects: Arc<dyn ObjectStore>,
    pub(super) path: Path,
    /// The name of the store for errors. A probe has the name of the document that it is for.
    pub(super) name: String,
    is_probe: bool,
}

/// The version of the object, stored as JSON in [`Versioned`]. Services return an `ETag`, a
/// version, or both.
#[derive(Serialize, Deserialize)]
struct Version {
    e_tag: Option<String>,
    version: Option<String>,
}

impl Object {
    pub(super) fn new(objects: Arc<dyn ObjectStore>, path: Path) -> Self {
        let name = format!("{path} in {objects}");
        Self { objects, path, name, is_probe: false }
    }

    /// Returns another object of the same service.
    pub(super) fn at(&self, path: Path) -> Self {
        Self::new(Arc::clone(&self.objects), path)
    }

    /// Returns a probe for this object: another object whose path starts with the path of this one,
    /// so that the same permissions cover both.
    pub(super) fn probe(&self, unique_id: &str) -> Option<Self> {
        let path = Path::parse(format!("{}@probe-{unique_id}", self.path)).ok()?;
        Some(Self { name: self.name.clone(), is_probe: true, ..self.at(path) })
    }

    pub(super) async fn read(&self) -> Result<Option<Versioned>, StoreError> {
        let response = match self.objects.get_opts(&self.path, GetOptions::default()).await {
            Ok(response) => response,
            Err(ObjectError::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(self.error("read", &error)),
        };
        let damaged = |how: &str| Err(StoreError::damaged(&self.name, how));
        if response.meta.size >= MAX_SIZE {
            return damaged("it is larger than 64 MiB");
        }
        let version =
            Version { e_tag: response.meta.e_tag.clone(), version: response.meta.version.clone() };
        if version.e_tag.is_none() && version.version.is_none() {
            return Err(self.not_conditional("returns neither an ETag nor a version"));
        }
        let bytes = response.bytes().await.map_err(|error| self.error("read", &error))?;
        let Ok(text) = String::from_utf8(Vec::from(bytes)) else {
            return damaged("it is not UTF-8");
        };
        let version = serde_json::json!(version).to_string();
        Ok(Some(Versioned::new(text, version)))
    }

    /// Returns the size of the object in bytes, or 0 if it does not exist.
    pub(super) async fn size(&self) -> Result<u64, StoreError> {
        match self.objects.head(&self.path).await {
            Ok(meta) => Ok(meta.size),
            Err(ObjectError::NotFound { .. }) => Ok(0),
            Err(error) => Err(self.error("read", &error)),
        }
    }

    /// Creates the object if it does not exist.
    pub(super) async fn create(&self, text: &str) -> Result<WriteResult, StoreError> {
        self.put(text, PutMode::Create).await
    }

    /// Replaces the object if it still has the version that was read.
    pub(super) async fn replace(
        &self,
        text: &str,
        expected: &Versioned,
    ) -> Result<WriteResult, StoreError> {
        let Ok(version) = serde_json::from_str::<Version>(expected.version()) else {
            let problem =
                "got a version of another store; pass the value that `read` of this store returned";
            return Err(StoreError::new(problem).at(&self.name));
        };
        let Version { e_tag, version } = version;
        self.put(text, PutMode::Update(UpdateVersion { e_tag, version })).await
    }

    async fn put(&self, text: &str, mode: PutMode) -> Result<WriteResult, StoreError> {
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
            Err(error) => Err(self.error("write", &error)),
        }
    }

    /// Deletes the object, if that is allowed.
    pub(super) async fn try_delete(&self) {
        let _ = self.objects.delete(&self.path).await;
    }

    pub(super) fn not_conditional(&self, what: &str) -> StoreError {
        let problem = format!(
            "cannot be used: its service {what}, so two hosts could overwrite each other; use a \
             service with conditional writes, and leave them on"
        );
        StoreError::new(problem).at(&self.name)
    }

    fn error(&self, operation: &str, error: &ObjectError) -> StoreError {
        let hint = match error {
            ObjectError::NotImplemented { .. } | ObjectError::NotSupported { .. } => {
                return self.not_conditional("does not support conditional writes");
            }
            ObjectError::NotFound { .. } => " (check that the bucket exists)",
            ObjectError::PermissionDenied { .. } => " (the credentials lack permission)",
            ObjectError::Unauthenticated { .. } => " (the credentials were rejected)",
            _ => "",
        };
        let what =
            if self.is_probe { format!("the test object {}", self.path) } else { "it".to_owned() };
        let cause = safe_cause(error);
        let problem = format!("could not be used: failed to {operation} {what}: {cause}{hint}");
        StoreError::new(problem).at(&self.name)
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
