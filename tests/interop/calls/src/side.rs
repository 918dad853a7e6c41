//! The sides of the comparison. Each registers the same metadata and returns the client's identifier.

use std::time::Duration;

use huskarl::registration::{ClientMetadata, ClientRegistration};
use huskarl_reqwest::ReqwestClient;
use openidconnect::{
    ClientContactEmail, ClientName, ClientUrl, LocalizedClaim, RedirectUrl, RegistrationUrl,
    core::{CoreClientRegistrationRequest, CoreGrantType},
    registration::EmptyAdditionalClientMetadata,
    reqwest::redirect::Policy,
};

use crate::support::{Bare, metadata};

/// The first is what the others are compared with.
pub(crate) const NAMES: [&str; 5] =
    ["bare reqwest", "poggio", "poggio, local_validation off", "openidconnect", "huskarl"];

const REDIRECT_URI: &str = "http://127.0.0.1:8910/callback";

#[derive(Clone)]
pub(crate) enum Side {
    Bare(Bare),
    Poggio(poggio::Client),
    OpenIdConnect(openidconnect::reqwest::Client, RegistrationUrl),
    Huskarl(ReqwestClient, ClientRegistration),
}

impl Side {
    pub(crate) async fn new(name: &str, base_url: &str) -> Self {
        let endpoint = format!("{base_url}/v1/oauth/register");
        let poggio = |checked| {
            let builder = poggio::Client::builder().base_url(base_url).local_validation(checked);
            Self::Poggio(builder.build().expect("a client"))
        };
        match name {
            "bare reqwest" => Self::Bare(Bare::new(base_url)),
            "poggio" => poggio(true),
            "poggio, local_validation off" => poggio(false),
            "openidconnect" => {
                let http = openidconnect::reqwest::Client::builder()
                    .connect_timeout(Duration::from_secs(10))
                    .timeout(Duration::from_secs(30))
                    .redirect(Policy::none())
                    .no_proxy();
                let endpoint = RegistrationUrl::new(endpoint).expect("a URL");
                Self::OpenIdConnect(http.build().expect("a client"), endpoint)
            }
            "huskarl" => {
                let http = ReqwestClient::builder().build().await.expect("a client");
                let endpoint = endpoint.parse().expect("a URL");
                let registration = ClientRegistration::builder().registration_endpoint(endpoint);
                Self::Huskarl(http, registration.build())
            }
            name => panic!("there is no side {name}"),
        }
    }

    /// Registers a client and returns its identifier.
    pub(crate) async fn register(&self) -> String {
        match self {
            Self::Bare(bare) => bare.register(&metadata()).await.expect("a client").client_id,
            Self::Poggio(client) => client.register(&metadata()).await.expect("a client").client_id,
            Self::OpenIdConnect(http, endpoint) => {
                let response = open_id_connect().register_async(endpoint, http).await;
                response.expect("a client").client_id().to_string()
            }
            Self::Huskarl(http, registration) => {
                let response = registration.register(http, &huskarl()).await;
                response.expect("a client").client_id
            }
        }
    }
}

/// The metadata without the scope, which this crate has no setter for.
fn open_id_connect() -> CoreClientRegistrationRequest {
    let name = ClientName::new("Acme Sync".to_owned());
    let url = ClientUrl::new("https://acme.example".to_owned()).expect("a URL");
    CoreClientRegistrationRequest::new(
        vec![RedirectUrl::new(REDIRECT_URI.to_owned()).expect("a URL")],
        EmptyAdditionalClientMetadata {},
    )
    .set_grant_types(Some(vec![CoreGrantType::AuthorizationCode, CoreGrantType::RefreshToken]))
    .set_client_name(Some(LocalizedClaim::from(name)))
    .set_client_uri(Some(LocalizedClaim::from(url)))
    .set_contacts(Some(vec![ClientContactEmail::new("ops@acme.example".to_owned())]))
}

fn huskarl() -> ClientMetadata {
    ClientMetadata::builder()
        .redirect_uris(vec![REDIRECT_URI.to_owned()])
        .grant_types(vec!["authorization_code".to_owned(), "refresh_token".to_owned()])
        .client_name("Acme Sync")
        .client_uri("https://acme.example")
        .scope(vec!["read".to_owned(), "write".to_owned()])
        .contacts(vec!["ops@acme.example".to_owned()])
        .build()
}
