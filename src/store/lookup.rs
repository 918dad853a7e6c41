//! Finds the client of a document that fits a query, or the reason to register a new one. Adding a
//! client to a document is in `insert`.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};

use super::{
    document::Document,
    fingerprint::Fingerprint,
    intent,
    record::Record,
    retired::{RetiredReason, RetiredRecord},
    unusable::Unusable,
};
use crate::{
    metadata::ClientMetadata,
    response::{Binding, ClientInformation, RegisterReason, SecretExpiry, ServerId, check_server},
    url,
};

#[cfg(feature = "oauth2")]
const HOUR: i64 = 3600;

/// The client to find: registered at this endpoint with this metadata.
#[derive(Clone, Debug)]
pub(crate) struct Query {
    pub(crate) endpoint: String,
    /// The server at which the client is to be used, if it is known.
    pub(crate) server: Option<ServerId>,
    pub(crate) metadata: ClientMetadata,
    /// How long before its expiry a secret counts as expired.
    pub(crate) renewal_margin: Duration,
}

/// The result of a query.
#[derive(Debug)]
pub(crate) enum Lookup {
    Usable(Box<ClientInformation>),
    /// No client is usable; register a new one.
    Register(RegisterReason),
    /// The client cannot be used, and a registration must not replace it.
    Unusable(Unusable),
}

impl Query {
    /// Finds the client in `document` as of `now`.
    ///
    /// Registrations with a larger number than `last_known` were made while this caller waited. They
    /// are used until they expire, without the renewal margin, because a registration by this caller
    /// would give no newer client.
    pub(super) fn find(&self, document: &Document, now: DateTime<Utc>, last_known: u64) -> Lookup {
        match self.find_imported(document, now) {
            Some(Ok(record)) => return Lookup::Usable(Box::new(self.usable(record))),
            Some(Err(unusable)) => return Lookup::Unusable(unusable),
            None => {}
        }
        let matches = self.matcher();
        let Some(record) = document.registrations.iter().rfind(|record| matches(record)) else {
            return match self.of_other_server(document) {
                Some(unusable) => Lookup::Unusable(unusable),
                None => Lookup::Register(self.reason(document)),
            };
        };
        if let Some(lost) = Unusable::secret_lost(record) {
            return Lookup::Unusable(lost);
        }
        let margin = if record.number <= last_known { self.renewal_margin } else { Duration::ZERO };
        if expires_within(record, margin, now) && !self.has_to_wait(record, document, now) {
            return Lookup::Register(RegisterReason::Expired);
        }
        Lookup::Usable(Box::new(self.usable(record)))
    }

    /// Returns the client of a record, bound to the server of this query.
    fn usable(&self, record: &Record) -> ClientInformation {
        let mut client = record.bound_client();
        if let Some(server) = &self.server {
            let server = Some(server.to_stored(record.server.as_ref()));
            client.binding = Some(Arc::new(Binding { endpoint: self.endpoint.clone(), server }));
        }
        // Members that the response does not state count as requested.
        if let Some(requested) = &record.requested {
            if client.metadata.redirect_uris.is_empty() {
                client.metadata.redirect_uris.clone_from(&requested.redirect_uris);
            }
            client.requested_auth_method = Some(requested.token_endpoint_auth_method.clone());
        }
        client
    }

    /// Returns why a client has to be registered, given that none is in use.
    fn reason(&self, document: &Document) -> RegisterReason {
        if let Some(newest) = self.retired(document).next() {
            return match newest.reason {
                RetiredReason::Rejected => RegisterReason::Rejected,
                _ => RegisterReason::NoRecord,
            };
        }
        let is_other = |record: &Record| self.has_endpoint(record) && !record.is_imported();
        let is_retired = |retired: RetiredRecord| {
            self.is_endpoint(&retired.endpoint) && retired.fingerprint.is_some()
        };
        if document.registrations.iter().any(is_other) || document.retired().any(is_retired) {
            RegisterReason::Changed
        } else {
            RegisterReason::NoRecord
        }
    }

