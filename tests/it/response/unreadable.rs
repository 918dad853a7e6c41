//! Success responses that cannot be decoded: the credentials, the body and the reason.

use std::time::Duration;

use poggio::{
    ClientSecret, Error, Outcome, UnreadableResponse,
    testing::{Reply, Server},
};
use serde_json::json;

use crate::support::{
    SECRET, ServerBehaviour, Wire, all_shown, http, metadata, paused, register_with,
};

fn unreadable(error: Error) -> UnreadableResponse {
    assert_eq!((error.outcome(), error.attempts()), (Outcome::Registered, 1), "{error}");
    match error {
        Error::Unreadable(error) => error,
        other => panic!("{other}"),
    }
}

fn secret(error: &UnreadableResponse) -> Option<&str> {
    error.client_secret().map(ClientSecret::expose)
}

#[tokio::test]
async fn response_without_a_client_id_is_unreadable_and_keeps_what_arrived() {
    let no_id = "its client_id is missing, empty or not a string";
    let utf8 = b"{\"client_name\": \"\xff\", \"client_id\": \"id\", \"client_secret\": \"s\"}";
    for (reply, id, expected_secret, reason) in [
        (Reply::status(201), None, None, "it is empty"),
        (Reply::text(201, "  \n"), None, None, "it is empty"),
        (Reply::html(201, "<html>welcome</html>"), None, None, "it is not JSON (line 1, column 1)"),
        (Reply::json(201, json!(["id"])), None, None, "it is not a JSON object"),
        (Reply::json(200, json!({"client_secret": "s3cr3t"})), None, Some("s3cr3t"), no_id),
        (
            Reply::json(200, json!({"client_id": "", "client_secret": "s3cr3t"})),
            None,
            Some("s3cr3t"),
            no_id,
        ),
        (
            Reply::json(200, json!({"client_id": 42, "client_secret": "s3cr3t"})),
            Some("42"),
            Some("s3cr3t"),
            no_id,
        ),
        (
            Reply::json(200, json!({"data": {"client_id": "id", "client_secret": "s\"3\u{fc}"}})),
            Some("id"),
            Some("s\"3\u{fc}"),
            no_id,
        ),
        (
            Reply::text(201, r#"{"client_id": "id", "client_secret": "s3cr3t"} trailing"#),
            Some("id"),
            Some("s3cr3t"),
            "it is not JSON (line 1, column 48)",
        ),
        (
            Reply::text(201, r#"{"client_id": "id", "client_secret": "s3c"#),
            Some("id"),
            None,
            "it is not JSON (line 1, column 41)",
        ),
        (Reply::bytes(201, utf8), Some("id"), Some("s"), "it is not JSON (line 1, column 18)"),
        (
            Reply::text(201, r#"{"client_name": "\"client_id\": \"fake\"", "x"#),
            None,
            None,
            "it is not JSON (line 1, column 45)",
        ),
    ] {
        let error = unreadable(register_with(reply).await.unwrap_err());
        assert_eq!(error.client_id(), id, "{error}");
        assert_eq!(secret(&error), expected_secret, "{error}");
        assert!(error.to_string().ends_with(&format!("could not be decoded: {reason}")), "{error}");
    }
}

#[tokio::test]
async fn unreadable_response_exposes_the_body_and_shows_none_of_it() {
    let member = format!(r#""client_secret": "{SECRET}""#);
    let bodies = ["<p>not-shown</p>".to_owned(), format!("{{{member}, \"not-shown\": \"")];
    for body in &bodies {
        for response in [
            http(&format!("201 Created\r\ncontent-length: {}", body.len()), body),
            http("201 Created\r\ncontent-length: 999", body),
            http("200 OK\r\ntransfer-encoding: chunked", &format!("{:x}\r\n{body}", body.len())),
        ] {
            let wire = Wire::responding(response).await;
            let error = wire.client().register(&metadata()).await.unwrap_err();
            let shown = all_shown(&error);
            assert!(!shown.contains("not-shown") && !shown.contains(SECRET), "{shown}");
            assert_eq!(unreadable(error).expose_body(), body.as_bytes());
        }
    }
}

#[tokio::test]
async fn unreadable_response_in_another_form_exposes_its_body() {
    let json = format!(r#"{{"client_id": "id", "client_secret": "{SECRET}"}}"#);
    let utf16: Vec<_> = json.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let form = format!("client_id=id&client_secret={SECRET}").into_bytes();
    let camel_case = json.replace("_id", "Id").replace("_secret", "Secret").into_bytes();
    for body in [utf16, form, camel_case] {
        let error = register_with(Reply::bytes(201, body.clone())).await.unwrap_err();
        let shown = all_shown(&error);
        assert!(!shown.contains(SECRET), "{shown}");
        assert_eq!(unreadable(error).expose_body(), body);
    }
}

#[tokio::test]
async fn response_over_the_cap_is_unreadable_even_if_whole_json_is_before_the_cap() {
    let members = r#"{"client_id": "id", "client_secret": "s3cr3t""#;
    let long_member = format!(r#"{members}, "x": "{}"}}"#, "y".repeat(300 * 1024));
    let long_space = format!("{members}}}{}", " ".repeat(300 * 1024));
    for body in [long_member, long_space] {
        let reply = Reply::text(201, body.clone());
        let error = unreadable(register_with(reply.clone()).await.unwrap_err());
        assert_eq!((error.client_id(), secret(&error)), (Some("id"), Some("s3cr3t")));
        assert_eq!(error.expose_body(), &body.as_bytes()[..256 * 1024]);
        let end =
            " (201 Created) could not be decoded: it is larger than max_response_bytes (262144)";
        assert!(error.to_string().ends_with(end), "{error}");

        // The cap is the length of the largest body that is accepted.
        let server = Server::start().await;
        server.script([reply.clone(), reply]);
        let register = async |cap: usize| {
            let poggio = server.client_builder().max_response_bytes(cap).build().unwrap();
            poggio.register(&metadata()).await
        };
        assert_eq!(register(body.len()).await.unwrap().client_id, "id");
        unreadable(register(body.len() - 1).await.unwrap_err());
    }
}

#[test]
fn response_that_does_not_end_is_truncated_at_the_timeout() {
    paused(async {
        let response = http("201 Created\r\ncontent-length: 999", r#"{"client_id": "id", "#);
        let wire = Wire::serve(vec![ServerBehaviour::Stalls(response)]).await;
        let poggio = wire.client_builder().timeout(Duration::from_millis(500)).build().unwrap();
        let started = tokio::time::Instant::now();
        let error = unreadable(poggio.register(&metadata()).await.unwrap_err());
        assert!((500..510).contains(&started.elapsed().as_millis()), "{:?}", started.elapsed());
        assert_eq!(error.client_id(), Some("id"));
        assert!(error.to_string().ends_with("the call timed out before the body ended"), "{error}");
    });
}

#[tokio::test]
async fn response_of_a_broken_connection_keeps_the_credentials_and_the_cause() {
    let body = r#"{"client_id": "id", "client_secret": "s3cr3t", "client_na"#;
    let wire = Wire::responding(http("201 Created\r\ncontent-length: 1000", body)).await;
    let error = wire.client().register(&metadata()).await.unwrap_err();
    assert!(std::error::Error::source(&error).is_some(), "{error}");
    assert_eq!(
        error.to_string(),
        format!(
            "the response of {} (201 Created) could not be decoded: the connection broke before the \
             body ended; a client was registered: do not register again; save the client_id and \
             client_secret in this error",
            wire.base_url.trim_start_matches("http://")
        )
    );
    let error = unreadable(error);
    assert_eq!((error.client_id(), secret(&error)), (Some("id"), Some("s3cr3t")));
    assert_eq!(wire.requests().len(), 1);
}
