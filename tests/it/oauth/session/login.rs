//! `Session::login`, `begin_login`, `finish_login` and `logout`.

use std::time::Duration;

use poggio::{
    ClientMetadata, RegistrationStore, RegistrationStoreExt,
    oauth::{LoginOptions, Logout, OAuthErrorKind, Recovery},
    store::RetiredReason,
    testing::Reply,
};

use super::{Fixture, fields};

#[tokio::test]
async fn login_uses_the_registered_client_on_any_port() {
    let it = Fixture::new().await;
    for _ in 0..3 {
        it.log_in(&it.session(), LoginOptions::new()).await.unwrap();
    }
    assert_eq!(it.server.registrations().len(), 1);
    let uris = it.server.registrations()[0].metadata().unwrap().redirect_uris;
    let used = fields(&it.token_requests(), "redirect_uri");
    // The registered port is free again after each login.
    assert_eq!(used, [uris[0].as_str(), uris[0].as_str(), uris[0].as_str()]);

    let port: u16 = uris[0].split(':').nth(2).unwrap().split('/').next().unwrap().parse().unwrap();
    let _blocker = std::net::TcpListener::bind(("127.0.0.1", port)).unwrap();
    it.log_in(&it.session(), LoginOptions::new()).await.unwrap();
    assert_ne!(fields(&it.token_requests(), "redirect_uri")[3], uris[0]);
    assert_eq!(it.server.registrations().len(), 1);
}

#[tokio::test]
async fn login_accepts_a_pasted_callback() {
    let it = Fixture::new().await;
    let (sender, url) = tokio::sync::oneshot::channel::<String>();
    let (paste, pasted) = tokio::sync::oneshot::channel::<String>();
    let options = LoginOptions::new()
        .browser(false)
        .on_url(|url| sender.send(url.to_owned()).unwrap())
        .pasted(async { pasted.await.unwrap() });
    let browser = async {
        let callback = it.server.allow(&url.await.unwrap()).await;
        paste.send(callback).unwrap();
    };
    let session = it.session();
    let (token, ()) = tokio::join!(session.login(options), browser);
    assert_eq!(token.unwrap().expose(), "loopback-access-token-1-of-no-value-elsewhere");
}

#[tokio::test]
async fn login_reports_a_denial_and_changes_nothing() {
    let it = Fixture::new().await;
    let (sender, url) = tokio::sync::oneshot::channel::<String>();
    let options = LoginOptions::new().browser(false).on_url(|url| sender.send(url.into()).unwrap());
    let browser = async {
        let callback = it.server.deny(&url.await.unwrap()).await;
        poggio::reqwest::get(callback).await.unwrap();
    };
    let session = it.session();
    let (result, ()) = tokio::join!(session.login(options), browser);
    let error = result.unwrap_err();
    assert_eq!(error.kind(), OAuthErrorKind::Refused);
    assert_eq!(error.refusal().unwrap().code().unwrap().as_str(), "access_denied");
    assert!(it.token_requests().is_empty());
}

#[tokio::test]
async fn login_without_a_callback_times_out_and_keeps_the_client() {
    let it = Fixture::new().await;
    let session = it.session();
    let options = LoginOptions::new().browser(false).timeout(Duration::from_millis(50));
    let error = session.login(options).await.unwrap_err();
    assert_eq!(error.kind(), OAuthErrorKind::TimedOut);
    assert_eq!(error.recovery(), Recovery::LogIn);
    assert_eq!(it.store.list().await.unwrap()[0].retired(), None);
}

#[tokio::test]
async fn login_rejects_a_client_that_the_authorization_endpoint_does_not_know() {
    let it = Fixture::new().await;
    let session = it.session();
    it.log_in(&session, LoginOptions::new()).await.unwrap();
    it.server.revoke_client("loopback-client-1");

    let options = LoginOptions::new().browser(false).timeout(Duration::from_millis(50));
    let error = session.login(options).await.unwrap_err();
    assert_eq!(error.kind(), OAuthErrorKind::TimedOut);
    assert_eq!(
        error.to_string(),
        "the login timed out: the server does not know the client; the next login registers \
         another; log in again, and complete the login in the browser"
    );
    let retired = it.store.list().await.unwrap()[0].retired().unwrap();
    assert_eq!(retired.reason, RetiredReason::Rejected);
    it.log_in(&session, LoginOptions::new()).await.unwrap();
    assert_eq!(it.server.registrations().len(), 2);
}

