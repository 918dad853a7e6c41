//! `discover` at `https://api.poggio.io`, the only server whose metadata may name another issuer.
//! The test server has a certificate for that host.

use std::sync::Arc;

use poggio::{
    Client,
    oauth::{Authorization, AuthorizationServer, OAuthErrorKind},
    reqwest::{self, redirect::Policy},
};
use rcgen::CertificateParams;
use serde_json::json;
use tokio::{io::AsyncWriteExt, net::TcpListener};
use tokio_rustls::TlsAcceptor;

use crate::support::{
    oauth::{REDIRECT_URI, oauth2_client, param},
    read_request, self_signed, sized,
};

/// Returns a client that connects to a test server for `host`, whose metadata names this issuer.
async fn client_of(host: &str, issuer: &str) -> Client {
    let (certificate, config) = self_signed(&CertificateParams::new([host.to_owned()]).unwrap());
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let body = json!({
        "issuer": issuer,
        "authorization_endpoint": "https://poggio.io/app/oauth/authorize",
        "token_endpoint": "https://api.poggio.io/v2/oauth/token",
        "registration_endpoint": "https://api.poggio.io/v2/oauth/register",
        "authorization_response_iss_parameter_supported": true,
    })
    .to_string();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            read_request(&mut stream).await;
            let _ = stream.write_all(&sized("200 OK", "", &body)).await;
            let _ = stream.shutdown().await;
        }
    });
    let http = reqwest::Client::builder()
        .redirect(Policy::none())
        .no_proxy()
        .resolve(host, address)
        .tls_certs_only([certificate])
        .build()
        .unwrap();
    Client::builder().http_client(http).build().unwrap()
}

#[tokio::test]
async fn discover_accepts_the_issuer_that_poggio_names_and_expects_it_in_callbacks() {
    let poggio = client_of("api.poggio.io", "https://app.poggio.io").await;
    let server = poggio.discover("https://api.poggio.io").await.unwrap();
    let mut expected = AuthorizationServer::poggio()
        .with_token_endpoint("https://api.poggio.io/v2/oauth/token")
        .with_issuer("https://app.poggio.io");
    expected.registration_endpoint = Some("https://api.poggio.io/v2/oauth/register".to_owned());
    expected.authorization_response_iss_parameter_supported = true;
    assert_eq!(server, expected);

    let authorization = Authorization::new(&oauth2_client(&server), &server, ["read"]);
    let state = param(authorization.url(), "state");
    let exchange = |iss: &str| {
        let callback = format!("{REDIRECT_URI}?code=c&state={state}&iss={iss}");
        authorization.exchange_code(&callback).map(|_| ())
    };
    for other in ["https://api.poggio.io", "https://poggio.io", "https://evil.example"] {
        let error = exchange(other).unwrap_err();
        assert_eq!(error.kind(), OAuthErrorKind::Callback, "{error}");
    }
    assert!(exchange("https://app.poggio.io").is_ok());
}

#[tokio::test]
async fn discover_refuses_another_issuer_at_other_hosts() {
    for (host, issuer) in [
        ("api.poggio.io", "https://evil.example"),
        ("api.poggio.io", "https://evilpoggio.io"),
        ("mcp.poggio.io", "https://app.poggio.io"),
        ("as.example", "https://poggio.io"),
    ] {
        let poggio = client_of(host, issuer).await;
        let error = poggio.discover(&format!("https://{host}")).await.unwrap_err();
        assert_eq!(error.kind(), OAuthErrorKind::Discovery, "{error}");
        let problem = format!("names another issuer, {issuer:?}");
        assert!(error.to_string().contains(&problem), "{error}");
    }
}
