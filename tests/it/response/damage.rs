//! Answers that were damaged: the credentials are returned, or salvaged, or had truly not arrived.

use poggio::{
    ClientInformation, ClientSecret, Error,
    testing::{Reply, Server},
};
use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};
use serde_json::{Value, json};
use tokio::runtime::{Builder, Runtime};

use crate::support::{SECRET, metadata};

const ID: &str = "9495cf98f21b926e";

/// Answers in the forms that servers give them: FastAPI's, sparse, spread over lines, enveloped.
fn answers() -> Vec<String> {
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

/// A client at a server of its own, on a runtime of its own.
struct Asked {
    runtime: Runtime,
    server: Server,
    poggio: poggio::Client,
}

impl Asked {
    fn start() -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let server = runtime.block_on(Server::start());
        let poggio = server.client();
        Self { runtime, server, poggio }
    }

    fn register(&self, answer: &[u8]) -> Result<ClientInformation, Error> {
        self.server.script([Reply::bytes(201, answer)]);
        self.runtime.block_on(self.poggio.register(&metadata()))
    }
}

fn credentials(result: &Result<ClientInformation, Error>) -> (Option<&str>, Option<&str>) {
    let (id, secret) = match result {
        Ok(client) => (Some(client.client_id.as_str()), client.client_secret.as_ref()),
        Err(Error::Unreadable(error)) => (error.client_id(), error.client_secret()),
        Err(error) => panic!("a success answer cannot be {error}"),
    };
    (id, secret.map(ClientSecret::expose))
}

#[test]
fn cut_at_every_byte_a_credential_is_given_from_where_it_is_whole() {
    let asked = Asked::start();
    for answer in answers() {
        let end = |text: &str| answer.find(&format!("\"{text}\"")).unwrap() + text.len() + 2;
        for cut in 0..=answer.len() {
            let result = asked.register(&answer.as_bytes()[..cut]);
            let (id, secret) = credentials(&result);
            assert_eq!(id, (cut >= end(ID)).then_some(ID), "{}", &answer[..cut.min(answer.len())]);
            assert_eq!(secret, (cut >= end(SECRET)).then_some(SECRET), "cut at {cut}");
        }
    }
}

/// What may befall the members of an answer.
#[derive(Clone, Debug)]
enum Befalls {
    Drop(usize),
    Retype(usize, Value),
    Repeat(usize),
}

fn befalls() -> impl Strategy<Value = Befalls> {
    let values = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        prop::collection::vec(".{0,6}", 0..3).prop_map(Value::from),
        Just(json!([null, 1, "x", [], {"a": "b"}])),
        Just(json!({"client_name": "x"})),
    ];
    prop_oneof![
        (0..17_usize).prop_map(Befalls::Drop),
        (0..17_usize, values).prop_map(|(i, value)| Befalls::Retype(i, value)),
        (0..17_usize).prop_map(Befalls::Repeat),
    ]
}

/// The first answer as text, with this done to its members.
fn damaged(befalls: &[Befalls]) -> String {
    let Ok(Value::Object(members)) = serde_json::from_str(&answers()[0]) else { unreachable!() };
    let mut members: Vec<(String, Value)> = members.into_iter().collect();
    for befall in befalls {
        let len = members.len().max(1);
        match befall {
            Befalls::Drop(i) if !members.is_empty() => drop(members.remove(i % len)),
            Befalls::Retype(i, value) if !members.is_empty() => {
                members[i % len].1 = value.clone();
            }
            Befalls::Repeat(i) if !members.is_empty() => members.push(members[i % len].clone()),
            _ => {}
        }
    }
    let members: Vec<_> =
        members.iter().map(|(name, value)| format!("{}:{value}", json!(name))).collect();
    format!("{{{}}}", members.join(","))
}

fn run<S: Strategy>(
    cases: u32,
    strategy: &S,
    test: impl Fn(S::Value) -> Result<(), TestCaseError>,
) {
    let config = Config { failure_persistence: None, ..Config::with_cases(cases) };
    TestRunner::new(config).run(strategy, test).unwrap();
}

#[test]
fn whatever_befalls_its_members_a_text_with_a_client_id_is_a_client() {
    let asked = Asked::start();
    run(1000, &prop::collection::vec(befalls(), 0..6), |befalls| {
        let text = damaged(&befalls);
        let value: Value = serde_json::from_str(&text).unwrap();
        let result = asked.register(text.as_bytes());
        let id = value["client_id"].as_str().filter(|id| !id.is_empty());
        prop_assert_eq!(result.is_ok(), id.is_some(), "{}", text);
        let secret = value["client_secret"].as_str().filter(|secret| !secret.is_empty());
        let (_, given) = credentials(&result);
        let raw = result.as_ref().is_ok_and(|c| c.additional.get("client_secret").is_some());
        match secret {
            Some(secret) => prop_assert_eq!(given, Some(secret), "{}", text),
            // Not a string: nothing is made up, and what came is kept raw.
            None if result.is_ok() => {
                prop_assert_eq!(given, None, "{}", text);
                let came = value.get("client_secret").is_some_and(|v| !v.is_null() && v != "");
                prop_assert_eq!(raw, came, "{}", text);
            }
            None => {}
        }
        Ok(())
    });
}

#[test]
fn bytes_that_were_flipped_give_nothing_that_did_not_arrive_whole() {
    let asked = Asked::start();
    let flips = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8);
    let answers = answers();
    run(2000, &(0..answers.len(), flips), |(which, flips)| {
        let mut bytes = answers[which].clone().into_bytes();
        for (at, byte) in &flips {
            let at = at.index(bytes.len());
            bytes[at] = *byte;
        }
        let result = asked.register(&bytes);
        let (_, secret) = credentials(&result);
        if let Some(secret) = secret {
            // A whole string of the bytes, or a number.
            let text = String::from_utf8_lossy(&bytes);
            let quoted = text.contains(&json!(secret).to_string()) || text.contains('\\');
            let number = secret.bytes().all(|byte| byte.is_ascii_digit());
            prop_assert!(quoted || number, "{:?} in {}", secret, text);
        }
        let arrived = format!("\"client_secret\":\"{SECRET}\"");
        let whole = bytes.windows(arrived.len()).any(|window| window == arrived.as_bytes());
        if which == 2 && whole && bytes.starts_with(b"{\"") {
            // It is the first member there: whatever follows, it can be found.
            prop_assert_eq!(secret, Some(SECRET));
        }
        Ok(())
    });
}
