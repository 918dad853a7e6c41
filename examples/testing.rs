//! Tests a program that uses `poggio`, with the loopback server of `poggio::testing` and with insta.
//!
//! ```text
//! cargo test --example testing
//! cargo run --example testing
//! ```
//!
//! The feature `testing` is for `[dev-dependencies]`. The first command runs the tests below, and the
//! second the program at an embedded server.

use poggio::{Client, ClientMetadata, Error, testing::Server};

/// The program under test. It takes a client, so that a test can pass one for its own server.
async fn connect(poggio: &Client) -> Result<String, Error> {
    let metadata = ClientMetadata::new()
        .with_redirect_uri("http://127.0.0.1:8910/callback")
        .with_client_name("Acme Sync");
    let client = poggio.register(&metadata).await?;
    Ok(format!("Acme Sync is connected as {}.", client.client_id))
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    // A program that is not an example calls `Client::from_env()` here.
    let server = Server::start().await;
    println!("{}", connect(&server.client()).await?);
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use poggio::{
        Outcome,
        testing::{Reply, Server},
    };

    use super::connect;

    #[tokio::test]
    async fn connect_registers_with_the_name_of_the_program() {
        let server = Server::start().await;
        let message = connect(&server.client()).await.unwrap();
        // The server issues the same ids on every run, and records what the program sent.
        insta::assert_snapshot!(message, @"Acme Sync is connected as loopback-client-1.");
        insta::assert_json_snapshot!(server.requests()[0].json(), @r#"
        {
          "client_name": "Acme Sync",
          "grant_types": [
            "authorization_code"
          ],
          "redirect_uris": [
            "http://127.0.0.1:8910/callback"
          ],
          "response_types": [
            "code"
          ],
          "token_endpoint_auth_method": "client_secret_post"
        }
        "#);
    }

    #[tokio::test]
    async fn connect_waits_if_there_are_too_many_requests() {
        let server = Server::start().await;
        server.script([Reply::rate_limited(Duration::ZERO)]);
        connect(&server.client()).await.unwrap();
        assert_eq!(server.requests().len(), 2);
    }

    #[tokio::test]
    async fn connect_sends_one_request_if_the_outcome_is_unknown() {
        let server = Server::start().await;
        server.script([Reply::disconnect()]);
        let error = connect(&server.client()).await.unwrap_err();
        assert_eq!(error.outcome(), Outcome::Unknown);
        assert_eq!(server.requests().len(), 1);
    }
}
