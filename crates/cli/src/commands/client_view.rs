//! A client, as `register` and `clients` show it: without its secrets.

use poggio::{
    ClientInformation, MetadataField, SecretExpiry,
    store::{RetiredReason, StoredRegistration},
};
use serde_json::{Map, Value, json};

use crate::shown::{expiry, plain, time};

/// Returns one line for each member.
pub(super) fn rows(client: &ClientInformation) -> Vec<(&'static str, String)> {
    let expires = match client.client_secret_expires_at {
        SecretExpiry::Never => Some("never".to_owned()),
        SecretExpiry::At(at) => Some(expiry(at)),
        SecretExpiry::Unspecified => None,
    };
    let secret = if client.client_secret.is_some() { "not shown" } else { "none" };
    let mut rows = vec![("client_id", plain(&client.client_id)), ("client_secret", secret.into())];
    rows.extend(client.client_id_issued_at.map(|at| ("client_id_issued_at", time(at))));
    rows.extend(expires.map(|expires| ("client_secret_expires_at", expires)));
    let granted = client.expose_json();
    rows.extend(MetadataField::ALL.iter().filter_map(|field| {
        let value = match granted.get(field.as_str())? {
            Value::String(text) => text.clone(),
            Value::Array(values) => {
                values.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", ")
            }
            other => other.to_string(),
        };
        Some((field.as_str(), plain(&value)))
    }));
    let others: Vec<_> = client.additional.iter().map(|(name, _)| plain(name)).collect();
    if !others.is_empty() {
        rows.push(("other members", format!("{} (not shown)", others.join(", "))));
    }
    rows
}

/// Returns the client as JSON, with the names of its other members, because those may be secret.
pub(super) fn json(client: &ClientInformation) -> Value {
    let granted = client.expose_json();
    let metadata: Map<_, _> = MetadataField::ALL
        .iter()
        .filter_map(|field| Some((field.as_str().to_owned(), granted.get(field.as_str())?.clone())))
        .collect();
    let (expires, never) = match client.client_secret_expires_at {
        SecretExpiry::At(at) => (Some(time(at)), false),
        SecretExpiry::Never => (None, true),
        SecretExpiry::Unspecified => (None, false),
    };
    json!({
        "client_id": client.client_id,
        "has_secret": client.client_secret.is_some(),
        "issued_at": client.client_id_issued_at.map(time),
        "secret_expires_at": expires,
        "secret_never_expires": never,
        "metadata": metadata,
        "other_members": client.additional.iter().map(|(name, _)| name).collect::<Vec<_>>(),
    })
}

/// Returns whether a client is in use, or why it is not. With `_` for a space, in JSON.
pub(super) fn state(stored: &StoredRegistration) -> &'static str {
    match stored.retired().map(|retired| retired.reason) {
        None if stored.is_imported() => "imported",
        None => "in use",
        Some(RetiredReason::Expired) => "expired",
        Some(RetiredReason::Rejected) => "rejected",
        Some(RetiredReason::Removed) => "removed",
        Some(RetiredReason::Replaced) => "replaced",
        Some(_) => "not used",
    }
}
