//! Disks that are full, and files that this user may not use, as a process meets them.

use std::{
    fs,
    os::unix::{fs::chown, process::CommandExt},
    path::Path,
    process::Command,
    thread,
    time::Duration,
};

use poggio::testing::Reply;

use crate::{
    store::process::printed,
    support::{
        process::{set_redirect_uri, set_variables},
        require, require_strace,
        store::{Fixture, set_mode},
        wait_for,
    },
};

/// The user `nobody`: file modes do not restrict root, as which the tests may run.
const NOBODY: u32 = 65_534;

const FOUND: &str = "found: no request was sent";

/// Runs a process as a user whom file modes restrict.
#[track_caller]
fn run_as_nobody(fixture: &Fixture, code: i32) -> String {
    let mut command = fixture.command();
    if is_root() {
        // Where this user can reach it.
        set_mode(fixture.root.path(), 0o755);
        let program = fixture.root.path().join("process");
        if !program.exists() {
            fs::copy(command.get_program(), &program).unwrap();
        }
        let mut as_nobody = Command::new(program);
        as_nobody.args(command.get_args()).uid(NOBODY).gid(NOBODY).current_dir("/");
        set_variables(&mut as_nobody, &command);
        command = as_nobody;
    }
    printed(code, &mut command)
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output().unwrap();
    id.stdout.trim_ascii() == b"0"
}

/// Returns whether a user is available whom file modes restrict; some containers have none.
fn has_nobody() -> bool {
    let mut command = Command::new("true");
    let mut can_run = || command.uid(NOBODY).gid(NOBODY).status().is_ok_and(|s| s.success());
    let has_nobody = !is_root() || can_run();
    require(has_nobody, &format!("user {NOBODY} is not available"), "run as a user other than root")
}

#[tokio::test]
async fn register_once_on_a_full_disk_sends_nothing() {
    let fixture = Fixture::new().await;
    // Limits each file to 32 KiB, which fails as a full disk does.
    let limited = || {
        let mut bash = Command::new("bash");
        bash.args(["-c", "trap '' XFSZ; ulimit -f 32; exec \"$@\"", "bash"]);
        bash
    };
    let printed = fixture.run_through(1, &mut limited());
    assert!(printed.contains("client.json.new: File too large"), "{printed}");
    assert!(printed.contains("no client was registered"), "{printed}");
    assert_eq!(
        (fixture.request_count(), fixture.file_names()),
        (0, vec!["client.json".to_owned(), "client.json.lock".to_owned()])
    );

    // With room it registers, and a lookup needs no room.
    fixture.run(0);
    let printed = fixture.run_through(0, &mut limited());
    assert!(printed.contains(FOUND), "{printed}");
    assert_eq!(fixture.request_count(), 1);
}

#[tokio::test]
async fn register_once_in_a_read_only_folder_sends_nothing_and_finds_a_stored_client() {
    if !has_nobody() {
        return;
    }
    let fixture = Fixture::new().await;
    let folder = fixture.folder();
    set_mode(folder, 0o555);
    let printed = run_as_nobody(&fixture, 1);
    let failed = format!("failed to open {}/client.json.lock: Permission denied", folder.display());
    assert!(printed.contains(&failed), "{printed}");
    assert_eq!(fixture.request_count(), 0);
    assert!(fixture.file_names().is_empty());

    set_mode(folder, 0o755);
    fixture.run(0);
    if is_root() {
        for name in fixture.file_names() {
            chown(folder.join(name), Some(NOBODY), Some(NOBODY)).unwrap();
        }
    }
    set_mode(folder, 0o555);
    let printed = run_as_nobody(&fixture, 0);
    assert!(printed.contains(FOUND), "{printed}");
    assert_eq!(fixture.request_count(), 1);
    set_mode(folder, 0o755);
}

#[tokio::test]
async fn register_once_with_an_unreadable_file_sends_nothing() {
    if !has_nobody() {
        return;
    }
    let fixture = Fixture::new().await;
    fixture.write("unchanged");
    set_mode(fixture.path(), 0o000);
    let printed = run_as_nobody(&fixture, 1);
    let failed = format!("failed to open {}: Permission denied", fixture.path().display());
    assert!(printed.contains(&failed), "{printed}");
    assert_eq!(fixture.request_count(), 0);
    set_mode(fixture.path(), 0o600);
    assert_eq!(fixture.text(), "unchanged");
}

/// A mount that ends when it is dropped.
struct Mount<'a>(&'a Path);

