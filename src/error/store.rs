//! The error of a registration store.

use std::{borrow::Cow, error, fmt, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};

use super::outcome::Outcome;
use crate::{redact::sanitize_message, response::ClientInformation};

/// An error of a [`RegistrationStore`](crate::RegistrationStore).
///
/// If a client was registered but could not be saved, [`client`](Self::client) returns it. Save it
/// elsewhere, because its secret cannot be obtained again.
///
/// # Examples
///
/// ```
/// use poggio::{Error, FileStore, RegistrationStoreExt, StoreErrorKind};
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

struct Inner {
    kind: StoreErrorKind,
    name: Option<String>,
    problem: Cow<'static, str>,
    source: Option<Box<dyn error::Error + Send + Sync>>,
    /// What to do, if the kind does not say it all.
    help: Option<&'static str>,
    client: Option<ClientInformation>,
    retry_after: Option<Duration>,
}

/// The kind of a [`StoreError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StoreErrorKind {
    /// The store could not be read or written.
    Failed,
    /// Other callers kept the store locked until the timeout.
    Busy,
    /// Users other than the owner can read or replace the store, or it is a symbolic link.
    /// [`FileStore`](crate::FileStore#permissions) lists what it refuses.
    InsecurePermissions,
    /// The content of the store is invalid. It was not changed.
    Damaged,
    /// The store was written in a format that this version of the crate does not read, older or
    /// newer. It was not changed.
    UnknownFormat,
    /// The secrets are in the system keyring, which this store does not read. The store was not
    /// changed.
    RequiresKeyring,
    /// The imported credentials cannot be used. They are not replaced automatically.
    ImportedUnusable,
    /// The keyring no longer has the secret of a client in use.
    SecretLost,
    /// The client in the store belongs to another authorization server than the requested one.
    /// Nothing was sent.
    OtherServer,
    /// The outcome of an earlier registration request is unknown, and no other is sent for now. A
    /// person can change that with [`clear_unknown`](crate::RegistrationStoreExt::clear_unknown).
    UnknownOutcome,
}

