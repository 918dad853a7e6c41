//! Options with odd input, the help, and completions.

use crate::{
    assert_shown,
    support::{Fixture, Run, poggio},
};

#[tokio::test]
async fn help_has_the_commands_and_the_exit_codes() {
    let fixture = Fixture::new().await;
    let run = Run::of(poggio(fixture.folder.path()).arg("--help"));
    assert_eq!(run.code, Some(0));
    assert_shown!(fixture, "help", run.stdout);
}

/// `arguments` are separated by spaces; `_` is an empty argument.
fn odd(fixture: &Fixture, arguments: &str) -> String {
    let mut command = poggio(fixture.folder.path());
    command.args(arguments.split(' ').map(|argument| if argument == "_" { "" } else { argument }));
    let run = Run::of(&mut command);
    assert!(!run.shown().contains("hunter2"), "{}", run.shown());
    format!("$ poggio {arguments}\n{}\n\n", run.shown())
}

#[tokio::test]
async fn odd_options_have_clear_errors() {
    let fixture = Fixture::new().await;
    let all = [
        "status --base-url _",
        "status --base-url not-a-url",
        "status --base-url http://example.com",
        "status --base-url https://user:hunter2@api.example",
        "status --base-url https://api.example/?a=b",
        "status --issuer _",
        "status --issuer https://user:hunter2@as.example",
        "status --account _",
        "status --store _",
        "status --store /",
        "status --embedded-port 8912",
        "status --embedded --embedded-port 0",
        "status --embedded --base-url http://127.0.0.1:1",
        "login --timeout 0",
        "login --port 65536",
        "login --param prompt",
        "login --param =x",
        "login --param state=x",
        "login --scope a\"b",
        "login --resource not-a-url",
        "token --resource https://mcp.example/#fragment",
        "register --save -",
        "register --metadata .",
        "clients show",
        "clients show _",
        "clients export some-id",
        "clients import missing.json",
        "clients import .",
        "discover",
        "discover _",
        "discover http://example.com",
        "completions csh",
        "unknown",
    ];
    let shown: String = all.iter().map(|arguments| odd(&fixture, arguments)).collect();
    assert_shown!(fixture, "odd_options", shown);
}

#[tokio::test]
async fn wrong_arguments_are_json_if_it_is_requested() {
    let fixture = Fixture::new().await;
    let all =
        ["--json", "--json unknown", "login --port x --json", "--json discover", "clients --json"];
    let shown: String = all.iter().map(|arguments| odd(&fixture, arguments)).collect();
    assert_shown!(fixture, "wrong_arguments_json", shown);
    for help in ["--help --json", "--json --version", "token --json --help"] {
        let shown = odd(&fixture, help);
        assert!(shown.contains("--- exit code 0") && !shown.contains("\"error\""), "{shown}");
    }
}

#[tokio::test]
async fn json_can_be_repeated() {
    let fixture = Fixture::new().await;
    for arguments in ["--json status --json", "status --json --json"] {
        assert!(odd(&fixture, arguments).contains("--- exit code 5"), "{arguments}");
    }
}

#[tokio::test]
async fn long_options_have_short_errors() {
    let fixture = Fixture::new().await;
    let long = "x".repeat(100_000);
    for args in [
        ["status", "--account", &long],
        ["status", "--base-url", &long],
        ["status", "--store", &long],
        ["clients", "show", &long],
    ] {
        let run = Run::of(poggio(fixture.folder.path()).args(args));
        assert_eq!(run.code, Some(1), "{}", run.stderr);
        assert!(run.stderr.len() < 3000, "{} bytes", run.stderr.len());
    }
}

#[cfg(unix)]
#[tokio::test]
async fn store_may_have_a_path_that_is_not_utf_8() {
    use std::os::unix::ffi::OsStrExt;
    let fixture = Fixture::new().await;
    let path = fixture.folder.path().join(std::ffi::OsStr::from_bytes(b"st\xffre.json"));
    let mut register = poggio(fixture.folder.path());
    register.args(["register", "--redirect-uri", "http://127.0.0.1/callback", "--base-url"]);
    let run = Run::of(register.arg(fixture.server.base_url()).arg("--store").arg(&path));
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(path.exists());
}

#[tokio::test]
async fn environment_sets_the_base_url_and_an_option_replaces_it() {
    let fixture = Fixture::new().await;
    let run = |args: &[&str]| {
        let mut command = poggio(fixture.folder.path());
        command.args(["register", "--redirect-uri", "http://127.0.0.1/callback"]).args(args);
        Run::of(command.env("POGGIO_BASE_URL", fixture.server.base_url()))
    };
    assert_eq!(run(&[]).code, Some(0));
    let other = run(&["--base-url", "ftp://example.com"]);
    assert!(other.stderr.contains("--base-url"), "{}", other.stderr);
    assert_eq!(fixture.server.requests().len(), 1);
}

#[tokio::test]
async fn completions_name_the_subcommands() {
    let fixture = Fixture::new().await;
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let run = Run::of(poggio(fixture.folder.path()).args(["completions", shell]));
        assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
        assert!(run.stdout.contains("clear-unknown"), "{shell}");
    }
}
