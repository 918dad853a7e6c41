//! Discovers endpoints from the metadata of an authorization server (RFC 8414, OpenID Connect
//! Discovery) or of a protected resource (RFC 9728), in the order of the MCP authorization
//! specification.
//!
//! Here is the order of the URLs. `search` sends the requests, `places` has the URLs, and `documents`
//! checks the metadata that was found.

mod documents;
#[cfg(any(fuzzing, feature = "__bench"))]
pub(super) mod parts;
mod places;
mod search;

use reqwest::{StatusCode, Url};

use self::{
    documents::{Document, Issuer, ResourceMetadata},
    search::{Challenge, Search},
};
use super::{
    error::OAuthError,
    server::{AuthorizationServer, Source, endpoint},
};
use crate::client::Client;

/// How many `authorization_servers` of a resource, and how many metadata URLs of a challenge, are
/// tried.
const MAX_CANDIDATES: usize = 8;

impl Client {
    /// Returns the endpoints of the authorization server with this issuer, such as
    /// `https://api.poggio.io`, from its metadata.
    ///
    /// The metadata is at the first of these URLs that has it: the well-known URL of RFC 8414, then
    /// those of OpenID Connect, with the path of the issuer after and before
    /// `/.well-known/openid-configuration`. Redirects are followed within the origin only. The whole
    /// discovery takes at most the [`timeout`](crate::ClientBuilder::timeout), and each request at
    /// most half of the time that is left.
    ///
    /// The metadata must name this issuer (RFC 8414 section 3.3) and https endpoints. There is one
    /// exception: `https://api.poggio.io` names an issuer at another host, and is accepted with any
    /// https issuer. Such an issuer is only compared with the `iss` of callbacks. Plain http is
    /// accepted only for a loopback host, and only if the
    /// [`base_url`](crate::ClientBuilder::base_url) of this client is plain http too.
    ///
    /// # Errors
    ///
    /// Returns [`OAuthErrorKind::Endpoint`] if the issuer is not such a URL,
    /// [`OAuthErrorKind::Discovery`] if the metadata is missing or fails a check, and
    /// [`OAuthErrorKind::Transport`] if no response arrived. The message of the last two has one line
    /// for each URL that was tried.
    ///
    /// [`OAuthErrorKind::Endpoint`]: super::OAuthErrorKind::Endpoint
    /// [`OAuthErrorKind::Discovery`]: super::OAuthErrorKind::Discovery
    /// [`OAuthErrorKind::Transport`]: super::OAuthErrorKind::Transport
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use poggio::Client;
    ///
    /// # async fn find() -> Result<(), Box<dyn std::error::Error>> {
    /// let server = Client::new()?.discover("https://api.poggio.io").await?;
    /// // The server may name another version of the API.
    /// let mut poggio = Client::builder();
    /// if let Some(url) = &server.registration_endpoint {
    ///     poggio = poggio.registration_endpoint(url);
    /// }
    /// let poggio = poggio.build()?;
    /// # let _ = poggio;
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias("rfc8414", "oidc", "well-known", "openid-configuration"))]
    pub async fn discover(&self, issuer: &str) -> Result<AuthorizationServer, OAuthError> {
        let issuer = Issuer::parse("issuer", issuer)?;
        self.check_scheme(&issuer.url)?;
        let mut search = Search::new(self);
        match search.server(&issuer).await {
            Some(server) => Ok(server),
            None => Err(search.into_error(&issuer.url)),
        }
    }

    /// Returns the endpoints of the authorization server of a protected resource, such as
    /// `https://mcp.poggio.io/mcp` (RFC 9728, MCP authorization specification).
    ///
    /// The client requests the resource without a token. The URLs of the resource's metadata are
    /// those in the challenge of the response, then the well-known URL with the path of the
    /// resource, then the one of its host. The metadata must describe the resource, or a parent of
    /// it on the same host. The first of its authorization servers that can be
    /// [discovered](Self::discover) is used.
    ///
    /// Without metadata of the resource, its host is the authorization server. If that has no
    /// metadata either, and the resource responds 401 or, as an MCP server does to a GET request,
    /// 405, the endpoints are `/authorize`, `/token` and `/register` of the host, as in the MCP
    /// specification of 2025-03-26. The metadata of the host may name an issuer with a path, which is
    /// then only compared with the `iss` of callbacks.
    ///
    /// If the response to a GET request has no challenge, but that to another request has one, use
    /// [`discover_for_challenge`](Self::discover_for_challenge).
    ///
    /// # Errors
    ///
    /// Returns the errors of [`discover`](Self::discover).
    #[doc(alias("rfc9728", "mcp", "protected resource"))]
    pub async fn discover_for(&self, resource: &str) -> Result<AuthorizationServer, OAuthError> {
        let url = endpoint("resource", resource)?;
        self.check_scheme(&url)?;
        let mut search = Search::new(self);
        let challenge = search.challenge(&url).await;
        match search.server_of_resource(&url, challenge).await {
            Some(server) => Ok(server),
            None => Err(search.into_error(&url)),
        }
    }

    /// Returns the endpoints of the authorization server of a protected resource that has responded
    /// 401, from the `WWW-Authenticate` header of that response.
    ///
    /// Unlike [`discover_for`](Self::discover_for), it does not request the resource. Use it if the
    /// resource sends its challenge only in response to a certain request, such as an MCP server that
    /// accepts only POST requests.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`discover`](Self::discover).
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use poggio::{Client, oauth::{AuthorizationServer, OAuthError}};
    ///
    /// # async fn find(poggio: &Client) -> Result<AuthorizationServer, OAuthError> {
    /// let url = "https://mcp.poggio.io/mcp";
    /// let challenge = r#"Bearer scope="read", resource_metadata="https://mcp.poggio.io/metadata""#;
    /// let server = poggio.discover_for_challenge(url, challenge).await?;
    /// # Ok(server)
    /// # }
    /// ```
    pub async fn discover_for_challenge(
        &self,
        resource: &str,
        www_authenticate: &str,
    ) -> Result<AuthorizationServer, OAuthError> {
        let url = endpoint("resource", resource)?;
        self.check_scheme(&url)?;
        let mut search = Search::new(self);
        let challenge = Challenge::parse(&url, www_authenticate);
        match search.server_of_resource(&url, challenge).await {
            Some(server) => Ok(server),
            None => Err(search.into_error(&url)),
        }
    }
}

