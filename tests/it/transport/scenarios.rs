//! Behaviours of HTTP/1 servers, and what is expected of a call. `RELIABILITY.md` lists them.

use std::time::Duration;

use serde_json::json;
use tokio::time::{Instant, sleep};

use super::run_result::RunResult;
use crate::support::{
    Expected, SECRET,
    ServerBehaviour::{self, Drips, Floods, ResetsAfter, ResetsAfterWriting, Responds, Stalls},
    TOKEN, Wire, http, metadata, sized,
};

/// One behaviour of a server, and what is expected of a call.
pub(super) struct Scenario {
    pub(super) server: &'static str,
    /// One per connection, of which the last repeats. Without one, the connection is refused.
    behaviours: Vec<ServerBehaviour>,
    pub(super) expected: Expected,
    pub(super) attempts: u32,
    /// How many whole requests arrive.
    pub(super) arrived: usize,
    /// The upper limit of the call on the paused clock, in seconds.
    pub(super) within: u64,
}

/// A piece of a flood, for a body or one header.
pub(super) const PIECE: &str = "0123456789abcdef0123456789abcdef";
/// A piece of a flood, for the head.
pub(super) const HEADERS: &str = "x-flood: 0123456789abcdef\r\n";

/// A success response's body.
pub(super) fn registration() -> String {
    format!(r#"{{"client_id": "id", "client_secret": "{SECRET}"}}"#)
}

/// A scenario of one request.
fn once(server: &'static str, behaviour: ServerBehaviour, expected: Expected) -> Scenario {
    let waits_for_timeout = matches!(behaviour, Stalls(_) | Drips(_));
    let within = if waits_for_timeout { 31 } else { 1 };
    Scenario { server, behaviours: vec![behaviour], expected, attempts: 1, arrived: 1, within }
}

/// A scenario in which the request is sent again.
fn again(
    server: &'static str,
    behaviours: Vec<ServerBehaviour>,
    expected: Expected,
    attempts: u32,
    within: u64,
) -> Scenario {
    Scenario { server, behaviours, expected, attempts, arrived: attempts as usize, within }
}

pub(super) fn scenarios() -> Vec<Scenario> {
    let ok = || sized("201 Created", "", &registration());
    let cut = registration()[..40].to_owned();
    let limited = |after: &str| sized("429 Too Many Requests", after, &registration());
    let busy = |after: &str| sized("503 Service Unavailable", after, &registration());
    let past =
        "date: Thu, 01 Jan 2026 00:00:00 GMT\r\nretry-after: Thu, 01 Jan 2026 00:00:20 GMT\r\n";
    vec![
        once("responds 201", Responds(ok()), Expected::Registered),
        once("responds 200", Responds(sized("200 OK", "", &registration())), Expected::Registered),
        once(
            "responds 200 with an error",
            Responds(sized("200 OK", "", r#"{"error": "invalid_redirect_uri"}"#)),
            Expected::REFUSED,
        ),
        once(
            "responds 200 with a page",
            Responds(sized("200 OK", "", "<title>Welcome</title>")),
            Expected::UNREADABLE_UNKNOWN,
        ),
        once(
            "responds 202, without a client",
            Responds(sized("202 Accepted", "", r#"{"status": "pending_approval"}"#)),
            Expected::UNREADABLE_UNKNOWN,
        ),
        once(
            "responds 201 with a page",
            Responds(sized("201 Created", "", "<title>Welcome</title>")),
            Expected::UNREADABLE,
        ),
        once(
            "responds 201 with a content coding that was not requested",
            Responds(sized("201 Created", "content-encoding: gzip\r\n", "\u{1f}\u{8b}")),
            Expected::UNREADABLE,
        ),
        once(
            "responds 200 with the client in a JSON string",
            Responds(sized("200 OK", "", &json!({"body": registration()}).to_string())),
            Expected::UNREADABLE,
        ),
        once(
            "responds in HTTP/1.0, without a length",
            Responds(format!("HTTP/1.0 200 OK\r\n\r\n{}", registration()).into()),
            Expected::Registered,
        ),
        once(
            "responds chunked",
            Responds(http(
                "200 OK\r\ntransfer-encoding: chunked",
                &format!("{:x}\r\n{}\r\n0\r\n\r\n", registration().len(), registration()),
            )),
            Expected::Registered,
        ),
        once(
            "responds 100 Continue, then 201",
            Responds([b"HTTP/1.1 100 Continue\r\n\r\n".to_vec(), ok()].concat()),
            Expected::Registered,
        ),
        once(
            "responds 103 Early Hints twice, then 201",
            Responds([b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n".repeat(2), ok()].concat()),
            Expected::Registered,
        ),
        once(
            "sends three responses at once",
            Responds([ok(), sized("500 No", "", ""), ok()].concat()),
            Expected::Registered,
        ),
        once(
            "sends more than the declared length",
            Responds([ok(), b"trailing".to_vec()].concat()),
            Expected::Registered,
        ),
        once(
            "closes before the declared end, after the whole JSON",
            Responds(http("200 OK\r\ncontent-length: 9999", &registration())),
            Expected::Registered,
        ),
        once(
            "closes within the JSON",
            Responds(http("200 OK\r\ncontent-length: 9999", &cut)),
            Expected::UNREADABLE,
        ),
        once(
            "resets within the JSON",
            ResetsAfterWriting(http("200 OK\r\ncontent-length: 9999", &cut)),
            Expected::UNREADABLE,
        ),
        once(
            "closes within a chunk",
            Responds(http("200 OK\r\ntransfer-encoding: chunked", &format!("ff\r\n{cut}"))),
            Expected::UNREADABLE,
        ),
        once(
            "sends an invalid chunk size",
            Responds(http("200 OK\r\ntransfer-encoding: chunked", "zz\r\nx")),
            Expected::UNREADABLE,
        ),
        once(
            "sends the head, then nothing",
            Stalls(http("201 Created\r\ncontent-length: 99", "")),
            Expected::UNREADABLE,
        ),
        once(
            "sends one byte a second",
            Drips(sized("201 Created", "", &registration())),
            Expected::SENT,
        ),
        once(
            "sends an endless body",
            Floods(http("200 OK", &registration()[..70]), PIECE),
            Expected::UNREADABLE,
        ),
        once(
            "responds 400 with an endless body",
            Floods(http("400 Bad Request", ""), PIECE),
            Expected::REFUSED,
        ),
        once(
            "sends endless headers",
            Floods(b"HTTP/1.1 200 OK\r\n".to_vec(), HEADERS),
            Expected::SENT,
        ),
        once(
            "sends one endless header",
            Floods(b"HTTP/1.1 200 OK\r\nx: ".to_vec(), PIECE),
            Expected::SENT,
        ),
        once(
            "sends 1,000 headers",
            Responds(sized("200 OK", &"x: y\r\n".repeat(1000), &registration())),
            Expected::SENT,
        ),
        once("sends nothing", Stalls(Vec::new()), Expected::SENT),
        once("closes without a response", Responds(Vec::new()), Expected::SENT),
        once(
            "closes within the head",
            Responds(b"HTTP/1.1 200 OK\r\ncontent-le".to_vec()),
            Expected::SENT,
        ),
        once("resets before the response", ResetsAfterWriting(Vec::new()), Expected::SENT),
        once(
            "speaks another protocol",
            Responds(b"SSH-2.0-OpenSSH_9.9\r\n".to_vec()),
            Expected::SENT,
        ),
        once(
            "responds with an invalid status",
            Responds(b"HTTP/1.1 2000 OK\r\n\r\n".to_vec()),
            Expected::SENT,
        ),
        Scenario {
            arrived: 0,
            ..once("resets after half of the request's body", ResetsAfter(300), Expected::SENT)
        },
        Scenario {
            arrived: 0,
            ..once("resets after half of the request's head", ResetsAfter(40), Expected::SENT)
        },
        once(
            "responds 400",
            Responds(sized("400 Bad Request", "", &registration())),
            Expected::REFUSED,
        ),
        once(
            "responds 303",
            Responds(sized("303 See Other", "location: /x\r\n", "")),
            Expected::SERVER_FAILED,
        ),
        once(
            "responds 308",
            Responds(sized("308 Permanent Redirect", "location: /x\r\n", "")),
            Expected::REFUSED,
        ),
        once(
            "responds 500",
            Responds(sized("500 Oops", "", &registration())),
            Expected::SERVER_FAILED,
        ),
        once("responds 503 without Retry-After", Responds(busy("")), Expected::SERVER_FAILED),
        once(
            "responds 503, Retry-After is not a number",
            Responds(busy("retry-after: soon\r\n")),
            Expected::SERVER_FAILED,
        ),
        once("responds 600", Responds(sized("600 Strange", "", "")), Expected::SERVER_FAILED),
        once(
            "responds 403, and closes within the body",
            Responds(http("403 Forbidden\r\ncontent-length: 9999", "{\"detail\":")),
            Expected::REFUSED,
        ),
        Scenario { arrived: 0, ..again("refuses the connection", vec![], Expected::UNSENT, 3, 2) },
        again(
            "responds 429 once, Retry-After 20",
            vec![Responds(limited("retry-after: 20\r\n")), Responds(ok())],
            Expected::Registered,
            2,
            21,
        ),
        again(
            "responds 429 once, Retry-After is a date in 20 s",
            vec![Responds(limited(past)), Responds(ok())],
            Expected::Registered,
            2,
            21,
        ),
        again(
            "responds 429 once, Retry-After 19.997",
            vec![Responds(limited("retry-after: 19.997\r\n")), Responds(ok())],
            Expected::Registered,
            2,
            21,
        ),
        again(
            "responds 429 once, without Retry-After",
            vec![Responds(limited("")), Responds(ok())],
            Expected::Registered,
            2,
            1,
        ),
        again(
            "responds 429 once, Retry-After -5",
            vec![Responds(limited("retry-after: -5\r\n")), Responds(ok())],
            Expected::Registered,
            2,
            1,
        ),
        again(
            "responds 503 once, Retry-After 0",
            vec![Responds(busy("retry-after: 0\r\n")), Responds(ok())],
            Expected::Registered,
            2,
            1,
        ),
        again("responds 429 always", vec![Responds(limited(""))], Expected::REFUSED, 3, 2),
        again(
            "responds 429 always, Retry-After 12: two retries fit into 30 s",
            vec![Responds(limited("retry-after: 12\r\n"))],
            Expected::REFUSED,
            3,
            25,
        ),
        again(
            "responds 429, Retry-After 40: does not fit into 30 s",
            vec![Responds(limited("retry-after: 40\r\n"))],
            Expected::REFUSED,
            1,
            1,
        ),
        again(
            "responds 429, Retry-After 99999999999999999999",
            vec![Responds(limited("retry-after: 99999999999999999999\r\n"))],
            Expected::REFUSED,
            1,
            1,
        ),
        again(
            "responds 429, then 500",
            vec![Responds(limited("")), Responds(sized("500 Oops", "", ""))],
            Expected::SERVER_FAILED,
            2,
            1,
        ),
        again(
            "responds 429, then nothing",
            vec![Responds(limited("")), Stalls(Vec::new())],
            Expected::SENT,
            2,
            31,
        ),
    ]
}

impl Scenario {
    pub(super) async fn run(&self) -> RunResult {
        let wire = if self.behaviours.is_empty() {
            Wire::nobody()
        } else {
            Wire::serve(self.behaviours.clone()).await
        };
        let poggio = wire.client_builder().auth_token(TOKEN).build().unwrap();
        let started = Instant::now();
        let result = poggio.register(&metadata()).await;
        let elapsed = started.elapsed();
        // A request that the HTTP library sends again would arrive now.
        sleep(Duration::from_secs(1)).await;
        let result = RunResult::of(self.server, &result, self.expected == Expected::Registered);
        RunResult { arrived: wire.arrived(), elapsed, ..result }
    }
}
