//! Many processes and threads that register at once on an empty store.

use std::{
    io::{self, BufRead, BufReader, Read},
    path::Path,
    process::{Child, ChildStdout, Stdio},
    sync::{Arc, Barrier},
    thread,
    time::Duration,
};

use poggio::{Client, FileStore, Outcome, RegistrationStoreExt, testing::Reply};
use tokio::runtime::Builder;

use crate::support::{
    process::{metadata, set_waiting},
    store::{Fixture, secret},
};

/// The result of a caller: the secret, or the outcome of its error.
type Received = Result<String, Outcome>;

/// A process that waits for its standard input to end.
struct Process {
    child: Child,
    output: BufReader<ChildStdout>,
}

impl Process {
    fn start(fixture: &Fixture, gate: &io::PipeReader) -> Self {
        let mut command = fixture.command();
        set_waiting(&mut command);
        command.stdin(gate.try_clone().unwrap()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        Self { child, output }
    }

    fn wait_until_ready(&mut self) {
        let mut lines = self.output.by_ref().lines();
        assert!(lines.any(|line| line.unwrap() == "ready"));
    }

    fn finish(mut self) -> Received {
        let mut printed = String::new();
        self.output.read_to_string(&mut printed).unwrap();
        let mut lines = printed.lines();
        match self.child.wait().unwrap().code() {
            Some(0) => {
                let secret = lines.find_map(|line| line.strip_prefix("client_secret "));
                Ok(secret.unwrap().to_owned())
            }
            Some(3) => Err(Outcome::Unknown),
            code => panic!("exit code {code:?}: {printed}"),
        }
    }
}

/// Registers in a thread, with its own runtime, client and store.
fn register_in_thread(
    base_url: &str,
    path: &Path,
    mut gate: io::PipeReader,
    ready: &Barrier,
) -> Received {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let poggio = Client::builder().base_url(base_url).build().unwrap();
    let store = FileStore::new(path).unwrap();
    ready.wait();
    gate.read_to_end(&mut Vec::new()).unwrap();
    let client = runtime.block_on(poggio.register_once(&metadata(), &store));
    client.map(|client| secret(&client).to_owned()).map_err(|error| error.outcome())
}

/// Starts so many processes and as many threads at once, and returns what each received.
fn register_at_once(fixture: &Fixture, count: usize) -> Vec<Received> {
    // All wait until this pipe ends.
    let (gate, holder) = io::pipe().unwrap();
    let mut processes: Vec<_> = (0..count).map(|_| Process::start(fixture, &gate)).collect();
    let ready = Arc::new(Barrier::new(count + 1));
    let threads: Vec<_> = (0..count)
        .map(|_| {
            let (gate, ready) = (gate.try_clone().unwrap(), Arc::clone(&ready));
            let (base_url, path) = (fixture.server.base_url(), fixture.path().to_owned());
            thread::spawn(move || register_in_thread(&base_url, &path, gate, &ready))
        })
        .collect();
    processes.iter_mut().for_each(Process::wait_until_ready);
    ready.wait();
    assert!(fixture.file_names().is_empty(), "nobody starts early");
    drop(holder);
    let processes = processes.into_iter().map(Process::finish);
    processes.chain(threads.into_iter().map(|thread| thread.join().unwrap())).collect()
}

/// Asserts that there is one registration, and that all callers received the secret in the store.
async fn assert_one_registration(fixture: &Fixture, received: &[Received]) {
    assert_eq!(fixture.server.registrations().len(), 1);
    let registrations = fixture.store.list().await.unwrap();
    assert_eq!(registrations.len(), 1);
    let stored = Ok(secret(registrations[0].client()).to_owned());
    assert!(received.iter().all(|one| *one == stored), "{received:?}");
    assert_eq!(fixture.file_names(), ["client.json", "client.json.lock"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn register_once_sends_one_request_for_64_processes_and_64_threads() {
    let fixture = Fixture::new().await;
    let received = register_at_once(&fixture, 64);
    assert_eq!((received.len(), fixture.request_count()), (128, 1));
    assert_one_registration(&fixture, &received).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn register_once_in_many_processes_handles_slow_and_failing_servers() {
    for (reply, requests) in [
        (Reply::registered().with_delay(Duration::from_secs(1)), 1),
        // One caller retries for all.
        (Reply::status(503).with_header("retry-after", "0"), 2),
    ] {
        let fixture = Fixture::new().await;
        fixture.server.script([reply]);
        let received = register_at_once(&fixture, 8);
        assert_eq!(fixture.request_count(), requests);
        assert_one_registration(&fixture, &received).await;
    }
    // All callers learn that the outcome is unknown.
    let fixture = Fixture::new().await;
    fixture.server.script([Reply::status(500)]);
    let received = register_at_once(&fixture, 8);
    assert_eq!(received, vec![Err(Outcome::Unknown); 16]);
    assert_eq!(fixture.request_count(), 1);
}
