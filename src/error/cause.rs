//! The class of cause of a failed connection, in this crate's words.
//!
//! It is read from the types in the chain of sources. Text is read only if the type is private or belongs
//! to the platform's TLS library.

use std::{error::Error, fmt, io};

/// Why a connection could not be established, or broke.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cause {
    class: Class,
    /// Whether the connection to a proxy failed, or the proxy's own connection.
    is_proxy: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    NameNotFound,
    Refused,
    Reset,
    Closed,
    Unreachable,
    Denied,
    TimedOut,
    CertificateExpired,
    CertificateNotYetValid,
    CertificateForAnotherName,
    CertificateOfUnknownIssuer,
    CertificateInvalid,
    NotTls,
    NoCommonTls,
    #[cfg(feature = "rustls")]
    TlsFailed,
    TlsUnsupported,
    NotHttp,
    ProxyAuthentication,
    ProxyRefused,
    ProxyScheme,
}

impl Cause {
    /// Returns the cause, or `None` if it belongs to no class.
    pub(super) fn of(error: &reqwest::Error) -> Option<Self> {
        let is_proxy = chain(error).any(|cause| cause.to_string().starts_with("tunnel error"));
        let class = if error.is_dns() {
            Class::NameNotFound
        } else {
            let class = chain(error).find_map(Class::of);
            class.or_else(|| error.is_timeout().then_some(Class::TimedOut))?
        };
        Some(Self { class, is_proxy })
    }

    pub(super) fn is_proxy(self) -> bool {
        self.is_proxy
    }

    /// Returns what to do before the next request.
    pub(super) fn help(self) -> &'static str {
        match self.class {
            Class::ProxyAuthentication => "add a user name and a password to the proxy's URL",
            Class::ProxyScheme => "use a proxy whose URL begins with http:// or https://",
            _ if self.is_proxy => "check the proxy's URL, and that the proxy allows this host",
            Class::NameNotFound => "check the host name and the DNS settings, then try again",
            Class::Refused => "check the port, and that the server is running, then try again",
            Class::CertificateExpired | Class::CertificateNotYetValid => {
                "check the clock of this machine; if it is right, the server needs a new certificate"
            }
            Class::CertificateForAnotherName => "check the host name in the URL",
            Class::CertificateOfUnknownIssuer => {
                "install the CA certificates of this system, or add the issuer to the client given \
                 to http_client"
            }
            Class::CertificateInvalid => "ask the server's operator for a valid certificate",
            Class::NotTls => "check the port, and whether the URL begins with https",
            Class::NoCommonTls => "the server has to support TLS 1.2 or 1.3",
            Class::TlsUnsupported => "build the client given to http_client with TLS",
            Class::NotHttp => "check the port",
            _ => "check the network and the firewall, then try again",
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.class {
            Class::NameNotFound => "the host name was not found",
            Class::Refused => "the connection was refused",
            Class::Reset => "the connection was reset",
            Class::Closed => "the connection was closed",
            Class::Unreachable => "the network or the host cannot be reached",
            Class::Denied => "this system denied the connection",
            Class::TimedOut => "connecting timed out",
            Class::CertificateExpired => "the certificate has expired",
            Class::CertificateNotYetValid => "the certificate is not yet valid",
            Class::CertificateForAnotherName => "the certificate is for another host name",
            Class::CertificateOfUnknownIssuer => "the issuer of the certificate is unknown",
            Class::CertificateInvalid => "the certificate is invalid",
            Class::NotTls => "this port does not speak TLS",
            Class::NoCommonTls => "there is no common TLS version or cipher",
            #[cfg(feature = "rustls")]
            Class::TlsFailed => "the TLS handshake failed",
            Class::TlsUnsupported => "the HTTP client does not support https",
            Class::NotHttp => "the response is not HTTP",
            Class::ProxyAuthentication => "the proxy requires authentication",
            Class::ProxyRefused => "the proxy refused to connect",
            Class::ProxyScheme => "the scheme of the proxy's URL is not supported",
        })
    }
}

