//! The code of the guide page `poggio::guide::mcp`: an rmcp client with the tokens of a session.

use std::error::Error;

use async_trait::async_trait;
use poggio::{
    oauth::Session,
    reqwest,
    serde_json::{from_value, json},
};
use rmcp::{
    RoleClient, ServiceExt,
    service::RunningService,
    transport::{
        StreamableHttpClientTransport,
        auth::{AuthClient, AuthError, AuthorizationManager, CredentialStore, StoredCredentials},
        streamable_http_client::StreamableHttpClientTransportConfig,
    },
};

type Result<T, E = Box<dyn Error + Send + Sync>> = std::result::Result<T, E>;

struct Tokens(Session);

#[async_trait]
impl CredentialStore for Tokens {
    async fn load(&self) -> Result<Option<StoredCredentials>, AuthError> {
        let token = self.0.access_token().await;
        let token = token.map_err(|error| AuthError::CredentialStoreError(error.to_string()))?;
        let token = json!({"access_token": token.expose(), "token_type": "Bearer"});
        Ok(Some(StoredCredentials::new("".into(), from_value(token).ok(), Vec::new(), None)))
    }
    async fn save(&self, _: StoredCredentials) -> Result<(), AuthError> {
        Ok(())
    }
    async fn clear(&self) -> Result<(), AuthError> {
        Ok(())
    }
}

pub async fn connect(session: &Session, url: &str) -> Result<RunningService<RoleClient, ()>> {
    let mut manager = AuthorizationManager::new(url).await?;
    manager.set_credential_store(Tokens(session.clone()));
    // rmcp refreshes nothing. It reports a refused token only if it has a client.
    manager.set_metadata(from_value(json!({"authorization_endpoint": url, "token_endpoint": url}))?);
    manager.configure_client_id("")?;
    let client = AuthClient::new(reqwest::Client::new(), manager);
    let config = StreamableHttpClientTransportConfig::with_uri(url);
    Ok(().serve(StreamableHttpClientTransport::with_client(client, config)).await?)
}