#[tokio::test]
async fn login_registers_another_client_on_request() {
    let it = Fixture::new().await;
    let session = it.session();
    it.log_in(&session, LoginOptions::new()).await.unwrap();
    it.log_in(&session, LoginOptions::new().renew_client(true)).await.unwrap();
    assert_eq!(it.server.registrations().len(), 2);
}

#[tokio::test]
async fn login_requests_the_scopes_of_the_options() {
    let it = Fixture::new().await;
    let session = it.builder().scopes(["read"]).build().unwrap();
    let token = it.log_in(&session, LoginOptions::new()).await.unwrap();
    assert_eq!(token.scopes(), ["read"]);
    let options = LoginOptions::new().scopes(["read", "write"]);
    let token = it.log_in(&session, options).await.unwrap();
    assert_eq!(token.scopes(), ["read", "write"]);
}

#[tokio::test]
async fn finish_login_completes_a_login_that_another_process_began() {
    let it = Fixture::new().await;
    let redirect_uri = "https://acme.example/callback";
    let metadata = ClientMetadata::new().with_redirect_uri(redirect_uri);
    let session = || it.builder().metadata(metadata.clone()).account("user 1").build().unwrap();
    let begun = session().begin_login().await.unwrap();
    let saved = begun.expose_json().to_string();
    let callback = it.server.allow(begun.url().as_str()).await;
    drop(begun);

    let other = session();
    let json = serde_json::from_str(&saved).unwrap();
    let authorization = other.restore_login(&json).await.unwrap();
    let token = other.finish_login(authorization, &callback).await.unwrap();
    assert_eq!(token.expose(), "loopback-access-token-1-of-no-value-elsewhere");
    assert_eq!(session().access_token().await.unwrap().expose(), token.expose());

    for json in ["{}", "7", r#"{"url": "http://127.0.0.1/", "code_verifier": "v"}"#] {
        let json = serde_json::from_str(json).unwrap();
        let error = other.restore_login(&json).await.unwrap_err();
        assert_eq!(error.kind(), OAuthErrorKind::Callback);
    }
}

#[tokio::test]
async fn logout_erases_the_tokens_and_says_whether_they_were_revoked() {
    let it = Fixture::new().await;
    let session = it.session();
    assert_eq!(session.logout().await.unwrap(), Logout::NotLoggedIn);
    it.log_in(&session, LoginOptions::new()).await.unwrap();
    assert_eq!(session.logout().await.unwrap(), Logout::Erased);
    let error = session.access_token().await.unwrap_err();
    assert_eq!(error.kind(), OAuthErrorKind::LoginRequired);
    let text = it.store.sibling("tokens").unwrap().read().await.unwrap().unwrap();
    assert!(!text.expose().contains("loopback-"), "{}", text.expose());

    let revocation = format!("{}/revoke", it.server.base_url());
    let endpoints = it.endpoints.clone().with_revocation_endpoint(revocation);
    let session = it.builder().server(endpoints).build().unwrap();
    it.log_in(&session, LoginOptions::new()).await.unwrap();
    it.server.script([Reply::status(200)]);
    assert_eq!(session.logout().await.unwrap(), Logout::Revoked);
    let request = it.server.requests().pop().unwrap();
    assert_eq!(request.path(), "/revoke");
    assert_eq!(
        String::from_utf8_lossy(request.body()),
        "token=loopback-refresh-token-2-of-no-value-elsewhere&token_type_hint=refresh_token\
         &client_id=loopback-client-1&client_secret=loopback-secret-1-of-no-value-elsewhere"
    );

    it.log_in(&session, LoginOptions::new()).await.unwrap();
    it.server.script([Reply::status(500)]);
    assert_eq!(session.logout().await.unwrap(), Logout::Erased);
}
