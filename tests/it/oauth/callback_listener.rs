//! `CallbackListener`: the callback, its page, and the end of the wait.

mod bind;
mod ignored;
mod slow;

use std::{net::SocketAddr, time::Duration};

use poggio::{
    ClientMetadata,
    oauth::{Authorization, AuthorizationServer, CallbackListener, OAuthError},
    reqwest::{self, Url},
    testing::Server,
};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinHandle,
};

use crate::support::oauth::{endpoints, param, registered};

const ANY_PORT: &str = "http://127.0.0.1:0/callback";
const SUCCESS: &str = "<h1>Return to the application</h1>";

/// A listener, and an authorization that comes back to it.
struct Login {
    listener: CallbackListener,
    authorization: Authorization,
}

/// A wait in its own task.
type Wait = JoinHandle<(Authorization, Result<String, OAuthError>)>;

impl Login {
    async fn bind(redirect_uri: &str) -> (Browser, Self) {
        let listener = CallbackListener::bind(redirect_uri).await.unwrap();
        let authorization = authorization(Some(listener.redirect_uri()));
        (Browser::new(&listener, &authorization), Self { listener, authorization })
    }

    fn wait(self) -> Wait {
        tokio::spawn(async move {
            let callback = self.listener.wait(&self.authorization).await;
            (self.authorization, callback)
        })
    }

    /// Binds to any port and waits.
    async fn start() -> (Browser, Wait) {
        let (browser, login) = Self::bind(ANY_PORT).await;
        (browser, login.wait())
    }
}

fn authorization(redirect_uri: Option<&str>) -> Authorization {
    let server = AuthorizationServer::new("https://a.example/authorize", "https://a.example/t");
    let uris: Vec<_> = redirect_uri.into_iter().collect();
    let client = registered(json!({"redirect_uris": uris}));
    let client = client.oauth2_client(&server, redirect_uri).unwrap();
    Authorization::new(&client, &server, ["read"])
}

/// The values of the login that a browser knows.
struct Browser {
    redirect_uri: String,
    state: String,
    /// The listener's socket; that of 127.0.0.1 for `localhost`.
    address: SocketAddr,
}

impl Browser {
    fn new(listener: &CallbackListener, authorization: &Authorization) -> Self {
        let redirect_uri = listener.redirect_uri().to_owned();
        let url = Url::parse(&redirect_uri).unwrap();
        let host = url.host_str().unwrap().replace("localhost", "127.0.0.1");
        let address = format!("{host}:{}", url.port().unwrap()).parse().unwrap();
        Self { redirect_uri, state: param(authorization.url(), "state"), address }
    }

    /// The header `Host` of its requests.
    fn host(&self) -> String {
        format!("Host: {}\r\n", self.address)
    }

    /// Returns a callback request.
    fn callback(&self, query: &str) -> String {
        get(&format!("/callback?{query}&state={}", self.state), &self.host())
    }

