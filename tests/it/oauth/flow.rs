//! A client and the loopback server: from a registration to a token.

use oauth2::{TokenResponse, basic::BasicTokenResponse};
use poggio::{
    Client, ClientMetadata, FileStore, GrantType,
    oauth::{Authorization, AuthorizationServer},
    reqwest,
    testing::Server,
};
use tempfile::TempDir;

use crate::support::oauth::REDIRECT_URI;

struct Fixture {
    server: Server,
    poggio: Client,
    endpoints: AuthorizationServer,
    store: FileStore,
    _folder: TempDir,
}

impl Fixture {
    async fn new() -> Self {
        let server = Server::start().await;
        let folder = tempfile::tempdir().unwrap();
        let store = FileStore::new(folder.path().join("client.json")).unwrap();
        let poggio = server.client();
        let endpoints = poggio.discover(&server.issuer()).await.unwrap();
        Self { server, poggio, endpoints, store, _folder: folder }
    }

    /// Calls the MCP server with this token; returns the status.
    async fn call_mcp(&self, token: &BasicTokenResponse) -> u16 {
        let request = reqwest::Client::new().get(self.server.mcp_url());
        let response = request.bearer_auth(token.access_token().secret()).send().await.unwrap();
        response.status().as_u16()
    }
}

fn with_users() -> ClientMetadata {
    ClientMetadata::new()
        .with_redirect_uri(REDIRECT_URI)
        .with_grant_types([GrantType::AuthorizationCode, GrantType::RefreshToken])
        .with_scope("read write")
}

#[tokio::test]
async fn oauth_flow_leads_to_a_refreshed_token_with_each_method() {
    for method in ["client_secret_post", "client_secret_basic", "none"] {
        let f = Fixture::new().await;
        let metadata = with_users().with_token_endpoint_auth_method(method);
        let client = f.poggio.register_once(&metadata, &f.store).await.unwrap();
        let oauth = client.oauth2_client(&f.endpoints, Some(REDIRECT_URI)).unwrap();
        let authorization = Authorization::new(&oauth, &f.endpoints, ["read"])
            .with_param("resource", &f.server.mcp_url());

        let callback = f.server.allow(authorization.url().as_str()).await;
        assert!(authorization.matches_state(&callback));
        let token = authorization
            .exchange_code(&callback)
            .unwrap()
            .add_extra_param("resource", f.server.mcp_url())
            .request_async(&f.poggio)
            .await
            .unwrap();
        assert_eq!(token.expires_in().unwrap().as_secs(), 3600);
        assert_eq!(token.scopes().unwrap()[0].as_str(), "read");
        assert_eq!(f.call_mcp(&token).await, 200, "{method}");

        let refreshed = oauth
            .exchange_refresh_token(token.refresh_token().unwrap())
            .add_extra_param("resource", f.server.mcp_url())
            .request_async(&f.poggio)
            .await
            .unwrap();
        assert_ne!(refreshed.access_token().secret(), token.access_token().secret());
        assert_eq!(f.call_mcp(&refreshed).await, 200);
    }
}
