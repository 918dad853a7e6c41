//! TLS and HTTP/2: certificates that are good, expired, of another name, of nobody's; servers that
//! refuse a stream or go away. The certificates are made here.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use h2::Reason;
use poggio::{
    Client, Error,
    reqwest::{self, Certificate, redirect::Policy},
};
use rcgen::{CertificateParams, date_time_ymd};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::sleep,
};
use tokio_rustls::TlsAcceptor;

use crate::{
    support::{Expected, SECRET, TOKEN, is_whole, metadata, read_request, self_signed, sized},
    transport::wire::RunResult,
};

/// What the server is like.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Is {
    Good,
    OfAnotherName,
    Expired,
    /// Its certificate is not one that the client trusts.
    Untrusted,
    WithoutTls,
    /// Accepts, and closes instead of a handshake.
    Closing,
    /// Accepts, and is silent.
    Silent,
    /// HTTP/2 from here on.
    Http2,
    RefusingTheStream,
    GoingAwayAtOnce,
    GoingAwayAfterReading,
    ResettingTheStream,
    ClosingAfterReading,
}

use Is::{
    Closing, ClosingAfterReading, Expired, GoingAwayAfterReading, GoingAwayAtOnce, Good, Http2,
    OfAnotherName, RefusingTheStream, ResettingTheStream, Silent, Untrusted, WithoutTls,
};

struct TlsServer {
    base_url: String,
    certificate: Certificate,
    /// How many whole requests arrived.
    arrived: Arc<AtomicUsize>,
}

impl TlsServer {
    async fn start(is: Is) -> Self {
        let name = if is == OfAnotherName { "other.example" } else { "localhost" };
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        if is == Expired {
            (params.not_before, params.not_after) =
                (date_time_ymd(2019, 1, 1), date_time_ymd(2020, 1, 1));
        }
        let (certificate, mut config) = self_signed(&params);
        let speaks_http2 = !matches!(is, Good | OfAnotherName | Expired | Untrusted);
        config.alpn_protocols = vec![if speaks_http2 { b"h2" } else { &b"http/1.1"[..] }.to_vec()];
        let acceptor = TlsAcceptor::from(Arc::new(config));

        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let arrived = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&arrived);
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                // The kernel's timer for small packets is none that a paused clock knows.
                stream.set_nodelay(true).unwrap();
                tokio::spawn(serve(stream, acceptor.clone(), is, Arc::clone(&counted)));
            }
        });
        let base_url = format!("https://localhost:{port}");
        Self { base_url, certificate, arrived }
    }

    /// A client that trusts this server alone, or one that trusts the platform's authorities.
    fn client(&self, is: Is) -> Client {
        let mut http = reqwest::Client::builder()
            .redirect(Policy::none())
            .connect_timeout(Duration::from_millis(if is == Silent { 300 } else { 10_000 }))
            .resolve("localhost", ([127, 0, 0, 1], 0).into());
        if is != Untrusted {
            http = http.tls_certs_only([self.certificate.clone()]);
        }
        let builder = Client::builder().base_url(&self.base_url).auth_token(TOKEN);
        builder.http_client(http.build().unwrap()).build().unwrap()
    }
}

async fn serve(mut stream: TcpStream, acceptor: TlsAcceptor, is: Is, arrived: Arc<AtomicUsize>) {
    match is {
        Closing => {}
        Silent => std::future::pending().await,
        WithoutTls => {
            let _ =
                stream.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n").await;
            let mut rest = Vec::new();
            let _ = stream.read_to_end(&mut rest).await;
            assert!(!String::from_utf8_lossy(&rest).contains("POST"), "sent in the clear");
        }
        _ => {
            // A client that does not trust it says so and leaves.
            let Ok(stream) = acceptor.accept(stream).await else { return };
            match is {
                Good | OfAnotherName | Expired | Untrusted => http1(stream, &arrived).await,
                _ => http2(stream, is, &arrived).await,
            }
        }
    }
}

