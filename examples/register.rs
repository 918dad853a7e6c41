//! Registers an OAuth client and shows what the server granted.
//!
//! ```text
//! cargo run --example register
//! POGGIO_BASE_URL=https://api.poggio.io cargo run --example register -- client.json
//! ```
//!
//! The first command registers at an embedded loopback server. The second registers at Poggio and
//! saves the credentials in a new file: the server shows the secret once, and deletes no client.

use std::{env, error::Error, fmt::Display, fs::OpenOptions, io::Write};

use poggio::{
    Client, ClientInformation, ClientMetadata, MetadataField, SecretExpiry, serde_json::Value,
    testing::Server,
};

#[tokio::main]
async fn main() {
    if let Err(error) = run().await {
        // The message says what happened, whether a client was registered, and what to do.
        eprintln!("error: {error}");
        std::process::exit(1);
    }
}

async fn run() -> Result<(), Box<dyn Error>> {
    let server = Server::start().await;
    let (poggio, mut file) = if env::var("POGGIO_BASE_URL").is_ok_and(|url| !url.is_empty()) {
        // Created before the registration, because credentials that cannot be saved are lost.
        let path = env::args_os().nth(1).ok_or("name a new file for the credentials")?;
        let mut options = OpenOptions::new();
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        (Client::from_env()?, Some(options.write(true).create_new(true).open(path)?))
    } else {
        println!("registering at the embedded server (POGGIO_BASE_URL sets another)\n");
        (server.client(), None)
    };
    let metadata = ClientMetadata::new()
        .with_redirect_uri("http://127.0.0.1:8910/callback")
        .with_grant_types(["authorization_code", "refresh_token"])
        .with_client_name("Poggio example");
    let client = poggio.register(&metadata).await?;
    if let Some(file) = &mut file {
        writeln!(file, "{:#}", client.expose_json())?;
        file.sync_all()?;
    }
    show(&client);
    // The server may grant something other than requested.
    client.changes_from(&metadata).iter().for_each(|change| println!("\nchanged: {change}"));
    Ok(())
}

/// Prints the client without its secret.
fn show(client: &ClientInformation) {
    row("client_id", &client.client_id);
    row("client_secret", client.client_secret.as_ref().map_or("none", |_| "[redacted]"));
    client.client_id_issued_at.iter().for_each(|at| row("client_id_issued_at", at));
    match client.client_secret_expires_at {
        SecretExpiry::Never => row("client_secret_expires_at", "never"),
        SecretExpiry::At(at) => row("client_secret_expires_at", at),
        SecretExpiry::Unspecified => {}
    }
    let granted = client.expose_json();
    for field in MetadataField::ALL {
        match granted.get(field.as_str()) {
            Some(Value::Array(values)) => {
                let values: Vec<_> = values.iter().filter_map(Value::as_str).collect();
                row(field.as_str(), values.join(", "));
            }
            value => value.and_then(Value::as_str).iter().for_each(|v| row(field.as_str(), v)),
        }
    }
}

/// Prints one line, with the control characters of the server's text escaped.
fn row(name: &str, value: impl Display) {
    println!("  {name:<28}{}", value.to_string().escape_debug());
}
