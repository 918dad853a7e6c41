//! [`Client`] and its settings. Its operations are in `register`, `store` and `oauth`.

use std::{fmt, sync::Arc, time::Duration};

#[cfg(feature = "oauth2")]
use reqwest::Url;

use crate::{response::Binding, secret::BearerToken, transport::Transport};
#[cfg(feature = "oauth2")]
use crate::{response::ServerId, url};

/// Registers OAuth clients at Poggio.
///
/// Cloning is cheap, and clones share their connections. Use
/// [`register_once`](Self::register_once) in a program that runs more than once, and
/// [`register`](Self::register) to create a new client with every call.
///
/// # Examples
///
/// ```no_run
/// use poggio::{Client, ClientMetadata};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), poggio::Error> {
/// let poggio = Client::new()?;
/// let metadata = ClientMetadata::new().with_redirect_uri("http://127.0.0.1:8910/callback");
///
/// let client = poggio.register(&metadata).await?;
/// println!("registered as {}", client.client_id);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Client {
    pub(super) http: reqwest::Client,
    pub(super) shared: Arc<Shared>,
    /// Where the clients that it registers belong.
    pub(super) binding: Arc<Binding>,
}

pub(super) struct Shared {
    pub(super) base_url: String,
    pub(super) token: Option<BearerToken>,
    /// Whether the registration endpoint was set, and not derived from the base URL.
    #[cfg(feature = "oauth2")]
    pub(super) has_own_endpoint: bool,
    pub(super) transport: Arc<Transport>,
    pub(super) local_validation: bool,
    pub(super) renewal_margin: Duration,
}

impl Client {
    /// Returns the base URL, without a trailing slash.
    #[must_use]
    pub fn base_url(&self) -> &str {
        &self.shared.base_url
    }

    /// Returns the URL of the registration endpoint.
    #[must_use]
    pub fn registration_endpoint(&self) -> &str {
        self.shared.transport.endpoint.as_str()
    }

    pub(crate) fn binding(&self) -> &Arc<Binding> {
        &self.binding
    }

    /// Returns this client for one authorization server.
    #[cfg(feature = "oauth2")]
    pub(crate) fn with_server(&self, server: ServerId) -> Self {
        let endpoint = self.registration_endpoint().to_owned();
        Self { binding: Arc::new(Binding { endpoint, server: Some(server) }), ..self.clone() }
    }

    #[cfg(feature = "oauth2")]
    pub(crate) fn has_own_endpoint(&self) -> bool {
        self.shared.has_own_endpoint
    }

    /// Returns this client with another registration endpoint. At another origin, it receives no bearer
    /// token.
    #[cfg(feature = "oauth2")]
    pub(crate) fn with_registration_endpoint(&self, endpoint: Url) -> Self {
        let shared = &self.shared;
        let binding = Binding { endpoint: endpoint.as_str().to_owned(), server: None };
        let is_same_origin = endpoint.origin() == shared.transport.endpoint.origin();
        let transport = Transport {
            host: url::host_and_port(&endpoint).into(),
            endpoint,
            authorization: shared.transport.authorization.clone().filter(|_| is_same_origin),
            ..Transport::clone(&shared.transport)
        };
        let shared = Shared {
            base_url: shared.base_url.clone(),
            token: shared.token.clone(),
            has_own_endpoint: true,
            transport: Arc::new(transport),
            local_validation: shared.local_validation,
            renewal_margin: shared.renewal_margin,
        };
        Self { http: self.http.clone(), shared: Arc::new(shared), binding: Arc::new(binding) }
    }

    pub(crate) fn transport(&self) -> &Transport {
        &self.shared.transport
    }

    #[cfg(any(feature = "oauth2", feature = "testing"))]
    pub(crate) fn http(&self) -> &reqwest::Client {
        &self.http
    }

    pub(crate) fn local_validation(&self) -> bool {
        self.shared.local_validation
    }

    pub(crate) fn renewal_margin(&self) -> Duration {
        self.shared.renewal_margin
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("base_url", &self.shared.base_url)
            .field("registration_endpoint", &self.registration_endpoint())
            .field("auth_token", &self.shared.token)
            .field("timeout", &self.shared.transport.timeout)
            .field("max_retries", &self.shared.transport.max_retries)
            .field("max_response_bytes", &self.shared.transport.max_response_bytes)
            .field("local_validation", &self.shared.local_validation)
            .finish_non_exhaustive()
    }
}
