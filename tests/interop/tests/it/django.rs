//! Logins at django-oauth-toolkit.

use crate::{
    login::{ALL_METHODS, Refusal, client, holds_for},
    service::{Service, python},
};

#[tokio::test(flavor = "multi_thread")]
async fn login_is_kept_at_django() {
    let Some(mut command) = python("oauth2_provider", "django_server.py") else { return };
    let service = Service::start(&mut command, "");
    let poggio = client(&service.url).build().unwrap();
    let server = poggio.discover(&format!("{}/o", service.url)).await.unwrap();
    let refusal = Refusal {
        change: |metadata| metadata.with_grant_types(["authorization_code", "client_credentials"]),
        message: "DOT only supports one grant type per application",
    };
    holds_for(ALL_METHODS, &service.url, "/api", &server, &refusal).await;
}
