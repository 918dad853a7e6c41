//! Logins at django-oauth-toolkit.

use poggio::{AuthMethod, oauth::Logout};

use crate::{
    login::{Fixture, client, keeps_a_login, logs_out, refuses, replaces_a_deleted_client},
    service::{Service, python},
};

#[tokio::test(flavor = "multi_thread")]
async fn login_is_kept_at_django() {
    let Some(mut command) = python("oauth2_provider", "django_server.py") else { return };
    let service = Service::start(&mut command, "");
    let poggio = client(&service.url).build().unwrap();
    let server = poggio.discover(&format!("{}/o", service.url)).await.unwrap();
    for method in [AuthMethod::ClientSecretPost, AuthMethod::ClientSecretBasic, AuthMethod::None] {
        let resource = format!("{}/api", service.url);
        let it = Fixture::new(&service.url, &resource, server.clone()).with_method(method);
        keeps_a_login(&it).await;
        logs_out(&it, Logout::Revoked).await;
        replaces_a_deleted_client(&it).await;
        let bad =
            it.metadata.clone().with_grant_types(["authorization_code", "client_credentials"]);
        let error = refuses(&it.poggio, &bad, 400).await;
        assert!(
            error.to_string().contains("DOT only supports one grant type per application"),
            "{error}"
        );
    }
}
