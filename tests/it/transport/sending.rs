//! The requests of a call, and its error if no response arrives.

use std::time::Duration;

use poggio::{
    Client, Error, Outcome, TransportError,
    reqwest::{
        self,
        dns::{Name, Resolve, Resolving},
    },
    testing::{Reply, Server},
};
use tokio::time::Instant;

use crate::support::{ServerBehaviour, Wire, attempts, metadata, paused, sized};

async fn transport_error(poggio: &Client) -> TransportError {
    match poggio.register(&metadata()).await {
        Err(Error::Transport(error)) => error,
        other => panic!("{other:?}"),
    }
}

/// A server that sends these bytes and then nothing.
async fn stalling(bytes: impl Into<Vec<u8>>) -> Wire {
    Wire::serve(vec![ServerBehaviour::Stalls(bytes.into())]).await
}

#[tokio::test]
async fn register_sends_the_metadata_unchanged() {
    let server = Server::start().await;
    let metadata = metadata().with_redirect_uri("https://A.example/%7Ecb/../x?q=%20");
    server.client().register(&metadata).await.unwrap();
    let request = &server.requests()[0];
    assert_eq!((request.method(), request.path()), ("POST", "/v1/oauth/register"));
    assert_eq!(request.json(), Some(serde_json::to_value(&metadata).unwrap()));
    assert_eq!(request.metadata(), Some(metadata));
}

#[tokio::test]
async fn register_retries_a_503_with_retry_after_up_to_two_times() {
    let server = Server::start().await;
    let busy = Reply::status(503).with_header("retry-after", "0");
    server.script([busy.clone(), busy.clone(), busy]);
    let error = server.client().register(&metadata()).await.unwrap_err();
    assert_eq!((error.attempts(), error.outcome()), (3, Outcome::NotRegistered));
    assert_eq!(error.retry_after(), Some(Duration::ZERO));
    assert_eq!(server.requests().len(), 3);
    // The script has ended: the server registers again.
    assert_eq!(attempts(&server.client().register(&metadata()).await.unwrap()), 1);
}

