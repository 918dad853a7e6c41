//! Discovery at `https://api.poggio.io`, whose metadata names an issuer that is not this host: the
//! one exception, over TLS as it would be.

use std::sync::Arc;

use poggio::{
    Client, ClientInformation,
    oauth::{Authorization, AuthorizationServer, OAuthErrorKind},
    reqwest::{self, redirect::Policy},
};
use rcgen::CertificateParams;
use serde_json::json;
use tokio::{io::AsyncWriteExt, net::TcpListener};
use tokio_rustls::TlsAcceptor;

use crate::support::{read_request, self_signed, sized};

const REDIRECT: &str = "http://127.0.0.1:8910/callback";

/// A client for whom a server in this test is `host`, with metadata that names this issuer.
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

fn callback_of(authorization: &Authorization, iss: &str) -> String {
    let state = authorization.url().query_pairs().find(|(name, _)| name == "state").unwrap().1;
    format!("{REDIRECT}?code=c&state={state}&iss={iss}")
}

#[tokio::test]
async fn the_issuer_that_poggio_names_is_taken_and_then_expected() {
    let poggio = client_of("api.poggio.io", "https://app.poggio.io").await;
    let server = poggio.discover("https://api.poggio.io").await.unwrap();
    let mut expected = AuthorizationServer::poggio()
        .with_token_endpoint("https://api.poggio.io/v2/oauth/token")
        .with_issuer("https://app.poggio.io");
    expected.registration_endpoint = Some("https://api.poggio.io/v2/oauth/register".to_owned());
    expected.authorization_response_iss_parameter_supported = true;
    assert_eq!(server, expected);

    let json = json!({"client_id": "id", "client_secret": "s", "redirect_uris": [REDIRECT]});
    let client = ClientInformation::from_json(&json.to_string()).unwrap();
    let oauth = client.oauth2_client(&server, Some(REDIRECT)).unwrap();
    let authorization = Authorization::new(&oauth, &server, ["read"]);
    for other in ["https://api.poggio.io", "https://poggio.io", "https://evil.example"] {
        let callback = callback_of(&authorization, other);
        let error = authorization.exchange_code(&callback).map(|_| ()).unwrap_err();
        assert_eq!(error.kind(), OAuthErrorKind::Callback, "{error}");
    }
    let callback = callback_of(&authorization, "https://app.poggio.io");
    assert!(authorization.exchange_code(&callback).is_ok());
}

#[tokio::test]
async fn no_one_else_may_name_another() {
    for (host, issuer) in [
        ("api.poggio.io", "https://evil.example"),
        ("api.poggio.io", "https://evilpoggio.io"),
        ("mcp.poggio.io", "https://app.poggio.io"),
        ("as.example", "https://poggio.io"),
    ] {
        let poggio = client_of(host, issuer).await;
        let error = poggio.discover(&format!("https://{host}")).await.unwrap_err();
        assert_eq!(error.kind(), OAuthErrorKind::Discovery, "{error}");
        let text = error.to_string();
        assert!(
            text.contains(&format!("names the issuer {issuer:?}, which was not asked")),
            "{text}"
        );
    }
}