impl<'a> Mount<'a> {
    /// Returns `None` if this user may not mount.
    fn new(at: &'a Path, args: &[&str]) -> Option<Self> {
        let mounted = Command::new("mount").args(args).arg(at).output();
        let is_mounted = mounted.is_ok_and(|output| output.status.success());
        let remedy = "run as root, in a container with CAP_SYS_ADMIN";
        require(is_mounted, "mount is not permitted", remedy).then(|| Self(at))
    }
}

impl Drop for Mount<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0).status();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn register_once_saves_the_client_on_a_disk_that_fills_up_after_the_request() {
    let fixture = Fixture::new().await;
    let tmpfs = ["-t", "tmpfs", "-o", "size=4m", "none"];
    let Some(_mount) = Mount::new(fixture.folder(), &tmpfs) else { return };
    fixture.server.script([Reply::registered().with_delay(Duration::from_millis(500))]);
    thread::scope(|scope| {
        let run = scope.spawn(|| fixture.run(0));
        wait_for(|| fixture.request_count() == 1);
        let full = fs::write(fixture.folder().join("other"), vec![b'x'; 4 << 20]).unwrap_err();
        assert_eq!(full.kind(), std::io::ErrorKind::StorageFull);
        run.join().unwrap()
    });
    let printed = fixture.run(0);
    assert!(printed.contains(FOUND), "{printed}");
}

#[tokio::test]
async fn register_once_on_a_read_only_file_system_sends_nothing_and_finds_a_stored_client() {
    let fixture = Fixture::new().await;
    let tmpfs = ["-t", "tmpfs", "-o", "size=4m,mode=755", "none"];
    let Some(mount) = Mount::new(fixture.folder(), &tmpfs) else { return };
    let remount = |how: &str| {
        let status = Command::new("mount").args(["-o", how]).arg(mount.0).status();
        assert!(status.unwrap().success(), "{how}");
    };
    remount("remount,ro");
    let printed = fixture.run(1);
    let expected = format!(
        "failed to open {}.lock: Read-only file system (os error 30); use a file on a file system \
         that can be written; no client was registered",
        fixture.path().display()
    );
    assert!(printed.contains(&expected), "{printed}");
    assert_eq!(fixture.request_count(), 0);

    remount("remount,rw");
    fixture.run(0);
    remount("remount,ro");
    assert!(fixture.run(0).contains(FOUND));
    assert_eq!(fixture.request_count(), 1);
}

#[tokio::test]
async fn register_once_sends_nothing_if_the_file_cannot_be_replaced() {
    let fixture = Fixture::new().await;
    fixture.run(0);
    // A file that is a mount point can be written, but not replaced by a rename.
    let path = fixture.path().display().to_string();
    let Some(_mount) = Mount::new(fixture.path(), &["--bind", &path]) else { return };
    let before = fixture.text();
    let mut command = fixture.command();
    set_redirect_uri(&mut command, "https://acme.example/callback");
    let printed = printed(1, &mut command);
    assert!(printed.contains(&format!("failed to rename to {path}: ")), "{printed}");
    assert_eq!(fixture.request_count(), 1);
    assert_eq!(fixture.text(), before);
}

#[tokio::test]
async fn register_once_flushes_the_file_before_it_returns() {
    if !require_strace() {
        return;
    }
    let fixture = Fixture::new().await;
    let log = fixture.root.path().join("log");
    let mut strace = Command::new("strace");
    strace.args(["-f", "-y", "-qq", "-e", "trace=fsync,rename,renameat,renameat2,write", "-o"]);
    fixture.run_through(0, strace.arg(&log));

    let folder = fixture.folder().canonicalize().unwrap().display().to_string();
    let log = fs::read_to_string(log).unwrap();
    // A call that is interrupted by another thread's has a line at its start.
    let mut lines = log.lines();
    for (call, argument) in [
        // Room is reserved before the request; the client is saved before it is printed.
        ("fsync(", format!("{folder}/client.json.new>")),
        ("fsync(", format!("{folder}>")),
        ("fsync(", format!("{folder}/client.json.new>")),
        ("rename", format!("{folder}/client.json.new\", ")),
        ("fsync(", format!("{folder}>")),
        ("write(1", "registered: 1 request was sent".to_owned()),
    ] {
        let is_found = lines.any(|line| line.contains(call) && line.contains(&argument));
        assert!(is_found, "{call} {argument} is missing, or too early:\n{log}");
    }
}
