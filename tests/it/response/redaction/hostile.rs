//! Text that is long, deep or meant for a terminal, in every member of a response or a file.

use poggio::{
    AuthMethod, ClientInformation, ClientMetadata, FileStore, RegistrationStoreExt,
    testing::{Reply, Server},
};
use serde_json::{Value, json};

use crate::support::{all_shown, all_shown_of_result, debugged, metadata, register_with};

const SEQUENCES: &str = "\u{1b}]0;pwned\u{7}\r\n\u{9b}2J\u{202e}\u{2066}\u{200b}\u{2028}x";

fn long() -> String {
    format!("{SEQUENCES}{}", "a".repeat(60_000))
}

/// Debug of a struct has line breaks of its own in its pretty form.
fn assert_harmless(shown: &str) {
    let is_harmful = |c: char| {
        c.is_control() && c != '\n'
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    assert!(!shown.contains(is_harmful), "{shown:?}");
    assert!(shown.chars().count() < 50_000, "{} characters", shown.chars().count());
}

fn nested(levels: usize) -> Value {
    (0..levels).fold(json!(1), |value, _| json!([value]))
}

#[tokio::test]
async fn field_warnings_show_hostile_names_on_one_short_line() {
    let client = register_with(Reply::json(
        201,
        json!({"client_id": "id", long(): nested(70), "scope": nested(70)}),
    ))
    .await
    .unwrap();
    let shown: Vec<_> = client.warnings().iter().map(ToString::to_string).collect();
    let name = format!("]0;pwned 2J x{}…", "a".repeat(300 - "]0;pwned 2J x".len()));
    assert!(shown.iter().any(|warning| warning.starts_with(&format!("{name}: "))), "{shown:?}");
    assert!(shown.iter().all(|warning| warning.chars().count() < 400), "{shown:?}");
    assert_harmless(&debugged(&client));
}

#[tokio::test]
async fn client_information_shows_hostile_members_shortened() {
    let many: Vec<_> = (0..2_000).map(|_| long().chars().take(40).collect::<String>()).collect();
    for reply in [
        json!({"client_id": long(), "client_name": long(), "scope": long(), "logo_uri": long()}),
        json!({"client_id": "id", "redirect_uris": many, "contacts": many, "grant_types": many}),
        json!({"client_id": "id", "redirect_uris": vec![json!(7); 20_000]}),
        json!({"client_id": "id", "token_endpoint_auth_method": long(), long(): long()}),
        json!({"client_id": "id", "x": many}),
    ] {
        let server = Server::start().await;
        server.script([Reply::json(201, reply.clone())]);
        let poggio = server.client_builder().max_response_bytes(16 << 20).build().unwrap();
        let client = poggio.register(&metadata()).await.unwrap();
        assert_eq!(client.expose_json()["client_id"], reply["client_id"], "the value is unchanged");
        let changes = client.changes_from(&metadata());
        let shown: String = changes.iter().map(|change| format!("{change}{change:?}")).collect();
        assert_harmless(&shown);
        assert_harmless(&all_shown_of_result(&Ok(client)));
    }
    let many: serde_json::Map<_, _> = (0..20_000).map(|i| (format!("m{i}"), json!(i))).collect();
    let mut many = Value::Object(many);
    many["client_id"] = "id".into();
    assert_harmless(&debugged(&ClientInformation::from_json(&many.to_string()).unwrap()));
}

#[tokio::test]
async fn errors_show_hostile_bodies_shortened() {
    let entry = json!({"loc": ["body", long(), nested(60), 7], "msg": long(), "type": long()});
    let server = Server::start().await;
    let builder = server.client_builder().max_response_bytes(4 << 20).max_retries(0);
    let poggio = builder.build().unwrap();
    let steps = vec![json!("a"); 30_000];
    for body in [
        json!({"detail": [entry]}),
        json!({"detail": [{"loc": steps, "msg": "m", "type": "t"}]}),
        json!({"detail": vec![json!({}); 3_000]}),
        json!({"error": long(), "error_description": long()}),
        json!({"detail": long()}),
        json!({long(): nested(70)}),
        json!({"client_id": long()}),
    ] {
        for status in [200, 201, 302, 400, 403, 422, 500] {
            server.script([Reply::json(status, body.clone())]);
            let result = poggio.register(&metadata()).await;
            assert_harmless(&all_shown_of_result(&result));
        }
    }
    for text in [long(), format!("<title>{}</title>", long()), format!("<p>{}", long())] {
        assert_harmless(&all_shown(&register_with(Reply::text(500, text)).await.unwrap_err()));
    }
    for text in [format!(r#"{{"client_id": "{}", "x"#, "a".repeat(100_000)), long()] {
        assert_harmless(&all_shown(&ClientInformation::from_json(&text).unwrap_err()));
    }
}

#[test]
fn metadata_from_a_file_is_shown_shortened() {
    let text = json!({"client_name": long(), "redirect_uris": [long()], "x": long()}).to_string();
    let metadata: ClientMetadata = serde_json::from_str(&text).unwrap();
    assert_eq!(metadata.client_name.as_deref(), Some(long().as_str()));
    assert_harmless(&debugged(&metadata));
    assert_harmless(&all_shown(&metadata.validate().unwrap_err().into()));
    let method = AuthMethod::from(long());
    assert_harmless(&format!("{method}{method:?}"));
}

#[tokio::test]
async fn stored_registrations_show_hostile_endpoints_on_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let store = FileStore::new(folder.path().join("clients.json")).unwrap();
    let server = Server::start().await;
    server.client().register_once(&metadata(), &store).await.unwrap();
    let path = folder.path().join("clients.json");
    let mut document: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    document["registrations"][0]["endpoint"] = long().into();
    document["registrations"][0]["client"]["client_id"] = long().into();
    std::fs::write(&path, document.to_string()).unwrap();

    let stored = store.list().await.unwrap().remove(0);
    assert_harmless(stored.endpoint());
    assert!(stored.endpoint().starts_with("]0;pwned 2J xaaa"), "{}", stored.endpoint());
    assert_harmless(&debugged(&stored));
    assert_eq!(stored.client().client_id, long());
}
