//! Registrations at FastAPI and Pydantic.

use poggio::{ClientMetadata, Error};

use crate::{
    login::{client, refuses},
    service::{Service, python},
};

#[tokio::test(flavor = "multi_thread")]
async fn registration_works_at_fastapi() {
    let Some(mut command) = python("fastapi", "fastapi_server.py") else { return };
    let service = Service::start(&mut command, "");
    let poggio = client(&service.url).build().unwrap();
    let metadata = ClientMetadata::new().with_redirect_uri("http://127.0.0.1:8910/callback");
    let registered = poggio.register(&metadata).await.unwrap();
    assert_eq!(registered.client_id.len(), 16);
    assert_eq!(registered.client_secret.unwrap().expose().len(), 43);
    assert!(registered.metadata.client_name.is_none());

    let bad = metadata.clone().with_grant_types(["authorization_code", "password"]);
    let error = refuses(&poggio, &bad, 422).await;
    assert!(matches!(error, Error::Validation(_)), "{error}");
    assert!(error.to_string().contains("grant_types"), "{error}");
    let bad = metadata.with_client_name("not allowed");
    let error = refuses(&poggio, &bad, 400).await;
    assert!(error.to_string().contains("client_name is not allowed"), "{error}");
}
