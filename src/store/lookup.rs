//! Finds the client of a document that fits a query, or the reason to register a new one. Adding a
//! client to a document is in `insert`.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::{
    document::Document,
    fingerprint::Fingerprint,
    record::Record,
    retired::{RetiredReason, RetiredRecord},
    unusable::Unusable,
};
use crate::{
    metadata::ClientMetadata,
    response::{ClientInformation, SecretExpiry},
    url,
};

/// How long a rejection of another client counts as recent.
#[cfg(feature = "oauth2")]
const RECENT_REJECTION: std::ops::Range<i64> = 0..3600;

/// The client to find: registered at this endpoint with this metadata.
#[derive(Clone, Debug)]
pub(crate) struct Query {
    pub(crate) endpoint: String,
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

/// Why a client has to be registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RegisterReason {
    NoRecord,
    Expired,
    /// The clients of this endpoint have other metadata.
    Changed,
    Rejected,
}

impl RegisterReason {
    /// Returns the name of the reason in spans.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::NoRecord => "no_record",
            Self::Expired => "expired",
            Self::Changed => "changed",
            Self::Rejected => "rejected",
        }
    }
}

impl Query {
    /// Finds the client in `document` as of `now`.
    ///
    /// Registrations with the number `first_new` or a larger one were made while this caller waited.
    /// They are used until they expire, without the renewal margin, because a registration by this
    /// caller would give no newer client.
    pub(super) fn find(&self, document: &Document, now: DateTime<Utc>, first_new: u64) -> Lookup {
        match self.find_imported(document, now) {
            Some(Ok(client)) => return Lookup::Usable(Box::new(client.clone())),
            Some(Err(unusable)) => return Lookup::Unusable(unusable),
            None => {}
        }
        let matches = self.matcher();
        let Some(record) = document.registrations.iter().rfind(|record| matches(record)) else {
            return Lookup::Register(self.reason(document));
        };
        if let Some(lost) = Unusable::secret_lost(record) {
            return Lookup::Unusable(lost);
        }
        let margin = if record.number < first_new { self.renewal_margin } else { Duration::ZERO };
        if expires_within(&record.client, margin, now)
            && !(was_expired_when_saved(record, now) && self.has_replaced_expired(document, now))
        {
            return Lookup::Register(RegisterReason::Expired);
        }
        let mut client = record.client.clone();
        // If the server returned no metadata, assume that it registered what was requested.
        if let Some(requested) = record.requested.as_ref().filter(|_| !client.has_metadata()) {
            client.metadata.redirect_uris.clone_from(&requested.redirect_uris);
        }
        Lookup::Usable(Box::new(client))
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
        let is_retired = |retired: &RetiredRecord| {
            retired.endpoint == self.endpoint && retired.fingerprint.is_some()
        };
        if document.registrations.iter().any(is_other) || document.retired.iter().any(is_retired) {
            RegisterReason::Changed
        } else {
            RegisterReason::NoRecord
        }
    }

    /// Returns the retired clients of this endpoint with this metadata, newest first.
    fn retired<'a>(&self, document: &'a Document) -> impl Iterator<Item = &'a RetiredRecord> {
        let digest = Fingerprint::of(&self.metadata).digest();
        let of_endpoint = |retired: &&RetiredRecord| retired.endpoint == self.endpoint;
        let retired = document.retired.iter().rev().filter(of_endpoint);
        retired.filter(move |retired| retired.fingerprint.as_ref() == Some(&digest))
    }

    /// Returns whether the secret of the previous client had expired when it was saved, too.
    ///
    /// The clock of this machine is then ahead. The newest client is used as it is, because
    /// otherwise every call would register another one.
    fn has_replaced_expired(&self, document: &Document, now: DateTime<Utc>) -> bool {
        self.retired(document).next().is_some_and(|previous| {
            let expired =
                previous.secret_expires_at.is_some_and(|expiry| expiry <= previous.saved_at);
            previous.saved_at <= now && expired
        })
    }

    /// Returns whether another client than `client_id` was rejected for this query in the last
    /// hour.
    #[cfg(feature = "oauth2")]
    pub(super) fn was_recently_rejected(
        &self,
        document: &Document,
        client_id: &str,
        now: DateTime<Utc>,
    ) -> bool {
        self.retired(document).any(|retired| {
            let age = now.timestamp().saturating_sub(retired.at.timestamp());
            retired.client_id != client_id
                && retired.reason == RetiredReason::Rejected
                && RECENT_REJECTION.contains(&age)
        })
    }

    /// Returns a predicate for the records whose secrets [`find`](Self::find) may return.
    pub(super) fn needs_secrets(&self) -> impl Fn(&Record) -> bool {
        let matches = self.matcher();
        move |record| matches(record) || (self.has_endpoint(record) && record.is_imported())
    }

    pub(super) fn has_endpoint(&self, record: &Record) -> bool {
        record.endpoint == self.endpoint
    }

    /// Returns a predicate for the records of this endpoint with this metadata. It computes the
    /// fingerprint of the metadata once.
    pub(super) fn matcher(&self) -> impl Fn(&Record) -> bool {
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
    ) -> Option<Result<&'a ClientInformation, Unusable>> {
        let is_imported = |record: &&Record| self.has_endpoint(record) && record.is_imported();
        let Some(newest) = document.registrations.iter().rfind(is_imported) else {
            let is_imported = |retired: &&RetiredRecord| {
                retired.endpoint == self.endpoint && retired.fingerprint.is_none()
            };
            let newest = document.retired.iter().rfind(is_imported)?;
            let rejected = || Err(Unusable::Rejected(newest.client_id.clone()));
            return newest.is_rejected_import().then(rejected);
        };
        let client = &newest.client;
        if let Some(lost) = Unusable::secret_lost(newest) {
            return Some(Err(lost));
        }
        if expires_within(client, self.renewal_margin, now) {
            return Some(Err(Unusable::Expired(client.client_id.clone())));
        }
        if let Some(uri) = self.missing_redirect_uri(client) {
            let (client_id, uri) = (client.client_id.clone(), uri.to_owned());
            return Some(Err(Unusable::Redirect { client_id, uri }));
        }
        Some(Ok(client))
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

/// Returns whether the secret had expired when the client was saved. A client that was saved in the
/// future does not count: the clock has been corrected since.
fn was_expired_when_saved(record: &Record, now: DateTime<Utc>) -> bool {
    record.saved_at <= now && expires_within(&record.client, Duration::ZERO, record.saved_at)
}

fn expires_within(client: &ClientInformation, margin: Duration, now: DateTime<Utc>) -> bool {
    let SecretExpiry::At(expiry) = client.client_secret_expires_at else { return false };
    let margin = i64::try_from(margin.as_secs()).unwrap_or(i64::MAX);
    client.client_secret.is_some() && expiry.timestamp().saturating_sub(margin) <= now.timestamp()
}
