//! The server that a store remembers of a client.

use poggio::{
    Client, Error, Outcome, RegistrationStoreExt, StoreErrorKind, oauth::AuthorizationServer,
};

use super::{Fixture, token};
use crate::support::{metadata, store::store_error};

/// Returns a server that the caller configured, at this origin.
fn configured(origin: &str) -> AuthorizationServer {
    AuthorizationServer::new(format!("{origin}/authorize"), format!("{origin}/v1/oauth/token"))
}

/// Returns the record of the only client in use.
fn record(f: &Fixture) -> serde_json::Value {
    let text = std::fs::read_to_string(f.store.path()).unwrap();
    let document: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(document["registrations"].as_array().unwrap().len(), 1);
    document["registrations"][0].clone()
}

#[track_caller]
fn assert_other_server(error: &Error, own: &str, requested: &str) {
    assert_eq!(store_error(error).kind(), StoreErrorKind::OtherServer, "{error}");
    assert_eq!(error.outcome(), Outcome::NotRegistered);
    let servers = format!("belongs to {own}, but was requested for {requested}");
    assert!(error.to_string().contains(&servers), "{error}");
    let help = "use the client at its own server, or use another store for this server";
    assert!(error.to_string().ends_with(help), "{error}");
}

#[tokio::test]
async fn store_remembers_the_server_of_a_client_and_refuses_another() {
    let f = Fixture::new().await;
    let (honest, hostile) = (f.honest.base_url(), f.hostile.uri());
    let poggio = f.client_of(&f.honest_endpoints);
    let own = poggio.for_server(&f.honest_endpoints).unwrap();
    let client = own.register_once(&metadata(), &f.store).await.unwrap();
    let server = serde_json::json!({"origin": honest, "issuer": f.honest.issuer()});
    assert_eq!(record(&f)["server"], server);

    // Even a server that the caller configured is another one.
    let other = poggio.for_server(&configured(&hostile)).unwrap();
    for error in [
        other.register_once(&metadata(), &f.store).await.unwrap_err(),
        other.find_registration(&metadata(), &f.store).await.unwrap_err(),
    ] {
        assert_other_server(&error, &honest, &hostile);
    }
    let again = poggio.register_once(&metadata(), &f.store).await.unwrap();
    assert_eq!(again.client_id, client.client_id);
    let error = again.oauth2_client(&configured(&hostile), None).unwrap_err();
    assert!(error.to_string().contains("belongs to"), "{error}");
    assert_eq!(record(&f)["server"], server);
    f.assert_nothing_was_sent(1).await;
}

#[tokio::test]
async fn store_remembers_the_server_of_a_client_when_it_becomes_known() {
    let f = Fixture::new().await;
    let elsewhere = f.hostile.uri();
    let poggio = f.client_of(&f.honest_endpoints);
    let client = poggio.register_once(&metadata(), &f.store).await.unwrap();
    assert!(record(&f).get("server").is_none());

    // A caller may configure a server elsewhere. From then on, the client belongs to it.
    let configured_client = poggio.for_server(&configured(&elsewhere)).unwrap();
    let again = configured_client.register_once(&metadata(), &f.store).await.unwrap();
    assert_eq!(again.client_id, client.client_id);
    assert_eq!(record(&f)["server"], serde_json::json!({"origin": elsewhere}));
    again.oauth2_client(&configured(&elsewhere), None).unwrap();

    let error = poggio
        .for_server(&f.honest_endpoints)
        .unwrap()
        .register_once(&metadata(), &f.store)
        .await
        .unwrap_err();
    let own = f.honest.base_url();
    assert_other_server(&error, &elsewhere, &own);
    f.assert_nothing_was_sent(1).await;
}

