//! One registration, whoever asks at once and whoever is killed: real processes, real threads.

use std::{
    collections::BTreeSet,
    fs,
    io::{self, BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
    sync::{Arc, Barrier},
    thread,
    time::Duration,
};

use poggio::{
    ClientInformation, ClientMetadata, FileStore, Outcome, RegistrationStoreExt,
    testing::{Reply, Server},
};
use tempfile::TempDir;

use crate::examples::programs::command;

const NAME: &str = "register_once";
/// One certificate, of no one.
const CERTIFICATE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/certificate.pem");
const PROCESSES: usize = 64;
const THREADS: usize = 64;

/// An empty store and a server for it.
pub(crate) struct Case {
    folder: TempDir,
    pub(crate) server: Server,
}

impl Case {
    pub(crate) async fn new() -> Self {
        let server = Server::start().await;
        server.use_random_ids();
        Self { folder: tempfile::tempdir().unwrap(), server }
    }

    pub(crate) fn store(&self) -> PathBuf {
        self.folder.path().join("client.json")
    }

    /// The example on this store, with its output in a pipe.
    pub(crate) fn command(&self, more: &[&str]) -> Command {
        let mut command = command(NAME, more);
        command.arg("--base-url").arg(self.server.base_url()).arg("--store").arg(self.store());
        // To load all of the platform's is most of what a process would do here.
        command.env("SSL_CERT_FILE", CERTIFICATE).env_remove("SSL_CERT_DIR");
        command.stdout(Stdio::piped()).stderr(Stdio::null());
        command
    }

    /// The names in the store's folder.
    pub(crate) fn files(&self) -> BTreeSet<String> {
        let entries = fs::read_dir(self.folder.path()).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }
}

pub(crate) fn secret(client: &ClientInformation) -> String {
    client.client_secret.as_ref().unwrap().expose().to_owned()
}

fn exported(path: &Path) -> ClientInformation {
    ClientInformation::from_json(&fs::read_to_string(path).unwrap()).unwrap()
}

/// What a caller has in the end: the secret, or why not.
type Held = Result<String, Outcome>;

/// A copy of the example that waits for the start.
struct Process {
    child: Child,
    output: BufReader<ChildStdout>,
    export: PathBuf,
}

impl Process {
    fn start(case: &Case, gate: &io::PipeReader, export: PathBuf) -> Self {
        let mut command = case.command(&["--member", "--export", export.to_str().unwrap()]);
        // What the threads ask for, too.
        let metadata = asked();
        command.args(["--redirect-uri", &metadata.redirect_uris[0]]);
        let mut child = command.stdin(gate.try_clone().unwrap()).spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        Self { child, output, export }
    }

    fn is_ready(&mut self) {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n");
    }

    fn end(mut self) -> Held {
        let mut line = String::new();
        self.output.read_to_string(&mut line).unwrap();
        match self.child.wait().unwrap().code() {
            Some(0) => {
                assert!(line.starts_with("registered ") || line.starts_with("waited "), "{line}");
                Ok(secret(&exported(&self.export)))
            }
            Some(3) => Err(Outcome::Unknown),
            code => panic!("exit code {code:?}: {line}"),
        }
    }
}

/// What the example asks for by itself.
fn asked() -> ClientMetadata {
    ClientMetadata::new()
        .with_grant_types(["authorization_code", "refresh_token"])
        .with_client_name("Poggio example")
        .with_redirect_uri("http://127.0.0.1:8910/callback")
}

/// A thread's part, with a runtime, a client and a store of its own.
fn in_a_thread(base_url: &str, store: &Path, mut gate: io::PipeReader, ready: &Barrier) -> Held {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let poggio = poggio::Client::builder().base_url(base_url).build().unwrap();
    let store = FileStore::new(store).unwrap();
    ready.wait();
    gate.read_to_end(&mut Vec::new()).unwrap();
    let client = runtime.block_on(poggio.register_once(&asked(), &store));
    client.map(|client| secret(&client)).map_err(|error| error.outcome())
}

/// Starts all at once on an empty store; returns what each has in the end.
fn all_at_once(case: &Case) -> Vec<Held> {
    let exports = tempfile::tempdir().unwrap();
    // All wait for the one pipe to end.
    let (gate, holder) = io::pipe().unwrap();
    let mut processes: Vec<_> = (0..PROCESSES)
        .map(|i| Process::start(case, &gate, exports.path().join(format!("{i}.json"))))
        .collect();
    let ready = Arc::new(Barrier::new(THREADS + 1));
    let threads: Vec<_> = (0..THREADS)
        .map(|_| {
            let (gate, ready) = (gate.try_clone().unwrap(), Arc::clone(&ready));
            let (base_url, store) = (case.server.base_url(), case.store());
            thread::spawn(move || in_a_thread(&base_url, &store, gate, &ready))
        })
        .collect();
    processes.iter_mut().for_each(Process::is_ready);
    ready.wait();
    assert_eq!(case.files().len(), 0, "none begins before the start");
    drop(holder);
    let processes = processes.into_iter().map(Process::end);
    processes.chain(threads.into_iter().map(|thread| thread.join().unwrap())).collect()
}

/// All that hold a secret hold the one that the store keeps, and nothing else is left.
async fn assert_one_registration(case: &Case, held: &[Held], failed: usize) {
    assert_eq!(held.len(), PROCESSES + THREADS);
    assert_eq!(case.server.registrations().len(), 1);
    let kept = FileStore::new(case.store()).unwrap().list().await.unwrap();
    assert_eq!(kept.len(), 1);
    let secret = secret(kept[0].client());
    assert_eq!(held.iter().filter(|held| **held == Ok(secret.clone())).count(), 128 - failed);
    assert_eq!(held.iter().filter(|held| **held == Err(Outcome::Unknown)).count(), failed);
    assert_eq!(case.files(), ["client.json", "client.json.lock"].map(str::to_owned).into());
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_and_threads_at_once_send_one_request() {
    let case = Case::new().await;
    let held = all_at_once(&case);
    assert_eq!(case.server.requests().len(), 1);
    assert_one_registration(&case, &held, 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn they_wait_for_a_server_that_is_slow() {
    let case = Case::new().await;
    case.server.script([Reply::registered().with_delay(Duration::from_secs(1))]);
    let held = all_at_once(&case);
    assert_eq!(case.server.requests().len(), 1);
    assert_one_registration(&case, &held, 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_for_now_is_waited_out_by_one_of_them() {
    let case = Case::new().await;
    case.server.script([Reply::status(503).with_header("retry-after", "0")]);
    let held = all_at_once(&case);
    assert_eq!(case.server.requests().len(), 2);
    assert_one_registration(&case, &held, 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_is_told_to_one_and_the_next_registers() {
    let case = Case::new().await;
    case.server.script([Reply::status(500)]);
    let held = all_at_once(&case);
    assert_eq!(case.server.requests().len(), 2);
    assert_one_registration(&case, &held, 1).await;
}
