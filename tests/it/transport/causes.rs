//! What an error says if there is no connection: the class of the cause, the host, and what to do.

use std::time::Duration;

use poggio::{
    Client, Error, Outcome,
    reqwest::{
        self, Proxy,
        dns::{Name, Resolve, Resolving},
    },
};

use super::tls_server::{
    TlsBehaviour::{
        self, Closing, Expired, NotYetValid, OfAnotherName, Silent, Untrusted, WithoutTls,
    },
    TlsServer,
};
use crate::support::{ServerBehaviour, Wire, http, metadata, paused};

/// The URL has a path, which is not shown.
const BASE_URL: &str = "https://api.example/tenant-1";

async fn message(poggio: &Client) -> String {
    let error = poggio.register(&metadata()).await.unwrap_err();
    assert_eq!(error.outcome(), Outcome::NotRegistered, "{error}");
    assert!(matches!(&error, Error::Transport(error) if !error.is_sent()), "{error}");
    let mut shown = format!("{error} {error:?}");
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        shown += &cause.to_string();
        source = cause.source();
    }
    for hidden in ["tenant-1", "/v1/oauth", "pa55"] {
        assert!(!shown.contains(hidden), "{shown}");
    }
    error.to_string()
}

async fn message_through(proxy: &str) -> String {
    let http = reqwest::Client::builder().proxy(Proxy::all(proxy).unwrap());
    let http = http.tls_backend_rustls().build().unwrap();
    let poggio = Client::builder().base_url(BASE_URL).http_client(http).max_retries(0);
    message(&poggio.build().unwrap()).await
}

#[test]
fn transport_error_names_what_is_wrong_with_a_certificate_or_a_handshake() {
    paused(async {
        let cases: [(TlsBehaviour, &str, &str); 6] = [
            (Expired, "the certificate has expired", "check the clock of this machine"),
            (NotYetValid, "the certificate is not yet valid", "check the clock of this machine"),
            (OfAnotherName, "the certificate is for another host name", "check the host name"),
            (Untrusted, "the issuer of the certificate is unknown", "install the CA certificates"),
            (WithoutTls, "this port does not speak TLS", "check the port"),
            (Silent, "connecting timed out", "check the network"),
        ];
        for (behaviour, cause, help) in cases {
            let server = TlsServer::start(behaviour).await;
            #[allow(unused_mut, reason = "the feature native-tls adds one")]
            let mut clients = vec![server.client_with(reqwest::ClientBuilder::tls_backend_rustls)];
            #[cfg(feature = "native-tls")]
            clients.push(server.client_with(reqwest::ClientBuilder::tls_backend_native));
            for poggio in clients {
                let host = poggio.base_url().strip_prefix("https://").unwrap();
                let shown = message(&poggio).await;
                let expected =
                    format!("could not connect to {host}: {cause} (attempt 3); no client was");
                assert!(shown.starts_with(&expected), "{shown}");
                assert!(shown.contains(help), "{shown}");
            }
        }
    });
}

#[test]
fn transport_error_names_a_connection_that_ended_in_the_handshake() {
    paused(async {
        let server = TlsServer::start(Closing).await;
        let shown = message(&server.client()).await;
        // It depends on the order of packets.
        let causes = [": the connection was closed (", ": the connection was reset ("];
        assert!(causes.iter().any(|cause| shown.contains(cause)), "{shown}");
    });
}

#[tokio::test]
async fn transport_error_names_a_refused_connection() {
    let wire = Wire::nobody();
    let poggio = wire.client_builder().max_retries(0).build().unwrap();
    let host = wire.base_url.strip_prefix("http://").unwrap();
    assert_eq!(
        message(&poggio).await,
        format!(
            "could not connect to {host}: the connection was refused; no client was registered: \
             check the port, and that the server is running, then try again"
        )
    );
}

struct NoNames;

impl Resolve for NoNames {
    fn resolve(&self, _: Name) -> Resolving {
        Box::pin(async { Err("no such host".into()) })
    }
}