    /// Returns the retired clients of this endpoint with this metadata, newest first.
    fn retired(&self, document: &Document) -> impl Iterator<Item = RetiredRecord> {
        let digest = Fingerprint::of(&self.metadata).digest();
        document.retired().rev().filter(move |retired| {
            self.is_endpoint(&retired.endpoint) && retired.fingerprint.as_ref() == Some(&digest)
        })
    }

    /// Returns whether an expired client is used as it is for now, because its secret and those of
    /// the clients before it had expired when they were saved.
    ///
    /// The clock of this machine is then ahead, or the server is wrong. Every call would register
    /// another client, so the waits between them grow like those after an unknown outcome. A client
    /// that was saved in the future does not count: the clock has been corrected since.
    fn has_to_wait(&self, record: &Record, document: &Document, now: DateTime<Utc>) -> bool {
        if record.saved_at > now || !expires_within(record, Duration::ZERO, record.saved_at) {
            return false;
        }
        let replaced = self
            .retired(document)
            .filter(|retired| retired.reason == RetiredReason::Expired && retired.saved_at <= now);
        let expired = replaced.take_while(|retired| {
            retired.secret_expires_at.is_some_and(|expiry| expiry <= retired.saved_at)
        });
        let wait = intent::wait_after(expired.count());
        now.signed_duration_since(record.saved_at) < wait
    }

    /// Returns whether a client that the server rejects may be replaced without a person.
    ///
    /// It may not if another client was rejected in the last hour. A client that never obtained a
    /// token is replaced once, and only if it is older than an hour, because the server may reject
    /// every client for the same cause.
    #[cfg(feature = "oauth2")]
    pub(super) fn may_be_replaced(
        &self,
        document: &Document,
        client_id: &str,
        now: DateTime<Utc>,
    ) -> bool {
        let matches = self.matcher();
        let age = |at: DateTime<Utc>| now.timestamp().saturating_sub(at.timestamp());
        let mut in_use = document.registrations.iter().filter(|record| matches(record));
        let unproven = in_use
            .find(|record| record.client.client_id == client_id && !record.has_obtained_token);
        let is_replacement = self
            .retired(document)
            .next()
            .is_some_and(|previous| previous.reason == RetiredReason::Rejected);
        let was_recently_rejected = self.retired(document).any(|retired| {
            retired.client_id != client_id
                && retired.reason == RetiredReason::Rejected
                && (0..HOUR).contains(&age(retired.at))
        });
        let is_proven =
            unproven.is_none_or(|record| !is_replacement && age(record.saved_at) >= HOUR);
        is_proven && !was_recently_rejected
    }

    /// Returns a predicate for the records whose secrets [`find`](Self::find) may return.
    pub(super) fn needs_secrets(&self) -> impl Fn(&Record) -> bool {
        let matches = self.matcher();
        move |record| matches(record) || (self.has_endpoint(record) && record.is_imported())
    }

    /// Returns a text of bounded size that identifies the endpoint and the metadata.
    pub(super) fn key(&self) -> String {
        format!("{:.300} {}", self.endpoint, Fingerprint::of(&self.metadata).digest())
    }

    /// Returns the names of the members in which the metadata differ from those of the newest
    /// client of this endpoint.
    pub(super) fn differences(&self, document: &Document) -> Vec<String> {
        let newest_first = document.registrations.iter().rev();
        let other = newest_first
            .filter(|record| self.has_endpoint(record))
            .find_map(|record| record.requested.as_ref());
        other.map_or_else(Vec::new, |other| {
            Fingerprint::of(&self.metadata).differences(&Fingerprint::of(other))
        })
    }

    pub(super) fn has_endpoint(&self, record: &Record) -> bool {
        self.is_endpoint(&record.endpoint)
    }

    pub(super) fn is_endpoint(&self, endpoint: &str) -> bool {
        url::is_same_endpoint(endpoint, &self.endpoint)
    }

