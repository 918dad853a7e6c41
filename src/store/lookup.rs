//! Which of the kept registrations answers what is asked, and why one is not enough.

use std::{fmt, time::Duration};

use chrono::{DateTime, Utc};

use super::{document::Document, fingerprint::Fingerprint, record::Record, retired::RetiredReason};
use crate::{
    error::{StoreError, StoreErrorKind},
    metadata::ClientMetadata,
    response::{ClientInformation, SecretExpiry},
    secret::ClientSecret,
    url,
};

/// What is looked for: a client of this endpoint, registered for this.
#[derive(Clone, Debug)]
pub(crate) struct Query {
    pub(crate) endpoint: String,
    pub(crate) metadata: ClientMetadata,
    /// How long before its end a secret counts as expired.
    pub(crate) margin: Duration,
}

/// What a document has for it.
#[derive(Debug)]
pub(crate) enum Lookup {
    Usable(Box<ClientInformation>),
    /// Nothing; a new client has to be registered.
    Nothing(RegisterReason),
    /// A client that cannot be used, and that nothing replaces by itself.
    Refused(Unusable),
}

/// Why a client has to be registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RegisterReason {
    NoRecord,
    Expired,
    Changed,
    Rejected,
}

/// Why a client cannot be used: one that a person entered, but for the last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Unusable {
    Expired(String),
    Rejected(String),
    Redirect {
        client_id: String,
        uri: String,
    },
    /// Its secrets are not in the entry of the keyring where they were put.
    Lost {
        client_id: String,
        entry: String,
    },
}

impl Query {
    /// Looks for a client in `document`, as of `now`. Of its registrations, those from `known` on
    /// are new: registered while this caller waited, and so as good as its own would be.
    pub(crate) fn find(&self, document: &Document, now: DateTime<Utc>, known: usize) -> Lookup {
        match self.imported(document, now) {
            Some(Ok(client)) => return Lookup::Usable(Box::new(client.clone())),
            Some(Err(problem)) => return Lookup::Refused(problem),
            None => {}
        }
        let fingerprint = Fingerprint::of(&self.metadata);
        let kept = document.registrations.iter().enumerate().rev();
        let here = || kept.clone().filter(|(_, kept)| self.is_here(kept));
        let mut same = here().filter(|(_, kept)| is_for(kept, &fingerprint));
        let Some((index, newest)) = same.next() else {
            let is_asked_otherwise = here().any(|(_, kept)| !kept.is_imported());
            return Lookup::Nothing(if is_asked_otherwise {
                RegisterReason::Changed
            } else {
                RegisterReason::NoRecord
            });
        };
        match newest.retired.map(|retired| retired.reason) {
            None => {}
            Some(RetiredReason::Rejected) => return Lookup::Nothing(RegisterReason::Rejected),
            Some(_) => return Lookup::Nothing(RegisterReason::NoRecord),
        }
        if let Some(lost) = Unusable::lost(newest) {
            return Lookup::Refused(lost);
        }
        let margin = if index < known { self.margin } else { Duration::ZERO };
        if is_expired(newest, same.next().map(|(_, before)| before), margin, now) {
            return Lookup::Nothing(RegisterReason::Expired);
        }
        let mut client = newest.client.clone();
        // What the server did not state is what was asked, as far as anyone knows.
        if let Some(asked) = newest.requested.as_ref().filter(|_| !client.has_metadata()) {
            client.metadata.redirect_uris.clone_from(&asked.redirect_uris);
        }
        Lookup::Usable(Box::new(client))
    }

    /// Puts in a client that was registered earlier; returns whether it was not there yet.
    pub(crate) fn keep(
        &self,
        document: &mut Document,
        client: &ClientInformation,
        now: DateTime<Utc>,
    ) -> bool {
        if self.has(document, client) {
            return false;
        }
        match self.find(document, now, usize::MAX) {
            Lookup::Usable(_) => self.put_lost_race(document, client.clone()),
            Lookup::Nothing(_) | Lookup::Refused(_) => self.put(document, client.clone()),
        }
        true
    }

    /// Puts a new client in, in use from now on; what it replaces becomes history.
    pub(super) fn put(&self, document: &mut Document, client: ClientInformation) {
        let answers = self.answers();
        for kept in document.registrations.iter_mut().filter(|kept| kept.is_live()) {
            if answers(kept) {
                kept.retire(RetiredReason::Expired);
            } else if self.is_here(kept) && kept.client.client_id == client.client_id {
                // The server gave the same client a new secret.
                kept.retire(RetiredReason::Replaced);
            }
        }
        let kept = Record::new(&self.endpoint, Some(&self.metadata), client);
        document.registrations.push(kept);
    }

    /// Puts a client in as history: another is used in its place.
    pub(super) fn put_lost_race(&self, document: &mut Document, client: ClientInformation) {
        let mut kept = Record::new(&self.endpoint, Some(&self.metadata), client);
        kept.retire(RetiredReason::LostRace);
        // Before the one in use: the newest of an asking stays the one that counts.
        let place = document.registrations.iter().rposition(self.answers());
        let place = place.unwrap_or(document.registrations.len());
        document.registrations.insert(place, kept);
    }

    /// Whether another client for this than that one was given up, because the server no longer
    /// accepted it, less than an hour ago.
    #[cfg(feature = "oauth2")]
    pub(crate) fn was_rejected_lately(
        &self,
        document: &Document,
        client_id: &str,
        now: DateTime<Utc>,
    ) -> bool {
        let answers = self.answers();
        let mut retired = document
            .registrations
            .iter()
            .filter(|kept| answers(kept) && kept.client.client_id != client_id)
            .filter_map(|kept| kept.retired);
        retired.any(|retired| {
            let ago = now.timestamp().saturating_sub(retired.at.timestamp());
            retired.reason == RetiredReason::Rejected && (0..3600).contains(&ago)
        })
    }

