//! Obtains the next token: reads the document, waits for the right to request a token, requests it,
//! and saves it. One task does this for all callers of a session.

use std::sync::Arc;

use oauth2::{RefreshToken, Scope, basic::BasicTokenResponse};
use tracing::Instrument;

use super::{
    context::Context,
    document::{Entry, Replacement, Token, TokenDocument},
    token_store::{self, Exclusive},
};
use crate::{
    error::StoreError,
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
    find_or_request(&context, refused.as_ref()).instrument(span).await
}

async fn find_or_request(
    context: &Context,
    refused: Option<&AccessToken>,
) -> Result<AccessToken, OAuthError> {
    save_unsaved(context).await?;
    let (document, _) = token_store::read(&*context.tokens).await?;
    if let Some(token) = context.find_fresh(&document, refused) {
        return Ok(token);
    }
    let request = Request::find(context, &document).await?;
    let (client_id, is_new) =
        (request.client.client_id.clone(), request.client.response().is_some());
    match request_once(context, request, refused).await {
        Err(error) if error.is_invalid_client() && !is_new => {
            if !context.replace_client(&client_id).await? {
                return Err(error);
            }
            // With users, this returns that a login is required, which registers another client.
            let request = Request::find(context, &document).await?;
            request_once(context, request, refused).await
        }
        result => result,
    }
}

async fn request_once(
    context: &Context,
    request: Request,
    refused: Option<&AccessToken>,
) -> Result<AccessToken, OAuthError> {
    let mut found = None;
    let acquired = Exclusive::acquire(&*context.tokens, context.timeout(), |document| {
        found = context.find_fresh(document, refused);
        found.is_some()
    });
    let Some((exclusive, document)) = acquired.await? else {
        return found.ok_or_else(OAuthError::interrupted);
    };
    // Another caller may have replaced the refresh token, or the user may have logged out.
    match request.renewed(context, &document) {
        Ok(request) => send(context, exclusive, request, refused).await,
        Err(error) => {
            exclusive.release().await;
            Err(error)
        }
    }
}

/// A request for a token.
struct Request {
    client: ClientInformation,
    grant: Grant,
}

enum Grant {
    ClientCredentials,
    Refresh { token: Token, scopes: Vec<String> },
}

impl Request {
    /// Returns the request that leads to the next token, or an error if only a login does.
    async fn find(context: &Context, document: &TokenDocument) -> Result<Self, OAuthError> {
        if !context.has_user() {
            let client = context.register(&context.metadata).await?;
            return Ok(Self { client, grant: Grant::ClientCredentials });
        }
        let entry = document.find(&context.key);
        let Some(grant) = entry.and_then(refresh) else {
            if entry.is_none() {
                // Another process has logged out, or has ended the login.
                context.clear();
            }
            return Err(OAuthError::login_required(match entry {
                Some(_) => "the token has expired, and there is no refresh token",
                None => "no user has logged in",
            }));
        };
        let client = context.find_client().await?;
        let owner = entry.map(|entry| entry.client_id.as_str());
        match client.filter(|client| Some(client.client_id.as_str()) == owner) {
            Some(client) => Ok(Self { client, grant }),
            None => Err(OAuthError::login_required("the client of the last login was replaced")),
        }
    }

    /// Returns this request with the refresh token of the document as it is now.
    fn renewed(self, context: &Context, document: &TokenDocument) -> Result<Self, OAuthError> {
        if let Grant::ClientCredentials = self.grant {
            return Ok(self);
        }
        let entry = document.find(&context.key);
        let entry = entry.filter(|entry| entry.client_id == self.client.client_id);
        match entry.and_then(refresh) {
            Some(grant) => Ok(Self { grant, ..self }),
            None => Err(OAuthError::login_required("the user has logged out")),
        }
    }

    async fn send(&self, context: &Context) -> Result<Replacement, OAuthError> {
        let oauth = self.client.oauth2_client(&context.server, None)?;
        let response = self.request(context, &oauth).await?;
        let (scopes, refresh_token) = match &self.grant {
            Grant::ClientCredentials => (&context.scopes, None),
            Grant::Refresh { token, scopes } => (scopes, Some(token.clone())),
        };
        let (key, id) = (context.key.clone(), &self.client.client_id);
        let entry = Entry::new(key, id, &response, scopes, refresh_token.clone(), now());
        Ok(Replacement { entry, refresh_token })
    }