fn answer() -> String {
    format!(r#"{{"client_id": "id", "client_secret": "{SECRET}"}}"#)
}

async fn http1(mut stream: impl AsyncRead + AsyncWrite + Unpin, arrived: &AtomicUsize) {
    if !is_whole(&read_request(&mut stream).await) {
        return;
    }
    arrived.fetch_add(1, Ordering::Relaxed);
    let _ = stream.write_all(&sized("201 Created", "", &answer())).await;
    let _ = stream.shutdown().await;
}

async fn http2(stream: impl AsyncRead + AsyncWrite + Unpin, is: Is, arrived: &AtomicUsize) {
    let mut connection = h2::server::handshake(stream).await.unwrap();
    if is == GoingAwayAtOnce {
        connection.abrupt_shutdown(Reason::NO_ERROR);
    }
    while let Some(Ok((request, mut respond))) = connection.accept().await {
        if is == RefusingTheStream {
            respond.send_reset(Reason::REFUSED_STREAM);
            continue;
        }
        let mut body = request.into_body();
        // The connection has to be driven while the body is read.
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
        match is {
            ResettingTheStream => respond.send_reset(Reason::INTERNAL_ERROR),
            GoingAwayAfterReading => connection.abrupt_shutdown(Reason::ENHANCE_YOUR_CALM),
            ClosingAfterReading => return,
            _ => {
                let head = http::Response::builder().status(201).body(()).unwrap();
                let mut body = respond.send_response(head, false).unwrap();
                body.send_data(answer().into(), true).unwrap();
            }
        }
    }
}

impl Is {
    async fn run(self) -> RunResult {
        let server = TlsServer::start(self).await;
        let result = server.client(self).register(&metadata()).await;
        // Whatever is still on its way arrives.
        sleep(Duration::from_millis(20)).await;
        let ran = RunResult::of(self.to_string(), &result, matches!(self, Good | Http2));
        RunResult { arrived: server.arrived.load(Ordering::Relaxed), ..ran }
    }
}

impl fmt::Display for Is {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Good => "has a good certificate",
            OfAnotherName => "has the certificate of another name",
            Expired => "has an expired certificate",
            Untrusted => "has a certificate of nobody that is trusted",
            WithoutTls => "speaks no TLS",
            Closing => "closes in the handshake",
            Silent => "is silent in the handshake",
            Http2 => "speaks HTTP/2",
            RefusingTheStream => "speaks HTTP/2, refuses the stream",
            ResettingTheStream => "speaks HTTP/2, resets the stream after reading",
            GoingAwayAtOnce => "speaks HTTP/2, goes away at once",
            GoingAwayAfterReading => "speaks HTTP/2, goes away after reading",
            ClosingAfterReading => "speaks HTTP/2, closes after reading",
        })
    }
}

/// What each is expected to come to: expected, attempts, arrived.
const EXPECTED: [(Is, Expected, u32, usize); 12] = [
    (Good, Expected::Registered, 1, 1),
    (OfAnotherName, Expected::UNSENT, 3, 0),
    (Expired, Expected::UNSENT, 3, 0),
    (Untrusted, Expected::UNSENT, 3, 0),
    (WithoutTls, Expected::UNSENT, 3, 0),
    (Closing, Expected::UNSENT, 3, 0),
    (Silent, Expected::UNSENT, 3, 0),
    (Http2, Expected::Registered, 1, 1),
    // Nothing arrived, but the client cannot know how far it came: unknown is the truth.
    (RefusingTheStream, Expected::SENT, 1, 0),
    (ResettingTheStream, Expected::SENT, 1, 1),
    (GoingAwayAfterReading, Expected::SENT, 1, 1),
    (ClosingAfterReading, Expected::SENT, 1, 1),
];

pub(super) async fn run_all() -> Vec<RunResult> {
    let mut all = Vec::new();
    for (is, ..) in EXPECTED {
        all.push(is.run().await);
    }
    all
}

#[tokio::test(start_paused = true)]
async fn nothing_leaves_before_the_certificate_is_good_and_nothing_is_sent_twice_over_http2() {
    for (is, expected, attempts, arrived) in EXPECTED {
        let ran = is.run().await;
        assert_eq!(
            (ran.expected, ran.attempts, ran.arrived),
            (expected, attempts, arrived),
            "{is}"
        );
        assert!(!ran.lost && !ran.leaked, "{is}: {ran:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_goes_away_at_once_is_told_by_whether_anything_left() {
    let server = TlsServer::start(GoingAwayAtOnce).await;
    let result = server.client(GoingAwayAtOnce).register(&metadata()).await;
    let Err(Error::Transport(error)) = result else { panic!("{result:?}") };
    let (sent, error) = (error.is_sent(), Error::Transport(error));
    assert_eq!(Expected::of(&Err(error)), if sent { Expected::SENT } else { Expected::UNSENT });
    assert_eq!(server.arrived.load(Ordering::Relaxed), 0);
}
