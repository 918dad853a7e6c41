//! The settings of a client: their effect on a request, and which are rejected.

use std::time::Duration;

use poggio::{
    Client, ClientBuilder, ClientInformation, ClientMetadata, Error, Outcome, reqwest,
    testing::Server,
};

use crate::support::{ServerBehaviour, Wire, debugged, metadata, require};

fn rejected(builder: ClientBuilder) -> (String, String) {
    let error = builder.build().unwrap_err();
    assert_eq!(
        (error.outcome(), error.attempts(), error.status()),
        (Outcome::NotRegistered, 0, None)
    );
    match error {
        Error::Config(error) => (error.setting().to_owned(), error.problem().to_owned()),
        other => panic!("{other}"),
    }
}

/// Returns the head of the request that a client sends, in lower case.
async fn request_head(path: &str, set: impl FnOnce(ClientBuilder) -> ClientBuilder) -> String {
    let wire = Wire::responding("HTTP/1.1 500 X\r\ncontent-length: 0\r\n\r\n").await;
    let builder = Client::builder().base_url(format!("{}{path}", wire.base_url));
    set(builder).build().unwrap().register(&metadata()).await.unwrap_err();
    let requests = wire.requests();
    assert_eq!(requests.len(), 1);
    requests[0].split("\r\n\r\n").next().unwrap().to_lowercase()
}

#[tokio::test]
async fn register_sends_only_the_headers_it_needs() {
    let head = request_head("", |builder| builder).await;
    let mut lines: Vec<_> = head.lines().map(|line| line.split(": ").next().unwrap()).collect();
    lines.sort_unstable();
    assert_eq!(
        lines,
        [
            "accept",
            "accept-encoding",
            "content-length",
            "content-type",
            "host",
            "post /v1/oauth/register http/1.1",
            "user-agent"
        ]
    );
    assert!(head.contains("accept: application/json\r\n"), "{head}");
    assert!(head.contains("accept-encoding: identity\r\n"), "{head}");
    assert!(head.contains("content-type: application/json\r\n"), "{head}");
    let expected = serde_json::to_vec(&metadata()).unwrap().len();
    assert!(head.contains(&format!("content-length: {expected}")), "{head}");
}

#[tokio::test]
async fn base_url_may_have_a_path_and_a_trailing_slash() {
    for (path, expected) in [
        ("", "/v1/oauth/register"),
        ("/", "/v1/oauth/register"),
        ("//", "/v1/oauth/register"),
        ("/api", "/api/v1/oauth/register"),
        ("/api/eu/", "/api/eu/v1/oauth/register"),
        ("/a%20b", "/a%20b/v1/oauth/register"),
    ] {
        let head = request_head(path, |builder| builder).await;
        assert!(head.starts_with(&format!("post {expected} http/1.1\r\n")), "{path}: {head}");
    }
}

#[tokio::test]
async fn register_reaches_loopback_hosts_over_ipv4_ipv6_and_by_name() {
    let response = "HTTP/1.1 200 OK\r\ncontent-length: 19\r\n\r\n{\"client_id\": \"id\"}";
    let v4 = Wire::responding(response).await;
    let port = v4.base_url.rsplit(':').next().unwrap();
    let mut urls = vec![v4.base_url.clone(), format!("http://localhost:{port}")];
    let v6;
    let has_v6 = std::net::TcpListener::bind("[::1]:0").is_ok();
    if require(has_v6, "IPv6 has no loopback address", "enable IPv6 on lo") {
        v6 = Wire::at("[::1]:0", vec![ServerBehaviour::Responds(response.into())]).await;
        urls.push(v6.base_url.clone());
    }
    // Another program may listen on this port of the other loopback addresses.
    let to_v4 = reqwest::Client::builder().resolve("localhost", ([127, 0, 0, 1], 0).into());
    let http = to_v4.build().unwrap();
    for url in urls {
        let builder = Client::builder().base_url(&url).http_client(http.clone());
        let poggio = builder.build().unwrap();
        assert_eq!(poggio.register(&metadata()).await.unwrap().client_id, "id", "{url}");
    }
}

