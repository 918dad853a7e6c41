//! How many clients a program can create that calls
//! [`register_once`](crate::Client::register_once) and restarts or retries.
//!
//! A registration cannot be undone, so every way to send another request has a bound. All callers of
//! one store share it: tasks, processes, and hosts if they share the store.
//!
//! # The bounds
//!
//! Each row is for one store, one registration endpoint and one set of metadata.
//!
//! | what happens | requests |
//! | --- | --- |
//! | nothing goes wrong, any number of callers and restarts | 1 |
//! | the outcome of each request is [`Unknown`](crate::Outcome::Unknown) | 6 on the first day, then 1 a day |
//! | each response says that a client was registered, but has no usable credentials | 6 on the first day, then 1 a day |
//! | the process is killed, or the future dropped, before the client is saved | 6 on the first day, then 1 a day |
//! | each save fails after the request | 6 on the first day, then 1 a day; each error holds the client |
//! | the server refuses each request ([`NotRegistered`](crate::Outcome::NotRegistered)) | 1 for each call, and none creates a client |
//! | a caller marks the client in use as rejected, any number of times | 1 for each client that was in use |
//! | the token endpoint rejects each client, and a `Session` replaces it (feature `oauth2`) | 2: a client that never obtained a token is replaced once, if it is older than an hour, and then only by a person |
//! | secrets expire | 1 for each half of a lifetime, at most |
//! | each secret has expired when it arrives, because a clock or the server is wrong | 7 on the first day, then 1 a day |
//! | the metadata changes | 1 for each different set of metadata |
//! | the clock is set forward | 1 more, if a secret expires or a wait ends by the new time |
//! | the clock is set back | none; a wait ends no later than its length from the first call after that |
//!
//! One call sends its request more than once only if it is certain that the server did not act on
//! it; see [`max_retries`](crate::ClientBuilder::max_retries).
//!
//! # After an unknown outcome
//!
//! Before each request, an intent is saved durably: the endpoint, a fingerprint of the metadata, and
//! the time. It is removed in the same write that saves the new client, or after it is certain that
//! no client was registered. An intent that is left means that a client may have been registered.
//!
//! The next request then waits until 1, 4, 16, 64 and 256 minutes after the last one, and then a
//! day. Until then, `register_once` sends nothing and returns an error of the kind
//! [`UnknownOutcome`](crate::StoreErrorKind::UnknownOutcome). Its message says since when and until
//! when, and [`Error::retry_after`](crate::Error::retry_after) returns the rest of the wait. A saved
//! client ends the row: the next unknown outcome waits a minute again. A refusal neither counts nor
//! ends the row.
//!
//! If you know whether there is a client, you need not wait:
//!
//! * If you have its credentials, save them with
//!   [`save_registration`](crate::Client::save_registration), or
//!   [`import`](crate::RegistrationStoreExt::import) them.
//! * If there is none, or if a duplicate does not matter, call
//!   [`clear_unknown`](crate::RegistrationStoreExt::clear_unknown). The next call sends a request.
//!
//! ```
//! use poggio::{Client, ClientMetadata, Error};
//! use poggio::{FileStore, RegistrationStoreExt, StoreErrorKind};
//!
//! async fn start(
//!     poggio: &Client,
//!     metadata: &ClientMetadata,
//!     store: &FileStore,
//! ) -> Result<(), Error> {
//!     match poggio.register_once(metadata, store).await {
//!         Err(Error::Store(error)) if error.kind() == StoreErrorKind::UnknownOutcome => {
//!             eprintln!("{error}");
//!             // Only if a person says so:
//!             store.clear_unknown().await?;
//!         }
//!         result => {
//!             result?;
//!         }
//!     }
//!     Ok(())
//! }
//! ```
//!
//! A store has at most 32 intents. Requests with further metadata share the one whose wait ends
//! first. If an intent cannot be removed, because the store fails, the call still returns its own
//! result, and the next call waits.
//!
//! # Expired secrets
//!
//! A client is replaced before its secret expires, by the
//! [`renewal_margin`](crate::ClientBuilder::renewal_margin). The margin is at most half the lifetime
//! that the secret had when it was saved.
//!
//! If a secret had already expired when it was saved, one more client is registered at once. If that
//! has expired too, it is used as it is for 1, 4, 16, 64 and 256 minutes, and then a day, before it
//! is replaced. Once the clock is right, or the server, the next replacement is used normally.
//!
//! # Why a client was registered
//!
//! [`ClientInformation::register_reason`](crate::ClientInformation::register_reason) returns the
//! [reason](crate::RegisterReason). Each request has a `tracing` event at the level `INFO`,
//! `registering a client`, with the fields `reason` and `differences`: if the metadata changed, the
//! names of the members that differ from those of the newest client of this endpoint.
//!
//! A program that changes its metadata by accident, for example by a time or a version in
//! `client_name`, registers a client for each change. The event then shows the same member each
//! time.
