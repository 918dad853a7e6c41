//! Which server the `login` example talks to: discovered, named by the environment, or Poggio.

use serde_json::json;
use wiremock::{Mock, MockServer, ResponseTemplate, matchers::path};

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn login_discovers_endpoints_and_does_not_send_the_poggio_token_there() {
    let f = Fixture::new(NAME).await;
    let issuer = f.server.issuer();
    let mut command = f.command(&["--print-url", "--discover", &issuer]);
    let mut login = Login::start(command.env("POGGIO_AUTH_TOKEN", "t0ken"));
    follow(&f.server.allow(login.url().as_str()).await).await;
    let printed = login.end(0);
    assert!(printed.contains(&format!("\nserver    {issuer}\n")), "{printed}");
    let registrations = f.server.registrations();
    assert_eq!(registrations[0].path(), "/v2/oauth/register");
    let requests = f.server.token_requests();
    let all = registrations.iter().chain(&requests);
    assert!(all.map(|sent| sent.header("authorization")).all(|token| token.is_none()));
}

#[tokio::test(flavor = "multi_thread")]
async fn login_reports_a_server_without_metadata_or_without_registration() {
    let f = Fixture::new(NAME).await;
    let server = MockServer::start().await;
    let metadata = json!({
        "issuer": server.uri(),
        "authorization_endpoint": "https://a.example/authorize",
        "token_endpoint": "https://a.example/token",
    });
    Mock::given(path("/.well-known/oauth-authorization-server"))
        .respond_with(ResponseTemplate::new(200).set_body_json(metadata))
        .mount(&server)
        .await;
    for (issuer, code, message) in [
        (server.uri(), 1, "error: the server's metadata has no registration endpoint\n"),
        (
            format!("{}/nowhere", server.uri()),
            8,
            "error: no authorization server was found for http://127.0.0.1:",
        ),
    ] {
        let printed = Login::start(&mut f.command(&["--discover", &issuer])).end(code);
        assert!(printed.starts_with(message), "{printed}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn login_sends_no_client_of_another_server_to_a_server_that_names_its_endpoints() {
    let f = Fixture::new(NAME).await;
    // A client of the honest server is in the store.
    let honest = f.server.issuer();
    let mut login = Login::start(&mut f.command(&["--print-url", "--discover", &honest]));
    follow(&f.server.allow(login.url().as_str()).await).await;
    login.end(0);
    let token_requests = f.server.token_requests().len();

    let hostile = MockServer::start().await;
    let metadata = json!({
        "issuer": hostile.uri(),
        "authorization_endpoint": f.server.authorization_endpoint(),
        "token_endpoint": format!("{}/token", hostile.uri()),
        "registration_endpoint": format!("{}/v2/oauth/register", f.server.base_url()),
    });
    Mock::given(path("/.well-known/oauth-authorization-server"))
        .respond_with(ResponseTemplate::new(200).set_body_json(metadata))
        .mount(&hostile)
        .await;
    let printed = Login::start(&mut f.command(&["--discover", &hostile.uri()])).end(8);
    let belongs = format!("belongs to {}, but was requested for {}", honest, hostile.uri());
    assert!(printed.contains(&belongs), "{printed}");
    assert!(printed.contains("nothing was sent"), "{printed}");
    let received = hostile.received_requests().await.unwrap();
    assert!(received.iter().all(|request| request.method == "GET"), "{received:?}");
    assert_eq!(f.server.registrations().len(), 1);
    assert_eq!(f.server.token_requests().len(), token_requests);
}

// Poggio has an https URL.
#[cfg(any(feature = "rustls", feature = "native-tls"))]
#[tokio::test(flavor = "multi_thread")]
async fn login_sends_the_user_to_poggio_or_to_the_given_page() {
    let f = Fixture::new(NAME).await;
    // An imported client is not registered, so nothing is sent to Poggio.
    let imported = f.path("imported.json");
    fs::write(&imported, r#"{"client_id": "imported", "client_secret": "s"}"#).unwrap();
    let mut import = command("register_once", &["--live", "--import"]);
    RunResult::of(import.arg(imported).arg("--store").arg(f.store())).assert_code(0);
    let mut login = Login::start(f.command(&["--live", "--print-url", "--wait", "1"]).env_clear());
    let url = login.url();
    assert!(url.as_str().starts_with("https://poggio.io/app/oauth/authorize?"), "{url}");
    assert_eq!(param(&url, "client_id"), "imported");
    login.end(6);

    let page = "https://poggio.acme.example/authorize";
    let mut login = f.log_in(&["--authorization-endpoint", page, "--wait", "1"]);
    assert!(login.url().as_str().starts_with(&format!("{page}?")));
    login.end(6);
}
