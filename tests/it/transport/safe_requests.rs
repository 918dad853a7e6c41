//! Connections that break during discovery and token requests: no error speaks of a registration.

use oauth2::AuthorizationCode;
use poggio::oauth::{AuthorizationServer, OAuthError, OAuthErrorKind};

use crate::support::{ServerBehaviour, Wire, oauth::oauth2_client, paused};

/// Servers that break a connection in every way.
fn broken() -> Vec<ServerBehaviour> {
    vec![
        ServerBehaviour::Responds(Vec::new()),
        ServerBehaviour::Responds(b"HTTP/1.1 2".to_vec()),
        ServerBehaviour::Responds(b"SSH-2.0-OpenSSH_9.9\r\n".to_vec()),
        ServerBehaviour::ResetsAfterWriting(Vec::new()),
        ServerBehaviour::Stalls(Vec::new()),
        ServerBehaviour::ResetsAfter(20),
    ]
}

#[test]
fn broken_discovery_says_nothing_of_a_request_that_was_acted_on() {
    paused(async {
        for behaviour in broken() {
            let wire = Wire::serve(vec![behaviour]).await;
            let poggio = wire.client();
            for result in [
                poggio.discover(&wire.base_url).await,
                poggio.discover_for(&format!("{}/mcp", wire.base_url)).await,
            ] {
                let error = result.unwrap_err();
                let shown = error.to_string();
                assert_eq!(error.kind(), OAuthErrorKind::Transport, "{shown}");
                assert!(error.registration().is_none());
                for word in ["regist", "acted", "duplicate", "second client", "log in"] {
                    assert!(!shown.contains(word), "{shown}");
                }
                assert!(shown.contains(wire.base_url.strip_prefix("http://").unwrap()), "{shown}");
            }
        }
    });
}

#[test]
fn broken_token_request_says_nothing_of_a_registration() {
    paused(async {
        for behaviour in broken() {
            let wire = Wire::serve(vec![behaviour]).await;
            let url = format!("{}/token", wire.base_url);
            let server = AuthorizationServer::poggio().with_token_endpoint(url);
            let oauth = oauth2_client(&server);
            let code = AuthorizationCode::new("code".to_owned());
            let poggio = wire.client();
            let result = oauth.exchange_code(code).request_async(&poggio).await;
            let error = OAuthError::from(result.unwrap_err());
            let shown = error.to_string();
            assert_eq!(error.kind(), OAuthErrorKind::Transport, "{shown}");
            assert!(error.registration().is_none());
            for word in ["regist", "duplicate", "second client"] {
                assert!(!shown.contains(word), "{shown}");
            }
            assert!(shown.contains("log in again if the server then rejects the code"), "{shown}");
        }
    });
}
