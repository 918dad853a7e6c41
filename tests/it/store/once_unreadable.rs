//! `register_once` with an answer that cannot be read: a client whose credentials arrived whole is
//! kept, so that no one registers another.

use std::sync::Arc;

use poggio::{Error, Outcome, testing::Reply};

use crate::{
    store::register_once::{Failing, Setting, secret},
    support::{attempts, metadata},
};

#[tokio::test]
async fn what_was_salvaged_whole_is_a_client() {
    for (reply, id, given, why) in [
        (
            Reply::cut_off(),
            "loopback-cut",
            "cut-secret",
            "the answer (201 Created) cannot be read: it is not JSON (line 1, column 71)",
        ),
        (
            Reply::wrapped(),
            "loopback-wrapped",
            "wrapped-secret",
            "the answer (201 Created) cannot be read: it has no client_id that is a non-empty string",
        ),
    ] {
        let s = Setting::new().await;
        s.server.script([reply.with_header("x-request-id", "r-7")]);
        let client = s.once(&metadata()).await.unwrap();
        assert_eq!((client.client_id.as_str(), secret(&client)), (id, given));
        assert_eq!(client.response().unwrap().status(), 201);
        assert_eq!((attempts(&client), client.response().unwrap().request_id()), (1, Some("r-7")));
        let warnings: Vec<_> = client.warnings().iter().map(ToString::to_string).collect();
        let told = format!("body: {why}; its client_id and client_secret are whole, and are used");
        assert_eq!(warnings, [told]);
        // What the server granted is not known.
        assert!(
            client
                .changes_from(&metadata())
                .iter()
                .any(|change| { change.to_string().starts_with("token_endpoint_auth_method") })
        );

        let again = s.once(&metadata()).await.unwrap();
        assert_eq!((again.client_id.as_str(), secret(&again), attempts(&again)), (id, given, 0));
        assert_eq!(again.metadata.redirect_uris, metadata().redirect_uris);
        assert_eq!(s.posts(), 1);
    }
}

#[tokio::test]
async fn those_who_wait_register_no_other() {
    let s = Arc::new(Setting::new().await);
    s.server.script([Reply::cut_off()]);
    let calls = (0..16).map(|_| {
        let s = Arc::clone(&s);
        tokio::spawn(async move { s.once(&metadata()).await.unwrap().client_id })
    });
    for call in calls.collect::<Vec<_>>() {
        assert_eq!(call.await.unwrap(), "loopback-cut");
    }
    assert_eq!(s.posts(), 1);
}

#[tokio::test]
async fn where_it_cannot_be_saved_either_it_is_in_the_error() {
    let s = Setting::new().await;
    s.server.script([Reply::cut_off()]);
    let error = s.poggio.register_once(&metadata(), &*Failing::from_access(4)).await.unwrap_err();
    assert_eq!(error.outcome(), Outcome::Registered);
    let Error::Store(error) = error else { panic!("{error}") };
    assert_eq!(secret(error.client().unwrap()), "cut-secret");
}

#[tokio::test]
async fn what_did_not_arrive_whole_is_an_error_and_nothing_is_kept() {
    for text in
        [r#"{"client_id": "1", "client_secret": "s3cr"#, r#"{"client_secret": "s3cr3t"}"#, ""]
    {
        let s = Setting::new().await;
        s.server.script([Reply::text(201, text)]);
        let error = s.once(&metadata()).await.unwrap_err();
        assert!(matches!(error, Error::Unreadable(_)), "{error}");
        assert_eq!(error.outcome(), Outcome::Registered);
        assert!(s.poggio.find_registration(&metadata(), &s.store).await.unwrap().is_none());
        // The next call registers: no one can use the first client.
        assert_eq!(attempts(&s.once(&metadata()).await.unwrap()), 1);
        assert_eq!(s.posts(), 2);
    }
}
