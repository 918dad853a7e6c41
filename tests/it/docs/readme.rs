//! The README: short, and its first program does what it says.

use std::{
    collections::BTreeSet,
    io::{BufRead, BufReader, Read},
    process::{Command, Stdio},
};

use poggio::reqwest::{Client, redirect::Policy};

use crate::support::example::{command, set_home};

const README: &str = include_str!("../../../README.md");
const FIRST_PROGRAM: &str = include_str!("../../../examples/first_program.rs");
const MAX_LINES: usize = 150;
const MAX_PROGRAM_LINES: usize = 30;

/// Returns the first program, from its opening to its closing fence.
fn first_program() -> &'static str {
    let (_, rest) = README.split_once("```rust,no_run\n").unwrap();
    rest.split_once("```").unwrap().0
}

#[test]
fn readme_and_its_first_program_are_short() {
    assert!(README.lines().count() <= MAX_LINES, "{} lines", README.lines().count());
    let lines = first_program().lines().count();
    assert!(lines <= MAX_PROGRAM_LINES, "{lines} lines");
}

#[test]
fn readme_shows_the_example_first_program() {
    assert!(FIRST_PROGRAM.ends_with(first_program()), "copy the program to the example");
}

/// Allows the login as a browser does: submits the page, and opens the callback.
async fn allow(url: &str) {
    let http = Client::builder().no_proxy().redirect(Policy::none()).build().unwrap();
    let submitted = http.post(url).body("decision=allow").send().await.unwrap();
    let callback = submitted.headers()["location"].to_str().unwrap();
    assert!(http.get(callback).send().await.unwrap().status().is_success());
}

#[tokio::test(flavor = "multi_thread")]
async fn first_program_registers_logs_in_and_calls_the_api() {
    let home = tempfile::tempdir().unwrap();
    let mut program = command("first_program", &[]);
    set_home(&mut program, home.path());
    // No browser is found, so the user opens the URL.
    let program = program.env("PATH", home.path()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = program.spawn().unwrap();
    let (mut stdout, mut line) = (BufReader::new(child.stdout.take().unwrap()), String::new());
    stdout.read_line(&mut line).unwrap();
    allow(line.strip_prefix("log in at ").unwrap().trim()).await;

    let mut rest = String::new();
    stdout.read_to_string(&mut rest).unwrap();
    let mut errors = String::new();
    child.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
    assert_eq!((child.wait().unwrap().code(), errors.as_str()), (Some(0), ""), "{rest}");
    let lines: Vec<_> = rest.lines().collect();
    assert!(lines[0].starts_with("logged in, until Some("), "{rest}");
    let response =
        r#"200 OK: {"client_id":"loopback-client-1","org_id":null,"scope":null,"user_id":null}"#;
    assert_eq!(lines[1..], [response]);
    #[cfg(target_os = "linux")]
    for file in ["first-program.json", "first-program.json@tokens.json"] {
        assert!(home.path().join("config/poggio").join(file).exists(), "{file}");
    }
}

/// Returns how many crates a build with these features compiles on this system.
fn crate_count(features: &str) -> usize {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(env!("CARGO_MANIFEST_DIR")).args(["tree", "--locked", "-p", "poggio"]);
    cargo.args(["--no-default-features", "--features", features, "-e", "normal,build"]);
    let output = cargo.args(["--prefix", "none", "--format", "{p}"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let tree = String::from_utf8(output.stdout).unwrap();
    // A crate can be listed more than once, with a note.
    let crates = tree.lines().map(|line| line.split(" (").next().unwrap());
    crates.collect::<BTreeSet<_>>().len()
}

#[test]
fn without_codegen_about_20_crates_fewer_are_built() {
    let fewer = crate_count("codegen,rustls") - crate_count("rustls");
    assert!((15..=30).contains(&fewer), "{fewer} crates fewer");
}
