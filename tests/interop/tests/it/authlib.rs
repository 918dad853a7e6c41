//! Logins at Authlib with Flask.

use crate::{
    login::{ALL_METHODS, Refusal, client, holds_for},
    service::{Service, python},
};

#[tokio::test(flavor = "multi_thread")]
async fn login_is_kept_at_authlib() {
    let Some(mut command) = python("authlib", "authlib_server.py") else { return };
    let service = Service::start(&mut command, "");
    let poggio = client(&service.url).build().unwrap();
    let server = poggio.discover(&service.url).await.unwrap();
    let refusal = Refusal {
        change: |metadata| metadata.with_grant_types(["authorization_code", "unknown_grant"]),
        message: "Invalid claim: 'grant_types'",
    };
    holds_for(ALL_METHODS, &service.url, "/api", &server, &refusal).await;
}
