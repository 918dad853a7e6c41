//! `register_once` on disks that are full or may not be written, as a process of its own meets them.
#![cfg(unix)]

use std::{
    fs,
    os::unix::{fs as unix, fs::PermissionsExt, process::CommandExt},
    path::Path,
    process::{Command, Output},
    time::{Duration, Instant},
};

use poggio::testing::{Reply, Server};
use tempfile::TempDir;

use crate::{
    examples::programs::{command, text},
    support::{require, wait_for},
};

/// None of these may take longer, however the file system behaves.
const CAP: Duration = Duration::from_secs(10);

/// A user that may write nothing here; where the tests run as root, no mode would hold them.
const NOBODY: u32 = 65_534;

struct Case {
    folder: TempDir,
    server: Server,
}

impl Case {
    async fn new() -> Self {
        let case = Self { folder: tempfile::tempdir().unwrap(), server: Server::start().await };
        fs::create_dir(case.folder.path().join("store")).unwrap();
        set_mode(case.folder.path(), 0o755);
        case
    }

    fn args(&self) -> [String; 4] {
        let store = self.folder.path().join("store/client.json").display().to_string();
        ["--store".to_owned(), store, "--base-url".to_owned(), self.server.base_url()]
    }

    fn run(&self, command: &mut Command) -> (i32, String) {
        let started = Instant::now();
        let Output { status, stdout, stderr } = command.args(self.args()).output().unwrap();
        assert!(started.elapsed() < CAP);
        let shown = text(&stdout) + &text(&stderr);
        assert!(!shown.contains("loopback-secret"), "{shown}");
        (status.code().unwrap(), shown)
    }

    /// Runs it as a user whom modes hold.
    fn run_as_nobody(&self) -> (i32, String) {
        let example = self.folder.path().join("register_once");
        if !example.exists() {
            fs::copy(command("register_once", &[]).get_program(), &example).unwrap();
        }
        let mut command = Command::new(example);
        if is_root() {
            command.uid(NOBODY).gid(NOBODY);
        }
        self.run(command.current_dir("/"))
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.folder.path().join("store")).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output().unwrap();
    text(&id.stdout).trim() == "0"
}

/// Whether a user is to be had whom modes hold; in some containers there is none.
fn has_nobody() -> bool {
    let mut command = Command::new("true");
    let has = !is_root() || command.uid(NOBODY).gid(NOBODY).status().is_ok_and(|s| s.success());
    require(has, &format!("user {NOBODY} is not available"), "run as a user other than root")
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[tokio::test]
async fn a_full_disk_is_told_before_anything_is_sent() {
    let case = Case::new().await;
    // A file may not grow past 32 KiB, as if the disk were full then.
    let limited = || {
        let mut bash = Command::new("bash");
        bash.args(["-c", "trap '' XFSZ; ulimit -f 32; exec \"$@\"", "bash"]);
        bash.arg(command("register_once", &[]).get_program());
        bash
    };
    let (code, shown) = case.run(&mut limited());
    assert_eq!(code, 1, "{shown}");
    assert!(shown.contains("client.json.new failed: File too large"), "{shown}");
    assert!(shown.contains("no client was registered"), "{shown}");
    assert!(case.server.requests().is_empty());
    assert_eq!(case.names(), ["client.json.lock"]);

    // With room again all is well, and what is kept needs none.
    let (code, shown) = case.run(&mut command("register_once", &[]));
    assert_eq!(code, 0, "{shown}");
    let (code, shown) = case.run(&mut limited());
    assert_eq!(code, 0, "{shown}");
    assert!(shown.contains("found: no request was sent"), "{shown}");
    assert_eq!(case.server.requests().len(), 1);
}

#[tokio::test]
async fn a_folder_that_may_not_be_written_is_told_before_anything_is_sent() {
    if !has_nobody() {
        return;
    }
    let case = Case::new().await;
    let folder = case.folder.path().join("store");
    set_mode(&folder, 0o555);
    let (code, shown) = case.run_as_nobody();
    assert_eq!(code, 1, "{shown}");
    let tried = format!("to open {}/client.json.lock failed", folder.display());
    assert!(shown.contains(&tried) && shown.contains("Permission denied"), "{shown}");
    assert!(case.server.requests().is_empty());
    assert!(case.names().is_empty());

    // A store that was filled before is read there all the same.
    set_mode(&folder, 0o755);
    let (code, shown) = case.run(&mut command("register_once", &[]));
    assert_eq!(code, 0, "{shown}");
    if is_root() {
        for name in case.names() {
            unix::chown(folder.join(name), Some(NOBODY), Some(NOBODY)).unwrap();
        }
    }
    set_mode(&folder, 0o555);
    let (code, shown) = case.run_as_nobody();
    assert_eq!(code, 0, "{shown}");
    assert!(shown.contains("found: no request was sent"), "{shown}");
    assert_eq!(case.server.requests().len(), 1);
    set_mode(&folder, 0o755);
}

#[tokio::test]
async fn a_file_that_may_not_be_read_is_told() {
    if !has_nobody() {
        return;
    }
    let case = Case::new().await;
    let file = case.folder.path().join("store/client.json");
    fs::write(&file, "kept as it is").unwrap();
    set_mode(&file, 0o000);
    let (code, shown) = case.run_as_nobody();
    assert_eq!(code, 1, "{shown}");
    assert!(shown.contains(&format!("to open {} failed", file.display())), "{shown}");
    assert!(shown.contains("Permission denied"), "{shown}");
    assert!(case.server.requests().is_empty());
    set_mode(&file, 0o600);
    assert_eq!(fs::read_to_string(&file).unwrap(), "kept as it is");
}

/// A mount that ends with the test; `None` where this user may not mount.
struct Mount<'a>(&'a Path);

