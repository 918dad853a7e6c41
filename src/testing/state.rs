//! What the server holds, and which of its parts answers.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use wiremock::{Request, ResponseTemplate};

use super::{
    Received, Reply, authorize, credentials::Credentials, discovery, fastapi, ledger::Ledger,
    reply::Kind, token,
};

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) base_url: String,
    pub(super) script: VecDeque<Reply>,
    pub(super) received: Vec<Received>,
    pub(super) token_script: VecDeque<Reply>,
    pub(super) token_received: Vec<Received>,
    pub(super) credentials: Credentials,
    pub(super) ledger: Ledger,
}

pub(super) fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Which of the server's parts a path belongs to.
enum Endpoint {
    /// All that is not below, so that a program that asks elsewhere is noticed.
    Registration,
    Token,
    Authorization,
    ServerMetadata,
    ResourceMetadata,
    Mcp,
    /// What browsers ask for by themselves.
    Icon,
}

impl Endpoint {
    fn of(request: &Request) -> Self {
        match request.url.path() {
            path if token::PATHS.contains(&path) => Self::Token,
            authorize::PATH => Self::Authorization,
            discovery::SERVER_METADATA => Self::ServerMetadata,
            discovery::RESOURCE_METADATA => Self::ResourceMetadata,
            discovery::MCP => Self::Mcp,
            "/favicon.ico" => Self::Icon,
            _ => Self::Registration,
        }
    }
}

impl State {
    pub(super) fn new(base_url: String) -> Self {
        Self { base_url, ..Self::default() }
    }

    /// Takes the next reply if it is to drop the connection.
    pub(super) fn drops_connection(&mut self, request: &Request) -> bool {
        let (script, received, entry) = match Endpoint::of(request) {
            Endpoint::Registration => {
                (&mut self.script, &mut self.received, Received::new(request, None))
            }
            Endpoint::Token => {
                let entry = Received::at_token_endpoint(request, None);
                (&mut self.token_script, &mut self.token_received, entry)
            }
            _ => return false,
        };
        let is_next = matches!(script.front(), Some(Reply { kind: Kind::Disconnect, .. }));
        if is_next {
            script.pop_front();
            received.push(entry);
        }
        is_next
    }

    pub(super) fn answer(&mut self, request: &Request) -> ResponseTemplate {
        let answer = match Endpoint::of(request) {
            Endpoint::Registration => {
                let reply = self.script.pop_front().unwrap_or_else(Reply::registered);
                let (status, body, template) =
                    reply.template(|| fastapi::answer(request, &mut self.credentials));
                self.received.push(Received::new(request, Some(status)));
                if (200..=299).contains(&status) {
                    self.ledger.read(&body);
                }
                return template;
            }
            Endpoint::Token => {
                let reply = self.token_script.pop_front().unwrap_or_else(Reply::issued);
                let (status, _, template) = reply.template(|| token::answer(request, self));
                self.token_received.push(Received::at_token_endpoint(request, Some(status)));
                return template;
            }
            Endpoint::Authorization => return authorize::answer(request, self),
            Endpoint::ServerMetadata => discovery::server_metadata(request, &self.base_url),
            Endpoint::ResourceMetadata => discovery::resource_metadata(request, &self.base_url),
            Endpoint::Mcp => discovery::mcp(request, self),
            Endpoint::Icon => fastapi::Answer::not_found(),
        };
        Reply::issued().template(|| answer).2
    }
}
