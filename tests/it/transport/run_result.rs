//! The result of one scenario: a row of `RELIABILITY.md`.

use std::time::Duration;

use poggio::{ClientInformation, ClientSecret, Error};

use crate::support::{Expected, SECRET, TOKEN, all_shown_of_result, attempts};

/// The result of a caller in one scenario, and what the server counted.
#[derive(Clone, Debug)]
pub(super) struct RunResult {
    /// What the server did, for `RELIABILITY.md`.
    #[cfg_attr(not(feature = "rustls"), allow(dead_code, reason = "the page needs TLS"))]
    pub(super) server: String,
    pub(super) expected: Expected,
    pub(super) attempts: u32,
    pub(super) arrived: usize,
    pub(super) elapsed: Duration,
    /// The secret arrived completely, but the caller did not get it.
    pub(super) lost: bool,
    /// The secret or the token is shown.
    pub(super) leaked: bool,
}

impl RunResult {
    /// Takes the result of a call; `sent_secret` if the server sent the whole secret in a success response.
    pub(super) fn of(
        server: impl Into<String>,
        result: &Result<ClientInformation, Error>,
        sent_secret: bool,
    ) -> Self {
        let (attempts, secret) = match result {
            Ok(client) => (attempts(client), client.client_secret.as_ref()),
            Err(Error::Unreadable(error)) => (1, error.client_secret()),
            Err(error) => (error.attempts(), None),
        };
        let secret = secret.map(ClientSecret::expose);
        let shown = all_shown_of_result(result);
        Self {
            server: server.into(),
            expected: Expected::of(result),
            attempts,
            arrived: 0,
            elapsed: Duration::ZERO,
            lost: (sent_secret && secret.is_none()) || secret.is_some_and(|text| text != SECRET),
            leaked: shown.contains(SECRET) || shown.contains(TOKEN),
        }
    }
}
