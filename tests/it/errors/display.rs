//! Responses that reject a registration: the error, its outcome, and what it shows.

use poggio::{
    ApiError, Error, ErrorCode, Outcome,
    testing::{Reply, Server},
};
use serde_json::json;

use crate::support::{all_shown, metadata, register_with};

async fn rejected(reply: Reply) -> (Error, ApiError) {
    let error = register_with(reply.clone()).await.unwrap_err();
    let Err(Error::Api(api)) = register_with(reply).await else { panic!("{error}") };
    (error, api)
}

#[tokio::test]
async fn error_outcome_follows_the_status() {
    let server = Server::start().await;
    let poggio = server.client_builder().max_retries(0).build().unwrap();
    for status in 300..=599_u16 {
        let is_unknown = status == 303 || status >= 500;
        let expected = if is_unknown { Outcome::Unknown } else { Outcome::NotRegistered };
        server.script([Reply::status(status)]);
        let error = poggio.register(&metadata()).await.unwrap_err();
        assert!(matches!(&error, Error::Api(api) if api.status().as_u16() == status));
        assert_eq!(error.outcome(), expected, "{status}");
        assert_eq!(error.status().unwrap().as_u16(), status);
        assert_eq!(error.attempts(), 1, "{status}");
    }
    let (busy, _) = rejected(Reply::status(503).with_header("retry-after", "7")).await;
    assert_eq!(busy.outcome(), Outcome::NotRegistered);
    assert_eq!(busy.retry_after().unwrap().as_secs(), 7);
    let (vague, _) = rejected(Reply::status(503).with_header("retry-after", "soon")).await;
    assert_eq!((vague.outcome(), vague.retry_after()), (Outcome::Unknown, None));
}

#[tokio::test]
async fn api_error_takes_code_and_description_from_bodies_of_every_form() {
    let rfc = json!({"error": "invalid_redirect_uri", "error_description": "Not that one"});
    for (reply, code, description) in [
        (Reply::json(400, rfc.clone()), Some("invalid_redirect_uri"), Some("Not that one")),
        (Reply::json(400, json!({"error": "x_own"})), Some("x_own"), None),
        (
            Reply::json(400, json!({"error": "invalid_oauth2_client"})),
            Some("invalid_oauth2_client"),
            None,
        ),
        (Reply::bytes(502, "\u{feff}<title>Bad gateway</title>"), None, Some("Bad gateway")),
        (
            Reply::json(400, json!({"detail": "client_name is not allowed"})),
            None,
            Some("client_name is not allowed"),
        ),
        (
            Reply::json(405, json!({"detail": "Method Not Allowed"})),
            None,
            Some("Method Not Allowed"),
        ),
        (Reply::json(422, json!({"detail": []})), None, None),
        (
            Reply::json(422, json!({"detail": {"why": 7}})),
            None,
            Some("JSON with the members detail"),
        ),
        (Reply::json(422, json!({"detail": {"error": "x"}})), Some("x"), None),
        (
            Reply::json(401, json!({"detail": {"error": "invalid_token", "message": "Old"}})),
            Some("invalid_token"),
            Some("Old"),
        ),
        (
            Reply::json(401, json!({"detail": "invalid_token"})),
            Some("invalid_token"),
            Some("invalid_token"),
        ),
        (Reply::json(400, json!({"detail": {"message": "nested"}})), None, Some("nested")),
        (
            Reply::json(403, json!({"detail": [{"loc": ["body", "scope"], "msg": "No"}]})),
            None,
            Some("scope: No"),
        ),
        (Reply::json(500, json!({"message": "boom"})), None, Some("boom")),
        (
            Reply::json(400, json!({"error": {"code": "bad", "message": "Nested"}})),
            Some("bad"),
            Some("Nested"),
        ),
        (
            Reply::json(400, json!({"error": "Not a code, but a sentence"})),
            None,
            Some("Not a code, but a sentence"),
        ),
        (Reply::json(400, json!({"title": "Bad", "status": 400})), None, Some("Bad")),
        (Reply::json(400, json!({"errors": [{"message": "deep"}], "a": 1})), None, Some("deep")),
        (Reply::json(400, json!({"foo": "bar"})), None, Some("JSON with the members foo")),
        (Reply::json(400, json!({})), None, None),
        (Reply::json(400, json!(null)), None, None),
        (Reply::json(400, json!("a bare string")), None, Some("a bare string")),
        (Reply::status(500), None, None),
        (Reply::text(502, "upstream is down\n"), None, Some("upstream is down")),
        (
            Reply::html(403, "<html><head><title>Access denied</title></head></html>"),
            None,
            Some("Access denied"),
        ),
        (Reply::bytes(500, [0xff, 0xfe, 0x00, b'a']), None, Some("a")),
        (
            Reply::bytes(400, [b"\xEF\xBB\xBF", rfc.to_string().as_bytes()].concat()),
            Some("invalid_redirect_uri"),
            Some("Not that one"),
        ),
    ] {
        let (error, api) = rejected(reply).await;
        assert_eq!(api.code().as_ref().map(ErrorCode::as_str), code, "{error}");
        assert_eq!(api.description(), description, "{error}");
    }
}

