//! [`Environment`]: the server at which the user logs in, and its endpoints.

use std::net::{Ipv4Addr, TcpListener};

use poggio::{Client, ClientBuilder, Error, oauth::AuthorizationServer, testing::Server};

use crate::{Args, error::LoginError};

pub(crate) struct Environment {
    pub(crate) poggio: Client,
    pub(crate) server: AuthorizationServer,
    /// Runs until it is dropped.
    pub(crate) embedded: Option<Server>,
    pub(crate) name: String,
    /// A URL to show how to use the token.
    pub(crate) api: String,
}

impl Environment {
    pub(crate) async fn find(args: &Args) -> Result<Self, LoginError> {
        let found = if let Some(issuer) = &args.discover {
            Self::discovered(issuer).await?
        } else if args.live || args.base_url.is_some() {
            Self::below_base_url(args)?
        } else {
            Self::embedded(args.embedded_port).await?
        };
        // A client of another server is not used here.
        Ok(Self { poggio: found.poggio.for_server(&found.server)?, ..found })
    }

    async fn discovered(issuer: &str) -> Result<Self, LoginError> {
        let client = with_app_info(Client::builder().base_url(issuer)).build()?;
        let server = client.discover(issuer).await?;
        let Some(endpoint) = server.registration_endpoint.clone() else {
            return Err(LoginError::NoRegistration(issuer.to_owned()));
        };
        // No `from_env`: the token in `POGGIO_AUTH_TOKEN` is for Poggio, not for this server.
        let builder = Client::builder().registration_endpoint(endpoint);
        Ok(Self {
            poggio: with_app_info(builder).build()?,
            server,
            embedded: None,
            name: issuer.to_owned(),
            api: format!("{}/…", issuer.trim_end_matches('/')),
        })
    }

    fn below_base_url(args: &Args) -> Result<Self, Error> {
        let builder = Client::builder().from_env()?;
        let builder = match &args.base_url {
            Some(url) => builder.base_url(url),
            None => builder,
        };
        let poggio = with_app_info(builder).build()?;
        let base_url = poggio.base_url().to_owned();
        let mut server = match base_url.as_str() {
            "https://api.poggio.io" => AuthorizationServer::poggio(),
            base_url => AuthorizationServer::new(
                format!("{base_url}/app/oauth/authorize"),
                format!("{base_url}/v1/oauth/token"),
            ),
        };
        if let Some(url) = &args.authorization_endpoint {
            server = server.with_authorization_endpoint(url);
        }
        Ok(Self {
            poggio, server, embedded: None, api: format!("{base_url}/v1/…"), name: base_url
        })
    }

    /// Starts the embedded server at the same address on each run.
    async fn embedded(port: u16) -> Result<Self, LoginError> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map_err(|error| {
            LoginError::Port { port, flag: "--embedded-port", reason: error.to_string() }
        })?;
        let embedded = Server::start_on(listener).await;
        // Clients of earlier runs are in the store, so ids must not repeat.
        embedded.use_random_ids();
        let mut server =
            AuthorizationServer::new(embedded.authorization_endpoint(), embedded.token_endpoint())
                .with_issuer(embedded.issuer());
        server.authorization_response_iss_parameter_supported = true;
        Ok(Self {
            poggio: with_app_info(embedded.client_builder()).build()?,
            server,
            api: format!("{}/v1/…", embedded.base_url()),
            embedded: Some(embedded),
            name: "the embedded server (--live for Poggio)".to_owned(),
        })
    }
}

fn with_app_info(builder: ClientBuilder) -> ClientBuilder {
    builder.app_info("poggio-example", env!("CARGO_PKG_VERSION"))
}
