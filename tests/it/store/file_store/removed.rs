//! Files and folders that are removed or changed between a request and its save.

use std::{fs, path::Path, time::Duration};

use poggio::{FileStore, Outcome, RegistrationStoreExt, testing::Reply};

use crate::support::{
    attempts, eventually, metadata,
    store::{Fixture, secret, set_mode, store_error},
};

#[tokio::test]
async fn file_store_keeps_both_clients_if_its_files_are_removed_during_a_registration() {
    let removals: [fn(&Path); 3] = [
        |folder| fs::remove_file(folder.join("client.json.lock")).unwrap(),
        |folder| fs::remove_file(folder.join("client.json.new")).unwrap(),
        |folder| fs::remove_dir_all(folder).unwrap(),
    ];
    for remove in removals {
        let fixture = Fixture::new().await;
        let delayed = |millis| Reply::registered().with_delay(Duration::from_millis(millis));
        fixture.server.script([delayed(400), delayed(800)]);
        let second = async {
            eventually(|| fixture.request_count() == 1).await;
            remove(fixture.folder());
            let store = FileStore::new(fixture.path()).unwrap();
            // A person overrides the wait for the first call.
            store.clear_unknown().await.unwrap();
            fixture.server.client().register_once(&metadata(), &store).await
        };
        let requested = metadata();
        let (first, second) = tokio::join!(fixture.register_once(&requested), second);
        let (first, second) = (first.unwrap(), second.unwrap());
        // Both callers got the client in use, or the other one was registered again.
        let registrations = fixture.store.list().await.unwrap();
        let in_use = registrations.iter().find(|r| r.retired().is_none()).unwrap();
        assert_eq!(secret(in_use.client()), secret(&first));
        assert_eq!(secret(in_use.client()), secret(&second));
        assert_eq!(registrations.len(), fixture.request_count());
        assert_eq!(attempts(&fixture.register_once(&requested).await.unwrap()), 0);
    }
}

#[tokio::test]
async fn register_once_returns_the_client_in_the_error_if_the_folder_is_removed() {
    let fixture = Fixture::new().await;
    fixture.server.script([Reply::registered().with_delay(Duration::from_millis(300))]);
    let remove = async {
        eventually(|| fixture.request_count() == 1).await;
        fs::remove_dir_all(fixture.folder()).unwrap();
    };
    let requested = metadata();
    let (result, ()) = tokio::join!(fixture.register_once(&requested), remove);
    let error = result.unwrap_err();
    assert_eq!(error.outcome(), Outcome::Registered);
    let text = error.to_string();
    assert!(text.starts_with(r#"the client "loopback-client-1" could not be saved: "#), "{text}");
    assert!(text.contains("No such file or directory"), "{text}");
    assert!(
        text.ends_with(
            "a client was registered: fix the store, then save the client in this error with \
             Client::save_registration"
        ),
        "{text}"
    );
    let client = store_error(&error).client().unwrap();
    fixture.poggio.save_registration(&metadata(), &fixture.store, client).await.unwrap();
    let again = fixture.register_once(&metadata()).await.unwrap();
    assert_eq!(again.expose_json(), client.expose_json());
    assert_eq!(fixture.request_count(), 1);
}

#[tokio::test]
async fn register_once_adopts_a_client_that_was_saved_beside_a_file_that_became_insecure() {
    let fixture = Fixture::new().await;
    fixture.register_once(&metadata()).await.unwrap();
    fixture.server.script([Reply::registered().with_delay(Duration::from_millis(300))]);
    let other = metadata().with_client_name("Another");
    let change = async {
        eventually(|| fixture.request_count() == 2).await;
        set_mode(fixture.path(), 0o644);
    };
    let (result, ()) = tokio::join!(fixture.register_once(&other), change);
    let error = result.unwrap_err();
    assert_eq!(error.outcome(), Outcome::Registered);
    assert!(error.to_string().contains("other users can access it (mode 0644)"), "{error}");

    // Until that is corrected, nothing is sent.
    let error = fixture.register_once(&other).await.unwrap_err();
    assert_eq!(error.outcome(), Outcome::NotRegistered);
    set_mode(fixture.path(), 0o600);
    let client = fixture.register_once(&other).await.unwrap();
    assert_eq!((client.client_id.as_str(), attempts(&client)), ("loopback-client-2", 0));
    assert_eq!(fixture.request_count(), 2);
}
