//! The settings of a session, its token in memory, and the task that obtains the next one.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use arc_swap::ArcSwapOption;
use futures_util::future::{BoxFuture, FutureExt, Shared};

use super::{
    cache::Cached,
    change::Change,
    document::{Entry, Key},
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
    pub(super) memory: Memory,
}

/// What a session knows without its store. Readers take no lock.
#[derive(Default)]
pub(super) struct Memory {
    cached: ArcSwapOption<Cached>,
    /// The request for a token that is under way, or the last one.
    flight: ArcSwapOption<Flight>,
    /// Held by those who replace one of the above.
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// A change that could not be saved.
    unsaved: Option<Change>,
    /// How many logouts there were. A call that began before the last one must not keep its token.
    logouts: u64,
    /// The client of which the registration says that it has obtained a token.
    noted_client: Option<String>,
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

    /// Notes that the client has obtained a token: in the registration for its first token in this
    /// process.
    pub(super) async fn note_token(&self, client_id: &str) {
        let is_noted = |state: &mut State| state.noted_client.as_deref() == Some(client_id);
        if self.with_state(is_noted) {
            return;
        }
        self.poggio.note_token(&self.metadata, &*self.store, client_id).await;
        self.with_state(|state| state.noted_client = Some(client_id.to_owned()));
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

    pub(super) fn cached(&self) -> Option<Arc<Cached>> {
        self.memory.cached.load_full()
    }

    /// Returns how many logouts there were, for a call that begins.
    pub(super) fn logouts(&self) -> u64 {
        self.with_state(|state| state.logouts)
    }

    /// Returns the token of an entry, and keeps it in memory if it is valid and the user has not
    /// logged out since the call began.
    pub(super) fn keep(&self, entry: &Entry, logouts: u64) -> AccessToken {
        let cached = Cached::new(entry, self.refresh_margin);
        let token = cached.token.clone();
        if cached.is_valid() {
            self.with_state(|state| {
                if state.logouts == logouts {
                    self.memory.cached.store(Some(Arc::new(cached)));
                }
            });
        }
        token
    }

    /// Drops the token and what is not saved.
    pub(super) fn log_out(&self) {
        self.with_state(|state| {
            self.memory.cached.store(None);
            state.unsaved = None;
            state.logouts += 1;
        });
    }

    /// Drops a token that is of no more use, if it is the one in memory.
    pub(super) fn forget(&self, token: &str) {
        self.with_state(|_| {
            if self.cached().is_some_and(|cached| cached.token.expose() == token) {
                self.memory.cached.store(None);
            }
        });
    }

    /// Drops the token in memory.
    pub(super) fn forget_all(&self) {
        self.with_state(|_| self.memory.cached.store(None));
    }

    pub(super) fn take_unsaved(&self) -> Option<Change> {
        self.with_state(|state| state.unsaved.take())
    }

    /// Leaves a change to the next call, unless the user has logged out since this one began.
    pub(super) fn set_unsaved(&self, change: Change, logouts: u64) {
        self.with_state(|state| {
            if state.logouts == logouts {
                state.unsaved = Some(change);
            }
        });
    }

    /// Returns the request that is under way, or starts one. It runs in a task of its own, so that
    /// it is completed and saved if its callers are dropped.
    pub(super) fn flight(
        self: &Arc<Self>,
        start: impl FnOnce(Arc<Self>) -> BoxFuture<'static, Result<AccessToken, OAuthError>>,
    ) -> Flight {
        self.with_state(|_| match self.memory.flight.load_full() {
            Some(flight) if flight.peek().is_none() => Flight::clone(&flight),
            _ => {
                let task = tokio::spawn(start(Arc::clone(self)));
                let flight =
                    async { task.await.unwrap_or_else(|_| Err(OAuthError::interrupted())) };
                let flight = flight.boxed().shared();
                self.memory.flight.store(Some(Arc::new(flight.clone())));
                flight
            }
        })
    }

    pub(super) fn is_in_flight(&self) -> bool {
        self.memory.flight.load().as_ref().is_some_and(|flight| flight.peek().is_none())
    }

    fn with_state<T>(&self, f: impl FnOnce(&mut State) -> T) -> T {
        f(&mut self.memory.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
