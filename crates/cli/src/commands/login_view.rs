//! A login, as `login` and `status` show it: without tokens.

use poggio::oauth::SavedLogin;
use serde_json::{Value, json};

use crate::{
    args::Options,
    environment::Environment,
    shown::{expiry, plain, time},
};

/// Returns the lines of a login.
pub(super) fn rows(
    login: &SavedLogin,
    environment: &Environment,
    options: &Options,
) -> Vec<(&'static str, String)> {
    let scopes = match login.scopes() {
        [] => "chosen by the server, which does not name them".to_owned(),
        scopes => plain(&scopes.join(" ")),
    };
    let refresh = if login.can_refresh() { "yes, when it is due" } else { "no" };
    vec![
        ("account", plain(account(options).unwrap_or("the default one"))),
        ("server", environment.server_name()),
        ("client", plain(login.client_id())),
        ("scopes", scopes),
        ("expires", login.expires_at().map_or("unknown".to_owned(), expiry)),
        ("refreshed", refresh.to_owned()),
        ("store", environment.store.path().display().to_string()),
    ]
}

pub(super) fn json(login: &SavedLogin, environment: &Environment, options: &Options) -> Value {
    json!({
        "account": account(options),
        "server": environment.server_name(),
        "client_id": login.client_id(),
        "scopes": login.scopes(),
        "expires_at": login.expires_at().map(time),
        "is_valid": login.token().is_some(),
        "can_refresh": login.can_refresh(),
        "store": environment.store.path().display().to_string(),
    })
}

fn account(options: &Options) -> Option<&str> {
    options.account.as_deref()
}