#[tokio::test]
async fn api_error_takes_from_the_challenge_what_the_body_lacks() {
    let challenge = r#"Bearer realm="x", error="invalid_token", error_description="It \"expired\"", resource_metadata="https://a.example""#;
    for (reply, code, description) in [
        (Reply::status(401), Some("invalid_token"), Some("It \"expired\"")),
        (Reply::html(403, "<title>No</title>"), Some("invalid_token"), Some("It \"expired\"")),
        (
            Reply::json(401, json!({"detail": "Not authenticated"})),
            Some("invalid_token"),
            Some("Not authenticated"),
        ),
        (
            Reply::json(401, json!({"error": "access_denied"})),
            Some("access_denied"),
            Some("It \"expired\""),
        ),
    ] {
        let (_, api) = rejected(reply.with_header("www-authenticate", challenge)).await;
        assert_eq!(api.code().as_ref().map(ErrorCode::as_str), code);
        assert_eq!(api.description(), description);
        assert_eq!(api.headers()["www-authenticate"], challenge);
    }
    for invalid in
        ["Bearer", "\"", "Bearer error=", "Bearer error=\"unclosed", ",,,", "=", "Basic dXNlcg=="]
    {
        let (_, api) = rejected(Reply::status(401).with_header("www-authenticate", invalid)).await;
        assert_eq!((api.code(), api.description()), (None, None), "{invalid}");
    }
}

#[test]
fn error_code_constants_have_the_registered_texts() {
    for (code, text) in [
        (ErrorCode::INVALID_REDIRECT_URI, "invalid_redirect_uri"),
        (ErrorCode::INVALID_CLIENT_METADATA, "invalid_client_metadata"),
        (ErrorCode::INVALID_SOFTWARE_STATEMENT, "invalid_software_statement"),
        (ErrorCode::UNAPPROVED_SOFTWARE_STATEMENT, "unapproved_software_statement"),
        (ErrorCode::INVALID_TOKEN, "invalid_token"),
    ] {
        assert_eq!(code.as_str(), text);
        assert_eq!(code, text);
        assert_eq!(code.to_string(), text);
    }
}

#[tokio::test]
async fn error_code_of_a_response_equals_its_constant() {
    let (_, api) = rejected(Reply::json(400, json!({"error": "invalid_client_metadata"}))).await;
    assert_eq!(api.code(), Some(ErrorCode::INVALID_CLIENT_METADATA));
}

#[tokio::test]
async fn register_does_not_follow_redirects() {
    for (status, expected) in [
        (301, Outcome::NotRegistered),
        (302, Outcome::NotRegistered),
        (303, Outcome::Unknown),
        (307, Outcome::NotRegistered),
        (308, Outcome::NotRegistered),
    ] {
        let server = Server::start().await;
        server.script([Reply::status(status).with_header("location", "/v1/oauth/register")]);
        let error = server.client().register(&metadata()).await.unwrap_err();
        assert_eq!(error.outcome(), expected, "{status}");
        assert_eq!(error.status().unwrap().as_u16(), status);
        assert_eq!(server.requests().len(), 1, "{status}");
    }
}

