//! Replies by name: what an application should have rehearsed.

use std::time::Duration;

use serde_json::{Value, json};

use super::Reply;

/// Scenarios by name. What each comes to is in the README under "What can go wrong".
impl Reply {
    /// Replies 429 with a `Retry-After` of whole seconds: nothing was registered. A wait that fits
    /// into the timeout is waited by itself.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use poggio::{ClientMetadata, testing::{Reply, Server}};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), poggio::Error> {
    /// let server = Server::start().await;
    /// // Rate limited once, then fine.
    /// server.script([Reply::rate_limited(Duration::ZERO)]);
    ///
    /// let metadata = ClientMetadata::new().with_redirect_uri("http://127.0.0.1:8910/callback");
    /// assert_eq!(server.client().register(&metadata).await?.attempts(), 2);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn rate_limited(retry_after: Duration) -> Self {
        Self::json(429, json!({"detail": "Too Many Requests"}))
            .with_header("retry-after", retry_after.as_secs().to_string())
    }

    /// Replies 503 with a `Retry-After` of whole seconds, as for maintenance: nothing was
    /// registered.
    #[must_use]
    pub fn unavailable(retry_after: Duration) -> Self {
        Self::html(503, "<html><title>Down for maintenance</title></html>")
            .with_header("retry-after", retry_after.as_secs().to_string())
    }

    /// Replies 500 with a request id: a client may have been registered.
    #[must_use]
    pub fn server_error() -> Self {
        Self::text(500, "Internal Server Error").with_header("x-request-id", "loopback-request")
    }

    /// Replies 401 with the challenge for a token that is no longer good (RFC 6750 section 3.1).
    #[must_use]
    pub fn invalid_token() -> Self {
        let challenge = r#"Bearer error="invalid_token", error_description="The token expired""#;
        Self::json(401, json!({"detail": "Not authenticated"}))
            .with_header("www-authenticate", challenge)
    }

    /// Replies 422 with a problem in a member of the metadata, or of its entry in a list, in
    /// FastAPI's form.
    ///
    /// # Examples
    ///
    /// ```
    /// use poggio::{ClientMetadata, Error, testing::{Reply, Server}};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let server = Server::start().await;
    /// server.script([Reply::refused("redirect_uris", Some(0), "value_error", "Not on our list")]);
    ///
    /// let metadata = ClientMetadata::new().with_redirect_uri("http://127.0.0.1:8910/callback");
    /// let error = server.client().register(&metadata).await.unwrap_err();
    /// let Error::Validation(errors) = error else { panic!("{error}") };
    /// let error = errors.on("redirect_uris").next().unwrap();
    /// assert_eq!((error.path(), error.message()), ("redirect_uris[0]", "Not on our list"));
    /// # }
    /// ```
    #[must_use]
    pub fn refused(
        field: impl AsRef<str>,
        entry: Option<usize>,
        kind: &str,
        message: &str,
    ) -> Self {
        let mut location = vec![json!("body"), json!(field.as_ref())];
        location.extend(entry.map(Value::from));
        Self::json(422, json!({"detail": [{"type": kind, "loc": location, "msg": message}]}))
    }

    /// Replies 201 with an answer that ends after the credentials: a client was registered, and
    /// its credentials are in the error; `register_once` keeps and returns it.
    #[must_use]
    pub fn cut_off() -> Self {
        Self::text(
            201,
            r#"{"client_id": "loopback-cut", "client_secret": "cut-secret", "client_na"#,
        )
    }

    /// Replies 201 with an answer that is wrapped in another object: as [`cut_off`](Self::cut_off).
    #[must_use]
    pub fn enveloped() -> Self {
        let client =
            json!({"client_id": "loopback-enveloped", "client_secret": "enveloped-secret"});
        Self::json(201, json!({"status": "ok", "data": client}))
    }

    /// Registers with an answer that is odd but can be read: times as strings, the scope as a
    /// list, members that are missing, of the wrong type (a warning), or of no contract.
    #[must_use]
    pub fn odd() -> Self {
        Self::registered()
            .with_member("client_id_issued_at", "1767225600")
            .with_member("client_secret_expires_at", "0")
            .with_member("scope", json!(["read", "write"]))
            .with_member("client_name", 7)
            .with_member("registration_client_uri", "https://api.example/clients/1")
            .without_member("redirect_uris")
    }

    /// Registers, but grants `client_secret_basic` whatever was asked, and no refresh tokens.
    #[must_use]
    pub fn granting_less() -> Self {
        Self::registered()
            .with_member("token_endpoint_auth_method", "client_secret_basic")
            .with_member("grant_types", json!(["authorization_code"]))
    }
}
