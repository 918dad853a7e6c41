//! What a test needs of the server to go on from a registration to a token.

use std::time::Duration;

use super::{Received, Reply, Server, authorize, discovery, page, person, state::lock, token};
use crate::ClientInformation;

impl Server {
    /// Returns the issuer, as discovery and the answers of the authorization page name it: the
    /// base URL.
    #[must_use]
    pub fn issuer(&self) -> String {
        self.base_url()
    }

    /// Returns the URL of the authorization page.
    ///
    /// It asks for what RFC 6749 asks for, and for PKCE with S256. Where it cannot be sure that
    /// it would send the person to the program that asks, it says so and sends nobody anywhere.
    #[must_use]
    pub fn authorization_endpoint(&self) -> String {
        format!("{}{}", self.base_url(), authorize::PATH)
    }

    /// Returns the URL of the token endpoint, which is there under `/v2` as well.
    ///
    /// Codes are good for 10 minutes and once, access tokens for an hour. Clients without a
    /// secret get another refresh token with each refresh, the others keep theirs.
    #[must_use]
    pub fn token_endpoint(&self) -> String {
        format!("{}{}", self.base_url(), token::PATHS[0])
    }

    /// Returns the URL of an MCP server that answers 401 with a challenge, unless a live access
    /// token for it, as the `resource` of RFC 8707, is given: then JSON that says whose it is.
    #[must_use]
    pub fn mcp_url(&self) -> String {
        format!("{}{}", self.base_url(), discovery::MCP)
    }

    /// Opens an authorization URL and presses "Allow", as a person would in a browser; returns
    /// the URL that the browser would be sent to. A URL that is refused with an error to the
    /// program gives that.
    ///
    /// # Panics
    ///
    /// If the server shows what is wrong instead of sending anyone anywhere (the client or its
    /// redirect URI is unknown), or if the URL is not on this machine.
    ///
    /// # Examples
    ///
    /// ```
    /// use poggio::{ClientMetadata, reqwest, testing::Server};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let server = Server::start().await;
    /// let metadata = ClientMetadata::new().with_redirect_uri("http://127.0.0.1:8910/callback");
    /// let client = server.client().register(&metadata).await?;
    ///
    /// let url = reqwest::Url::parse_with_params(&server.authorization_endpoint(), [
    ///     ("response_type", "code"),
    ///     ("client_id", &client.client_id),
    ///     ("state", "xyz"),
    ///     // Of the verifier in RFC 7636 appendix B.
    ///     ("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"),
    ///     ("code_challenge_method", "S256"),
    /// ])?;
    /// let sent_to = reqwest::Url::parse(&server.allow(url.as_str()).await)?;
    ///
    /// assert!(sent_to.as_str().starts_with("http://127.0.0.1:8910/callback?"));
    /// let answer: Vec<_> = sent_to.query_pairs().map(|(name, _)| name).collect();
    /// assert_eq!(answer, ["code", "state", "iss"]);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn allow(&self, authorization_url: &str) -> String {
        sent_to(person::press(page::ALLOW, authorization_url).await)
    }

    /// Opens an authorization URL and presses "Deny"; returns as [`allow`](Self::allow) does.
    ///
    /// # Panics
    ///
    /// As [`allow`](Self::allow).
    pub async fn deny(&self, authorization_url: &str) -> String {
        sent_to(person::press(page::DENY, authorization_url).await)
    }

    /// Adds replies to the script of the token endpoint, as [`script`](Self::script) does for
    /// registrations.
    pub fn script_token(&self, replies: impl IntoIterator<Item = Reply>) {
        lock(&self.state).token_script.extend(replies);
    }

    /// Knows a client from now on, as one that a program kept from an earlier run: a server begins
    /// with none.
    ///
    /// # Examples
    ///
    /// ```
    /// use poggio::{ClientInformation, oauth::{AuthorizationServer, OAuthError}, testing::Server};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), OAuthError> {
    /// let server = Server::start().await;
    /// let kept = r#"{"client_id": "7", "client_secret": "s", "grant_types": ["client_credentials"]}"#;
    /// let kept = ClientInformation::from_json(kept)?;
    /// server.remember(&kept);
    ///
    /// let endpoints =
    ///     AuthorizationServer::new(server.authorization_endpoint(), server.token_endpoint());
    /// let oauth = kept.oauth2_client(&endpoints, None)?;
    /// oauth.exchange_client_credentials().request_async(&server.client()).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn remember(&self, client: &ClientInformation) {
        lock(&self.state).ledger.remember(client.clone());
    }

    /// Forgets a client: from now on it is unknown (`invalid_client`), and its codes and tokens
    /// with it.
    pub fn revoke_client(&self, client_id: &str) {
        lock(&self.state).ledger.forget(client_id);
    }

    /// Sets this server's clock forward, so that codes, tokens and secrets expire.
    pub fn advance(&self, by: Duration) {
        lock(&self.state).ledger.ahead += by;
    }

    /// Returns every request to the token endpoint so far, in order, whatever was answered; its
    /// fields are in [`Received::field`].
    #[must_use]
    pub fn token_requests(&self) -> Vec<Received> {
        lock(&self.state).token_received.clone()
    }
}

fn sent_to(outcome: Result<String, String>) -> String {
    match outcome {
        Ok(url) => url,
        // A test that gets here asks for what no person could allow.
        Err(shown) => panic!("the authorization page sent nobody anywhere: {shown}"),
    }
}
