//! Obtains the next token: finds the client, requests the token, and returns it once it is saved. One
//! task does this for all callers of a session.

use std::sync::Arc;

use futures_util::FutureExt;
use oauth2::{RefreshToken, Scope, basic::BasicTokenResponse};
use tracing::Instrument;

use super::{
    change::Change,
    context::Context,
    document::{Entry, Token},
    protocol::{CallResult, Step, Task},
    run::{call, finish, no_request, run},
};
use crate::{
    oauth::{access_token::AccessToken, client::OAuth2Client, error::OAuthError},
    response::ClientInformation,
    store::now,
};

/// Returns a token that is fresh and is not `refused`.
pub(super) async fn obtain(
    context: Arc<Context>,
    refused: Option<AccessToken>,
) -> Result<AccessToken, OAuthError> {
    let span = tracing::info_span!("poggio.access_token", store = context.tokens.name());
    let logouts = context.logouts();
    let find = async {
        save_unsaved(&context, logouts).await?;
        let refused = refused.as_ref().map(|token| Token::new(token.expose()));
        find_or_request(&context, refused, logouts).await
    };
    find.instrument(span).await
}

async fn find_or_request(
    context: &Context,
    refused: Option<Token>,
    logouts: u64,
) -> Result<AccessToken, OAuthError> {
    let mut rejected = None;
    loop {
        let task = Task::Obtain {
            margin: context.refresh_margin,
            refused: refused.clone(),
            has_user: context.has_user(),
        };
        let mut call = call(context, task);
        let step = call.run(Step::Read).await?;
        let entry = call.protocol.entry();
        match entry {
            // Of use until it expires, if it cannot be replaced.
            Some(entry) if refused.as_ref() != Some(entry.access_token()) => {
                context.keep(entry, logouts);
            }
            // Another process has logged out, or has ended the login.
            None if context.has_user() => context.forget_all(),
            _ => {}
        }
        if let Step::Return(result) = step {
            return finish(context, result, logouts);
        }
        let client = find_client(context, entry).await?;
        let is_new = client.response().is_some();
        let send = |entry| request(context, &client, entry).boxed();
        match run(context, call, step, logouts, send).await {
            Ok(CallResult::LoginRequired(problem)) => {
                if let Some(refused) = &refused {
                    context.forget(refused.expose());
                }
                return Err(OAuthError::login_required(problem));
            }
            Ok(result) => {
                context.note_token(&client.client_id).await;
                return finish(context, result, logouts);
            }
            // With users, the next round returns that a login is required, which registers another
            // client.
            Err(error) if error.is_invalid_client() && !is_new && rejected.is_none() => {
                if !context.replace_client(&client.client_id).await? {
                    return Err(error);
                }
                rejected = Some(client.client_id);
            }
            Err(error) => return Err(error),
        }
    }
}

/// Returns the client to request a token with, or an error if only a login leads to one.
async fn find_client(
    context: &Context,
    entry: Option<&Entry>,
) -> Result<ClientInformation, OAuthError> {
    if !context.has_user() {
        return context.register(&context.metadata).await;
    }
    let client = context.find_client().await?;
    let owner = entry.map(|entry| entry.client_id.as_str());
    client.filter(|client| Some(client.client_id.as_str()) == owner).ok_or_else(client_replaced)
}

fn client_replaced() -> OAuthError {
    OAuthError::login_required("the client of the last login was replaced")
}

/// Requests a token: for a user with the refresh token of `entry`.
async fn request(
    context: &Context,
    client: &ClientInformation,
    entry: Option<Entry>,
) -> Result<Entry, OAuthError> {
    let oauth = client.oauth2_client(&context.server, None)?;
    let key = context.key.clone();
    if !context.has_user() {
        let response = request_grant(context, &oauth).await?;
        return Ok(Entry::new(key, &client.client_id, &response, &context.scopes, None, now()));
    }
    // Another login may have replaced the client since it was found.
    let entry = entry.filter(|entry| entry.client_id == client.client_id);
    let entry = entry.ok_or_else(client_replaced)?;
    let token = entry.refresh_token.clone().ok_or_else(client_replaced)?;
    let response = request_refresh(context, &oauth, &token).await?;
    Ok(Entry::new(key, &client.client_id, &response, entry.scopes(), Some(token), now()))
}

async fn request_grant(
    context: &Context,
    oauth: &OAuth2Client,
) -> Result<BasicTokenResponse, OAuthError> {
    let scopes = context.scopes.iter().cloned().map(Scope::new);
    let mut request = oauth.exchange_client_credentials().add_scopes(scopes);
    for (name, value) in context.token_params() {
        request = request.add_extra_param(name, value);
    }
    Ok(request.request_async(&context.poggio).await?)
}

async fn request_refresh(
    context: &Context,
    oauth: &OAuth2Client,
    token: &Token,
) -> Result<BasicTokenResponse, OAuthError> {
    let token = RefreshToken::new(token.expose().to_owned());
    let mut request = oauth.exchange_refresh_token(&token);
    for (name, value) in context.token_params() {
        request = request.add_extra_param(name, value);
    }
    Ok(request.request_async(&context.poggio).await?)
}

/// Erases a token that a resource has refused and that cannot be replaced.
pub(super) async fn erase_refused(context: &Context, token: &AccessToken) {
    context.forget(token.expose());
    let change = Change::RemoveRefused(Token::new(token.expose()));
    if let Err(error) = save(context, change, context.logouts()).await {
        tracing::warn!(%error, "the refused token was not erased");
    }
}

/// Saves the change that an earlier call could not save.
async fn save_unsaved(context: &Context, logouts: u64) -> Result<(), OAuthError> {
    match context.take_unsaved() {
        Some(change) => save(context, change, logouts).await,
        None => Ok(()),
    }
}

async fn save(context: &Context, change: Change, logouts: u64) -> Result<(), OAuthError> {
    let call = call(context, Task::Save(change));
    run(context, call, Step::Lock, logouts, no_request).await.map(drop)
}
