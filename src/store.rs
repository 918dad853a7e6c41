//! Stores for registrations: the trait, the stores of this crate, and the call that registers once.
//!
//! [`Client::register_once`](crate::Client::register_once) saves its registrations in one of these:
//!
//! * [`FileStore`]: a file, for the processes of one machine;
//! * `KeyringStore`: a file whose secrets are in the system keyring (feature `keyring`);
//! * `SharedStore`: an object in S3, Google Cloud Storage, Azure or a compatible service, for many
//!   hosts (feature `object-store`);
//! * your own implementation of [`RegistrationStore`], such as a database row or a vault entry.
//!
//! A store holds one JSON document with the registrations of an application and their history. This
//! crate reads and writes the document. The store replaces it atomically, and only if it still is
//! the version that was read.

mod claim;
mod document;
mod exclusive;
mod file;
mod fingerprint;
mod format;
mod insert;
mod intent;
#[cfg(feature = "keyring")]
mod keyring;
mod lookup;
#[cfg(any(fuzzing, feature = "__bench"))]
mod parts;
mod protocol;
mod record;
mod register_once;
mod registration_store;
mod registration_store_ext;
mod retired;
mod reveal;
#[cfg(feature = "object-store")]
mod shared;
mod stored_registration;
mod unusable;
mod update;

#[cfg(feature = "keyring")]
#[cfg_attr(docsrs, doc(cfg(feature = "keyring")))]
pub use self::keyring::KeyringStore;
#[cfg(feature = "oauth2")]
pub(crate) use claim::{Access, Claim, Right};
#[cfg(feature = "oauth2")]
pub(crate) use exclusive::{Call, Protocol, StepOf, StoredDocument, read};
pub use file::FileStore;
#[cfg(feature = "oauth2")]
pub(crate) use format::{Format, parse};
/// The client library for the services of a [`SharedStore`].
#[cfg(feature = "object-store")]
#[cfg_attr(docsrs, doc(cfg(feature = "object-store")))]
pub use object_store;
#[cfg(any(fuzzing, feature = "__bench"))]
pub(crate) use parts::check_document;
#[cfg(all(test, feature = "oauth2"))]
pub(crate) use protocol::model;
#[cfg(feature = "oauth2")]
pub(crate) use record::now;
pub use registration_store::{RegistrationStore, StoreFuture, StoreLock, Versioned, WriteResult};
pub use registration_store_ext::RegistrationStoreExt;
pub use retired::{Retired, RetiredReason};
#[cfg(feature = "object-store")]
#[cfg_attr(docsrs, doc(cfg(feature = "object-store")))]
pub use shared::SharedStore;
pub use stored_registration::StoredRegistration;