#[tokio::test]
async fn register_with_max_retries_0_sends_once() {
    let server = Server::start().await;
    server.script([Reply::status(429).with_header("retry-after", "0")]);
    let poggio = server.client_builder().max_retries(0).build().unwrap();
    assert_eq!(poggio.register(&metadata()).await.unwrap_err().attempts(), 1);
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn register_returns_at_once_if_the_wait_is_too_long() {
    paused(async {
        for (retry_after, timeout) in [("61", 3600), ("5", 4), ("99999999999999999999", 3600)] {
            let header = format!("retry-after: {retry_after}\r\n");
            let wire = Wire::responding(sized("429 Too Many Requests", &header, "")).await;
            let builder = wire.client_builder().timeout(Duration::from_secs(timeout));
            let started = Instant::now();
            let error = builder.build().unwrap().register(&metadata()).await.unwrap_err();
            // By the paused clock.
            assert!(started.elapsed() < Duration::from_secs(1), "waited for {retry_after}");
            assert_eq!(error.attempts(), 1);
            assert!(error.retry_after().unwrap() >= Duration::from_secs(5));
        }
    });
}

#[tokio::test]
async fn register_does_not_retry_a_5xx() {
    for status in [500, 502, 503, 504] {
        let server = Server::start().await;
        server.script([Reply::status(status)]);
        let error = server.client().register(&metadata()).await.unwrap_err();
        assert_eq!((error.attempts(), error.outcome()), (1, Outcome::Unknown));
        assert_eq!(server.requests().len(), 1);
    }
}

#[tokio::test]
async fn register_does_not_retry_after_a_disconnect_on_a_new_or_a_pooled_connection() {
    let server = Server::start().await;
    let poggio = server.client();
    for earlier_requests in [0, 2] {
        server.script([Reply::disconnect()]);
        let error = poggio.register(&metadata()).await.unwrap_err();
        let expected = (Outcome::Unknown, 1, None);
        assert_eq!((error.outcome(), error.attempts(), error.status()), expected);
        assert!(
            matches!(&error, Error::Transport(error) if error.is_sent() && !error.is_timeout())
        );
        assert!(std::error::Error::source(&error).is_some());
        assert_eq!(server.requests().len(), earlier_requests + 1);
        assert_eq!(server.requests()[earlier_requests].status(), None);
        assert_eq!(
            error.to_string(),
            format!(
                "the connection to {} broke after the request was sent: the connection was closed; a \
                 client may have been registered: ask the server's operator before you register \
                 again, which may create a second client",
                server.base_url().trim_start_matches("http://")
            )
        );
        poggio.register(&metadata()).await.unwrap();
    }
}

#[tokio::test]
async fn register_reports_unknown_if_the_response_is_not_http() {
    for response in ["", "nonsense\r\n\r\n", "HTTP/1.1 abc\r\n\r\n", "HTTP/1.1 200 OK\r\nbroken"] {
        let wire = Wire::responding(response).await;
        let error = transport_error(&wire.client()).await;
        assert!(error.is_sent() && !error.is_timeout(), "{response:?}: {error}");
        assert_eq!(Error::Transport(error).outcome(), Outcome::Unknown);
        assert_eq!(wire.requests().len(), 1, "{response:?}");
    }
}

#[test]
fn register_retries_a_refused_connection() {
    paused(async {
        let wire = Wire::nobody();
        let error = wire.client().register(&metadata()).await.unwrap_err();
        assert_eq!((error.outcome(), error.attempts()), (Outcome::NotRegistered, 3));
        assert!(matches!(&error, Error::Transport(error) if !error.is_sent()));
        assert!(std::error::Error::source(&error).is_some());
        assert_eq!(
            error.to_string(),
            format!(
                "could not connect to {}: the connection was refused (attempt 3); no client was \
             registered: check the port, and that the server is running, then try again",
                wire.base_url.trim_start_matches("http://")
            )
        );
    });
}

#[cfg(any(feature = "rustls", feature = "native-tls"))]
#[tokio::test]
async fn register_sends_nothing_to_a_server_without_tls() {
    let wire = Wire::responding("HTTP/1.1 200 OK\r\n\r\n").await;
    let url = wire.base_url.replace("http:", "https:");
    let poggio = Client::builder().base_url(url).auth_token("p0ggio").max_retries(0);
    let poggio = poggio.connect_timeout(Duration::from_millis(500));
    let error = transport_error(&poggio.build().unwrap()).await;
    assert!(!error.is_sent(), "{error}");
    assert_eq!(Error::Transport(error).outcome(), Outcome::NotRegistered);
    assert!(wire.requests().iter().all(|request| !request.contains("POST")));
}

struct NoNames;

impl Resolve for NoNames {
    fn resolve(&self, _: Name) -> Resolving {
        Box::pin(async { Err("no such host".into()) })
    }
}

#[tokio::test]
async fn register_sends_nothing_if_the_host_does_not_resolve() {
    let http = reqwest::Client::builder().dns_resolver(NoNames).build().unwrap();
    let poggio = Client::builder().base_url("http://localhost").http_client(http).max_retries(0);
    let error = transport_error(&poggio.build().unwrap()).await;
    assert!(!error.is_sent(), "{error}");
    assert_eq!(error.to_string(), "could not connect to localhost: the host name was not found");
}

#[cfg(any(feature = "rustls", feature = "native-tls"))]
#[test]
fn register_ends_a_stalled_handshake_at_the_connect_timeout() {
    paused(async {
        // Accepted by the kernel only.
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = listener.local_addr().unwrap();
        let poggio = Client::builder().base_url(format!("https://{host}")).max_retries(0);
        let poggio = poggio.connect_timeout(Duration::from_millis(200)).build().unwrap();
        let error = transport_error(&poggio).await;
        assert!(error.is_timeout() && !error.is_sent(), "{error}");
        assert_eq!(error.to_string(), format!("could not connect to {host}: connecting timed out"));
        assert_eq!(Error::Transport(error).outcome(), Outcome::NotRegistered);
    });
}

#[test]
fn transport_error_names_no_limit_if_the_http_client_of_the_caller_timed_out() {
    paused(async {
        let wire = stalling("").await;
        let http = reqwest::Client::builder().timeout(Duration::from_secs(3)).build().unwrap();
        let error =
            transport_error(&wire.client_builder().http_client(http).build().unwrap()).await;
        assert!(error.is_timeout() && error.is_sent(), "{error}");
        assert!(error.to_string().ends_with(" in time, after the request was sent"), "{error}");
    });
}

#[test]
fn register_reports_unknown_at_the_timeout() {
    paused(async {
        let wire = stalling("").await;
        let poggio = wire.client();
        let started = Instant::now();
        let error = transport_error(&poggio).await;
        // By the paused clock.
        assert_eq!(started.elapsed().as_secs(), 30);
        assert!(error.is_timeout() && error.is_sent(), "{error}");
        assert_eq!(
            error.to_string(),
            format!(
                "no response from {} within 30s, after the request was sent",
                wire.base_url.trim_start_matches("http://")
            )
        );
        let error = Error::Transport(error);
        assert_eq!((error.outcome(), error.attempts()), (Outcome::Unknown, 1));
        assert_eq!(format!("{error:?}"), format!("Transport: {error}"));
    });
}

#[tokio::test]
async fn register_fails_if_the_http_client_of_the_caller_followed_a_redirect() {
    let server = Server::start().await;
    let poggio = server.client_builder().http_client(reqwest::Client::new()).build().unwrap();
    let closed = Wire::nobody();
    for (status, location) in [
        (301, "/elsewhere"),
        (302, "/elsewhere"),
        (303, "/elsewhere"),
        (302, closed.base_url.as_str()),
    ] {
        server.script([Reply::status(status).with_header("location", location)]);
        server.script([Reply::json(200, serde_json::json!({"client_id": "not a registration"}))]);
        let error = transport_error(&poggio).await;
        assert!(
            error.to_string().ends_with("redirected, and the HTTP client followed the redirect"),
            "{error}"
        );
        // The status is not known, and it may have been a 303.
        assert_eq!(Error::Transport(error).outcome(), Outcome::Unknown);
    }
}

#[tokio::test]
async fn register_sends_its_body_once_even_if_the_http_client_of_the_caller_follows_redirects() {
    for status in [307, 308] {
        let server = Server::start().await;
        let poggio = server.client_builder().http_client(reqwest::Client::new()).build().unwrap();
        server.script([Reply::status(status).with_header("location", "/v1/oauth/register")]);
        let error = poggio.register(&metadata()).await.unwrap_err();
        assert_eq!(error.status().unwrap().as_u16(), status);
        assert_eq!(server.requests().len(), 1);
    }
}

#[tokio::test]
async fn client_registers_32_clients_concurrently() {
    let server = Server::start().await;
    let poggio = server.client();
    let calls = (0..32).map(|i| {
        let poggio = poggio.clone();
        tokio::spawn(async move {
            let metadata = metadata().with_client_name(format!("client {i}"));
            let client = poggio.register(&metadata).await.unwrap();
            assert_eq!(client.metadata.client_name, metadata.client_name);
            client.client_id
        })
    });
    let mut ids = Vec::new();
    for call in calls.collect::<Vec<_>>() {
        ids.push(call.await.unwrap());
    }
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 32);
    assert_eq!(server.registrations().len(), 32);
}
