//! Logins at the MCP Python SDK.

use poggio::{AuthMethod, oauth::Logout};

use crate::{
    login::{Refusal, client, holds_for},
    service::{Service, python},
};

#[tokio::test(flavor = "multi_thread")]
async fn login_is_kept_at_mcp() {
    let Some(mut command) = python("mcp", "mcp_server.py") else { return };
    let service = Service::start(&mut command, "");
    let poggio = client(&service.url).build().unwrap();
    let server = poggio.discover_for(&format!("{}/mcp", service.url)).await.unwrap();
    // With a secret in the header, the SDK still requires a client_id in the body.
    // Its revocation endpoint requires a secret.
    let methods =
        [(AuthMethod::ClientSecretPost, Logout::Revoked), (AuthMethod::None, Logout::Erased)];
    let refusal = Refusal {
        change: |metadata| metadata.with_scope("write"),
        message: "Requested scopes are not valid: write",
    };
    holds_for(methods, &service.url, "/mcp", &server, &refusal).await;
}
