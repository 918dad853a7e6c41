//! The authorization page, and the redirects to the client.

use poggio::{ClientMetadata, reqwest::Response, testing::Server};

use super::requests::*;

async fn open(server: &Server, pairs: &[(&str, &str)]) -> Response {
    http().get(authorization_url(server, pairs)).send().await.unwrap()
}

#[tokio::test]
async fn authorization_page_shows_the_request_and_two_buttons() {
    let server = Server::start().await;
    let id = register(&server, &public()).await.client_id;
    let response = open(&server, &with(&authorization(&id), &[("scope", "read write")])).await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "text/html; charset=utf-8");
    let policy = &response.headers()["content-security-policy"];
    assert_eq!(policy, "default-src 'none'; frame-ancestors 'none'");
    insta::assert_snapshot!("page", response.text().await.unwrap());
}

#[tokio::test]
async fn authorization_page_escapes_text_of_the_client() {
    let server = Server::start().await;
    let name = "</title><script>alert(\"1\")</script>&amp;\u{202e}txet\u{200b}\n";
    let id = register(&server, &public().with_client_name(name)).await.client_id;
    let uri = "http://127.0.0.1:1/callback";
    let pairs = with(&authorization(&id), &[("scope", "<b>x</b>"), ("redirect_uri", uri)]);
    let page = open(&server, &pairs).await.text().await.unwrap();
    let escaped = "&lt;/title&gt;&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&amp;amp;txet";
    for (expected, count) in [
        (format!("<title>Allow {escaped}?</title>"), 1),
        (format!("<h1>Allow “<bdi>{escaped}</bdi>” to access your account?</h1>"), 1),
        ("<p>Scope: &lt;b&gt;x&lt;/b&gt;</p>".to_owned(), 1),
        (format!("<p>Redirect URI: {uri}</p>"), 1),
        ("<script".to_owned(), 0),
        ("</title>".to_owned(), 1),
        ("\u{202e}".to_owned(), 0),
    ] {
        assert_eq!(page.matches(&expected).count(), count, "{expected} in {page}");
    }
}

#[tokio::test]
async fn authorization_endpoint_redirects_only_to_registered_uris() {
    let server = Server::start().await;
    let two = ["https://one.example/", "https://two.example/a?b=c", "http://[::1]/cb"];
    let two = two.iter().fold(public(), |client, uri| client.with_redirect_uri(*uri));
    let two = register(&server, &two).await.client_id;
    let one = register(&server, &public()).await.client_id;
    let none = register(&server, &ClientMetadata::new()).await.client_id;
    for (id, uri) in [
        ("made-up", CALLBACK),
        ("", CALLBACK),
        (&none, CALLBACK),
        (&none, ""),
        (&two, ""),
        (&one, "https://127.0.0.1:8910/callback"),
        (&one, "http://127.0.0.1:8910/callback/"),
        (&one, "http://127.0.0.1:8910/callback?x"),
        (&one, "http://127.0.0.1:8910/callback#f"),
        (&one, "http://localhost:8910/callback"),
        (&one, "http://a@127.0.0.1:8910/callback"),
        (&one, "http://127.0.0.1.example/callback"),
        (&two, "https://one.example:1/"),
        (&two, "https://two.example/a"),
    ] {
        let pairs = with(&authorization(&one), &[("client_id", id), ("redirect_uri", uri)]);
        for request in [
            http().get(authorization_url(&server, &pairs)),
            http().post(authorization_url(&server, &pairs)).body("decision=allow"),
        ] {
            let response = request.send().await.unwrap();
            assert_eq!(response.status(), 400, "{id} {uri}");
            assert_eq!(response.headers().get("location"), None, "{id} {uri}");
            let text = response.text().await.unwrap();
            assert!(text.contains("registered"), "{id} {uri}: {text}");
        }
    }
    for (id, uri, location) in [
        (&one, "", CALLBACK),
        (&one, "http://127.0.0.1/callback", "http://127.0.0.1/callback"),
        (&one, "http://127.0.0.1:50123/callback", "http://127.0.0.1:50123/callback"),
        (&two, "http://[::1]:50123/cb", "http://[::1]:50123/cb"),
        (&two, "https://two.example/a?b=c", "https://two.example/a?b=c"),
    ] {
        let pairs = with(&authorization(id), &[("redirect_uri", uri)]);
        let sent_to = server.deny(&authorization_url(&server, &pairs)).await;
        let separator = if uri.contains('?') { '&' } else { '?' };
        assert!(sent_to.starts_with(&format!("{location}{separator}error=")), "{sent_to}");
    }
}

#[tokio::test]
async fn authorization_endpoint_sends_other_errors_to_the_client() {
    let server = Server::start().await;
    let id = register(&server, &public().with_scope("read write")).await.client_id;
    let other = register(&server, &confidential().with_grant_types(["client_credentials"])).await;
    for (change, error) in [
        (("response_type", ""), "unsupported_response_type"),
        (("response_type", "token"), "unsupported_response_type"),
        (("client_id", &*other.client_id), "unauthorized_client"),
        (("code_challenge", ""), "invalid_request"),
        (("code_challenge_method", "plain"), "invalid_request"),
        (("code_challenge_method", ""), "invalid_request"),
        (("scope", "read admin"), "invalid_scope"),
        (("scope", "read  write"), "invalid_scope"),
    ] {
        let response = open(&server, &with(&authorization(&id), &[change])).await;
        assert_eq!(response.status(), 303, "{change:?}");
        let location = response.headers()["location"].to_str().unwrap();
        assert!(location.starts_with(&format!("{CALLBACK}?error={error}&")), "{location}");
        let end = encoded(&[("state", "a b&c"), ("iss", &server.issuer())]);
        assert!(location.ends_with(&end), "{location}");
    }
    let response =
        open(&server, &with(&authorization(&id), &[("state", ""), ("scope", "x")])).await;
    assert_eq!(param(response.headers()["location"].to_str().unwrap(), "state"), None);
}

#[tokio::test]
async fn server_allow_and_deny_return_the_redirect() {
    let server = Server::start().await;
    let id = register(&server, &public()).await.client_id;
    let url = authorization_url(&server, &authorization(&id));
    let end = encoded(&[("state", "a b&c"), ("iss", &server.issuer())]);
    let code = "code=loopback-code-1-of-no-value-elsewhere";
    assert_eq!(server.allow(&url).await, format!("{CALLBACK}?{code}&{end}"));
    let denied =
        encoded(&[("error", "access_denied"), ("error_description", "Denied by the user")]);
    assert_eq!(server.deny(&url).await, format!("{CALLBACK}?{denied}&{end}"));
    let wrong = with(&authorization(&id), &[("response_type", "token")]);
    let sent_to = server.allow(&authorization_url(&server, &wrong)).await;
    assert_eq!(param(&sent_to, "error").unwrap(), "unsupported_response_type");
}

#[tokio::test]
#[should_panic(
    expected = "the server did not redirect: The client_id is not registered at this server."
)]
async fn server_allow_panics_without_a_redirect() {
    let server = Server::start().await;
    server.allow(&authorization_url(&server, &authorization("made-up"))).await;
}

#[tokio::test]
#[should_panic(expected = "is not the URL of a loopback server")]
async fn server_allow_sends_nothing_to_other_hosts() {
    Server::start().await.allow("https://poggio.invalid/app/oauth/authorize?client_id=7").await;
}
