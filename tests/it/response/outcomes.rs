//! The outcome of each status with each kind of body.

use poggio::{
    Error, Outcome,
    reqwest::{self, redirect::Policy},
};

use crate::support::{Expected, ServerBehaviour, Wire, http, metadata, sized};

const REGISTERED: Expected = Expected::UNREADABLE;
const UNKNOWN: Expected = Expected::UNREADABLE_UNKNOWN;
const INVALID: Expected = Expected::Failed("Validation", Outcome::NotRegistered);
const REFUSED: Expected = Expected::REFUSED;
const FAILED: Expected = Expected::SERVER_FAILED;
const CLIENT: Expected = Expected::Registered;

const CREDENTIALS: &str = r#"{"client_id": "id", "client_secret": "s3cr3t"}"#;

/// A body, and how much longer than the body its declared length is.
struct Body {
    name: &'static str,
    text: String,
    missing: usize,
}

fn body(name: &'static str, text: impl Into<String>) -> Body {
    Body { name, text: text.into(), missing: 0 }
}

/// The expected outcomes of a body, in the order of `STATUSES`.
struct Row {
    body: Body,
    /// Of 200 and every other 2xx but 201.
    success: Expected,
    created: Expected,
    /// Of 400 and 422.
    invalid: Expected,
}

