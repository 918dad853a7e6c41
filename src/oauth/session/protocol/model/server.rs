//! The requests of the model: what the server does with them, and what must not be sent.

use chrono::TimeDelta;

use super::{
    host::{Next, Response, key},
    world::World,
};
use crate::{oauth::session::document::Entry, store::now};

impl World {
    /// The request arrives at the server.
    pub(super) fn send(&self, i: usize, entry: Option<&Entry>, all: &mut Vec<Self>) {
        let is_login = self.hosts[i].is_login();
        let refresh_token = entry.filter(|_| !is_login).map(|entry| {
            entry
                .refresh_token
                .as_ref()
                .expect("a request needs a refresh token")
                .expose()
                .to_owned()
        });
        let mut sent = self.clone();
        if let Some(token) = &refresh_token {
            self.check_request(token);
            sent.sent.push(token.clone());
        }
        let respond = |world: &Self, response: Response| {
            world.step(i, |_, host| host.next = Next::Response(refresh_token.clone(), response))
        };
        if self.faults.refusals > 0 {
            let mut refused = sent.clone();
            refused.faults.refusals -= 1;
            all.push(respond(&refused, Response::Failure));
        }
        if self.faults.lost > 0 {
            let mut lost = sent.clone();
            lost.faults.lost -= 1;
            all.push(respond(&lost, Response::Failure));
        }
        if self.faults.ended > 0 && !is_login {
            let mut ended = sent.clone();
            ended.faults.ended -= 1;
            (ended.has_ended, ended.valid) = (true, Vec::new());
            all.push(respond(&ended, Response::InvalidGrant));
        }
        let used = entry.filter(|_| !is_login).map(number);
        if let Some(used) = used
            && !sent.valid.contains(&used)
        {
            if sent.faults.revokes_reused {
                let logins = sent.logins.clone();
                sent.valid.retain(|number| logins[*number] != logins[used]);
            }
            all.push(respond(&sent, Response::InvalidGrant));
            return;
        }
        let new = sent.logins.len();
        sent.logins.push(used.map_or(new, |used| sent.logins[used]));
        sent.valid.retain(|number| Some(*number) != used);
        sent.valid.push(new);
        all.push(respond(&sent, Response::Token(token(new, false))));
        if sent.faults.expired > 0 {
            let mut expired = sent.clone();
            expired.faults.expired -= 1;
            all.push(respond(&expired, Response::Token(token(new, true))));
        }
        if sent.faults.lost > 0 {
            sent.faults.lost -= 1;
            sent.is_unsaved_lost = true;
            all.push(respond(&sent, Response::Failure));
        }
    }

    /// Two requests with one refresh token are possible only after a claim has expired whose owner was
    /// alive, or if the new token was not saved when the second request was allowed.
    fn check_request(&self, token: &str) {
        if self.was_slow {
            return;
        }
        let is_sending = self
            .hosts
            .iter()
            .any(|host| matches!(&host.next, Next::Response(Some(sent), _) if sent == token));
        assert!(!is_sending, "two requests at the same time: {token}");
        if let Some(host) = self.responded.get(token) {
            let host = &self.hosts[*host];
            let is_excused = matches!(host.next, Next::Crashed) || host.has_failed;
            assert!(is_excused, "a request after a response: {token}: {}", self.hosts[0].key);
        }
    }

    pub(super) fn receive(&self, i: usize) -> Self {
        self.step(i, |world, host| {
            let Next::Response(sent, response) = host.next.clone() else { panic!() };
            if let (Some(sent), Response::Token(_) | Response::InvalidGrant) = (sent, &response) {
                world.responded.insert(sent, i);
            }
            host.has_received |= matches!(response, Response::Token(_));
            let step = match response {
                Response::Token(entry) => host.protocol.on_token(entry),
                Response::InvalidGrant => host.protocol.on_invalid_grant(),
                Response::Failure => host.protocol.on_failed(),
            };
            host.set_next(step);
        })
    }
}

/// Returns the number of a token, which names it.
pub(super) fn number(entry: &Entry) -> usize {
    entry.access_token().expose()[1..].parse().unwrap()
}

pub(super) fn token(number: usize, is_expired: bool) -> Entry {
    let json = format!(
        r#"{{"access_token":"a{number}","refresh_token":"r{number}","token_type":"bearer","expires_in":3600}}"#
    );
    let age = TimeDelta::hours(if is_expired { 2 } else { 0 });
    let response = serde_json::from_str(&json).unwrap();
    Entry::new(key(), "client", &response, &[], None, now() - age)
}
