//! Parses a loopback redirect URI and binds the sockets of its host. `connection` serves what they
//! accept.

use std::{
    future::poll_fn,
    io::{self, ErrorKind},
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    task::Poll,
    time::Duration,
};

use iri_string::types::UriStr;
use reqwest::Url;
use tokio::{
    net::{TcpListener, TcpStream},
    time::sleep,
};

use crate::{
    oauth::error::{OAuthError, OAuthErrorKind},
    url::{self, is_loopback},
};

/// How many ports to try if the system's choice for IPv4 is in use on IPv6.
const BIND_ATTEMPTS: usize = 8;

/// A redirect URI with a loopback host.
#[derive(Clone, Debug)]
pub(super) struct LoopbackUri {
    uri: String,
    host: String,
    port: u16,
    /// The path and query, as the caller wrote them.
    target: String,
    /// The path as a browser requests it, normalized.
    path: String,
}

/// The sockets of one redirect URI: one, or two for `localhost` (IPv4 and IPv6).
#[derive(Debug)]
pub(super) struct Sockets(Vec<TcpListener>);

impl LoopbackUri {
    pub(super) fn parse(uri: &str) -> Result<Self, OAuthError> {
        let invalid = |problem: &str| {
            listener_error(format!(
                "{uri:?}: the redirect URI {problem}; use one such as http://127.0.0.1:0/callback"
            ))
        };
        let parsed = UriStr::new(uri).map_err(|_| invalid("is malformed (RFC 3986)"))?;
        let is_http = parsed.scheme_str().eq_ignore_ascii_case("http");
        let Some(authority) = parsed.authority_components().filter(|_| is_http) else {
            return Err(invalid("does not begin with http://"));
        };
        let host = authority.host();
        if !is_loopback(host) {
            return Err(invalid("has a host other than localhost or a loopback address"));
        }
        if authority.userinfo().is_some() {
            return Err(invalid("has a user name"));
        }
        if parsed.fragment_str().is_some() {
            return Err(invalid("has a fragment (RFC 6749 section 3.1.2)"));
        }
        let port = url::port(&authority).map_err(|_| invalid("has a port above 65535"))?;
        let url = Url::parse(uri).map_err(|error| invalid(&format!("is malformed ({error})")))?;
        let query = parsed.query_str().map(|query| format!("?{query}")).unwrap_or_default();
        Ok(Self {
            uri: uri.to_owned(),
            host: host.to_owned(),
            port: port.unwrap_or(0),
            target: format!("{}{query}", parsed.path_str()),
            path: url.path().to_owned(),
        })
    }

    /// Returns this URI with another port. A URI that has the port already stays as it is written,
    /// because servers compare redirect URIs as strings.
    pub(super) fn with_port(mut self, port: u16) -> Self {
        if self.port != port {
            self.uri = format!("http://{}:{port}{}", self.host, self.target);
            self.port = port;
        }
        self
    }

    /// Returns this URI with the query of a request.
    pub(super) fn with_query(&self, query: &str) -> String {
        let base = self.uri.split('?').next().unwrap_or_default();
        format!("{base}?{query}")
    }

    pub(super) fn as_str(&self) -> &str {
        &self.uri
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// Binds every address of the host; returns the sockets and their port.
    pub(super) async fn bind(&self) -> io::Result<(Sockets, u16)> {
        let mut attempts = 1;
        loop {
            match self.bind_once().await {
                Err(error) if is_in_use(&error) && self.port == 0 && attempts < BIND_ATTEMPTS => {
                    attempts += 1;
                }
                result => return result,
            }
        }
    }

    async fn bind_once(&self) -> io::Result<(Sockets, u16)> {
        let mut port = self.port;
        let mut sockets = Vec::new();
        let mut unavailable = io::Error::from(ErrorKind::AddrNotAvailable);
        for address in self.addresses() {
            match TcpListener::bind((address, port)).await {
                Ok(socket) => {
                    port = socket.local_addr()?.port();
                    sockets.push(socket);
                }
                // A browser may resolve `localhost` to the address that another program listens on.
                Err(error) if is_in_use(&error) || is_denied(&error) => return Err(error),
                Err(error) => unavailable = error,
            }
        }
        if sockets.is_empty() { Err(unavailable) } else { Ok((Sockets(sockets), port)) }
    }

    fn addresses(&self) -> Vec<IpAddr> {
        match self.host.trim_matches(['[', ']']).parse() {
            Ok(address) => vec![address],
            Err(_) => vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()],
        }
    }
}

impl Sockets {
    pub(super) async fn accept(&self) -> TcpStream {
        loop {
            let accepted = poll_fn(|context| {
                let mut polls = self.0.iter().map(|socket| socket.poll_accept(context));
                polls.find(Poll::is_ready).unwrap_or(Poll::Pending)
            });
            match accepted.await {
                Ok((stream, _)) => return stream,
                // The peer is gone, or this process has too many open files.
                Err(_) => sleep(Duration::from_millis(50)).await,
            }
        }
    }
}

pub(super) fn is_in_use(error: &io::Error) -> bool {
    // Windows denies permission for the ranges of ports that it reserves.
    error.kind() == ErrorKind::AddrInUse || (cfg!(windows) && is_denied(error))
}

fn is_denied(error: &io::Error) -> bool {
    error.kind() == ErrorKind::PermissionDenied
}

pub(super) fn bind_error(uri: &LoopbackUri, error: &io::Error) -> OAuthError {
    let uri = uri.as_str();
    listener_error(if is_in_use(error) {
        format!("{uri}: the port is in use; stop the other program or use port 0")
    } else if is_denied(error) {
        format!("{uri}: permission to use the port was denied; use a port above 1023 or port 0")
    } else if error.kind() == ErrorKind::AddrNotAvailable {
        format!("{uri}: this machine does not have the address; use 127.0.0.1")
    } else {
        format!("{uri}: the address cannot be bound ({error}); use another address or port")
    })
}

pub(super) fn listener_error(problem: String) -> OAuthError {
    OAuthError::new(OAuthErrorKind::Listener, problem)
}
