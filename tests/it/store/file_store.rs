//! The store in a file: what it refuses, what it survives, and what it leaves alone.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use poggio::{
    Error, FileStore, Outcome, RegistrationStore, RegistrationStoreExt, StoreErrorKind,
    store::{Versioned, WriteResult},
    testing::Reply,
};
use serde_json::{Value, json};

use crate::{
    store::register_once::Setting,
    support::{all_shown, attempts, eventually, metadata},
};

/// None of these may take longer, however the file system behaves.
const CAP: Duration = Duration::from_secs(10);

fn kind(error: &Error) -> StoreErrorKind {
    let Error::Store(store) = error else { panic!("{error}") };
    store.kind()
}

/// Registers once, which has to fail, in time, without a request.
async fn refusal(s: &Setting) -> Error {
    let started = Instant::now();
    let error = s.once(&metadata()).await.unwrap_err();
    assert!(started.elapsed() < CAP);
    assert_eq!((s.posts(), error.outcome()), (0, Outcome::NotRegistered), "{error}");
    error
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[tokio::test]
async fn the_file_is_plain_json_with_the_version_of_its_format() {
    let s = Setting::new().await;
    let client = s.once(&metadata()).await.unwrap();
    assert_eq!(names(s.folder.path()), ["client.json", "client.json.lock"]);

    let json: Value = serde_json::from_str(&fs::read_to_string(s.file()).unwrap()).unwrap();
    let saved_at = json["registrations"][0]["saved_at"].as_i64().unwrap();
    assert!((chrono_now() - saved_at).abs() < 5);
    assert_eq!(
        json,
        json!({
            "format": 1,
            "registrations": [{
                "endpoint": s.poggio.registration_endpoint(),
                "requested": metadata(),
                "saved_at": saved_at,
                "client": client.expose_json(),
            }],
        })
    );
    assert_eq!(fs::read(s.folder.path().join("client.json.lock")).unwrap(), b"");
}

fn chrono_now() -> i64 {
    poggio::chrono::DateTime::<poggio::chrono::Utc>::from(std::time::SystemTime::now()).timestamp()
}

#[cfg(unix)]
#[tokio::test]
async fn only_its_owner_can_use_it() {
    use std::os::unix::fs::PermissionsExt;

    let mut s = Setting::new().await;
    let folder = s.folder.path().join("new/newer");
    s.store = FileStore::new(folder.join("it's.json")).unwrap();
    s.once(&metadata()).await.unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    assert_eq!(mode(folder.parent().unwrap()), 0o700);
    assert_eq!(mode(&s.file()), 0o600);
    assert_eq!(mode(&folder.join("it's.json.lock")), 0o600);

    for others in [0o644, 0o640, 0o604, 0o602, 0o610, 0o666] {
        fs::set_permissions(s.file(), fs::Permissions::from_mode(others)).unwrap();
        let error = s.once(&metadata()).await.unwrap_err();
        assert_eq!(kind(&error), StoreErrorKind::InsecurePermissions);
        // The command in the message mends it.
        let text = error.to_string();
        let (_, command) = text.split_once("run: ").unwrap();
        let (command, _) = command.split_once("; no client was registered").unwrap();
        assert!(text.contains(&format!("(mode {others:04o})")), "{text}");
        let done = std::process::Command::new("sh").args(["-c", command]).status().unwrap();
        assert!(done.success(), "{command}");
        assert_eq!(attempts(&s.once(&metadata()).await.unwrap()), 0);
    }
    assert_eq!(s.posts(), 1);
}

#[tokio::test]
async fn a_damaged_file_is_named_and_left_as_it_is() {
    let s = Setting::new().await;
    s.once(&metadata()).await.unwrap();
    let good = fs::read_to_string(s.file()).unwrap();
    let with = |from: &str, to: &str| {
        assert!(good.contains(from), "{from}");
        good.replacen(from, to, 1).into_bytes()
    };
    let damaged: Vec<(Vec<u8>, &str)> = vec![
        (b"".to_vec(), "it ends too early, at line 1, column 0"),
        (b"s3cr3t".to_vec(), "it is no JSON, at line 1, column 1"),
        (b"[]".to_vec(), "line 1, column"),
        (b"{}".to_vec(), "a member is not as it was written, at line 1, column 2"),
        (good.as_bytes()[..good.len() / 2].to_vec(), "at line"),
        (b"\xff\xfe".to_vec(), "it is not UTF-8"),
        (with("\"format\": 1", "\"format\": \"s3cr3t\""), "at line 2"),
        (with("\"client_id\": \"loopback-client-1\"", "\"client_id\": \"\""), "at line"),
        (with("\"saved_at\": ", "\"saved_at\": 9999999999999999"), "at line"),
        (with("\"requested\": {", "\"requested\": {\"software_id\": {\"s3cr3t\": 1},"), "at line"),
        (with("\"format\": 1,", "\"format\": 1, \"s3cr3t\": 1,"), "at line"),
    ];
    for (bytes, how) in damaged {
        let s = Setting::new().await;
        fs::write(s.file(), &bytes).unwrap();
        protect(&s.file());
        let error = refusal(&s).await;
        assert_eq!(kind(&error), StoreErrorKind::Damaged, "{error}");
        let text = error.to_string();
        assert!(text.starts_with(&format!("{} is damaged", s.file().display())), "{text}");
        assert!(text.contains(how), "{text}: {how}");
        assert!(!all_shown(&error).contains("s3cr3t"), "{text}");
        for error in [
            s.store.list().await.unwrap_err(),
            s.store.mark_rejected("loopback-client-1").await.unwrap_err(),
            s.poggio.find_registration(&metadata(), &s.store).await.unwrap_err(),
        ] {
            assert_eq!(kind(&error), StoreErrorKind::Damaged, "{error}");
        }
        assert_eq!(fs::read(s.file()).unwrap(), bytes);
    }
}

fn protect(path: &Path) {
    #[cfg(unix)]
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
}

#[tokio::test]
async fn a_format_that_is_not_known_is_left_as_it_is() {
    let s = Setting::new().await;
    let text = r#"{"format": 7, "clients": {"a": "what comes later"}}"#;
    fs::write(s.file(), text).unwrap();
    protect(&s.file());
    let error = refusal(&s).await;
    assert_eq!(kind(&error), StoreErrorKind::UnknownFormat);
    assert_eq!(
        error.to_string(),
        format!(
            "{} has format 7, and this program reads format 1; it was not changed; no client was \
             registered: update this program, or name another store",
            s.file().display()
        )
    );
    assert_eq!(fs::read_to_string(s.file()).unwrap(), text);
}

#[cfg(unix)]
#[tokio::test]
async fn what_is_no_plain_file_is_refused() {
    use std::os::unix::{fs::symlink, net::UnixListener};

    for (name, what) in [
        ("client.json", "is a symbolic link; name the file that it points to"),
        ("client.json.lock", "is a symbolic link; name the file that it points to"),
    ] {
        // Both a link to a file and one that leads nowhere.
        for target in ["there.json", "nowhere.json"] {
            let s = Setting::new().await;
            let there = s.folder.path().join("there.json");
            fs::write(&there, "kept as it is").unwrap();
            protect(&there);
            symlink(target, s.folder.path().join(name)).unwrap();
            let error = refusal(&s).await;
            assert!(error.to_string().contains(what), "{error}");
            assert_eq!(kind(&error), StoreErrorKind::InsecurePermissions);
            assert_eq!(fs::read_to_string(&there).unwrap(), "kept as it is");
            assert!(!fs::exists(s.folder.path().join("nowhere.json")).unwrap());
        }
    }
    let s = Setting::new().await;
    fs::create_dir(s.file()).unwrap();
    assert!(refusal(&s).await.to_string().contains("is a folder; name a file"));
    let s = Setting::new().await;
    let _socket = UnixListener::bind(s.file()).unwrap();
    assert!(refusal(&s).await.to_string().contains("is not a file; name another"));
}

#[tokio::test]
async fn a_folder_that_cannot_be_made_is_named() {
    let mut s = Setting::new().await;
    let blocker = s.folder.path().join("a file");
    fs::write(&blocker, "").unwrap();
    s.store = FileStore::new(blocker.join("client.json")).unwrap();
    let text = refusal(&s).await.to_string();
    assert!(text.contains(&*blocker.display().to_string()), "{text}");
    assert!(
        text.ends_with("no client was registered: put the store right, then call again"),
        "{text}"
    );
}

#[tokio::test]
async fn a_folder_that_vanishes_amid_the_registration_costs_no_secret() {
    let s = Setting::new().await;
    s.server.script([Reply::registered().with_delay(Duration::from_millis(300))]);
    let vanish = async {
        eventually(|| s.posts() == 1).await;
        fs::remove_dir_all(s.folder.path()).unwrap();
    };
    let asked = metadata();
    let (result, ()) = tokio::join!(s.once(&asked), vanish);
    let error = result.unwrap_err();
    assert_eq!(error.outcome(), Outcome::Registered);
    let text = error.to_string();
    assert!(text.starts_with(r#"the client "loopback-client-1" could not be saved: "#), "{text}");
    assert!(text.contains("No such file or directory"), "{text}");
    assert!(
        text.ends_with(
            "a client was registered: save the client that this error holds, with Client::save_registration \
             when the store works"
        ),
        "{text}"
    );
    let Error::Store(error) = error else { unreachable!() };
    let client = error.into_client().unwrap();

    // As it says.
    s.poggio.save_registration(&metadata(), &s.store, &client).await.unwrap();
    let again = s.once(&metadata()).await.unwrap();
    assert_eq!(again.expose_json(), client.expose_json());
    assert_eq!(s.posts(), 1);
}

#[tokio::test]
async fn a_lock_that_is_held_for_ever_is_waited_for_as_long_as_a_call_may_take() {
    let s = Setting::new().await;
    let other = FileStore::new(s.file()).unwrap();
    let held = other.lock(Duration::ZERO).await.unwrap().unwrap();
    let wait = Duration::from_millis(300);
    let poggio = s.server.client_builder().timeout(wait).build().unwrap();

    let started = Instant::now();
    let error = poggio.register_once(&metadata(), &s.store).await.unwrap_err();
    assert!(started.elapsed() >= wait && started.elapsed() < CAP);
    assert_eq!(kind(&error), StoreErrorKind::Busy);
    assert_eq!(
        error.to_string(),
        format!(
            "{} was in use by others for 300ms: another process or task holds {}.lock; no client was \
             registered: wait for the others, or end them, then call again",
            s.file().display(),
            s.file().display(),
        )
    );
    assert_eq!(s.posts(), 0);

    drop(held);
    let client = poggio.register_once(&metadata(), &s.store).await.unwrap();
    // What is kept is to be had at any time.
    let _held = other.lock(Duration::ZERO).await.unwrap().unwrap();
    let again = poggio.register_once(&metadata(), &s.store).await.unwrap();
    assert_eq!(again.client_id, client.client_id);
    assert_eq!(s.posts(), 1);
}

#[cfg(unix)]
#[tokio::test]
async fn a_lock_file_that_was_removed_does_not_let_two_in_for_good() {
    let s = Setting::new().await;
    let lock = s.folder.path().join("client.json.lock");
    let first = s.store.lock(Duration::ZERO).await.unwrap().unwrap();
    let read = s.store.read().await.unwrap();
    fs::remove_file(&lock).unwrap();

    // Another comes in through a new lock file, and is first.
    let other = FileStore::new(s.file()).unwrap();
    let second = other.lock(Duration::ZERO).await.unwrap().unwrap();
    assert_eq!(other.write("second", None).await.unwrap(), WriteResult::Written);
    assert_eq!(s.store.write("first", read.as_ref()).await.unwrap(), WriteResult::Conflict);
    drop((first, second));
    assert_eq!(fs::read_to_string(s.file()).unwrap(), "second");
}

#[tokio::test]
async fn what_a_killed_process_left_is_in_no_ones_way() {
    let s = Setting::new().await;
    let new = s.folder.path().join("client.json.new");
    fs::write(&new, "half a fi").unwrap();
    s.once(&metadata()).await.unwrap();
    assert_eq!(names(s.folder.path()), ["client.json", "client.json.lock"]);
}

#[cfg(unix)]
#[tokio::test]
async fn what_lies_where_the_new_file_is_written_is_not_followed() {
    use std::os::unix::{
        fs::{FileTypeExt, PermissionsExt, symlink},
        net::UnixListener,
    };

    let endpoint = "https://a.example/register";
    let client = poggio::ClientInformation::from_json(r#"{"client_id": "7"}"#).unwrap();
    for what in ["link", "socket", "open to all"] {
        let s = Setting::new().await;
        let there = s.folder.path().join("there");
        fs::write(&there, "kept as it is").unwrap();
        let new = s.folder.path().join("client.json.new");
        match what {
            "link" => symlink(&there, &new).unwrap(),
            "socket" => drop(UnixListener::bind(&new).unwrap()),
            _ => {
                fs::write(&new, "another's").unwrap();
                fs::set_permissions(&new, fs::Permissions::from_mode(0o666)).unwrap();
            }
        }
        tokio::time::timeout(CAP, s.store.import(endpoint, &client)).await.unwrap().unwrap();
        assert_eq!(s.store.list().await.unwrap().len(), 1, "{what}");
        let kept = fs::symlink_metadata(s.file()).unwrap();
        assert!(kept.is_file() && !kept.file_type().is_socket());
        assert_eq!(kept.permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_to_string(&there).unwrap(), "kept as it is");
    }
}

#[tokio::test]
async fn a_write_is_done_under_the_lock_though_its_caller_has_gone() {
    let s = Setting::new().await;
    let large = "x".repeat(40_000_000);
    let lock = s.store.lock(Duration::ZERO).await.unwrap();
    let mut write = s.store.write(&large, None);
    assert!(futures_util::poll!(&mut write).is_pending());
    drop((write, lock));

    let other = FileStore::new(s.file()).unwrap();
    let error = other.lock(Duration::ZERO).await.map(|_| ()).unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Busy);
    let _lock = other.lock(CAP).await.unwrap();
    assert_eq!(other.read().await.unwrap().unwrap().expose().len(), large.len());
}

#[tokio::test]
async fn a_write_replaces_what_was_read_and_nothing_else() {
    let s = Setting::new().await;
    assert!(s.store.read().await.unwrap().is_none());
    assert_eq!(s.store.write("first text", None).await.unwrap(), WriteResult::Written);
    assert_eq!(s.store.write("second text", None).await.unwrap(), WriteResult::Conflict);
    let one = s.store.read().await.unwrap().unwrap();
    assert_eq!(one.expose(), "first text");
    assert_eq!(s.store.write("second text", Some(&one)).await.unwrap(), WriteResult::Written);
    assert_eq!(s.store.write("third text", Some(&one)).await.unwrap(), WriteResult::Conflict);
    assert_eq!(fs::read_to_string(s.file()).unwrap(), "second text");
    let shown = format!("{one:?} {:?}", s.store);
    assert!(!shown.contains("first text"), "{shown}");
}

#[test]
fn the_file_of_an_application_is_in_the_configuration_folder() {
    let store = FileStore::for_app("acme-sync").unwrap();
    assert!(store.path().is_absolute());
    assert!(store.path().ends_with("poggio/acme-sync.json"), "{store:?}");
    for name in ["", ".", "..", ".hidden", "a/b", "a\\b", "a b", "ä", "a\0"] {
        let error = FileStore::for_app(name).unwrap_err();
        let Error::Config(config) = &error else { panic!("{error}") };
        assert_eq!(config.setting(), "FileStore::for_app");
        assert!(error.to_string().contains("letters, digits, - _ and dots"), "{error}");
    }
}

#[test]
fn a_path_has_to_name_a_file_and_may_be_relative() {
    for path in ["", "/", "..", "folder/"] {
        let error = FileStore::new(path).unwrap_err();
        let Error::Config(config) = &error else { panic!("{error}") };
        assert_eq!(config.setting(), "FileStore::new");
        assert_eq!(config.problem(), format!("{path:?} names no file; add a file's name to it"));
    }
    let here = std::env::current_dir().unwrap();
    assert_eq!(FileStore::new("client.json").unwrap().path(), here.join("client.json"));
}

#[tokio::test]
async fn nothing_shown_of_a_store_holds_a_secret() {
    let s = Setting::new().await;
    s.server.script([Reply::registered().with_member("client_secret", "s3cr3t-of-acme")]);
    s.once(&metadata()).await.unwrap();
    let read: Versioned = s.store.read().await.unwrap().unwrap();
    assert!(read.expose().contains("s3cr3t-of-acme"));
    let kept = s.store.list().await.unwrap();
    let shown = format!("{read:?}{:?}{kept:?}{kept:#?}", s.store);
    assert!(!shown.contains("s3cr3t"), "{shown}");
}
