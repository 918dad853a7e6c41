//! A TLS server that behaves as scripted, over HTTP/1 or HTTP/2.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use h2::Reason;
use poggio::{
    Client,
    reqwest::{self, Certificate, redirect::Policy},
};
use rcgen::{CertificateParams, date_time_ymd};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use super::scenarios::registration;
use crate::support::{TOKEN, is_whole, read_request, self_signed, sized};

/// The behaviour of the server on a connection.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum TlsBehaviour {
    Http1,
    OfAnotherName,
    Expired,
    NotYetValid,
    /// Presents a certificate that the client does not trust.
    Untrusted,
    WithoutTls,
    /// Closes the connection instead of a handshake.
    Closing,
    /// Sends nothing in the handshake.
    Silent,
    /// This and those below speak HTTP/2.
    Http2,
    RefusingTheStream,
    /// Sends GOAWAY before it reads, then reads to the end.
    GoingAwayAtOnce,
    GoingAwayAfterReading,
    ResettingTheStream,
    ClosingAfterReading,
}

use TlsBehaviour::{
    Closing, ClosingAfterReading, Expired, GoingAwayAfterReading, GoingAwayAtOnce, Http1,
    NotYetValid, OfAnotherName, RefusingTheStream, ResettingTheStream, Silent, Untrusted,
    WithoutTls,
};

pub(super) struct TlsServer {
    base_url: String,
    certificate: Certificate,
    behaviour: TlsBehaviour,
    record: Arc<Record>,
}

#[derive(Default)]
struct Record {
    arrived: AtomicUsize,
    /// What `GoingAwayAtOnce` received, connection by connection.
    received: Mutex<Vec<Vec<u8>>>,
}

impl TlsServer {
    pub(super) async fn start(behaviour: TlsBehaviour) -> Self {
        let name = if behaviour == OfAnotherName { "other.example" } else { "localhost" };
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        if behaviour == Expired {
            (params.not_before, params.not_after) =
                (date_time_ymd(2019, 1, 1), date_time_ymd(2020, 1, 1));
        }
        if behaviour == NotYetValid {
            (params.not_before, params.not_after) =
                (date_time_ymd(4000, 1, 1), date_time_ymd(4001, 1, 1));
        }
        let (certificate, mut config) = self_signed(&params);
        let is_http1 =
            matches!(behaviour, Http1 | OfAnotherName | Expired | NotYetValid | Untrusted);
        config.alpn_protocols = vec![if is_http1 { &b"http/1.1"[..] } else { b"h2" }.to_vec()];
        let acceptor = TlsAcceptor::from(Arc::new(config));

        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base_url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
        let server = Self { base_url, certificate, behaviour, record: Arc::default() };
        let record = Arc::clone(&server.record);
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                // A paused clock does not pause the kernel's delay for small packets.
                stream.set_nodelay(true).unwrap();
                tokio::spawn(serve(stream, acceptor.clone(), behaviour, Arc::clone(&record)));
            }
        });
        server
    }

    /// Returns a client that trusts only this server, or only the platform's authorities.
    pub(super) fn client(&self) -> Client {
        self.client_with(|http| http)
    }

    /// As [`client`](Self::client), with another setting of its HTTP client.
    pub(super) fn client_with(
        &self,
        set: impl FnOnce(reqwest::ClientBuilder) -> reqwest::ClientBuilder,
    ) -> Client {
        let is_silent = self.behaviour == Silent;
        let mut http = reqwest::Client::builder()
            .redirect(Policy::none())
            .connect_timeout(Duration::from_millis(if is_silent { 300 } else { 10_000 }))
            .resolve("localhost", ([127, 0, 0, 1], 0).into());
        if self.behaviour != Untrusted {
            http = http.tls_certs_only([self.certificate.clone()]);
        }
        let builder = Client::builder().base_url(&self.base_url).auth_token(TOKEN);
        builder.http_client(set(http).build().unwrap()).build().unwrap()
    }

    /// Returns how many whole requests arrived.
    pub(super) fn arrived(&self) -> usize {
        self.record.arrived.load(Ordering::Relaxed)
    }

    /// Returns how many of the connections of `GoingAwayAtOnce` carried a part of a request's body.
    pub(super) fn bodies(&self) -> usize {
        let received = self.record.received.lock().unwrap();
        received.iter().filter(|bytes| has_data_frame(bytes)).count()
    }
}

