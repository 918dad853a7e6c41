//! Valid metadata, and one call of `register` at a loopback server.

use poggio::{
    ClientInformation, ClientMetadata, Error, ResponseMeta,
    testing::{Reply, Server},
};

/// Metadata that every local rule accepts.
pub(crate) fn metadata() -> ClientMetadata {
    ClientMetadata::new()
        .with_redirect_uri("http://127.0.0.1:8910/callback")
        .with_client_name("Acme Sync")
}

/// Returns how many requests a call sent: 0 for a client from a store.
pub(crate) fn attempts(client: &ClientInformation) -> u32 {
    client.response().map_or(0, ResponseMeta::attempts)
}

/// Registers at a loopback server that sends this reply.
pub(crate) async fn register_with(reply: Reply) -> Result<ClientInformation, Error> {
    let server = Server::start().await;
    server.script([reply]);
    let poggio = server.client_builder().max_retries(0).build().unwrap();
    poggio.register(&metadata()).await
}
