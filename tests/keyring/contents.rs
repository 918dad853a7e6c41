//! What is in the file, what in the keyring, and what is gone from it.

use std::fs;

use poggio::{ClientInformation, Outcome, RegistrationStore, StoreErrorKind, testing::Reply};
use serde_json::{Value, json};

use crate::{Case, all_shown, entered, metadata, secret, store_error};

const TOKEN: &str = "registration-access-token-of-no-value-elsewhere";

#[tokio::test]
async fn the_file_holds_no_secret_and_the_keyring_what_makes_a_client() {
    let case = Case::new().await;
    let expires = 4_102_444_800_u64;
    let reply = Reply::registered()
        .with_member("registration_access_token", TOKEN)
        .with_member("client_secret_expires_at", expires);
    case.server.script([reply]);

    let first = case.once().await.unwrap();
    let again = case.once().await.unwrap();
    assert_eq!(again.expose_json(), first.expose_json());
    assert_eq!((first.attempts(), again.attempts()), (1, 0));
    assert_eq!(case.registered(), 1);
    let secret = secret(&first);
    assert_eq!(secret, "loopback-secret-1-of-no-value-elsewhere");
    assert_eq!(first.additional.get("registration_access_token"), Some(&json!(TOKEN)));

    // Nor anything else in that folder.
    for file in fs::read_dir(case.folder.path()).unwrap() {
        let text = fs::read_to_string(file.unwrap().path()).unwrap();
        assert!(!text.contains(&secret) && !text.contains(TOKEN), "{text}");
    }
    let name = case.entry();
    let endpoint = case.server.client().registration_endpoint().to_owned();
    assert!(name.starts_with(&format!("loopback-client-1 at {endpoint} (")), "{name}");
    let file = case.json();
    assert_eq!(file["registrations"][0]["secrets"], json!({"keyring": name}));
    assert_eq!(file["registrations"][0]["client"]["client_secret_expires_at"], expires);

    let entry = &case.keyring.entries()[&name];
    let expected = json!({
        "client_id": "loopback-client-1",
        "client_secret": secret,
        "client_secret_expires_at": expires,
        "registration_access_token": TOKEN,
    });
    assert_eq!(serde_json::from_str::<Value>(entry).unwrap(), expected);
    // As the documentation says.
    let client = ClientInformation::from_json(entry).unwrap();
    assert_eq!(crate::secret(&client), secret);
    assert!(!format!("{:?}", case.store()).contains(&secret));
}

#[tokio::test]
async fn a_client_without_a_secret_needs_no_entry() {
    let case = Case::new().await;
    case.server.script([Reply::registered().without_member("client_secret")]);
    let client = case.once().await.unwrap();
    assert!(client.client_secret.is_none());
    assert!(case.keyring.entries().is_empty());
    assert!(case.json()["registrations"][0].get("secrets").is_none());
    assert_eq!(case.once().await.unwrap().client_id, client.client_id);
    assert_eq!(case.registered(), 1);
}

#[tokio::test]
async fn what_is_history_keeps_its_secret() {
    let case = Case::new().await;
    let store = case.store();
    let first = case.once().await.unwrap();
    let entry = case.entry();
    assert!(store.mark_rejected(&first.client_id).await.unwrap());
    assert_eq!(case.entry(), entry, "the entry of a kept client is not written again");
    let second = case.once().await.unwrap();
    assert_ne!(second.client_id, first.client_id);
    assert_eq!(case.registered(), 2);
    assert_eq!(case.keyring.entries().len(), 2);
    let exported = store.export(&first.client_id).await.unwrap().unwrap();
    assert_eq!(exported["client_secret"], secret(&first));
    assert_eq!(exported, first.expose_json());
}

#[tokio::test]
async fn a_new_secret_of_a_client_does_not_overwrite_the_one_before() {
    let case = Case::new().await;
    let (store, endpoint) = (case.store(), case.server.client().registration_endpoint().to_owned());
    store.import(&endpoint, &entered("7", "before")).await.unwrap();
    store.import(&endpoint, &entered("7", "after")).await.unwrap();
    // The same once more needs no entry of its own.
    store.import(&endpoint, &entered("7", "after")).await.unwrap();
    let kept = store.list().await.unwrap();
    let secrets: Vec<_> = kept.iter().map(|kept| secret(kept.client())).collect();
    assert_eq!(secrets, ["before", "after", "after"]);
    assert_eq!(case.keyring.entries().len(), 2);
    assert_eq!(secret(&case.once().await.unwrap()), "after");
    assert_eq!(case.registered(), 0);
    assert!(!case.raw().contains("before") && !case.raw().contains("after"));
}

#[tokio::test]
async fn a_file_store_refuses_a_file_whose_secrets_are_in_a_keyring() {
    let case = Case::new().await;
    let client = case.once().await.unwrap();
    let raw = case.raw();
    let file = case.file();
    let errors = [
        case.server.client().register_once(&metadata(), &file).await.unwrap_err(),
        case.server.client().find_registration(&metadata(), &file).await.unwrap_err(),
        file.list().await.unwrap_err(),
        file.export(&client.client_id).await.unwrap_err(),
        file.remove(&client.client_id).await.unwrap_err(),
        file.import("https://a.example/register", &entered("7", "s")).await.unwrap_err(),
    ];
    for error in errors {
        let (error, said) = store_error(error);
        assert_eq!(error.kind(), StoreErrorKind::RequiresKeyring);
        assert!(said.contains("open it with KeyringStore"), "{said}");
        assert!(said.contains(case.path().to_str().unwrap()), "{said}");
    }
    assert_eq!(case.registered(), 1);
    assert_eq!(case.raw(), raw);
}

