//! Which commands read the system's certificates, which takes longer than the rest of a command.

use std::{fs, process::Command};

use crate::support::{Fixture, Run, require::require_strace};

/// Runs the command, and returns whether it opened a file or folder of certificates.
fn reads_certificates(fixture: &Fixture, args: &[&str]) -> bool {
    let opened = fixture.path("opened");
    let command = fixture.command(args);
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq", "-e", "trace=?open,openat", "-o"]).arg(&opened);
    strace.arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => strace.env(name, value),
            None => strace.env_remove(name),
        };
    }
    let run = Run::of(strace.env("SSL_CERT_FILE", fixture.path("certificates.pem")));
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let opened = fs::read_to_string(opened).unwrap();
    assert!(opened.contains("store.json"), "{opened}");
    ["certificates.pem", "/etc/ssl", "/etc/pki"].iter().any(|path| opened.contains(path))
}

#[tokio::test]
async fn only_commands_that_send_requests_read_certificates() {
    if !require_strace() {
        return;
    }
    let fixture = Fixture::new().await;
    fixture.log_in(&[]).await;
    for args in [&["token"][..], &["token", "--json"], &["status"], &["clients", "list"]] {
        assert!(!reads_certificates(&fixture, args), "{args:?}");
    }
    let register = ["register", "--redirect-uri", "http://127.0.0.1/callback"];
    assert!(reads_certificates(&fixture, &register));
    fixture.expire_token();
    assert!(reads_certificates(&fixture, &["token"]));
}
