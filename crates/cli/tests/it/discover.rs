//! `discover`: an issuer, a resource, and the embedded server.

use std::net::TcpListener;

use poggio::testing::Server;

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
    let url = format!("{}/other", fixture.server.base_url());
    assert_shown!(fixture, "discover_nothing", discover(&fixture, &[&url]).shown());
}

#[tokio::test]
async fn discover_without_a_url_uses_the_embedded_server() {
    let fixture = Fixture::new().await;
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
    let run = discover(&fixture, &["--embedded", "--embedded-port", &port]);
    assert_shown!(fixture, "discover_embedded", run.shown());
}

#[tokio::test]
async fn server_without_registration_is_named() {
    let fixture = Fixture::new().await;
    let server = Server::start().await;
    let mut command = poggio(fixture.folder.path());
    command.args(["login", "--issuer", &format!("{}/other", server.issuer())]);
    assert_eq!(Run::of(&mut command).code, Some(1));
}
