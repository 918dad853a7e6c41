//! `CallbackListener`: the callback, its page, and the end of the wait.

mod bind;
mod ignored;
mod slow;

use std::{net::SocketAddr, time::Duration};

use poggio::{
    ClientInformation, ErrorCode,
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

const ANY_PORT: &str = "http://127.0.0.1:0/callback";

/// A listener, and an authorization that comes back to it.
struct Login {
    listener: CallbackListener,
    authorization: Authorization,
}

impl Login {
    async fn new(redirect_uri: &str) -> Self {
        let listener = CallbackListener::bind(redirect_uri).await.unwrap();
        let server = AuthorizationServer::new("https://a.example/authorize", "https://a.example/t");
        let authorization = authorization(&server, Some(listener.redirect_uri()));
        Self { listener, authorization }
    }

    fn redirect_uri(&self) -> String {
        self.listener.redirect_uri().to_owned()
    }

    fn address(&self) -> SocketAddr {
        address(self.listener.redirect_uri())
    }

    fn state(&self) -> String {
        param(self.authorization.url(), "state")
    }

    /// A request that is the callback.
    fn request(&self, query: &str) -> String {
        let (host, state) = (self.address(), self.state());
        get(&format!("/callback?{query}&state={state}"), &format!("Host: {host}\r\n"))
    }

    /// Waits in a task of its own, and returns the authorization to exchange the code with.
    fn wait(self) -> JoinHandle<(Authorization, Result<String, OAuthError>)> {
        tokio::spawn(async move {
            let callback = self.listener.wait(&self.authorization).await;
            (self.authorization, callback)
        })
    }
}

fn authorization(server: &AuthorizationServer, redirect_uri: Option<&str>) -> Authorization {
    let uris = redirect_uri.into_iter().collect::<Vec<_>>();
    let json = json!({"client_id": "id", "client_secret": "s", "redirect_uris": uris});
    let client = ClientInformation::from_json(&json.to_string()).unwrap();
    let client = client.oauth2_client(server, redirect_uri).unwrap();
    Authorization::new(&client, server, ["read"])
}

fn param(url: &Url, name: &str) -> String {
    let mut values = url.query_pairs().filter(|(own, _)| own == name);
    values.next().unwrap().1.into_owned()
}

/// The socket of a redirect URI; that of 127.0.0.1 for `localhost`.
fn address(redirect_uri: &str) -> SocketAddr {
    let url = Url::parse(redirect_uri).unwrap();
    let host = url.host_str().unwrap().replace("localhost", "127.0.0.1");
    format!("{host}:{}", url.port().unwrap()).parse().unwrap()
}

fn get(target: &str, headers: &str) -> String {
    format!("GET {target} HTTP/1.1\r\n{headers}\r\n")
}

/// Sends bytes; returns what arrives until the connection ends, which is nothing if it fails.
async fn send(address: SocketAddr, bytes: &[u8]) -> String {
    let Ok(mut stream) = TcpStream::connect(address).await else { return String::new() };
    // The listener need not read to the end.
    let _ = stream.write_all(bytes).await;
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
    let metadata = poggio::ClientMetadata::new().with_redirect_uri(&redirect_uri);
    let poggio = server.client_builder().build().unwrap();
    let client = poggio.register(&metadata).await.unwrap();
    let endpoints =
        AuthorizationServer::new(server.authorization_endpoint(), server.token_endpoint());
    let oauth = client.oauth2_client(&endpoints, Some(&redirect_uri)).unwrap();
    let authorization = Authorization::new(&oauth, &endpoints, ["read"]);

    // The browser may be back before the program waits.
    let sent_to = server.allow(authorization.url().as_str()).await;
    let browser = tokio::spawn(reqwest::get(sent_to.clone()));
    let callback = listener.wait(&authorization).await.unwrap();
    assert_eq!(callback, sent_to);
    let page = browser.await.unwrap().unwrap();
    assert_eq!(page.status(), 200);
    assert!(page.text().await.unwrap().contains("<h1>Return to the application</h1>"));

    let token = authorization.exchange_code(&callback).unwrap().request_async(&poggio).await;
    assert!(token.is_ok(), "{token:?}");
    let requests = server.token_requests();
    assert_eq!(requests.len(), 1);
    assert_eq!(requests[0].field("redirect_uri"), Some(redirect_uri.as_str()));
}

#[tokio::test]
async fn callback_listener_shows_one_page_without_anything_of_the_request() {
    let login = Login::new(ANY_PORT).await;
    let (address, request) = (login.address(), login.request("code=c0de"));
    let expected = format!("{}?code=c0de&state={}", login.redirect_uri(), login.state());
    let wait = login.wait();
    let response = send(address, request.as_bytes()).await;
    let stable = response.lines().filter(|line| !line.starts_with("date: "));
    insta::assert_snapshot!(stable.collect::<Vec<_>>().join("\n"));
    assert_eq!(wait.await.unwrap().1.unwrap(), expected);
}

#[tokio::test]
async fn callback_listener_says_that_access_was_denied() {
    let login = Login::new(ANY_PORT).await;
    let (address, request) = (login.address(), login.request("error=access_denied"));
    let wait = login.wait();
    let response = send(address, request.as_bytes()).await;
    assert!(response.starts_with("HTTP/1.1 200 "), "{response}");
    assert!(response.contains("<h1>Access was denied</h1>"), "{response}");
    let (authorization, callback) = wait.await.unwrap();
    let error = authorization.exchange_code(&callback.unwrap()).err().unwrap();
    let refusal = error.refusal().unwrap();
    assert_eq!(refusal.code(), Some(&ErrorCode::ACCESS_DENIED));
}

#[tokio::test]
async fn callback_listener_says_that_the_login_failed() {
    for query in ["error=invalid_scope&error_description=%3Cb%3Ethat", "", "code=", "code=1&code=2"]
    {
        let login = Login::new(ANY_PORT).await;
        let (address, request) = (login.address(), login.request(query));
        let wait = login.wait();
        let response = send(address, request.as_bytes()).await;
        assert!(response.contains("<h1>The login failed</h1>"), "{query}: {response}");
        assert!(!response.contains("that<"), "{query}: {response}");
        assert!(!response.contains("<b>"), "{query}: {response}");
        let (authorization, callback) = wait.await.unwrap();
        assert!(authorization.exchange_code(&callback.unwrap()).is_err(), "{query}");
    }
}

#[tokio::test]
async fn callback_listener_matches_any_path_and_keeps_the_query_of_the_redirect_uri() {
    for (redirect_uri, path, query) in [
        ("http://127.0.0.1", "/", "code=c"),
        ("http://127.0.0.1:0/", "/", "code=c"),
        ("http://127.0.0.1:0/a=b/c%20d", "/a=b/c%20d", "code=c"),
        ("http://127.0.0.1:0/callback?app=1", "/callback", "app=1&code=c"),
        // As a browser requests it.
        ("http://127.0.0.1:0/a/../callback", "/callback", "code=c"),
    ] {
        let login = Login::new(redirect_uri).await;
        let (address, state) = (login.address(), login.state());
        let base = login.redirect_uri().split('?').next().unwrap().to_owned();
        let wait = login.wait();
        let target = format!("{path}?{query}&state={state}");
        let response =
            send(address, get(&target, &format!("Host: {address}\r\n")).as_bytes()).await;
        assert!(response.contains("<h1>Return to the application</h1>"), "{target}: {response}");
        let (authorization, callback) = wait.await.unwrap();
        let callback = callback.unwrap();
        assert_eq!(callback, format!("{base}?{query}&state={state}"));
        assert!(authorization.exchange_code(&callback).is_ok(), "{callback}");
    }
}

#[tokio::test]
async fn callback_listener_answers_no_one_after_the_callback() {
    let login = Login::new(ANY_PORT).await;
    let (address, request) = (login.address(), login.request("code=c"));
    // It was there before, and sends the callback too.
    let mut early = TcpStream::connect(address).await.unwrap();
    let wait = login.wait();
    let response = send(address, request.as_bytes()).await;
    assert!(response.contains("<h1>Return to the application</h1>"), "{response}");
    let _ = early.write_all(request.as_bytes()).await;
    assert_eq!(read(&mut early).await, "");
    wait.await.unwrap().1.unwrap();
    // Another program may have the port by now.
    let late = send(address, request.as_bytes()).await;
    assert!(!late.contains("<h1>Return to the application</h1>"), "{late}");
}

#[tokio::test]
async fn callback_listener_accepts_the_callback_once_if_it_arrives_twice_at_once() {
    let login = Login::new(ANY_PORT).await;
    let (address, request) = (login.address(), login.request("code=c"));
    let mut streams = Vec::new();
    for _ in 0..2 {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        streams.push(stream);
    }
    login.listener.wait(&login.authorization).await.unwrap();
    let mut pages = 0;
    for mut stream in streams {
        pages += read(&mut stream).await.matches("<h1>Return to the application</h1>").count();
    }
    assert_eq!(pages, 1);
}

#[tokio::test]
async fn callback_listener_stops_listening_if_the_wait_is_dropped() {
    let login = Login::new(ANY_PORT).await;
    let (address, request) = (login.address(), login.request("code=c"));
    let mut idle = TcpStream::connect(address).await.unwrap();
    let wait = login.listener.wait(&login.authorization);
    let ended = tokio::time::timeout(Duration::from_millis(50), wait).await;
    assert!(ended.is_err());
    // Its connection has ended, and a new one is not served; another program may have the port.
    assert_eq!(read(&mut idle).await, "");
    let late = send(address, request.as_bytes()).await;
    assert!(!late.contains("<h1>Return to the application</h1>"), "{late}");
}

#[tokio::test]
async fn callback_listener_refuses_to_wait_for_another_redirect_uri() {
    let server = AuthorizationServer::poggio();
    let listener = CallbackListener::bind(ANY_PORT).await.unwrap();
    let uri = listener.redirect_uri().to_owned();
    let other = authorization(&server, Some("http://localhost:1/callback"));
    let error = listener.wait(&other).await.unwrap_err().to_string();
    let expected = format!(
        "{uri}: the authorization sends the browser to http://localhost:1/callback instead; pass \
         this listener's redirect_uri() to oauth2_client"
    );
    assert!(error.contains(&expected), "{error}");
    assert!(!error.contains(&param(other.url(), "state")), "{error}");
}

#[tokio::test]
async fn callback_listener_waits_for_an_authorization_without_a_redirect_uri() {
    let listener = CallbackListener::bind(ANY_PORT).await.unwrap();
    let authorization = authorization(&AuthorizationServer::poggio(), None);
    let login = Login { listener, authorization };
    let (address, request) = (login.address(), login.request("code=c"));
    let wait = login.wait();
    send(address, request.as_bytes()).await;
    assert!(wait.await.unwrap().1.is_ok());
}
