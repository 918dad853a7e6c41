//! Adds a registered client to a document. Imports are in `registration_store_ext`.

use chrono::{DateTime, Utc};

use super::{
    document::Document,
    lookup::{Lookup, Query},
    record::Record,
    retired::RetiredReason,
};
use crate::{response::ClientInformation, secret::ClientSecret};

impl Query {
    /// Adds a client that was registered earlier, as history if another one is usable, and removes
    /// the intent of its request. Returns whether the document changed.
    pub(super) fn save(
        &self,
        document: &mut Document,
        client: &ClientInformation,
        now: DateTime<Utc>,
    ) -> bool {
        let has_intent = document.intents.remove(&self.key());
        if self.contains(document, client) {
            return has_intent;
        }
        match self.find(document, now, usize::MAX) {
            Lookup::Usable(_) => self.insert_lost_race(document, client.clone()),
            Lookup::Register(_) | Lookup::Unusable(_) => self.insert(document, client.clone()),
        }
        true
    }

    /// Adds a new client, and retires those that it replaces.
    pub(super) fn insert(&self, document: &mut Document, client: ClientInformation) {
        let matches = self.matcher();
        for record in document.registrations.iter_mut().filter(|record| record.is_active()) {
            if matches(record) {
                record.retire(RetiredReason::Expired);
            } else if self.has_endpoint(record) && record.client.client_id == client.client_id {
                // The server gave the same client a new secret.
                record.retire(RetiredReason::Replaced);
            }
        }
        document.registrations.push(Record::new(&self.endpoint, Some(&self.metadata), client));
    }

    /// Adds a client to the history, because another one is used in its place.
    pub(super) fn insert_lost_race(&self, document: &mut Document, client: ClientInformation) {
        let mut record = Record::new(&self.endpoint, Some(&self.metadata), client);
        record.retire(RetiredReason::LostRace);
        // Before the client in use: a lookup takes the newest matching record.
        let index = document.registrations.iter().rposition(self.matcher());
        document.registrations.insert(index.unwrap_or(document.registrations.len()), record);
    }

    /// Returns whether the document has this client with this secret, in use or as the loser of a
    /// race. A client that was retired for another reason does not count, because the server may
    /// have issued the same credentials again.
    pub(super) fn contains(&self, document: &Document, client: &ClientInformation) -> bool {
        document.registrations.iter().any(|record| {
            let retired = record.retired.map(|retired| retired.reason);
            self.has_endpoint(record)
                && retired.is_none_or(|reason| reason == RetiredReason::LostRace)
                && record.client.client_id == client.client_id
                && secret(&record.client) == secret(client)
        })
    }
}

fn secret(client: &ClientInformation) -> Option<&str> {
    client.client_secret.as_ref().map(ClientSecret::expose)
}
