//! Random credentials in random text: never shown. Random text without credentials: unchanged.

use poggio::{
    Client, ClientInformation, Error,
    testing::{Reply, Server},
};
use proptest::{prelude::*, sample::select};
use serde_json::json;
use tokio::runtime::{self, Runtime};

use super::encodings::{ENCODERS, base64};
use crate::support::{all_shown_of_result, metadata, property_runner};

/// One server for all cases.
struct Fixture {
    runtime: Runtime,
    server: Server,
}

impl Fixture {
    fn new() -> Self {
        let runtime = runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let server = runtime.block_on(Server::start());
        Self { runtime, server }
    }

    fn client(&self, token: Option<&str>) -> Client {
        let builder = self.server.client_builder().max_retries(0);
        let builder = match token {
            Some(token) => builder.auth_token(token),
            None => builder,
        };
        builder.build().unwrap()
    }

    fn register(&self, client: &Client, reply: Reply) -> Result<ClientInformation, Error> {
        self.server.script([reply]);
        self.runtime.block_on(client.register(&metadata()))
    }
}

/// Responses that show a text in each place that a text is taken from.
fn replies(text: &str, members: serde_json::Value) -> Vec<Reply> {
    let with = |name: &str, value: serde_json::Value| {
        let mut body = members.clone();
        body[name] = value;
        body
    };
    let mut granted = with("client_id", json!("id"));
    granted["client_name"] = text.into();
    granted["contacts"] = json!([[text]]);
    granted["redirect_uris"] = json!([text, 7]);
    granted[text] = json!(1);
    vec![
        Reply::json(400, with("error_description", text.into())),
        Reply::json(401, with("detail", text.into())),
        Reply::json(403, with("error", text.into())),
        Reply::json(403, with("error", json!({"code": text, "message": text}))),
        Reply::json(
            422,
            with("detail", json!([{"loc": ["body", text], "msg": text, "type": text}])),
        ),
        Reply::json(409, with(text, json!(1))),
        Reply::json(200, with("detail", text.into())),
        Reply::json(200, with("message", text.into())),
        Reply::json(201, with("message", text.into())),
        Reply::json(201, granted),
        Reply::html(502, format!("<title>{text}</title><!-- {members} -->")),
        Reply::html(502, format!("<p>{text}</p><!-- {members} -->")),
        Reply::text(500, format!("{text}\n{members}")),
    ]
}

/// Text in a form that no shortening of blanks, change of case or escape for Debug changes.
fn essence(text: &str) -> String {
    text.to_uppercase()
        .to_lowercase()
        .chars()
        .filter(|c| {
            !c.is_whitespace() && !c.is_control() && !matches!(c, '\\' | '\u{200b}'..='\u{200f}')
        })
        .collect()
}

fn credential() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[!-~]{8,48}",
        2 => "[A-Za-z0-9_-]{43}",
        1 => "[a-z]{8}",
        1 => "[0-9]{8,20}",
        1 => "[!-~]{150,400}",
    ]
}

#[test]
fn credentials_are_never_shown_in_any_encoding_at_any_place() {
    let fixture = Fixture::new();
    let around = || "[a-z .:;<>&%+=/\\\\#\"'\\n]{0,12}";
    let cases = (credential(), 0..13_usize, around(), around(), any::<bool>());
    let test = |(secret, place, before, after, is_token): (String, usize, String, String, bool)| {
        let client = fixture.client(Some(&secret).filter(|_| is_token).map(String::as_str));
        let members = if is_token { json!({}) } else { json!({"client_secret": secret}) };
        // All encodings, each at another place.
        for (index, (name, encode)) in ENCODERS.iter().enumerate() {
            let encoded = encode(&secret);
            let mut replies = replies(&format!("{before}{encoded}{after}"), members.clone());
            let reply = replies.swap_remove((place + index) % replies.len());
            let shown = essence(&all_shown_of_result(&fixture.register(&client, reply.clone())));
            for hidden in [&secret, &encoded] {
                let is_shown = shown.contains(&essence(hidden));
                prop_assert!(!is_shown, "{name} of {reply:?} shows {hidden:?} in {shown}");
            }
        }
        Ok(())
    };
    property_runner(8).run(&cases, test).unwrap();
}

