//! `OAuthError`: its kinds side by side.

use std::{
    env,
    error::Error as StdError,
    process::Command,
    sync::{Arc, Mutex},
};

use poggio::{
    Client, ClientMetadata, FileStore,
    oauth::{
        Authorization, AuthorizationServer, CallbackListener, Logout, OAuthError, OAuthErrorKind,
        Session,
    },
    testing::{Reply, Server},
};
use serde_json::json;
use tracing_subscriber::fmt::MakeWriter;
use wiremock::MockServer;

use super::tokens::{exchange, token_from};
use crate::support::{
    Wire, metadata,
    oauth::{oauth2_client, registered},
};

/// Returns a client for a server that closes each connection without a response.
async fn closing() -> (Client, AuthorizationServer) {
    let server = Wire::responding("").await;
    let poggio = Client::builder().base_url(&server.base_url).max_retries(0).build().unwrap();
    (poggio, AuthorizationServer::poggio().with_token_endpoint(server.base_url))
}

#[tokio::test]
async fn oauth_error_has_a_kind_a_cause_and_a_message() {
    let poggio = AuthorizationServer::poggio();
    let authorization = Authorization::new(&oauth2_client(&poggio), &poggio, ["read"]);
    let (client, server) = closing().await;
    let registration = client.register(&metadata()).await.unwrap_err();
    let without_metadata = MockServer::start().await;
    let plain_http = poggio.clone().with_token_endpoint("http://a.example/token");
    let errors: [(OAuthErrorKind, OAuthError, &str); 9] = [
        (
            OAuthErrorKind::Client,
            registered(
                json!({"client_secret": "", "token_endpoint_auth_method": "client_secret_post"}),
            )
            .oauth2_client(&poggio, None)
            .unwrap_err(),
            "the client cannot be used: ",
        ),
        (
            OAuthErrorKind::Endpoint,
            registered(json!({})).oauth2_client(&plain_http, None).unwrap_err(),
            "an endpoint cannot be used: ",
        ),
        (
            OAuthErrorKind::Listener,
            CallbackListener::bind("https://127.0.0.1/callback").await.unwrap_err(),
            "cannot listen for the callback: ",
        ),
        (
            OAuthErrorKind::Callback,
            authorization.exchange_code("code=c&state=other").err().unwrap(),
            "the callback does not match this authorization: ",
        ),
        (
            OAuthErrorKind::Refused,
            token_from("400 Bad Request", r#"{"error": "invalid_grant"}"#).await.unwrap_err(),
            "127.0.0.1:",
        ),
        (
            OAuthErrorKind::Transport,
            exchange(&client, &oauth2_client(&server)).await.unwrap_err(),
            "the connection to 127.0.0.1:",
        ),
        (
            OAuthErrorKind::Unreadable,
            token_from("200 OK", "{}").await.unwrap_err(),
            "the response of 127.0.0.1:",
        ),
        (
            OAuthErrorKind::Discovery,
            client.discover(&without_metadata.uri()).await.unwrap_err(),
            "no authorization server was found for http://127.0.0.1:",
        ),
        (OAuthErrorKind::Registration, registration.into(), "the connection to 127.0.0.1:"),
    ];
    for (kind, error, start) in errors {
        let text = error.to_string();
        assert_eq!(error.kind(), kind, "{text}");
        assert!(text.starts_with(start), "{kind:?}: {text}");
        assert!(text.ends_with(error.help()), "{text}");
        assert_eq!(error.refusal().is_some(), kind == OAuthErrorKind::Refused);
        assert_eq!(error.expose_body().is_some(), kind == OAuthErrorKind::Unreadable);
        assert_eq!(error.registration().is_some(), kind == OAuthErrorKind::Registration);
    }
}

/// A token request without a response, in a function that returns any error.
async fn token_of_closing() -> Result<(), Box<dyn StdError>> {
    let (client, server) = closing().await;
    let oauth = oauth2_client(&server);
    let request = oauth.exchange_client_credentials();
    request.request_async(&client).await.map_err(OAuthError::from)?;
    Ok(())
}

#[tokio::test]
async fn oauth_error_is_whole_in_a_boxed_error() {
    let error = token_of_closing().await.unwrap_err();
    let text = error.to_string();
    assert!(text.starts_with("the connection to 127.0.0.1:"), "{text}");
    assert!(text.contains("; "), "{text}");
    // `main` prints `Debug`.
    assert_eq!(format!("{error:?}"), format!("Transport: {text}"));
    // Programs such as those with `anyhow` print the sources after it.
    let mut source = error.source();
    assert!(source.is_some());
    while let Some(cause) = source {
        assert!(!text.contains(&cause.to_string()), "{cause} is repeated in {text}");
        source = cause.source();
    }
}

#[tokio::test]
async fn oauth_error_is_whole_in_the_error_of_the_oauth2_crate() {
    let (client, server) = closing().await;
    let request = oauth2_client(&server).exchange_client_credentials().request_async(&client).await;
    let error = request.unwrap_err();
    assert_eq!(error.to_string(), "Request failed");
    let source = StdError::source(&error).unwrap().to_string();
    assert!(source.starts_with("the connection to 127.0.0.1:"), "{source}");
}

/// Fails only in the process that the next test starts, where it stands for a `main` that returns a
/// `Result`.
#[tokio::test]
async fn main_that_returns_an_error() -> Result<(), OAuthError> {
    if env::var_os("POGGIO_TEST_MAIN").is_some() {
        let poggio = Client::builder().base_url("http://127.0.0.1:9").build()?;
        poggio.discover("http://as.example").await?;
    }
    Ok(())
}

#[test]
fn oauth_error_is_readable_if_main_returns_it() {
    let test = "oauth::errors::main_that_returns_an_error";
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture"]).env("POGGIO_TEST_MAIN", "1");
    let output = command.output().unwrap();
    assert!(!output.status.success());
    let printed = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    let line = "Error: Endpoint: an endpoint cannot be used: issuer: http to as.example";
    assert!(printed.contains(line), "{printed}");
    assert!(!printed.contains("Inner") && !printed.contains("Cause"), "{printed}");
}

/// Collects what a subscriber writes.
#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Written {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Written {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn refused_revocation_is_logged_with_its_host() {
    let server = Server::start().await;
    let poggio = server.client();
    let endpoints = poggio.discover(&server.base_url()).await.unwrap();
    let endpoints = endpoints.with_revocation_endpoint(format!("{}/revoke", server.base_url()));
    let folder = tempfile::tempdir().unwrap();
    let store = FileStore::new(folder.path().join("client.json")).unwrap();
    let session = Session::builder(&poggio, Arc::new(store)).server(endpoints);
    let session = session.metadata(ClientMetadata::client_credentials()).build().unwrap();
    let token = session.access_token().await.unwrap();
    let description = format!("no such {}", token.expose());
    server
        .script([Reply::json(400, json!({"error": "invalid", "error_description": description}))]);

    let written = Written::default();
    let subscriber = tracing_subscriber::fmt().with_writer(written.clone()).with_ansi(false);
    let guard = tracing::subscriber::set_default(subscriber.finish());
    assert_eq!(session.logout().await.unwrap(), Logout::Erased);
    drop(guard);
    let written = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
    let host = server.base_url().replace("http://", "");
    let refusal =
        format!("{host} rejected the request with 400 Bad Request (invalid): no such [redacted]");
    assert!(written.contains(&refusal), "{written}");
}

#[tokio::test]
async fn oauth_error_is_readable_in_an_event() {
    let poggio = Client::builder().base_url("http://127.0.0.1:9").build().unwrap();
    let error = poggio.discover("http://as.example").await.unwrap_err();
    let written = Written::default();
    let subscriber =
        tracing_subscriber::fmt().with_writer(written.clone()).with_ansi(false).finish();
    tracing::subscriber::with_default(subscriber, || {
        tracing::error!(%error, "shown");
        tracing::error!(?error, "debugged");
        let error: &dyn StdError = &error;
        tracing::error!(error, "as a value");
    });
    let written = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
    let text = "an endpoint cannot be used: issuer: http to as.example";
    assert_eq!(written.matches(text).count(), 3, "{written}");
}
