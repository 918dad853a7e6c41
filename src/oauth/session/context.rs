//! The settings of a session, its token in memory, and the task that obtains the next one.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures_util::future::{BoxFuture, FutureExt, Shared};

use super::{
    cache::Cached,
    document::{Entry, Key, Replacement, TokenDocument},
};
use crate::{
    client::Client,
    metadata::{ClientMetadata, GrantType},
    oauth::{
        access_token::AccessToken,
        error::{OAuthError, OAuthErrorKind},
        server::AuthorizationServer,
    },
    response::ClientInformation,
    store::{RegistrationStore, RegistrationStoreExt},
};

/// What all clones of a session share.
pub(super) struct Context {
    pub(super) poggio: Client,
    /// Whether the server registers clients.
    pub(super) registers: bool,
    /// The store of the registration.
    pub(super) store: Arc<dyn RegistrationStore>,
    /// The store of this account's tokens.
    pub(super) tokens: Arc<dyn RegistrationStore>,
    pub(super) metadata: ClientMetadata,
    pub(super) server: AuthorizationServer,
    pub(super) scopes: Vec<String>,
    pub(super) params: Vec<(String, String)>,
    pub(super) refresh_margin: Duration,
    pub(super) key: Key,
    pub(super) state: Mutex<State>,
}

#[derive(Default)]
pub(super) struct State {
    cached: Option<Cached>,
    /// The request for a token that is under way, or the last one.
    flight: Option<Flight>,
    /// A token that was issued and could not be saved.
    unsaved: Option<Replacement>,
}

pub(super) type Flight = Shared<BoxFuture<'static, Result<AccessToken, OAuthError>>>;

impl Context {
    pub(super) fn timeout(&self) -> Duration {
        self.poggio.transport().timeout
    }

    /// Returns whether tokens come from logins of a user, and not from client credentials.
    pub(super) fn has_user(&self) -> bool {
        self.metadata.grant_types.contains(&GrantType::AuthorizationCode)
    }

    pub(super) async fn find_client(&self) -> Result<Option<ClientInformation>, OAuthError> {
        Ok(self.poggio.find_registration(&self.metadata, &*self.store).await?)
    }

    /// Returns the client of the store, or registers one.
    pub(super) async fn register(
        &self,
        metadata: &ClientMetadata,
    ) -> Result<ClientInformation, OAuthError> {
        if !self.registers && self.find_client().await?.is_none() {
            return Err(OAuthError::new(
                OAuthErrorKind::Client,
                "registration_endpoint: the server names none, so it registers no clients; import \
                 the client that it gave you with Session::import_client",
            ));
        }
        Ok(self.poggio.register_once(metadata, &*self.store).await?)
    }

    /// Marks a client as rejected, so that the next registration replaces it.
    pub(super) async fn reject_client(&self, client_id: &str) -> Result<(), OAuthError> {
        self.store.mark_rejected(client_id).await?;
        Ok(())
    }

    /// Marks a client that a server refused as rejected, if it may be replaced automatically. Returns
    /// whether it may.
    pub(super) async fn replace_client(&self, client_id: &str) -> Result<bool, OAuthError> {
        Ok(self.poggio.reject_registration(&self.metadata, &*self.store, client_id).await?)
    }

    /// Notes that the client has obtained a token.
    pub(super) async fn note_token(&self, client_id: &str) {
        self.poggio.note_token(&self.metadata, &*self.store, client_id).await;
    }

    /// Returns the parameters of every token request.
    pub(super) fn token_params(&self) -> impl Iterator<Item = (&str, &str)> {
        let params = self.params.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        params.chain(self.key.resource.as_deref().map(|resource| ("resource", resource)))
    }

    /// Adds `more` to these scopes, and then those of the current token too.
    pub(super) fn add_scopes(&self, mut scopes: Vec<String>, more: &[String]) -> Vec<String> {
        if more.is_empty() {
            return scopes;
        }
        let current = self.cached().map(|cached| cached.token.scopes().to_vec());
        for scope in current.iter().flatten().chain(more) {
            if !scopes.contains(scope) {
                scopes.push(scope.clone());
            }
        }
        scopes
    }

    pub(super) fn cached(&self) -> Option<Cached> {
        self.with_state(|state| state.cached.clone())
    }

    /// Keeps a token in memory, and returns it.
    pub(super) fn keep(&self, entry: &Entry) -> AccessToken {
        let cached = Cached::new(entry, self.refresh_margin);
        let token = cached.token.clone();
        self.with_state(|state| state.cached = Some(cached));
        token
    }

    pub(super) fn clear(&self) {
        self.with_state(|state| {
            state.cached = None;
            state.unsaved = None;
        });
    }

    /// Drops a token that is of no more use, if it is the one in memory.
    pub(super) fn forget(&self, token: &str) {
        self.with_state(|state| {
            state.cached.take_if(|cached| cached.token.expose() == token);
        });
    }

    pub(super) fn take_unsaved(&self) -> Option<Replacement> {
        self.with_state(|state| state.unsaved.take())
    }

    pub(super) fn set_unsaved(&self, replacement: Replacement) {
        self.with_state(|state| state.unsaved = Some(replacement));
    }

    /// Returns the token of a document if it is fresh and not the one that a server has refused.
    /// Keeps it in memory if it is valid, because it is of use if it cannot be replaced.
    pub(super) fn find_fresh(
        &self,
        document: &TokenDocument,
        refused: Option<&AccessToken>,
    ) -> Option<AccessToken> {
        let entry = document.find(&self.key)?;
        if refused.is_some_and(|token| token.expose() == entry.access_token()) {
            return None;
        }
        let cached = Cached::new(entry, self.refresh_margin);
        let fresh = cached.is_fresh().then(|| cached.token.clone());
        if cached.is_valid() {
            self.with_state(|state| state.cached = Some(cached));
        }
        fresh
    }

    /// Returns the request that is under way, or starts one. It runs in a task of its own, so that
    /// it is completed and saved if its callers are dropped.
    pub(super) fn flight(
        self: &Arc<Self>,
        start: impl FnOnce(Arc<Self>) -> BoxFuture<'static, Result<AccessToken, OAuthError>>,
    ) -> Flight {
        self.with_state(|state| match &state.flight {
            Some(flight) if flight.peek().is_none() => flight.clone(),
            _ => {
                let task = tokio::spawn(start(Arc::clone(self)));
                let flight =
                    async { task.await.unwrap_or_else(|_| Err(OAuthError::interrupted())) };
                state.flight.insert(flight.boxed().shared()).clone()
            }
        })
    }

    pub(super) fn is_in_flight(&self) -> bool {
        self.with_state(|state| state.flight.as_ref().is_some_and(|f| f.peek().is_none()))
    }

    fn with_state<T>(&self, f: impl FnOnce(&mut State) -> T) -> T {
        f(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
