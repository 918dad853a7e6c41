//! Error codes and ordinary words that contain the text of a credential, or look like one.

use poggio::{
    Error, ErrorCode,
    testing::{Reply, Server},
};
use serde_json::json;

use crate::support::metadata;

async fn rejected(token: &str, reply: Reply) -> (Option<String>, Option<String>) {
    let server = Server::start().await;
    server.script([reply]);
    let poggio = server.client_builder().auth_token(token).max_retries(0).build().unwrap();
    let Err(Error::Api(error)) = poggio.register(&metadata()).await else { panic!() };
    let code = error.code().map(|code: ErrorCode| code.as_str().to_owned());
    (code, error.description().map(str::to_owned))
}

#[tokio::test]
async fn error_codes_are_read_before_credentials_are_masked() {
    for token in ["client", "invalid_", "invalid_client", "INVALID_CLIENT"] {
        for (reply, description) in [
            (Reply::json(400, json!({"error": "invalid_client"})), None),
            (
                Reply::status(401).with_header(
                    "www-authenticate",
                    r#"Bearer error="invalid_client", error_description="no""#,
                ),
                Some("no"),
            ),
        ] {
            let (code, shown) = rejected(token, reply).await;
            assert_eq!(code.as_deref(), Some("invalid_client"), "{token}");
            assert_eq!(shown.as_deref(), description, "{token}");
        }
    }
    let reply = Reply::json(400, json!({"error": "x_hunter-two-pass", "error_description": "no"}));
    let expected = (None, Some("no".to_owned()));
    assert_eq!(rejected("hunter-two-pass", reply).await, expected, "a code with a credential");
}

#[tokio::test]
async fn descriptions_keep_words_and_ids_that_are_not_credentials() {
    for text in [
        "Bearer token is missing",
        "the client is unknown",
        "invalid_client: the client_secret is wrong",
        "trace 550e8400-e29b-41d4-a716-446655440000",
        "traceparent 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "see /srv/app/releases/20260101T120000Z/a1B2c3D4e5F6g7H8",
        "contact eyJhbGciOiJub25lIn0 support",
    ] {
        for reply in [
            Reply::json(400, json!({"error_description": text})),
            Reply::json(401, json!({"detail": text})),
            Reply::text(502, text),
        ] {
            assert_eq!(rejected("client", reply).await.1.as_deref(), Some(text));
        }
    }
}

#[tokio::test]
async fn description_of_a_2xx_comes_from_known_members_only() {
    let server = Server::start().await;
    for (body, shown) in [
        (json!({"error": "access_denied", "note": "not-shown"}), true),
        (json!({"detail": "closed", "data": {"title": "not-shown"}}), true),
        (json!({"note": "not-shown", "data": {"message": "not-shown"}}), false),
        (json!({"client": {"title": "not-shown"}}), false),
    ] {
        for status in [200, 201, 202] {
            server.script([Reply::json(status, body.clone())]);
            let error = server.client().register(&metadata()).await.unwrap_err();
            let text = format!("{error} {error:?}");
            assert!(!text.contains("not-shown"), "{text}");
            let message = ["access_denied", "closed"].iter().any(|word| text.contains(word));
            assert_eq!(message, shown, "{text}");
        }
    }
}
