//! A server that writes scripted bytes and breaks connections in ways that no HTTP server does.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use poggio::{Client, ClientBuilder};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpSocket, TcpStream},
    time::sleep,
};

/// The behaviour of the server on a connection.
#[derive(Clone)]
pub(crate) enum ServerBehaviour {
    /// Reads a whole request, then writes this and closes.
    Responds(Vec<u8>),
    /// Reads a whole request, writes this, and keeps the connection open for the next.
    KeepsAlive(Vec<u8>),
    /// Reads a whole request, then writes a byte a second.
    Drips(Vec<u8>),
    /// Reads a whole request, writes this, then repeats the second piece without end.
    Floods(Vec<u8>, &'static str),
    /// Reads a whole request, writes this, then nothing more, and keeps the connection open.
    Stalls(Vec<u8>),
    /// Writes this and closes its sending side before it reads, then reads to the end.
    RespondsUnasked(Vec<u8>),
    /// Resets the connection after this many bytes of the request.
    ResetsAfter(usize),
    /// Reads a whole request, writes this, and resets the connection.
    ResetsAfterWriting(Vec<u8>),
}

use ServerBehaviour::{
    Drips, Floods, KeepsAlive, ResetsAfter, ResetsAfterWriting, Responds, RespondsUnasked, Stalls,
};

impl ServerBehaviour {
    fn has_read_enough(&self, request: &[u8]) -> bool {
        match self {
            ResetsAfter(bytes) => request.len() >= *bytes,
            RespondsUnasked(_) => false,
            _ => is_whole(request),
        }
    }
}

/// A response of a head without its first word, and a body.
pub(crate) fn http(head: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {head}\r\n\r\n{body}").into_bytes()
}

/// A response with a `content-length` and these other headers, each with its line break.
pub(crate) fn sized(status: &str, headers: &str, body: &str) -> Vec<u8> {
    http(&format!("{status}\r\n{headers}content-length: {}", body.len()), body)
}

/// A server on the runtime of the test, so that a paused clock pauses both.
pub(crate) struct Wire {
    pub(crate) base_url: String,
    record: Record,
    /// Reserves the port of a server that does not listen.
    _reserved: Option<TcpSocket>,
}

#[derive(Clone, Default)]
struct Record {
    received: Arc<Mutex<Vec<Vec<u8>>>>,
    cut_off: Arc<Mutex<usize>>,
}

impl Wire {
    /// An address that refuses connections: its port is bound, and nothing listens there.
    pub(crate) fn nobody() -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
        let base_url = format!("http://{}", socket.local_addr().unwrap());
        Self { base_url, record: Record::default(), _reserved: Some(socket) }
    }

    /// Sends the same bytes on every connection.
    pub(crate) async fn responding(response: impl Into<Vec<u8>>) -> Self {
        Self::serve(vec![Responds(response.into())]).await
    }

    /// Takes one behaviour per connection; the last one repeats.
    pub(crate) async fn serve(behaviours: Vec<ServerBehaviour>) -> Self {
        Self::at("127.0.0.1:0", behaviours).await
    }

    /// As [`serve`](Self::serve), at this address.
    pub(crate) async fn at(address: &str, behaviours: Vec<ServerBehaviour>) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let base_url = format!("http://{}", listener.local_addr().unwrap());
        let record = Record::default();
        let wire = Self { base_url, record: record.clone(), _reserved: None };
        tokio::spawn(async move {
            for i in 0.. {
                let (stream, _) = listener.accept().await.unwrap();
                let behaviour = behaviours.get(i).or(behaviours.last()).unwrap().clone();
                tokio::spawn(serve_connection(stream, behaviour, record.clone()));
            }
        });
        wire
    }

    /// Returns a builder of a client of this server.
    pub(crate) fn client_builder(&self) -> ClientBuilder {
        Client::builder().base_url(&self.base_url)
    }

    /// Returns a client of this server.
    pub(crate) fn client(&self) -> Client {
        self.client_builder().build().unwrap()
    }

    /// Returns everything received, request by request; the last one may be incomplete.
    pub(crate) fn requests(&self) -> Vec<String> {
        let received = self.record.received.lock().unwrap();
        received.iter().map(|bytes| String::from_utf8_lossy(bytes).into_owned()).collect()
    }

    /// Returns how many whole requests arrived.
    pub(crate) fn arrived(&self) -> usize {
        self.record.received.lock().unwrap().iter().filter(|bytes| is_whole(bytes)).count()
    }

    /// Returns how many floods the client ended.
    pub(crate) fn cut_off(&self) -> usize {
        *self.record.cut_off.lock().unwrap()
    }
}

async fn serve_connection(mut stream: TcpStream, behaviour: ServerBehaviour, record: Record) {
    if let RespondsUnasked(bytes) = &behaviour {
        let _ = stream.write_all(bytes).await;
        let _ = stream.shutdown().await;
    }
    loop {
        let request = read_until(&mut stream, |bytes| behaviour.has_read_enough(bytes)).await;
        let has_ended = !behaviour.has_read_enough(&request);
        record.received.lock().unwrap().push(request);
        if has_ended {
            return;
        }
        match &behaviour {
            RespondsUnasked(_) => return,
            Responds(bytes) => {
                let _ = stream.write_all(bytes).await;
                let _ = stream.shutdown().await;
                return;
            }
            KeepsAlive(bytes) => stream.write_all(bytes).await.unwrap(),
            Stalls(bytes) => {
                let _ = stream.write_all(bytes).await;
                std::future::pending::<()>().await;
            }
            Drips(bytes) => {
                for byte in bytes {
                    let _ = stream.write_u8(*byte).await;
                    sleep(Duration::from_secs(1)).await;
                }
                return;
            }
            Floods(bytes, piece) => {
                let mut result = stream.write_all(bytes).await;
                let piece = piece.repeat(1000);
                while result.is_ok() {
                    result = stream.write_all(piece.as_bytes()).await;
                }
                *record.cut_off.lock().unwrap() += 1;
                return;
            }
            ResetsAfter(_) => return stream.set_zero_linger().unwrap(),
            ResetsAfterWriting(bytes) => {
                let _ = stream.write_all(bytes).await;
                // The bytes have to arrive before the reset, which discards what is not read yet.
                sleep(Duration::from_millis(1)).await;
                return stream.set_zero_linger().unwrap();
            }
        }
    }
}

/// Reads a whole request, or what arrived of it before the end of the stream.
pub(crate) async fn read_request(stream: &mut (impl AsyncRead + Unpin)) -> Vec<u8> {
    read_until(stream, is_whole).await
}

async fn read_until(
    stream: &mut (impl AsyncRead + Unpin),
    is_enough: impl Fn(&[u8]) -> bool,
) -> Vec<u8> {
    let mut request = Vec::new();
    while !is_enough(&request) {
        match stream.read_u8().await {
            Ok(byte) => request.push(byte),
            Err(_) => break,
        }
    }
    request
}

/// Whether these bytes hold a request's head, and its body of the declared length.
pub(crate) fn is_whole(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes).to_lowercase();
    text.split_once("\r\n\r\n").is_some_and(|(head, body)| {
        let length = head
            .split_once("content-length: ")
            .map_or("0", |(_, rest)| rest.split("\r\n").next().unwrap_or_default());
        body.len() >= length.parse::<usize>().unwrap()
    })
}
