//! A machine without CA certificates: http to loopback hosts works, and https has a clear error.

use std::{env, process::Command};

use poggio::testing::Server;

use crate::support::metadata;

/// Set in the child process, which finds no CA certificates.
const CHILD: &str = "POGGIO_TEST_WITHOUT_CERTIFICATES";

#[tokio::test]
async fn client_for_loopback_works_without_ca_certificates() {
    if env::var_os(CHILD).is_some() {
        return without_certificates().await;
    }
    let empty = tempfile::tempdir().unwrap();
    let name = "transport::no_certificates::client_for_loopback_works_without_ca_certificates";
    let child = Command::new(env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env(CHILD, "1")
        .env("SSL_CERT_FILE", empty.path().join("none.pem"))
        .env("SSL_CERT_DIR", empty.path())
        .output()
        .unwrap();
    let output = [child.stdout, child.stderr].concat();
    let output = String::from_utf8_lossy(&output);
    assert!(child.status.success() && output.contains("1 passed"), "{output}");
}

async fn without_certificates() {
    let server = Server::start().await;
    server.client().register(&metadata()).await.unwrap();

    // A client for http may have an endpoint with https, whose certificate nobody has signed.
    #[cfg(feature = "rustls")]
    {
        use super::tls_server::{TlsBehaviour, TlsServer};
        use poggio::{Client, Error};

        let secure = TlsServer::start(TlsBehaviour::Http1).await;
        let issuer = secure.client().base_url().replace("localhost", "127.0.0.1");
        let error = server.client().discover(&issuer).await.unwrap_err();
        let shown = error.to_string();
        assert!(shown.contains("the issuer of the certificate is unknown"), "{shown}");

        let Err(Error::Config(error)) = Client::new() else { panic!("there are certificates") };
        assert_eq!(error.setting(), "http_client");
        assert!(error.problem().contains("install the CA certificates of this system"), "{error}");
    }
}
