//! Success answers: by the contract, and as odd as servers make them.

use poggio::chrono::{DateTime, Utc};
use poggio::{
    AuthMethod, ClientInformation, ClientMetadata, Error, GrantType, Outcome, ResponseType,
    SecretExpiry, UnreadableResponse, testing::Reply,
};
use serde_json::{Value, json};

use crate::support::{Wire, metadata, register_with};

async fn read(answer: impl Into<Value>) -> ClientInformation {
    register_with(Reply::json(201, answer)).await.unwrap()
}

async fn unreadable(reply: Reply) -> UnreadableResponse {
    let error = register_with(reply).await.unwrap_err();
    assert_eq!(error.outcome(), Outcome::Registered, "{error}");
    match error {
        Error::Unreadable(error) => error,
        other => panic!("{other}"),
    }
}

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(seconds, 0).unwrap()
}

fn warnings(client: &ClientInformation) -> Vec<String> {
    client.warnings().iter().map(ToString::to_string).collect()
}

#[tokio::test]
async fn an_answer_by_the_contract_is_read_whole() {
    let client = read(json!({
        "client_id": "id",
        "client_secret": "s3cr3t",
        "client_id_issued_at": 1_767_225_600,
        "client_secret_expires_at": 1_767_229_200,
        "redirect_uris": ["https://a.example/cb"],
        "token_endpoint_auth_method": "client_secret_basic",
        "grant_types": ["authorization_code", "x-own"],
        "response_types": ["code"],
        "client_name": "Acme",
        "scope": "read write",
        "contacts": ["a@acme.example"],
        "registration_access_token": "r4t",
    }))
    .await;
    assert_eq!(client.client_id, "id");
    assert_eq!(client.client_secret.as_ref().unwrap().expose(), "s3cr3t");
    assert_eq!(client.client_id_issued_at, Some(at(1_767_225_600)));
    assert_eq!(client.client_secret_expires_at, SecretExpiry::At(at(1_767_229_200)));
    let expected = ClientMetadata::new()
        .with_redirect_uri("https://a.example/cb")
        .with_token_endpoint_auth_method(AuthMethod::ClientSecretBasic)
        .with_grant_types([GrantType::AuthorizationCode, GrantType::Other("x-own".into())])
        .with_response_types([ResponseType::Code])
        .with_client_name("Acme")
        .with_scope("read write")
        .with_contacts(["a@acme.example"]);
    assert_eq!(client.metadata, expected);
    assert_eq!(client.additional.len(), 1);
    assert_eq!(client.additional.get("registration_access_token"), Some(&json!("r4t")));
    assert_eq!(
        format!("{:?}", client.additional),
        r#"{"registration_access_token": "[redacted]"}"#
    );
    assert!(client.warnings().is_empty());
}

#[tokio::test]
async fn null_and_empty_are_absent() {
    let members = [
        "client_secret",
        "client_id_issued_at",
        "client_secret_expires_at",
        "redirect_uris",
        "token_endpoint_auth_method",
        "grant_types",
        "response_types",
        "client_name",
        "client_uri",
        "logo_uri",
        "scope",
        "contacts",
        "tos_uri",
        "policy_uri",
        "software_id",
        "software_version",
    ];
    for absent in [None, Some(Value::Null), Some(json!(""))] {
        let mut answer = json!({"client_id": "id"});
        if let Some(absent) = &absent {
            for name in members {
                answer[name] = absent.clone();
            }
        }
        let client = read(answer).await;
        assert!(client.client_secret.is_none(), "{absent:?}");
        assert_eq!(client.client_id_issued_at, None);
        assert_eq!(client.client_secret_expires_at, SecretExpiry::Unspecified);
        let nothing = ClientMetadata::new().with_grant_types([""; 0]).with_response_types([""; 0]);
        assert_eq!(client.metadata, nothing, "{absent:?}");
        assert!(client.additional.is_empty());
        assert_eq!(warnings(&client), [""; 0], "{absent:?}");
    }
}

