//! Canaries: a secret and a token that must not be shown, and everything that is shown.

use std::{error::Error as _, fmt::Debug};

use poggio::{ClientInformation, Error, testing::Reply};
use serde_json::{Value, json};

use crate::support::metadata;

/// A secret in the format of the recorded FastAPI server.
pub(crate) const SECRET: &str = "knQwTt1ulkolfxnEGy3a_pXox28RbhL1TutKpp-s13k";
/// A bearer token.
pub(crate) const TOKEN: &str = "t0ken-canary";

/// Responses of every form that hold the secret and the token.
pub(crate) fn canary_replies() -> Vec<Reply> {
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
        // Only credentials that are known from the request or the response are masked.
        let with = |mut body: Value| {
            body["client_secret"] = SECRET.into();
            Reply::json(status, body)
        };
        replies.extend([
            Reply::json(status, whole.clone()),
            with(json!({"error": SECRET, "error_description": sentence})),
            with(json!({"error": TOKEN})),
            with(json!({"detail": sentence})),
            with(json!({"detail": [entry.clone()]})),
            with(json!({"detail": [sentence.clone()]})),
            with(json!({"message": sentence})),
            with(json!({SECRET: TOKEN})),
            Reply::text(status, format!("{sentence}, client_secret={SECRET}")),
            Reply::html(status, format!("<title>{sentence}</title>client_secret={SECRET}")),
            Reply::html(status, format!("<p>client_secret={SECRET}&token={TOKEN}</p>")),
            with(json!({})).with_header("www-authenticate", challenge),
            Reply::json(status, whole.clone()).with_header("x-request-id", SECRET),
            Reply::status(status).with_header("x-request-id", TOKEN),
            Reply::status(status).with_header("set-cookie", SECRET).with_header("location", SECRET),
        ]);
    }
    replies
}

/// Everything of a result that a log can show.
pub(crate) fn all_shown_of_result(result: &Result<ClientInformation, Error>) -> String {
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

/// Everything of an error that a log can show: Display and both forms of Debug, of its sources too.
pub(crate) fn all_shown(error: &Error) -> String {
    let mut shown = format!("{error}\n{}", debugged(error));
    let mut source = error.source();
    while let Some(cause) = source {
        shown.push_str(&format!("\n{cause}\n{cause:?}\n{cause:#?}"));
        source = cause.source();
    }
    shown
}

/// Both forms of Debug.
pub(crate) fn debugged(value: &impl Debug) -> String {
    format!("{value:?}\n{value:#?}")
}
