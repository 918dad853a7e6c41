//! [`RegisterReason`]: why `register_once` registered a client. The decision is in `store`.

use std::fmt;

/// Why [`register_once`](crate::Client::register_once) registered a new client.
///
/// # Examples
///
/// ```
/// use poggio::{ClientMetadata, FileStore, RegisterReason, testing::Server};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), poggio::Error> {
/// # let folder = tempfile::tempdir().unwrap();
/// # let server = Server::start().await;
/// # let poggio = server.client();
/// # let metadata = ClientMetadata::new().with_redirect_uri("http://127.0.0.1:8910/callback");
/// let store = FileStore::new(folder.path().join("client.json"))?;
/// let client = poggio.register_once(&metadata, &store).await?;
/// assert_eq!(client.register_reason(), Some(RegisterReason::NoRecord));
///
/// let other = metadata.with_client_name("Acme Sync 2");
/// let client = poggio.register_once(&other, &store).await?;
/// assert_eq!(client.register_reason(), Some(RegisterReason::Changed));
///
/// let client = poggio.register_once(&other, &store).await?;
/// assert_eq!(client.register_reason(), None);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RegisterReason {
    /// The store has no client for this endpoint, or its client was
    /// [removed](crate::RegistrationStoreExt::remove).
    NoRecord,
    /// The secret of the client has expired, or is about to.
    Expired,
    /// The store has clients for this endpoint, but each was registered with other metadata. The
    /// `tracing` event of the registration names the members that differ.
    Changed,
    /// The client was [marked as rejected](crate::RegistrationStoreExt::mark_rejected).
    Rejected,
}

impl RegisterReason {
    /// Returns the name of the reason, as in the `tracing` event: `no_record`, `expired`, `changed`
    /// or `rejected`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoRecord => "no_record",
            Self::Expired => "expired",
            Self::Changed => "changed",
            Self::Rejected => "rejected",
        }
    }
}

impl fmt::Display for RegisterReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
