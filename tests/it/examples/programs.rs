//! All examples: their length, and the whole output of each without an argument.

use std::{fs, path::Path};

use crate::support::example::{run, run_at_home};

const MAX_LINES: usize = 80;

/// Returns the Rust files of `examples`, which is a folder of files and of folders of files.
fn files() -> Vec<(String, String)> {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let mut folders = vec![examples];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files.push((path.display().to_string(), fs::read_to_string(path).unwrap()));
            }
        }
    }
    files
}

#[test]
fn examples_are_short_and_say_how_to_run_them() {
    let files = files();
    assert_eq!(files.len(), 11, "one file each, and two of own_store");
    for (path, text) in files {
        let lines = text.lines().count();
        assert!(lines <= MAX_LINES, "{path} has {lines} lines");
        assert!(text.starts_with("//! "), "{path} does not say what it shows");
        let name = Path::new(&path).file_stem().unwrap().to_str().unwrap();
        let name = if name == "main" { "own_store" } else { name };
        let is_program = text.contains("fn main()");
        let command = format!("//! cargo run --example {name}\n");
        assert_eq!(text.contains(&command), is_program, "{path}");
    }
}

#[test]
fn handle_errors_handles_every_kind_of_failure() {
    insta::assert_snapshot!(run("handle_errors", &[]).snapshot());
}

#[test]
fn own_store_registers_once() {
    insta::assert_snapshot!(run("own_store", &[]).snapshot());
}

#[test]
fn discover_finds_the_server_of_an_issuer_and_of_a_resource() {
    insta::assert_snapshot!(run("discover", &[]).snapshot());
}

#[test]
fn call_api_sends_a_request_with_the_token() {
    insta::assert_snapshot!(run("call_api", &[]).snapshot());
}

#[test]
fn bulk_sends_one_request_for_each_customer_without_a_client() {
    let result = run("bulk", &[]);
    insta::assert_snapshot!(result.stdout);
    // Which customers are refused depends on the order of their requests.
    assert_eq!(result.stderr.matches(": 127.0.0.1:").count(), 3, "{}", result.stderr);
    assert_eq!(result.stderr.matches("responded 403 Forbidden").count(), 3);
}

#[test]
fn testing_runs_the_program_under_test() {
    insta::assert_snapshot!(run("testing", &[]).snapshot());
}

#[test]
fn register_once_sends_no_request_if_run_twice() {
    let home = tempfile::tempdir().unwrap();
    let run = || {
        let result = run_at_home("register_once", home.path(), &[]);
        result.assert_code(0);
        result.stdout
    };
    let (first, second) = (run(), run());
    assert!(first.contains("registered: a request was sent\n"), "{first}");
    // If another program has the port of the embedded server, the client belongs to another address.
    if first.contains("127.0.0.1:8911") && second.contains("127.0.0.1:8911") {
        let found = "found: no request was sent";
        assert_eq!(second, first.replace("registered: a request was sent", found));
    }
    assert!(first.contains("poggio/poggio-example.json\n"), "{first}");
}