#[tokio::test]
async fn renewed_client_belongs_to_the_server_of_the_client_before_it() {
    let f = Fixture::new().await;
    let poggio = f.client_of(&f.honest_endpoints);
    let own = poggio.for_server(&f.honest_endpoints).unwrap();
    let expires = poggio::testing::Reply::registered().with_member("client_secret_expires_at", 9);
    f.honest.script([expires]);
    own.register_once(&metadata(), &f.store).await.unwrap();
    // The record is older than the wait between two clients that had expired on arrival.
    let text = std::fs::read_to_string(f.store.path()).unwrap();
    let mut document: serde_json::Value = serde_json::from_str(&text).unwrap();
    document["registrations"][0]["saved_at"] = 8.into();
    std::fs::write(f.store.path(), document.to_string()).unwrap();

    poggio.register_once(&metadata(), &f.store).await.unwrap();
    let issuer = f.honest.issuer();
    let server = serde_json::json!({"origin": f.honest.base_url(), "issuer": issuer});
    assert_eq!(record(&f)["server"], server);
    assert_eq!(f.honest.registrations().len(), 2);
}

#[tokio::test]
async fn another_version_of_the_api_uses_the_same_client_and_updates_its_record() {
    let f = Fixture::new().await;
    let base_url = f.honest.base_url();
    let v1 = Client::builder().base_url(&base_url).build().unwrap();
    assert_eq!(v1.registration_endpoint(), format!("{base_url}/v1/oauth/register"));
    let v1 = v1.for_server(&configured(&base_url)).unwrap();
    let client = v1.register_once(&metadata(), &f.store).await.unwrap();

    let v2 = f.client_of(&f.honest_endpoints).for_server(&f.honest_endpoints).unwrap();
    assert_eq!(v2.registration_endpoint(), format!("{base_url}/v2/oauth/register"));
    let again = v2.register_once(&metadata(), &f.store).await.unwrap();
    assert_eq!(again.client_id, client.client_id);
    assert_eq!(record(&f)["endpoint"], v2.registration_endpoint());
    let server = serde_json::json!({"origin": base_url, "issuer": f.honest.issuer()});
    assert_eq!(record(&f)["server"], server);
    assert_eq!(f.honest.registrations().len(), 1);
}

#[tokio::test]
async fn another_path_that_is_not_a_version_is_another_registration_endpoint() {
    let f = Fixture::new().await;
    let base_url = f.honest.base_url();
    let tenant = |name: &str| {
        let endpoint = format!("{base_url}/{name}/oauth/register");
        Client::builder().base_url(&base_url).registration_endpoint(endpoint).build().unwrap()
    };
    let entered = crate::support::store::client_from(&serde_json::json!({"client_id": "of a"}));
    let endpoint = tenant("a").registration_endpoint().to_owned();
    f.store.import(&endpoint, &entered).await.unwrap();
    let found = async |poggio: Client| {
        let found = poggio.find_registration(&metadata(), &f.store).await.unwrap();
        found.map(|client| client.client_id)
    };
    assert_eq!(found(tenant("a")).await.as_deref(), Some("of a"));
    for other in ["b", "v1", "a/a", "A"] {
        assert_eq!(found(tenant(other)).await, None, "{other}");
    }
}

#[tokio::test]
async fn find_registration_treats_two_issuers_at_one_origin_as_two_servers() {
    let f = Fixture::new().await;
    let base_url = f.honest.base_url();
    let server = |tenant: &str| configured(&base_url).with_issuer(format!("{base_url}/{tenant}"));
    let poggio = f.client_of(&f.honest_endpoints);
    let one = poggio.for_server(&server("one")).unwrap();
    one.register_once(&metadata(), &f.store).await.unwrap();
    let two = poggio.for_server(&server("two")).unwrap();
    let error = two.register_once(&metadata(), &f.store).await.unwrap_err();
    let issuer = |tenant: &str| format!("{base_url} (issuer \"{base_url}/{tenant}\")");
    assert_other_server(&error, &issuer("one"), &issuer("two"));
    assert_eq!(f.honest.registrations().len(), 1);
}

#[tokio::test]
async fn client_of_a_store_gets_a_token_at_its_own_server() {
    let f = Fixture::new().await;
    let metadata = poggio::ClientMetadata::client_credentials();
    let poggio = f.client_of(&f.honest_endpoints).for_server(&f.honest_endpoints).unwrap();
    for _ in 0..2 {
        let client = poggio.register_once(&metadata, &f.store).await.unwrap();
        token(&poggio, &client, &f.honest_endpoints).await.unwrap();
        // The documented path of the token endpoint is at the same origin.
        token(&poggio, &client, &configured(&f.honest.base_url())).await.unwrap();
    }
    assert_eq!(f.honest.registrations().len(), 1);
}
