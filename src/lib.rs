#![doc = include_str!("../README.md")]
#![deny(missing_docs)]
#![forbid(unsafe_code)]
#![warn(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::unwrap_used
)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod client;
mod error;
mod generated;
#[cfg(any(doc, doctest))]
pub mod guide;
mod metadata;
#[cfg(feature = "oauth2")]
#[cfg_attr(docsrs, doc(cfg(feature = "oauth2")))]
pub mod oauth;
#[cfg(any(fuzzing, feature = "__bench"))]
#[doc(hidden)]
pub mod parts;
mod random;
mod redact;
mod response;
mod secret;
pub mod store;
#[cfg(feature = "testing")]
#[cfg_attr(docsrs, doc(cfg(feature = "testing")))]
pub mod testing;
mod transport;
mod url;

pub use client::{Client, ClientBuilder};
pub use error::{
    ApiError, ConfigError, Error, Origin, Outcome, StoreError, StoreErrorKind, TransportError,
    UnreadableResponse, ValidationErrors,
};
pub use metadata::{
    AuthMethod, ClientMetadata, FieldError, GrantType, MetadataField, ResponseType,
};
pub use response::{
    AdditionalMembers, Change, ChangeKind, ClientInformation, ErrorCode, FieldWarning,
    RegisterReason, ResponseMeta, SecretExpiry,
};
pub use secret::ClientSecret;
pub use store::{FileStore, RegistrationStore, RegistrationStoreExt};

/// Re-export of the crate whose keyrings
/// [`KeyringStore::with_keyring`](store::KeyringStore::with_keyring) accepts.
#[cfg(feature = "keyring")]
#[cfg_attr(docsrs, doc(cfg(feature = "keyring")))]
pub use keyring_core;

/// Re-export of the HTTP client whose types are part of this crate's API.
pub use reqwest;

/// Re-export of the crate whose JSON values are part of this crate's API.
pub use serde_json;

/// Re-export of the crate whose timestamps are part of this crate's API.
pub use chrono;
