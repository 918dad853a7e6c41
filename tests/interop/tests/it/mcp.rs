//! Logins at the MCP Python SDK.

use poggio::{AuthMethod, oauth::Logout};

use crate::{
    login::{Fixture, client, keeps_a_login, logs_out, refuses, replaces_a_deleted_client},
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
    for (method, logout) in methods {
        let resource = format!("{}/mcp", service.url);
        let it = Fixture::new(&service.url, &resource, server.clone()).with_method(method);
        keeps_a_login(&it).await;
        logs_out(&it, logout).await;
        replaces_a_deleted_client(&it).await;
        let bad = it.metadata.clone().with_scope("write");
        let error = refuses(&it.poggio, &bad, 400).await;
        assert!(error.to_string().contains("Requested scopes are not valid: write"), "{error}");
    }
}
