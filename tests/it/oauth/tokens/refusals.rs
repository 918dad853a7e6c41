//! Refused token requests: the message of each, and that no secret of the request is in it.

use oauth2::{
    DeviceAuthorizationUrl, RefreshToken, RequestTokenError, ResourceOwnerPassword,
    ResourceOwnerUsername, Scope, StandardDeviceAuthorizationResponse,
};

use super::*;
use crate::support::oauth::{REDIRECT_URI, registered};

#[tokio::test]
async fn refusal_says_what_the_server_said_and_what_to_do() {
    let detail = json!({"detail": [
        {"loc": ["body", "code"], "msg": "Field required", "type": "missing", "input": "s3cr3t"},
        {"loc": ["body", "redirect_uri"], "msg": "Field required", "type": "missing"},
    ]});
    for (status, body, text) in [
        (
            "400 Bad Request",
            r#"{"error": "invalid_grant", "error_description": "The code\nis used."}"#,
            "HOST rejected the code or the refresh token with 400 Bad Request (invalid_grant): The \
             code is used.; log in again, because the code or the refresh token is no longer valid",
        ),
        (
            "401 Unauthorized",
            r#"{"error": "invalid_client"}"#,
            "HOST rejected the client with 401 Unauthorized (invalid_client); mark the client with \
             RegistrationStoreExt::mark_rejected, then register again",
        ),
        (
            "400 Bad Request",
            r#"{"error": "unauthorized_client"}"#,
            "HOST rejected this grant type for the client with 400 Bad Request \
             (unauthorized_client); register a client with this grant type",
        ),
        (
            "400 Bad Request",
            r#"{"error": "unsupported_grant_type"}"#,
            "HOST rejected the grant type with 400 Bad Request (unsupported_grant_type); use a \
             grant type that the server supports",
        ),
        (
            "400 Bad Request",
            r#"{"error": "invalid_scope"}"#,
            "HOST rejected the scopes with 400 Bad Request (invalid_scope); request only scopes \
             that are registered",
        ),
        (
            "400 Bad Request",
            r#"{"error": "invalid_target"}"#,
            "HOST rejected the resource with 400 Bad Request (invalid_target); use a resource that \
             the server knows",
        ),
        (
            "400 Bad Request",
            r#"{"error": "invalid_request", "error_description": "No redirect_uri."}"#,
            "HOST rejected the request with 400 Bad Request (invalid_request): No redirect_uri.; \
             correct the request as the server describes, then try again",
        ),
        (
            "400 Bad Request",
            r#"{"error": "server_error"}"#,
            "HOST failed with 400 Bad Request (server_error); try again later",
        ),
        // FastAPI wraps what an application raises.
        (
            "401 Unauthorized",
            r#"{"detail": {"error": "invalid_client"}}"#,
            "HOST rejected the client with 401 Unauthorized (invalid_client); mark the client with \
             RegistrationStoreExt::mark_rejected, then register again",
        ),
        (
            "401 Unauthorized",
            r#"{"detail": "invalid_client"}"#,
            "HOST rejected the client with 401 Unauthorized (invalid_client): invalid_client; mark \
             the client with RegistrationStoreExt::mark_rejected, then register again",
        ),
        // GitHub refuses with 200.
        (
            "200 OK",
            r#"{"error": "invalid_grant", "error_description": "bad code"}"#,
            "HOST rejected the code or the refresh token with 200 OK (invalid_grant): bad code; log \
             in again, because the code or the refresh token is no longer valid",
        ),
        (
            "422 Unprocessable Entity",
            &detail.to_string(),
            "HOST rejected the request with 422 Unprocessable Entity: code: Field \
             required; redirect_uri: Field required; correct the request as the server \
             describes, then try again",
        ),
        (
            "404 Not Found",
            r#"{"detail": "Not Found"}"#,
            "HOST rejected the request with 404 Not Found: Not Found; check the URL of the endpoint",
        ),
        (
            "502 Bad Gateway",
            "<html><title>502</title>",
            "HOST failed with 502 Bad Gateway: 502; try again later, and log in again if the server \
             then rejects the code or token",
        ),
        (
            "302 Found",
            "",
            "HOST redirected the request with 302 Found; set the endpoint to the redirect target, \
             because redirects are not followed",
        ),
        (
            "429 Too Many Requests\r\nretry-after: 120",
            r#"{"error": "temporarily_unavailable"}"#,
            "HOST rejected the request for now with 429 Too Many Requests \
             (temporarily_unavailable) (retry after 120 s); wait, then try again",
        ),
    ] {
        let error = token_from(status, body).await.unwrap_err();
        let shown = error.to_string();
        // The port differs from run to run.
        let shown = match shown.strip_prefix("127.0.0.1:") {
            Some(rest) => format!("HOST{}", rest.trim_start_matches(|c: char| c.is_ascii_digit())),
            None => shown,
        };
        assert_eq!(shown, text);
        assert!(!format!("{error:?}").contains("s3cr3t"));
        assert_eq!(error.is_invalid_client(), body.contains("invalid_client"));
        let help = "mark the client with RegistrationStoreExt::mark_rejected, then register again";
        assert_eq!(error.help() == help, error.is_invalid_client());
        let wait = status.contains("retry-after").then_some(Duration::from_secs(120));
        assert_eq!((error.retry_after(), error.refusal().unwrap().retry_after()), (wait, wait));
    }
}

