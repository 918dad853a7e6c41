//! Which paths and names a file store accepts.

use std::{env, fs};

use poggio::{Error, FileStore};

use super::refusal;
use crate::support::store::Fixture;

#[test]
fn for_app_uses_the_configuration_folder_and_accepts_only_plain_names() {
    let store = FileStore::for_app("acme-sync").unwrap();
    assert!(store.path().is_absolute());
    assert!(store.path().ends_with("poggio/acme-sync.json"), "{store:?}");
    for name in ["", ".", "..", ".hidden", "a/b", "a\\b", "a b", "ä", "a\0"] {
        let error = FileStore::for_app(name).unwrap_err();
        let Error::Config(config) = &error else { panic!("{error}") };
        assert_eq!(config.setting(), "FileStore::for_app");
        assert!(error.to_string().contains("ASCII letters, digits, -, _ and dots"), "{error}");
    }
}

#[test]
fn new_accepts_a_relative_path_and_requires_a_file_name() {
    let path = env::current_dir().unwrap().join("client.json");
    assert_eq!(FileStore::new("client.json").unwrap().path(), path);
    for path in ["", "/", "..", "folder/"] {
        let error = FileStore::new(path).unwrap_err();
        let Error::Config(config) = &error else { panic!("{error}") };
        assert_eq!(config.setting(), "FileStore::new");
        assert_eq!(config.problem(), format!("{path:?} has no file name; add one"));
    }
}

#[tokio::test]
async fn file_store_names_a_folder_that_it_cannot_create() {
    let mut fixture = Fixture::new().await;
    let file = fixture.folder().join("a file");
    fs::write(&file, "").unwrap();
    fixture.store = FileStore::new(file.join("client.json")).unwrap();
    let text = refusal(&fixture).await.to_string();
    assert!(text.contains(&*file.display().to_string()), "{text}");
    let end = "no client was registered: fix the store, then call again";
    assert!(text.ends_with(end), "{text}");
}