#[tokio::test]
async fn times_come_as_integers_fractions_and_strings_of_either() {
    for (value, expected) in [
        (json!(1_767_225_600), 1_767_225_600),
        (json!(1_767_225_600.0), 1_767_225_600),
        (json!(1_767_225_600.9), 1_767_225_600),
        (json!("1767225600"), 1_767_225_600),
        (json!(" 1767225600.5 "), 1_767_225_600),
        (json!(-1), -1),
        (json!(1), 1),
    ] {
        let client = read(json!({"client_id": "id", "client_secret": "s",
            "client_id_issued_at": value, "client_secret_expires_at": value}))
        .await;
        assert_eq!(client.client_id_issued_at, Some(at(expected)), "{value}");
        assert_eq!(client.client_secret_expires_at, SecretExpiry::At(at(expected)), "{value}");
        assert!(client.warnings().is_empty(), "{value}");
    }
}

#[tokio::test]
async fn a_secret_expires_never_at_a_time_or_it_is_not_said() {
    for (secret, expires, expected) in [
        (json!("s"), json!(0), SecretExpiry::Never),
        (json!("s"), json!("0"), SecretExpiry::Never),
        (json!("s"), json!(0.0), SecretExpiry::Never),
        (json!("s"), json!(5), SecretExpiry::At(at(5))),
        (json!("s"), json!(0.5), SecretExpiry::At(at(1))),
        (json!("s"), json!(null), SecretExpiry::Unspecified),
        (json!(null), json!(0), SecretExpiry::Unspecified),
        (json!(""), json!(5), SecretExpiry::Unspecified),
    ] {
        let answer = json!({"client_id": "id", "client_secret": secret,
            "client_secret_expires_at": expires});
        assert_eq!(read(answer.clone()).await.client_secret_expires_at, expected, "{answer}");
    }
}

#[tokio::test]
async fn a_time_that_no_calendar_holds_is_a_warning() {
    for value in [json!(i64::MAX), json!(i64::MIN), json!(u64::MAX), json!(1e300), json!("1e300")] {
        let client = read(json!({"client_id": "id", "client_id_issued_at": value})).await;
        assert_eq!(client.client_id_issued_at, None, "{value}");
        assert_eq!(warnings(&client), ["client_id_issued_at: a time that no calendar holds"]);
        assert_eq!(client.additional.get("client_id_issued_at"), Some(&value), "kept raw");
    }
}

#[tokio::test]
async fn a_scope_may_be_a_list() {
    let client = read(json!({"client_id": "id", "scope": ["read", "write"]})).await;
    assert_eq!(client.metadata.scope.as_deref(), Some("read write"));
    assert!(client.warnings().is_empty());
}

#[tokio::test]
async fn a_member_of_the_wrong_type_is_a_warning_and_is_kept_raw() {
    let client = read(json!({
        "client_id": "id",
        "client_secret": {"value": "s3cr3t"},
        "client_id_issued_at": "yesterday",
        "client_secret_expires_at": true,
        "redirect_uris": ["https://a.example", 5, null, ""],
        "grant_types": "authorization_code",
        "client_name": 7,
        "contacts": {"a": 1},
        "scope": 5,
    }))
    .await;
    assert!(client.client_secret.is_none());
    assert_eq!(client.metadata.redirect_uris, ["https://a.example"]);
    assert_eq!(
        warnings(&client),
        [
            "client_secret: expected a string, found an object",
            "client_id_issued_at: expected a number of seconds, found a string that is not one",
            "client_secret_expires_at: expected a number of seconds, found a boolean",
            "redirect_uris[1]: expected a string, found a number",
            "grant_types: expected a list, found a string that is not one",
            "client_name: expected a string, found a number",
            "scope: expected a string, found a number",
            "contacts: expected a list, found an object",
        ]
    );
    assert_eq!(client.additional.get("client_secret"), Some(&json!({"value": "s3cr3t"})));
    assert_eq!(client.additional.get("client_name"), Some(&json!(7)));
    assert_eq!(client.additional.len(), 8);
}

