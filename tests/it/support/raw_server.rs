//! A server that writes what it is told to, byte for byte, and behaves as no HTTP server would.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::sleep,
};

/// What the server does with a connection.
#[derive(Clone)]
pub(crate) enum ServerBehaviour {
    /// Reads a whole request, then writes this and closes.
    Answers(Vec<u8>),
    /// The same, and keeps the connection open for the next.
    KeepsAlive(Vec<u8>),
    /// Reads a whole request, then writes a byte a second.
    Drips(Vec<u8>),
    /// Reads a whole request, writes this, then the same piece without end.
    Floods(Vec<u8>, &'static str),
    /// Reads a whole request, writes this, then nothing more, and keeps the connection.
    Stalls(Vec<u8>),
    /// Writes this before it has read anything, and closes.
    AnswersUnasked(Vec<u8>),
    /// Breaks the connection after so many bytes of the request; 0 is on accept.
    ResetsAfter(usize),
    /// Reads a whole request, writes this, and breaks the connection.
    ResetsAfterWriting(Vec<u8>),
}

use ServerBehaviour::{
    Answers, AnswersUnasked, Drips, Floods, KeepsAlive, ResetsAfter, ResetsAfterWriting, Stalls,
};

impl ServerBehaviour {
    fn has_read_enough(&self, request: &[u8]) -> bool {
        match self {
            ResetsAfter(bytes) => request.len() >= *bytes,
            AnswersUnasked(_) => true,
            _ => is_whole(request),
        }
    }
}

pub(crate) fn http(head: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {head}\r\n\r\n{body}").into_bytes()
}

/// With its length, and whatever other headers.
pub(crate) fn sized(status: &str, headers: &str, body: &str) -> Vec<u8> {
    http(&format!("{status}\r\n{headers}content-length: {}", body.len()), body)
}

/// A server on this test's own runtime, so that a paused clock is its clock too.
pub(crate) struct Wire {
    pub(crate) base_url: String,
    received: Arc<Mutex<Vec<Vec<u8>>>>,
    /// How many connections the other side ended while the server still wrote.
    cut_off: Arc<Mutex<usize>>,
}

impl Wire {
    /// An address that nobody listens on.
    pub(crate) async fn nobody() -> Self {
        Self::bound("127.0.0.1:0").await.0
    }

    /// Answers every connection with the same bytes.
    pub(crate) async fn answering(answer: impl Into<Vec<u8>>) -> Self {
        Self::serve(vec![Answers(answer.into())]).await
    }

    /// The connections' behaviour in order, the last for all that follow.
    pub(crate) async fn serve(does: Vec<ServerBehaviour>) -> Self {
        Self::at("127.0.0.1:0", does).await
    }

    pub(crate) async fn at(address: &str, does: Vec<ServerBehaviour>) -> Self {
        let (wire, listener) = Self::bound(address).await;
        let (received, cut_off) = (Arc::clone(&wire.received), Arc::clone(&wire.cut_off));
        tokio::spawn(async move {
            for i in 0.. {
                let (stream, _) = listener.accept().await.unwrap();
                let does = does.get(i).or(does.last()).unwrap().clone();
                tokio::spawn(behave(stream, does, Arc::clone(&received), Arc::clone(&cut_off)));
            }
        });
        wire
    }

    async fn bound(address: &str) -> (Self, TcpListener) {
        let listener = TcpListener::bind(address).await.unwrap();
        let base_url = format!("http://{}", listener.local_addr().unwrap());
        (Self { base_url, received: Arc::default(), cut_off: Arc::default() }, listener)
    }

    /// Everything received, a request each, and what there was of one that is not whole.
    pub(crate) fn requests(&self) -> Vec<String> {
        let received = self.received.lock().unwrap();
        received.iter().map(|bytes| String::from_utf8_lossy(bytes).into_owned()).collect()
    }

    /// How many whole requests arrived.
    pub(crate) fn arrived(&self) -> usize {
        self.received.lock().unwrap().iter().filter(|bytes| is_whole(bytes)).count()
    }

    pub(crate) fn cut_off(&self) -> usize {
        *self.cut_off.lock().unwrap()
    }
}

async fn behave(
    mut stream: TcpStream,
    does: ServerBehaviour,
    received: Arc<Mutex<Vec<Vec<u8>>>>,
    cut_off: Arc<Mutex<usize>>,
) {
    loop {
        let request = read_until(&mut stream, |bytes| does.has_read_enough(bytes)).await;
        let has_ended = !does.has_read_enough(&request);
        received.lock().unwrap().push(request);
        if has_ended {
            return;
        }
        match &does {
            Answers(bytes) | AnswersUnasked(bytes) => {
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
                *cut_off.lock().unwrap() += 1;
                return;
            }
            ResetsAfter(_) => return reset(&stream),
            ResetsAfterWriting(bytes) => {
                let _ = stream.write_all(bytes).await;
                // Time for it to arrive before the reset overtakes it.
                sleep(Duration::from_millis(1)).await;
                return reset(&stream);
            }
        }
    }
}

fn reset(stream: &TcpStream) {
    stream.set_zero_linger().unwrap();
}

/// Reads a whole request, or what there was of it.
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

/// Whether head and body are there, by the declared length.
pub(crate) fn is_whole(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes).to_lowercase();
    text.split_once("\r\n\r\n").is_some_and(|(head, body)| {
        let length = head
            .split_once("content-length: ")
            .map_or("0", |(_, rest)| rest.split("\r\n").next().unwrap_or_default());
        body.len() >= length.parse::<usize>().unwrap()
    })
}
