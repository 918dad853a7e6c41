//! What was asked, in a form that two askings for the same client share.

use crate::{
    metadata::{ClientMetadata, MetadataField},
    url,
};

/// The values of every field, where their order does not matter.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fingerprint(Vec<Vec<String>>);

impl Fingerprint {
    pub(super) fn of(metadata: &ClientMetadata) -> Self {
        Self(MetadataField::ALL.iter().map(|field| values(*field, metadata)).collect())
    }
}

fn values(field: MetadataField, metadata: &ClientMetadata) -> Vec<String> {
    let given = metadata.values(field).into_iter().filter(|value| !value.is_empty());
    let mut values: Vec<_> = match field {
        MetadataField::RedirectUris => given.map(url::without_port).collect(),
        _ => given.map(str::to_owned).collect(),
    };
    values.sort_unstable();
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(uris: &[&str]) -> ClientMetadata {
        uris.iter().fold(ClientMetadata::new(), |metadata, uri| metadata.with_redirect_uri(*uri))
    }

    fn same(a: &ClientMetadata, b: &ClientMetadata) -> bool {
        Fingerprint::of(a) == Fingerprint::of(b)
    }

    #[test]
    fn the_order_of_lists_does_not_matter_and_their_entries_do() {
        let one = asked(&["https://a.example/", "https://b.example/"])
            .with_scope("read write")
            .with_contacts(["a@a.example", "b@b.example"])
            .with_grant_types(["authorization_code", "refresh_token"]);
        let other = asked(&["https://b.example/", "https://a.example/"])
            .with_scope("write  read")
            .with_contacts(["b@b.example", "a@a.example"])
            .with_grant_types(["refresh_token", "authorization_code"]);
        assert!(same(&one, &other));

        assert!(!same(&one, &one.clone().with_scope("read")));
        assert!(!same(&one, &one.clone().with_contacts(["a@a.example"])));
        assert!(!same(&one, &one.clone().with_redirect_uri("https://a.example/")));
        assert!(!same(&one, &one.clone().with_client_name("Acme")));
        assert!(!same(&one, &one.clone().with_token_endpoint_auth_method("none")));
    }

    #[test]
    fn every_field_counts() {
        let plain = asked(&["https://a.example/"]);
        for field in MetadataField::ALL {
            let mut json = serde_json::to_value(&plain).unwrap();
            json[field.as_str()] = match json.get(field.as_str()) {
                Some(value) if value.is_array() => serde_json::json!(["https://other.example/"]),
                _ if *field == MetadataField::Contacts => serde_json::json!(["a@a.example"]),
                _ => "other".into(),
            };
            let other: ClientMetadata = serde_json::from_value(json).unwrap();
            assert!(!same(&plain, &other), "{field}");
        }
    }

    #[test]
    fn what_is_unset_and_what_is_blank_are_the_same() {
        let plain = asked(&["https://a.example/"]);
        assert!(same(&plain, &plain.clone().with_scope(" ")));
        assert!(same(&plain, &plain.clone().with_client_name("")));
    }

    #[test]
    fn only_the_port_of_a_loopback_redirect_is_free() {
        for (a, b) in [
            ("http://127.0.0.1:1/cb", "http://127.0.0.1:65535/cb"),
            ("http://127.0.0.1/cb", "http://127.0.0.1:8910/cb"),
            ("http://[::1]:1/cb?x=1", "http://[::1]:2/cb?x=1"),
            ("http://localhost:1/", "HTTP://LocalHost:2/"),
        ] {
            assert!(same(&asked(&[a]), &asked(&[b])), "{a} {b}");
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
            assert!(!same(&asked(&[a]), &asked(&[b])), "{a} {b}");
        }
        let two = ["http://127.0.0.1:1/cb", "http://127.0.0.1:2/cb"];
        assert!(!same(&asked(&two), &asked(&two[..1])));
    }
}