impl StoreError {
    /// Creates an error of the kind [`Failed`](StoreErrorKind::Failed), for your own implementation of
    /// a store.
    ///
    /// `problem` continues a sentence that begins with the name of the store, such as "cannot be
    /// reached".
    pub fn new(problem: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Inner {
            kind: StoreErrorKind::Failed,
            name: None,
            problem: problem.into(),
            source: None,
            help: None,
            client: None,
            retry_after: None,
        }))
    }

    /// Sets the kind.
    #[must_use]
    pub fn with_kind(mut self, kind: StoreErrorKind) -> Self {
        self.0.kind = kind;
        self
    }

    /// Sets the source. Its `Display` and `Debug` must not print a secret.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn error::Error + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// Sets the name of the store, unless it is already set.
    #[must_use]
    pub(crate) fn at(mut self, name: &str) -> Self {
        self.0.name.get_or_insert_with(|| name.to_owned());
        self
    }

    pub(crate) fn damaged(name: &str, cause: impl fmt::Display) -> Self {
        let problem =
            format!("is damaged or is not a document of poggio: {cause}; it was not changed");
        Self::new(problem).with_kind(StoreErrorKind::Damaged).at(name)
    }

    pub(crate) fn unknown_format(name: &str, found: u64, supported: u64) -> Self {
        let (which, help) = if found < supported {
            (
                " of an earlier version",
                "move it away, then import its client_id and client_secret or register again",
            )
        } else {
            ("", "update this program, or use another store")
        };
        let problem = format!(
            "has format {found}{which}, but this program supports format {supported}; it was not changed"
        );
        let mut error = Self::new(problem).with_kind(StoreErrorKind::UnknownFormat).at(name);
        error.0.help = Some(help);
        error
    }

    /// Says what to do with a damaged document of tokens, which are worth less than clients.
    #[cfg(feature = "oauth2")]
    pub(crate) fn of_tokens(mut self) -> Self {
        if self.0.kind == StoreErrorKind::Damaged {
            self.0.help = Some("move it away, then log in");
        }
        self
    }

    pub(crate) fn unusable(name: &str, problem: &impl fmt::Display) -> Self {
        Self::new(format!("contains a client that cannot be used: {problem}")).at(name)
    }

    #[cfg(feature = "keyring")]
    pub(crate) fn text_lost(entry: &str) -> Self {
        let problem = format!(
            "has its text in the system keyring, which no longer has the entry {entry:?} of the \
             service \"poggio\""
        );
        let mut error = Self::new(problem).with_kind(StoreErrorKind::SecretLost);
        error.0.help =
            Some("restore the keyring, or delete the file of the store to start with an empty one");
        error
    }

    pub(crate) fn in_keyring(name: &str) -> Self {
        let problem = "keeps its secrets in the system keyring; it was not changed";
        Self::new(problem).with_kind(StoreErrorKind::RequiresKeyring).at(name)
    }

    pub(crate) fn busy(name: &str, holder: impl fmt::Display, waited: Duration) -> Self {
        let problem = format!("was still in use after {waited:?}: {holder}");
        Self::new(problem).with_kind(StoreErrorKind::Busy).at(name)
    }

    pub(crate) fn waiting(
        name: &str,
        since: DateTime<Utc>,
        until: DateTime<Utc>,
        remaining: TimeDelta,
    ) -> Self {
        let problem = format!(
            "has a registration request of {since} whose outcome is unknown, so the next one waits \
             until {until}"
        );
        let mut error = Self::new(problem).with_kind(StoreErrorKind::UnknownOutcome).at(name);
        error.0.retry_after = Some(remaining.to_std().unwrap_or_default());
        error
    }

    pub(crate) fn with_client(mut self, client: Option<ClientInformation>) -> Self {
        self.0.client = client;
        self
    }

    /// Returns the kind of the error.
    #[must_use]
    pub fn kind(&self) -> StoreErrorKind {
        self.0.kind
    }

    /// Returns the name of the store, such as the path of its file, if it is known.
    #[must_use]
    pub fn store_name(&self) -> Option<&str> {
        self.0.name.as_deref()
    }

    /// Returns the client that was registered but could not be saved, or `None` if no client was
    /// registered.
    #[must_use]
    pub fn client(&self) -> Option<&ClientInformation> {
        self.0.client.as_ref()
    }

    /// Consumes the error and returns the client that was registered but could not be saved, if any.
    #[must_use]
    pub fn into_client(self) -> Option<ClientInformation> {
        self.0.client
    }

    pub(crate) fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    pub(crate) fn outcome(&self) -> Outcome {
        match (&self.0.client, self.0.kind) {
            (Some(_), _) => Outcome::Registered,
            (None, StoreErrorKind::UnknownOutcome) => Outcome::Unknown,
            (None, _) => Outcome::NotRegistered,
        }
    }

    pub(crate) fn help(&self) -> &'static str {
        if self.0.client.is_some() {
            return "fix the store, then save the client in this error with Client::save_registration";
        }
        if let Some(help) = self.0.help {
            return help;
        }
        match self.0.kind {
            StoreErrorKind::Failed => "fix the store, then call again",
            StoreErrorKind::Busy => "wait for the other callers or stop them, then call again",
            StoreErrorKind::InsecurePermissions => {
                "correct the permissions as described, then call again"
            }
            StoreErrorKind::Damaged => {
                "restore it from a backup, or move it away to register again, which loses its secrets"
            }
            StoreErrorKind::UnknownFormat => "update this program, or use another store",
            StoreErrorKind::RequiresKeyring => "open it with KeyringStore (feature keyring)",
            StoreErrorKind::ImportedUnusable => {
                "import other credentials, or remove these with RegistrationStoreExt::remove"
            }
            StoreErrorKind::SecretLost => {
                "restore the keyring, or remove the client from the store to register again"
            }
            StoreErrorKind::OtherServer => {
                "use the client at its own server, or use another store for this server"
            }
            StoreErrorKind::UnknownOutcome => {
                "call again then, or call RegistrationStoreExt::clear_unknown to register now, which \
                 may create a duplicate"
            }
        }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(client) = &self.0.client {
            write!(f, "the client {:?} could not be saved: ", client.shown_id())?;
        }
        let name = self.0.name.as_deref().unwrap_or("the store");
        f.write_str(&sanitize_message(&format!("{name} {}", self.0.problem)))
    }
}

impl fmt::Debug for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreError")
            .field("kind", &self.0.kind)
            .field("name", &self.0.name.as_deref().map(sanitize_message))
            .field("problem", &sanitize_message(&self.0.problem))
            .field("source", &self.0.source)
            .field("client", &self.0.client)
            .finish()
    }
}

impl error::Error for StoreError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}
