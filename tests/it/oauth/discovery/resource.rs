//! `discover_for`: from a protected resource, such as an MCP server, to its authorization server.

use std::sync::{Arc, Mutex};

use tokio::{
    io::AsyncWriteExt,
    net::{TcpListener, TcpStream},
};

use super::*;
use crate::support::sized;

/// Where the metadata of the resource `/mcp` is.
const RESOURCE_PATH: &str = "/.well-known/oauth-protected-resource/mcp";
/// Where the metadata of the whole host is.
const ROOT_PATH: &str = "/.well-known/oauth-protected-resource";

fn resource_metadata() -> Value {
    json!({"resource": "BASE/mcp", "authorization_servers": ["BASE"]})
}

/// Makes `/mcp` respond 401 with these challenges, in which `BASE` becomes the server's URL.
async fn mount_challenge(server: &MockServer, headers: &[&str]) {
    let mut response = ResponseTemplate::new(401);
    for header in headers {
        let header = header.replace("BASE", &server.uri());
        response = response.append_header("www-authenticate", &*header);
    }
    mount(server, "/mcp", response).await;
}

#[tokio::test]
async fn discover_for_finds_the_metadata_of_the_resource_in_order() {
    for (challenges, at, tried) in [
        (
            &[r#"Bearer error="invalid_token", resource_metadata="BASE/elsewhere""#][..],
            "/elsewhere",
            &["/mcp", "/elsewhere", SERVER_PATH][..],
        ),
        (
            &[r#"Basic realm="x", Bearer resource_metadata="BASE/elsewhere""#],
            "/elsewhere",
            &["/mcp", "/elsewhere", SERVER_PATH],
        ),
        (
            &[r#"Bearer error="invalid_token", resource_metadata=BASE/elsewhere, realm="x""#],
            "/elsewhere",
            &["/mcp", "/elsewhere", SERVER_PATH],
        ),
        // The first is dead, at another host, or no URL.
        (
            &[
                r#"Bearer resource_metadata="BASE/dead""#,
                r#"Bearer resource_metadata="https://evil.example/x""#,
                r#"Bearer resource_metadata="/x", DPoP resource_metadata="BASE/elsewhere""#,
            ],
            "/elsewhere",
            &["/mcp", "/dead", "/elsewhere", SERVER_PATH],
        ),
        (
            &[r#"Bearer resource_metadata="BASE/dead""#],
            RESOURCE_PATH,
            &["/mcp", "/dead", RESOURCE_PATH, SERVER_PATH],
        ),
        (&["Bearer"], RESOURCE_PATH, &["/mcp", RESOURCE_PATH, SERVER_PATH]),
        (&[], RESOURCE_PATH, &["/mcp", RESOURCE_PATH, SERVER_PATH]),
        (&[], ROOT_PATH, &["/mcp", RESOURCE_PATH, ROOT_PATH, SERVER_PATH]),
    ] {
        let documents = [(at, resource_metadata()), (SERVER_PATH, metadata(json!({})))];
        let (server, poggio) = serve(&documents).await;
        mount_challenge(&server, challenges).await;
        let found = poggio.discover_for(&format!("{}/mcp", server.uri())).await.unwrap();
        assert_eq!(found.issuer, Some(server.uri()), "{challenges:?}");
        assert_eq!(found.resource, Some(format!("{}/mcp", server.uri())));
        assert_eq!(requested(&server).await, tried);
    }
}

#[tokio::test]
async fn discover_for_goes_on_if_a_place_has_no_metadata_of_the_resource() {
    for response in [
        ResponseTemplate::new(401),
        ResponseTemplate::new(403).set_body_raw("<html>", "text/html"),
        ResponseTemplate::new(500),
        ResponseTemplate::new(200).set_body_raw("<html>", "text/html"),
        ResponseTemplate::new(200).set_body_json(json!({"resource": "https://other.example"})),
        ResponseTemplate::new(200).set_body_json(json!({"resource": null})),
    ] {
        let documents = [(ROOT_PATH, resource_metadata()), (SERVER_PATH, metadata(json!({})))];
        let (server, poggio) = serve(&documents).await;
        mount(&server, RESOURCE_PATH, response).await;
        let found = poggio.discover_for(&format!("{}/mcp", server.uri())).await.unwrap();
        assert_eq!(found.resource, Some(format!("{}/mcp", server.uri())));
    }
}

#[tokio::test]
async fn discover_for_accepts_metadata_of_the_resource_or_of_a_parent_at_its_host() {
    for (requested, at, stated, is_accepted) in [
        ("/mcp", ROOT_PATH, "BASE", true),
        ("/mcp", ROOT_PATH, "BASE/", true),
        ("/mcp", RESOURCE_PATH, "BASE/mcp/", true),
        ("/mcp/", "/.well-known/oauth-protected-resource/mcp/", "BASE/mcp/", true),
        ("/mcp/", RESOURCE_PATH, "BASE/mcp", true),
        ("/mcp/v1", ROOT_PATH, "BASE/mcp", true),
        ("/mcp", ROOT_PATH, "BASE/mc", false),
        ("/mcp", ROOT_PATH, "BASE/mcp/v1", false),
        ("/mcp", ROOT_PATH, "BASE/other", false),
        ("/mcp", ROOT_PATH, "https://evil.example/mcp", false),
        ("/mcp", ROOT_PATH, "BASE.evil.example/mcp", false),
        ("/mcp?tenant=1", RESOURCE_PATH, "BASE/mcp?tenant=2", false),
        ("/mcp?tenant=1", RESOURCE_PATH, "BASE/mcp?tenant=1", true),
    ] {
        let document = json!({"resource": stated, "authorization_servers": ["BASE/as"]});
        let at_server = "/.well-known/oauth-authorization-server/as";
        let documents = [(at, document), (at_server, metadata(json!({"issuer": "BASE/as"})))];
        let (server, poggio) = serve(&documents).await;
        let result = poggio.discover_for(&format!("{}{requested}", server.uri())).await;
        assert_eq!(result.is_ok(), is_accepted, "{requested} {stated}: {result:?}");
        match result {
            Ok(found) => assert_eq!(found.resource, Some(stated.replace("BASE", &server.uri()))),
            Err(error) => {
                let stated = stated.replace("BASE", &server.uri());
                let requested = format!("{}{requested}", server.uri());
                let problem = format!("it describes the resource {stated:?}, not {requested:?}");
                let is_refused_earlier = stated.contains("127.0.0.1") && stated.contains("evil");
                assert!(error.to_string().contains(&problem) || is_refused_earlier, "{error}");
            }
        }
    }
}

#[tokio::test]
async fn discover_for_does_not_accept_a_parent_in_metadata_that_only_a_challenge_names() {
    let document = json!({"resource": "BASE", "authorization_servers": ["BASE"]});
    let documents = [("/mcp/own", document), (SERVER_PATH, metadata(json!({"issuer": "x"})))];
    let (server, poggio) = serve(&documents).await;
    mount_challenge(&server, &[r#"Bearer resource_metadata="BASE/mcp/own""#]).await;
    let error = poggio.discover_for(&format!("{}/mcp", server.uri())).await.unwrap_err();
    assert!(error.to_string().contains("/mcp/own: it describes the resource"), "{error}");
}

#[tokio::test]
async fn discover_for_uses_the_first_authorization_server_that_works() {
    let document = json!({
        "resource": "BASE/mcp",
        "authorization_servers":
            ["http://evil.example", "BASE/dead", "BASE/other?x=1", 7, "BASE/works", "BASE/last"],
    });
    let at_server = "/.well-known/oauth-authorization-server/works";
    let works = metadata(json!({"issuer": "BASE/works"}));
    let (server, poggio) = serve(&[(RESOURCE_PATH, document), (at_server, works)]).await;
    let found = poggio.discover_for(&format!("{}/mcp", server.uri())).await.unwrap();
    assert_eq!(found.issuer, Some(format!("{}/works", server.uri())));
}

#[tokio::test]
async fn discover_for_lists_each_place_and_what_it_responded() {
    let document = json!({
        "resource": "BASE/mcp",
        "authorization_servers": ["http://evil.example", "BASE/as"],
    });
    let (server, poggio) = serve(&[(ROOT_PATH, document)]).await;
    let challenge = r#"Bearer realm="Zürich", resource_metadata="https://evil.example/x""#;
    mount_challenge(&server, &[challenge]).await;
    mount(&server, RESOURCE_PATH, ResponseTemplate::new(403)).await;
    // The host has metadata, but the resource names another server.
    let host = metadata(json!({})).to_string().replace("BASE", &server.uri());
    mount(&server, SERVER_PATH, ResponseTemplate::new(200).set_body_string(host)).await;
    let error = poggio.discover_for(&format!("{}/mcp", server.uri())).await.unwrap_err();
    assert_eq!(error.kind(), OAuthErrorKind::Discovery, "{error:?}");
    let lines = [
        "no authorization server was found for BASE/mcp",
        "  BASE/mcp: 401 Unauthorized",
        "  BASE/mcp: resource_metadata: \"https://evil.example/x\" does not have the origin of \
         the resource",
        "  BASE/.well-known/oauth-protected-resource/mcp: 403 Forbidden",
        "  BASE/.well-known/oauth-protected-resource: authorization_servers: ",
        "  BASE/.well-known/oauth-authorization-server/as: 404 Not Found",
        "  BASE/.well-known/openid-configuration/as: 404 Not Found",
        "  BASE/as/.well-known/openid-configuration: 404 Not Found",
        "check the URL, or set the endpoints with AuthorizationServer::new",
    ];
    let text = error.to_string().replace(&server.uri(), "BASE");
    let found: Vec<_> = text.lines().collect();
    assert_eq!(found.len(), lines.len(), "{text}");
    for (found, expected) in found.iter().zip(lines) {
        let is_whole = !expected.ends_with("authorization_servers: ");
        assert!(if is_whole { *found == expected } else { found.starts_with(expected) }, "{text}");
    }
}

#[tokio::test]
async fn discover_for_uses_the_metadata_of_the_host_of_a_resource_without_its_own() {
    let no_server = json!({"resource": "BASE/mcp", "authorization_servers": []});
    for documents in [
        vec![(SERVER_PATH, metadata(json!({})))],
        vec![(OPENID_PATH, metadata(json!({})))],
        vec![(RESOURCE_PATH, no_server), (SERVER_PATH, metadata(json!({})))],
    ] {
        let (server, poggio) = serve(&documents).await;
        mount_challenge(&server, &["Bearer"]).await;
        let found = poggio.discover_for(&format!("{}/mcp", server.uri())).await.unwrap();
        assert_eq!(found.issuer, Some(server.uri()));
        assert_eq!(found.resource, None);
    }
}

#[tokio::test]
async fn discover_for_uses_the_fixed_endpoints_of_a_protected_host_without_metadata() {
    for status in [401, 405] {
        let (server, poggio) = serve(&[]).await;
        mount(&server, "/mcp", ResponseTemplate::new(status)).await;
        let found = poggio.discover_for(&format!("{}/mcp?x=1", server.uri())).await.unwrap();
        let uri = server.uri();
        assert_eq!(found.authorization_endpoint, format!("{uri}/authorize"));
        assert_eq!(found.token_endpoint, format!("{uri}/token"));
        assert_eq!(found.registration_endpoint, Some(format!("{uri}/register")));
        assert_eq!(found.issuer, None);
    }

    // A resource that needs no token, or a host that is down or has unusable metadata.
    let unusable = metadata(json!({"issuer": "https://evil.example"}));
    for (status, at_server) in [
        (200, ResponseTemplate::new(404)),
        (404, ResponseTemplate::new(404)),
        (401, ResponseTemplate::new(502)),
        (401, ResponseTemplate::new(200).set_body_json(unusable)),
    ] {
        let (server, poggio) = serve(&[]).await;
        mount(&server, "/mcp", ResponseTemplate::new(status)).await;
        mount(&server, SERVER_PATH, at_server).await;
        let error = poggio.discover_for(&format!("{}/mcp", server.uri())).await.unwrap_err();
        assert_eq!(error.kind(), OAuthErrorKind::Discovery, "{error}");
        assert_eq!(error.to_string().lines().count(), 7, "{error}");
    }
}

#[tokio::test]
async fn default_scopes_are_those_of_the_challenge_or_the_resource_and_offline_access() {
    let challenge = r#"Bearer scope="files:read  files:write""#;
    for (challenge, of_resource, of_server, expected) in [
        (challenge, json!(["read"]), json!([]), &["files:read", "files:write"][..]),
        ("Bearer", json!(["read", "write"]), json!(["admin"]), &["read", "write"]),
        ("Bearer", json!(["read"]), json!(["offline_access"]), &["read", "offline_access"]),
        (
            "Bearer",
            json!(["offline_access", "read"]),
            json!(["offline_access"]),
            &["offline_access", "read"],
        ),
        // The server then chooses the scopes.
        ("Bearer", json!([]), json!(["offline_access", "admin"]), &[]),
        ("Bearer", Value::Null, Value::Null, &[]),
    ] {
        let mut resource = resource_metadata();
        resource["scopes_supported"] = of_resource;
        let server_metadata = metadata(json!({"scopes_supported": of_server}));
        let (server, poggio) =
            serve(&[(RESOURCE_PATH, resource), (SERVER_PATH, server_metadata)]).await;
        mount_challenge(&server, &[challenge]).await;
        let found = poggio.discover_for(&format!("{}/mcp", server.uri())).await.unwrap();
        assert_eq!(found.default_scopes(), expected);
    }
}

#[tokio::test]
async fn discover_for_follows_a_redirect_of_the_resource_within_its_origin() {
    for status in [307, 308] {
        let documents = [(RESOURCE_PATH, resource_metadata()), (SERVER_PATH, metadata(json!({})))];
        let (server, poggio) = serve(&documents).await;
        let redirect = ResponseTemplate::new(status).insert_header("location", "/mcp");
        mount(&server, "/mcp/", redirect).await;
        mount_challenge(&server, &["Bearer"]).await;
        let found = poggio.discover_for(&format!("{}/mcp/", server.uri())).await.unwrap();
        assert_eq!(found.resource, Some(format!("{}/mcp", server.uri())));
        assert_eq!(requested(&server).await, ["/mcp/", "/mcp", RESOURCE_PATH, SERVER_PATH]);
    }

    let (elsewhere, _) = serve(&[]).await;
    let (server, poggio) = serve(&[]).await;
    let location = format!("{}/mcp", elsewhere.uri());
    let redirect = ResponseTemplate::new(307).insert_header("location", &*location);
    mount(&server, "/mcp", redirect).await;
    let error = poggio.discover_for(&format!("{}/mcp", server.uri())).await.unwrap_err();
    assert!(error.to_string().contains("/mcp: 307 Temporary Redirect\n"), "{error}");
    assert!(elsewhere.received_requests().await.unwrap().is_empty());
}

/// Starts a server whose `/mcp` opens an event stream, and returns its URL.
async fn event_stream() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("http://{}", listener.local_addr().unwrap());
    let documents = [
        (RESOURCE_PATH, resource_metadata().to_string().replace("BASE", &uri)),
        (SERVER_PATH, metadata(json!({})).to_string().replace("BASE", &uri)),
    ];
    let open = Arc::<Mutex<Vec<TcpStream>>>::default();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = vec![0; 4096];
            let length = tokio::io::AsyncReadExt::read(&mut stream, &mut request).await.unwrap();
            let request = String::from_utf8_lossy(&request[..length]).into_owned();
            let path = request.split_whitespace().nth(1).unwrap();
            let document = documents.iter().find(|(at, _)| *at == path);
            let response = match document {
                Some((_, text)) => sized("200 OK", "connection: close\r\n", text),
                None => b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n".to_vec(),
            };
            let _ = stream.write_all(&response).await;
            open.lock().unwrap().push(stream);
        }
    });
    uri
}

#[tokio::test]
async fn discover_for_does_not_wait_for_the_end_of_an_event_stream() {
    let uri = event_stream().await;
    let poggio = Client::builder().base_url(&uri).build().unwrap();
    let found = poggio.discover_for(&format!("{uri}/mcp")).await.unwrap();
    assert_eq!(found.issuer, Some(uri));
}
