//! Decides whether two sets of metadata request the same client.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use crate::{
    metadata::{ClientMetadata, MetadataField},
    url,
};

/// The values of every metadata field. Equal if the metadata differ only in the order of lists, in
/// unset versus empty fields, or in the port of a loopback redirect URI (RFC 8252 section 7.3).
/// Additional members are compared as JSON.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fingerprint {
    fields: Vec<Vec<String>>,
    additional: Map<String, Value>,
}

impl Fingerprint {
    pub(super) fn of(metadata: &ClientMetadata) -> Self {
        let fields = MetadataField::ALL.iter().map(|field| sorted_values(*field, metadata));
        Self { fields: fields.collect(), additional: metadata.additional.clone() }
    }

    /// Returns a short text that identifies the metadata in the history of a document.
    ///
    /// It is the same for every version of this crate and of Rust, because it is stored. This is
    /// the hash FNV-1a with 64 bits. Nothing is trusted because of it.
    pub(super) fn digest(&self) -> String {
        let additional: BTreeMap<_, _> = self.additional.iter().collect();
        let text = serde_json::json!([self.fields, additional]).to_string();
        let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        format!("{hash:016x}")
    }

    /// Returns the names of the members that differ.
    pub(super) fn differences(&self, other: &Self) -> Vec<String> {
        let fields = MetadataField::ALL.iter().zip(self.fields.iter().zip(&other.fields));
        let fields = fields.filter(|(_, (own, other))| own != other);
        let mut names: Vec<_> = fields.map(|(field, _)| field.as_str().to_owned()).collect();
        let additional: BTreeSet<_> =
            self.additional.keys().chain(other.additional.keys()).collect();
        let is_different =
            |name: &&&String| self.additional.get(**name) != other.additional.get(**name);
        names.extend(additional.iter().filter(is_different).map(|name| (*name).clone()));
        names
    }
}

fn sorted_values(field: MetadataField, metadata: &ClientMetadata) -> Vec<String> {
    let values = metadata.values(field).into_iter().filter(|value| !value.is_empty());
    let mut values: Vec<_> = match field {
        MetadataField::RedirectUris => values.map(url::without_port).collect(),
        _ => values.map(str::to_owned).collect(),
    };
    values.sort_unstable();
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_redirect_uris(uris: &[&str]) -> ClientMetadata {
        uris.iter().fold(ClientMetadata::new(), |metadata, uri| metadata.with_redirect_uri(*uri))
    }

    fn is_same(a: &ClientMetadata, b: &ClientMetadata) -> bool {
        Fingerprint::of(a) == Fingerprint::of(b)
    }

    #[test]
    fn fingerprint_ignores_the_order_of_lists_only() {
        let one = with_redirect_uris(&["https://a.example/", "https://b.example/"])
            .with_scope("read write")
            .with_contacts(["a@a.example", "b@b.example"])
            .with_grant_types(["authorization_code", "refresh_token"]);
        let other = with_redirect_uris(&["https://b.example/", "https://a.example/"])
            .with_scope("write  read")
            .with_contacts(["b@b.example", "a@a.example"])
            .with_grant_types(["refresh_token", "authorization_code"]);
        assert!(is_same(&one, &other));

        assert!(!is_same(&one, &one.clone().with_scope("read")));
        assert!(!is_same(&one, &one.clone().with_contacts(["a@a.example"])));
        assert!(!is_same(&one, &one.clone().with_redirect_uri("https://a.example/")));
        assert!(!is_same(&one, &one.clone().with_client_name("Acme")));
        assert!(!is_same(&one, &one.clone().with_token_endpoint_auth_method("none")));
    }

    #[test]
    fn fingerprint_depends_on_every_field() {
        let plain = with_redirect_uris(&["https://a.example/"]);
        for field in MetadataField::ALL {
            let mut json = serde_json::to_value(&plain).unwrap();
            json[field.as_str()] = match json.get(field.as_str()) {
                Some(value) if value.is_array() => serde_json::json!(["https://other.example/"]),
                _ if *field == MetadataField::Contacts => serde_json::json!(["a@a.example"]),
                _ => "other".into(),
            };
            let other: ClientMetadata = serde_json::from_value(json).unwrap();
            assert!(!is_same(&plain, &other), "{field}");
        }
    }

    #[test]
    fn digest_is_stable() {
        let digest = |metadata: &ClientMetadata| Fingerprint::of(metadata).digest();
        let plain = with_redirect_uris(&["http://127.0.0.1:1/cb"]);
        assert_eq!(digest(&plain), "0117095485d332ab");
        assert_eq!(digest(&with_redirect_uris(&["http://127.0.0.1:2/cb"])), "0117095485d332ab");
        let additional = plain.with_additional("b", 1).with_additional("a", 2);
        assert_ne!(digest(&additional), "0117095485d332ab");
        let reordered = with_redirect_uris(&["http://127.0.0.1:1/cb"]);
        let reordered = reordered.with_additional("a", 2).with_additional("b", 1);
        assert_eq!(digest(&reordered), digest(&additional));
    }

    #[test]
    fn fingerprint_treats_empty_values_as_unset() {
        let plain = with_redirect_uris(&["https://a.example/"]);
        assert!(is_same(&plain, &plain.clone().with_scope(" ")));
        assert!(is_same(&plain, &plain.clone().with_client_name("")));
    }

    #[test]
    fn fingerprint_ignores_only_the_port_of_a_loopback_redirect_uri() {
        for (a, b) in [
            ("http://127.0.0.1:1/cb", "http://127.0.0.1:65535/cb"),
            ("http://127.0.0.1/cb", "http://127.0.0.1:8910/cb"),
            ("http://[::1]:1/cb?x=1", "http://[::1]:2/cb?x=1"),
            ("http://localhost:1/", "HTTP://LocalHost:2/"),
        ] {
            assert!(is_same(&with_redirect_uris(&[a]), &with_redirect_uris(&[b])), "{a} {b}");
        }
        for (a, b) in [
            ("http://127.0.0.1:1/cb", "http://127.0.0.1:1/other"),
            ("http://127.0.0.1:1/cb", "http://[::1]:1/cb"),
            ("http://127.0.0.1:1/cb?x=1", "http://127.0.0.1:1/cb?x=2"),
            ("http://127.0.0.1:1/cb", "https://127.0.0.1:1/cb"),
            ("https://app.example:1/cb", "https://app.example:2/cb"),
            ("http://user@127.0.0.1:1/cb", "http://user@127.0.0.1:2/cb"),
            ("not a uri:1", "not a uri:2"),
        ] {
            assert!(!is_same(&with_redirect_uris(&[a]), &with_redirect_uris(&[b])), "{a} {b}");
        }
        let two = ["http://127.0.0.1:1/cb", "http://127.0.0.1:2/cb"];
        assert!(!is_same(&with_redirect_uris(&two), &with_redirect_uris(&two[..1])));
    }

    #[test]
    fn fingerprint_compares_additional_members() {
        let plain = with_redirect_uris(&["https://a.example/"]);
        let native = plain.clone().with_additional("application_type", "native");
        assert!(!is_same(&plain, &native));
        assert!(is_same(&native, &native.clone()));
        assert!(!is_same(&native, &plain.with_additional("application_type", "web")));
    }
}
