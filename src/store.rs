//! Where a registration is kept, so that it happens once: the trait, and what every store can do.
//!
//! [`Client::register_once`](crate::Client::register_once) keeps its registrations in a store:
//!
//! * [`FileStore`], a file on this machine, for what runs here;
//! * `KeyringStore`, such a file whose secrets are in the system keyring (feature `keyring`);
//! * `SharedStore`, an object in S3, Google Cloud Storage, Azure or what speaks their protocols,
//!   for many hosts (feature `object-store`);
//! * one of your own, such as a row of a database or an entry of a vault: see
//!   [`RegistrationStore`].
//!
//! A store holds one text, a JSON document with the registrations of an application and their
//! history. What is in it is this crate's business; that it changes whole, and only from the
//! text that was read, is the store's.

mod document;
mod file;
mod fingerprint;
#[cfg(feature = "keyring")]
mod keyring;
mod lookup;
mod protocol;
mod record;
mod register_once;
mod registration_store;
mod registration_store_ext;
mod retired;
#[cfg(feature = "object-store")]
mod shared;
mod stored_registration;
mod update;

#[cfg(feature = "keyring")]
#[cfg_attr(docsrs, doc(cfg(feature = "keyring")))]
pub use self::keyring::KeyringStore;
#[cfg(feature = "testing")]
pub use file::FileStore;
/// The library that talks to the services of a shared store.
#[cfg(feature = "object-store")]
#[cfg_attr(docsrs, doc(cfg(feature = "object-store")))]
pub use object_store;
pub use registration_store::{RegistrationStore, StoreFuture, StoreLock, Versioned, WriteResult};
pub use registration_store_ext::RegistrationStoreExt;
pub use retired::{Retired, RetiredReason};
#[cfg(feature = "object-store")]
#[cfg_attr(docsrs, doc(cfg(feature = "object-store")))]
pub use shared::SharedStore;
pub use stored_registration::StoredRegistration;