    /// Returns an error if the client of this record must not be used at the server of this query.
    fn check_server(&self, record: &Record) -> Result<(), String> {
        let Some(server) = &self.server else { return Ok(()) };
        check_server(&record.endpoint, record.server.as_ref(), server)
    }

    /// Returns the error of a client that would be used, but belongs to another server.
    fn of_other_server(&self, document: &Document) -> Option<Unusable> {
        let requests_same = self.same_request();
        let record = document.registrations.iter().rfind(|record| requests_same(record))?;
        self.other_server(record)
    }

    fn other_server(&self, record: &Record) -> Option<Unusable> {
        let problem = self.check_server(record).err()?;
        Some(Unusable::OtherServer { client_id: record.client.client_id.clone(), problem })
    }

    /// Returns a predicate for the records of this endpoint and server with this metadata. It
    /// computes the fingerprint of the metadata once.
    pub(super) fn matcher(&self) -> impl Fn(&Record) -> bool {
        let requests_same = self.same_request();
        move |record| requests_same(record) && self.check_server(record).is_ok()
    }

    /// Returns a predicate for the records of this endpoint with this metadata, of any server.
    fn same_request(&self) -> impl Fn(&Record) -> bool {
        let fingerprint = Fingerprint::of(&self.metadata);
        move |record| {
            let requested = record.requested.as_ref();
            self.has_endpoint(record)
                && requested.is_some_and(|requested| Fingerprint::of(requested) == fingerprint)
        }
    }

    /// Returns the imported credentials of this endpoint, or why they cannot be used.
    fn find_imported<'a>(
        &self,
        document: &'a Document,
        now: DateTime<Utc>,
    ) -> Option<Result<&'a Record, Unusable>> {
        let is_imported = |record: &&Record| self.has_endpoint(record) && record.is_imported();
        let Some(newest) = document.registrations.iter().rfind(is_imported) else {
            let of_endpoint = |retired: &RetiredRecord| self.is_endpoint(&retired.endpoint);
            let newest = document.retired_imports().rfind(of_endpoint)?;
            let rejected = || Err(Unusable::Rejected(newest.client_id.clone()));
            return newest.is_rejected_import().then(rejected);
        };
        let client = &newest.client;
        if let Some(unusable) = self.other_server(newest) {
            return Some(Err(unusable));
        }
        if let Some(lost) = Unusable::secret_lost(newest) {
            return Some(Err(lost));
        }
        if expires_within(newest, self.renewal_margin, now) {
            return Some(Err(Unusable::Expired(client.client_id.clone())));
        }
        if let Some(uri) = self.missing_redirect_uri(client) {
            let (client_id, uri) = (client.client_id.clone(), uri.to_owned());
            return Some(Err(Unusable::Redirect { client_id, uri }));
        }
        Some(Ok(newest))
    }

    /// Returns a requested redirect URI that `client` lacks. A client without any redirect URI
    /// lacks none, because the person may have entered only its id and secret.
    fn missing_redirect_uri(&self, client: &ClientInformation) -> Option<&str> {
        let registered = &client.metadata.redirect_uris;
        let registered: Vec<_> = registered.iter().map(|uri| url::without_port(uri)).collect();
        let mut requested = self.metadata.redirect_uris.iter();
        let missing = requested.find(|uri| !registered.contains(&url::without_port(uri)))?;
        (!registered.is_empty()).then_some(missing)
    }
}

/// Returns whether a secret expires within `margin`. The margin is at most half the lifetime that the
/// secret had when it was saved: otherwise every call would replace a secret of a short life.
fn expires_within(record: &Record, margin: Duration, now: DateTime<Utc>) -> bool {
    let SecretExpiry::At(expiry) = record.client.client_secret_expires_at else { return false };
    let expiry = expiry.timestamp();
    let lifetime = expiry.saturating_sub(record.saved_at.timestamp()).max(0);
    let margin = i64::try_from(margin.as_secs()).unwrap_or(i64::MAX).min(lifetime / 2);
    record.client.client_secret.is_some() && expiry.saturating_sub(margin) <= now.timestamp()
}
