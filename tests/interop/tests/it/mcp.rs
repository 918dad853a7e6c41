//! Logins at the MCP Python SDK.

use poggio::AuthMethod;

use crate::{
    login::{
        Fixture, client, keeps_a_login, refuses, replaces_a_deleted_client, revokes_at_logout,
    },
    service::{Service, python},
};

#[tokio::test(flavor = "multi_thread")]
async fn login_is_kept_at_mcp() {
    let Some(mut command) = python("mcp", "mcp_server.py") else { return };
    let service = Service::start(&mut command, "");
    let poggio = client(&service.url).build().unwrap();
    let server = poggio.discover_for(&format!("{}/mcp", service.url)).await.unwrap();
    // With a secret in the header, the SDK still requires a client_id in the body. It revokes no
    // tokens of public clients.
    {
        let method = AuthMethod::ClientSecretPost;
        let resource = format!("{}/mcp", service.url);
        let it = Fixture::new(&service.url, &resource, server.clone()).with_method(method);
        keeps_a_login(&it).await;
        revokes_at_logout(&it).await;
        replaces_a_deleted_client(&it).await;
        let bad = it.metadata.clone().with_scope("write");
        let error = refuses(&it.poggio, &bad, 400).await;
        assert!(error.to_string().contains("Requested scopes are not valid: write"), "{error}");
    }
}
