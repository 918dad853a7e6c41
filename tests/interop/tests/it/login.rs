//! What has to hold for an authorization server: from the registration to the logout.

use std::{collections::HashMap, sync::Arc};

use poggio::{
    AuthMethod, Client, ClientInformation, ClientMetadata, Error, FileStore, GrantType, Outcome,
    oauth::{
        AccessToken, AuthorizationServer, LoginOptions, Logout, OAuthError, OAuthErrorKind,
        Recovery, Session,
    },
    reqwest::{self, Method, Request, Url, header, redirect::Policy},
};

/// The first message of an MCP client.
const INITIALIZE: &str = r#"{
    "jsonrpc": "2.0", "id": 1, "method": "initialize",
    "params": {
        "protocolVersion": "2025-06-18", "capabilities": {},
        "clientInfo": {"name": "interop", "version": "1"}
    }
}"#;

/// An authorization server, and a folder with the files of an application.
pub(crate) struct Fixture {
    url: String,
    /// The protected resource.
    resource: String,
    pub(crate) server: AuthorizationServer,
    pub(crate) poggio: Client,
    pub(crate) metadata: ClientMetadata,
    store: Arc<FileStore>,
    _folder: tempfile::TempDir,
}

impl Fixture {
    /// Uses `server`, which was discovered below `url`, for a resource there.
    pub(crate) fn new(url: &str, resource: &str, server: AuthorizationServer) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(FileStore::new(folder.path().join("client.json")).unwrap());
        let endpoint = server.registration_endpoint.as_deref().expect("clients can register");
        let poggio = client(url).registration_endpoint(endpoint).build().unwrap();
        let metadata = ClientMetadata::new()
            .with_redirect_uri("http://127.0.0.1/callback")
            .with_client_name("interop")
            .with_scope("read")
            .with_grant_types([GrantType::AuthorizationCode, GrantType::RefreshToken]);
        Self {
            url: url.to_owned(),
            resource: resource.to_owned(),
            server,
            poggio,
            metadata,
            store,
            _folder: folder,
        }
    }

    pub(crate) fn with_method(mut self, method: AuthMethod) -> Self {
        self.metadata = self.metadata.with_token_endpoint_auth_method(method);
        self
    }

    /// Returns a session as another process would build it.
    pub(crate) fn session(&self) -> Session {
        Session::builder(&self.poggio, self.store.clone())
            .metadata(self.metadata.clone())
            .server(self.server.clone())
            .scopes(["read"])
            .resource(&self.resource)
            .build()
            .unwrap()
    }

    pub(crate) async fn log_in(&self, session: &Session) -> Result<AccessToken, OAuthError> {
        let options = LoginOptions::new().browser(false).on_url(|url| {
            tokio::spawn(Browser::default().allow(url.parse().unwrap()));
        });
        session.login(options).await
    }

    /// Changes what the server knows: `expire` ends access tokens, `end` also refresh tokens, and
    /// `forget` deletes clients.
    pub(crate) async fn change(&self, change: &str) {
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let request = http.post(format!("{}/test/{change}", self.url));
        assert_eq!(request.send().await.unwrap().status(), 200);
    }

    /// Returns the registered client, which register once has to find.
    pub(crate) async fn registered(&self) -> ClientInformation {
        let poggio = self.poggio.for_server(&self.server).unwrap();
        let client = poggio.find_registration(&self.metadata, &*self.store).await;
        client.unwrap().expect("a client is registered")
    }

    fn resource_request(&self) -> Request {
        let mut request = Request::new(Method::GET, self.resource.parse().unwrap());
        if self.resource.ends_with("/mcp") {
            *request.method_mut() = Method::POST;
            let headers = request.headers_mut();
            let accept = "application/json, text/event-stream".parse().unwrap();
            headers.insert(header::ACCEPT, accept);
            headers.insert(header::CONTENT_TYPE, "application/json".parse().unwrap());
            *request.body_mut() = Some(INITIALIZE.into());
        }
        request
    }

    /// Requests the resource, and returns the status.
    pub(crate) async fn request(&self, session: &Session) -> u16 {
        let request = self.resource_request();
        session.execute(request).await.unwrap().status().as_u16()
    }
}

