//! Renames that fail or never happen. strace makes the system calls of a process fail, or kills the
//! process at that moment.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc::{Receiver, Sender, channel},
    },
    thread,
};

use crate::{
    store::process::printed,
    support::{
        process::{register_once_command, run_by},
        require, require_strace,
        store::Fixture,
    },
};

const RENAMES: &str = "?rename,?renameat,?renameat2";
const FOUND: &str = "found: no request was sent";
const RESPONSE: &str = "HTTP/1.1 201 Created\r\ncontent-length: 57\r\nconnection: close\r\n\r\n\
    {\"client_id\":\"seven\",\"client_secret\":\"secret-of-seven-7\"}";

/// A server that sends each response only when told.
struct Gate {
    base_url: String,
    requests: Arc<AtomicUsize>,
    arrived: Receiver<()>,
    release: Sender<()>,
}

impl Gate {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base_url = format!("http://{}", listener.local_addr().unwrap());
        let (arrive, arrived) = channel();
        let (release, released) = channel();
        let requests = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&requests);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut request = Vec::new();
                // The body of the request is one JSON object.
                while !request.ends_with(b"}") {
                    let mut bytes = [0; 4096];
                    let length = stream.read(&mut bytes).unwrap();
                    assert_ne!(length, 0);
                    request.extend_from_slice(&bytes[..length]);
                }
                count.fetch_add(1, Ordering::SeqCst);
                if arrive.send(()).is_err() || released.recv().is_err() {
                    return;
                }
                let _ = stream.write_all(RESPONSE.as_bytes());
            }
        });
        Self { base_url, requests, arrived, release }
    }

    fn request_count(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }

    fn command(&self, fixture: &Fixture) -> Command {
        register_once_command(&self.base_url, Some(fixture.path()))
    }

    /// Runs a process, and injects a fault into each rename after the request. Returns `None` if
    /// strace is not available.
    fn run_with_fault_after_request(&self, fixture: &Fixture, fault: &str) -> Option<Run> {
        let mut child = self.command(fixture).spawn().unwrap();
        self.arrived.recv().unwrap();
        let Some(mut strace) = attach(child.id(), fault) else {
            child.kill().unwrap();
            child.wait().unwrap();
            return None;
        };
        self.release.send(()).unwrap();
        let output = child.wait_with_output().unwrap();
        strace.wait().unwrap();
        let printed = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert!(!printed.contains("secret-of-seven"), "{printed}");
        Some(Run { code: output.status.code(), printed })
    }
}

struct Run {
    code: Option<i32>,
    printed: String,
}

/// Attaches strace to a process, and returns once it has.
fn attach(pid: u32, fault: &str) -> Option<Child> {
    let mut strace = strace(fault)
        .args(["-p", &pid.to_string()])
        .stderr(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(strace.stderr.take().unwrap()).read_line(&mut line).unwrap();
    let is_attached = line.contains("attached");
    require(is_attached, &format!("strace cannot attach: {line}"), "run as root").then_some(strace)
}

fn strace(fault: &str) -> Command {
    let mut strace = Command::new("strace");
    strace.args(["-f", "-e", &format!("trace={RENAMES}")]);
    strace.args(["-e", &format!("inject={RENAMES}:{fault}"), "-o", "/dev/null"]);
    strace
}

fn new_text(fixture: &Fixture) -> String {
    fs::read_to_string(fixture.folder().join("client.json.new")).unwrap()
}

#[tokio::test]
async fn register_once_on_a_new_store_sends_nothing_if_renames_fail() {
    if !require_strace() {
        return;
    }
    for (error, reason) in [
        ("ENOSYS", "Function not implemented (os error 38); use a file on a file system that"),
        ("EXDEV", "cross-device link (os error 18); use a file on a file system that"),
        ("EACCES", "Permission denied (os error 13); give this user access to it"),
        ("EROFS", "Read-only file system (os error 30); use a file on a file system that can"),
    ] {
        let fixture = Fixture::new().await;
        let printed = fixture.run_through(1, &mut strace(&format!("error={error}")));
        assert!(printed.contains("failed to rename to ") && printed.contains(reason), "{printed}");
        assert!(printed.contains("no client was registered"), "{printed}");
        assert_eq!(fixture.request_count(), 0);
        assert_eq!(fixture.file_names(), ["client.json.lock"]);
    }
}

#[tokio::test]
async fn register_once_retries_a_rename_that_fails_for_a_moment() {
    if !require_strace() {
        return;
    }
    for error in ["EACCES", "EPERM", "EBUSY"] {
        let (fixture, gate) = (Fixture::new().await, Gate::new());
        let fault = format!("error={error}:when=1..3");
        let Some(run) = gate.run_with_fault_after_request(&fixture, &fault) else { return };
        assert_eq!(run.code, Some(0), "{}", run.printed);
        assert!(printed(0, &mut gate.command(&fixture)).contains(FOUND));
        assert_eq!(gate.request_count(), 1);
        assert_eq!(fixture.file_names(), ["client.json", "client.json.lock"]);
    }
}

#[tokio::test]
async fn register_once_adopts_the_client_that_an_earlier_call_could_not_save() {
    if !require_strace() {
        return;
    }
    for error in ["EACCES", "EXDEV"] {
        let (fixture, gate) = (Fixture::new().await, Gate::new());
        let fault = format!("error={error}");
        let Some(run) = gate.run_with_fault_after_request(&fixture, &fault) else { return };
        assert_eq!(run.code, Some(4), "{}", run.printed);
        assert!(run.printed.contains("could not be saved"), "{}", run.printed);
        assert!(new_text(&fixture).contains("secret-of-seven-7"));

        // The store still fails: nothing is lost, and nothing is sent.
        let mut failing = strace(&fault);
        run_by(&mut failing, &gate.command(&fixture));
        assert!(printed(1, &mut failing).contains("no client was registered"));
        assert!(new_text(&fixture).contains("secret-of-seven-7"));

        assert!(printed(0, &mut gate.command(&fixture)).contains(FOUND));
        assert_eq!(gate.request_count(), 1);
        assert!(fixture.text().contains("secret-of-seven-7"));
        assert!(!fs::exists(fixture.folder().join("client.json.new")).unwrap());
    }
}

#[tokio::test]
async fn register_once_adopts_the_client_of_a_process_that_was_killed_before_the_rename() {
    if !require_strace() {
        return;
    }
    let (fixture, gate) = (Fixture::new().await, Gate::new());
    let Some(run) = gate.run_with_fault_after_request(&fixture, "error=EIO:signal=KILL") else {
        return;
    };
    assert_eq!(run.code, None, "{}", run.printed);
    assert!(new_text(&fixture).contains("secret-of-seven-7"));
    assert!(printed(0, &mut gate.command(&fixture)).contains(FOUND));
    assert_eq!(gate.request_count(), 1);
    assert!(fixture.text().contains("secret-of-seven-7"));
}
