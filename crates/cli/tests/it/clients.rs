//! `clients`: the clients in the store.

use std::{fs, io::Write, process::Stdio};

use poggio::testing::Reply;

use crate::{
    assert_shown,
    support::{Fixture, Run, poggio},
};

const ID: &str = "loopback-client-1";

#[tokio::test]
async fn list_and_show_have_no_secret() {
    let fixture = Fixture::new().await;
    assert_shown!(fixture, "clients_empty", fixture.run(&["clients", "list"]).shown());
    assert_eq!(fixture.run(&["clients", "list", "--json"]).stdout, "[]\n");
    fixture.register(&[]);
    assert_shown!(fixture, "clients_list", fixture.run(&["clients", "list"]).shown());
    assert_shown!(
        fixture,
        "clients_list_json",
        fixture.run(&["clients", "list", "--json"]).shown()
    );
    assert_shown!(fixture, "clients_show", fixture.run(&["clients", "show", ID]).shown());
    assert_shown!(
        fixture,
        "clients_show_json",
        fixture.run(&["clients", "show", ID, "--json"]).shown()
    );
}

#[tokio::test]
async fn list_escapes_what_could_change_the_terminal() {
    let fixture = Fixture::new().await;
    let name = "\u{1b}[2Jevil";
    fixture.server.script([Reply::registered().with_member("client_name", name)]);
    fixture.register(&[]);
    let run = fixture.run(&["clients", "list"]);
    assert!(run.stdout.contains("\\u{1b}[2Jevil"), "{}", run.stdout);
    assert!(!run.stdout.contains('\u{1b}'), "{}", run.stdout);
}

#[tokio::test]
async fn other_members_are_named_but_not_shown() {
    let fixture = Fixture::new().await;
    let reply = Reply::registered().with_member("registration_access_token", "hunter2");
    fixture.server.script([reply]);
    let register = fixture.register(&[]);
    let show = fixture.run(&["clients", "show", ID]);
    let json = fixture.run(&["clients", "show", ID, "--json"]);
    for run in [register, show, json] {
        assert!(run.stdout.contains("registration_access_token"), "{}", run.stdout);
        assert!(!run.stdout.contains("hunter2"), "{}", run.stdout);
    }
}

#[tokio::test]
async fn export_writes_the_secret_where_it_is_asked_for() {
    let fixture = Fixture::new().await;
    fixture.register(&[]);
    let run = fixture.run(&["clients", "export", ID, "--output", "-"]);
    let secret = "loopback-secret-1-of-no-value-elsewhere";
    assert!(run.stdout.contains(secret), "{}", run.stderr);
    let path = fixture.path("export.json");
    let export = ["clients", "export", ID, "-o", path.to_str().unwrap()];
    assert_shown!(fixture, "clients_export", fixture.run(&export).shown());
    assert_eq!(fs::read_to_string(&path).unwrap(), run.stdout);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
    assert_shown!(fixture, "clients_export_exists", fixture.run(&export).shown());
}

#[tokio::test]
async fn import_reads_a_file_or_standard_input() {
    let fixture = Fixture::new().await;
    let file = fixture.write("client.json", r#"{"client_id": "7", "client_secret": "s3cr3t"}"#);
    assert_shown!(fixture, "clients_import", fixture.run(&["clients", "import", &file]).shown());

    let mut command = fixture.command(&["clients", "import", "-", "--json"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(br#"{"client_id": "8"}"#).unwrap();
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(0));
    assert_shown!(fixture, "clients_imported", fixture.run(&["clients", "list"]).shown());
}

#[tokio::test]
async fn import_of_other_text_quotes_nothing() {
    let fixture = Fixture::new().await;
    let mut shown = Vec::new();
    for text in ["", "hunter2", r#"{"client_secret": "hunter2"}"#] {
        let file = fixture.write("client.json", text);
        shown.push(fixture.run(&["clients", "import", &file]).shown());
    }
    fs::write(fixture.path("client.json"), [0xff]).unwrap();
    shown.push(fixture.run(&["clients", "import", "client.json"]).shown());
    let shown = shown.join("\n\n");
    assert!(!shown.contains("hunter2"), "{shown}");
    assert_shown!(fixture, "clients_import_invalid", shown);
}

#[tokio::test]
async fn remove_and_mark_rejected_change_the_state() {
    let fixture = Fixture::new().await;
    fixture.register(&[]);
    fixture.register(&["--software-id", "other"]);
    assert_eq!(fixture.run(&["clients", "remove", ID]).stdout, "removed: loopback-client-1\n");
    assert_eq!(
        fixture.run(&["clients", "mark-rejected", "loopback-client-2"]).stdout,
        "marked as rejected: loopback-client-2\n"
    );
    assert_shown!(fixture, "clients_history", fixture.run(&["clients", "list"]).shown());
    let again = fixture.run(&["clients", "mark-rejected", ID]);
    assert_shown!(fixture, "clients_not_in_use", again.shown());
    for command in ["remove", "export"] {
        let mut args = vec!["clients", command, "missing"];
        args.extend(["-o", "-"].iter().filter(|_| command == "export"));
        assert_eq!(fixture.run(&args).code, Some(1));
    }
}

#[tokio::test]
async fn clear_unknown_allows_the_next_registration() {
    let fixture = Fixture::new().await;
    assert_eq!(
        fixture.run(&["clients", "clear-unknown"]).stdout,
        "no registration has an unknown outcome\n"
    );
    fixture.server.script([Reply::disconnect()]);
    assert_eq!(fixture.register(&[]).code, Some(3));
    assert_eq!(
        fixture.run(&["clients", "clear-unknown"]).stdout,
        "cleared: the next registration is sent\n"
    );
    assert_eq!(fixture.register(&[]).code, Some(0));
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn store_that_is_no_file_of_this_user_is_named_with_what_to_do() {
    let fixture = Fixture::new().await;
    let open = fixture.write("open.json", "{}");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    fs::set_permissions(&open, mode).unwrap();
    fs::create_dir(fixture.path("folder")).unwrap();
    let mut shown = String::new();
    for store in [&open, "folder", "/dev/full"] {
        let mut command = poggio(fixture.folder.path());
        let run = Run::of(command.args(["clients", "list", "--store", store]));
        assert_eq!(run.code, Some(1), "{}", run.stderr);
        shown.push_str(&run.shown());
        shown.push_str("\n\n");
    }
    assert_shown!(fixture, "clients_odd_stores", shown);
}

#[tokio::test]
async fn damaged_store_is_not_changed() {
    let fixture = Fixture::new().await;
    fixture.write("store.json", "hunter2");
    let mut permissions = fs::metadata(fixture.path("store.json")).unwrap().permissions();
    #[cfg(unix)]
    std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, 0o600);
    fs::set_permissions(fixture.path("store.json"), permissions).unwrap();
    let run: Run = fixture.run(&["clients", "list"]);
    assert_shown!(fixture, "clients_damaged", run.shown());
    assert_eq!(fixture.register(&[]).code, Some(1));
    assert_eq!(fs::read_to_string(fixture.path("store.json")).unwrap(), "hunter2");
}
