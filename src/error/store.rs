//! A store that cannot be used.

use std::{borrow::Cow, error, fmt, time::Duration};

use super::outcome::Outcome;
use crate::response::ClientInformation;

/// A store of registrations failed, or does not do what was asked.
///
/// Where a client was registered and could not be saved, it is in here: keep it.
///
/// # Examples
///
/// ```
/// use poggio::{Error, FileStore, StoreErrorKind, RegistrationStore};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), poggio::Error> {
/// # let folder = tempfile::tempdir().unwrap();
/// # let path = folder.path().join("client.json");
/// std::fs::write(&path, "not a store").unwrap();
/// # #[cfg(unix)]
/// # std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
/// let Err(Error::Store(error)) = FileStore::new(&path)?.list().await else { panic!() };
/// assert_eq!(error.kind(), StoreErrorKind::Damaged);
/// assert!(error.client().is_none());
/// # Ok(())
/// # }
/// ```
pub struct StoreError(Box<Inner>);

#[derive(Debug)]
struct Inner {
    kind: StoreErrorKind,
    name: Option<String>,
    problem: Cow<'static, str>,
    source: Option<Box<dyn error::Error + Send + Sync>>,
    client: Option<ClientInformation>,
}

/// What is the matter with a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StoreErrorKind {
    /// It could not be read or written.
    Failed,
    /// Others used it for as long as was to be waited.
    Busy,
    /// Others than its owner can read it, or could put something else in its place.
    InsecurePermissions,
    /// What is in it cannot be read. It is left as it is.
    Damaged,
    /// A version of this crate that is not known here has written it. It is left as it is.
    UnknownFormat,
    /// Its secrets are in the system keyring, which this store does not read. It is left as it is.
    RequiresKeyring,
    /// A person entered these credentials; they cannot be used, and are not replaced.
    ImportedUnusable,
    /// The keyring no longer has the secret of a client in use.
    SecretLost,
}

impl StoreError {
    /// Makes an error of the kind [`Failed`](StoreErrorKind::Failed), for stores of one's own:
    /// `problem` goes on from the store's name, as in "cannot be reached".
    pub fn new(problem: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Inner {
            kind: StoreErrorKind::Failed,
            name: None,
            problem: problem.into(),
            source: None,
            client: None,
        }))
    }

    /// Makes it an error of another kind.
    #[must_use]
    pub fn with_kind(mut self, kind: StoreErrorKind) -> Self {
        self.0.kind = kind;
        self
    }

    /// Adds what caused it; it must show no secret.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn error::Error + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// Names the store, unless it is named.
    #[must_use]
    pub(crate) fn at(mut self, name: &str) -> Self {
        self.0.name.get_or_insert_with(|| name.to_owned());
        self
    }

    pub(crate) fn damaged(name: &str, how: impl fmt::Display) -> Self {
        let problem =
            format!("is damaged, or not a store of registrations: {how}; it was not changed");
        Self::new(problem).with_kind(StoreErrorKind::Damaged).at(name)
    }

    pub(crate) fn unknown_format(name: &str, found: u64, known: u64) -> Self {
        let problem = format!(
            "has format {found}, and this program reads format {known}; it was not changed"
        );
        Self::new(problem).with_kind(StoreErrorKind::UnknownFormat).at(name)
    }

    pub(crate) fn unusable(name: &str, problem: &impl fmt::Display) -> Self {
        Self::new(format!("cannot be used as it is: {problem}")).at(name)
    }

    pub(crate) fn in_keyring(name: &str) -> Self {
        let problem = "has its secrets in the system keyring; it was not changed";
        Self::new(problem).with_kind(StoreErrorKind::RequiresKeyring).at(name)
    }

    pub(crate) fn busy(name: &str, who: impl fmt::Display, waited: Duration) -> Self {
        let problem = format!("was in use by others for {waited:?}: {who}");
        Self::new(problem).with_kind(StoreErrorKind::Busy).at(name)
    }

    pub(crate) fn with_client(mut self, client: Option<ClientInformation>) -> Self {
        self.0.client = client;
        self
    }

    /// Returns what is the matter.
    #[must_use]
    pub fn kind(&self) -> StoreErrorKind {
        self.0.kind
    }

    /// Returns the store's name, such as its path.
    #[must_use]
    pub fn store_name(&self) -> Option<&str> {
        self.0.name.as_deref()
    }

    /// Returns the client that was registered and could not be saved; `None` where none was.
    #[must_use]
    pub fn client(&self) -> Option<&ClientInformation> {
        self.0.client.as_ref()
    }

    /// Returns that client as a value of its own.
    #[must_use]
    pub fn into_client(self) -> Option<ClientInformation> {
        self.0.client
    }

    pub(crate) fn outcome(&self) -> Outcome {
        match self.0.client {
            Some(_) => Outcome::Registered,
            None => Outcome::NotRegistered,
        }
    }

    pub(crate) fn help(&self) -> &'static str {
        if self.0.client.is_some() {
            return "save the client that this error holds, with Client::save_registration when the store works";
        }
        match self.0.kind {
            StoreErrorKind::Failed => "put the store right, then call again",
            StoreErrorKind::Busy => "wait for the others, or end them, then call again",
            StoreErrorKind::InsecurePermissions => "do as it says, then call again",
            StoreErrorKind::Damaged => {
                "restore it from a copy, or move it away to register anew; \
                 what secrets it holds are nowhere else"
            }
            StoreErrorKind::UnknownFormat => "update this program, or name another store",
            StoreErrorKind::RequiresKeyring => "open it with KeyringStore (feature keyring)",
            StoreErrorKind::ImportedUnusable => {
                "import other credentials, or take these out with remove"
            }
            StoreErrorKind::SecretLost => {
                "restore the keyring, or remove the client from the store to register anew"
            }
        }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(client) = &self.0.client {
            write!(f, "the client {:?} could not be saved: ", client.client_id)?;
        }
        match &self.0.name {
            Some(name) => write!(f, "{name} {}", self.0.problem),
            None => write!(f, "the store {}", self.0.problem),
        }
    }
}

impl fmt::Debug for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl error::Error for StoreError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}
