//! Standard output that is closed or full.

use std::{fs::File, io::Read, process::Stdio};

use crate::support::Fixture;

#[tokio::test]
async fn closed_standard_output_is_no_error() {
    let fixture = Fixture::new().await;
    fixture.log_in(&[]).await;
    for args in [
        &["clients", "list"][..],
        &["clients", "list", "--json"],
        &["status"],
        &["token"],
        &["completions", "bash"],
        &["register", "--redirect-uri", "http://127.0.0.1/callback"],
    ] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut child =
            fixture.command(args).stdout(writer).stderr(Stdio::piped()).spawn().unwrap();
        let mut stderr = String::new();
        child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(0), "{args:?}: {stderr}");
        assert!(!stderr.contains("panicked"), "{stderr}");
    }
}

#[tokio::test]
async fn closed_standard_error_is_no_error() {
    let fixture = Fixture::new().await;
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let args = ["register", "--redirect-uri", "http://127.0.0.1/callback"];
    let status = fixture.command(&args).stdout(Stdio::null()).stderr(writer).status().unwrap();
    assert_eq!(status.code(), Some(0));
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn full_standard_output_is_an_error_with_the_outcome() {
    let fixture = Fixture::new().await;
    let args = ["register", "--redirect-uri", "http://127.0.0.1/callback"];
    for (args, code) in [(&args[..], 4), (&["clients", "list"], 1)] {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let output = fixture.command(args).stdout(full).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{stderr}");
        assert!(stderr.contains("error: the output could not be written"), "{stderr}");
    }
}