pub(crate) fn client(url: &str) -> poggio::ClientBuilder {
    let http = reqwest::Client::builder().no_proxy().redirect(Policy::none()).build().unwrap();
    Client::builder().base_url(url).http_client(http)
}

/// A request for metadata that a server refuses with 400, and a part of the message.
pub(crate) struct Refusal {
    pub(crate) change: fn(ClientMetadata) -> ClientMetadata,
    pub(crate) message: &'static str,
}

/// Asserts what has to hold for each of these authentication methods, with what a logout does.
/// `resource` is the path of the protected resource.
pub(crate) async fn holds_for(
    methods: impl IntoIterator<Item = (AuthMethod, Logout)>,
    url: &str,
    resource: &str,
    server: &AuthorizationServer,
    refusal: &Refusal,
) {
    for (method, logout) in methods {
        let it = Fixture::new(url, &format!("{url}{resource}"), server.clone()).with_method(method);
        keeps_a_login(&it).await;
        logs_out(&it, logout).await;
        replaces_a_deleted_client(&it).await;
        let error = refuses(&it.poggio, &(refusal.change)(it.metadata.clone()), 400).await;
        assert!(error.to_string().contains(refusal.message), "{error}");
    }
}

/// The methods of RFC 6749, and a logout that revokes.
pub(crate) const ALL_METHODS: [(AuthMethod, Logout); 3] = [
    (AuthMethod::ClientSecretPost, Logout::Revoked),
    (AuthMethod::ClientSecretBasic, Logout::Revoked),
    (AuthMethod::None, Logout::Revoked),
];

/// Asserts that a login is kept: the token is refreshed whenever the resource refuses it, also by another
/// process, until the server ends the login, and then only a person can help.
async fn keeps_a_login(it: &Fixture) {
    let session = it.session();
    let error = session.access_token().await.unwrap_err();
    assert_eq!(error.kind(), OAuthErrorKind::LoginRequired);
    let first = it.log_in(&session).await.unwrap();
    let id = it.registered().await.client_id;
    assert_eq!(it.request(&session).await, 200);
    assert_eq!(session.access_token().await.unwrap().expose(), first.expose());

    // The second and third refresh send the refresh token of the one before.
    let (mut session, mut token) = (session, first);
    for _ in 0..3 {
        it.change("expire").await;
        assert_eq!(it.request(&session).await, 200);
        let refreshed = session.access_token().await.unwrap();
        assert_ne!(refreshed.expose(), token.expose());
        (session, token) = (it.session(), refreshed);
        assert_eq!(session.access_token().await.unwrap().expose(), token.expose());
    }

    it.change("end").await;
    assert_eq!(it.request(&session).await, 401);
    for session in [session, it.session()] {
        let error = session.access_token().await.unwrap_err();
        assert_eq!(error.kind(), OAuthErrorKind::LoginRequired, "{error}");
        assert_eq!(error.recovery(), Recovery::LogIn);
    }

    let session = it.session();
    it.log_in(&session).await.unwrap();
    assert_eq!(it.request(&session).await, 200);
    assert_eq!(it.registered().await.client_id, id);
}

/// Asserts that a logout erases the tokens, and that it revokes them if `expected` says so.
async fn logs_out(it: &Fixture, expected: Logout) {
    let session = it.session();
    let token = it.log_in(&session).await.unwrap();
    assert_eq!(session.logout().await.unwrap(), expected);
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let request = it.resource_request();
    let request = reqwest::RequestBuilder::from_parts(http, request).bearer_auth(token.expose());
    let status = if expected == Logout::Revoked { 401 } else { 200 };
    assert_eq!(request.send().await.unwrap().status(), status);
    assert_eq!(session.logout().await.unwrap(), Logout::NotLoggedIn);
    let error = session.access_token().await.unwrap_err();
    assert_eq!(error.kind(), OAuthErrorKind::LoginRequired);
}

