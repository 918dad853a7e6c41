//! The command under test of `@modelcontextprotocol/conformance`: calls a tool of the MCP server whose
//! URL is the argument, and logs in if the server requires it.

use std::{env, error::Error, sync::Arc};

use poggio::{
    Client, ClientInformation, ClientMetadata, FileStore,
    oauth::{LoginOptions, OAuthError, Session},
    reqwest,
};
use poggio_interop_mcp::connect;
use rmcp::{
    ServiceExt,
    model::{CallToolRequestParams, CallToolResult},
    service::{Peer, RoleClient, ServiceError},
    transport::StreamableHttpClientTransport,
};

/// How many logins one call may require.
const MAX_LOGINS: usize = 2;

type Result<T, E = Box<dyn Error + Send + Sync>> = std::result::Result<T, E>;

#[tokio::main]
async fn main() -> Result<()> {
    let url = env::args().nth(1).ok_or("usage: poggio-interop-mcp URL")?;
    let Some(challenge) = challenge(&url).await? else { return Ok(()) };

    // The metadata of loopback servers is accepted only if the base URL is one too.
    let poggio = Client::builder().base_url(&url).build()?;
    let server = poggio.discover_for_challenge(&url, &challenge).await?;
    let folder = tempfile::tempdir()?;
    let store = Arc::new(FileStore::new(folder.path().join("client.json"))?);
    let mut session = Session::builder(&poggio, store).server(server);
    let scenario = env::var("MCP_CONFORMANCE_SCENARIO").unwrap_or_default();
    let has_user = !scenario.contains("client-credentials");
    if !has_user {
        session = session.metadata(ClientMetadata::client_credentials());
    }
    let session = session.build()?;
    if let Ok(context) = env::var("MCP_CONFORMANCE_CONTEXT") {
        session.import_client(&ClientInformation::from_json(&context)?).await?;
    }
    if has_user {
        log_in(&session, LoginOptions::new()).await?;
    }

    let client = connect(&session, &url).await?;
    client.list_all_tools().await?;
    println!("{:?}", call(&client, &session, "test-tool").await?);
    client.cancel().await?;
    Ok(())
}

/// Connects without a token, and returns the challenge of the server, if it requires a token.
async fn challenge(url: &str) -> Result<Option<String>> {
    let client = match ().serve(StreamableHttpClientTransport::from_uri(url)).await {
        Ok(client) => client,
        Err(error) => {
            let challenge = error.auth_challenge().map(str::to_owned);
            return challenge.map(Some).ok_or_else(|| error.into());
        }
    };
    match client.list_all_tools().await {
        Ok(_) => Ok(None),
        Err(error) => {
            let challenge = error.auth_challenge().map(str::to_owned);
            challenge.map(Some).ok_or_else(|| error.into())
        }
    }
}

/// Calls a tool, after a login if it requires more scopes.
async fn call(client: &Peer<RoleClient>, session: &Session, tool: &'static str) -> Result<CallToolResult, Box<dyn Error + Send + Sync>> {
    for _ in 0..MAX_LOGINS {
        match client.call_tool(CallToolRequestParams::new(tool)).await {
            Err(ref error @ ServiceError::TransportSend(_)) if let Some(c) = error.auth_challenge() => {
                log_in(session, LoginOptions::new().challenge(c)).await?;
            }
            result => return Ok(result?),
        }
    }
    Ok(client.call_tool(CallToolRequestParams::new(tool)).await?)
}

/// Logs in. The HTTP client is the browser, because the server asks no questions.
async fn log_in(session: &Session, options: LoginOptions) -> Result<(), OAuthError> {
    let options = options.browser(false).on_url(|url| {
        tokio::spawn(reqwest::get(url.to_owned()));
    });
    session.login(options).await?;
    Ok(())
}
