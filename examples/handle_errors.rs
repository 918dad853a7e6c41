//! Handles each kind of failure of a registration. Copy `handle` into your program.
//!
//! ```text
//! cargo run --example handle_errors
//! ```
//!
//! An embedded loopback server causes the failures. Where `handle` prints, a program acts.

use std::time::Duration;

use poggio::{
    ClientMetadata, ClientSecret, Error,
    Outcome::{NotRegistered, Registered, Unknown},
    testing::{Reply, Server},
};

fn handle(error: &Error) {
    println!("  {error}");
    // The outcome comes first: does a client exist now?
    match (error.outcome(), error) {
        // The client exists, and its response could not be decoded.
        (Registered, Error::Unreadable(body)) => save(body.client_id(), body.client_secret()),
        // The client exists, and `register_once` could not save it.
        (Registered, Error::Store(error)) => {
            let client = error.client();
            let secret = client.and_then(|client| client.client_secret.as_ref());
            save(client.map(|client| client.client_id.as_str()), secret);
        }
        // Another request may create a second client, and only a person can find out.
        (Registered | Unknown, _) => println!("  -> ask about request {:?}", error.request_id()),
        // No client exists: correct the cause, then register again. Local errors and the server's
        // errors have the same form.
        (NotRegistered, Error::Validation(errors)) => {
            for error in errors {
                println!("  -> correct {}: {}", error.path(), error.message());
            }
        }
        (NotRegistered, Error::Api(e)) if e.code().is_some_and(|code| code == "invalid_token") => {
            println!("  -> get a new token");
        }
        (NotRegistered, _) => match error.retry_after() {
            Some(wait) => println!("  -> register again in {} s", wait.as_secs()),
            None => println!("  -> tell the operator: {}", error.help()),
        },
    }
}

/// Saves credentials that arrived, if they are complete.
fn save(id: Option<&str>, secret: Option<&ClientSecret>) {
    println!("  -> save {id:?} with {secret:?}, and do not register again");
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let server = Server::start().await;
    let poggio = server.client_builder().timeout(Duration::from_secs(1)).build()?;
    let expired = r#"Bearer error="invalid_token", error_description="The token has expired""#;
    let cut = r#"{"client_id": "c-1", "client_secret": "s3cr3t", "client_na"#;
    let replies = [
        ("an expired token", Reply::status(401).with_header("www-authenticate", expired)),
        ("a client that is not allowed", Reply::json(403, serde_json::json!({"detail": "No"}))),
        ("too many requests", Reply::rate_limited(Duration::from_secs(90))),
        ("a server that fails", Reply::status(500).with_header("x-request-id", "req-4711")),
        ("a connection that drops", Reply::disconnect()),
        ("a server that is too slow", Reply::registered().with_delay(Duration::from_secs(60))),
        ("a truncated response", Reply::text(201, cut)),
    ];
    let metadata = ClientMetadata::new().with_redirect_uri("http://127.0.0.1:8910/callback");
    let unknown_grant = metadata.clone().with_grant_types(["authorization_code", "magic"]);
    for wrong in [ClientMetadata::new(), unknown_grant] {
        println!("metadata that is wrong");
        let _ = poggio.register(&wrong).await.inspect_err(handle);
    }
    for (name, reply) in replies {
        server.script([reply]);
        println!("{name}");
        let _ = poggio.register(&metadata).await.inspect_err(handle);
    }
    Ok(())
}