fn rows() -> Vec<Row> {
    let row = |body, success, created| Row { body, success, created, invalid: REFUSED };
    let list = r#"{"detail": [{"loc": ["body", "scope"], "msg": "No", "type": "x"}]}"#;
    let page = "<html><title>Welcome</title></html>";
    let nested = format!(r#"{{"statusCode": 201, "body": {}}}"#, json(CREDENTIALS));
    vec![
        row(body("a client", CREDENTIALS), CLIENT, CLIENT),
        row(body("a client_id", r#"{"client_id": "id"}"#), CLIENT, CLIENT),
        row(Body { missing: 9, ..body("a client, cut after it", CREDENTIALS) }, CLIENT, CLIENT),
        row(
            Body { missing: 9, ..body("a cut client", &CREDENTIALS[..30]) },
            REGISTERED,
            REGISTERED,
        ),
        row(Body { missing: 9, ..body("nothing of 9 bytes", "") }, REGISTERED, REGISTERED),
        row(Body { missing: 9, ..body("a cut page", page) }, REGISTERED, REGISTERED),
        row(
            Body { missing: 9, ..body("a cut error", r#"{"error": "no"}"#) },
            REGISTERED,
            REGISTERED,
        ),
        row(
            body("a client over the limit", CREDENTIALS.to_owned() + &" ".repeat(300 * 1024)),
            REGISTERED,
            REGISTERED,
        ),
        row(body("a page over the limit", page.repeat(10_000)), REGISTERED, REGISTERED),
        row(
            body("a client without an id", r#"{"client_secret": "s3cr3t"}"#),
            REGISTERED,
            REGISTERED,
        ),
        row(body("a client_id that is a number", r#"{"client_id": 42}"#), REGISTERED, REGISTERED),
        row(
            body("a client in an object", format!(r#"{{"data": {CREDENTIALS}}}"#)),
            REGISTERED,
            REGISTERED,
        ),
        row(body("a client in a string", nested), REGISTERED, REGISTERED),
        row(
            body("an error and a secret", r#"{"error": "x", "client_secret": "s"}"#),
            REGISTERED,
            REGISTERED,
        ),
        row(body("an error", r#"{"error": "invalid_redirect_uri"}"#), REFUSED, REGISTERED),
        row(
            body("an error that is true", r#"{"error": true, "message": "No"}"#),
            REFUSED,
            REGISTERED,
        ),
        row(
            body("an error that is an object", r#"{"error": {"code": "no"}}"#),
            REFUSED,
            REGISTERED,
        ),
        row(body("a detail", r#"{"detail": "Registration is disabled"}"#), REFUSED, REGISTERED),
        row(
            body("a detail that is an object", r#"{"detail": {"error": "no"}}"#),
            REFUSED,
            REGISTERED,
        ),
        Row { invalid: INVALID, ..row(body("a list of errors", list), REFUSED, REGISTERED) },
        row(body("an error that is null", r#"{"error": null, "detail": ""}"#), UNKNOWN, REGISTERED),
        row(
            body("an error that is false", r#"{"error": false, "detail": []}"#),
            UNKNOWN,
            REGISTERED,
        ),
        row(body("an error in an object", r#"{"data": {"error": "no"}}"#), UNKNOWN, REGISTERED),
        row(body("an error in an array", r#"[{"error": "no"}]"#), UNKNOWN, REGISTERED),
        row(body("a state", r#"{"status": "pending_approval"}"#), UNKNOWN, REGISTERED),
        row(body("an empty object", "{}"), UNKNOWN, REGISTERED),
        row(body("an array", "[]"), UNKNOWN, REGISTERED),
        row(body("a number", "42"), UNKNOWN, REGISTERED),
        row(body("null", "null"), UNKNOWN, REGISTERED),
        row(body("a string", r#""client_id""#), UNKNOWN, REGISTERED),
        row(body("a page", page), UNKNOWN, REGISTERED),
        row(body("text", "client_id=id&client_secret=s"), UNKNOWN, REGISTERED),
        row(body("camel case", r#"{"clientId": "id"}"#), UNKNOWN, REGISTERED),
        row(body("nothing", ""), UNKNOWN, REGISTERED),
    ]
}

/// The text as a JSON string.
fn json(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Returns an HTTP client to share, because loading certificates takes time.
fn http_client() -> reqwest::Client {
    reqwest::Client::builder().redirect(Policy::none()).build().unwrap()
}

async fn outcome_of(http: &reqwest::Client, response: Vec<u8>) -> (Expected, u32, Wire) {
    let wire = Wire::responding(response).await;
    let builder = wire.client_builder().http_client(http.clone()).max_retries(0);
    let result = builder.build().unwrap().register(&metadata()).await;
    let attempts = result.as_ref().map_or_else(Error::attempts, crate::support::attempts);
    (Expected::of(&result), attempts, wire)
}

fn response(status: &str, Body { text, missing, .. }: &Body) -> Vec<u8> {
    http(&format!("{status}\r\ncontent-length: {}", text.len() + missing), text)
}

#[tokio::test]
async fn outcome_of_a_success_status_follows_status_and_body() {
    let http_client = http_client();
    for Row { body, success, created, .. } in rows() {
        for (status, expected) in [
            (200, success),
            (201, created),
            (202, success),
            (203, success),
            (205, success),
            (206, success),
            (207, success),
            (226, success),
            (299, success),
        ] {
            let (outcome, attempts, wire) =
                outcome_of(&http_client, response(&format!("{status} X"), &body)).await;
            assert_eq!((outcome, attempts), (expected, 1), "{status} with {}", body.name);
            assert_eq!(wire.arrived(), 1, "{status} with {}", body.name);
        }
    }
}

#[tokio::test]
async fn outcome_of_any_other_status_does_not_depend_on_the_body() {
    let http_client = http_client();
    for Row { body, invalid, .. } in rows() {
        for (status, expected) in [
            (300, REFUSED),
            (301, REFUSED),
            (302, REFUSED),
            (303, FAILED),
            (304, REFUSED),
            (307, REFUSED),
            (308, REFUSED),
            (399, REFUSED),
            (400, invalid),
            (401, REFUSED),
            (403, REFUSED),
            (404, REFUSED),
            (409, REFUSED),
            (422, invalid),
            (429, REFUSED),
            (499, REFUSED),
            (500, FAILED),
            (501, FAILED),
            (503, FAILED),
            (504, FAILED),
            (599, FAILED),
            (600, FAILED),
            (999, FAILED),
        ] {
            // A list of errors that is cut or over the limit is not JSON.
            let (outcome, attempts, wire) =
                outcome_of(&http_client, response(&format!("{status} X"), &body)).await;
            assert_eq!((outcome, attempts), (expected, 1), "{status} with {}", body.name);
            assert_eq!(wire.arrived(), 1, "{status} with {}", body.name);
        }
        let busy = response("503 X\r\nretry-after: 0.5", &body);
        assert_eq!(outcome_of(&http_client, busy).await.0, REFUSED, "503 with {}", body.name);
        let busy = response("503 X\r\nretry-after: soon", &body);
        assert_eq!(outcome_of(&http_client, busy).await.0, FAILED, "503 with {}", body.name);
    }
}

#[tokio::test]
async fn outcome_of_a_status_without_a_body_is_unknown() {
    let http_client = http_client();
    for Row { body, .. } in rows() {
        let (outcome, ..) = outcome_of(&http_client, response("204 No Content", &body)).await;
        assert_eq!(outcome, UNKNOWN, "204 with {}", body.name);
    }
    // Interim responses are skipped. Then the connection closes.
    for status in ["100 Continue", "102 Processing", "103 Early Hints", "199 X"] {
        let (outcome, ..) = outcome_of(&http_client, http(status, "")).await;
        assert_eq!(outcome, Expected::SENT, "{status}");
    }
    let (outcome, ..) =
        outcome_of(&http_client, http("101 Switching Protocols\r\nupgrade: x", "")).await;
    assert_eq!(outcome.outcome(), Some(Outcome::Unknown));
}

#[tokio::test]
async fn refusal_with_a_success_status_has_the_words_of_the_server() {
    let body = r#"{"error": "invalid_redirect_uri", "error_description": "Not that one"}"#;
    let wire = Wire::responding(sized("200 OK", "", body)).await;
    let Err(Error::Api(error)) = wire.client().register(&metadata()).await else { panic!() };
    assert_eq!(error.status().as_u16(), 200);
    assert_eq!(error.code().unwrap(), "invalid_redirect_uri");
    assert_eq!(error.description(), Some("Not that one"));
}

#[tokio::test]
async fn unreadable_response_has_the_message_of_the_server_and_no_other_text() {
    for (status, body, expected) in [
        (
            202,
            r#"{"status": "pending", "message": "Wait for approval"}"#,
            Some("Wait for approval"),
        ),
        (201, r#"{"error": "invalid_redirect_uri"}"#, Some("invalid_redirect_uri")),
        (201, r#"{"error": "e_x", "error_description": "No"}"#, Some("e_x: No")),
        (202, r#"{"status": "pending_approval"}"#, None),
        (200, r#""a bare string""#, None),
        (200, "<title>Welcome</title>", None),
        (201, "text", None),
    ] {
        let wire = Wire::responding(sized(&format!("{status} X"), "", body)).await;
        let error = wire.client().register(&metadata()).await.unwrap_err();
        let shown = error.to_string();
        let Error::Unreadable(error) = error else { panic!("{error}") };
        assert_eq!(error.description(), expected, "{body}");
        assert_eq!(error.expose_body(), body.as_bytes());
        let host = wire.base_url.strip_prefix("http://").unwrap();
        assert!(shown.contains(host) && shown.contains(&status.to_string()), "{shown}");
        for text in ["pending_approval", "bare", "Welcome", "text"] {
            assert!(!shown.contains(text), "{shown}");
        }
        if let Some(expected) = expected {
            assert!(shown.contains(expected), "{shown}");
        }
    }
}

#[tokio::test]
async fn body_with_a_content_coding_is_named_and_kept() {
    let raw = "\u{1f}\u{8b}\u{8}\u{0}raw";
    for (headers, coding) in [
        ("content-encoding: gzip\r\n", "gzip"),
        ("content-encoding: x-gzip\r\n", "x-gzip"),
        ("Content-Encoding: br\r\n", "br"),
        ("content-encoding: zstd\r\n", "zstd"),
        ("content-encoding: deflate\r\n", "deflate"),
        ("content-encoding: own\r\n", "own"),
        ("content-encoding: gzip, br\r\n", "gzip, br"),
        ("content-encoding: identity, gzip\r\n", "gzip"),
        ("content-encoding: gzip\r\ncontent-encoding: br\r\n", "gzip, br"),
    ] {
        for (status, expected) in
            [(200, UNKNOWN), (201, REGISTERED), (202, UNKNOWN), (400, REFUSED), (500, FAILED)]
        {
            let wire = Wire::responding(sized(&format!("{status} X"), headers, raw)).await;
            let result = wire.client().register(&metadata()).await;
            assert_eq!(Expected::of(&result), expected, "{status} {coding}");
            let error = result.unwrap_err();
            assert!(error.to_string().contains(&format!("content coding {coding}")), "{error}");
            assert!(!error.to_string().contains("raw"), "{error}");
            if let Error::Unreadable(error) = error {
                assert_eq!(error.expose_body(), raw.as_bytes());
            }
        }
    }
    let http_client = http_client();
    let cut = http("200 X\r\ncontent-encoding: gzip\r\ncontent-length: 99", raw);
    let (outcome, ..) = outcome_of(&http_client, cut).await;
    assert_eq!(outcome, REGISTERED, "cut");
}

#[tokio::test]
async fn body_that_is_not_encoded_is_read_whatever_its_content_coding_says() {
    let http_client = http_client();
    for coding in ["gzip", "identity", "", "IDENTITY", ","] {
        let headers = format!("content-encoding: {coding}\r\n");
        let (outcome, ..) = outcome_of(&http_client, sized("201 X", &headers, CREDENTIALS)).await;
        assert_eq!(outcome, CLIENT, "{coding}");
    }
    let page = sized("201 X", "content-encoding: identity\r\n", "<p>");
    let wire = Wire::serve(vec![ServerBehaviour::Responds(page)]).await;
    let error = wire.client().register(&metadata()).await.unwrap_err();
    assert!(error.to_string().contains("it is not JSON (line 1, column 1)"), "{error}");
}
