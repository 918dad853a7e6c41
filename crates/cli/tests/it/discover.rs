//! `discover`: an issuer, a resource, and the embedded server.

use std::{
    io::{Read, Write},
    net::TcpListener,
};

use crate::{
    assert_shown,
    support::{Fixture, Run, poggio},
};

fn discover(fixture: &Fixture, args: &[&str]) -> Run {
    Run::of(poggio(fixture.folder.path()).arg("discover").args(args))
}

#[tokio::test]
async fn discover_finds_the_server_of_an_issuer_and_of_a_resource() {
    let fixture = Fixture::new().await;
    let (issuer, mcp) = (fixture.server.issuer(), fixture.server.mcp_url());
    assert_shown!(fixture, "discover_issuer", discover(&fixture, &[&issuer]).shown());
    assert_shown!(fixture, "discover_resource_json", discover(&fixture, &[&mcp, "--json"]).shown());
    assert_eq!(fixture.server.registrations().len(), 0);
}

#[tokio::test]
async fn discover_lists_the_urls_without_metadata() {
    let fixture = Fixture::new().await;
    let url = server_with("", 404);
    assert_shown!(fixture, "discover_nothing", discover(&fixture, &[&url]).shown());
}

#[tokio::test]
async fn discover_at_a_server_that_fails_says_to_try_again_later() {
    let fixture = Fixture::new().await;
    let url = server_with("", 503);
    let run = discover(&fixture, &[&url]);
    assert_eq!(run.code, Some(6));
    assert_shown!(fixture, "discover_unavailable", run.shown());
}

#[tokio::test]
async fn discover_without_a_url_uses_the_embedded_server() {
    let fixture = Fixture::new().await;
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
    let run = discover(&fixture, &["--embedded", "--embedded-port", &port]);
    assert_shown!(fixture, "discover_embedded", run.shown());
}

#[tokio::test]
async fn server_that_registers_no_clients_needs_an_imported_one() {
    let fixture = Fixture::new().await;
    let issuer = server_with(
        r#"{"issuer": "ISSUER", "authorization_endpoint": "ISSUER/a", "token_endpoint": "ISSUER/t",
            "response_types_supported": ["code"]}"#,
        200,
    );
    let run = |args: &[&str]| {
        let mut command = poggio(fixture.folder.path());
        Run::of(command.args(args).args(["--issuer", &issuer]))
    };
    let register = run(&["register", "--redirect-uri", "http://127.0.0.1/callback"]);
    assert_shown!(fixture, "register_without_endpoint", register.shown());
    let login = ["login", "--no-browser", "--timeout", "1"];
    let refused = run(&login);
    assert_eq!(refused.code, Some(1));
    assert!(
        refused.stderr.contains("import the client that it gave you with"),
        "{}",
        refused.stderr
    );

    let file = fixture.write("client.json", r#"{"client_id": "7"}"#);
    assert_eq!(run(&["clients", "import", &file]).code, Some(0));
    let login = run(&login);
    assert_eq!(login.code, Some(5), "{}", login.stderr);
    assert!(login.stderr.contains("client_id=7"), "{}", login.stderr);
}

/// Starts a server that sends the same response to each request, with its base URL for `ISSUER`.
/// Returns the base URL.
fn server_with(body: &'static str, status: u16) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base_url = format!("http://{}", listener.local_addr().unwrap());
    let body = body.replace("ISSUER", &base_url);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 4096]);
            let len = body.len();
            let head = format!(
                "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\nconnection: close\r\n\
                 content-length: {len}\r\n\r\n"
            );
            let _ = stream.write_all(format!("{head}{body}").as_bytes());
        }
    });
    base_url
}
