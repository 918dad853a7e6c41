//! Finds the authorization server of an issuer, and of an MCP server or another protected resource.
//!
//! ```text
//! cargo run --example discover
//! cargo run --example discover -- https://mcp.poggio.io/mcp
//! ```
//!
//! The first command asks an embedded loopback server, and the second the server of that URL. No
//! client is registered.

use std::env;

use poggio::{
    Client,
    oauth::{AuthorizationServer, OAuthError},
    testing::Server,
};

#[tokio::main]
async fn main() -> Result<(), OAuthError> {
    if let Some(url) = env::args().nth(1) {
        // For a resource, which names its authorization server (RFC 9728).
        show(&url, &Client::new()?.discover_for(&url).await?);
        return Ok(());
    }
    let embedded = Server::start().await;
    let poggio = embedded.client();
    // For an issuer, whose metadata names the endpoints (RFC 8414).
    show("issuer", &poggio.discover(&embedded.issuer()).await?);
    show("MCP server", &poggio.discover_for(&embedded.mcp_url()).await?);

    // An error lists each URL that was tried, with its response.
    if let Err(error) = poggio.discover(&format!("{}/elsewhere", embedded.issuer())).await {
        println!("error: {error}");
    }
    Ok(())
}

fn show(name: &str, server: &AuthorizationServer) {
    println!("{name}");
    let registration = server.registration_endpoint.as_deref().unwrap_or("none");
    // Without scopes of its own, a program requests these.
    let scopes = server.default_scopes().join(" ");
    println!("  issuer         {}", server.issuer.as_deref().unwrap_or("unknown"));
    println!("  registration   {registration}");
    println!("  authorization  {}", server.authorization_endpoint);
    println!("  token          {}", server.token_endpoint);
    println!("  resource       {}", server.resource.as_deref().unwrap_or("none"));
    println!("  scopes         {}\n", if scopes.is_empty() { "not stated" } else { &scopes });
}
