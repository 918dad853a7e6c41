//! Stores and fleets: where registrations are kept, and how many stores a program needs.
//!
//! [`register_once`](crate::Client::register_once) saves each client in a store before it returns it,
//! and all callers of one store share the client. A store holds one JSON document for one application
//! in one environment.
//!
//! | your program | store |
//! | --- | --- |
//! | runs on one machine, in any number of processes | [`FileStore`](crate::FileStore) |
//! | runs on a desktop, and its secrets belong in the system keyring | [`KeyringStore`] (feature `keyring`) |
//! | runs on many hosts | [`SharedStore`] (feature `object-store`): an object in S3, Google Cloud Storage or Azure |
//! | has a database or a vault | your own [`RegistrationStore`](crate::RegistrationStore) |
//!
//! # One store per tenant and environment
//!
//! A client belongs to its registration endpoint and to its metadata, so one store works for several
//! endpoints. Use separate stores anyway if two parts of your system must not share a client:
//!
//! * for each environment, such as staging and production, so that a copied file never brings a
//!   client from one to the other;
//! * for each tenant of a backend, so that tenants never wait for each other's requests, and so that
//!   you can delete one tenant.
//!
//! A login adds one document for each account beside the store, so users of one tenant share its
//! store. The following code registers a client for each of many customers, 16 at a time, if their
//! names are valid file names:
//!
//! ```toml
//! [dependencies]
//! futures-util = "0.3"
//! poggio = "0.1"
//! ```
//!
//! ```
//! use std::path::Path;
//!
//! use futures_util::{StreamExt, stream};
//! use poggio::{Client, ClientMetadata, FileStore};
//!
//! async fn register(poggio: &Client, customers: &[&str], folder: &Path) {
//!     let calls = customers.iter().map(|customer| async move {
//!         let store = FileStore::new(folder.join(format!("{customer}.json")))?;
//!         let uri = format!("https://{customer}.example/callback");
//!         poggio.register_once(&ClientMetadata::new().with_redirect_uri(uri), &store).await
//!     });
//!     let mut results = stream::iter(calls).buffer_unordered(16);
//!     while let Some(result) = results.next().await {
//!         match result {
//!             Ok(client) => println!("{}", client.client_id),
//!             Err(error) => eprintln!("{error}"),
//!         }
//!     }
//! }
//! ```
//!
//! If the program is interrupted, run it again: it sends no request for a customer whose client is
//! saved. If the outcome of a request is unknown, the next request for that customer
//! [waits](super::register_once#after-an-unknown-outcome).
//!
//! # `FileStore`
//!
//! [`FileStore::for_app`](crate::FileStore::for_app) is a file in the user's configuration folder,
//! `~/.config/poggio/acme-sync.json` on Linux, and [`FileStore::new`](crate::FileStore::new) one at
//! any path. On Unix, the file has mode 0600, and a folder that the store creates has mode 0700. The
//! store replaces the file atomically, under a lock that the operating system releases if the process
//! ends. It refuses a file that other users can read or replace, that is damaged, or that has another
//! format, and leaves it unchanged. For a file system without modes, see
//! [`allow_insecure_permissions`](crate::FileStore::allow_insecure_permissions).
//!
//! A write is rehearsed before a registration. If it still fails afterwards, the
//! [`StoreError`](crate::StoreError) contains the client, and
//! [`save_registration`](crate::Client::save_registration) saves it later. If the process is killed
//! during that write, the next call adopts the client that was written.
//!
//! # `KeyringStore`
//!
//! [`KeyringStore`] keeps the secrets in the macOS Keychain, the Windows Credential Manager, or the
//! Secret Service (GNOME Keyring, `KWallet`), and everything else in a file. To find a client, it reads
//! one entry. It needs a keyring that can be unlocked, which a server usually does not have.
//!
//! # `SharedStore`
//!
//! [`SharedStore`] is an object in any service of the crate `object_store` that has conditional
//! writes. A service that ignores a condition is refused before anything is registered or changed. If
//! a host crashes during a registration, other hosts wait at most the
//! [`timeout`](crate::ClientBuilder::timeout) plus 10 seconds. A slow host cannot overwrite the client
//! of another. Turn on encryption and versioning for the bucket, because the object has the secrets
//! and is their only copy.
//!
//! # Your own store
//!
//! Implement the two required methods of [`RegistrationStore`](crate::RegistrationStore): `read`, and
//! an atomic compare-and-swap `write`. Its documentation has a store in memory, and the repository has
//! one for `SQLite` (`examples/own_store`). `testing::check_store` (feature `testing`) tests yours.
//!
//! # Look into a store
//!
//! [`RegistrationStoreExt`](crate::RegistrationStoreExt) has the methods for callers of every store:
//!
//! ```
//! use poggio::{Client, ClientInformation, ClientMetadata, Error};
//! use poggio::{FileStore, RegistrationStoreExt};
//!
//! async fn registrations(poggio: &Client, metadata: &ClientMetadata) -> Result<(), Error> {
//!     let store = FileStore::for_app("acme-sync")?;
//!
//!     // Finds a client without registering one.
//!     if let Some(client) = poggio.find_registration(metadata, &store).await? {
//!         println!("registered as {:?}", client.client_id);
//!     }
//!     // The clients in use, and the newest 50 that are no longer used, without their secrets.
//!     for stored in store.list().await? {
//!         println!("{:?} {:?}", stored.client().client_id, stored.retired());
//!     }
//!     // Imported credentials take precedence over registered ones and are never replaced.
//!     // If they cannot be used, `register_once` returns an error.
//!     let json = r#"{"client_id": "7", "client_secret": "s3cr3t"}"#;
//!     let entered = ClientInformation::from_json(json)?;
//!     store.import(poggio.registration_endpoint(), &entered).await?;
//!     // Erases the secret; the id stays in the history.
//!     store.remove("7").await?;
//!     Ok(())
//! }
//! ```
//!
//! [`mark_rejected`](crate::RegistrationStoreExt::mark_rejected) reports that the server no longer
//! accepts a client, [`export`](crate::RegistrationStoreExt::export) returns one with its secret, and
//! [`clear_unknown`](crate::RegistrationStoreExt::clear_unknown) ends the wait after an unknown
//! outcome.
//!
#![cfg_attr(feature = "keyring", doc = "[`KeyringStore`]: crate::store::KeyringStore")]
#![cfg_attr(
    not(feature = "keyring"),
    doc = "[`KeyringStore`]: https://docs.rs/poggio/latest/poggio/store/struct.KeyringStore.html"
)]
#![cfg_attr(feature = "object-store", doc = "[`SharedStore`]: crate::store::SharedStore")]
#![cfg_attr(
    not(feature = "object-store"),
    doc = "[`SharedStore`]: https://docs.rs/poggio/latest/poggio/store/struct.SharedStore.html"
)]