#[test]
fn base_url_is_normalized() {
    for (url, normalized) in [
        ("https://api.poggio.io", "https://api.poggio.io"),
        ("https://api.poggio.io/", "https://api.poggio.io"),
        (" https://api.poggio.io\n", "https://api.poggio.io"),
        ("HTTPS://API.poggio.io:443/v2/", "https://api.poggio.io/v2"),
        ("https://[2001:db8::1]:8443/x", "https://[2001:db8::1]:8443/x"),
        ("https://10.0.0.1", "https://10.0.0.1"),
        ("http://localhost:9100", "http://localhost:9100"),
        ("http://127.0.0.9", "http://127.0.0.9"),
        ("http://[::1]:9100/", "http://[::1]:9100"),
    ] {
        let http = reqwest::Client::new();
        let client = Client::builder().base_url(url).http_client(http).build().unwrap();
        assert!(format!("{client:?}").contains(&format!("base_url: {normalized:?}")), "{client:?}");
    }
}

#[test]
fn base_url_is_rejected_with_a_reason() {
    for (url, problem) in [
        ("", "not a URL (relative URL without a base); use the form https://api.poggio.io"),
        (
            "api.poggio.io",
            "not a URL (relative URL without a base); use the form https://api.poggio.io",
        ),
        ("localhost:9100", "has no scheme; use the form https://api.poggio.io"),
        ("https://", "not a URL (empty host); use the form https://api.poggio.io"),
        ("ftp://api.poggio.io", "the scheme ftp is not supported; use https"),
        (
            "https://user:pass@api.poggio.io",
            "contains a user name or password; remove it, and set a token with auth_token",
        ),
        (
            "https://api.poggio.io/?a=b",
            "has a query or a fragment; remove everything after the path",
        ),
        ("https://api.poggio.io/#a", "has a query or a fragment; remove everything after the path"),
        (
            "https://api.poggio.io/v1/oauth/register/",
            "ends with /v1/oauth/register; remove this path, which is added",
        ),
        (
            "http://api.poggio.io",
            "http to api.poggio.io would expose credentials, because it is not a loopback host; \
             use https",
        ),
        (
            "http://192.168.1.1",
            "http to 192.168.1.1 would expose credentials, because it is not a loopback host; \
             use https",
        ),
    ] {
        let expected = ("base_url".to_owned(), problem.to_owned());
        assert_eq!(rejected(Client::builder().base_url(url)), expected, "{url}");
    }
}

#[test]
fn config_error_matches_its_snapshot() {
    let error = Client::builder().base_url("http://api.poggio.io").build().unwrap_err();
    insta::assert_snapshot!("config_display", error);
    assert_eq!(format!("{error:?}"), format!("Config: {error}"));
}

