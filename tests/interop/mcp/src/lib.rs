//! The code on the guide page `poggio::guide::mcp`.

use anyhow::Result;
use async_trait::async_trait;
use poggio::{
    oauth::{LoginOptions, Session},
    reqwest,
    serde_json::{from_value, json},
};
use rmcp::{
    RoleClient, ServiceExt,
    model::{CallToolRequestParams, CallToolResult},
    service::{Peer, RunningService},
    transport::{
        StreamableHttpClientTransport,
        auth::{AuthClient, AuthError, AuthorizationManager, CredentialStore, StoredCredentials},
        streamable_http_client::StreamableHttpClientTransportConfig,
    },
};

/// Gives rmcp the session's token for each request.
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
    let mut auth = AuthorizationManager::new(url).await?;
    auth.set_credential_store(Tokens(session.clone()));
    // rmcp does not use them. Without them, it reports a refused token as an internal error.
    auth.set_metadata(from_value(json!({"authorization_endpoint": url, "token_endpoint": url}))?);
    auth.configure_client_id("")?;
    let client = AuthClient::new(reqwest::Client::new(), auth);
    let config = StreamableHttpClientTransportConfig::with_uri(url);
    Ok(().serve(StreamableHttpClientTransport::with_client(client, config)).await?)
}

/// Calls a tool. If the server refuses the token, calls it once more with another one.
pub async fn call(
    client: &Peer<RoleClient>,
    session: &Session,
    tool: CallToolRequestParams,
    log_in: impl FnOnce() -> LoginOptions,
) -> Result<CallToolResult> {
    let token = session.access_token().await?;
    let result = client.call_tool(tool.clone()).await;
    match result.as_ref().err().and_then(|error| error.auth_challenge()) {
        None => return Ok(result?),
        Some(challenge) if challenge.contains("insufficient_scope") => {
            session.login(log_in().challenge(challenge)).await?
        }
        Some(_) => session.replace(&token).await?,
    };
    Ok(client.call_tool(tool).await?)
}
