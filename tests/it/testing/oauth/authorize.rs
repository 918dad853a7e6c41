use std::time::Duration;

use super::*;

/// Presses a button of a page.
pub(super) async fn press(server: &Server, page: &str, decision: &str) -> Response {
    let ticket = ticket(page);
    let form = [("ticket", ticket), ("decision", decision)];
    post(&server.authorization_endpoint(), &form, None).await
}

fn ticket(page: &str) -> &str {
    let (_, after) = page.split_once(r#"name="ticket" value=""#).unwrap();
    after.split_once('"').unwrap().0
}

async fn ask(server: &Server, pairs: &[(&str, &str)]) -> Response {
    http().get(authorization_url(server, pairs)).send().await.unwrap()
}

fn location(answer: &Response) -> String {
    answer.headers()["location"].to_str().unwrap().to_owned()
}

/// An error page, and nobody is sent anywhere; gives what it says.
async fn assert_problem(answer: Response, status: u16, case: &str) -> String {
    assert_eq!(answer.status(), status, "{case}");
    assert_eq!(answer.headers().get("location"), None, "{case}");
    assert_eq!(answer.headers()["content-type"], "text/html; charset=utf-8", "{case}");
    let policy = answer.headers()["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("form-action 'none';"), "{case}");
    let page = answer.text().await.unwrap();
    assert!(page.contains("<h1>This cannot be done</h1>"), "{case}: {page}");
    page.split("<p>").nth(1).unwrap().split("</p>").next().unwrap().to_owned()
}

#[tokio::test]
async fn the_page_says_who_asks_for_what() {
    let server = Server::start().await;
    let asked = public().with_client_uri("https://acme.example/").with_scope("read write admin");
    let client = registered(&server, &asked).await;
    let asking = asking(&client.client_id);
    let pairs =
        changed(&asking, &[("scope", "read write"), ("resource", "https://mcp.poggio.io/mcp")]);
    let answer = ask(&server, &pairs).await;
    assert_eq!(answer.status(), 200);
    let headers = answer.headers();
    for (name, value) in [
        ("content-type", "text/html; charset=utf-8"),
        (
            "content-security-policy",
            "default-src 'none'; style-src 'unsafe-inline'; \
             form-action 'self' http://127.0.0.1:8910; base-uri 'none'; frame-ancestors 'none'",
        ),
        ("referrer-policy", "no-referrer"),
        ("cache-control", "no-store"),
        ("x-frame-options", "DENY"),
        ("x-content-type-options", "nosniff"),
    ] {
        assert_eq!(headers[name], value);
    }
    let page = answer.text().await.unwrap();
    insta::assert_snapshot!("page", page.replace(ticket(&page), "TICKET"));

    let bare = registered(&server, &ClientMetadata::new().with_redirect_uri(CALLBACK)).await;
    let pairs = changed(&asking, &[("client_id", &bare.client_id), ("-redirect_uri", "")]);
    let page = ask(&server, &pairs).await.text().await.unwrap();
    insta::assert_snapshot!("page_of_a_bare_client", page.replace(ticket(&page), "TICKET"));
    let page = ask(&server, &[]).await.text().await.unwrap();
    insta::assert_snapshot!("problem_page", page);
}

#[tokio::test]
async fn a_hostile_client_can_write_nothing_but_text() {
    let server = Server::start().await;
    let hostile = r#"</title><script>alert("1")</script>'&amp;"#;
    let client = registered(
        &server,
        &public()
            .with_client_name(format!("{hostile}\u{202e}txet\u{200b}\n"))
            .with_client_uri(format!("https://a.example/\u{202e}{hostile}"))
            .with_redirect_uri("http://a;script-src%20*:1/"),
    )
    .await;
    let pairs = changed(
        &asking(&client.client_id),
        &[("scope", "<b>x</b>&'"), ("redirect_uri", "http://a;script-src%20*:1/")],
    );
    let answer = ask(&server, &pairs).await;
    let policy = answer.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert!(policy.contains("form-action 'self' http:; base-uri"), "{policy}");
    assert_eq!(policy.split(';').count(), 5, "{policy}");
    let page = answer.text().await.unwrap();
    let escaped = "&lt;/title&gt;&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&#39;&amp;amp;";
    for (expected, times) in [
        (format!("<title>Allow {escaped}txet?</title>"), 1),
        (format!("<h1>Allow “<bdi>{escaped}txet</bdi>” to act for you?</h1>"), 1),
        (format!("<bdi>https://a.example/{escaped}</bdi>"), 1),
        ("<bdi>&lt;b&gt;x&lt;/b&gt;&amp;&#39;</bdi>".to_owned(), 1),
        ("<script".to_owned(), 0),
        ("</title>".to_owned(), 1),
        ("\u{202e}".to_owned(), 0),
    ] {
        assert_eq!(page.matches(&expected).count(), times, "{expected} in {page}");
    }
}

#[tokio::test]
async fn the_policy_permits_the_way_back() {
    let server = Server::start().await;
    for (uri, source) in [
        ("http://localhost/callback", "http://localhost"),
        ("https://app.example:8443/cb?x=1", "https://app.example:8443"),
        // No policy can name these hosts.
        ("http://[::1]:8910/callback", "http:"),
        ("com.acme.sync:/callback", "com.acme.sync:"),
    ] {
        let client = registered(&server, &public().with_redirect_uri(uri)).await;
        let pairs = changed(&asking(&client.client_id), &[("redirect_uri", uri)]);
        let answer = ask(&server, &pairs).await;
        let policy = answer.headers()["content-security-policy"].to_str().unwrap();
        assert!(policy.contains(&format!("form-action 'self' {source};")), "{uri}: {policy}");
    }
}

#[tokio::test]
async fn nobody_is_sent_to_an_address_that_is_not_the_programs() {
    let server = Server::start().await;
    let two =
        ["https://one.example/", "https://two.example/a?b=c", "http://[::1]/cb", "urn:#x", "a b:c"];
    let two = two.iter().fold(public(), |client, uri| client.with_redirect_uri(*uri));
    let one = registered(&server, &public()).await.client_id;
    let two = registered(&server, &two).await.client_id;
    let none = registered(&server, &ClientMetadata::new()).await.client_id;
    let base = asking(&one);
    for (changes, says) in [
        (vec![("client_id", "made-up")], "not registered here"),
        (vec![("-client_id", "")], "does not name a program"),
        (vec![("client_id", "")], "does not name a program"),
        (vec![("+client_id", "loopback-client-1")], "twice"),
        (vec![("+redirect_uri", CALLBACK)], "twice"),
        (vec![("client_id", &none), ("-redirect_uri", "")], "did not register exactly one"),
        (vec![("client_id", &two), ("-redirect_uri", "")], "did not register exactly one"),
        (vec![("client_id", &none)], "not one that"),
        (vec![("redirect_uri", "https://127.0.0.1:8910/callback")], "not one that"),
        (vec![("redirect_uri", "http://127.0.0.1:8910/callback/")], "not one that"),
        (vec![("redirect_uri", "http://127.0.0.1:8910/callback?x")], "not one that"),
        (vec![("redirect_uri", "http://localhost:8910/callback")], "not one that"),
        (vec![("redirect_uri", "http://a@127.0.0.1:8910/callback")], "not one that"),
        (vec![("redirect_uri", "http://127.0.0.1.example/callback")], "not one that"),
        (vec![("redirect_uri", "http://127.0.0.1:1/callback#f")], "without a fragment"),
        (vec![("client_id", &two), ("redirect_uri", "https://one.example:1/")], "not one that"),
        (vec![("client_id", &two), ("redirect_uri", "https://two.example/a")], "not one that"),
        (vec![("client_id", &two), ("redirect_uri", "urn:#x")], "without a fragment"),
        (vec![("client_id", &two), ("redirect_uri", "a b:c")], "without a fragment"),
    ] {
        let answer = ask(&server, &changed(&base, &changes)).await;
        let said = assert_problem(answer, 400, &format!("{changes:?}")).await;
        assert!(said.contains(says), "{changes:?}: {said}");
    }
    for (id, uri) in [
        (&one, "http://127.0.0.1/callback"),
        (&one, "http://127.0.0.1:50123/callback"),
        (&two, "http://[::1]:50123/cb"),
        (&two, "https://two.example/a?b=c"),
    ] {
        let pairs = changed(&base, &[("client_id", id), ("redirect_uri", uri)]);
        let answer = ask(&server, &pairs).await;
        assert_eq!(answer.status(), 200, "{uri}");
        let sent = press(&server, &answer.text().await.unwrap(), "deny").await;
        let separator = if uri.contains('?') { '&' } else { '?' };
        assert!(location(&sent).starts_with(&format!("{uri}{separator}error=")), "{uri}");
    }
}

#[tokio::test]
async fn the_program_is_told_what_is_wrong() {
    let server = Server::start().await;
    let plain = registered(&server, &public().with_scope("read write")).await.client_id;
    let secret = registered(&server, &metadata().with_grant_types(["client_credentials"])).await;
    let token = registered(&server, &public().with_response_types(["token"])).await.client_id;
    let base = asking(&plain);
    let long = "a".repeat(44);
    for (changes, error, description) in [
        (vec![("-response_type", "")], "invalid_request", "response_type is missing"),
        (
            vec![("response_type", "token")],
            "unsupported_response_type",
            "response_type can only be code",
        ),
        (
            vec![("client_id", &*secret.client_id)],
            "unauthorized_client",
            "The client is not registered for codes",
        ),
        (
            vec![("client_id", &token)],
            "unauthorized_client",
            "The client is not registered for codes",
        ),
        (
            vec![("-code_challenge", ""), ("-code_challenge_method", "")],
            "invalid_request",
            "code_challenge is missing: PKCE is required",
        ),
        (
            vec![("code_challenge_method", "plain")],
            "invalid_request",
            "code_challenge_method must be S256; left out, it is plain",
        ),
        (
            vec![("-code_challenge_method", "")],
            "invalid_request",
            "code_challenge_method must be S256; left out, it is plain",
        ),
        (
            vec![("code_challenge", &CHALLENGE[1..])],
            "invalid_request",
            "code_challenge must be 43 characters: a SHA-256 in base64url",
        ),
        (
            vec![("code_challenge", &long)],
            "invalid_request",
            "code_challenge must be 43 characters: a SHA-256 in base64url",
        ),
        (
            vec![("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw+cM")],
            "invalid_request",
            "code_challenge must be 43 characters: a SHA-256 in base64url",
        ),
        (
            vec![("+scope", "read"), ("+scope", "read")],
            "invalid_request",
            "A parameter is given more than once",
        ),
        (vec![("+state", "2")], "invalid_request", "A parameter is given more than once"),
        (
            vec![("+unknown", "1"), ("+unknown", "1")],
            "invalid_request",
            "A parameter is given more than once",
        ),
        (
            vec![("scope", "read admin")],
            "invalid_scope",
            "scope is malformed, or more than the client registered",
        ),
        (
            vec![("client_id", &token), ("scope", "a\"b")],
            "unauthorized_client",
            "The client is not registered for codes",
        ),
        (
            vec![("scope", "read  write")],
            "invalid_scope",
            "scope is malformed, or more than the client registered",
        ),
        (
            vec![("resource", "/mcp")],
            "invalid_target",
            "resource must be an absolute URI without a fragment",
        ),
        (
            vec![("resource", "https://a.example/"), ("+resource", "https://a.example/#x")],
            "invalid_target",
            "resource must be an absolute URI without a fragment",
        ),
    ] {
        let answer = ask(&server, &changed(&base, &changes)).await;
        assert_eq!(answer.status(), 302, "{changes:?}");
        assert_eq!(answer.headers()["cache-control"], "no-store");
        let expected = encoded(&[
            ("error", error),
            ("error_description", description),
            ("state", "a b&c"),
            ("iss", &server.issuer()),
        ]);
        assert_eq!(location(&answer), format!("{CALLBACK}?{expected}"), "{changes:?}");
    }
    // Without a state, none comes back.
    let answer = ask(&server, &changed(&base, &[("-state", ""), ("-response_type", "")])).await;
    assert_eq!(told(&location(&answer), "state"), None);
    // Where no scope was registered, any that is one can be asked for.
    let free = registered(&server, &public()).await.client_id;
    let asked = ask(&server, &changed(&base, &[("client_id", &free), ("scope", "x y")])).await;
    assert_eq!(asked.status(), 200);
    let asked = ask(&server, &changed(&base, &[("client_id", &free), ("scope", "x\"y")])).await;
    assert_eq!(told(&location(&asked), "error").unwrap(), "invalid_scope");
}

#[tokio::test]
async fn each_button_leads_back_to_the_program_once() {
    let server = Server::start().await;
    let uri = "https://app.example/cb?own=1";
    let id = registered(&server, &public().with_redirect_uri(uri)).await.client_id;
    let asking = changed(&asking(&id), &[("redirect_uri", uri)]);
    let issuer = server.issuer();
    let end = encoded(&[("state", "a b&c"), ("iss", &issuer)]);
    for (decision, tells) in [
        ("allow", "code=loopback-code-1-of-no-value-elsewhere".to_owned()),
        (
            "deny",
            encoded(&[("error", "access_denied"), ("error_description", "Denied by the user")]),
        ),
    ] {
        let page = ask(&server, &asking).await.text().await.unwrap();
        let undecided = press(&server, &page, "perhaps").await;
        assert!(assert_problem(undecided, 400, decision).await.contains("neither"));
        let answer = press(&server, &page, decision).await;
        assert_eq!(answer.status(), 303);
        assert_eq!(location(&answer), format!("{uri}&{tells}&{end}"));
        assert_eq!(answer.headers()["cache-control"], "no-store");
        for again in ["allow", "deny"] {
            let said = assert_problem(press(&server, &page, again).await, 400, again).await;
            assert!(said.contains("answered already"), "{said}");
        }
    }
    for form in [vec![("decision", "allow")], vec![("decision", "allow"), ("ticket", "guessed")]] {
        let answer = post(&server.authorization_endpoint(), &form, None).await;
        assert_problem(answer, 400, "guessed").await;
    }
    let (fresh, stale) = (ask(&server, &asking).await, ask(&server, &asking).await);
    let (fresh, stale) = (fresh.text().await.unwrap(), stale.text().await.unwrap());
    assert_ne!(ticket(&fresh), ticket(&stale));
    server.advance(Duration::from_secs(500));
    assert_eq!(press(&server, &fresh, "allow").await.status(), 303);
    server.advance(Duration::from_secs(100));
    assert_problem(press(&server, &stale, "allow").await, 400, "too late").await;
}

#[tokio::test]
async fn allow_and_deny_do_what_a_person_does() {
    let server = Server::start().await;
    let id = registered(&server, &public()).await.client_id;
    let url = authorization_url(&server, &asking(&id));
    let end = encoded(&[("state", "a b&c"), ("iss", &server.issuer())]);
    let code = "code=loopback-code-1-of-no-value-elsewhere";
    assert_eq!(server.allow(&url).await, format!("{CALLBACK}?{code}&{end}"));
    assert_eq!(told(&server.deny(&url).await, "error").unwrap(), "access_denied");
    let wrong = authorization_url(&server, &changed(&asking(&id), &[("response_type", "x")]));
    let sent = server.allow(&wrong).await;
    assert_eq!(told(&sent, "error").unwrap(), "unsupported_response_type");
}

#[tokio::test]
#[should_panic(expected = "The program (client_id) is not registered here.")]
async fn allow_tells_a_test_what_no_person_could_allow() {
    let server = Server::start().await;
    server.allow(&authorization_url(&server, &asking("made-up"))).await;
}

#[tokio::test]
#[should_panic(expected = "is not on this machine")]
async fn allow_goes_to_no_server_but_one_of_this_machine() {
    let url = "https://poggio.invalid/app/oauth/authorize?client_id=7";
    Server::start().await.allow(url).await;
}
