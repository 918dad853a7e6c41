//! The pages of the authorization endpoint: a question with two buttons, or what is wrong.
//!
//! They need no script and nothing from elsewhere, and their policy permits neither.

use fluent_uri::Uri;
use wiremock::ResponseTemplate;

use super::{authorize::PATH, ledger::Asked};
use crate::{ClientInformation, redact::sanitize};

pub(super) const ALLOW: &str = "allow";
pub(super) const DENY: &str = "deny";
const TICKET: &str = r#"<input type="hidden" name="ticket" value=""#;

const STYLE: &str = "\
:root { color-scheme: light dark; font: 1.1rem/1.5 system-ui, sans-serif; }
main { max-width: 34rem; margin: 2rem auto; padding: 0 1rem; overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; line-height: 1.25; text-wrap: balance; }
p { text-wrap: pretty; }
dt { margin-top: 1rem; font-size: .9rem; opacity: .8; }
dd, ul { margin: 0; }
ul { padding-left: 1.2rem; }
form { display: flex; gap: 1rem; margin: 2rem 0; }
button { flex: 1; padding: .7rem; font: inherit; cursor: pointer; }";

pub(super) struct Question<'a> {
    pub(super) ticket: &'a str,
    pub(super) client: &'a ClientInformation,
    pub(super) asked: &'a Asked,
}

/// Asks a person whether a program may have a code.
pub(super) fn question(question: &Question<'_>) -> ResponseTemplate {
    let Question { ticket, client, asked } = question;
    let (name, whose) = match client.metadata.client_name.as_deref() {
        Some(name) => (name, "That is what it calls itself, and nobody has checked it."),
        None => (client.client_id.as_str(), "It has given no name."),
    };
    let name = escaped(&sanitize(name));
    let mut facts = fact("Its client id", &[sanitize(&client.client_id)]);
    if let Some(uri) = &client.metadata.client_uri {
        facts += &fact("Its website, as it says", &[sanitize(uri)]);
    }
    facts += &match &asked.grant.scope {
        Some(scope) => fact("What it asks for", &scope.split(' ').collect::<Vec<_>>()),
        None => fact("What it asks for", &["nothing in particular"]),
    };
    if !asked.grant.resources.is_empty() {
        facts += &fact("For use at", &asked.grant.resources);
    }
    facts += &fact("Where you are sent with the answer", &[&asked.redirect_uri]);
    let body = format!(
        r#"<h1>Allow “<bdi>{name}</bdi>” to act for you?</h1>
<p>{whose}</p>
<p>You are at a server for tests: what you allow here is of no value elsewhere.</p>
<dl>
{facts}</dl>
<form method="post" action="{PATH}">
{TICKET}{ticket}">
<button name="decision" value="{ALLOW}">Allow</button>
<button name="decision" value="{DENY}">Deny</button>
</form>"#,
    );
    let form_action = format!("'self' {}", source(&asked.redirect_uri));
    answer(200, &format!("Allow {name}?"), &body, &form_action)
}

/// Says what is wrong, and leads nowhere.
pub(super) fn problem(status: u16, problem: &str) -> ResponseTemplate {
    let problem = escaped(problem);
    let body = format!(
        "<h1>This cannot be done</h1>\n<p>{problem}</p>\n\
         <p>Nothing was allowed, and nobody was told. Close this page, and begin again in the \
         program that sent you here.</p>"
    );
    answer(status, "This cannot be done", &body, "'none'")
}

/// The ticket of a question.
pub(super) fn ticket(page: &str) -> Option<&str> {
    let (_, after) = page.split_once(TICKET)?;
    Some(after.split_once('"')?.0)
}

fn fact(name: &str, values: &[impl AsRef<str>]) -> String {
    let items: Vec<_> = values.iter().map(|value| escaped(value.as_ref())).collect();
    let value = match items.as_slice() {
        [only] => format!("<bdi>{only}</bdi>"),
        items => format!("<ul><li>{}</li></ul>", items.join("</li><li>")),
    };
    format!("<dt>{name}</dt>\n<dd>{value}</dd>\n")
}

fn answer(status: u16, title: &str, body: &str, form_action: &str) -> ResponseTemplate {
    let html = format!(
        r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
{STYLE}
</style>
</head>
<body>
<main>
{body}
</main>
</body>
</html>
"#
    );
    let policy = format!(
        "default-src 'none'; style-src 'unsafe-inline'; form-action {form_action}; \
         base-uri 'none'; frame-ancestors 'none'"
    );
    ResponseTemplate::new(status)
        .set_body_raw(html, "text/html; charset=utf-8")
        .append_header("content-security-policy", policy)
        .append_header("referrer-policy", "no-referrer")
        .append_header("cache-control", "no-store")
        .append_header("x-frame-options", "DENY")
        .append_header("x-content-type-options", "nosniff")
}

/// What the policy has to permit for a form whose answer leads to this address: browsers hold
/// the redirect after it against the policy too.
fn source(redirect_uri: &str) -> String {
    let Ok(uri) = Uri::parse(redirect_uri) else { return String::new() };
    let scheme = uri.scheme().as_str();
    // A policy can name hosts of these characters only: neither `[::1]` nor what would end it.
    let is_host = |host: &str| {
        !host.is_empty()
            && host.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-'))
    };
    match uri.authority() {
        Some(authority) if is_host(authority.host()) => {
            let port = authority.port().filter(|port| !port.is_empty());
            let port = port.map(|port| format!(":{port}")).unwrap_or_default();
            format!("{scheme}://{}{port}", authority.host())
        }
        _ => format!("{scheme}:"),
    }
}

fn escaped(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut html, character| {
        match character {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            other => html.push(other),
        }
        html
    })
}
