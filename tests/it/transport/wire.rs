//! What servers and networks do, row by row: what the caller is expected, how often the request
//! arrived, and that nothing secret shows. `RELIABILITY.md` is made from these rows.
//!
//! The clock is tokio's, paused: nothing here sleeps.

use std::time::Duration;

use poggio::{Client, ClientInformation, Error, Outcome};
use tokio::time::{Instant, sleep};

use crate::support::{
    Expected, PeakMemory, SECRET,
    ServerBehaviour::{
        self, Answers, AnswersUnasked, Drips, Floods, KeepsAlive, ResetsAfter, ResetsAfterWriting,
        Stalls,
    },
    TOKEN, Wire, all_shown_of_result, attempts, http, metadata, sized,
};

/// A row: the connections' behaviour in order, the last for all that follow; none where nobody
/// listens.
pub(super) struct Row {
    pub(super) what: &'static str,
    does: Vec<ServerBehaviour>,
    expected: Expected,
    attempts: u32,
    /// How many whole requests arrived.
    arrived: usize,
    /// How much time passed on the paused clock, in seconds, at most.
    within: u64,
}

/// What a flood is made of: in a body or a header, and in a head.
const PIECE: &str = "0123456789abcdef0123456789abcdef";
const HEADERS: &str = "x-flood: 0123456789abcdef\r\n";

