//! Discovery of Poggio itself, with the documents that its hosts publish: from `discover` to a
//! registration and a token. The test server has a certificate for the hosts, and responds for all of
//! them on loopback.

use std::sync::{Arc, Mutex};

use oauth2::TokenResponse;
use poggio::{
    AuthMethod, Client,
    oauth::{Authorization, AuthorizationServer, OAuthErrorKind},
    reqwest::{self, redirect::Policy},
};
use rcgen::CertificateParams;
use serde_json::json;
use tokio::{io::AsyncWriteExt, net::TcpListener};
use tokio_rustls::TlsAcceptor;

use crate::support::{
    metadata,
    oauth::{REDIRECT_URI, oauth2_client, param},
    read_request, self_signed, sized,
};

const SERVER: &str = include_str!("../../fixtures/poggio/authorization-server.json");
const API_RESOURCE: &str = include_str!("../../fixtures/poggio/api-resource.json");
const MCP_RESOURCE: &str = include_str!("../../fixtures/poggio/mcp-resource.json");
const ISSUER: &str = "https://securetoken.google.com/poggio-production-experiments";

/// A TLS server for these hosts, and the HTTP client that connects only to it.
struct Hosts {
    http: reqwest::Client,
    /// The method, the host and the path of each request.
    requests: Arc<Mutex<Vec<String>>>,
}

impl Hosts {
    /// `respond` gets the host and the path of a request.
    async fn serve(
        hosts: &[&str],
        respond: impl Fn(&str, &str) -> Vec<u8> + Send + 'static,
    ) -> Self {
        let names: Vec<_> = hosts.iter().map(|host| (*host).to_owned()).collect();
        let (certificate, config) = self_signed(&CertificateParams::new(names).unwrap());
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::<Mutex<Vec<String>>>::default();
        let received = Arc::clone(&requests);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let Ok(mut stream) = acceptor.accept(stream).await else { continue };
                let request = read_request(&mut stream).await;
                let text = String::from_utf8(request).unwrap();
                let mut words = text.split_whitespace();
                let (method, path) = (words.next().unwrap(), words.next().unwrap());
                let host = text.split("host: ").nth(1).unwrap().split("\r\n").next().unwrap();
                received.lock().unwrap().push(format!("{method} {host}{path}"));
                let _ = stream.write_all(&respond(host, path)).await;
                let _ = stream.shutdown().await;
            }
        });
        let mut http = reqwest::Client::builder()
            .redirect(Policy::none())
            .no_proxy()
            .tls_certs_only([certificate]);
        for host in hosts {
            http = http.resolve(host, address);
        }
        Self { http: http.build().unwrap(), requests }
    }

    fn client(&self) -> Client {
        Client::builder().http_client(self.http.clone()).build().unwrap()
    }

    fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

