//! The command under test of `@modelcontextprotocol/conformance`: calls a tool of the MCP server whose
//! URL is the argument, and logs in if the server requires it.

use std::{env, sync::Arc};

use anyhow::{Context, Result};
use poggio::{
    Client, ClientInformation, ClientMetadata, FileStore,
    oauth::{LoginOptions, Session},
    reqwest,
};
use poggio_interop_mcp::{call, connect};
use rmcp::{ServiceExt, model::CallToolRequestParams, transport::StreamableHttpClientTransport};

#[tokio::main]
async fn main() -> Result<()> {
    let url = env::args().nth(1).context("usage: poggio-interop-mcp URL")?;
    let challenge = challenge(&url).await?;
    // http is accepted only if the base URL is http.
    let poggio = Client::builder().base_url(&url).build()?;
    let server = poggio.discover_for_challenge(&url, &challenge).await?;
    let folder = tempfile::tempdir()?;
    let store = Arc::new(FileStore::new(folder.path().join("client.json"))?);
    let mut builder = Session::builder(&poggio, store).server(server);
    let has_user = !env::var("MCP_CONFORMANCE_SCENARIO")?.contains("client-credentials");
    if !has_user {
        builder = builder.metadata(ClientMetadata::client_credentials());
    }
    let session = builder.build()?;
    // Some scenarios name a client that is registered already.
    if let Ok(client) = env::var("MCP_CONFORMANCE_CONTEXT") {
        session.import_client(&ClientInformation::from_json(&client)?).await?;
    }
    if has_user {
        session.login(options()).await?;
    }

    let client = connect(&session, &url).await?;
    client.list_all_tools().await?;
    let tool = CallToolRequestParams::new("test-tool");
    println!("{:?}", call(&client, &session, tool, options).await?);
    Ok(())
}

/// Returns the challenge of a server that requires a token, for the connection or for the list of
/// its tools.
async fn challenge(url: &str) -> Result<String> {
    let challenge = match ().serve(StreamableHttpClientTransport::from_uri(url)).await {
        Err(error) => error.auth_challenge().map(str::to_owned).ok_or(error)?,
        Ok(client) => {
            let error = client.list_all_tools().await.err().context("no token is required")?;
            error.auth_challenge().map(str::to_owned).ok_or(error)?
        }
    };
    Ok(challenge)
}

/// An HTTP client is the browser, because the servers of the suite ask the user nothing.
fn options() -> LoginOptions {
    LoginOptions::new().browser(false).on_url(|url| {
        tokio::spawn(reqwest::get(url.to_owned()));
    })
}