#[test]
fn credentials_are_never_shown_in_base64_at_any_alignment() {
    let fixture = Fixture::new();
    let cases = (credential(), "[!-~]{0,5}", "[!-~]{0,5}", any::<bool>());
    let test = |(secret, before, after, is_url_safe): (String, String, String, bool)| {
        let (text, own) = base64(&before, &secret, &after, is_url_safe);
        let client = fixture.client(None);
        for reply in replies(&format!("Basic {text} is wrong"), json!({"client_secret": secret})) {
            let shown = all_shown_of_result(&fixture.register(&client, reply.clone()));
            prop_assert!(!shown.contains(&own), "{reply:?} shows {own} in {shown}");
        }
        Ok(())
    };
    property_runner(10).run(&cases, test).unwrap();
}

#[test]
fn values_are_never_shown_after_the_name_of_a_credential() {
    const FORMATS: [fn(&str, &str) -> String; 16] = [
        |name, value| format!(r#"{{"{name}" : "{value}"}}"#),
        |name, value| format!(r#"{{"a":[{{"{name}":["{value}"]}}]}}"#),
        |name, value| format!(r#"{{\"{name}\": \"{value}\"}}"#),
        |name, value| format!("{{'{name}': '{value}', 'a': 1}}"),
        |name, value| format!("a=1&{name}={value}&b=2"),
        |name, value| format!("https://a.example/?{name}={value}#x"),
        |name, value| format!("%22{name}%22%3A%20%22{value}%22"),
        |name, value| format!("&quot;{name}&quot;: &quot;{value}&quot;"),
        |name, value| format!("a: 1\n{name}: {value}\nb: 2\n"),
        |name, value| format!("{name}:\n  {value}\n"),
        |name, value| format!("{name} = \"{value}\""),
        |name, value| format!("a <{name}>{value}</{name}>"),
        |name, value| format!("b <{name} type=\"x\"><![CDATA[{value}]]></{name}>"),
        |name, value| format!(r#"a <input name="{name}" value="{value}"/>"#),
        |name, value| format!(r#"ClientInfo {{ {name}: Some("{value}"), a: 1 }}"#),
        |_, value| format!("Host: a\nAuthorization: Bearer {value}\nAccept: b"),
    ];
    const NAMES: [&str; 7] = [
        "client_secret",
        "clientSecret",
        "registration_access_token",
        "access_token",
        "refresh_token",
        "id_token",
        "code_verifier",
    ];
    let fixture = Fixture::new();
    let client = fixture.client(None);
    let cases = (select(&NAMES[..]), select(&FORMATS[..]), "[A-Za-z0-9_~.-]{6,40}");
    let test = |(name, format, value): (&str, fn(&str, &str) -> String, String)| {
        let text = format(name, &value);
        for reply in replies(&text, json!({})).into_iter().take(9) {
            let shown = all_shown_of_result(&fixture.register(&client, reply.clone()));
            prop_assert!(!shown.contains(&value), "{reply:?} shows {value} in {shown}");
        }
        Ok(())
    };
    property_runner(24).run(&cases, test).unwrap();
}

#[test]
fn text_without_credentials_is_shown_unchanged_except_for_control_characters_and_length() {
    let fixture = Fixture::new();
    let client = fixture.client(Some("hunter-two-pass"));
    let description = |text: &str| {
        let reply = Reply::json(400, json!({"error_description": text}));
        let Err(Error::Api(error)) = fixture.register(&client, reply) else { panic!("{text}") };
        error.description().map(str::to_owned)
    };
    let is_separator = |c: char| matches!(c, '\u{2028}' | '\u{2029}');
    property_runner(128)
        .run(&"\\PC{1,300}", |text| {
            prop_assume!(!text.contains(is_separator) && !text.trim().is_empty());
            prop_assert_eq!(description(&text), Some(text));
            Ok(())
        })
        .unwrap();
    property_runner(128)
        .run(&"[a-z\\x00-\\x1f\\x7f-\\x9f\u{2028}\u{2029}\u{202a}-\u{202e}\u{2066}-\u{2069}\u{200b}]{1,900}", |text| {
            let shown = description(&text).unwrap_or_default();
            prop_assert!(shown.chars().count() <= 301);
            let (letters, cut) = match shown.strip_suffix('…') {
                Some(letters) => (letters, true),
                None => (shown.as_str(), false),
            };
            prop_assert!(letters.chars().all(|c| c == ' ' || c.is_ascii_lowercase()), "{shown:?}");
            let shown: String = letters.split(' ').collect();
            let expected: String = text.chars().filter(char::is_ascii_lowercase).collect();
            let is_right = if cut { expected.starts_with(&shown) } else { expected == shown };
            prop_assert!(is_right, "{shown:?} of {text:?}");
            Ok(())
        })
        .unwrap();
}
