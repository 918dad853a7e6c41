//! Calls on a store's document, for the fuzz targets: find, save, retire, write. Reading it from a
//! store is in `update`.

use std::time::Duration;

use serde_json::Value;

use super::{
    document::Document,
    exclusive::StoredDocument,
    lookup::{Lookup, Query},
    record::{Record, now},
    registration_store::Versioned,
    retired::RetiredReason,
};
use crate::{error::StoreError, response::ClientInformation, secret::ClientSecret, url};

/// Makes these calls on a document with this text, and checks their results. Returns the error if the
/// text is not a document.
pub(crate) fn check_document(text: &str) -> Result<(), StoreError> {
    let document = parse(text)?;
    check_written(&document)?;
    check_saved(document.clone())?;
    check_retired(document)
}

fn parse(text: &str) -> Result<Document, StoreError> {
    Document::parse(Some(&Versioned::new(text.to_owned(), "")), "the store")
}

/// Checks that the document has the same content if it is written and read again.
fn check_written(document: &Document) -> Result<(), StoreError> {
    let written = document.to_json("the store")?;
    let again = parse(written.expose())?;
    assert_eq!(format!("{document:?}"), format!("{again:?}"), "the content differs");
    assert_eq!(clients(document), clients(&again), "the clients differ");
    assert_eq!(written.expose(), again.to_json("the store")?.expose(), "the text differs");
    Ok(())
}

/// The credentials and the metadata of each client in use.
fn clients(document: &Document) -> Vec<Value> {
    document.registrations.iter().map(|record| record.client.expose_json()).collect()
}

/// Checks that a client that is found is in the document, and that a saved one is in use or history.
fn check_saved(mut document: Document) -> Result<(), StoreError> {
    let queries: Vec<_> = document.registrations.iter().filter_map(query_of).collect();
    for query in queries {
        let is_of = |client: &ClientInformation| {
            document.registrations.iter().any(|record| record.client.client_id == client.client_id)
        };
        if let Lookup::Usable(client) = query.find(&document, now(), document.last_number()) {
            assert!(is_of(&client), "an unknown client was found");
        }
        let _ = query.outdated(&document).map(|_| query.update_binding(&mut document));
        let mut client = ClientInformation::with_id("a new client".to_owned());
        client.client_secret = Some(ClientSecret::from("n3w-secret".to_owned()));
        query.save(&mut document, &client, now());
        let is_saved =
            query.has_in_use(&document, &client) || query.has_lost_race(&document, &client);
        assert!(is_saved, "the client was not saved");
        assert!(!query.save(&mut document, &client, now()), "the client was saved twice");
        check_written(&document)?;
    }
    Ok(())
}

/// Returns the query that a caller makes for this client.
fn query_of(record: &Record) -> Option<Query> {
    Some(Query {
        endpoint: url::parse_endpoint(&record.endpoint).ok()?.into(),
        server: record.server.clone(),
        metadata: record.requested.clone().unwrap_or_default(),
        renewal_margin: Duration::from_secs(600),
    })
}

/// Checks that retired clients are history, in the order in which they were retired.
fn check_retired(mut document: Document) -> Result<(), StoreError> {
    let records = document.registrations.clone();
    let has_room = document.retired().count() + records.len() <= 50;
    document.retire(RetiredReason::Rejected, |record| !record.is_imported());
    document.retire(RetiredReason::Removed, |_| true);
    assert!(document.registrations.is_empty(), "a client is still in use");
    let newest = records.iter().rfind(|record| record.is_imported()).or(records.last());
    // The parts of an entry are separated by spaces, which a URL does not contain.
    let is_url = |record: &&Record| !record.endpoint.contains(' ');
    if let Some(newest) = newest.filter(is_url).filter(|_| has_room) {
        let retired = document.retired().next_back();
        let is_same = retired.is_some_and(|retired| {
            retired.client_id == newest.client.client_id && retired.endpoint == newest.endpoint
        });
        assert!(is_same, "a retired client is not history");
    }
    check_written(&document)
}
