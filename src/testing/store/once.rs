//! A store in use: many handles that register at once.

use super::{HANDLES, Rule, at_once};
use crate::{
    ClientInformation, ClientMetadata,
    store::{Document, RegistrationStore},
    testing::Server,
};

const ONCE: Rule = Rule {
    says: "Many handles that register at once send one request, and all get the same client",
    mend: "A write that was Done has to be what every later read returns, at once and from every \
           handle; no caches, no replica that lags behind.",
};
pub(super) async fn check<S: RegistrationStore + 'static>(open: &impl Fn() -> S) {
    // What the texts of the other checks left there is no document.
    let read = ONCE.read(&open()).await;
    let empty = ONCE.worked("an empty document", Document::default().to_json(&open().name()));
    ONCE.writes(&open(), empty.expose(), Some(&read)).await;

    let server = Server::start().await;
    all_register(open, &server).await;
}

/// All handles register at once, and all get the one client that came of one request.
async fn all_register<S: RegistrationStore + 'static>(open: &impl Fn() -> S, server: &Server) {
    let metadata = ClientMetadata::new().with_redirect_uri("http://127.0.0.1:8910/callback");
    let registered = at_once(open, HANDLES, |_, store| {
        let (poggio, metadata) = (server.client(), metadata.clone());
        async move { ONCE.worked("to register", poggio.register_once(&metadata, &store).await) }
    });
    let clients: Vec<_> = registered.await.iter().map(ClientInformation::expose_json).collect();
    let sent = server.requests().len();
    if sent != 1 {
        ONCE.broken(format!("{sent} requests were sent, not 1"));
    }
    if clients.windows(2).any(|pair| pair.first() != pair.last()) {
        ONCE.broken("they did not all get the same client and secret");
    }
}
