//! Causes each kind of failure at an embedded loopback server, and handles it as an application
//! should. Copy [`next_step`] and [`explain`] into your program.
//!
//! ```text
//! cargo run --example handle_errors
//! ```

use std::time::Duration;

use poggio::{
    AuthMethod, Client, ClientInformation, ClientMetadata, ClientSecret, Error, ErrorCode, Outcome,
    testing::{Reply, Server},
};

/// What an application does after a failed registration.
enum NextStep {
    /// Show the user which metadata fields to correct.
    CorrectMetadata(Vec<String>),
    /// Ask the user for a new token.
    AskForToken,
    /// No client was registered. Register again after this wait.
    RetryAfter(Duration),
    /// The client exists. Save these credentials and continue.
    SaveClient(String, ClientSecret),
    /// A client may exist, or its credentials are lost. Only a person can resolve this, with the
    /// request id.
    AskPoggio(Option<String>),
    /// The configuration or the server's policy prevents the registration.
    NotifyOperator,
}

fn next_step(error: &Error) -> NextStep {
    // Look at the outcome first, and then at the cause.
    match error.outcome() {
        Outcome::NotRegistered => {}
        Outcome::Registered | Outcome::Unknown => {
            let (id, secret) = match error {
                Error::Unreadable(response) => (response.client_id(), response.client_secret()),
                // From register_once: the client could not be saved.
                Error::Store(error) => (
                    error.client().map(|client| client.client_id.as_str()),
                    error.client().and_then(|client| client.client_secret.as_ref()),
                ),
                _ => (None, None),
            };
            if let (Some(id), Some(secret)) = (id, secret) {
                return NextStep::SaveClient(id.to_owned(), secret.clone());
            }
            return NextStep::AskPoggio(error.request_id().map(str::to_owned));
        }
    }
    match error {
        // Local errors and the server's errors have the same form.
        Error::Validation(errors) => {
            let lines = errors.iter().map(|error| format!("{}: {}", error.path(), error.message()));
            NextStep::CorrectMetadata(lines.collect())
        }
        Error::Api(refusal) => match refusal.code().as_ref().map(ErrorCode::as_str) {
            Some("invalid_token") => NextStep::AskForToken,
            Some("invalid_redirect_uri" | "invalid_client_metadata") => {
                let description = refusal.description().map(str::to_owned);
                NextStep::CorrectMetadata(description.into_iter().collect())
            }
            _ => error.retry_after().map_or(NextStep::NotifyOperator, NextStep::RetryAfter),
        },
        Error::Transport(_) => NextStep::RetryAfter(Duration::from_secs(60)),
        _ => NextStep::NotifyOperator,
    }
}

fn explain(step: &NextStep) -> String {
    match step {
        NextStep::CorrectMetadata(lines) => format!("correct the metadata: {}", lines.join("; ")),
        NextStep::AskForToken => "ask the user for a new token".into(),
        NextStep::RetryAfter(wait) => format!("register again in {} s", wait.as_secs()),
        NextStep::SaveClient(id, secret) => format!("save {id:?} with {secret:?} and continue"),
        NextStep::AskPoggio(Some(id)) => format!("do not register again; ask about request {id}"),
        NextStep::AskPoggio(None) => "do not register again; ask Poggio".into(),
        NextStep::NotifyOperator => "notify the operator of this program".into(),
    }
}

/// Compares what the server granted with what was requested. Do this before you use the client.
fn check(client: &ClientInformation, requested: &ClientMetadata) -> Vec<String> {
    let mut remarks: Vec<_> =
        client.changes_from(requested).iter().map(ToString::to_string).collect();
    if client.metadata.token_endpoint_auth_method != AuthMethod::None
        && client.client_secret.is_none()
    {
        remarks.push("the client has to authenticate, but the server returned no secret".into());
    }
    remarks.extend(client.warnings().iter().map(ToString::to_string));
    remarks
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let server = Server::start().await;
    let poggio = server.client_builder().timeout(Duration::from_secs(2)).build()?;
    let metadata = ClientMetadata::new().with_redirect_uri("http://127.0.0.1:8910/callback");

    // Rejected locally, before the request is sent.
    let wrong = ClientMetadata::new()
        .with_redirect_uri("http://app.example/callback")
        .with_scope("read\twrite");
    show("metadata that the RFCs forbid", poggio.register(&wrong).await, &wrong);

    // Rejected by the server, field by field.
    let unknown_grant = metadata.clone().with_grant_types(["authorization_code", "magic"]);
    show("metadata that the server rejects", poggio.register(&unknown_grant).await, &unknown_grant);

    for (name, reply) in replies() {
        server.script([reply]);
        show(name, poggio.register(&metadata).await, &metadata);
    }

    // No server listens there, so nothing was sent.
    let unreachable = Client::builder().base_url("http://127.0.0.1:9").max_retries(0).build()?;
    show("no server", unreachable.register(&metadata).await, &metadata);

    // Rejected when the client is built.
    let plain = Client::builder().base_url("http://api.poggio.io").build();
    if let Err(error) = plain {
        show("a base URL without TLS", Err(error), &metadata);
    }
    Ok(())
}

fn replies() -> Vec<(&'static str, Reply)> {
    let challenge = r#"Bearer error="invalid_token", error_description="The token has expired""#;
    vec![
        (
            "an RFC 7591 error",
            Reply::json(
                400,
                serde_json::json!({
                    "error": "invalid_redirect_uri",
                    "error_description": "127.0.0.1 is not allowed for this organization",
                }),
            ),
        ),
        ("an expired token", Reply::status(401).with_header("www-authenticate", challenge)),
        ("too many requests", Reply::status(429).with_header("retry-after", "90")),
        ("a server under maintenance", Reply::status(503).with_header("retry-after", "90")),
        (
            "an endpoint that has moved",
            Reply::status(308).with_header("location", "https://api.poggio.io/v3/oauth/register"),
        ),
        (
            "a server that fails",
            Reply::html(500, "<html><title>Internal Server Error</title></html>")
                .with_header("x-request-id", "req-4711"),
        ),
        ("a connection that drops", Reply::disconnect()),
        ("a server that is too slow", Reply::registered().with_delay(Duration::from_secs(60))),
        (
            "a truncated response",
            Reply::text(201, r#"{"client_id": "c-1", "client_secret": "s3cr3t", "client_na"#),
        ),
        (
            "another authentication method",
            Reply::registered().with_member("token_endpoint_auth_method", "client_secret_basic"),
        ),
        ("a missing secret", Reply::registered().without_member("client_secret")),
    ]
}

fn show(name: &str, result: Result<ClientInformation, Error>, requested: &ClientMetadata) {
    println!("{name}");
    match result {
        Err(error) => {
            println!("  error:   {error}");
            println!("  outcome: {:?}", error.outcome());
            println!("  next:    {}", explain(&next_step(&error)));
        }
        Ok(client) => {
            println!("  registered as {:?}", client.client_id);
            for remark in check(&client, requested) {
                println!("  note:    {remark}");
            }
        }
    }
    println!();
}
