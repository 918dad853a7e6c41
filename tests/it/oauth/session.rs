//! `Session`: a login that is kept.

mod accounts;
mod concurrency;
mod discovered;
mod execute;
mod failed_writes;
#[cfg(unix)]
mod killed;
mod login;
mod memory;
mod refresh;
mod renewal;
mod saved_login;
mod spans;
mod unreadable;

use std::sync::Arc;

use poggio::{
    Client, ClientMetadata, FileStore, RegistrationStore,
    oauth::{AccessToken, AuthorizationServer, LoginOptions, OAuthError, Session, SessionBuilder},
    reqwest,
    serde_json::Value,
    testing::{Received, Reply, Server},
};
use tempfile::TempDir;

/// A loopback server, and a store for sessions.
struct Fixture {
    server: Server,
    poggio: Client,
    endpoints: AuthorizationServer,
    store: Arc<FileStore>,
    _folder: TempDir,
}

impl Fixture {
    async fn new() -> Self {
        let server = Server::start().await;
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(FileStore::new(folder.path().join("client.json")).unwrap());
        let poggio = server.client();
        let endpoints = poggio.discover(&server.base_url()).await.unwrap();
        Self { server, poggio, endpoints, store, _folder: folder }
    }

    fn builder(&self) -> SessionBuilder {
        Session::builder(&self.poggio, self.store.clone()).server(self.endpoints.clone())
    }

    /// Returns a session as another process would build it.
    fn session(&self) -> Session {
        self.builder().build().unwrap()
    }

    /// Returns a session with a user who has logged in, and whose token has expired.
    async fn expired(&self) -> Session {
        self.expire(self.session()).await
    }

    /// Returns such a session whose tokens are in this store.
    async fn expired_in(&self, tokens: Arc<dyn RegistrationStore>) -> Session {
        self.expire(self.builder().token_store(tokens).build().unwrap()).await
    }

    async fn expire(&self, session: Session) -> Session {
        self.server.script_token([Reply::issued().with_member("expires_in", 0)]);
        self.log_in(&session, LoginOptions::new()).await.unwrap();
        session
    }

    /// Logs in with a browser that allows access.
    async fn log_in(
        &self,
        session: &Session,
        options: LoginOptions,
    ) -> Result<AccessToken, OAuthError> {
        let (sender, url) = tokio::sync::oneshot::channel();
        let options = options.browser(false).on_url(|url| sender.send(url.to_owned()).unwrap());
        let browser = async {
            let callback = self.server.allow(&url.await.unwrap()).await;
            reqwest::get(callback).await.unwrap().text().await.unwrap()
        };
        let (token, page) = tokio::join!(session.login(options), browser);
        assert!(page.contains("Return to the application"), "{page}");
        token
    }

    fn token_requests(&self) -> Vec<Received> {
        self.server.token_requests()
    }

    /// Returns the token document of the default account.
    async fn document(&self) -> Value {
        let tokens = self.store.sibling("tokens").unwrap().read().await.unwrap();
        serde_json::from_str(tokens.unwrap().expose()).unwrap()
    }

    /// Replaces the token document of the default account.
    async fn write_document(&self, document: &Value) {
        let tokens = self.store.sibling("tokens").unwrap();
        let _lock = tokens.lock(std::time::Duration::from_secs(5)).await.unwrap();
        let current = tokens.read().await.unwrap();
        tokens.write(&document.to_string(), current.as_ref()).await.unwrap();
    }
}

fn client_credentials() -> ClientMetadata {
    ClientMetadata::client_credentials().with_client_name("nightly export")
}

/// Returns the value of each request's field.
fn fields(requests: &[Received], name: &str) -> Vec<String> {
    requests.iter().map(|request| request.field(name).unwrap_or("").to_owned()).collect()
}