#[tokio::test]
async fn the_secrets_of_a_plain_file_go_into_the_keyring_with_the_next_change() {
    let case = Case::new().await;
    let poggio = case.server.client();
    let first = poggio.register_once(&metadata(), &case.file()).await.unwrap();
    assert!(case.raw().contains(&secret(&first)));
    assert_eq!(case.once().await.unwrap().expose_json(), first.expose_json());
    assert!(case.keyring.entries().is_empty());

    let other = metadata().with_client_name("another");
    poggio.register_once(&other, &case.store()).await.unwrap();
    assert!(!case.raw().contains(&secret(&first)));
    assert_eq!(case.keyring.entries().len(), 2);
    assert_eq!(case.once().await.unwrap().expose_json(), first.expose_json());
    assert_eq!(case.registered(), 2);
}

#[tokio::test]
async fn a_secret_that_the_keyring_has_lost_is_an_error_that_says_what_to_do() {
    let case = Case::new().await;
    let (store, poggio) = (case.store(), case.server.client());
    let reply = Reply::registered().with_member("client_secret_expires_at", 4_102_444_800_u64);
    case.server.script([reply]);
    let client = case.once().await.unwrap();
    let name = case.entry();
    let content = case.keyring.entries()[&name].clone();

    // Not there; of another client; no JSON.
    case.keyring.lose(&name);
    for put in [None, Some(content.replace("client-1", "client-9")), Some("{".to_owned())] {
        if let Some(put) = put {
            case.keyring.put(&name, &put);
        }
        let exported = store.export(&client.client_id).await.unwrap_err();
        let registered = poggio.find_registration(&metadata(), &store).await.unwrap_err();
        for error in [case.once().await.unwrap_err(), exported, registered] {
            assert_eq!(error.outcome(), Outcome::NotRegistered);
            assert!(!all_shown(&error).contains("loopback-secret"));
            let (error, said) = store_error(error);
            assert_eq!(error.kind(), StoreErrorKind::SecretLost);
            for part in ["loopback-client-1", &name, "remove the client from the store"] {
                assert!(said.contains(part), "{said}");
            }
        }
    }
    assert_eq!(case.registered(), 1);

    // The others can be used, and changes leave it as it is.
    let other = metadata().with_client_name("another");
    poggio.register_once(&other, &store).await.unwrap();
    let kept = store.list().await.unwrap();
    assert_eq!(kept[0].lost_secrets(), Some(&*name));
    assert_eq!(kept[1].lost_secrets(), None);
    assert!(kept[0].client().client_secret.is_none());

    // It may come back.
    case.keyring.put(&name, &content);
    assert_eq!(case.once().await.unwrap().expose_json(), client.expose_json());

    // What to do.
    case.keyring.lose(&name);
    assert!(store.remove(&client.client_id).await.unwrap());
    let next = case.once().await.unwrap();
    assert_eq!(next.client_id, "loopback-client-3");
    assert_eq!(case.registered(), 3);
}

#[tokio::test]
async fn a_lost_secret_that_a_person_entered_is_an_error_too() {
    let case = Case::new().await;
    let endpoint = case.server.client().registration_endpoint().to_owned();
    case.store().import(&endpoint, &entered("7", "s3cr3t")).await.unwrap();
    case.keyring.lose(&case.entry());
    let (error, said) = store_error(case.once().await.unwrap_err());
    assert_eq!(error.kind(), StoreErrorKind::SecretLost, "{said}");
    assert_eq!(case.registered(), 0);
    case.store().import(&endpoint, &entered("7", "s3cr3t")).await.unwrap();
    assert_eq!(secret(&case.once().await.unwrap()), "s3cr3t");
}

#[tokio::test]
async fn what_the_server_says_names_no_entry() {
    let case = Case::new().await;
    case.store().import("https://a.example/register", &entered("7", "s3cr3t")).await.unwrap();
    let name = case.entry();
    let reply = Reply::registered().with_member("secrets", json!({"keyring": name}));
    case.server.script([reply.without_member("client_secret")]);
    case.once().await.unwrap();
    let client = case.once().await.unwrap();
    assert!(client.client_secret.is_none());
    assert_eq!(case.registered(), 1);
}

#[tokio::test]
async fn damaged_files_and_those_of_other_versions_are_refused_as_by_a_file_store() {
    let case = Case::new().await;
    for (text, kind) in [
        ("{", StoreErrorKind::Damaged),
        (
            r#"{"format": 1, "registrations": [{"secrets": {"keyring": 7}}]}"#,
            StoreErrorKind::Damaged,
        ),
        (r#"{"format": 2, "registrations": {}}"#, StoreErrorKind::UnknownFormat),
    ] {
        fs::write(case.path(), text).unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            fs::set_permissions(case.path(), fs::Permissions::from_mode(0o600)).unwrap();
        }
        let (error, said) = store_error(case.once().await.unwrap_err());
        assert_eq!(error.kind(), kind, "{said}");
        assert_eq!(case.raw(), text);
    }
    assert_eq!(case.registered(), 0);
}
