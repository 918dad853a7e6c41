//! Routes each request to its endpoint, with scripts and records for registrations and token
//! requests. It refuses requests for hosts other than loopback hosts.

use std::collections::VecDeque;

use reqwest::Url;
use wiremock::Request;

use super::{
    authorize, discovery, received::Received, registration, reply::Reply, state::State, token,
};
use crate::{response::ClientInformation, url::is_loopback};

#[derive(Default)]
pub(super) struct Router {
    pub(super) state: State,
    pub(super) registrations: Exchanges,
    pub(super) tokens: Exchanges,
}

/// The replies to come and the requests so far.
#[derive(Default)]
pub(super) struct Exchanges {
    pub(super) script: VecDeque<Reply>,
    pub(super) received: Vec<Received>,
}

impl Router {
    /// Takes the next reply if it drops the connection.
    pub(super) fn drops_connection(&mut self, request: &Request) -> bool {
        let exchanges = self.exchanges(request).filter(|_| is_local(request));
        let Some(Exchanges { script, received }) = exchanges else { return false };
        let drops = script.front().is_some_and(Reply::is_disconnect);
        if drops {
            script.pop_front();
            received.push(Received::new(request, None));
        }
        drops
    }

    pub(super) fn respond(&mut self, request: &Request) -> Reply {
        if !is_local(request) {
            return Reply::text(403, "This server accepts requests for loopback hosts only.");
        }
        let scripted = self.exchanges(request).and_then(|exchanges| exchanges.script.pop_front());
        let scripted = scripted.unwrap_or_else(Reply::registered);
        let reply = scripted.resolve(|| own_reply(request, &mut self.state));
        if let Some(exchanges) = self.exchanges(request) {
            exchanges.received.push(Received::new(request, Some(reply.status)));
            let is_success = (200..=299).contains(&reply.status);
            if is_success && !token::PATHS.contains(&request.url.path()) {
                self.add_registered_client(&reply.body);
            }
        }
        reply
    }

    fn add_registered_client(&mut self, body: &[u8]) {
        if let Ok(client) = ClientInformation::from_json(&String::from_utf8_lossy(body)) {
            self.state.add_client(client);
        }
    }

    /// Unknown paths count as registrations, so that a test notices a wrong URL.
    fn exchanges(&mut self, request: &Request) -> Option<&mut Exchanges> {
        match request.url.path() {
            authorize::PATH
            | discovery::SERVER_METADATA
            | discovery::RESOURCE_METADATA
            | discovery::MCP
            | "/favicon.ico" => None,
            // Discovery tries more than one.
            path if path.starts_with("/.well-known/") => None,
            path if token::PATHS.contains(&path) => Some(&mut self.tokens),
            _ => Some(&mut self.registrations),
        }
    }
}

fn own_reply(request: &Request, state: &mut State) -> Reply {
    match request.url.path() {
        authorize::PATH => authorize::respond(request, state),
        discovery::SERVER_METADATA => discovery::server_metadata(state),
        discovery::RESOURCE_METADATA => discovery::resource_metadata(state),
        discovery::MCP => discovery::mcp(request, state),
        path if token::PATHS.contains(&path) => token::respond(request, state),
        _ => registration::respond(request, state),
    }
}

/// Whether `Host` and `Origin` are loopback hosts. This excludes DNS rebinding and requests from other
/// websites. The host of `request.url` is that of HTTP/2, or of an absolute request target.
fn is_local(request: &Request) -> bool {
    let header = |name| request.headers.get(name).map(|value| value.to_str().unwrap_or_default());
    let host = header("host").map(|host| format!("http://{host}"));
    let urls = [host, header("origin").map(str::to_owned)].into_iter().flatten();
    urls.map(|url| Url::parse(&url).ok())
        .chain([Some(request.url.clone())])
        .all(|url| url.is_some_and(|url| url.host_str().is_some_and(is_loopback)))
}
