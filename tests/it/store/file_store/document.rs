//! The document in the file: what it holds, and which files are refused and left as they are.

use std::{
    fs,
    time::{Duration, SystemTime},
};

use poggio::{
    RegistrationStore, RegistrationStoreExt, StoreErrorKind, store::WriteResult, testing::Reply,
};
use serde_json::{Value, json};

use super::refusal;
use crate::support::{
    all_shown, attempts, debugged, metadata,
    store::{Fixture, store_error},
};

#[tokio::test]
async fn file_store_writes_json_with_a_format_number() {
    let fixture = Fixture::new().await;
    let now = || SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let before = now();
    let client = fixture.register_once(&metadata()).await.unwrap();
    assert_eq!(fixture.file_names(), ["client.json", "client.json.lock"]);
    let document = fixture.json();
    let saved_at = document["registrations"][0]["saved_at"].as_u64().unwrap();
    assert!((before..=now()).contains(&saved_at));
    assert_eq!(
        document,
        json!({
            "format": 2,
            "last_number": 1,
            "registrations": [{
                "number": 1,
                "endpoint": fixture.poggio.registration_endpoint(),
                "requested": metadata(),
                "saved_at": saved_at,
                "client": client.expose_json(),
            }],
        })
    );
    assert_eq!(fs::read(fixture.folder().join("client.json.lock")).unwrap(), b"");
}

#[tokio::test]
async fn file_store_replaces_only_the_text_it_read() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    assert!(store.read().await.unwrap().is_none());
    assert_eq!(store.write("first", None).await.unwrap(), WriteResult::Written);
    assert_eq!(store.write("second", None).await.unwrap(), WriteResult::Conflict);
    let first = store.read().await.unwrap().unwrap();
    assert_eq!(first.expose(), "first");
    assert_eq!(store.write("second", Some(&first)).await.unwrap(), WriteResult::Written);
    assert_eq!(store.write("third", Some(&first)).await.unwrap(), WriteResult::Conflict);
    assert_eq!(fixture.text(), "second");
}

#[tokio::test]
async fn file_store_debug_shows_no_secret() {
    let fixture = Fixture::new().await;
    fixture.server.script([Reply::registered().with_member("client_secret", "s3cr3t-of-acme")]);
    fixture.register_once(&metadata()).await.unwrap();
    let read = fixture.store.read().await.unwrap().unwrap();
    assert!(read.expose().contains("s3cr3t-of-acme"));
    let registrations = fixture.store.list().await.unwrap();
    let shown = debugged(&(&read, &fixture.store, &registrations));
    assert!(!shown.contains("s3cr3t"), "{shown}");
}

#[tokio::test]
async fn file_store_refuses_a_damaged_file_and_leaves_it_as_it_is() {
    let fixture = Fixture::new().await;
    fixture.register_once(&metadata()).await.unwrap();
    let good = fixture.text();
    let with = |from: &str, to: &str| {
        assert!(good.contains(from), "{from}");
        good.replacen(from, to, 1).into_bytes()
    };
    let damaged: [(Vec<u8>, &str); 11] = [
        (b"".to_vec(), "it ends too early, at line 1, column 0"),
        (b"s3cr3t".to_vec(), "it is not JSON, at line 1, column 1"),
        (b"[]".to_vec(), "line 1, column"),
        (b"{}".to_vec(), "a member is invalid, at line 1, column 2"),
        (good.as_bytes()[..good.len() / 2].to_vec(), "at line"),
        (b"\xff\xfe".to_vec(), "it is not UTF-8"),
        (with("\"format\": 2", "\"format\": \"s3cr3t\""), "at line 2"),
        (with("\"client_id\": \"loopback-client-1\"", "\"client_id\": \"\""), "at line"),
        (with("\"saved_at\": ", "\"saved_at\": 9999999999999999"), "at line"),
        (with("\"requested\": {", "\"requested\": {\"software_id\": {\"s3cr3t\": 1},"), "at line"),
        (with("\"format\": 2,", "\"format\": 2, \"s3cr3t\": 1,"), "at line"),
    ];
    for (bytes, problem) in damaged {
        let fixture = Fixture::new().await;
        fixture.write(&bytes);
        let error = refusal(&fixture).await;
        let text = error.to_string();
        let start = format!("{} is damaged", fixture.path().display());
        assert!(text.starts_with(&start) && text.contains(problem), "{text}: {problem}");
        assert!(!all_shown(&error).contains("s3cr3t"), "{text}");
        for error in [
            error,
            fixture.store.list().await.unwrap_err(),
            fixture.store.mark_rejected("loopback-client-1").await.unwrap_err(),
            fixture.poggio.find_registration(&metadata(), &fixture.store).await.unwrap_err(),
        ] {
            assert_eq!(store_error(&error).kind(), StoreErrorKind::Damaged, "{error}");
        }
        assert_eq!(fs::read(fixture.path()).unwrap(), bytes);
    }
}

