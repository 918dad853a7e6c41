//! Sessions of many hosts whose tokens are in an object store.

use std::{env, process::Command, sync::Arc};

use poggio::{RegistrationStore, oauth::Session, testing::Server};

use crate::{
    azurite, moto,
    session::{check_one_refresh, endpoints_at},
    shared_store::open,
};

/// The variable with the object store of a process, its URL, and that of the authorization server.
const PROCESS: &str = "POGGIO_INTEROP_SESSION";

/// Returns a session as another host has it, with its own connections.
fn session_of(service: &str, url: &str, base_url: &str) -> Session {
    let store: Arc<dyn RegistrationStore> = match service {
        "azurite" => Arc::new(open(&azurite::connect(url))),
        _ => Arc::new(open(&moto::connect(url))),
    };
    let poggio = poggio::Client::builder().base_url(base_url).build().unwrap();
    Session::builder(&poggio, store).server(endpoints_at(base_url)).build().unwrap()
}

/// Checks that 64 processes and 64 tasks refresh a token once.
pub(crate) async fn check_refresh(service: &str, url: &str) {
    let server = Server::start().await;
    let base_url = server.base_url();
    let process = || {
        let mut command = Command::new(env::current_exe().unwrap());
        command.args(["sessions::access_token_process", "--exact", "--nocapture"]);
        command.env(PROCESS, format!("{service} {url} {base_url}"));
        command
    };
    check_one_refresh(&server, || session_of(service, url, &base_url), process).await;
}

/// Returns at once in a test run, and is what each process of `check_refresh` does.
#[tokio::test]
async fn access_token_process() {
    let Ok(arguments) = env::var(PROCESS) else { return };
    let arguments: Vec<_> = arguments.split(' ').collect();
    let [service, url, base_url] = arguments[..] else { panic!("{arguments:?}") };
    let session = session_of(service, url, base_url);
    println!("{}", session.access_token().await.unwrap().expose());
}
