//! Token requests and discovery accept no content coding, and name one that comes anyway. Registrations
//! are in `response::outcomes`.

use oauth2::AuthorizationCode;
use poggio::oauth::{AuthorizationServer, OAuthError, OAuthErrorKind};

use crate::support::{Wire, oauth::oauth2_client, sized};

const ENCODED: &str = "\u{1f}\u{8b}\u{8}raw";
const CODING: &str = "content-encoding: x-gzip\r\n";

fn check_requests(wire: &Wire) {
    for request in wire.requests() {
        assert!(request.contains("accept-encoding: identity\r\n"), "{request}");
    }
}

async fn token_error(status: &str) -> OAuthError {
    let wire = Wire::responding(sized(status, CODING, ENCODED)).await;
    let url = format!("{}/token", wire.base_url);
    let oauth = oauth2_client(&AuthorizationServer::poggio().with_token_endpoint(url));
    let poggio = wire.client();
    let request = oauth.exchange_code(AuthorizationCode::new("code".to_owned()));
    let error = OAuthError::from(request.request_async(&poggio).await.unwrap_err());
    assert_eq!(wire.arrived(), 1);
    check_requests(&wire);
    error
}

#[tokio::test]
async fn token_error_names_a_content_coding() {
    for (status, kind) in [
        ("200 OK", OAuthErrorKind::Unreadable),
        ("400 Bad Request", OAuthErrorKind::Refused),
        ("500 Internal Server Error", OAuthErrorKind::Refused),
    ] {
        let error = token_error(status).await;
        let shown = error.to_string();
        assert_eq!(error.kind(), kind, "{shown}");
        assert!(shown.contains("content coding x-gzip"), "{shown}");
        assert!(!shown.contains("raw"), "{shown}");
    }
}

#[tokio::test]
async fn discovery_error_names_a_content_coding() {
    let wire = Wire::responding(sized("200 OK", CODING, ENCODED)).await;
    let error = wire.client().discover(&wire.base_url).await.unwrap_err();
    let shown = error.to_string();
    assert_eq!(error.kind(), OAuthErrorKind::Discovery, "{shown}");
    assert!(shown.contains("content coding x-gzip"), "{shown}");
    assert!(!shown.contains("raw"), "{shown}");
    check_requests(&wire);
}