impl Class {
    /// Returns the class of one error in the chain.
    fn of(error: &(dyn Error + 'static)) -> Option<Self> {
        if let Some(error) = error.downcast_ref::<hyper::Error>() {
            return Self::of_hyper(error);
        }
        #[cfg(feature = "rustls")]
        if let Some(error) = error.downcast_ref::<rustls::Error>() {
            return Some(Self::of_rustls(error));
        }
        match error.downcast_ref::<io::Error>() {
            // The error inside is next in the chain.
            Some(error) if error.get_ref().is_some() => None,
            Some(error) => Self::of_io(error.kind()),
            None => Self::of_text(&error.to_string().to_lowercase()),
        }
    }

    fn of_hyper(error: &hyper::Error) -> Option<Self> {
        if error.is_parse() {
            Some(Self::NotHttp)
        } else if error.is_incomplete_message() {
            Some(Self::Closed)
        } else {
            None
        }
    }

    fn of_io(kind: io::ErrorKind) -> Option<Self> {
        Some(match kind {
            io::ErrorKind::ConnectionRefused => Self::Refused,
            io::ErrorKind::ConnectionReset => Self::Reset,
            io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::NotConnected
            | io::ErrorKind::UnexpectedEof => Self::Closed,
            io::ErrorKind::HostUnreachable
            | io::ErrorKind::NetworkUnreachable
            | io::ErrorKind::NetworkDown
            | io::ErrorKind::AddrNotAvailable => Self::Unreachable,
            io::ErrorKind::PermissionDenied => Self::Denied,
            io::ErrorKind::TimedOut => Self::TimedOut,
            _ => return None,
        })
    }

    #[cfg(feature = "rustls")]
    fn of_rustls(error: &rustls::Error) -> Self {
        use rustls::{AlertDescription as Alert, CertificateError as Certificate, Error};
        match error {
            Error::InvalidCertificate(error) => match error {
                Certificate::Expired | Certificate::ExpiredContext { .. } => {
                    Self::CertificateExpired
                }
                Certificate::NotValidYet | Certificate::NotValidYetContext { .. } => {
                    Self::CertificateNotYetValid
                }
                Certificate::NotValidForName | Certificate::NotValidForNameContext { .. } => {
                    Self::CertificateForAnotherName
                }
                Certificate::UnknownIssuer => Self::CertificateOfUnknownIssuer,
                _ => Self::CertificateInvalid,
            },
            Error::InvalidMessage(_) => Self::NotTls,
            Error::PeerIncompatible(_)
            | Error::AlertReceived(
                Alert::ProtocolVersion | Alert::HandshakeFailure | Alert::InsufficientSecurity,
            ) => Self::NoCommonTls,
            _ => Self::TlsFailed,
        }
    }

    /// Reads the lowercase text of errors without a public type: those of OpenSSL and of proxies.
    fn of_text(text: &str) -> Option<Self> {
        const TEXTS: [(&str, Class); 21] = [
            ("tunnel error: proxy authorization required", Class::ProxyAuthentication),
            ("tunnel error: unsuccessful", Class::ProxyRefused),
            ("tunnel error: unexpected end of file", Class::Closed),
            ("tunnel error: proxy response headers too long", Class::NotHttp),
            ("unsupported scheme", Class::ProxyScheme),
            ("scheme is not http", Class::TlsUnsupported),
            ("certificate has expired", Class::CertificateExpired),
            ("certificate is not yet valid", Class::CertificateNotYetValid),
            ("hostname mismatch", Class::CertificateForAnotherName),
            ("ip address mismatch", Class::CertificateForAnotherName),
            ("self-signed certificate", Class::CertificateOfUnknownIssuer),
            ("self signed certificate", Class::CertificateOfUnknownIssuer),
            ("issuer certificate", Class::CertificateOfUnknownIssuer),
            ("verify the first certificate", Class::CertificateOfUnknownIssuer),
            ("certificate verify failed", Class::CertificateInvalid),
            ("wrong version number", Class::NotTls),
            ("unexpected eof", Class::Closed),
            ("packet length too long", Class::NotTls),
            ("unsupported protocol", Class::NoCommonTls),
            ("alert protocol version", Class::NoCommonTls),
            ("handshake failure", Class::NoCommonTls),
        ];
        TEXTS.iter().find(|(part, _)| text.contains(part)).map(|(_, class)| *class)
    }
}

/// Returns the sources of an error. The source of an [`io::Error`] is the error inside it, which its
/// `source` skips.
fn chain(error: &reqwest::Error) -> impl Iterator<Item = &(dyn Error + 'static)> {
    std::iter::successors(error.source(), |&error| match error.downcast_ref::<io::Error>() {
        Some(error) => error.get_ref().map(|inner| inner as _),
        None => error.source(),
    })
}

#[cfg(test)]
mod tests {
    use super::Class;

    #[test]
    fn class_of_text_reads_errors_of_openssl() {
        let failed = "error:0A000086:SSL routines:tls_post_process_server_certificate:\
                      certificate verify failed:ssl/statem/statem_clnt.c:1889:";
        for (text, expected) in [
            (format!("{failed} (certificate has expired)"), Some(Class::CertificateExpired)),
            (format!("{failed} (certificate is not yet valid)"), Some(Class::CertificateNotYetValid)),
            (format!("{failed} (hostname mismatch)"), Some(Class::CertificateForAnotherName)),
            (format!("{failed} (IP address mismatch)"), Some(Class::CertificateForAnotherName)),
            (format!("{failed} (self-signed certificate)"), Some(Class::CertificateOfUnknownIssuer)),
            (
                format!("{failed} (self-signed certificate in certificate chain)"),
                Some(Class::CertificateOfUnknownIssuer),
            ),
            (
                format!("{failed} (unable to get local issuer certificate)"),
                Some(Class::CertificateOfUnknownIssuer),
            ),
            (format!("{failed} (certificate revoked)"), Some(Class::CertificateInvalid)),
            (
                "error:0A00010B:SSL routines:ssl3_get_record:wrong version number:ssl/record.c:354:"
                    .to_owned(),
                Some(Class::NotTls),
            ),
            (
                "error:0A000102:SSL routines:ssl_choose_client_version:unsupported protocol:x.c:1:"
                    .to_owned(),
                Some(Class::NoCommonTls),
            ),
            ("client error (Connect)".to_owned(), None),
        ] {
            assert_eq!(Class::of_text(&text.to_lowercase()), expected, "{text}");
        }
    }
}
