//! Canaries: a secret and a token, put everywhere, that must not show anywhere.

use poggio::{ClientInformation, ClientSecret, testing::Server};

use crate::support::{
    SECRET, TOKEN, WIPED, Wire, all_shown_of_result, canary_replies, count_unwiped_blocks, metadata,
};

#[tokio::test]
async fn neither_secret_nor_token_shows_whatever_the_server_answers() {
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
async fn a_secret_does_not_show_where_the_connection_breaks() {
    let body = format!(r#"{{"client_id": "id", "client_secret": "{SECRET}", "#);
    for head in [
        "HTTP/1.1 200 OK\r\ncontent-length: 999\r\n\r\n",
        "HTTP/1.1 500 X\r\ncontent-length: 999\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        "HTTP/1.1 2",
        "",
    ] {
        let server = Wire::answering(format!("{head}{body}")).await;
        let poggio = poggio::Client::builder().base_url(&server.base_url).auth_token(TOKEN);
        let result = poggio.build().unwrap().register(&metadata()).await;
        assert!(result.is_err(), "{head}");
        let shown = all_shown_of_result(&result);
        assert!(!shown.contains(SECRET) && !shown.contains(TOKEN), "{head}: {shown}");
    }
}

#[test]
fn a_secret_is_redacted_and_neither_displayed_nor_compared() {
    let secret = ClientSecret::from(SECRET);
    assert_eq!(
        format!("{secret:?} {secret:#?}"),
        "ClientSecret([redacted]) ClientSecret([redacted])"
    );
    assert_eq!(secret.clone().expose(), SECRET);
    assert_eq!(ClientSecret::from(SECRET.to_owned()).expose(), SECRET);
}

#[test]
fn a_secret_is_wiped_when_it_is_dropped() {
    let text = String::from_utf8(WIPED.to_vec()).unwrap();
    let kept = text.clone();
    assert_eq!(
        count_unwiped_blocks(|| drop(kept)),
        1,
        "an ordinary string is found, so all would be"
    );

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
