use std::time::Duration;

use super::*;

#[tokio::test]
async fn fields_that_are_missing_are_refused_as_fastapi_does() {
    let server = Server::start().await;
    let id = registered(&server, &public()).await.client_id;
    let missing = |names: &[&str]| {
        let problem = |name: &&str| {
            serde_json::json!({
                "type": "missing", "loc": ["body", name], "msg": "Field required", "input": null,
            })
        };
        serde_json::json!({"detail": names.iter().map(problem).collect::<Vec<_>>()})
    };
    for (form, basic, names) in [
        (vec![], None, vec!["grant_type", "client_id"]),
        (vec![("grant_type", ""), ("client_id", &*id)], None, vec!["grant_type"]),
        (vec![("grant_type", "authorization_code")], None, vec!["client_id"]),
        (vec![("client_id", &*id)], Some(("a", "b")), vec!["grant_type"]),
        (vec![("grant_type", "authorization_code"), ("client_id", &*id)], None, vec!["code"]),
        (vec![("grant_type", "refresh_token"), ("client_id", &*id)], None, vec!["refresh_token"]),
    ] {
        let (status, _, body) = token(&server, &form, basic).await;
        assert_eq!((status, body), (422, missing(&names)), "{form:?}");
    }
    let whole = encoded(&exchanging(&id, "code"));
    for content_type in ["application/json", "text/plain", "multipart/form-data; boundary=x"] {
        let request = http().post(server.token_endpoint()).header("content-type", content_type);
        let answer = request.body(whole.clone()).send().await.unwrap();
        assert_eq!(answer.status(), 422, "{content_type}");
        let body: Value = answer.json().await.unwrap();
        assert_eq!(body, missing(&["grant_type", "client_id"]), "{content_type}");
    }
    let request = http().post(server.token_endpoint());
    let request =
        request.header("content-type", "Application/X-WWW-Form-Urlencoded ; charset=UTF-8");
    let answer = request.body(whole).send().await.unwrap();
    assert_eq!(answer.json::<Value>().await.unwrap()["error"], "invalid_grant");
}