async fn serve(
    mut stream: TcpStream,
    acceptor: TlsAcceptor,
    behaviour: TlsBehaviour,
    record: Arc<Record>,
) {
    match behaviour {
        Closing => return,
        Silent => return std::future::pending().await,
        WithoutTls => {
            let _ = stream.write_all(&sized("400 Bad Request", "", "")).await;
            let mut rest = Vec::new();
            let _ = stream.read_to_end(&mut rest).await;
            assert!(!String::from_utf8_lossy(&rest).contains("POST"), "sent without TLS");
            return;
        }
        _ => {}
    }
    // The handshake fails if the client does not trust the certificate.
    let Ok(stream) = acceptor.accept(stream).await else { return };
    match behaviour {
        Http1 | OfAnotherName | Expired | NotYetValid | Untrusted => {
            http1(stream, &record.arrived).await;
        }
        GoingAwayAtOnce => go_away(stream, &record.received).await,
        _ => http2(stream, behaviour, &record.arrived).await,
    }
}

async fn http1(mut stream: TlsStream<TcpStream>, arrived: &AtomicUsize) {
    if !is_whole(&read_request(&mut stream).await) {
        return;
    }
    arrived.fetch_add(1, Ordering::Relaxed);
    let _ = stream.write_all(&sized("201 Created", "", &registration())).await;
    let _ = stream.shutdown().await;
}

async fn go_away(mut stream: TlsStream<TcpStream>, received: &Mutex<Vec<Vec<u8>>>) {
    let settings = [0, 0, 0, 4, 0, 0, 0, 0, 0];
    // No stream was processed; no error.
    let go_away = [0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let _ = stream.write_all(&[&settings[..], &go_away].concat()).await;
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes).await;
    received.lock().unwrap().push(bytes);
}

/// Whether a client's side of an HTTP/2 connection holds a DATA frame.
fn has_data_frame(bytes: &[u8]) -> bool {
    const PREFACE: usize = 24;
    let mut rest = bytes.get(PREFACE..).unwrap_or_default();
    while let [a, b, c, kind, ..] = *rest {
        if kind == 0 {
            return true;
        }
        let length = u32::from_be_bytes([0, a, b, c]) as usize;
        rest = rest.get(9 + length..).unwrap_or_default();
    }
    false
}

async fn http2(stream: TlsStream<TcpStream>, behaviour: TlsBehaviour, arrived: &AtomicUsize) {
    let mut connection = h2::server::handshake(stream).await.unwrap();
    while let Some(Ok((request, mut respond))) = connection.accept().await {
        if behaviour == RefusingTheStream {
            respond.send_reset(Reason::REFUSED_STREAM);
            continue;
        }
        let mut body = request.into_body();
        // The connection makes no progress unless it is polled too.
        loop {
            tokio::select! {
                data = body.data() => match data {
                    Some(Ok(bytes)) => drop(body.flow_control().release_capacity(bytes.len())),
                    _ => break,
                },
                _ = connection.accept() => {}
            }
        }
        arrived.fetch_add(1, Ordering::Relaxed);
        match behaviour {
            ResettingTheStream => respond.send_reset(Reason::INTERNAL_ERROR),
            GoingAwayAfterReading => connection.abrupt_shutdown(Reason::ENHANCE_YOUR_CALM),
            ClosingAfterReading => return,
            _ => {
                let head = http::Response::builder().status(201).body(()).unwrap();
                let mut body = respond.send_response(head, false).unwrap();
                body.send_data(registration().into(), true).unwrap();
            }
        }
    }
}
