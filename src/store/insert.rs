//! Adds a registered client to a document. Imports are in `registration_store_ext`.

use chrono::{DateTime, Utc};

use super::{
    document::Document,
    lookup::{Lookup, Query},
    record::Record,
    retired::RetiredReason,
};
use crate::{
    response::{ClientInformation, ServerId},
    secret::ClientSecret,
};

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
        if self.has_in_use(document, client) {
            return has_intent;
        }
        match self.find(document, now, u64::MAX) {
            Lookup::Usable(_) if self.has_lost_race(document, client) => return has_intent,
            Lookup::Usable(_) => self.insert_lost_race(document, client.clone()),
            Lookup::Register(_) | Lookup::Unusable(_) => self.insert(document, client.clone()),
        }
        true
    }

    /// Adds a new client, and retires those that it replaces.
    pub(super) fn insert(&self, document: &mut Document, client: ClientInformation) {
        let mut record = self.record(client);
        let matches = self.matcher();
        if record.server.is_none() {
            // The new client belongs to the server of the client that it replaces.
            let replaced = document.registrations.iter().rfind(|record| matches(record));
            record.server = replaced.and_then(|replaced| replaced.server.clone());
        }
        document.retire(RetiredReason::Expired, |record| matches(record));
        // The server gave the same client a new secret.
        document.retire(RetiredReason::Replaced, |replaced| {
            self.has_endpoint(replaced) && replaced.client.client_id == record.client.client_id
        });
        document.add(record);
    }

    /// Adds a client to the history, because another one is used in its place.
    pub(super) fn insert_lost_race(&self, document: &mut Document, client: ClientInformation) {
        document.add_retired(&self.record(client).into_retired(RetiredReason::LostRace));
    }

    fn record(&self, client: ClientInformation) -> Record {
        Record::new(&self.endpoint, Some(&self.metadata), self.server.as_ref(), client)
    }

    /// Sets the endpoint and the server of the client in use to those of this query. Returns whether
    /// that changed the document.
    pub(super) fn update_binding(&self, document: &mut Document) -> bool {
        let Some(index) = self.outdated(document) else { return false };
        if let Some(record) = document.registrations.get_mut(index) {
            record.endpoint.clone_from(&self.endpoint);
            record.server = self.stored_server(record);
        }
        true
    }

    /// Returns the index of the client in use if its endpoint or server differs from this query.
    pub(super) fn outdated(&self, document: &Document) -> Option<usize> {
        let records = &document.registrations;
        let is_imported = |record: &Record| self.has_endpoint(record) && record.is_imported();
        let index = records.iter().rposition(is_imported).or_else(|| {
            let matches = self.matcher();
            records.iter().rposition(matches)
        })?;
        let record = records.get(index)?;
        let is_outdated =
            record.endpoint != self.endpoint || record.server != self.stored_server(record);
        is_outdated.then_some(index)
    }

    fn stored_server(&self, record: &Record) -> Option<ServerId> {
        let earlier = record.server.as_ref();
        let server = self.server.as_ref().map(|server| server.to_stored(earlier));
        server.or_else(|| earlier.cloned())
    }

    /// Notes that the client in use has obtained a token. Returns whether that changed the document.
    #[cfg(feature = "oauth2")]
    pub(super) fn note_token(&self, document: &mut Document, client_id: &str) -> bool {
        let matches = self.matcher();
        let mut in_use = document.registrations.iter_mut().filter(|record| matches(record));
        let Some(record) = in_use.find(|record| record.client.client_id == client_id) else {
            return false;
        };
        !std::mem::replace(&mut record.has_obtained_token, true)
    }

    /// Returns whether this client is in use with this secret.
    pub(super) fn has_in_use(&self, document: &Document, client: &ClientInformation) -> bool {
        document.registrations.iter().any(|record| {
            self.has_endpoint(record)
                && record.client.client_id == client.client_id
                && secret(&record.client) == secret(client)
        })
    }

    /// Returns whether this client lost a race. A client that was retired for another reason does
    /// not count, because the server may have issued the same id again.
    pub(super) fn has_lost_race(&self, document: &Document, client: &ClientInformation) -> bool {
        document.retired().any(|retired| {
            retired.reason == RetiredReason::LostRace
                && self.is_endpoint(&retired.endpoint)
                && retired.client_id == client.client_id
        })
    }
}

fn secret(client: &ClientInformation) -> Option<&str> {
    client.client_secret.as_ref().map(ClientSecret::expose)
}
