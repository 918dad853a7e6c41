//! Unix modes and file types: only the owner can use the files, and nothing but plain files is used.

use std::{
    fs,
    os::unix::{
        fs::{PermissionsExt, symlink},
        net::UnixListener,
    },
    path::Path,
    process::Command,
};

use poggio::{FileStore, RegistrationStoreExt, StoreErrorKind};
use serde_json::json;
use tokio::time::timeout;

use super::refusal;
use crate::support::{
    WAIT_LIMIT, attempts, metadata,
    store::{Fixture, client_from, set_mode, store_error},
};

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn file_store_creates_files_and_folders_for_its_owner_only() {
    let mut fixture = Fixture::new().await;
    let folder = fixture.folder().join("new/newer");
    fixture.store = FileStore::new(folder.join("client.json")).unwrap();
    fixture.register_once(&metadata()).await.unwrap();
    assert_eq!(mode(&folder), 0o700);
    assert_eq!(mode(folder.parent().unwrap()), 0o700);
    assert_eq!(mode(fixture.path()), 0o600);
    assert_eq!(mode(&folder.join("client.json.lock")), 0o600);
}

#[tokio::test(flavor = "multi_thread")]
async fn file_store_modes_do_not_depend_on_the_umask() {
    let fixture = Fixture::new().await;
    for umask in ["0777", "0000"] {
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("umask {umask}; exec \"$@\""), "sh"]);
        fixture.run_through(0, &mut shell);
        for name in ["client.json", "client.json.lock"] {
            let path = fixture.folder().join(name);
            assert_eq!(mode(&path), 0o600, "{name} under umask {umask}");
            fs::remove_file(path).unwrap();
        }
    }
}

#[tokio::test]
async fn file_store_refuses_a_file_that_others_can_use_and_names_the_remedy() {
    let mut fixture = Fixture::new().await;
    fixture.store = FileStore::new(fixture.folder().join("it's.json")).unwrap();
    fixture.register_once(&metadata()).await.unwrap();
    for others in [0o644, 0o640, 0o604, 0o602, 0o610, 0o666] {
        set_mode(fixture.path(), others);
        let error = fixture.register_once(&metadata()).await.unwrap_err();
        assert_eq!(store_error(&error).kind(), StoreErrorKind::InsecurePermissions);
        let text = error.to_string();
        assert!(text.contains(&format!("(mode {others:04o})")), "{text}");
        // The command in the message works, even for a name with a quote.
        let (_, command) = text.split_once("run: ").unwrap();
        let (command, _) = command.split_once("; no client was registered").unwrap();
        assert!(Command::new("sh").args(["-c", command]).status().unwrap().success(), "{command}");
        assert_eq!(attempts(&fixture.register_once(&metadata()).await.unwrap()), 0);
    }
    assert_eq!(fixture.request_count(), 1);
}

#[tokio::test]
async fn file_store_refuses_everything_but_plain_files() {
    for name in ["client.json", "client.json.lock"] {
        for target in ["there.json", "nowhere.json"] {
            let fixture = Fixture::new().await;
            let there = fixture.folder().join("there.json");
            fs::write(&there, "unchanged").unwrap();
            set_mode(&there, 0o600);
            symlink(target, fixture.folder().join(name)).unwrap();
            let error = refusal(&fixture).await;
            let problem = "is a symbolic link; use the path of its target";
            assert!(error.to_string().contains(problem), "{error}");
            assert_eq!(store_error(&error).kind(), StoreErrorKind::InsecurePermissions);
            assert_eq!(fs::read_to_string(&there).unwrap(), "unchanged");
            assert!(!fs::exists(fixture.folder().join("nowhere.json")).unwrap());
        }
    }
    for (target, end) in [
        ("there.json", "or replace the link with its target"),
        ("nowhere.json", "or remove the link, because its target does not exist"),
    ] {
        let fixture = Fixture::new().await;
        fs::write(fixture.folder().join("there.json"), "").unwrap();
        symlink(target, fixture.path()).unwrap();
        assert!(refusal(&fixture).await.to_string().contains(end));
    }
    let fixture = Fixture::new().await;
    fs::create_dir(fixture.path()).unwrap();
    assert!(refusal(&fixture).await.to_string().contains("is a folder; use the path of a file"));
    let fixture = Fixture::new().await;
    let _socket = UnixListener::bind(fixture.path()).unwrap();
    assert!(
        refusal(&fixture).await.to_string().contains("is not a regular file; use another path")
    );
    // A pipe would make the caller wait for another program.
    for name in ["client.json", "client.json.lock"] {
        let fixture = Fixture::new().await;
        let pipe = fixture.folder().join(name);
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        assert!(
            refusal(&fixture).await.to_string().contains("is not a regular file; use another path")
        );
    }
    let mut fixture = Fixture::new().await;
    fixture.store = FileStore::new("/dev/null").unwrap();
    assert!(
        refusal(&fixture)
            .await
            .to_string()
            .contains("/dev/null is not a regular file; use another path")
    );
}

#[tokio::test]
async fn file_store_does_not_write_to_what_is_at_the_path_of_its_new_file() {
    let client = client_from(&json!({"client_id": "7"}));
    let setups: [fn(&Path, &Path); 3] = [
        |there, new| symlink(there, new).unwrap(),
        |_, new| drop(UnixListener::bind(new).unwrap()),
        |_, new| {
            fs::write(new, "another's").unwrap();
            set_mode(new, 0o666);
        },
    ];
    for set_up in setups {
        let fixture = Fixture::new().await;
        let there = fixture.folder().join("there");
        fs::write(&there, "unchanged").unwrap();
        set_up(&there, &fixture.folder().join("client.json.new"));
        let import = fixture.store.import("https://a.example/register", &client);
        timeout(WAIT_LIMIT, import).await.unwrap().unwrap();
        assert_eq!(fixture.store.list().await.unwrap().len(), 1);
        assert!(fs::symlink_metadata(fixture.path()).unwrap().is_file());
        assert_eq!(mode(fixture.path()), 0o600);
        assert_eq!(fs::read_to_string(&there).unwrap(), "unchanged");
    }
}
