//! A loopback redirect URI: reading it, and binding the sockets of its host. What is received on
//! them is not here.

use std::{
    future::poll_fn,
    io::{self, ErrorKind},
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    task::Poll,
    time::Duration,
};

use fluent_uri::Uri;
use reqwest::Url;
use tokio::{
    net::{TcpListener, TcpStream},
    time::sleep,
};

use crate::{
    oauth::error::{OAuthError, OAuthErrorKind},
    url::is_loopback,
};

/// How often another port is tried if the system's choice for IPv4 is in use on IPv6.
const ATTEMPTS: usize = 8;

/// A redirect URI whose host is a loopback one.
#[derive(Clone, Debug)]
pub(super) struct LoopbackUri {
    uri: String,
    host: String,
    port: u16,
    /// The path and query as given.
    target: String,
    /// The path that a browser requests.
    path: String,
}

/// The sockets of one redirect URI: one, or for `localhost` one of each IP version.
#[derive(Debug)]
pub(super) struct Sockets(Vec<TcpListener>);

impl LoopbackUri {
    pub(super) fn parse(uri: &str) -> Result<Self, OAuthError> {
        let invalid = |problem: &str| {
            listen_error(format!(
                "{uri:?}: the redirect URI {problem}; use one such as http://127.0.0.1:0/callback"
            ))
        };
        let parsed =
            Uri::parse(uri).map_err(|error| invalid(&format!("is malformed ({error})")))?;
        let is_http = parsed.scheme().as_str().eq_ignore_ascii_case("http");
        let Some(authority) = parsed.authority().filter(|_| is_http) else {
            return Err(invalid("does not begin with http://"));
        };
        let host = authority.host();
        if !is_loopback(host) {
            return Err(invalid("has a host other than localhost or a loopback address"));
        }
        if authority.has_userinfo() {
            return Err(invalid("has a user name"));
        }
        if parsed.has_fragment() {
            return Err(invalid("has a fragment (RFC 6749 section 3.1.2)"));
        }
        let port = authority.port_to_u16().map_err(|_| invalid("has a port above 65535"))?;
        let path = Url::parse(uri).map_err(|error| invalid(&format!("is malformed ({error})")))?;
        let query = parsed.query().map(|query| format!("?{query}")).unwrap_or_default();
        Ok(Self {
            uri: uri.to_owned(),
            host: host.to_owned(),
            port: port.unwrap_or(0),
            target: format!("{}{query}", parsed.path()),
            path: path.path().to_owned(),
        })
    }

    /// Returns this URI with another port; unchanged if it has that port already, because servers
    /// compare redirect URIs as strings.
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

    /// Binds every address of the host, and returns the port that was bound.
    pub(super) async fn bind(&self) -> io::Result<(Sockets, u16)> {
        let mut attempts = 1;
        loop {
            match self.bind_once().await {
                Err(error) if is_in_use(&error) && self.port == 0 && attempts < ATTEMPTS => {
                    attempts += 1;
                }
                result => return result,
            }
        }
    }

    async fn bind_once(&self) -> io::Result<(Sockets, u16)> {
        let mut port = self.port;
        let mut sockets = Vec::new();
        let mut missing = io::Error::from(ErrorKind::AddrNotAvailable);
        for address in self.addresses() {
            match TcpListener::bind((address, port)).await {
                Ok(socket) => {
                    port = socket.local_addr()?.port();
                    sockets.push(socket);
                }
                // A browser may resolve `localhost` to the address that another program listens on.
                Err(error) if is_in_use(&error) || is_denied(&error) => return Err(error),
                Err(error) => missing = error,
            }
        }
        if sockets.is_empty() { Err(missing) } else { Ok((Sockets(sockets), port)) }
    }

    fn addresses(&self) -> Vec<IpAddr> {
        let bare = self.host.trim_start_matches('[').trim_end_matches(']');
        match bare.parse() {
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
                // The peer has gone, or this process has too many files open.
                Err(_) => sleep(Duration::from_millis(50)).await,
            }
        }
    }
}

pub(super) fn is_in_use(error: &io::Error) -> bool {
    // Windows reserves ranges of ports.
    error.kind() == ErrorKind::AddrInUse || (cfg!(windows) && is_denied(error))
}

fn is_denied(error: &io::Error) -> bool {
    error.kind() == ErrorKind::PermissionDenied
}

pub(super) fn bind_error(uri: &LoopbackUri, error: &io::Error) -> OAuthError {
    let uri = uri.as_str();
    listen_error(if is_in_use(error) {
        format!("{uri}: the port is in use; end the other program or use port 0")
    } else if is_denied(error) {
        format!("{uri}: permission to use the port was denied; use a port above 1023 or port 0")
    } else if error.kind() == ErrorKind::AddrNotAvailable {
        format!("{uri}: this machine does not have the address; use 127.0.0.1")
    } else {
        format!("{uri}: cannot listen for the callback ({error}); use another address or port")
    })
}

/// The one constructor of this module's errors.
pub(super) fn listen_error(problem: String) -> OAuthError {
    OAuthError::new(OAuthErrorKind::Listener, problem)
}
