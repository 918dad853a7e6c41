//! Secrets and tokens are not shown, and secrets are wiped.

use poggio::{ClientInformation, ClientSecret, testing::Server};

use crate::support::{
    SECRET, TOKEN, WIPED, Wire, all_shown_of_result, canary_replies, count_unwiped_blocks, metadata,
};

#[tokio::test]
async fn results_show_neither_secret_nor_token_of_any_response() {
    let server = Server::start().await;
    let poggio = server.client_builder().auth_token(TOKEN).max_retries(0).build().unwrap();
    let mut cases = 0;
    for reply in canary_replies() {
        server.script([reply.clone()]);
        let shown = all_shown_of_result(&poggio.register(&metadata()).await);
        for canary in [SECRET, TOKEN] {
            assert!(!shown.contains(canary), "{canary} of {reply:?} shows in {shown}");
        }
        cases += 1;
    }
    assert_eq!(cases, server.requests().len());
}

#[tokio::test]
async fn results_show_neither_secret_nor_token_of_a_broken_response() {
    let body = format!(r#"{{"client_id": "id", "client_secret": "{SECRET}", "#);
    for head in [
        "HTTP/1.1 200 OK\r\ncontent-length: 999\r\n\r\n",
        "HTTP/1.1 500 X\r\ncontent-length: 999\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        "HTTP/1.1 2",
        "",
    ] {
        let wire = Wire::responding(format!("{head}{body}")).await;
        let poggio = wire.client_builder().auth_token(TOKEN).build().unwrap();
        let result = poggio.register(&metadata()).await;
        assert!(result.is_err(), "{head}");
        let shown = all_shown_of_result(&result);
        assert!(!shown.contains(SECRET) && !shown.contains(TOKEN), "{head}: {shown}");
    }
}

#[test]
fn client_secret_is_redacted_in_debug() {
    let secret = ClientSecret::from(SECRET);
    assert_eq!(
        format!("{secret:?} {secret:#?}"),
        "ClientSecret([redacted]) ClientSecret([redacted])"
    );
    assert_eq!(secret.clone().expose(), SECRET);
    assert_eq!(ClientSecret::from(SECRET.to_owned()).expose(), SECRET);
}

#[test]
fn client_information_debug_shows_everything_but_the_secret() {
    let json = r#"{"client_id": "id", "client_secret": "s3cr3t-of-nobody", "client_name": "Acme", "x": 7}"#;
    let shown = format!("{:?}", ClientInformation::from_json(json).unwrap());
    let start =
        r#"ClientInformation { client_id: "id", client_secret: Some(ClientSecret([redacted])), "#;
    assert!(shown.starts_with(start), "{shown}");
    assert!(shown.contains("Acme") && shown.contains("\"x\""), "{shown}");
    assert!(!shown.contains("s3cr3t-of-nobody"), "{shown}");
}

#[test]
fn client_secret_is_wiped_on_drop() {
    let text = String::from_utf8(WIPED.to_vec()).unwrap();
    let string = text.clone();
    assert_eq!(count_unwiped_blocks(|| drop(string)), 1, "a string that is not wiped is found");

    let left = count_unwiped_blocks(|| {
        let secret = ClientSecret::from(text.clone());
        drop(secret.clone());
        drop(secret);
        drop(ClientSecret::from(text.as_str()));
    });
    assert_eq!(left, 0);

    let json = r#"{"client_id": "id", "client_secret": "w1ped-when-dropped"}"#;
    let left = count_unwiped_blocks(|| {
        let client = ClientInformation::from_json(json).unwrap();
        drop(client.clone());
        drop(client);
    });
    assert_eq!(left, 0);

    let left = count_unwiped_blocks(|| {
        drop(poggio::Client::builder().base_url("http://[::1]").auth_token(text.as_str()));
    });
    assert_eq!(left, 0);
}
