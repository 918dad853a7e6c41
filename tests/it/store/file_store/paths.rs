//! Which paths and names a file store accepts.

use std::{env, fs};

use poggio::{Error, FileStore};

use super::refusal;
use crate::support::{metadata, store::Fixture};
#[cfg(target_os = "linux")]
use crate::{store::process::printed, support::process::register_once_command};

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

#[test]
fn new_refuses_a_path_with_a_nul() {
    let error = FileStore::new("a\0b").unwrap_err();
    assert_eq!(error.to_string(), "FileStore::new: \"a\\0b\" contains a NUL; remove it");
}

#[tokio::test]
async fn file_store_names_a_file_whose_name_is_too_long() {
    let mut fixture = Fixture::new().await;
    for length in [251, 300] {
        let name = "n".repeat(length);
        fixture.store = FileStore::new(fixture.folder().join(&name)).unwrap();
        let text = refusal(&fixture).await.to_string();
        assert!(text.contains(&name) && text.contains("use a file with a shorter name"), "{text}");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn file_store_uses_a_path_that_is_not_utf_8() {
    use std::os::unix::{ffi::OsStrExt, fs::PermissionsExt};
    let mut fixture = Fixture::new().await;
    let name = std::ffi::OsStr::from_bytes(b"caf\xe9.json");
    fixture.store = FileStore::new(fixture.folder().join(name)).unwrap();
    fixture.register_once(&metadata()).await.unwrap();
    fixture.register_once(&metadata()).await.unwrap();
    assert_eq!(fixture.request_count(), 1);
    fs::set_permissions(fixture.path(), fs::Permissions::from_mode(0o644)).unwrap();
    // No command is given, because it would name another file.
    let text = fixture.register_once(&metadata()).await.unwrap_err().to_string();
    assert!(text.contains("run chmod 600 on it; no client was registered"), "{text}");
}

/// Runs a process with the store of `FileStore::for_app` in an empty folder, with these variables.
#[cfg(target_os = "linux")]
async fn run_in_empty_folder(variables: &[(&str, &str)], code: i32) -> (Fixture, String) {
    let fixture = Fixture::new().await;
    let mut command = register_once_command(&fixture.server.base_url(), None);
    command.current_dir(fixture.folder()).env_remove("HOME").env_remove("XDG_CONFIG_HOME");
    let root = fixture.root.path().to_str().unwrap();
    command.envs(variables.iter().map(|(name, value)| (name, value.replace("ROOT", root))));
    let printed = printed(code, &mut command);
    // Nothing is written below the current folder.
    assert!(fixture.file_names().is_empty(), "{:?}", fixture.file_names());
    (fixture, printed)
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn for_app_ignores_a_relative_configuration_folder() {
    for (config, expected) in [
        ("config", "home/.config/poggio"),
        ("./config", "home/.config/poggio"),
        ("", "home/.config/poggio"),
        ("ROOT/config", "config/poggio"),
    ] {
        let variables = [("HOME", "ROOT/home"), ("XDG_CONFIG_HOME", config)];
        let (fixture, _) = run_in_empty_folder(&variables, 0).await;
        let folder = fixture.root.path().join(expected);
        assert!(folder.join("poggio-test.json").is_file(), "{config:?}");
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn for_app_refuses_a_relative_home() {
    for home in ["home", "./home", "..", "~"] {
        for config in ["", "config"] {
            let variables = [("HOME", home), ("XDG_CONFIG_HOME", config)];
            let (fixture, printed) = run_in_empty_folder(&variables, 1).await;
            let expected = format!(
                "FileStore::for_app: the configuration folder {:?} is relative, because HOME is; \
                 set HOME to an absolute path",
                format!("{home}/.config")
            );
            assert!(printed.contains(&expected), "{printed}");
            assert_eq!(fixture.request_count(), 0);
        }
    }
    // An absolute XDG_CONFIG_HOME needs no HOME.
    let variables = [("HOME", "home"), ("XDG_CONFIG_HOME", "ROOT/config")];
    run_in_empty_folder(&variables, 0).await;
}