/// Asserts that a client which the server has deleted is replaced by the next login.
async fn replaces_a_deleted_client(it: &Fixture) {
    let session = it.session();
    it.log_in(&session).await.unwrap();
    let id = it.registered().await.client_id;
    it.change("expire").await;
    it.change("forget").await;
    assert_eq!(it.request(&session).await, 401);
    let session = it.session();
    it.log_in(&session).await.unwrap();
    assert_ne!(it.registered().await.client_id, id);
    assert_eq!(it.request(&session).await, 200);
}

/// Asserts that the server refuses metadata, and that nothing was registered.
pub(crate) async fn refuses(poggio: &Client, metadata: &ClientMetadata, status: u16) -> Error {
    let error = poggio.register(metadata).await.unwrap_err();
    assert_eq!(error.outcome(), Outcome::NotRegistered, "{error}");
    assert_eq!(error.status().map(|status| status.as_u16()), Some(status), "{error}");
    error
}

/// Fills in forms, as a user with a browser does.
#[derive(Default)]
struct Browser {
    cookies: HashMap<String, String>,
}

impl Browser {
    /// Logs in and allows access, until the callback.
    async fn allow(mut self, url: Url) {
        let mut request = Request::new(Method::GET, url);
        for _ in 0..10 {
            let (mut page_url, mut response) = (request.url().clone(), self.send(request).await);
            while let Some(location) = response.headers().get(header::LOCATION) {
                page_url = page_url.join(location.to_str().unwrap()).unwrap();
                response = self.send(Request::new(Method::GET, page_url.clone())).await;
            }
            let (status, page) = (response.status(), response.text().await.unwrap());
            assert_eq!(status, 200, "{page}");
            if page_url.path() == "/callback" {
                assert!(page.contains("Return to the application"), "{page}");
                return;
            }
            request = Request::new(Method::POST, action(&page, &page_url));
            let content_type = "application/x-www-form-urlencoded".parse().unwrap();
            request.headers_mut().insert(header::CONTENT_TYPE, content_type);
            request.headers_mut().insert(header::REFERER, page_url.as_str().parse().unwrap());
            *request.body_mut() = Some(fill(&page, page_url).into());
        }
        panic!("the server shows one form after the other");
    }

    async fn send(&mut self, mut request: Request) -> reqwest::Response {
        let cookies: Vec<_> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let headers = request.headers_mut();
        headers.insert(header::COOKIE, cookies.join("; ").parse().unwrap());
        let http = reqwest::Client::builder().no_proxy().redirect(Policy::none()).build().unwrap();
        let response = http.execute(request).await.unwrap();
        for cookie in response.headers().get_all(header::SET_COOKIE) {
            let pair = cookie.to_str().unwrap().split(';').next().unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
        response
    }
}

fn action(page: &str, url: &Url) -> Url {
    let form = page.split("<form").nth(1).unwrap_or_else(|| panic!("{page}"));
    match attribute(form.split('>').next().unwrap(), "action") {
        Some(action) => url.join(&action).unwrap(),
        None => url.clone(),
    }
}

/// Returns the fields of the form, as the body of its submission.
fn fill(page: &str, mut url: Url) -> String {
    url.set_query(None);
    for input in page.split("<input").skip(1) {
        let input = input.split('>').next().unwrap();
        let Some(name) = attribute(input, "name") else { continue };
        let value = match name.as_str() {
            "username" => "ada".to_owned(),
            "password" => "pw".to_owned(),
            _ => attribute(input, "value").unwrap_or_default(),
        };
        url.query_pairs_mut().append_pair(&name, &value);
    }
    url.query().unwrap_or_default().to_owned()
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let (_, rest) = tag.split_once(&format!(" {name}=\""))?;
    Some(rest.split('"').next()?.replace("&amp;", "&"))
}