#[tokio::test]
async fn refusal_counts_as_a_rejected_client_by_code_status_and_challenge() {
    const INVALID: &str = r#"{"error": "invalid_client"}"#;
    const BASIC: &str = "401 Unauthorized\r\nwww-authenticate: Basic realm=\"x\"";
    for (status, body, is_rejected) in [
        ("400 Bad Request", INVALID, true),
        ("401 Unauthorized", INVALID, true),
        ("403 Forbidden", INVALID, true),
        ("404 Not Found", INVALID, true),
        ("200 OK", INVALID, true),
        ("403 Forbidden", r#"{"detail": {"error": "invalid_client"}}"#, true),
        ("401 Unauthorized", r#"{"detail": "Invalid client credentials"}"#, true),
        ("401 Unauthorized", r#"{"error": "Unauthorized"}"#, true),
        ("401 Unauthorized", r#"{"error": "the client is unknown"}"#, true),
        ("401 Unauthorized", r#"{"error": {"code": 7}}"#, true),
        ("401 Unauthorized", r#"{"error": "unauthorized_client"}"#, true),
        (BASIC, "", true),
        ("401 Unauthorized\r\nwww-authenticate: Bearer, basic realm=\"x\"", "", true),
        (BASIC, "{}", true),
        // A proxy.
        ("401 Unauthorized", "", false),
        ("401 Unauthorized", "<html>401</html>", false),
        ("401 Unauthorized", "Unauthorized", false),
        (BASIC, "<html>401</html>", false),
        ("401 Unauthorized\r\nwww-authenticate: Bearer", "", false),
        ("407 Proxy Authentication Required", "", false),
        // Another cause.
        ("401 Unauthorized", r#"{"error": "invalid_grant"}"#, false),
        ("401 Unauthorized", r#"{"message": "no"}"#, false),
        ("401 Unauthorized", r#"{"error": null, "detail": null}"#, false),
        (BASIC, r#"{"error": "invalid_grant"}"#, false),
        ("400 Bad Request", r#"{"detail": "Invalid client credentials"}"#, false),
        ("400 Bad Request", r#"{"error": "unauthorized_client"}"#, false),
        ("403 Forbidden", r#"{"detail": "Not authenticated"}"#, false),
        ("404 Not Found", r#"{"detail": "Not Found"}"#, false),
        ("429 Too Many Requests\r\nretry-after: 120", INVALID, false),
        ("500 Internal Server Error", INVALID, false),
        ("503 Service Unavailable", INVALID, false),
    ] {
        let error = token_from(status, body).await.unwrap_err();
        assert_eq!(error.kind(), OAuthErrorKind::Refused, "{status} {body}");
        assert_eq!(error.is_invalid_client(), is_rejected, "{status} {body}");
        assert_eq!(error.help().starts_with("mark the client"), is_rejected, "{status} {body}");
    }
}

#[tokio::test]
async fn refusal_names_the_host() {
    for (status, body, class) in [
        ("400 Bad Request", r#"{"error": "invalid_request"}"#, "rejected the request"),
        ("401 Unauthorized", r#"{"error": "invalid_client"}"#, "rejected the client"),
        ("403 Forbidden", r#"{"error": "invalid_client"}"#, "rejected the client"),
        ("401 Unauthorized", "", "rejected the request"),
        ("502 Bad Gateway", "<title>Oops</title>", "failed"),
    ] {
        let error = token_from(status, body).await.unwrap_err();
        let text = error.to_string();
        let rest = text.strip_prefix("127.0.0.1:").unwrap();
        let rest = rest.trim_start_matches(|c: char| c.is_ascii_digit());
        assert!(rest.starts_with(&format!(" {class} with {status}")), "{text}");
    }
}

#[tokio::test]
async fn refusal_has_code_status_and_description() {
    let invalid_grant = r#"{"error": "invalid_grant"}"#;
    for (status, body, code, http_status, description) in [
        ("400 Bad Request", invalid_grant, Some("invalid_grant"), Some(400), None),
        ("200 OK", invalid_grant, Some("invalid_grant"), Some(200), None),
        ("404 Not Found", r#"{"detail": "No"}"#, None, Some(404), Some("No")),
    ] {
        let error = token_from(status, body).await.unwrap_err();
        let refusal = error.refusal().unwrap();
        assert_eq!(refusal.code().map(poggio::ErrorCode::as_str), code, "{status}");
        assert_eq!(refusal.status().map(|status| status.as_u16()), http_status);
        assert_eq!(refusal.description(), description, "{status}");
    }
}

#[tokio::test]
async fn refusal_redacts_secret_code_and_verifier_of_the_request() {
    let verifier = "v".repeat(43);
    for quoted in ["s3cr3t/+ of:mine", "the-code-1", &verifier] {
        for body in [
            json!({"error": "invalid_grant", "error_description": format!("saw {quoted} here")}),
            json!({"detail": format!("saw {quoted} here")}),
            json!({"detail": [{"loc": ["body"], "msg": format!("saw {quoted} here")}]}),
        ] {
            let error = token_from("400 Bad Request", &body.to_string()).await.unwrap_err();
            let shown = format!("{error} {error:?}");
            assert!(!shown.contains(quoted), "{shown}");
            assert!(shown.contains("saw [redacted] here"), "{shown}");
        }
    }
}

/// Returns a client for a server that refuses every request with this description.
async fn refusing(status: &str, description: &str) -> (Wire, Client, OAuth2Client) {
    let body = json!({"error": "invalid_client", "error_description": description});
    let server = Wire::responding(sized(status, "", &body.to_string())).await;
    let (poggio, oauth) = client_of(&server.base_url);
    (server, poggio, oauth)
}

#[tokio::test]
async fn refusal_redacts_a_secret_that_was_sent_in_the_header() {
    let (server, poggio, _) = refusing("401 Unauthorized", "not s3cr3t/+ of:mine").await;
    let endpoints = AuthorizationServer::poggio().with_token_endpoint(&server.base_url);
    let basic = registered(json!({"token_endpoint_auth_method": "client_secret_basic"}));
    let oauth = basic.oauth2_client(&endpoints, Some(REDIRECT_URI)).unwrap();
    let error = exchange(&poggio, &oauth).await.unwrap_err();
    assert!(error.is_invalid_client());
    let shown = format!("{error} {error:?}");
    assert!(shown.contains("not [redacted]") && !shown.contains("of:mine"), "{shown}");
}

#[tokio::test]
async fn refusal_redacts_every_token_and_password_of_the_request() {
    let (_server, poggio, oauth) = refusing("400 Bad Request", "no such refresh-me-7").await;
    let token = RefreshToken::new("refresh-me-7".to_owned());
    let result = oauth.exchange_refresh_token(&token).request_async(&poggio).await;
    let error = OAuthError::from(result.unwrap_err());
    assert!(error.to_string().contains(": no such [redacted]; "), "{error}");

    let (_server, poggio, oauth) = refusing("400 Bad Request", "hunter22, sub-tok1").await;
    let (user, password) =
        (ResourceOwnerUsername::new("ada".into()), ResourceOwnerPassword::new("hunter22".into()));
    let request = oauth.exchange_password(&user, &password);
    let result = request.add_extra_param("subject_token", "sub-tok1").request_async(&poggio).await;
    let error = OAuthError::from(result.unwrap_err());
    assert!(error.to_string().contains(": [redacted], [redacted]; "), "{error}");

    let description = "the-access-token \u{1b}[31m s3cr3t/+ of:mine";
    for status in ["400 Bad Request", "403 Forbidden"] {
        let (server, poggio, oauth) = refusing(status, description).await;
        let url = IntrospectionUrl::new(format!("{}/introspect", server.base_url)).unwrap();
        let oauth = oauth.set_introspection_url(url);
        let token = AccessToken::new("the-access-token".to_owned());
        let result = oauth.introspect(&token).request_async(&poggio).await;
        let error = OAuthError::from(result.unwrap_err());
        let refusal = error.refusal().unwrap();
        assert_eq!(refusal.description(), Some("[redacted] [31m [redacted]"), "{status}");
        assert!(!format!("{error:?}").contains("s3cr3t"));
    }
}

#[tokio::test]
async fn refusal_is_the_request_error_of_the_oauth2_crate() {
    for (status, body) in [
        ("400 Bad Request", r#"{"error": "invalid_scope"}"#),
        ("422 Unprocessable Entity", r#"{"detail": []}"#),
    ] {
        let server = Wire::responding(sized(status, "", body)).await;
        let (poggio, oauth) = client_of(&server.base_url);
        let token = RefreshToken::new("refresh".to_owned());
        let request = oauth.exchange_refresh_token(&token).add_scope(Scope::new("a".to_owned()));
        let error = request.request_async(&poggio).await.unwrap_err();
        let RequestTokenError::Request(error) = error else { panic!("{error:?}") };
        assert_eq!(error.kind(), OAuthErrorKind::Refused, "{error:?}");
    }
}

#[tokio::test]
async fn refusal_of_a_device_code_is_polled_again_according_to_its_code() {
    let server = MockServer::start().await;
    let details = json!({
        "device_code": "device-1", "user_code": "A-B", "verification_uri": "https://a.example/",
        "expires_in": 60, "interval": 0,
    });
    for (count, response) in [
        (1, ResponseTemplate::new(200).set_body_json(details)),
        (2, ResponseTemplate::new(400).set_body_json(json!({"error": "authorization_pending"}))),
        (1, ResponseTemplate::new(400).set_body_json(json!({"error": "access_denied"}))),
    ] {
        Mock::given(any()).respond_with(response).up_to_n_times(count).mount(&server).await;
    }
    let (poggio, oauth) = client_of(&server.uri());
    let url = DeviceAuthorizationUrl::new(format!("{}/device", server.uri())).unwrap();
    let oauth = oauth.set_device_authorization_url(url);
    let details: StandardDeviceAuthorizationResponse =
        oauth.exchange_device_code().request_async(&poggio).await.unwrap();
    let request = oauth.exchange_device_access_token(&details);
    let error = request.request_async(&poggio, tokio::time::sleep, None).await.unwrap_err();
    let RequestTokenError::ServerResponse(error) = error else { panic!("{error:?}") };
    assert_eq!(error.error().to_string(), "access_denied");
    assert_eq!(server.received_requests().await.unwrap().len(), 4);
}
