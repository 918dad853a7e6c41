//! A file store whose files are taken away under it, or that is larger, deeper or stricter than any
//! that this crate would make.

use std::{fs, path::Path, time::Duration};

use poggio::{Error, FileStore, Outcome, RegistrationStoreExt, testing::Reply};
use serde_json::{Value, json};

use crate::{
    store::register_once::{Setting, secret},
    support::{attempts, eventually, metadata},
};

/// Two callers, of which the second begins after this was removed under the first.
async fn both_after(removed: impl Fn(&Path)) {
    let s = Setting::new().await;
    let delayed = |millis| Reply::registered().with_delay(Duration::from_millis(millis));
    s.server.script([delayed(400), delayed(800)]);
    let second = async {
        eventually(|| s.posts() == 1).await;
        removed(s.folder.path());
        let store = FileStore::new(s.file()).unwrap();
        s.server.client().register_once(&metadata(), &store).await
    };
    let asked = metadata();
    let (first, second) = tokio::join!(s.once(&asked), second);
    let (first, second) = (first.unwrap(), second.unwrap());
    let kept = s.store.list().await.unwrap();
    let kept: Vec<_> = kept.iter().map(|kept| secret(kept.client()).to_owned()).collect();
    assert!(kept.contains(&secret(&first).to_owned()), "{kept:?}");
    assert!(kept.contains(&secret(&second).to_owned()), "{kept:?}");
    assert_eq!(kept.len(), s.posts(), "no secret is lost");
    let again = s.once(&asked).await.unwrap();
    assert_eq!(attempts(&again), 0);
}

#[cfg(unix)]
#[tokio::test]
async fn a_lock_file_that_is_removed_amid_a_registration_costs_no_secret() {
    both_after(|folder| fs::remove_file(folder.join("client.json.lock")).unwrap()).await;
}

#[cfg(unix)]
#[tokio::test]
async fn a_folder_that_is_removed_and_made_again_amid_a_registration_costs_no_secret() {
    both_after(|folder| fs::remove_dir_all(folder).unwrap()).await;
}

#[cfg(unix)]
#[tokio::test]
async fn a_new_file_that_is_removed_amid_a_registration_is_made_again() {
    both_after(|folder| fs::remove_file(folder.join("client.json.new")).unwrap()).await;
}

#[tokio::test]
async fn a_file_that_could_not_be_read_with_one_more_is_refused_before_anything_is_sent() {
    let s = Setting::new().await;
    s.once(&metadata()).await.unwrap();
    let mut text = fs::read(s.file()).unwrap();
    text.resize((64 << 20) - 1000, b' ');
    fs::write(s.file(), &text).unwrap();
    let another = metadata().with_client_name("Another");
    let error = s.once(&another).await.unwrap_err();
    assert_eq!((s.posts(), error.outcome()), (1, Outcome::NotRegistered));
    let told = "has reached the 64 MiB that are read of it; move it away to begin another";
    assert!(error.to_string().contains(told), "{error}");
    assert_eq!(fs::read(s.file()).unwrap(), text);
    // It can still be used.
    assert_eq!(attempts(&s.once(&metadata()).await.unwrap()), 0);
}

fn nested(depth: usize) -> Value {
    (0..depth).fold(json!(1), |inner, _| json!([inner]))
}

#[tokio::test]
async fn members_that_are_nested_too_deeply_do_not_spoil_the_file() {
    let s = Setting::new().await;
    let reply = Reply::registered().with_member("x_deep", nested(65));
    s.server.script([reply.with_member("x_fine", nested(64))]);
    let client = s.once(&metadata()).await.unwrap();
    let warnings: Vec<_> = client.warnings().iter().map(ToString::to_string).collect();
    assert_eq!(warnings, ["x_deep: nested too deeply to be kept"]);
    assert_eq!(client.additional.get("x_deep"), None);
    assert_eq!(client.additional.get("x_fine"), Some(&nested(64)));
    let again = s.once(&metadata()).await.unwrap();
    assert_eq!((attempts(&again), again.expose_json()), (0, client.expose_json()));
}

#[tokio::test]
async fn a_client_that_was_forgotten_and_is_kept_again_is_in_use() {
    let s = Setting::new().await;
    let client = s.once(&metadata()).await.unwrap();
    assert!(s.store.mark_rejected(&client.client_id).await.unwrap());
    s.poggio.save_registration(&metadata(), &s.store, &client).await.unwrap();
    let found: Result<_, Error> = s.poggio.find_registration(&metadata(), &s.store).await;
    assert_eq!(found.unwrap().unwrap().client_id, client.client_id);
    assert_eq!(s.store.list().await.unwrap().len(), 2);
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_umask_takes_nothing_from_the_owner() {
    use std::os::unix::fs::PermissionsExt;
    let s = Setting::new().await;
    let example = crate::examples::programs::example("register_once");
    let (example, store, url) = (example.display(), s.store.path().display(), s.server.base_url());
    for umask in ["0777", "0000"] {
        let run = format!("umask {umask}; exec '{example}' --store '{store}' --base-url {url}");
        let output = std::process::Command::new("sh").args(["-c", &run]).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        for name in ["client.json", "client.json.lock"] {
            let mode = fs::metadata(s.folder.path().join(name)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{name} under umask {umask}");
            fs::remove_file(s.folder.path().join(name)).unwrap();
        }
    }
}