#[tokio::test]
async fn a_client_is_held_to_its_method() {
    let server = Server::start().await;
    let mut ids = Vec::new();
    for method in ["none", "client_secret_post", "client_secret_basic", "private_key_jwt"] {
        let asked = metadata().with_token_endpoint_auth_method(method);
        server.script([Reply::registered().with_member("client_secret", "right")]);
        ids.push(registered(&server, &asked).await.client_id);
    }
    let [none, in_body, in_header, jwt] = ids.as_slice() else { panic!() };
    server.script([Reply::registered().without_member("client_secret")]);
    let secretless = &registered(&server, &metadata()).await.client_id;
    // Each is refused, or goes on to its code, which is no code.
    for (body_id, body_secret, header, error) in [
        (Some(none), None, None, "invalid_grant"),
        (Some(none), Some("right"), None, "invalid_client"),
        (Some(none), None, Some((none, "right")), "invalid_client"),
        (None, None, Some((none, "")), "invalid_client"),
        (Some(in_body), Some("right"), None, "invalid_grant"),
        (Some(in_body), Some("wrong"), None, "invalid_client"),
        (Some(in_body), Some(""), None, "invalid_client"),
        (Some(in_body), None, None, "invalid_client"),
        (None, None, Some((in_body, "right")), "invalid_client"),
        (Some(in_body), Some("right"), Some((in_body, "right")), "invalid_request"),
        (None, None, Some((in_header, "right")), "invalid_grant"),
        (Some(in_header), None, Some((in_header, "right")), "invalid_grant"),
        (Some(none), None, Some((in_header, "right")), "invalid_request"),
        (None, Some("right"), Some((in_header, "right")), "invalid_request"),
        (None, None, Some((in_header, "wrong")), "invalid_client"),
        (None, None, Some((in_header, "")), "invalid_client"),
        (Some(in_header), Some("right"), None, "invalid_client"),
        (Some(in_header), None, None, "invalid_client"),
        (Some(jwt), None, None, "invalid_client"),
        (Some(jwt), Some("right"), None, "invalid_client"),
        (Some(secretless), Some("right"), None, "invalid_client"),
        (Some(secretless), None, None, "invalid_client"),
        (Some(&"made-up".to_owned()), None, None, "invalid_client"),
        (None, None, Some((&"made-up".to_owned(), "right")), "invalid_client"),
    ] {
        let case = format!("{body_id:?} {body_secret:?} {header:?}");
        let mut form = changed(&exchanging("", "made-up"), &[("-client_id", "")]);
        form.extend(body_id.map(|id| ("client_id", id.as_str())));
        form.extend(body_secret.map(|secret| ("client_secret", secret)));
        let answer = token(&server, &form, header.map(|(id, secret)| (id.as_str(), secret))).await;
        let challenge = answer.1.get("www-authenticate").map(|value| value.to_str().unwrap());
        let challenged = error == "invalid_client" && header.is_some();
        assert_eq!(challenge, challenged.then_some(r#"Basic realm="poggio""#), "{case}");
        assert_refused(answer, error, &case);
    }
    for header in ["Bearer right", "Basic", "Basic !", "Basic YQ==", ""] {
        let request = http().post(server.token_endpoint()).header("authorization", header);
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        let answer = request.body(encoded(&exchanging(none, "made-up"))).send().await.unwrap();
        assert_eq!(answer.status(), 401, "{header}");
        assert_eq!(answer.headers()["www-authenticate"], r#"Basic realm="poggio""#, "{header}");
    }
}

#[tokio::test]
async fn a_secret_ends_when_its_registration_says() {
    let server = Server::start().await;
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let end = now.as_secs() + 60;
    server.script([Reply::registered().with_member("client_secret_expires_at", end)]);
    let client = registered(&server, &metadata()).await;
    let mut form = exchanging(&client.client_id, "made-up");
    form.push(("client_secret", client.client_secret.as_ref().unwrap().expose()));
    assert_refused(token(&server, &form, None).await, "invalid_grant", "before");
    server.advance(Duration::from_secs(60));
    assert_refused(token(&server, &form, None).await, "invalid_client", "after");
}

#[tokio::test]
async fn a_grant_must_be_known_and_registered() {
    let server = Server::start().await;
    let id =
        registered(&server, &public().with_grant_types(["authorization_code"])).await.client_id;
    let base = exchanging(&id, "made-up");
    for (changes, error) in [
        (vec![("grant_type", "password")], "unsupported_grant_type"),
        (vec![("grant_type", "refresh_token"), ("refresh_token", "x")], "unauthorized_client"),
        (vec![("grant_type", "client_credentials")], "unauthorized_client"),
        (vec![("+code", "2")], "invalid_request"),
        (vec![("+grant_type", "authorization_code")], "invalid_request"),
        (vec![], "invalid_grant"),
    ] {
        let case = format!("{changes:?}");
        assert_refused(token(&server, &changed(&base, &changes), None).await, error, &case);
    }
    let all = public().with_grant_types(["client_credentials"]);
    let id = registered(&server, &all).await.client_id;
    let form = [("grant_type", "client_credentials"), ("client_id", &*id)];
    assert_refused(token(&server, &form, None).await, "unauthorized_client", "public");
}

#[tokio::test]
async fn a_code_is_bound_to_its_request() {
    let server = Server::start().await;
    let id = registered(&server, &public()).await.client_id;
    let other = registered(&server, &public()).await.client_id;
    let code = allowed_code(&server, &asking(&id)).await;
    let base = exchanging(&id, &code);
    let long = VERIFIER.repeat(3);
    for changes in [
        vec![("code", "made-up")],
        vec![("client_id", &*other)],
        vec![("-redirect_uri", "")],
        vec![("redirect_uri", "http://127.0.0.1:8911/callback")],
        vec![("-code_verifier", "")],
        vec![("code_verifier", "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXK")],
        vec![("code_verifier", CHALLENGE)],
        vec![("code_verifier", "short")],
        vec![("code_verifier", &long)],
    ] {
        let case = format!("{changes:?}");
        let answer = token(&server, &changed(&base, &changes), None).await;
        assert_refused(answer, "invalid_grant", &case);
    }
    // None of these has used it up.
    assert_eq!(token(&server, &base, None).await.0, 200);

    // A redirect URI that was not stated need not be, but must be right where it is.
    for (change, status) in [
        (("-redirect_uri", ""), 200),
        (("redirect_uri", CALLBACK), 200),
        (("redirect_uri", "https://x/"), 400),
    ] {
        let code = allowed_code(&server, &changed(&asking(&id), &[("-redirect_uri", "")])).await;
        let form = changed(&exchanging(&id, &code), &[change]);
        assert_eq!(token(&server, &form, None).await.0, status, "{change:?}");
    }

    let (fresh, stale) =
        (allowed_code(&server, &asking(&id)).await, allowed_code(&server, &asking(&id)).await);
    server.advance(Duration::from_secs(500));
    assert_eq!(token(&server, &exchanging(&id, &fresh), None).await.0, 200);
    server.advance(Duration::from_secs(100));
    assert_refused(token(&server, &exchanging(&id, &stale), None).await, "invalid_grant", "stale");
}

#[tokio::test]
async fn a_code_that_is_used_twice_takes_its_tokens_with_it() {
    let server = Server::start().await;
    let id = registered(&server, &public()).await.client_id;
    let other = registered(&server, &public()).await.client_id;
    let here = server.mcp_url();
    let asking = changed(&asking(&id), &[("resource", &here)]);
    let (kept, code) = (allowed_code(&server, &asking).await, allowed_code(&server, &asking).await);
    let (.., kept) = token(&server, &exchanging(&id, &kept), None).await;
    let (.., body) = token(&server, &exchanging(&id, &code), None).await;
    let access_token = body["access_token"].as_str().unwrap();

    // Another client that shows the code does no harm.
    assert_refused(
        token(&server, &exchanging(&other, &code), None).await,
        "invalid_grant",
        "other",
    );
    assert_eq!(mcp::status(&server, access_token).await, 200);
    assert_refused(token(&server, &exchanging(&id, &code), None).await, "invalid_grant", "again");
    assert_eq!(mcp::status(&server, access_token).await, 401);
    assert_eq!(mcp::status(&server, kept["access_token"].as_str().unwrap()).await, 200);
    for (tokens, status) in [(body, 400), (kept, 200)] {
        let refresh = [
            ("grant_type", "refresh_token"),
            ("client_id", &*id),
            ("refresh_token", tokens["refresh_token"].as_str().unwrap()),
        ];
        assert_eq!(token(&server, &refresh, None).await.0, status);
    }
}

#[tokio::test]
async fn refresh_tokens_change_for_clients_without_a_secret_alone() {
    let server = Server::start().await;
    let public = registered(&server, &public()).await;
    let confidential = registered(&server, &metadata()).await;
    let here = server.mcp_url();
    for (client, changes) in [(&public, true), (&confidential, false)] {
        let id = client.client_id.as_str();
        let own = if changes {
            vec![]
        } else {
            vec![("client_secret", client.client_secret.as_ref().unwrap().expose())]
        };
        let code = allowed_code(&server, &changed(&asking(id), &[("resource", &here)])).await;
        let (.., first) =
            token(&server, &[exchanging(id, &code), own.clone()].concat(), None).await;
        let first = first["refresh_token"].as_str().unwrap();
        let mut form =
            vec![("grant_type", "refresh_token"), ("client_id", id), ("refresh_token", first)];
        form.extend(own);
        assert_refused(
            token(&server, &changed(&form, &[("refresh_token", "made-up")]), None).await,
            "invalid_grant",
            "made up",
        );
        let (status, _, second) = token(&server, &form, None).await;
        assert_eq!(status, 200);
        assert_eq!(second["refresh_token"] != first, changes);
        let access_token = second["access_token"].as_str().unwrap();
        assert_eq!(mcp::status(&server, access_token).await, 200);

        let again = token(&server, &form, None).await;
        if changes {
            // Whoever has the old one is a thief, or the thief has the new one.
            assert_refused(again, "invalid_grant", "again");
            assert_eq!(mcp::status(&server, access_token).await, 401);
            let second = second["refresh_token"].as_str().unwrap();
            let form = changed(&form, &[("refresh_token", second)]);
            assert_refused(token(&server, &form, None).await, "invalid_grant", "all revoked");
        } else {
            assert_eq!((again.0, again.2["refresh_token"].as_str()), (200, Some(first)));
        }
    }
    let code = allowed_code(&server, &asking(&public.client_id)).await;
    let (.., body) = token(&server, &exchanging(&public.client_id, &code), None).await;
    let form = [
        ("grant_type", "refresh_token"),
        ("client_id", &*confidential.client_id),
        ("client_secret", confidential.client_secret.as_ref().unwrap().expose()),
        ("refresh_token", body["refresh_token"].as_str().unwrap()),
    ];
    assert_refused(token(&server, &form, None).await, "invalid_grant", "another client's");
}

#[tokio::test]
async fn scopes_and_resources_never_grow() {
    let server = Server::start().await;
    let id = registered(&server, &public().with_scope("read write admin")).await.client_id;
    let free = registered(&server, &super::public()).await.client_id;
    let (one, two) = ("https://one.example/", "https://two.example/");
    let asking =
        |id, changes: &[(&'static str, &'static str)]| changed(&super::asking(id), changes);

    // All that was registered, where none is asked for; none, where none was.
    for (id, scope) in [(&*id, Some("read write admin")), (&*free, None)] {
        let code = allowed_code(&server, &asking(id, &[])).await;
        let (.., body) = token(&server, &exchanging(id, &code), None).await;
        assert_eq!(body["scope"].as_str(), scope);
        let refresh = [
            ("grant_type", "refresh_token"),
            ("client_id", id),
            ("refresh_token", body["refresh_token"].as_str().unwrap()),
            ("scope", "other"),
        ];
        assert_refused(token(&server, &refresh, None).await, "invalid_scope", "never granted");
    }

    let asked = asking(&id, &[("scope", "read write"), ("resource", one), ("+resource", two)]);
    let code = allowed_code(&server, &asked).await;
    let exchange = exchanging(&id, &code);
    let third = changed(&exchange, &[("resource", "https://three.example/")]);
    assert_refused(token(&server, &third, None).await, "invalid_target", "a third");
    let (.., body) = token(&server, &changed(&exchange, &[("resource", one)]), None).await;
    assert_eq!(body["scope"], "read write");
    let mut refresh_token = body["refresh_token"].as_str().unwrap().to_owned();
    for (changes, outcome) in [
        (vec![("scope", "read")], Ok("read")),
        // The next one may be for all that was granted again.
        (vec![], Ok("read write")),
        (vec![("resource", two)], Ok("read write")),
        (vec![("scope", "read admin")], Err("invalid_scope")),
        (vec![("resource", "https://three.example/")], Err("invalid_target")),
        (vec![("resource", "two")], Err("invalid_target")),
    ] {
        let form = changed(
            &vec![
                ("grant_type", "refresh_token"),
                ("client_id", &id),
                ("refresh_token", &refresh_token),
            ],
            &changes,
        );
        let answer = token(&server, &form, None).await;
        match outcome {
            Ok(scope) => {
                assert_eq!((answer.0, answer.2["scope"].as_str()), (200, Some(scope)));
                refresh_token = answer.2["refresh_token"].as_str().unwrap().to_owned();
            }
            Err(error) => assert_refused(answer, error, &format!("{changes:?}")),
        }
    }

    // A resource that is named at the exchange alone goes for what is refreshed too.
    let here = server.mcp_url();
    let code = allowed_code(&server, &asking(&id, &[])).await;
    let form = changed(&exchanging(&id, &code), &[("resource", &here)]);
    let (.., body) = token(&server, &form, None).await;
    let refresh = [
        ("grant_type", "refresh_token"),
        ("client_id", &*id),
        ("refresh_token", body["refresh_token"].as_str().unwrap()),
    ];
    let (.., body) = token(&server, &refresh, None).await;
    assert_eq!(mcp::status(&server, body["access_token"].as_str().unwrap()).await, 200);
}

#[tokio::test]
async fn client_credentials_give_a_token_and_nothing_to_refresh() {
    let server = Server::start().await;
    let asked = ClientMetadata::client_credentials()
        .with_grant_types(["client_credentials", "refresh_token"])
        .with_scope("read write");
    let client = registered(&server, &asked).await;
    let secret = client.client_secret.as_ref().unwrap().expose();
    let base: Pairs = vec![
        ("grant_type", "client_credentials"),
        ("client_id", &client.client_id),
        ("client_secret", secret),
    ];
    for (changes, scope) in [(vec![], "read write"), (vec![("scope", "write")], "write")] {
        let (status, _, body) = token(&server, &changed(&base, &changes), None).await;
        assert_eq!((status, body["scope"].as_str()), (200, Some(scope)));
        assert_eq!(body["refresh_token"], Value::Null);
    }
    for (change, error) in
        [(("scope", "admin"), "invalid_scope"), (("resource", "mcp"), "invalid_target")]
    {
        assert_refused(token(&server, &changed(&base, &[change]), None).await, error, error);
    }
}
