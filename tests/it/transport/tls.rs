//! Calls over TLS and HTTP/2. The clock is paused, as in `http1`.

use std::time::Duration;

use poggio::Error;
use tokio::time::sleep;

use super::{
    run_result::RunResult,
    tls_server::{
        TlsBehaviour::{
            self, Closing, ClosingAfterReading, Expired, GoingAwayAfterReading, GoingAwayAtOnce,
            Http1, Http2, NotYetValid, OfAnotherName, RefusingTheStream, ResettingTheStream,
            Silent, Untrusted, WithoutTls,
        },
        TlsServer,
    },
};
use crate::support::{Expected, metadata, paused};

/// The behaviour of the server, and the expected result, attempts, and whole requests that arrive.
const SCENARIOS: [(TlsBehaviour, &str, Expected, u32, usize); 13] = [
    (Http1, "has a valid certificate", Expected::Registered, 1, 1),
    (OfAnotherName, "has a certificate for another name", Expected::UNSENT, 3, 0),
    (Expired, "has an expired certificate", Expected::UNSENT, 3, 0),
    (NotYetValid, "has a certificate that is not yet valid", Expected::UNSENT, 3, 0),
    (Untrusted, "has a certificate that is not trusted", Expected::UNSENT, 3, 0),
    (WithoutTls, "does not speak TLS", Expected::UNSENT, 3, 0),
    (Closing, "closes in the handshake", Expected::UNSENT, 3, 0),
    (Silent, "sends nothing in the handshake", Expected::UNSENT, 3, 0),
    (Http2, "speaks HTTP/2", Expected::Registered, 1, 1),
    // Nothing arrived, but the client cannot know that.
    (RefusingTheStream, "speaks HTTP/2, refuses the stream", Expected::SENT, 1, 0),
    (ResettingTheStream, "speaks HTTP/2, resets the stream after reading", Expected::SENT, 1, 1),
    (GoingAwayAfterReading, "speaks HTTP/2, goes away after reading", Expected::SENT, 1, 1),
    (ClosingAfterReading, "speaks HTTP/2, closes after reading", Expected::SENT, 1, 1),
];

async fn run(behaviour: TlsBehaviour, description: &str) -> RunResult {
    let server = TlsServer::start(behaviour).await;
    let result = server.client().register(&metadata()).await;
    // A request that the HTTP library sends again would arrive now.
    sleep(Duration::from_millis(20)).await;
    let result = RunResult::of(description, &result, matches!(behaviour, Http1 | Http2));
    RunResult { arrived: server.arrived(), ..result }
}

pub(super) async fn run_all() -> Vec<RunResult> {
    let mut all = Vec::new();
    for (behaviour, description, ..) in SCENARIOS {
        all.push(run(behaviour, description).await);
    }
    all
}

#[test]
fn register_sends_nothing_to_an_unverified_server_and_nothing_twice_over_http2() {
    paused(async {
        for (behaviour, description, expected, attempts, arrived) in SCENARIOS {
            let result = run(behaviour, description).await;
            let actual = (result.expected, result.attempts, result.arrived);
            assert_eq!(actual, (expected, attempts, arrived), "{description}");
            assert!(!result.lost && !result.leaked, "{result:?}");
        }
    });
}

#[test]
fn transport_error_is_sent_if_and_only_if_a_data_frame_arrived() {
    paused(async {
        let server = TlsServer::start(GoingAwayAtOnce).await;
        let result = server.client().register(&metadata()).await;
        let Err(Error::Transport(error)) = result else { panic!("{result:?}") };
        sleep(Duration::from_secs(1)).await;
        assert_eq!(error.is_sent(), server.bodies() > 0);
        let expected = if error.is_sent() { Expected::SENT } else { Expected::UNSENT };
        assert_eq!(Expected::of(&Err(Error::Transport(error))), expected);
        assert!(server.bodies() <= 1, "sent twice");
    });
}