fn whole() -> String {
    format!(r#"{{"client_id": "id", "client_secret": "{SECRET}"}}"#)
}

fn row(what: &'static str, does: ServerBehaviour, expected: Expected) -> Row {
    let silent = ["silence", "after the head, silence"].iter().any(|end| what.ends_with(end));
    let within = if silent || what.contains("a second") { 31 } else { 1 };
    Row { what, does: vec![does], expected, attempts: 1, arrived: 1, within }
}

/// A row in which the request is sent again.
fn again(
    what: &'static str,
    does: Vec<ServerBehaviour>,
    expected: Expected,
    attempts: u32,
    within: u64,
) -> Row {
    Row { what, does, expected, attempts, arrived: attempts as usize, within }
}

pub(super) fn rows() -> Vec<Row> {
    let ok = || sized("201 Created", "", &whole());
    let cut = whole()[..40].to_owned();
    let limited = |after: &str| sized("429 Too Many Requests", after, &whole());
    let busy = |after: &str| sized("503 Service Unavailable", after, &whole());
    let past =
        "date: Thu, 01 Jan 2026 00:00:00 GMT\r\nretry-after: Thu, 01 Jan 2026 00:00:20 GMT\r\n";
    vec![
        row("answers 201", Answers(ok()), Expected::Registered),
        row("answers 200", Answers(sized("200 OK", "", &whole())), Expected::Registered),
        row(
            "answers in HTTP/1.0, the end of the connection ends the body",
            Answers(format!("HTTP/1.0 200 OK\r\n\r\n{}", whole()).into()),
            Expected::Registered,
        ),
        row(
            "answers chunked",
            Answers(http(
                "200 OK\r\ntransfer-encoding: chunked",
                &format!("{:x}\r\n{}\r\n0\r\n\r\n", whole().len(), whole()),
            )),
            Expected::Registered,
        ),
        row(
            "says 100 Continue first",
            Answers([b"HTTP/1.1 100 Continue\r\n\r\n".to_vec(), ok()].concat()),
            Expected::Registered,
        ),
        row(
            "says 103 Early Hints twice first",
            Answers([b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n".repeat(2), ok()].concat()),
            Expected::Registered,
        ),
        row(
            "answers three times at once",
            Answers([ok(), sized("500 No", "", ""), ok()].concat()),
            Expected::Registered,
        ),
        row(
            "writes more than it declared",
            Answers([ok(), b"trailing".to_vec()].concat()),
            Expected::Registered,
        ),
        row(
            "closes before the declared end, the JSON is whole",
            Answers(http("200 OK\r\ncontent-length: 9999", &whole())),
            Expected::Registered,
        ),
        row(
            "closes in the middle of the JSON",
            Answers(http("200 OK\r\ncontent-length: 9999", &cut)),
            Expected::UNREADABLE,
        ),
        row(
            "resets in the middle of the JSON",
            ResetsAfterWriting(http("200 OK\r\ncontent-length: 9999", &cut)),
            Expected::UNREADABLE,
        ),
        row(
            "breaks off in a chunk",
            Answers(http("200 OK\r\ntransfer-encoding: chunked", &format!("ff\r\n{cut}"))),
            Expected::UNREADABLE,
        ),
        row(
            "writes a chunk size that is none",
            Answers(http("200 OK\r\ntransfer-encoding: chunked", "zz\r\nx")),
            Expected::UNREADABLE,
        ),
        row(
            "after the head, silence",
            Stalls(http("201 Created\r\ncontent-length: 99", "")),
            Expected::UNREADABLE,
        ),
        row(
            "writes the body, a byte a second",
            Drips(sized("201 Created", "", &whole())),
            Expected::SENT,
        ),
        row(
            "floods the body without end",
            Floods(http("200 OK", &whole()[..70]), PIECE),
            Expected::UNREADABLE,
        ),
        row(
            "floods a refusal's body without end",
            Floods(http("400 Bad Request", ""), PIECE),
            Expected::REFUSED,
        ),
        row(
            "floods the head with headers without end",
            Floods(b"HTTP/1.1 200 OK\r\n".to_vec(), HEADERS),
            Expected::SENT,
        ),
        row(
            "floods one header without end",
            Floods(b"HTTP/1.1 200 OK\r\nx: ".to_vec(), PIECE),
            Expected::SENT,
        ),
        row(
            "writes 1,000 headers",
            Answers(sized("200 OK", &"x: y\r\n".repeat(1000), &whole())),
            Expected::SENT,
        ),
        row("silence", Stalls(Vec::new()), Expected::SENT),
        row("closes without an answer", Answers(Vec::new()), Expected::SENT),
        row(
            "breaks off in the head",
            Answers(b"HTTP/1.1 200 OK\r\ncontent-le".to_vec()),
            Expected::SENT,
        ),
        row("resets before the answer", ResetsAfterWriting(Vec::new()), Expected::SENT),
        row("speaks something else", Answers(b"SSH-2.0-OpenSSH_9.9\r\n".to_vec()), Expected::SENT),
        row(
            "answers with a status that is none",
            Answers(b"HTTP/1.1 2000 OK\r\n\r\n".to_vec()),
            Expected::SENT,
        ),
        Row {
            arrived: 0,
            ..row("resets after half of the request's body", ResetsAfter(300), Expected::SENT)
        },
        Row {
            arrived: 0,
            ..row("resets after half of the request's head", ResetsAfter(40), Expected::SENT)
        },
        row("answers 400", Answers(sized("400 Bad Request", "", &whole())), Expected::REFUSED),
        row(
            "answers 308",
            Answers(sized("308 Permanent Redirect", "location: /x\r\n", "")),
            Expected::REFUSED,
        ),
        row("answers 500", Answers(sized("500 Oops", "", &whole())), Expected::SERVER_FAILED),
        row("answers 503 without Retry-After", Answers(busy("")), Expected::SERVER_FAILED),
        row(
            "answers 503, Retry-After nonsense",
            Answers(busy("retry-after: soon\r\n")),
            Expected::SERVER_FAILED,
        ),
        row("answers 600", Answers(sized("600 Strange", "", "")), Expected::SERVER_FAILED),
        row(
            "refuses, and breaks off in the body",
            Answers(http("403 Forbidden\r\ncontent-length: 9999", "{\"detail\":")),
            Expected::REFUSED,
        ),
        Row {
            arrived: 0,
            ..again("is not there: the connection is refused", vec![], Expected::UNSENT, 3, 2)
        },
        again(
            "answers 429 once, Retry-After 20",
            vec![Answers(limited("retry-after: 20\r\n")), Answers(ok())],
            Expected::Registered,
            2,
            21,
        ),
        again(
            "answers 429 once, Retry-After a date in 20 s",
            vec![Answers(limited(past)), Answers(ok())],
            Expected::Registered,
            2,
            21,
        ),
        again(
            "answers 429 once, no Retry-After",
            vec![Answers(limited("")), Answers(ok())],
            Expected::Registered,
            2,
            1,
        ),
        again(
            "answers 429 once, Retry-After -5",
            vec![Answers(limited("retry-after: -5\r\n")), Answers(ok())],
            Expected::Registered,
            2,
            1,
        ),
        again(
            "answers 503 once, Retry-After 0",
            vec![Answers(busy("retry-after: 0\r\n")), Answers(ok())],
            Expected::Registered,
            2,
            1,
        ),
        again("answers 429 always", vec![Answers(limited(""))], Expected::REFUSED, 3, 2),
        again(
            "answers 429 with Retry-After 12 always: the third does not fit into 30 s",
            vec![Answers(limited("retry-after: 12\r\n"))],
            Expected::REFUSED,
            3,
            25,
        ),
        again(
            "answers 429, Retry-After 40: does not fit into 30 s",
            vec![Answers(limited("retry-after: 40\r\n"))],
            Expected::REFUSED,
            1,
            1,
        ),
        again(
            "answers 429, Retry-After 99999999999999999999",
            vec![Answers(limited("retry-after: 99999999999999999999\r\n"))],
            Expected::REFUSED,
            1,
            1,
        ),
        again(
            "answers 429, then 500",
            vec![Answers(limited("")), Answers(sized("500 Oops", "", ""))],
            Expected::SERVER_FAILED,
            2,
            1,
        ),
        again(
            "answers 429, then silence",
            vec![Answers(limited("")), Stalls(Vec::new())],
            Expected::SENT,
            2,
            31,
        ),
    ]
}

/// What a row came to.
#[derive(Clone, Debug)]
pub(super) struct RunResult {
    pub(super) what: String,
    pub(super) expected: Expected,
    pub(super) attempts: u32,
    pub(super) arrived: usize,
    pub(super) elapsed: Duration,
    /// The secret arrived whole, and the caller was not given it.
    pub(super) lost: bool,
    /// The secret or the token shows somewhere.
    pub(super) leaked: bool,
}

impl RunResult {
    /// Judges what a caller got; `sent_secret` where the server sent it whole as a success.
    pub(super) fn of(
        what: impl Into<String>,
        result: &Result<ClientInformation, Error>,
        sent_secret: bool,
    ) -> Self {
        let (attempts, secret) = match result {
            Ok(client) => (attempts(&client), client.client_secret.as_ref()),
            Err(Error::Unreadable(error)) => (1, error.client_secret()),
            Err(error) => (error.attempts(), None),
        };
        let secret = secret.map(poggio::ClientSecret::expose);
        let shown = all_shown_of_result(result);
        Self {
            what: what.into(),
            expected: Expected::of(result),
            attempts,
            arrived: 0,
            elapsed: Duration::ZERO,
            lost: (sent_secret && secret.is_none()) || secret.is_some_and(|text| text != SECRET),
            leaked: shown.contains(SECRET) || shown.contains(TOKEN),
        }
    }
}

impl Row {
    async fn run(&self) -> RunResult {
        let wire = if self.does.is_empty() {
            Wire::nobody().await
        } else {
            Wire::serve(self.does.clone()).await
        };
        let poggio = Client::builder().base_url(&wire.base_url).auth_token(TOKEN).build().unwrap();
        let started = Instant::now();
        let result = poggio.register(&metadata()).await;
        let elapsed = started.elapsed();
        // Whatever is still on its way arrives.
        sleep(Duration::from_secs(1)).await;
        let ran = RunResult::of(self.what, &result, self.expected == Expected::Registered);
        RunResult { arrived: wire.arrived(), elapsed, ..ran }
    }
}

#[cfg(feature = "rustls")]
pub(super) async fn run_all() -> Vec<RunResult> {
    let mut all = Vec::new();
    for row in rows() {
        all.push(row.run().await);
    }
    all
}

#[tokio::test(start_paused = true)]
async fn every_row_is_told_truly_sent_no_more_than_allowed_and_leaks_nothing() {
    for row in rows() {
        let ran = row.run().await;
        let what = &ran.what;
        assert_eq!(ran.expected, row.expected, "{what}");
        assert_eq!(ran.attempts, row.attempts, "{what}");
        assert_eq!(ran.arrived, row.arrived, "{what}");
        assert!(ran.elapsed <= Duration::from_secs(row.within), "{what} took {:?}", ran.elapsed);
        assert!(!ran.lost, "{what} loses the secret");
        assert!(!ran.leaked, "{what} leaks");
    }
}

#[tokio::test(start_paused = true)]
async fn a_reset_on_accept_is_told_by_whether_anything_left() {
    let wire = Wire::serve(vec![ResetsAfter(0)]).await;
    let poggio = Client::builder().base_url(&wire.base_url).build().unwrap();
    let error = poggio.register(&metadata()).await.unwrap_err();
    let Error::Transport(transport) = &error else { panic!("{error}") };
    let expected = if transport.is_sent() { Outcome::Unknown } else { Outcome::NotRegistered };
    assert_eq!(error.outcome(), expected);
    assert_eq!(error.attempts(), if transport.is_sent() { 1 } else { 3 });
    assert_eq!(wire.arrived(), 0);
}

#[tokio::test(start_paused = true)]
async fn an_answer_nobody_asked_for_is_not_taken_for_one() {
    let unasked = AnswersUnasked(sized("201 Created", "", &whole()));
    let wire = Wire::serve(vec![unasked]).await;
    let poggio = Client::builder().base_url(&wire.base_url).build().unwrap();
    match poggio.register(&metadata()).await {
        // It crossed with the request on the way: no one can tell it from an answer.
        Ok(client) => assert_eq!(client.client_id, "id"),
        Err(error) => assert!(matches!(error, Error::Transport(_)), "{error}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_is_used_again_and_a_closed_one_is_not() {
    let ok = sized("201 Created", "", &whole());
    let wire = Wire::serve(vec![KeepsAlive(ok.clone())]).await;
    let poggio = Client::builder().base_url(&wire.base_url).build().unwrap();
    for _ in 0..3 {
        assert_eq!(attempts(&poggio.register(&metadata()).await.unwrap()), 1);
    }
    assert_eq!(wire.arrived(), 3);

    // Closed by the server between two calls: noticed, and nothing is sent into it.
    let wire = Wire::serve(vec![Answers(ok)]).await;
    let poggio = Client::builder().base_url(&wire.base_url).build().unwrap();
    for _ in 0..3 {
        assert_eq!(attempts(&poggio.register(&metadata()).await.unwrap()), 1);
        sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(wire.arrived(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_flood_is_ended_not_read() {
    for (head, piece) in [
        ("HTTP/1.1 200 OK\r\n\r\n", PIECE),
        ("HTTP/1.1 500 X\r\n\r\n", PIECE),
        ("HTTP/1.1 200 OK\r\n", HEADERS),
        ("HTTP/1.1 200 OK\r\nx: ", PIECE),
    ] {
        let wire = Wire::serve(vec![Floods(head.into(), piece)]).await;
        let poggio = Client::builder().base_url(&wire.base_url).build().unwrap();
        poggio.register(&metadata()).await.unwrap_err();
        sleep(Duration::from_secs(1)).await;
        assert_eq!(wire.cut_off(), 1, "{head:?}: the connection goes on");
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_dropped_leaves_nothing_behind() {
    // Dropped after each number of polls, wherever that is.
    for polls in 1..200 {
        let ok = sized("201 Created", "", &whole());
        let limited = sized("429 X", "retry-after: 5\r\n", "");
        let wire = Wire::serve(vec![Answers(limited), Answers(ok)]).await;
        let poggio = Client::builder().base_url(&wire.base_url).build().unwrap();
        let metadata = metadata();
        let mut call = Box::pin(poggio.register(&metadata));
        let mut count = 0;
        let result = std::future::poll_fn(|context| {
            count += 1;
            match call.as_mut().poll(context) {
                std::task::Poll::Ready(result) => std::task::Poll::Ready(Some(result)),
                std::task::Poll::Pending if count == polls => std::task::Poll::Ready(None),
                std::task::Poll::Pending => std::task::Poll::Pending,
            }
        })
        .await;
        drop(call);
        if let Some(result) = result {
            assert_eq!(attempts(&result.unwrap()), 2);
            return;
        }
        let before = wire.arrived();
        sleep(Duration::from_secs(60)).await;
        assert!(wire.arrived() <= before.max(1), "it goes on after {polls} polls");
    }
    panic!("the call never came to its end");
}

#[tokio::test(start_paused = true)]
async fn a_flood_costs_no_more_memory_than_the_caps() {
    const MIB: usize = 1 << 20;
    let mut peaks = Vec::new();
    for does in [
        Answers(sized("200 OK", "", &whole())),
        Floods(http("200 OK", ""), PIECE),
        Floods(b"HTTP/1.1 200 OK\r\nx: ".to_vec(), PIECE),
    ] {
        let wire = Wire::serve(vec![does]).await;
        let poggio = Client::builder().base_url(&wire.base_url).build().unwrap();
        // Server and client are on this thread, so this is both.
        let watch = PeakMemory::watch();
        let _ = poggio.register(&metadata()).await;
        peaks.push(watch.bytes());
    }
    // One cap of 256 KiB for the body, the HTTP library's of some 400 KiB for what it reads at once,
    // and both are held twice for a moment when their buffers grow.
    assert!(peaks[0] < MIB / 4, "{peaks:?}");
    assert!(peaks[1] < 2 * MIB, "{peaks:?}");
    assert!(peaks[2] < 2 * MIB, "{peaks:?}");
    println!("peaks without a flood, of the body, of the head: {peaks:?} bytes");
}
