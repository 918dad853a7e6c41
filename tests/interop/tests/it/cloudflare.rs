//! Logins at Cloudflare's OAuth provider for Workers.

use crate::{
    login::{ALL_METHODS, Refusal, client, holds_for},
    service::{Service, node},
};

#[tokio::test(flavor = "multi_thread")]
async fn login_is_kept_at_cloudflare() {
    let Some(mut command) = node("@cloudflare/workers-oauth-provider", "cloudflare_server.mjs")
    else {
        return;
    };
    let service = Service::start(&mut command, "");
    let poggio = client(&service.url).build().unwrap();
    let server = poggio.discover_for(&format!("{}/api", service.url)).await.unwrap();
    let refusal = Refusal {
        change: |metadata| metadata.with_grant_types(["authorization_code", "unknown_grant"]),
        message: "Unsupported grant_type: unknown_grant",
    };
    holds_for(ALL_METHODS, &service.url, "/api", &server, &refusal).await;
}