#[tokio::test]
async fn request_id_is_available_on_errors_and_clients() {
    for name in ["x-request-id", "request-id", "x-correlation-id"] {
        let (error, _) = rejected(Reply::status(500).with_header(name, "req-4711")).await;
        assert_eq!(error.request_id(), Some("req-4711"));
        assert!(error.to_string().contains("[request req-4711]"), "{error}");
        let client =
            register_with(Reply::registered().with_header(name, "req-4711")).await.unwrap();
        assert_eq!(client.response().unwrap().request_id(), Some("req-4711"));
    }
    let second =
        Reply::status(500).with_header("x-request-id", "a b").with_header("x-correlation-id", "c");
    assert_eq!(rejected(second).await.0.request_id(), Some("c"));
    for strange in ["", "a b", "<script>", "'; drop", &"x".repeat(129)] {
        let (error, _) = rejected(Reply::status(500).with_header("x-request-id", strange)).await;
        assert_eq!(error.request_id(), None, "{strange}");
    }
}

#[tokio::test]
async fn errors_contain_no_control_characters_of_a_response() {
    let evil = "a\u{1b}[2Jb\u{7}\u{9b}c\u{202e}d\u{200b}e\r\nf";
    let challenge = "Bearer error=\"x\ty\", error_description=\"\ttab\"";
    let mut replies = vec![Reply::status(401).with_header("www-authenticate", challenge)];
    for status in [400, 403, 422, 500] {
        replies.extend([
            Reply::json(status, json!({"error": evil, "error_description": evil})),
            Reply::json(status, json!({"detail": evil})),
            Reply::json(
                status,
                json!({"detail": [{"loc": ["body", evil, 0], "msg": evil, "type": evil}]}),
            ),
            Reply::json(status, json!({evil: evil})),
            Reply::text(status, evil),
            Reply::html(status, format!("<title>{evil}</title>")),
        ]);
    }
    replies.extend([Reply::text(200, evil), Reply::json(200, json!({"client_secret": evil}))]);
    for reply in replies {
        let error = register_with(reply.clone()).await.unwrap_err();
        let display = error.to_string();
        let raw: Vec<_> = display
            .chars()
            .filter(|c| c.is_control() || matches!(c, '\u{202e}' | '\u{200b}'))
            .collect();
        assert_eq!(raw, Vec::<char>::new(), "{display:?} from {reply:?}");
        // The only control characters of Debug output are its own line breaks.
        assert!(
            !all_shown(&error).contains(['\u{1b}', '\u{7}', '\u{9b}', '\u{202e}']),
            "{reply:?}"
        );
    }
}

#[tokio::test]
async fn api_error_truncates_a_huge_body() {
    let (error, api) = rejected(Reply::text(500, "blah ".repeat(200_000))).await;
    assert_eq!(api.description().unwrap().chars().count(), 300);
    assert!(error.to_string().len() < 600, "{error}");
}

#[tokio::test]
async fn error_debug_is_its_kind_and_its_display() {
    let challenge = r#"Bearer error="insufficient_scope", error_description="Needs mcp:write""#;
    for (kind, reply) in [
        (
            "Api",
            Reply::json(
                400,
                json!({"error": "invalid_client_metadata", "error_description": "No"}),
            ),
        ),
        ("Api", Reply::json(400, json!({"detail": "client_name is not allowed"}))),
        ("Api", Reply::status(403).with_header("www-authenticate", challenge)),
        ("Api", Reply::status(401)),
        ("Api", Reply::json(404, json!({"detail": "Not Found"}))),
        ("Api", Reply::status(308).with_header("location", "/elsewhere")),
        ("Api", Reply::status(429).with_header("retry-after", "120")),
        ("Api", Reply::status(503).with_header("retry-after", "90")),
        ("Api", Reply::html(500, "<title>Oops</title>").with_header("x-request-id", "r-1")),
        ("Unreadable", Reply::json(201, json!({"client_secret": "s3cr3t"}))),
        ("Unreadable", Reply::text(201, r#"{"client_id": "id", "client_secret": "s3cr3t""#)),
    ] {
        let error = register_with(reply).await.unwrap_err();
        assert_eq!(format!("{error:?}"), format!("{kind}: {error}"));
        assert_eq!(format!("{error:#?}"), format!("{kind}: {error}"));
    }
}

#[tokio::test]
async fn error_for_a_refused_redirect_uri_names_the_application_type() {
    let refused = |code: &str| Reply::json(400, json!({"error": code}));
    let (error, _) = rejected(refused("invalid_redirect_uri")).await;
    assert!(
        error.help().contains(r#"add application_type "native" with with_additional"#),
        "{error}"
    );
    let (error, _) = rejected(refused("invalid_client_metadata")).await;
    assert!(!error.help().contains("application_type"), "{error}");
}
