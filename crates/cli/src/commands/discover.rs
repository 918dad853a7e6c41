//! `discover`: the endpoints that metadata name.

use poggio::oauth::{AuthorizationServer, OAuthErrorKind};
use serde_json::json;

use crate::{
    args::Options,
    environment::{Environment, Mode, discovery_client},
    failure::Failure,
    output::Output,
    shown::plain,
};

pub(super) async fn discover(
    url: Option<String>,
    options: &Options,
    output: Output,
) -> Result<(), Failure> {
    // The embedded server runs until this is dropped.
    let embedded =
        if options.embedded { Some(Environment::open(options, Mode::Online).await?) } else { None };
    let url = match (url, &embedded) {
        (Some(url), _) => url,
        (None, Some(environment)) => format!("{}/mcp", environment.poggio.base_url()),
        (None, None) => String::new(),
    };
    let server = find(&url).await?;
    let methods = &server.token_endpoint_auth_methods_supported;
    let methods: Vec<_> = methods.iter().map(poggio::AuthMethod::as_str).collect();
    let rows = [
        ("issuer", server.issuer.clone()),
        ("authorization", Some(server.authorization_endpoint.clone())),
        ("token", Some(server.token_endpoint.clone())),
        ("registration", server.registration_endpoint.clone()),
        ("revocation", server.revocation_endpoint.clone()),
        ("resource", server.resource.clone()),
        ("scopes of the resource", Some(server.resource_scopes.join(" "))),
        ("scopes", Some(server.scopes_supported.join(" "))),
        ("client authentication", Some(methods.join(" "))),
    ];
    let rows = rows.into_iter().filter_map(|(name, value)| {
        let value = value.filter(|value| !value.is_empty())?;
        Some((name, plain(&value)))
    });
    let json = json!({
        "issuer": server.issuer,
        "authorization_endpoint": server.authorization_endpoint,
        "token_endpoint": server.token_endpoint,
        "registration_endpoint": server.registration_endpoint,
        "revocation_endpoint": server.revocation_endpoint,
        "resource": server.resource,
        "resource_scopes": server.resource_scopes,
        "scopes_supported": server.scopes_supported,
        "token_endpoint_auth_methods_supported": methods,
    });
    output.result("", rows.collect(), &json)
}

/// Finds the server with this issuer, or else the server of this resource.
async fn find(url: &str) -> Result<AuthorizationServer, Failure> {
    let poggio = discovery_client(url)?;
    match poggio.discover(url).await {
        Err(error) if error.kind() == OAuthErrorKind::Discovery => {
            Ok(poggio.discover_for(url).await?)
        }
        result => Ok(result?),
    }
}
