//! A process that registers once: this test binary, run again with variables that say what to do.
//! Tests kill it, limit it, or run many of them at once.

use std::{
    env,
    error::Error as _,
    ffi::OsStr,
    io::{self, Read, Write},
    path::Path,
    process::{Command, Stdio, exit},
};

use poggio::{Client, ClientInformation, ClientMetadata, Error, FileStore, Outcome, ResponseMeta};
use tokio::runtime::Builder;

/// The test below, by which the process is started.
const TEST: &str = "support::process::register_once_process";
const BASE_URL: &str = "POGGIO_TEST_BASE_URL";
const STORE: &str = "POGGIO_TEST_STORE";
const REDIRECT_URI: &str = "POGGIO_TEST_REDIRECT_URI";
const WAIT: &str = "POGGIO_TEST_WAIT";
/// The only root certificate of the process: loading the platform's takes most of its time.
const CERTIFICATE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/certificate.pem");

/// Returns a command that registers once at this server. Without a path, the store is in the user's
/// configuration folder.
///
/// Its exit code is 0, or by the outcome of the error: 1 not registered, 3 unknown, 4 registered.
pub(crate) fn register_once_command(base_url: &str, store: Option<&Path>) -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--exact", TEST, "--nocapture"]).env(BASE_URL, base_url);
    command.envs(store.map(|path| (STORE, path)));
    command.env("SSL_CERT_FILE", CERTIFICATE).env_remove("SSL_CERT_DIR");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Makes the process register other metadata than [`metadata`].
pub(crate) fn set_redirect_uri(command: &mut Command, uri: &str) {
    command.env(REDIRECT_URI, uri);
}

/// Makes the process print "ready", wait until its standard input ends, and print the secret.
pub(crate) fn set_waiting(command: &mut Command) {
    command.env(WAIT, "1");
}

/// Lets `launcher`, such as a shell that sets limits, run a command.
pub(crate) fn run_by(launcher: &mut Command, command: &Command) {
    launcher.arg(command.get_program()).args(command.get_args());
    set_variables(launcher, command);
}

/// Sets the variables of another command.
pub(crate) fn set_variables(target: &mut Command, command: &Command) {
    let is_set =
        |(name, value): (&OsStr, Option<&OsStr>)| Some((name.to_owned(), value?.to_owned()));
    target.envs(command.get_envs().filter_map(is_set));
}

/// Returns what the process registers by default.
pub(crate) fn metadata() -> ClientMetadata {
    ClientMetadata::new()
        .with_redirect_uri("http://127.0.0.1:8910/callback")
        .with_client_name("process of a test")
}

/// Returns at once in a test run, and is the whole process of [`register_once_command`].
#[test]
fn register_once_process() {
    let Ok(base_url) = env::var(BASE_URL) else { return };
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    exit(match runtime.block_on(register_once(&base_url)) {
        Ok(client) => {
            show(&client);
            0
        }
        Err(error) => {
            eprintln!("error: {error}");
            let mut cause = error.source();
            while let Some(error) = cause {
                eprintln!("because: {error}");
                cause = error.source();
            }
            match error.outcome() {
                Outcome::NotRegistered => 1,
                Outcome::Unknown => 3,
                Outcome::Registered => 4,
            }
        }
    });
}

async fn register_once(base_url: &str) -> Result<ClientInformation, Error> {
    let mut metadata = metadata();
    if let Ok(uri) = env::var(REDIRECT_URI) {
        metadata.redirect_uris = vec![uri];
    }
    let store = match env::var_os(STORE) {
        Some(path) => FileStore::new(path)?,
        None => FileStore::for_app("poggio-test")?,
    };
    let poggio = Client::builder().base_url(base_url).build()?;
    if env::var_os(WAIT).is_some() {
        // The test harness may have begun a line.
        print("\nready\n");
        // Blocking is fine: nothing else runs in this process.
        io::stdin().read_to_end(&mut Vec::new()).unwrap();
    }
    poggio.register_once(&metadata, &store).await
}

fn show(client: &ClientInformation) {
    match client.response().map(ResponseMeta::attempts) {
        None => print("\nfound: no request was sent\n"),
        Some(1) => print("\nregistered: 1 request was sent\n"),
        Some(attempts) => print(&format!("\nregistered: {attempts} requests were sent\n")),
    }
    print(&format!("client_id {}\n", client.client_id));
    if env::var_os(WAIT).is_some() {
        print(&format!("client_secret {}\n", client.client_secret.as_ref().unwrap().expose()));
    }
}

/// Prints to standard output, which the test harness does not capture.
fn print(text: &str) {
    io::stdout().write_all(text.as_bytes()).unwrap();
}
