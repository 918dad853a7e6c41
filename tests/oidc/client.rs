//! The program under test of `walk.test.mjs`: logs in, and refreshes the token three times.
//!
//! Its argument is a JSON object: `issuer`, `store`, and optionally `scopes`, `method`, `prompt`,
//! `port` and `resource`. It prints the URL to open, then a JSON object with what happened.

use std::{collections::BTreeSet, env, sync::Arc, time::Duration};

use poggio::{
    Client, ClientMetadata, FileStore,
    oauth::{AccessToken, LoginOptions, OAuthError, Session},
    reqwest::{Method, Request},
};
use serde_json::{Value, json};

#[tokio::main]
async fn main() {
    let argument = env::args().nth(1).expect("one argument, a JSON object");
    let options: Value = serde_json::from_str(&argument).unwrap();
    match run(&options).await {
        Ok(result) => println!("{result}"),
        Err(error) => {
            println!(
                "{}",
                json!({"kind": format!("{:?}", error.kind()), "error": error.to_string()})
            );
            std::process::exit(1);
        }
    }
}

async fn run(options: &Value) -> Result<Value, OAuthError> {
    let issuer = options["issuer"].as_str().unwrap();
    let poggio = Client::builder().base_url(issuer).build()?;
    let metadata = ClientMetadata::new()
        .with_redirect_uri("http://127.0.0.1/callback")
        .with_grant_types(["authorization_code", "refresh_token"])
        .with_token_endpoint_auth_method(options["method"].as_str().unwrap_or("client_secret_post"))
        .with_client_name("walk.test.mjs");
    let scopes = options["scopes"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let store = FileStore::new(options["store"].as_str().unwrap())?;
    let mut session = Session::builder(&poggio, Arc::new(store))
        .server(poggio.discover(issuer).await?)
        .metadata(metadata)
        .scopes(scopes);
    if let Some(resource) = options["resource"].as_str() {
        session = session.resource(resource);
    }
    let session = session.build()?;

    let token = session.login(login_options(options)).await?;
    // The server refuses every token there, so the session replaces it.
    let (mut tokens, mut status) = (vec![token], 0);
    for _ in 0..3 {
        let request = Request::new(Method::GET, format!("{issuer}/refuses").parse().unwrap());
        status = session.execute(request).await?.status().as_u16();
        tokens.push(session.access_token().await?);
    }
    let different: BTreeSet<_> = tokens.iter().map(AccessToken::expose).collect();
    Ok(json!({
        "login": shown(&tokens[0]),
        "status": status,
        "refreshed": shown(&tokens[3]),
        "differentTokens": different.len(),
    }))
}

fn login_options(options: &Value) -> LoginOptions {
    let mut login = LoginOptions::new()
        .browser(false)
        .timeout(Duration::from_secs(30))
        .on_url(|url| println!("{url}"));
    if let Some(prompt) = options["prompt"].as_str() {
        login = login.param("prompt", prompt);
    }
    if let Some(port) = options["port"].as_u64() {
        login = login.redirect_uri(format!("http://127.0.0.1:{port}/callback"));
    }
    login
}

/// Returns what may be shown of a token.
fn shown(token: &AccessToken) -> Value {
    json!({
        "type": token.token_type(),
        "scopes": token.scopes(),
        "expires": token.expires_at().is_some(),
    })
}