#[tokio::test]
async fn auth_token_is_sent_in_its_header_only_and_not_shown() {
    let token = "p0ggio.T0ken~+/==";
    let head = request_head("", |builder| builder.auth_token(token)).await;
    let with_token: Vec<_> = head.lines().filter(|line| line.contains("p0ggio")).collect();
    assert_eq!(with_token, [format!("authorization: bearer {}", token.to_lowercase())]);

    let builder = Client::builder().auth_token(token).base_url("http://127.0.0.1:1");
    assert!(!debugged(&builder).contains("p0ggio"));
    assert!(format!("{builder:?}").contains(r#"auth_token: Some("[redacted]")"#));
    let client = builder.build().unwrap();
    assert!(!debugged(&client).contains("p0ggio"));
    assert!(format!("{client:?}").contains("auth_token: Some(BearerToken([redacted]))"));
}

#[test]
fn auth_token_is_rejected_with_a_reason_that_does_not_quote_it() {
    for (token, beginning) in [
        ("", "empty; leave it unset"),
        ("Bearer p0ggio", "starts with \"Bearer\""),
        ("bearer p0ggio", "starts with \"Bearer\""),
        ("p0ggio\n", "contains a space, a line break"),
        ("p0ggio\r\nx: y", "contains a space, a line break"),
        ("p0 ggio", "contains a space, a line break"),
        ("p0ggi\u{f6}", "contains a space, a line break"),
    ] {
        let (setting, problem) = rejected(Client::builder().auth_token(token));
        assert_eq!(setting, "auth_token");
        assert!(problem.starts_with(beginning), "{problem}");
        assert!(!problem.contains("p0"), "{problem}");
    }
}

#[tokio::test]
async fn user_agent_starts_with_the_application() {
    let own = format!(
        "poggio/{} ({}; {})",
        env!("CARGO_PKG_VERSION"),
        std::env::consts::OS,
        std::env::consts::ARCH
    );
    let server = Server::start().await;
    server.client().register(&metadata()).await.unwrap();
    let named = server.client_builder().app_info("acme", "1.2").build().unwrap();
    named.register(&metadata()).await.unwrap();
    let agents: Vec<_> =
        server.requests().iter().map(|r| r.header("User-Agent").unwrap().to_owned()).collect();
    assert_eq!(agents, [own.clone(), format!("acme/1.2 {own}")]);

    for (name, version) in
        [("", "1"), ("acme", ""), ("a b", "1"), ("acme", "1\r\n"), ("a/b", "1"), ("ä", "1")]
    {
        assert_eq!(
            rejected(Client::builder().app_info(name, version)).0,
            "app_info",
            "{name} {version}"
        );
    }
}

#[test]
fn limits_of_zero_are_rejected() {
    let builder = Client::builder;
    assert_eq!(rejected(builder().timeout(Duration::ZERO)).0, "timeout");
    assert_eq!(rejected(builder().connect_timeout(Duration::ZERO)).0, "connect_timeout");
    assert_eq!(rejected(builder().max_response_bytes(0)).0, "max_response_bytes");
    let endless =
        builder().base_url("http://[::1]").timeout(Duration::MAX).max_response_bytes(usize::MAX);
    endless.build().unwrap();
}

#[tokio::test]
async fn largest_limits_are_accepted() {
    let server = Server::start().await;
    let builder = server.client_builder().timeout(Duration::MAX).max_retries(u32::MAX);
    let client = builder.max_response_bytes(usize::MAX).build().unwrap();
    assert_eq!(client.register(&metadata()).await.unwrap().client_id, "loopback-client-1");
}

#[tokio::test]
async fn http_client_of_the_caller_is_used() {
    let server = Server::start().await;
    let mut headers = reqwest::header::HeaderMap::new();
    headers.insert("x-own", "yes".parse().unwrap());
    let own = reqwest::Client::builder().default_headers(headers).build().unwrap();
    let client = server.client_builder().http_client(own).build().unwrap();
    client.register(&metadata()).await.unwrap();
    assert_eq!(server.requests()[0].header("x-own"), Some("yes"));
    assert!(server.requests()[0].header("user-agent").unwrap().starts_with("poggio/"));
}

#[cfg(not(any(feature = "rustls", feature = "native-tls")))]
#[test]
fn https_without_a_tls_feature_is_rejected() {
    let (setting, problem) = rejected(Client::builder());
    assert_eq!(setting, "base_url");
    assert!(
        problem.starts_with("https requires the crate feature `rustls` or `native-tls`"),
        "{problem}"
    );
}

#[cfg(any(feature = "rustls", feature = "native-tls"))]
#[test]
fn client_has_the_documented_defaults() {
    let client = Client::new().unwrap();
    let shown = format!("{client:?}");
    for part in [
        r#"base_url: "https://api.poggio.io""#,
        "auth_token: None",
        "timeout: 30s",
        "max_retries: 2",
        "max_response_bytes: 262144",
        "local_validation: true",
    ] {
        assert!(shown.contains(part), "{part} in {shown}");
    }
}

#[test]
fn types_are_send_and_sync_and_errors_are_small() {
    fn shared<T: Clone + Send + Sync + 'static>() {}
    fn error<T: std::error::Error + Send + Sync + 'static>() {}
    fn send<T: Send>(value: T) -> T {
        value
    }
    shared::<Client>();
    shared::<ClientMetadata>();
    shared::<ClientInformation>();
    error::<Error>();
    error::<poggio::ValidationErrors>();
    assert!(size_of::<Error>() <= 64, "{}", size_of::<Error>());
    let client = Client::builder().base_url("http://[::1]").build().unwrap();
    let metadata = metadata();
    drop(send(client.register(&metadata)));
}
