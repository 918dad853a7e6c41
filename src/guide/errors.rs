//! Errors and outcomes: whether a failed call registered a client, and what to do next.
//!
//! A registration cannot be undone, so the first question after a failure is whether a client exists
//! now. [`Error::outcome`](crate::Error::outcome) returns the [`Outcome`](crate::Outcome):
//!
//! | outcome | what it means | register again? |
//! | --- | --- | --- |
//! | [`NotRegistered`](crate::Outcome::NotRegistered) | no client was registered | yes, once the cause is fixed |
//! | [`Unknown`](crate::Outcome::Unknown) | the request was sent, and a client may have been registered | not automatically; it may create a duplicate |
//! | [`Registered`](crate::Outcome::Registered) | a client was registered, but it cannot be decoded or could not be saved | no; save the credentials in the error |
//!
//! If you drop the future of a call before it completes, the outcome is `Unknown` too.
//! [`register_once`](crate::Client::register_once) remembers that; see the page
//! [register once](super::register_once).
//!
//! # Every error and its outcome
//!
#![doc = include_str!("../error/outcomes.md")]
//!
//! A request is retried only if the server certainly did not act on it, at most twice
//! ([`max_retries`](crate::ClientBuilder::max_retries)), and all attempts together take at most 30
//! seconds ([`timeout`](crate::ClientBuilder::timeout)). If the server asks for a wait that does not
//! fit, or for more than 60 seconds, the call returns the error at once, and
//! [`retry_after`](crate::Error::retry_after) returns the wait. The file `RELIABILITY.md` of the
//! repository lists the failures that the tests produce, with the result of each.
//!
//! # Handle an error
//!
//! Match on the [`Error`](crate::Error) after you have looked at the outcome:
//!
//! ```
//! use poggio::{Client, ClientInformation, ClientMetadata, ClientSecret, Error, Outcome};
//!
//! async fn register(poggio: &Client, metadata: &ClientMetadata) -> Option<ClientInformation> {
//!     let error = match poggio.register(metadata).await {
//!         Ok(client) => return Some(client),
//!         Err(error) => error,
//!     };
//!     // One line: what happened, the outcome, and what to do.
//!     eprintln!("{error}");
//!     match &error {
//!         // Errors of this crate and of the server have the same form.
//!         Error::Validation(errors) => {
//!             for error in errors {
//!                 eprintln!("{}: {}", error.path(), error.message());
//!             }
//!         }
//!         Error::Api(refusal) => match refusal.code().as_ref().map(|code| code.as_str()) {
//!             Some("invalid_token") => eprintln!("get a new token"),
//!             _ => eprintln!("the server says: {:?}", refusal.description()),
//!         },
//!         // The credentials, if they arrived completely.
//!         Error::Unreadable(response) => save(response.client_id(), response.client_secret()),
//!         _ => {}
//!     }
//!     if error.outcome() == Outcome::Unknown {
//!         eprintln!("ask Poggio about {:?} before you register again", error.request_id());
//!     }
//!     None
//! }
//!
//! fn save(id: Option<&str>, secret: Option<&ClientSecret>) {
//!     let secret = secret.map(ClientSecret::expose);
//!     // Write both where only their owner can read them.
//!     let _ = (id, secret);
//! }
//! ```
//!
//! | type | what it has |
//! | --- | --- |
//! | [`ConfigError`](crate::ConfigError) | the setting and the problem |
//! | [`ValidationErrors`](crate::ValidationErrors) | one [`FieldError`](crate::FieldError) for each problem, with its path, kind, message and value; [`origin`](crate::ValidationErrors::origin) says whether this crate or the server found them |
//! | [`ApiError`](crate::ApiError) | status, [`ErrorCode`](crate::ErrorCode), description and headers |
//! | [`TransportError`](crate::TransportError) | [`is_sent`](crate::TransportError::is_sent), [`is_timeout`](crate::TransportError::is_timeout), and the cause as its source |
//! | [`UnreadableResponse`](crate::UnreadableResponse) | the id and the secret that were recovered, and [`expose_body`](crate::UnreadableResponse::expose_body) |
//! | [`StoreError`](crate::StoreError) | its [kind](crate::StoreErrorKind), and the client that could not be saved |
//!
//! `Display` prints one line. `Debug` prints the kind and the same line, so `main` can return an
//! error. Neither prints a secret, a token or a response body. Methods whose names begin with
//! `expose` return the text as it arrived.
//!
//! # A success that is not what you requested
//!
//! A response with a `client_id` is not an error, even if other members are invalid, because its
//! secret is shown only once. Check what the server granted:
//!
//! ```
//! use poggio::{ClientInformation, ClientMetadata};
//!
//! fn report(client: &ClientInformation, requested: &ClientMetadata) {
//!     for change in client.changes_from(requested) {
//!         eprintln!("{change}");
//!     }
//!     // Members that could not be read. Their raw values are in `client.additional`.
//!     for warning in client.warnings() {
//!         eprintln!("{warning}");
//!     }
//! }
//! ```
//!
//! `null`, `""` and a missing member all count as missing.
#![cfg_attr(
    feature = "oauth2",
    doc = "
# Errors of a login

The operations of [`oauth`](crate::oauth) return an [`OAuthError`](crate::oauth::OAuthError). Its
[`recovery`](crate::oauth::OAuthError::recovery) says what the program can do:

| [`Recovery`](crate::oauth::Recovery) | what to do |
| --- | --- |
| `RetryAfter(wait)` | make the same call again after this wait |
| `LogIn` | ask the user to log in |
| `Register` | the server no longer accepts the client: a person decides to register again |
| `FixRequest` | correct the program, its configuration or the request |
| `GiveUp` | show the error to a person |

If a registration failed, [`registration`](crate::oauth::OAuthError::registration) returns the
[`Error`](crate::Error) with its outcome. The page [login](super::login) has an example.
"
)]
