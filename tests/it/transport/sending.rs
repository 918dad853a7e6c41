//! What is sent, how often, and what is known when no answer comes.

use std::time::{Duration, Instant};

use poggio::{
    Client, Error, Outcome, TransportError, reqwest,
    testing::{Reply, Server},
};

use crate::support::{ServerBehaviour, Wire, attempts, metadata};

async fn failed(poggio: &Client) -> TransportError {
    match poggio.register(&metadata()).await {
        Err(Error::Transport(error)) => error,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn the_metadata_arrives_as_it_was_given() {
    let server = Server::start().await;
    let metadata = metadata().with_redirect_uri("https://A.example/%7Ecb/../x?q=%20");
    server.client().register(&metadata).await.unwrap();
    let request = &server.requests()[0];
    assert_eq!((request.method(), request.path()), ("POST", "/v1/oauth/register"));
    assert_eq!(request.json(), Some(serde_json::to_value(&metadata).unwrap()));
    assert_eq!(request.metadata(), Some(metadata));
}

#[tokio::test]
async fn a_server_that_says_when_to_come_back_is_asked_again() {
    let server = Server::start().await;
    let busy = Reply::status(503).with_header("retry-after", "0");
    server.script([busy.clone(), busy.clone(), busy]);
    let error = server.client().register(&metadata()).await.unwrap_err();
    assert_eq!((error.attempts(), error.outcome()), (3, Outcome::NotRegistered));
    assert_eq!(error.retry_after(), Some(Duration::ZERO));
    assert_eq!(server.requests().len(), 3);
    // The script is used up: the next call finds the server well.
    assert_eq!(attempts(&server.client().register(&metadata()).await.unwrap()), 1);
}

#[tokio::test]
async fn max_retries_of_0_sends_once() {
    let server = Server::start().await;
    server.script([Reply::status(429).with_header("retry-after", "0")]);
    let poggio = server.client_builder().max_retries(0).build().unwrap();
    assert_eq!(poggio.register(&metadata()).await.unwrap_err().attempts(), 1);
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn a_wait_that_does_not_fit_is_given_back_at_once() {
    for (retry_after, timeout) in [("61", 3600), ("5", 4), ("99999999999999999999", 3600)] {
        let server = Server::start().await;
        server.script([Reply::status(429).with_header("retry-after", retry_after)]);
        let poggio = server.client_builder().timeout(Duration::from_secs(timeout)).build().unwrap();
        let started = Instant::now();
        let error = poggio.register(&metadata()).await.unwrap_err();
        assert!(started.elapsed() < Duration::from_secs(2), "slept through {retry_after}");
        assert_eq!(error.attempts(), 1);
        assert!(error.retry_after().unwrap() >= Duration::from_secs(5));
    }
}

#[tokio::test]
async fn failures_that_may_have_registered_are_not_sent_again() {
    for reply in [Reply::status(500), Reply::status(502), Reply::status(503), Reply::status(504)] {
        let server = Server::start().await;
        server.script([reply]);
        let error = server.client().register(&metadata()).await.unwrap_err();
        assert_eq!((error.attempts(), error.outcome()), (1, Outcome::Unknown));
        assert_eq!(server.requests().len(), 1);
    }
}

#[tokio::test]
async fn a_dropped_connection_leaves_it_unknown_and_is_not_sent_again() {
    let server = Server::start().await;
    server.script([Reply::disconnect()]);
    let error = server.client().register(&metadata()).await.unwrap_err();
    assert_eq!((error.outcome(), error.attempts(), error.status()), (Outcome::Unknown, 1, None));
    assert!(matches!(&error, Error::Transport(error) if error.is_sent() && !error.is_timeout()));
    assert!(std::error::Error::source(&error).is_some());
    assert_eq!(server.requests().len(), 1);
    assert_eq!(server.requests()[0].status(), None);
    assert_eq!(
        error.to_string(),
        format!(
            "the connection to {}/v1/oauth/register broke after the request was sent; a client \
             may have been registered: registering again may make a second client; ask Poggio \
             before you do",
            server.base_url()
        )
    );
}

#[tokio::test]
async fn a_pooled_connection_that_dies_with_the_request_is_not_sent_again() {
    let server = Server::start().await;
    let poggio = server.client();
    poggio.register(&metadata()).await.unwrap();
    server.script([Reply::disconnect()]);
    assert!(failed(&poggio).await.is_sent());
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn nonsense_instead_of_http_leaves_it_unknown() {
    for answer in ["", "nonsense\r\n\r\n", "HTTP/1.1 abc\r\n\r\n", "HTTP/1.1 200 OK\r\nbroken"] {
        let server = Wire::answering(answer).await;
        let poggio = Client::builder().base_url(&server.base_url).build().unwrap();
        let error = failed(&poggio).await;
        assert!(error.is_sent() && !error.is_timeout(), "{answer:?}: {error}");
        assert_eq!(Error::Transport(error).outcome(), Outcome::Unknown);
        assert_eq!(server.requests().len(), 1, "{answer:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_connection_is_tried_again_and_sent_nothing() {
    let url = Wire::nobody().base_url;
    let poggio = Client::builder().base_url(&url).build().unwrap();
    let error = poggio.register(&metadata()).await.unwrap_err();
    assert_eq!((error.outcome(), error.attempts()), (Outcome::NotRegistered, 3));
    assert!(matches!(&error, Error::Transport(error) if !error.is_sent()));
    assert!(std::error::Error::source(&error).is_some());
    assert_eq!(
        error.to_string(),
        format!(
            "could not connect to {url}/v1/oauth/register (attempt 3); no client was registered: \
             check the network, the proxy and the base URL, then register again"
        )
    );
}

#[cfg(any(feature = "rustls", feature = "native-tls"))]
#[tokio::test]
async fn a_server_without_tls_gets_nothing_of_the_request() {
    let server = Wire::answering("HTTP/1.1 200 OK\r\n\r\n").await;
    let url = server.base_url.replace("http:", "https:");
    let poggio = Client::builder().base_url(url).auth_token("p0ggio").max_retries(0);
    let error = failed(&poggio.timeout(Duration::from_secs(5)).build().unwrap()).await;
    assert!(!error.is_sent(), "{error}");
    assert_eq!(Error::Transport(error).outcome(), Outcome::NotRegistered);
    assert!(server.requests().iter().all(|request| !request.contains("POST")));
}

#[cfg(any(feature = "rustls", feature = "native-tls"))]
#[tokio::test]
async fn a_name_that_does_not_resolve_sent_nothing() {
    let poggio = Client::builder().base_url("https://nowhere.invalid").max_retries(0);
    let error = failed(&poggio.build().unwrap()).await;
    assert!(!error.is_sent(), "{error}");
    assert!(
        error.to_string().starts_with("could not connect to https://nowhere.invalid/"),
        "{error}"
    );
}

#[cfg(any(feature = "rustls", feature = "native-tls"))]
#[tokio::test(start_paused = true)]
async fn a_handshake_that_stalls_ends_at_the_connect_timeout_and_sent_nothing() {
    // Never accepted from, so never answered.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let poggio = Client::builder().base_url(&url).max_retries(0);
    let poggio = poggio.connect_timeout(Duration::from_millis(200)).build().unwrap();
    let started = Instant::now();
    let error = failed(&poggio).await;
    assert!(started.elapsed() < Duration::from_secs(10));
    assert!(error.is_timeout() && !error.is_sent(), "{error}");
    assert_eq!(error.to_string(), format!("could not connect to {url}/v1/oauth/register"));
    assert_eq!(Error::Transport(error).outcome(), Outcome::NotRegistered);
}

#[tokio::test(start_paused = true)]
async fn a_timeout_of_the_callers_http_client_is_told_without_a_time_of_ours() {
    let wire = Wire::serve(vec![ServerBehaviour::Stalls(Vec::new())]).await;
    let own = reqwest::Client::builder().timeout(Duration::from_secs(3)).build().unwrap();
    let poggio = Client::builder().base_url(&wire.base_url).http_client(own).build().unwrap();
    let error = failed(&poggio).await;
    assert!(error.is_timeout() && error.is_sent(), "{error}");
    assert!(error.to_string().ends_with(" in time, after the request was sent"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn silence_ends_at_the_timeout_and_leaves_it_unknown() {
    let wire = Wire::serve(vec![ServerBehaviour::Stalls(Vec::new())]).await;
    let poggio = Client::builder().base_url(&wire.base_url).build().unwrap();
    let started = tokio::time::Instant::now();
    let error = failed(&poggio).await;
    let seconds = started.elapsed().as_secs_f64();
    assert!((30.0..31.0).contains(&seconds), "{seconds}");
    assert!(error.is_timeout() && error.is_sent(), "{error}");
    assert_eq!(
        error.to_string(),
        format!(
            "no answer from {}/v1/oauth/register within 30s, after the request was sent",
            wire.base_url
        )
    );
    let error = Error::Transport(error);
    assert_eq!((error.outcome(), error.attempts()), (Outcome::Unknown, 1));
    let debug = format!("{error:#?}").replace(&wire.base_url, "http://loopback");
    insta::assert_snapshot!("timeout_debug", debug);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_never_ends_is_cut_at_the_timeout() {
    let answer = "HTTP/1.1 201 Created\r\ncontent-length: 999\r\n\r\n{\"client_id\": \"id\", ";
    let wire = Wire::serve(vec![ServerBehaviour::Stalls(answer.into())]).await;
    let poggio = Client::builder().base_url(&wire.base_url).timeout(Duration::from_millis(500));
    let error = poggio.build().unwrap().register(&metadata()).await.unwrap_err();
    assert_eq!(error.outcome(), Outcome::Registered);
    let Error::Unreadable(error) = error else { panic!("{error}") };
    assert_eq!(error.client_id(), Some("id"));
    assert!(error.to_string().ends_with("time ran out in the middle of it"), "{error}");
}

#[tokio::test]
async fn a_redirect_that_a_callers_http_client_follows_is_an_error() {
    let server = Server::start().await;
    let following = reqwest::Client::new();
    for status in [301, 302, 303] {
        server.script([
            Reply::status(status).with_header("location", "/elsewhere"),
            Reply::json(200, serde_json::json!({"client_id": "not a registration"})),
        ]);
        let poggio = server.client_builder().http_client(following.clone()).build().unwrap();
        let error = failed(&poggio).await;
        assert!(
            error.to_string().ends_with("redirects, and the HTTP client in use followed"),
            "{error}"
        );
        assert_eq!(Error::Transport(error).outcome(), Outcome::NotRegistered);
    }
    server.script([Reply::status(302).with_header("location", Wire::nobody().base_url)]);
    let poggio = server.client_builder().http_client(following.clone()).build().unwrap();
    let error = failed(&poggio).await;
    assert!(
        error.to_string().ends_with("redirects, and the HTTP client in use followed"),
        "{error}"
    );
    // These would carry the registration on; the request's body cannot be sent twice.
    let request_count =
        |server: &Server| server.requests().iter().filter(|r| r.method() == "POST").count();
    let before = request_count(&server);
    for status in [307, 308] {
        server.script([Reply::status(status).with_header("location", "/v1/oauth/register")]);
        let poggio = server.client_builder().http_client(following.clone()).build().unwrap();
        let error = poggio.register(&metadata()).await.unwrap_err();
        assert_eq!(error.status().unwrap().as_u16(), status);
    }
    assert_eq!(request_count(&server) - before, 2);
}

#[tokio::test]
async fn one_client_registers_many_at_once() {
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
