//! What several modules need: metadata, all that an error shows, waits, requirements.

mod require;

use std::{
    error::Error as _,
    fmt::Debug,
    thread,
    time::{Duration, Instant},
};

use poggio::{
    ClientInformation, ClientMetadata, Error, ResponseMeta,
    testing::{Reply, Server},
};

pub(crate) use self::require::{require, require_program};

/// Metadata that every rule lets through.
pub(crate) fn metadata() -> ClientMetadata {
    ClientMetadata::new()
        .with_redirect_uri("http://127.0.0.1:8910/callback")
        .with_client_name("Acme Sync")
}

/// How many requests a call sent for a client: none for one from a store.
pub(crate) fn attempts(client: &ClientInformation) -> u32 {
    client.response().map_or(0, ResponseMeta::attempts)
}

/// Registers at a loopback server that gives this reply.
pub(crate) async fn register_with(reply: Reply) -> Result<ClientInformation, Error> {
    let server = Server::start().await;
    server.script([reply]);
    let poggio = server.client_builder().max_retries(0).build().unwrap();
    poggio.register(&metadata()).await
}

/// What of an error can end up in a log: Display, Debug in both forms, and so along its sources.
pub(crate) fn all_shown(error: &Error) -> String {
    let mut shown = format!("{error}\n{}", debugged(error));
    let mut source = error.source();
    while let Some(cause) = source {
        shown.push_str(&format!("\n{cause}\n{cause:?}\n{cause:#?}"));
        source = cause.source();
    }
    shown
}

pub(crate) fn debugged(value: &impl Debug) -> String {
    format!("{value:?}\n{value:#?}")
}

/// For what another thread or program does next: more than it takes, and an end where it never comes.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

const PAUSE: Duration = Duration::from_millis(5);

/// Waits until it is so, on a thread that may stand still.
pub(crate) fn wait_for(mut it: impl FnMut() -> bool) {
    let start = Instant::now();
    while !it() {
        assert!(start.elapsed() < PATIENCE, "it does not come");
        thread::sleep(PAUSE);
    }
}

/// Waits until it is so, while other tasks of this thread go on.
pub(crate) async fn come(mut it: impl FnMut() -> bool) {
    let start = Instant::now();
    while !it() {
        assert!(start.elapsed() < PATIENCE, "it does not come");
        tokio::time::sleep(PAUSE).await;
    }
}