impl Search<'_> {
    /// Returns the endpoints from the first metadata of this issuer that passes the checks.
    async fn server(&mut self, issuer: &Issuer) -> Option<AuthorizationServer> {
        self.server_at(issuer, documents::server).await
    }

    /// Returns the endpoints from the first metadata of this issuer that `read` accepts.
    async fn server_at(
        &mut self,
        issuer: &Issuer,
        read: fn(&Issuer, &Document) -> Result<AuthorizationServer, String>,
    ) -> Option<AuthorizationServer> {
        for place in places::of_server(&issuer.url) {
            let Some(document) = self.document(&place).await else { continue };
            match read(issuer, &document) {
                Ok(server) => return Some(server),
                Err(problem) => self.record(&place, &problem),
            }
        }
        None
    }

    async fn server_of_resource(
        &mut self,
        resource: &Url,
        challenge: Challenge,
    ) -> Option<AuthorizationServer> {
        let mut server = match self.resource_metadata(resource, &challenge).await {
            Some(metadata) => {
                let mut server = self.first_server(&metadata).await?;
                server.resource = Some(metadata.resource);
                server.resource_scopes = metadata.scopes;
                server
            }
            None => self.server_of_host(resource, &challenge).await?,
        };
        if !challenge.scopes.is_empty() {
            server.resource_scopes = challenge.scopes;
        }
        Some(server)
    }

    /// Returns the first metadata that describes this resource and names an authorization server.
    async fn resource_metadata(
        &mut self,
        resource: &Url,
        challenge: &Challenge,
    ) -> Option<ResourceMetadata> {
        let mut places = Vec::new();
        for text in challenge.metadata_urls.iter().take(MAX_CANDIDATES) {
            match documents::metadata_url(resource, text) {
                Ok(url) => places.push(url),
                Err(problem) => self.record(resource, &problem),
            }
        }
        places.extend(places::of_resource(&challenge.url));
        places.extend(places::of_resource(resource));
        let mut tried = Vec::new();
        for place in places {
            if tried.contains(&place) {
                continue;
            }
            if let Some(document) = self.document(&place).await {
                match ResourceMetadata::check(&[resource, &challenge.url], &place, &document) {
                    Ok(metadata) => return Some(metadata),
                    Err(problem) => self.record(&place, &problem),
                }
            }
            tried.push(place);
        }
        None
    }

    /// Returns the first authorization server of a resource that can be discovered.
    async fn first_server(&mut self, metadata: &ResourceMetadata) -> Option<AuthorizationServer> {
        for text in metadata.authorization_servers.iter().take(MAX_CANDIDATES) {
            match documents::issuer_of_resource(&metadata.source, text) {
                Ok(issuer) => {
                    if let Some(server) = self.server(&issuer).await {
                        return Some(server);
                    }
                }
                Err(problem) => self.record(&metadata.source, &problem),
            }
        }
        None
    }

    /// Returns the endpoints of a resource that has no metadata (MCP authorization specification,
    /// 2025-03-26): those that its host names, or else fixed ones.
    async fn server_of_host(
        &mut self,
        resource: &Url,
        challenge: &Challenge,
    ) -> Option<AuthorizationServer> {
        let host = places::at(resource, "/");
        let issuer = Issuer::parse("issuer", host.as_str()).ok()?;
        let server = self.server_at(&issuer, documents::server_of_host).await;
        let is_mcp = matches!(
            challenge.status,
            Some(StatusCode::UNAUTHORIZED | StatusCode::METHOD_NOT_ALLOWED)
        );
        if server.is_some() || !is_mcp || !self.has_no_metadata() {
            return server;
        }
        let at = |path| String::from(places::at(resource, path));
        let mut server = AuthorizationServer::new(at("/authorize"), at("/token"));
        server.registration_endpoint = Some(at("/register"));
        server.source = Source::Host;
        Some(server)
    }
}