    async fn request(
        &self,
        context: &Context,
        oauth: &OAuth2Client,
    ) -> Result<BasicTokenResponse, OAuthError> {
        let poggio = &context.poggio;
        match &self.grant {
            Grant::ClientCredentials => {
                let scopes = context.scopes.iter().cloned().map(Scope::new);
                let mut request = oauth.exchange_client_credentials().add_scopes(scopes);
                for (name, value) in context.token_params() {
                    request = request.add_extra_param(name, value);
                }
                Ok(request.request_async(poggio).await?)
            }
            Grant::Refresh { token, .. } => {
                let token = RefreshToken::new(token.expose().to_owned());
                let mut request = oauth.exchange_refresh_token(&token);
                for (name, value) in context.token_params() {
                    request = request.add_extra_param(name, value);
                }
                Ok(request.request_async(poggio).await?)
            }
        }
    }
}

fn refresh(entry: &Entry) -> Option<Grant> {
    let token = entry.refresh_token.clone()?;
    Some(Grant::Refresh { token, scopes: entry.scopes().to_vec() })
}

/// Sends the request, and saves the result.
async fn send(
    context: &Context,
    exclusive: Exclusive<'_>,
    request: Request,
    refused: Option<&AccessToken>,
) -> Result<AccessToken, OAuthError> {
    let exclusive = exclusive.preflight().await?;
    match request.send(context).await {
        Ok(replacement) => {
            let token = save(context, exclusive, replacement).await;
            context.note_token(&request.client.client_id).await;
            token
        }
        Err(error) => match &request.grant {
            Grant::Refresh { token, .. } if error.is_invalid_grant() => {
                let (key, refused) = (&context.key, refused.map(AccessToken::expose));
                // A refused access token is of no more use if it cannot be replaced.
                let remove = |document: &mut TokenDocument| {
                    let removed = document.remove_refresh_token(key, token);
                    refused.is_some_and(|token| document.remove_refused(key, token)) || removed
                };
                exclusive.finish(remove).await?;
                if let Some(token) = refused {
                    context.forget(token);
                }
                Err(OAuthError::login_required("the server refused the refresh token"))
            }
            _ => {
                exclusive.release().await;
                Err(error)
            }
        },
    }
}

/// Saves a new token. If that fails, the session keeps it, and its next call saves it.
pub(super) async fn save(
    context: &Context,
    exclusive: Exclusive<'_>,
    replacement: Replacement,
) -> Result<AccessToken, OAuthError> {
    let mut is_current = true;
    let saved = exclusive.finish(|document| {
        is_current = replacement.apply(document, now());
        is_current
    });
    match saved.await {
        Ok(()) if is_current => Ok(context.keep(&replacement.entry)),
        Ok(()) => Err(OAuthError::login_required("the user has logged out, or logged in again")),
        Err(error) => {
            context.set_unsaved(replacement);
            Err(error.into())
        }
    }
}

/// Erases a token that a resource has refused and that cannot be replaced.
pub(super) async fn erase_refused(context: &Context, token: &AccessToken) {
    context.forget(token.expose());
    let erase =
        |document: &mut TokenDocument| document.remove_refused(&context.key, token.expose());
    if let Err(error) = token_store::update(&*context.tokens, context.timeout(), erase).await {
        tracing::warn!(%error, "the refused token was not erased");
    }
}

/// Saves the token that an earlier call could not save.
async fn save_unsaved(context: &Context) -> Result<(), StoreError> {
    let Some(replacement) = context.take_unsaved() else { return Ok(()) };
    let save = |document: &mut TokenDocument| replacement.apply(document, now());
    let saved = token_store::update(&*context.tokens, context.timeout(), save).await;
    if saved.is_err() {
        context.set_unsaved(replacement);
    }
    saved.map(drop)
}
