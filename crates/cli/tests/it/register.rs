//! `register`: outcomes and their exit codes, questions, and files with credentials.

use std::fs;

use poggio::testing::Reply;
use serde_json::json;

use crate::{
    assert_shown,
    support::{Fixture, Run},
};

/// Sends the signal of Ctrl-C.
#[cfg(unix)]
pub(crate) fn interrupt(id: u32) {
    let pid = rustix::process::Pid::from_raw(id.try_into().unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
}

#[tokio::test]
async fn register_shows_the_client_without_its_secret() {
    let fixture = Fixture::new().await;
    let args = ["--scope", "read write", "--contact", "ops@acme.example"];
    assert_shown!(fixture, "register", fixture.register(&args).shown());
    fixture.server.script([Reply::reduced_grants()]);
    let args = ["--grant-type", "authorization_code", "--grant-type", "refresh_token", "--json"];
    assert_shown!(fixture, "register_json", fixture.register(&args).shown());
}

#[tokio::test]
async fn register_sends_each_flag_as_its_member() {
    let fixture = Fixture::new().await;
    let file = fixture.write("metadata.json", r#"{"scope": "a", "client_name": "from the file"}"#);
    let run = fixture.run(&[
        "register",
        "--metadata",
        &file,
        "--redirect-uri",
        "http://127.0.0.1/a",
        "--redirect-uri",
        "http://127.0.0.1/b",
        "--token-endpoint-auth-method",
        "none",
        "--grant-type",
        "authorization_code",
        "--response-type",
        "code",
        "--client-name",
        "Acme",
        "--client-uri",
        "https://acme.example/",
        "--logo-uri",
        "https://acme.example/logo.png",
        "--contact",
        "ops@acme.example",
        "--tos-uri",
        "https://acme.example/tos",
        "--policy-uri",
        "https://acme.example/policy",
        "--software-id",
        "acme",
        "--software-version",
        "1",
    ]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let sent: serde_json::Value =
        serde_json::from_slice(fixture.server.requests()[0].body()).unwrap();
    assert_eq!(
        sent,
        json!({
            "redirect_uris": ["http://127.0.0.1/a", "http://127.0.0.1/b"],
            "token_endpoint_auth_method": "none",
            "grant_types": ["authorization_code"],
            "response_types": ["code"],
            "client_name": "Acme",
            "client_uri": "https://acme.example/",
            "logo_uri": "https://acme.example/logo.png",
            "scope": "a",
            "contacts": ["ops@acme.example"],
            "tos_uri": "https://acme.example/tos",
            "policy_uri": "https://acme.example/policy",
            "software_id": "acme",
            "software_version": "1",
        })
    );
}

#[tokio::test]
async fn rejected_members_are_shown_with_their_flags() {
    let fixture = Fixture::new().await;
    let run = fixture.run(&["register", "--redirect-uri", "ftp://x", "--logo-uri", "logo"]);
    assert_shown!(fixture, "register_invalid", run.shown());
    assert_eq!(fixture.server.requests().len(), 0);
    let detail = json!({ "detail": [
        { "loc": ["body", "redirect_uris", 0], "msg": "not allowed", "type": "value_error" },
        { "loc": ["body", "client_name"], "msg": "taken", "type": "value_error" },
    ]});
    fixture.server.script([Reply::json(422, detail.clone()), Reply::json(422, detail)]);
    let run = fixture.register(&["--no-local-validation"]);
    assert_shown!(fixture, "register_rejected", run.shown());
    assert_shown!(fixture, "register_rejected_json", fixture.register(&["--json"]).shown());
}

#[tokio::test]
async fn metadata_file_that_cannot_be_read_names_the_member() {
    let fixture = Fixture::new().await;
    let mut shown = Vec::new();
    for text in ["", "[]", "{} {}", r#"{"redirect_uris": "no list"}"#] {
        let file = fixture.write("metadata.json", text);
        shown.push(format!("{text}\n{}", fixture.register(&["--metadata", &file]).shown()));
    }
    shown.push(fixture.register(&["--metadata", "missing.json"]).shown());
    let shown = shown.join("\n\n");
    assert_shown!(fixture, "register_metadata_file", shown);
    assert_eq!(fixture.server.requests().len(), 0);
}

#[tokio::test]
async fn metadata_is_read_from_standard_input() {
    let fixture = Fixture::new().await;
    let text = r#"{"redirect_uris": ["http://127.0.0.1/callback"], "client_name": "piped"}"#;
    let input = fixture.write("metadata.json", text);
    let run = Run::of(
        fixture
            .command(&["register", "--metadata", "-", "--json"])
            .stdin(fs::File::open(input).unwrap()),
    );
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(run.stdout.contains(r#""client_name": "piped""#), "{}", run.stdout);
}

#[tokio::test]
async fn register_needs_a_yes_if_the_store_has_the_client() {
    let fixture = Fixture::new().await;
    assert_eq!(fixture.register(&[]).code, Some(0));
    assert_shown!(fixture, "register_existing", fixture.register(&[]).shown());
    assert_eq!(fixture.server.requests().len(), 1);
    assert_eq!(fixture.register(&["--yes"]).code, Some(0));
    assert_eq!(fixture.server.requests().len(), 2);
    assert_shown!(fixture, "register_replaced", fixture.run(&["clients", "list"]).shown());
}

#[tokio::test]
async fn failed_replacement_keeps_the_client_in_the_store() {
    let fixture = Fixture::new().await;
    fixture.register(&[]);
    fixture.server.script([Reply::json(400, json!({ "error": "invalid_client_metadata" }))]);
    assert_eq!(fixture.register(&["--yes"]).code, Some(1));
    let run = fixture.run(&["clients", "export", "loopback-client-1", "--output", "-"]);
    assert!(run.stdout.contains("client_secret"), "{}", run.stderr);
}

#[tokio::test]
async fn imported_credentials_are_never_replaced() {
    let fixture = Fixture::new().await;
    let file = fixture.write("client.json", r#"{"client_id": "7"}"#);
    fixture.run(&["clients", "import", &file]);
    assert_shown!(fixture, "register_imported", fixture.register(&["--yes"]).shown());
    assert_eq!(fixture.server.requests().len(), 0);
}

#[tokio::test]
async fn unknown_outcome_has_its_exit_code_until_a_yes() {
    let fixture = Fixture::new().await;
    fixture.server.script([Reply::disconnect()]);
    assert_shown!(fixture, "register_unknown", fixture.register(&[]).shown());
    assert_shown!(fixture, "register_after_unknown", fixture.register(&[]).shown());
    assert_eq!(fixture.server.requests().len(), 1);
    assert_eq!(fixture.register(&["--yes"]).code, Some(0));
    assert_eq!(fixture.server.requests().len(), 2);
}

#[tokio::test]
async fn rate_limited_registration_says_how_long_to_wait() {
    let fixture = Fixture::new().await;
    let limited = || Reply::rate_limited(std::time::Duration::from_secs(3600));
    fixture.server.script([limited(), limited(), limited()]);
    let run = fixture.register(&[]);
    assert_eq!(run.code, Some(6));
    assert_shown!(fixture, "register_rate_limited", run.shown());
}

#[tokio::test]
async fn credentials_of_an_unreadable_response_are_saved_to_a_file() {
    let fixture = Fixture::new().await;
    fixture.server.script([Reply::text(201, r#"{"client_id": "7", "redirect_uris": [oops"#)]);
    let run = fixture.register(&[]);
    assert_eq!(run.code, Some(4));
    assert_shown!(fixture, "register_unreadable", run.shown());
    let path = run.stderr.split("the credentials are in ").nth(1).unwrap().lines().next().unwrap();
    assert_eq!(
        fs::read_to_string(path).unwrap(),
        "{\n  \"client_id\": \"7\",\n  \"client_secret\": null\n}\n"
    );
}

#[tokio::test]
async fn saved_file_is_new_and_only_for_its_owner() {
    let fixture = Fixture::new().await;
    let path = fixture.path("saved.json");
    let save = ["--save", path.to_str().unwrap()];
    assert_shown!(fixture, "register_saved", fixture.register(&save).shown());
    let saved: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    assert_eq!(saved["client_secret"], "loopback-secret-1-of-no-value-elsewhere");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
    // It is not overwritten, and nothing is sent.
    let again = fixture.register(&[&save[..], &["--yes"]].concat());
    assert_shown!(fixture, "register_save_exists", again.shown());
    assert_eq!(fixture.server.requests().len(), 1);
}

#[tokio::test]
async fn file_that_cannot_be_written_stops_the_registration() {
    let fixture = Fixture::new().await;
    let run = fixture.register(&["--save", "missing/saved.json"]);
    assert_shown!(fixture, "register_save_fails", run.shown());
    // A failed registration leaves no file.
    fixture.server.script([Reply::status(400)]);
    let path = fixture.path("saved.json");
    assert_eq!(fixture.register(&["--save", path.to_str().unwrap()]).code, Some(1));
    assert!(!path.exists());
    assert_eq!(fixture.server.requests().len(), 1);
}

#[cfg(unix)]
#[tokio::test]
async fn interrupted_registration_has_an_unknown_outcome() {
    use std::process::Stdio;

    use crate::support::Run;

    let fixture = Fixture::new().await;
    fixture.server.script([Reply::registered().with_delay(std::time::Duration::from_secs(60))]);
    let args = ["register", "--redirect-uri", "http://127.0.0.1/callback"];
    let mut command = fixture.command(&args);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    while fixture.server.requests().is_empty() {
        tokio::task::yield_now().await;
    }
    interrupt(child.id());
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let run = Run {
        code: output.status.code(),
        stdout: text(output.stdout),
        stderr: text(output.stderr),
    };
    assert_eq!(run.code, Some(3));
    assert_shown!(fixture, "register_interrupted", run.shown());
    // The store knows it, too.
    assert_eq!(fixture.run(&args).code, Some(3));
    assert_eq!(fixture.server.requests().len(), 1);
}
