//! A store in use: many that register at once, forget, import.

use super::{HANDLES, Rule, at_once};
use crate::{
    Client, ClientInformation, ClientMetadata, Error, StoreErrorKind,
    store::{RegistrationStore, RetiredReason, StoredRegistration, document::Document},
    testing::Server,
};

const ONCE: Rule = Rule {
    says: "Many handles that register at once send one request, and all get the same client",
    mend: "A write that was Done has to be what every later read returns, at once and from every \
           handle; no caches, no replica that lags behind.",
};
const FORGET: Rule = Rule {
    says: "A client that two report at once as no longer accepted is replaced once, and kept as \
           history",
    mend: "Leave `forget`, `list` and `export` as the trait has them.",
};
const IMPORT: Rule = Rule {
    says: "A client that a person entered is used whatever is asked, and never replaced by itself",
    mend: "Leave `import`, `forget` and `remove` as the trait has them.",
};

pub(super) async fn check<S: RegistrationStore + 'static>(open: &impl Fn() -> S) {
    // What the texts of the other checks left there is no document.
    let read = ONCE.read(&open()).await;
    let empty = ONCE.worked("an empty document", Document::default().write(&open().place()));
    ONCE.writes(&open(), empty.expose(), Some(&read)).await;

    let server = Server::start().await;
    let first = all_register(open, &server, HANDLES, 1, ONCE).await;
    let second = forget(open, &server, &first).await;
    import(open, &server, &second).await;
}

async fn forget<S: RegistrationStore + 'static>(
    open: &impl Fn() -> S,
    server: &Server,
    first: &ClientInformation,
) -> ClientInformation {
    let forgot = at_once(open, 2, |_, store| {
        let id = first.client_id.clone();
        async move { FORGET.worked("to forget a client", store.forget(&id).await) }
    });
    let count = forgot.await.into_iter().filter(|forgot| *forgot).count();
    if count != 1 {
        FORGET.broken(format!("{count} of 2 were told that they were the one to report it"));
    }
    let second = all_register(open, server, 2, 2, FORGET).await;

    let kept = FORGET.worked("to list", open().list().await);
    let reason = |kept: &StoredRegistration| kept.retired().map(|retired| retired.reason);
    let shown: Vec<_> = kept.iter().map(|kept| (&kept.client().client_id, reason(kept))).collect();
    let expected = [(&first.client_id, Some(RetiredReason::Rejected)), (&second.client_id, None)];
    if shown != expected {
        FORGET.broken(format!("the list has {shown:?}, not {expected:?}"));
    }
    let exported = FORGET.worked("to export", open().export(&first.client_id).await);
    if exported != Some(first.expose_json()) {
        FORGET.broken("the export of the first client is not what was registered");
    }
    second
}

async fn import<S: RegistrationStore>(
    open: &impl Fn() -> S,
    server: &Server,
    second: &ClientInformation,
) {
    let (poggio, metadata) = (server.client(), metadata());
    let entered = r#"{"client_id": "entered", "client_secret": "by a person"}"#;
    let entered = IMPORT.worked("to read a client", ClientInformation::from_json(entered));
    let endpoint = poggio.registration_endpoint();
    IMPORT.worked("to import", open().import(endpoint, &entered).await);
    let used = IMPORT.worked("to look", register(&poggio, &metadata, &open()).await);
    if used.expose_json() != entered.expose_json() {
        IMPORT.broken(format!("the client {:?} was used", used.client_id));
    }

    IMPORT.worked("to forget", open().forget("entered").await);
    match register(&poggio, &metadata, &open()).await {
        Err(Error::Store(error)) if error.kind() == StoreErrorKind::Imported => {}
        Err(error) => IMPORT.broken(format!("the error was another: {error}")),
        Ok(client) => IMPORT.broken(format!("{:?} came in its place", client.client_id)),
    }

    IMPORT.worked("to remove", open().remove("entered").await);
    let used = IMPORT.worked("to look", register(&poggio, &metadata, &open()).await);
    if used.client_id != second.client_id || server.requests().len() != 2 {
        IMPORT.broken("what was registered before is not used again once it was removed");
    }
}

/// All of them register at once; so many requests have been sent then.
async fn all_register<S: RegistrationStore + 'static>(
    open: &impl Fn() -> S,
    server: &Server,
    count: usize,
    requests: usize,
    rule: Rule,
) -> ClientInformation {
    let clients = at_once(open, count, |_, store| {
        let (poggio, metadata) = (server.client(), metadata());
        async move { rule.worked("to register", register(&poggio, &metadata, &store).await) }
    });
    let mut clients = clients.await;
    let sent = server.requests().len();
    if sent != requests {
        rule.broken(format!("{sent} requests were sent, not {requests}"));
    }
    let Some(client) = clients.pop() else { rule.broken("nobody registered") };
    if clients.iter().any(|other| other.expose_json() != client.expose_json()) {
        rule.broken("they did not all get the same client and secret");
    }
    client
}

async fn register<S: RegistrationStore>(
    poggio: &Client,
    metadata: &ClientMetadata,
    store: &S,
) -> Result<ClientInformation, Error> {
    poggio.register_once(metadata, store).await
}

fn metadata() -> ClientMetadata {
    ClientMetadata::new().with_redirect_uri("http://127.0.0.1:8910/callback")
}
