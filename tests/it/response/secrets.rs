//! Canaries: a secret and a token, put everywhere, that must not show anywhere.

use poggio::{
    ClientInformation, ClientSecret, Error,
    testing::{Reply, Server},
};
use serde_json::json;

use crate::{
    support::{all_shown, debugged, metadata},
    transport::memory::{WIPED, left_behind},
    transport::wire::Wire,
};

/// In the form that the recorded FastAPI server gives its secrets.
pub(crate) const SECRET: &str = "knQwTt1ulkolfxnEGy3a_pXox28RbhL1TutKpp-s13k";
pub(crate) const TOKEN: &str = "t0ken-canary";

pub(crate) fn replies() -> Vec<Reply> {
    let whole = json!({"client_id": "id", "client_secret": SECRET});
    let text = whole.to_string();
    let mut replies = Vec::new();
    for status in [200, 201] {
        replies.extend([
            Reply::json(status, whole.clone()),
            Reply::json(status, json!({"client_secret": SECRET})),
            Reply::json(status, json!({"client_id": 5, "client_secret": [SECRET]})),
            Reply::json(status, json!({"client_id": "id", "client_secret": [SECRET], "x": SECRET})),
            Reply::json(status, json!({"client_id": "id", "registration_access_token": SECRET})),
            Reply::json(status, json!({"client_id": "id", "client_id_issued_at": SECRET})),
            Reply::json(
                status,
                json!({"client_id": "id", "contacts": [[SECRET]], "scope": {"a": SECRET}}),
            ),
            Reply::json(status, json!([whole.clone()])),
            Reply::json(status, json!({"data": whole.clone()})),
            Reply::text(status, &text[..text.len() - 1]),
            Reply::text(status, &text[..text.len() - 5]),
            Reply::text(status, format!("{text}x")),
            Reply::text(status, SECRET),
        ]);
    }
    for status in [302, 400, 401, 403, 404, 409, 422, 429, 500, 502, 503] {
        let sentence = format!("the secret {SECRET} and the token {TOKEN} are known");
        let entry = json!({
            "loc": ["body", SECRET, TOKEN], "msg": sentence, "type": SECRET,
            "input": whole, "ctx": {"error": SECRET},
        });
        let challenge = format!(r#"Bearer error="{TOKEN}", error_description="{sentence}""#);
        replies.extend([
            Reply::json(status, whole.clone()),
            Reply::json(status, json!({"error": SECRET, "error_description": sentence})),
            Reply::json(status, json!({"error": TOKEN})),
            Reply::json(status, json!({"detail": sentence})),
            Reply::json(status, json!({"detail": [entry.clone()]})),
            Reply::json(status, json!({"detail": [sentence.clone()]})),
            Reply::json(status, json!({"message": sentence, "client_secret": SECRET})),
            Reply::json(status, json!({SECRET: TOKEN})),
            Reply::text(status, sentence.clone()),
            Reply::html(status, format!("<title>{sentence}</title>{SECRET}")),
            Reply::html(status, format!("<p>client_secret={SECRET}&token={TOKEN}</p>")),
            Reply::status(status).with_header("www-authenticate", challenge),
            Reply::json(status, whole.clone()).with_header("x-request-id", SECRET),
            Reply::status(status).with_header("x-request-id", TOKEN),
            Reply::status(status).with_header("set-cookie", SECRET).with_header("location", SECRET),
        ]);
    }
    replies
}

pub(crate) fn shown(result: &Result<ClientInformation, Error>) -> String {
    match result {
        Err(error) => all_shown(error),
        Ok(client) => {
            let warnings: String =
                client.warnings().iter().map(|warning| format!("{warning} {warning:?}")).collect();
            let changes = debugged(&client.changes_from(&metadata()));
            format!("{}{}{warnings}{changes}", debugged(client), debugged(&client.additional))
        }
    }
}

#[tokio::test]
async fn neither_secret_nor_token_shows_whatever_the_server_answers() {
    let server = Server::start().await;
    let poggio = server.client_builder().auth_token(TOKEN).max_retries(0).build().unwrap();
    let mut cases = 0;
    for reply in replies() {
        server.script([reply.clone()]);
        let shown = shown(&poggio.register(&metadata()).await);
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
        let shown = shown(&result);
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
    assert_eq!(left_behind(|| drop(kept)), 1, "an ordinary string is found, so all would be");

    let left = left_behind(|| {
        let secret = ClientSecret::from(text.clone());
        drop(secret.clone());
        drop(secret);
        drop(ClientSecret::from(text.as_str()));
    });
    assert_eq!(left, 0);

    let json = r#"{"client_id": "id", "client_secret": "w1ped-when-dropped"}"#;
    let left = left_behind(|| {
        let client = ClientInformation::from_json(json).unwrap();
        drop(client.clone());
        drop(client);
    });
    assert_eq!(left, 0);

    let left = left_behind(|| {
        drop(poggio::Client::builder().base_url("http://[::1]").auth_token(text.as_str()));
    });
    assert_eq!(left, 0);
}