impl<'a> Mount<'a> {
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
async fn a_disk_that_fills_up_amid_the_registration_costs_no_secret() {
    let case = Case::new().await;
    let folder = case.folder.path().join("store");
    let tmpfs = ["-t", "tmpfs", "-o", "size=4m", "none"];
    let Some(_mount) = Mount::new(&folder, &tmpfs) else { return };
    case.server.script([Reply::registered().with_delay(Duration::from_millis(500))]);
    let (code, shown) = std::thread::scope(|scope| {
        let run = scope.spawn(|| case.run(&mut command("register_once", &[])));
        wait_for(|| !case.server.requests().is_empty());
        // All that is left.
        let full = fs::write(folder.join("other"), vec![b'x'; 4 << 20]).unwrap_err();
        assert_eq!(full.kind(), std::io::ErrorKind::StorageFull);
        run.join().unwrap()
    });
    assert_eq!(code, 0, "{shown}");
    let (code, shown) = case.run(&mut command("register_once", &[]));
    assert_eq!(code, 0, "{shown}");
    assert!(shown.contains("found: no request was sent"), "{shown}");
}

#[tokio::test]
async fn a_file_that_cannot_be_renamed_over_is_told_before_anything_is_sent() {
    let case = Case::new().await;
    assert_eq!(case.run(&mut command("register_once", &[])).0, 0);
    // A file that is mounted can be written, but nothing can take its place.
    let file = case.folder.path().join("store/client.json");
    let text = file.display().to_string();
    let Some(_mount) = Mount::new(&file, &["--bind", &text]) else { return };
    let before = fs::read(&file).unwrap();
    let other = ["--redirect-uri", "https://acme.example/callback"];
    let (code, shown) = case.run(&mut command("register_once", &other));
    assert_eq!(code, 1, "{shown}");
    assert!(shown.contains(&format!("to rename to {text} failed")), "{shown}");
    assert_eq!(case.server.requests().len(), 1);
    assert_eq!(fs::read(&file).unwrap(), before);
}

#[tokio::test]
async fn what_is_returned_is_on_the_disk() {
    let case = Case::new().await;
    let log = case.folder.path().join("log");
    let mut traced = Command::new("strace");
    traced.args(["-f", "-y", "-qq", "-e", "trace=fsync,rename,renameat,renameat2,write", "-o"]);
    traced.arg(&log).arg(command("register_once", &[]).get_program());
    let can_trace = Command::new("strace").args(["-qq", "true"]).output();
    let can_trace = can_trace.is_ok_and(|output| output.status.success());
    if !require(can_trace, "strace is not installed or not permitted", "apt-get install strace") {
        return;
    }
    let (code, shown) = case.run(&mut traced);
    assert_eq!(code, 0, "{shown}");

    let store = case.folder.path().join("store").canonicalize().unwrap().display().to_string();
    let log = fs::read_to_string(log).unwrap();
    // A call that another thread's interrupts in the log has a line where it begins.
    let mut lines = log.lines();
    for (call, what) in [
        // The room, before the request; then the client, before a word of it.
        ("fsync(", format!("{store}/client.json.new>")),
        ("fsync(", format!("{store}>")),
        ("fsync(", format!("{store}/client.json.new>")),
        ("rename", format!("{store}/client.json.new\", ")),
        ("fsync(", format!("{store}>")),
        ("write(1", "registered: 1 request was sent".to_owned()),
    ] {
        let found = lines.any(|line| line.contains(call) && line.contains(&what));
        assert!(found, "{call} {what} is not in its place:\n{log}");
    }
}
