//! Helpers of the OAuth tests: a registered client, its authorization server, URL parameters.

use poggio::{
    ClientInformation,
    oauth::{AuthorizationServer, OAuth2Client},
    reqwest::Url,
    testing::Server,
};
use serde_json::{Value, json};

pub(crate) const REDIRECT_URI: &str = "http://127.0.0.1:8910/callback";

/// Returns a registered client with a secret and [`REDIRECT_URI`], changed by these members.
pub(crate) fn registered(members: Value) -> ClientInformation {
    let mut json = json!({
        "client_id": "id 1", "client_secret": "s3cr3t/+ of:mine", "redirect_uris": [REDIRECT_URI],
    });
    json.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    ClientInformation::from_json(&json.to_string()).unwrap()
}

/// Returns a client that is registered with [`REDIRECT_URI`] at this server.
pub(crate) fn oauth2_client(server: &AuthorizationServer) -> OAuth2Client {
    registered(json!({})).oauth2_client(server, Some(REDIRECT_URI)).unwrap()
}

/// Returns the endpoints of a loopback server.
pub(crate) fn endpoints(server: &Server) -> AuthorizationServer {
    AuthorizationServer::new(server.authorization_endpoint(), server.token_endpoint())
}

/// Returns the only value of a query parameter.
#[track_caller]
pub(crate) fn param(url: &Url, name: &str) -> String {
    let values: Vec<_> = url.query_pairs().filter(|(other, _)| other == name).collect();
    assert_eq!(values.len(), 1, "{name} in {url}");
    values[0].1.clone().into_owned()
}