/// Responds as Poggio's hosts do.
fn poggio(host: &str, path: &str) -> Vec<u8> {
    let challenge = r#"www-authenticate: Bearer error="invalid_token", resource_metadata="https://mcp.poggio.io/.well-known/oauth-protected-resource/mcp""#;
    match (host, path) {
        ("api.poggio.io", "/.well-known/oauth-authorization-server") => sized("200 OK", "", SERVER),
        ("api.poggio.io", "/.well-known/oauth-protected-resource") => {
            sized("200 OK", "", API_RESOURCE)
        }
        ("api.poggio.io", "/v2/oauth/register") => {
            sized("200 OK", "", r#"{"client_id": "v2-client", "client_secret": "of-no-value"}"#)
        }
        ("api.poggio.io", "/v2/oauth/token") => {
            let token = r#"{"access_token": "v2-token", "token_type": "bearer", "expires_in": 60}"#;
            sized("200 OK", "", token)
        }
        ("mcp.poggio.io", "/mcp") => {
            sized("401 Unauthorized", &format!("{challenge}\r\n"), r#"{"error": "invalid_token"}"#)
        }
        ("mcp.poggio.io", "/.well-known/oauth-protected-resource/mcp") => {
            sized("200 OK", "", MCP_RESOURCE)
        }
        _ => sized("404 Not Found", "", r#"{"detail": "Not Found"}"#),
    }
}

/// The endpoints in Poggio's metadata.
fn assert_is_poggio(server: &AuthorizationServer) {
    assert_eq!(server.issuer.as_deref(), Some(ISSUER));
    assert_eq!(server.authorization_endpoint, "https://poggio.io/app/oauth/authorize");
    assert_eq!(server.token_endpoint, "https://api.poggio.io/v2/oauth/token");
    let registration_endpoint = server.registration_endpoint.as_deref();
    assert_eq!(registration_endpoint, Some("https://api.poggio.io/v2/oauth/register"));
    let methods = &server.token_endpoint_auth_methods_supported;
    assert_eq!(*methods, [AuthMethod::ClientSecretPost]);
    assert!(!server.authorization_response_iss_parameter_supported);
    assert!(server.scopes_supported.is_empty() && server.default_scopes().is_empty());
}

#[tokio::test]
async fn discover_leads_to_a_registration_and_a_token_at_poggio() {
    let hosts = Hosts::serve(&["api.poggio.io", "mcp.poggio.io"], poggio).await;
    for issuer in ["https://api.poggio.io", "https://api.poggio.io/"] {
        let server = hosts.client().discover(issuer).await.unwrap();
        assert_is_poggio(&server);
        assert_eq!(server.resource, None);
    }
    let server = hosts.client().discover_for("https://mcp.poggio.io/mcp").await.unwrap();
    assert_is_poggio(&server);
    assert_eq!(server.resource.as_deref(), Some("https://mcp.poggio.io/mcp"));
    assert_eq!(
        hosts.requests(),
        [
            "GET api.poggio.io/.well-known/oauth-authorization-server",
            "GET api.poggio.io/.well-known/oauth-authorization-server",
            "GET mcp.poggio.io/mcp",
            "GET mcp.poggio.io/.well-known/oauth-protected-resource/mcp",
            "GET api.poggio.io/.well-known/oauth-authorization-server",
        ]
    );

    let builder = Client::builder().http_client(hosts.http.clone());
    let endpoint = server.registration_endpoint.as_deref().unwrap();
    let poggio = builder.registration_endpoint(endpoint).build().unwrap();
    let client = poggio.register(&metadata()).await.unwrap();
    let oauth = client.oauth2_client(&server, Some(REDIRECT_URI)).unwrap();
    let authorization = Authorization::new(&oauth, &server, server.default_scopes());
    assert!(authorization.url().as_str().starts_with("https://poggio.io/app/oauth/authorize?"));
    let state = param(authorization.url(), "state");
    let callback = format!("{REDIRECT_URI}?code=c&state={state}");
    let request = authorization.exchange_code(&callback).unwrap();
    let token = request.request_async(&poggio).await.unwrap();
    assert_eq!(token.access_token().secret(), "v2-token");
    assert_eq!(
        hosts.requests()[5..],
        ["POST api.poggio.io/v2/oauth/register", "POST api.poggio.io/v2/oauth/token"]
    );
}

#[tokio::test]
async fn discover_for_finds_poggio_for_its_api() {
    let hosts = Hosts::serve(&["api.poggio.io"], poggio).await;
    let server = hosts.client().discover_for("https://api.poggio.io").await.unwrap();
    assert_is_poggio(&server);
    assert_eq!(server.resource.as_deref(), Some("https://api.poggio.io/"));
}

#[tokio::test]
async fn callback_from_poggio_may_only_have_the_issuer_in_its_metadata() {
    let hosts = Hosts::serve(&["api.poggio.io"], poggio).await;
    let server = hosts.client().discover("https://api.poggio.io").await.unwrap();
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
    assert!(exchange(ISSUER).is_ok());
}

/// Discovers this issuer at a host whose metadata names another one.
async fn discover_stating(
    issuer: &str,
    stated: &str,
) -> Result<AuthorizationServer, poggio::oauth::OAuthError> {
    let host = issuer.split('/').nth(2).unwrap();
    let document = json!({
        "issuer": stated,
        "authorization_endpoint": "https://poggio.io/app/oauth/authorize",
        "token_endpoint": "https://api.poggio.io/v2/oauth/token",
    })
    .to_string();
    let hosts = Hosts::serve(&[host], move |_, _| sized("200 OK", "", &document)).await;
    hosts.client().discover(issuer).await
}

#[tokio::test]
async fn discover_accepts_any_https_issuer_from_the_poggio_api_only() {
    for stated in ["https://app.poggio.io", "https://poggio.io/oauth", "https://other.example:8443"]
    {
        let server = discover_stating("https://api.poggio.io", stated).await.unwrap();
        assert_eq!(server.issuer.as_deref(), Some(stated));
    }
    for (issuer, stated) in [
        ("https://api.poggio.io", "http://poggio.io"),
        ("https://api.poggio.io", "https://user@poggio.io"),
        ("https://api.poggio.io", "https://poggio.io/?x=1"),
        ("https://api.poggio.io", "https://poggio.io\\@evil.example"),
        ("https://api.poggio.io", "https://pog\tgio.io"),
        ("https://api.poggio.io", "poggio.io"),
        ("https://api.poggio.io/tenant", ISSUER),
        ("https://mcp.poggio.io", ISSUER),
        ("https://poggio.io", ISSUER),
        ("https://api.poggio.io.evil.example", ISSUER),
        ("https://as.example", ISSUER),
    ] {
        let error = discover_stating(issuer, stated).await.unwrap_err();
        assert_eq!(error.kind(), OAuthErrorKind::Discovery, "{error}");
        let problem = format!("it names the issuer {stated:?}, not {issuer:?}");
        assert!(error.to_string().contains(&problem), "{error}");
    }
}