    async fn send(&self, request: &str) -> String {
        send(self.address, request).await
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Asserts that the listener still waits, and that it accepts the callback.
    async fn assert_accepted(&self, wait: Wait) {
        assert!(!wait.is_finished());
        let response = self.send(&self.callback("code=right")).await;
        assert!(response.contains(SUCCESS), "{response}");
        let callback = wait.await.unwrap().1.unwrap();
        assert_eq!(callback, format!("{}?code=right&state={}", self.redirect_uri, self.state));
    }
}

fn get(target: &str, headers: &str) -> String {
    format!("GET {target} HTTP/1.1\r\n{headers}\r\n")
}

/// Sends a request; returns what arrives until the connection ends, which is nothing if it fails.
async fn send(address: SocketAddr, request: &str) -> String {
    let Ok(mut stream) = TcpStream::connect(address).await else { return String::new() };
    // The listener need not read to the end.
    let _ = stream.write_all(request.as_bytes()).await;
    read(&mut stream).await
}

async fn read(stream: &mut TcpStream) -> String {
    let mut response = Vec::new();
    let _ = stream.read_to_end(&mut response).await;
    String::from_utf8(response).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn callback_listener_returns_the_callback_of_a_whole_login() {
    let server = Server::start().await;
    let listener = CallbackListener::bind(ANY_PORT).await.unwrap();
    let redirect_uri = listener.redirect_uri().to_owned();
    let metadata = ClientMetadata::new().with_redirect_uri(&redirect_uri);
    let poggio = server.client_builder().build().unwrap();
    let client = poggio.register(&metadata).await.unwrap();
    let endpoints = endpoints(&server);
    let oauth = client.oauth2_client(&endpoints, Some(&redirect_uri)).unwrap();
    let authorization = Authorization::new(&oauth, &endpoints, ["read"]);

    // The browser may be back before the program waits.
    let sent_to = server.allow(authorization.url().as_str()).await;
    let browser = tokio::spawn(reqwest::get(sent_to.clone()));
    let callback = listener.wait(&authorization).await.unwrap();
    assert_eq!(callback, sent_to);
    let page = browser.await.unwrap().unwrap();
    assert_eq!(page.status(), 200);
    assert!(page.text().await.unwrap().contains(SUCCESS));

    let token = authorization.exchange_code(&callback).unwrap().request_async(&poggio).await;
    assert!(token.is_ok(), "{token:?}");
    let requests = server.token_requests();
    assert_eq!(requests.len(), 1);
    assert_eq!(requests[0].field("redirect_uri"), Some(redirect_uri.as_str()));
}

#[tokio::test]
async fn callback_listener_shows_a_page_without_anything_of_the_request() {
    let (browser, wait) = Login::start().await;
    let response = browser.send(&browser.callback("code=c0de")).await;
    let stable = response.lines().filter(|line| !line.starts_with("date: "));
    insta::assert_snapshot!("page", stable.collect::<Vec<_>>().join("\n"));
    let callback = format!("{}?code=c0de&state={}", browser.redirect_uri, browser.state);
    assert_eq!(wait.await.unwrap().1.unwrap(), callback);
}

#[tokio::test]
async fn callback_listener_shows_a_denial_or_failure_and_returns_the_callback() {
    for (query, title) in [
        ("error=access_denied", "Access was denied"),
        ("error=invalid_scope&error_description=%3Cb%3Ethat", "The login failed"),
        ("", "The login failed"),
        ("code=", "The login failed"),
        ("code=1&code=2", "The login failed"),
    ] {
        let (browser, wait) = Login::start().await;
        let response = browser.send(&browser.callback(query)).await;
        assert!(response.starts_with("HTTP/1.1 200 "), "{query}: {response}");
        assert!(response.contains(&format!("<h1>{title}</h1>")), "{query}: {response}");
        assert!(!response.contains("that<") && !response.contains("<b>"), "{query}: {response}");
        let (authorization, callback) = wait.await.unwrap();
        let error = authorization.exchange_code(&callback.unwrap()).err().unwrap();
        assert_eq!(error.refusal().is_some(), query.starts_with("error="), "{query}: {error}");
    }
}

#[tokio::test]
async fn callback_listener_matches_any_path_and_keeps_the_query_of_the_redirect_uri() {
    for (redirect_uri, path, query) in [
        ("http://127.0.0.1", "/", "code=c"),
        ("http://127.0.0.1:0/", "/", "code=c"),
        ("http://127.0.0.1:0/a=b/c%20d", "/a=b/c%20d", "code=c"),
        ("http://127.0.0.1:0/callback?app=1", "/callback", "app=1&code=c"),
        // A browser requests the path without the dots.
        ("http://127.0.0.1:0/a/../callback", "/callback", "code=c"),
    ] {
        let (browser, login) = Login::bind(redirect_uri).await;
        let base = browser.redirect_uri.split('?').next().unwrap();
        let query = format!("{query}&state={}", browser.state);
        let wait = login.wait();
        let response = browser.send(&get(&format!("{path}?{query}"), &browser.host())).await;
        assert!(response.contains(SUCCESS), "{redirect_uri}: {response}");
        let (authorization, callback) = wait.await.unwrap();
        let callback = callback.unwrap();
        assert_eq!(callback, format!("{base}?{query}"));
        assert!(authorization.exchange_code(&callback).is_ok(), "{callback}");
    }
}

#[tokio::test]
async fn callback_listener_serves_no_one_after_the_callback() {
    let (browser, login) = Login::bind(ANY_PORT).await;
    let mut early = browser.connect().await;
    let wait = login.wait();
    browser.assert_accepted(wait).await;
    let request = browser.callback("code=c");
    let _ = early.write_all(request.as_bytes()).await;
    assert_eq!(read(&mut early).await, "");
    // Another program may have the port by now.
    let late = browser.send(&request).await;
    assert!(!late.contains(SUCCESS), "{late}");
}

#[tokio::test]
async fn callback_listener_accepts_the_callback_once_if_it_arrives_twice_at_once() {
    let (browser, login) = Login::bind(ANY_PORT).await;
    let mut streams = [browser.connect().await, browser.connect().await];
    for stream in &mut streams {
        stream.write_all(browser.callback("code=c").as_bytes()).await.unwrap();
    }
    login.listener.wait(&login.authorization).await.unwrap();
    let mut pages = 0;
    for mut stream in streams {
        pages += read(&mut stream).await.matches(SUCCESS).count();
    }
    assert_eq!(pages, 1);
}

#[tokio::test]
async fn callback_listener_stops_listening_if_the_wait_is_dropped() {
    let (browser, login) = Login::bind(ANY_PORT).await;
    let mut idle = browser.connect().await;
    let wait = login.listener.wait(&login.authorization);
    let ended = tokio::time::timeout(Duration::from_millis(50), wait).await;
    assert!(ended.is_err());
    assert_eq!(read(&mut idle).await, "");
    // Another program may have the port by now.
    let late = browser.send(&browser.callback("code=c")).await;
    assert!(!late.contains(SUCCESS), "{late}");
}

#[tokio::test]
async fn callback_listener_refuses_to_wait_for_another_redirect_uri() {
    let listener = CallbackListener::bind(ANY_PORT).await.unwrap();
    let other = authorization(Some("http://localhost:1/callback"));
    let uri = listener.redirect_uri().to_owned();
    let error = listener.wait(&other).await.unwrap_err().to_string();
    let expected = format!(
        "{uri}: the authorization redirects to http://localhost:1/callback; pass this listener's \
         redirect_uri() to oauth2_client"
    );
    assert!(error.contains(&expected), "{error}");
    assert!(!error.contains(&param(other.url(), "state")), "{error}");
}

#[tokio::test]
async fn callback_listener_waits_for_an_authorization_without_a_redirect_uri() {
    let listener = CallbackListener::bind(ANY_PORT).await.unwrap();
    let authorization = authorization(None);
    let browser = Browser::new(&listener, &authorization);
    let wait = Login { listener, authorization }.wait();
    browser.assert_accepted(wait).await;
}
