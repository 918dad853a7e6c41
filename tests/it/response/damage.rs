//! Damaged responses: each complete credential is returned or recovered.

use poggio::{
    ClientInformation, ClientSecret, Error,
    testing::{Reply, Server},
};
use proptest::prelude::*;
use serde_json::json;
use tokio::runtime::{Builder, Runtime};

use crate::support::{SECRET, metadata, property_runner};

const ID: &str = "9495cf98f21b926e";

/// Bodies as servers send them: all members, pretty-printed, credentials only, wrapped in an object.
fn bodies() -> Vec<String> {
    let full = json!({
        "redirect_uris": ["http://127.0.0.1:8910/callback"],
        "token_endpoint_auth_method": "client_secret_post",
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "client_name": "Acme \"Sync\" {1}, \u{fc}",
        "client_uri": null, "logo_uri": null, "scope": "", "contacts": [],
        "client_id": ID, "client_secret": SECRET,
        "client_id_issued_at": 1_795_498_324, "client_secret_expires_at": 0,
        "registration_client_uri": "https://api.example/c", "nested": {"a": [1, {"b": null}]},
    });
    vec![
        full.to_string(),
        format!("{full:#}\n"),
        format!(r#"{{"client_secret":"{SECRET}","client_id":"{ID}"}}"#),
        json!({ "data": full }).to_string(),
    ]
}

/// A server, a client of it, and their runtime.
struct Harness {
    runtime: Runtime,
    server: Server,
    poggio: poggio::Client,
}

impl Harness {
    fn start() -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let server = runtime.block_on(Server::start());
        let poggio = server.client();
        Self { runtime, server, poggio }
    }

    fn register(&self, body: &[u8]) -> Result<ClientInformation, Error> {
        self.server.script([Reply::bytes(201, body)]);
        self.runtime.block_on(self.poggio.register(&metadata()))
    }
}

fn credentials(result: &Result<ClientInformation, Error>) -> (Option<&str>, Option<&str>) {
    let (id, secret) = match result {
        Ok(client) => (Some(client.client_id.as_str()), client.client_secret.as_ref()),
        Err(Error::Unreadable(error)) => (error.client_id(), error.client_secret()),
        Err(error) => panic!("{error}"),
    };
    (id, secret.map(ClientSecret::expose))
}

#[test]
fn register_returns_each_whole_credential_of_a_truncated_response() {
    let harness = Harness::start();
    for body in bodies() {
        let end = |text: &str| body.find(&format!("\"{text}\"")).unwrap() + text.len() + 2;
        for cut in 0..=body.len() {
            let result = harness.register(&body.as_bytes()[..cut]);
            let (id, secret) = credentials(&result);
            assert_eq!(id, (cut >= end(ID)).then_some(ID), "{}", &body[..cut.min(body.len())]);
            assert_eq!(secret, (cut >= end(SECRET)).then_some(SECRET), "cut at {cut}");
        }
    }
}

#[test]
fn register_returns_no_secret_that_did_not_arrive_whole() {
    let harness = Harness::start();
    let bodies = bodies();
    let changes = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8);
    let result = property_runner(2000).run(&(0..bodies.len(), changes), |(which, changes)| {
        let mut bytes = bodies[which].clone().into_bytes();
        for (at, byte) in &changes {
            let at = at.index(bytes.len());
            bytes[at] = *byte;
        }
        let result = harness.register(&bytes);
        let (_, secret) = credentials(&result);
        if let Some(secret) = secret {
            // A whole string of the bytes, or a number.
            let text = String::from_utf8_lossy(&bytes);
            let quoted = text.contains(&json!(secret).to_string()) || text.contains('\\');
            let number = secret.bytes().all(|byte| byte.is_ascii_digit());
            prop_assert!(quoted || number, "{:?} in {}", secret, text);
        }
        let member = format!("\"client_secret\":\"{SECRET}\"");
        let arrived = bytes.windows(member.len()).any(|window| window == member.as_bytes());
        if which == 2 && arrived && bytes.starts_with(b"{\"") {
            // It is the first member, so nothing that follows can hide it. A changed byte may end its
            // object before the id: then it may be the secret of another client.
            let same_object = bytes[1..bytes.len() - 1].iter().all(|byte| !b"{}".contains(byte));
            let in_body = matches!(&result, Err(Error::Unreadable(e)) if e.expose_body() == bytes);
            prop_assert!(secret == Some(SECRET) || (!same_object && in_body), "{:?}", bytes);
        }
        Ok(())
    });
    result.unwrap();
}