#[tokio::test]
async fn file_store_refuses_an_unknown_format_and_leaves_the_file_as_it_is() {
    let fixture = Fixture::new().await;
    let text = r#"{"format": 7, "clients": {"a": "of a later version"}}"#;
    fixture.write(text);
    let error = refusal(&fixture).await;
    assert_eq!(store_error(&error).kind(), StoreErrorKind::UnknownFormat);
    assert_eq!(
        error.to_string(),
        format!(
            "{} has format 7, but this program supports format 2; it was not changed; no client \
             was registered: update this program, or use another store",
            fixture.path().display()
        )
    );
    assert_eq!(fixture.text(), text);
}

#[tokio::test]
async fn file_store_refuses_a_document_of_format_1_and_says_what_to_do() {
    let fixture = Fixture::new().await;
    let endpoint = fixture.poggio.registration_endpoint();
    let record = json!({
        "endpoint": endpoint,
        "requested": metadata(),
        "saved_at": 1_700_000_000,
        "client": {"client_id": "old", "client_secret": "s3cr3t-of-old"},
    });
    let text = json!({"format": 1, "registrations": [record]}).to_string();
    fixture.write(&text);
    for error in [
        refusal(&fixture).await,
        fixture.store.list().await.unwrap_err(),
        fixture.store.remove("old").await.unwrap_err(),
    ] {
        assert_eq!(store_error(&error).kind(), StoreErrorKind::UnknownFormat);
        assert_eq!(
            error.to_string(),
            format!(
                "{} has format 1 of an earlier version, but this program supports format 2; it was \
                 not changed; no client was registered: move it away, then import its client_id and \
                 client_secret or register again",
                fixture.path().display()
            )
        );
        assert!(!all_shown(&error).contains("s3cr3t"), "{}", all_shown(&error));
    }
    assert_eq!(fixture.text(), text);
    assert_eq!(fixture.request_count(), 0);
}

#[tokio::test]
async fn file_store_refuses_to_grow_beyond_the_size_that_it_reads() {
    const LIMIT: usize = 64 << 20;
    let fixture = Fixture::new().await;
    fixture.write(vec![b' '; LIMIT - 1000]);
    // `register_once` calls this before its request.
    let error = fixture.store.preflight(Duration::ZERO).await.unwrap_err();
    let problem = "has reached the limit of 64 MiB; move it away to start a new one";
    assert!(error.to_string().contains(problem), "{error}");
    let text = fixture.store.read().await.unwrap().unwrap();
    assert_eq!(text.expose().len(), LIMIT - 1000);
}

#[tokio::test]
async fn register_once_drops_members_that_are_nested_too_deeply_to_be_read_again() {
    fn nested(depth: usize) -> Value {
        (0..depth).fold(json!(1), |inner, _| json!([inner]))
    }
    let fixture = Fixture::new().await;
    let reply = Reply::registered().with_member("x_deep", nested(65));
    fixture.server.script([reply.with_member("x_fine", nested(64))]);
    let client = fixture.register_once(&metadata()).await.unwrap();
    let warnings: Vec<_> = client.warnings().iter().map(ToString::to_string).collect();
    assert_eq!(warnings, ["x_deep: dropped, because it is nested more than 64 levels deep"]);
    assert_eq!(client.additional.get("x_deep"), None);
    assert_eq!(client.additional.get("x_fine"), Some(&nested(64)));
    let again = fixture.register_once(&metadata()).await.unwrap();
    assert_eq!((attempts(&again), again.expose_json()), (0, client.expose_json()));
}