    /// Whether this very client is in there, in use or put in as history; one that was given up does
    /// not count: the server may have registered the same again.
    pub(super) fn has(&self, document: &Document, client: &ClientInformation) -> bool {
        let was_put = |kept: &&Record| {
            kept.retired.is_none_or(|retired| retired.reason == RetiredReason::LostRace)
        };
        document.registrations.iter().filter(|kept| self.is_here(kept)).filter(was_put).any(
            |kept| {
                kept.client.client_id == client.client_id && secret(&kept.client) == secret(client)
            },
        )
    }

    fn is_here(&self, kept: &Record) -> bool {
        kept.endpoint == self.endpoint
    }

    /// What tells whether a registration was for this.
    fn answers(&self) -> impl Fn(&Record) -> bool {
        let fingerprint = Fingerprint::of(&self.metadata);
        move |kept| self.is_here(kept) && is_for(kept, &fingerprint)
    }

    /// The credentials that a person entered for this endpoint, or why they cannot be used.
    fn imported<'a>(
        &self,
        document: &'a Document,
        now: DateTime<Utc>,
    ) -> Option<Result<&'a ClientInformation, Unusable>> {
        let mut imported = document.registrations.iter().rev();
        let newest = imported.find(|kept| self.is_here(kept) && kept.is_imported())?;
        let client = &newest.client;
        match newest.retired.map(|retired| retired.reason) {
            None => {}
            Some(RetiredReason::Rejected) => {
                return Some(Err(Unusable::Rejected(client.client_id.clone())));
            }
            Some(_) => return None,
        }
        if let Some(lost) = Unusable::lost(newest) {
            return Some(Err(lost));
        }
        if expires_within(client, self.margin, now) {
            return Some(Err(Unusable::Expired(client.client_id.clone())));
        }
        if let Some(uri) = self.missing_redirect(client) {
            let (client_id, uri) = (client.client_id.clone(), uri.to_owned());
            return Some(Err(Unusable::Redirect { client_id, uri }));
        }
        Some(Ok(client))
    }

    /// A redirect URI that is asked for and that `client`, which states some, does not have.
    fn missing_redirect(&self, client: &ClientInformation) -> Option<&str> {
        let stated = &client.metadata.redirect_uris;
        let stated: Vec<_> = stated.iter().map(|uri| url::without_port(uri)).collect();
        let mut asked = self.metadata.redirect_uris.iter();
        let missing = asked.find(|uri| !stated.contains(&url::without_port(uri)))?;
        (!stated.is_empty()).then_some(missing)
    }
}

/// Whether a client's secret has to be renewed.
///
/// One that had expired when it came, as the one before it had, does not: this machine's clock is
/// ahead, and to renew would be to register at every call. Where the clock has been put right since,
/// they came in the future, and what came then is renewed as ever.
fn is_expired(
    kept: &Record,
    before: Option<&Record>,
    margin: Duration,
    now: DateTime<Utc>,
) -> bool {
    let came_expired = |kept: &Record| {
        kept.saved_at <= now && expires_within(&kept.client, Duration::ZERO, kept.saved_at)
    };
    expires_within(&kept.client, margin, now)
        && !(came_expired(kept) && before.is_some_and(came_expired))
}

fn secret(client: &ClientInformation) -> Option<&str> {
    client.client_secret.as_ref().map(ClientSecret::expose)
}

fn is_for(kept: &Record, fingerprint: &Fingerprint) -> bool {
    kept.requested.as_ref().is_some_and(|asked| Fingerprint::of(asked) == *fingerprint)
}

fn expires_within(client: &ClientInformation, margin: Duration, now: DateTime<Utc>) -> bool {
    let SecretExpiry::At(end) = client.client_secret_expires_at else { return false };
    let margin = i64::try_from(margin.as_secs()).unwrap_or(i64::MAX);
    client.client_secret.is_some() && end.timestamp().saturating_sub(margin) <= now.timestamp()
}

impl RegisterReason {
    /// The need as spans record it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::NoRecord => "no_record",
            Self::Expired => "expired",
            Self::Changed => "changed",
            Self::Rejected => "rejected",
        }
    }
}

impl Unusable {
    /// Whether the secrets of a client are lost.
    pub(super) fn lost(kept: &Record) -> Option<Self> {
        let entry = kept.lost_secrets()?.to_owned();
        Some(Self::Lost { client_id: kept.client.client_id.clone(), entry })
    }

    pub(crate) fn at(self, place: &str) -> StoreError {
        let kind = match self {
            Self::Expired(_) | Self::Rejected(_) | Self::Redirect { .. } => {
                StoreErrorKind::ImportedUnusable
            }
            Self::Lost { .. } => StoreErrorKind::SecretLost,
        };
        StoreError::unusable(place, &self).with_kind(kind)
    }
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let entered =
            |id| format!("the client {id:?} was entered by a person and is not replaced by itself");
        match self {
            Self::Expired(id) => {
                write!(f, "{}: its secret has expired, or is about to", entered(id))
            }
            Self::Rejected(id) => {
                write!(f, "{}: the server does not accept it any more", entered(id))
            }
            Self::Redirect { client_id, uri } => {
                write!(f, "{}: it has no redirect URI {uri:?}", entered(client_id))
            }
            Self::Lost { client_id, entry } => write!(
                f,
                "the secret of the client {client_id:?} is not in the system keyring any more, \
                 where it was the entry {entry:?} of the service \"poggio\""
            ),
        }
    }
}