#[tokio::test]
async fn neither_a_content_type_nor_a_clean_beginning_is_asked_for() {
    let answer = r#"{"client_id": "id", "client_secret": "s3cr3t"}"#;
    let bom = [b"\xEF\xBB\xBF", answer.as_bytes()].concat();
    for reply in [
        Reply::bytes(200, answer),
        Reply::html(201, answer),
        Reply::bytes(200, bom),
        Reply::text(201, format!(" \r\n{answer}\r\n ")),
    ] {
        let client = register_with(reply).await.unwrap();
        assert!(client.warnings().is_empty());
        assert_eq!(client.client_secret.unwrap().expose(), "s3cr3t");
    }
}

#[tokio::test]
async fn of_a_member_that_comes_twice_the_last_counts() {
    let twice = r#"{"client_id": "a", "client_id": "b", "client_name": "x", "client_name": "y"}"#;
    let client = register_with(Reply::text(200, twice)).await.unwrap();
    assert_eq!(client.client_id, "b");
    assert_eq!(client.metadata.client_name.as_deref(), Some("y"));
}

#[tokio::test]
async fn without_a_readable_client_id_it_is_unreadable_and_what_came_is_salvaged() {
    for (reply, id, secret, reason) in [
        (Reply::status(201), None, None, "it is empty"),
        (Reply::status(204), None, None, "it is empty"),
        (Reply::text(200, "  \n"), None, None, "it is empty"),
        (Reply::html(200, "<html>welcome</html>"), None, None, "it is not JSON (line 1, column 1)"),
        (Reply::json(200, json!(["id"])), None, None, "it is JSON, but not an object"),
        (
            Reply::json(200, json!({"client_secret": "s3cr3t"})),
            None,
            Some("s3cr3t"),
            "it has no client_id that is a non-empty string",
        ),
        (
            Reply::json(200, json!({"client_id": "", "client_secret": "s3cr3t"})),
            None,
            Some("s3cr3t"),
            "it has no client_id that is a non-empty string",
        ),
        (
            Reply::json(200, json!({"client_id": 42, "client_secret": "s3cr3t"})),
            Some("42"),
            Some("s3cr3t"),
            "it has no client_id that is a non-empty string",
        ),
        (
            Reply::json(200, json!({"data": {"client_id": "id", "client_secret": "s\"3\u{fc}"}})),
            Some("id"),
            Some("s\"3\u{fc}"),
            "it has no client_id that is a non-empty string",
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
        (
            Reply::bytes(
                201,
                b"{\"client_name\": \"\xff\", \"client_id\": \"id\", \"client_secret\": \"s\"}",
            ),
            Some("id"),
            Some("s"),
            "it is not JSON (line 1, column 18)",
        ),
        (
            Reply::text(201, r#"{"client_name": "\"client_id\": \"fake\"", "x"#),
            None,
            None,
            "it is not JSON (line 1, column 45)",
        ),
    ] {
        let error = unreadable(reply).await;
        assert_eq!(error.client_id(), id, "{error}");
        assert_eq!(error.client_secret().map(poggio::ClientSecret::expose), secret, "{error}");
        assert!(error.to_string().ends_with(&format!("cannot be read: {reason}")), "{error}");
    }
}

#[tokio::test]
async fn an_answer_over_the_cap_is_salvaged_up_to_there() {
    let mut answer = json!({"client_id": "id", "client_secret": "s3cr3t"}).to_string();
    answer.pop();
    answer.push_str(&format!(r#", "x": "{}"}}"#, "y".repeat(300 * 1024)));
    let error = unreadable(Reply::text(201, answer.clone())).await;
    assert_eq!(error.client_secret().unwrap().expose(), "s3cr3t");
    assert_eq!(
        error.to_string(),
        "the answer (201 Created) cannot be read: it is larger than max_response_bytes (262144)"
    );

    let server = poggio::testing::Server::start().await;
    server.script([Reply::text(201, answer)]);
    let roomy = server.client_builder().max_response_bytes(1 << 20).build().unwrap();
    assert_eq!(roomy.register(&metadata()).await.unwrap().client_id, "id");
}

#[tokio::test]
async fn a_servers_word_for_its_length_is_not_trusted() {
    for length in ["9000000000000000000", "18446744073709551613"] {
        let answer = format!(
            "HTTP/1.1 201 Created\r\ncontent-length: {length}\r\n\r\n{{\"client_id\": \"id\"}}"
        );
        let server = Wire::answering(answer).await;
        let poggio =
            poggio::Client::builder().base_url(&server.base_url).max_response_bytes(usize::MAX);
        let client = poggio.build().unwrap().register(&metadata()).await.unwrap();
        assert_eq!(client.client_id, "id");
    }
}

#[tokio::test]
async fn a_connection_that_breaks_in_the_answer_is_told_with_what_came() {
    let head = "HTTP/1.1 201 Created\r\ncontent-length: 1000\r\n\r\n";
    let body = r#"{"client_id": "id", "client_secret": "s3cr3t", "client_na"#;
    let server = Wire::answering(format!("{head}{body}")).await;
    let poggio = poggio::Client::builder().base_url(&server.base_url).build().unwrap();
    let error = poggio.register(&metadata()).await.unwrap_err();
    assert_eq!(error.outcome(), Outcome::Registered);
    assert_eq!(error.attempts(), 1);
    assert!(std::error::Error::source(&error).is_some(), "{error}");
    assert_eq!(
        error.to_string(),
        "the answer (201 Created) cannot be read: the connection broke in the middle of it; a \
         client was registered: do not register again; keep the client_id and client_secret that \
         this error holds"
    );
    let Error::Unreadable(error) = error else { panic!("{error}") };
    assert_eq!(error.client_id(), Some("id"));
    assert_eq!(error.client_secret().unwrap().expose(), "s3cr3t");
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn json_that_is_whole_in_a_broken_body_is_a_registration_with_a_warning() {
    let head = "HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n";
    let server = Wire::answering(format!(r#"{head}{{"client_id": "id"}}"#)).await;
    let poggio = poggio::Client::builder().base_url(&server.base_url).build().unwrap();
    let client = poggio.register(&metadata()).await.unwrap();
    assert_eq!(client.client_id, "id");
    assert_eq!(
        warnings(&client),
        ["body: the connection ended before the answer's declared end; its JSON is whole"]
    );
}

#[test]
fn what_was_kept_is_read_back() {
    let kept = json!({
        "client_id": "id",
        "client_secret": "s3cr3t",
        "client_id_issued_at": 1_767_225_600,
        "client_secret_expires_at": 0,
        "redirect_uris": ["https://a.example/cb"],
        "grant_types": ["authorization_code"],
        "response_types": ["code"],
        "x_own": [1],
    });
    let client = ClientInformation::from_json(&kept.to_string()).unwrap();
    assert_eq!(client.expose_json(), kept);
    assert!(client.response().is_none());

    let mut bare = ClientInformation::from_json(r#"{"client_id": "id"}"#).unwrap();
    assert_eq!(bare.expose_json(), json!({"client_id": "id"}), "nothing is made up");
    bare.metadata.token_endpoint_auth_method = AuthMethod::None;
    assert_eq!(bare.expose_json()["token_endpoint_auth_method"], "none");

    let error = ClientInformation::from_json("{\"client_id\": \"id\"").unwrap_err();
    assert_eq!((error.status(), error.attempts()), (None, 0));
    assert!(error.to_string().starts_with("the text cannot be read: it is not JSON"), "{error}");
}
