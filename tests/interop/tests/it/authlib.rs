//! Logins at Authlib with Flask.

use poggio::{AuthMethod, oauth::Logout};

use crate::{
    login::{Fixture, client, keeps_a_login, logs_out, refuses, replaces_a_deleted_client},
    service::{Service, python},
};

#[tokio::test(flavor = "multi_thread")]
async fn login_is_kept_at_authlib() {
    let Some(mut command) = python("authlib", "authlib_server.py") else { return };
    let service = Service::start(&mut command, "");
    let poggio = client(&service.url).build().unwrap();
    let server = poggio.discover(&service.url).await.unwrap();
    for method in [AuthMethod::ClientSecretPost, AuthMethod::ClientSecretBasic, AuthMethod::None] {
        let resource = format!("{}/api", service.url);
        let it = Fixture::new(&service.url, &resource, server.clone()).with_method(method);
        keeps_a_login(&it).await;
        logs_out(&it, Logout::Revoked).await;
        replaces_a_deleted_client(&it).await;
        let bad = it.metadata.clone().with_grant_types(["authorization_code", "unknown_grant"]);
        let error = refuses(&it.poggio, &bad, 400).await;
        assert!(error.to_string().contains("Invalid claim: 'grant_types'"), "{error}");
    }
}