#[tokio::test]
async fn transport_error_names_a_host_name_that_was_not_found() {
    let http = reqwest::Client::builder().dns_resolver(NoNames).build().unwrap();
    let poggio = Client::builder().base_url(BASE_URL).http_client(http).max_retries(0);
    assert_eq!(
        message(&poggio.build().unwrap()).await,
        "could not connect to api.example: the host name was not found; no client was registered: \
         check the host name and the DNS settings, then try again"
    );
}

#[tokio::test]
async fn transport_error_names_the_limit_for_connecting() {
    // Accepted by the kernel only.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let poggio = Client::builder().base_url(&url).max_retries(0);
    let poggio = poggio.connect_timeout(Duration::from_millis(200)).build().unwrap();
    let shown = message(&poggio).await;
    assert!(shown.contains(": connecting timed out; no client was registered: "), "{shown}");
}

#[tokio::test]
async fn transport_error_names_what_is_wrong_with_a_proxy() {
    for (behaviour, expected) in [
        (
            ServerBehaviour::Responds(http("407 Proxy Authentication Required", "")),
            "the proxy requires authentication; no client was registered: add a user name and a \
             password to the proxy's URL",
        ),
        (
            ServerBehaviour::Responds(http("403 Forbidden", "")),
            "the proxy refused to connect; no client was registered: check the proxy's URL, and \
             that the proxy allows this host",
        ),
        (
            ServerBehaviour::Responds(http("502 Bad Gateway", "")),
            "the proxy refused to connect; no client was registered: check the proxy's URL, and \
             that the proxy allows this host",
        ),
        (
            ServerBehaviour::Responds(Vec::new()),
            "the connection was closed; no client was registered: check the proxy's URL, and that \
             the proxy allows this host",
        ),
    ] {
        let proxy = Wire::serve(vec![behaviour]).await;
        let url = proxy.base_url.replace("http://", "http://user:pa55@");
        let shown = message_through(&url).await;
        assert_eq!(
            shown,
            format!("could not connect to api.example through the proxy: {expected}")
        );
        assert!(proxy.requests()[0].starts_with("CONNECT api.example:443"));
    }
    assert_eq!(
        message_through(&Wire::nobody().base_url).await,
        "could not connect to api.example through the proxy: the connection was refused; no client \
         was registered: check the proxy's URL, and that the proxy allows this host"
    );
}

#[tokio::test]
async fn transport_error_names_an_unsupported_proxy_scheme() {
    let shown = message_through("socks5://127.0.0.1:1").await;
    assert_eq!(
        shown,
        "could not connect to api.example through the proxy: the scheme of the proxy's URL is not \
         supported; no client was registered: use a proxy whose URL begins with http:// or https://"
    );
}

#[tokio::test]
async fn transport_error_names_why_a_connection_broke() {
    let wire = Wire::responding("SSH-2.0-OpenSSH_9.9\r\n").await;
    let error = wire.client().register(&metadata()).await.unwrap_err();
    assert_eq!(error.outcome(), Outcome::Unknown);
    let host = wire.base_url.strip_prefix("http://").unwrap();
    let expected = format!(
        "the connection to {host} broke after the request was sent: the response is not HTTP;"
    );
    assert!(error.to_string().starts_with(&expected), "{error}");

    for (behaviour, cause) in [
        (ServerBehaviour::Responds(Vec::new()), "the connection was closed"),
        (ServerBehaviour::ResetsAfterWriting(Vec::new()), "the connection was reset"),
    ] {
        let wire = Wire::serve(vec![behaviour]).await;
        let error = wire.client().register(&metadata()).await.unwrap_err();
        let host = wire.base_url.strip_prefix("http://").unwrap();
        let expected =
            format!("the connection to {host} broke after the request was sent: {cause};");
        assert!(error.to_string().starts_with(&expected), "{error}");
    }
}
