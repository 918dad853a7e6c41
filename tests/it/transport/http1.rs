//! Calls over HTTP/1 to servers that behave badly. The clock is tokio's and paused, so no test sleeps.

use std::{future::poll_fn, task::Poll, time::Duration};

use poggio::Error;
use tokio::time::sleep;

use super::scenarios::{HEADERS, PIECE, registration, scenarios};
use crate::support::{
    PeakMemory,
    ServerBehaviour::{Floods, KeepsAlive, Responds, RespondsUnasked},
    Wire, attempts, http, metadata, paused, sized,
};

#[test]
fn register_returns_the_expected_outcome_and_shows_no_secret() {
    paused(async {
        for scenario in scenarios() {
            let server = scenario.server;
            let result = scenario.run().await;
            assert_eq!(result.expected, scenario.expected, "{server}");
            assert_eq!(result.attempts, scenario.attempts, "{server}");
            assert_eq!(result.arrived, scenario.arrived, "{server}");
            let limit = Duration::from_secs(scenario.within);
            assert!(result.elapsed <= limit, "{server}: took {:?}", result.elapsed);
            assert!(!result.lost, "{server}: the secret is lost");
            assert!(!result.leaked, "{server}: the secret or the token is shown");
        }
    });
}

#[test]
fn transport_error_is_sent_if_and_only_if_the_server_received_bytes() {
    paused(async {
        let response = sized("201 Created", "", &registration());
        for unasked in [Vec::new(), b"x".to_vec(), response] {
            let wire = Wire::serve(vec![RespondsUnasked(unasked)]).await;
            let result = wire.client().register(&metadata()).await;
            sleep(Duration::from_secs(1)).await;
            let requests = wire.requests();
            let has_arrived = requests.iter().any(|request| !request.is_empty());
            match result {
                Ok(client) => assert_eq!((attempts(&client), wire.arrived()), (1, 1)),
                Err(Error::Transport(error)) => {
                    assert_eq!(error.is_sent(), has_arrived, "{requests:?}");
                    let attempts = Error::Transport(error).attempts();
                    assert_eq!(attempts, if has_arrived { 1 } else { 3 });
                    assert_eq!(requests.len(), attempts as usize);
                }
                Err(error) => panic!("{error}"),
            }
        }
    });
}

#[test]
fn client_reuses_an_open_connection_and_replaces_a_closed_one() {
    paused(async {
        let response = sized("201 Created", "", &registration());
        for behaviour in [KeepsAlive(response.clone()), Responds(response)] {
            let wire = Wire::serve(vec![behaviour]).await;
            let poggio = wire.client();
            for _ in 0..3 {
                assert_eq!(attempts(&poggio.register(&metadata()).await.unwrap()), 1);
                // The client learns that the server has closed the connection.
                sleep(Duration::from_millis(10)).await;
            }
            assert_eq!(wire.arrived(), 3);
        }
    });
}

#[test]
fn register_closes_the_connection_of_an_endless_response() {
    paused(async {
        for (head, piece) in [
            ("HTTP/1.1 200 OK\r\n\r\n", PIECE),
            ("HTTP/1.1 500 X\r\n\r\n", PIECE),
            ("HTTP/1.1 200 OK\r\n", HEADERS),
            ("HTTP/1.1 200 OK\r\nx: ", PIECE),
        ] {
            let wire = Wire::serve(vec![Floods(head.into(), piece)]).await;
            wire.client().register(&metadata()).await.unwrap_err();
            sleep(Duration::from_secs(1)).await;
            assert_eq!(wire.cut_off(), 1, "{head:?}: the connection is still open");
        }
    });
}

#[test]
fn register_sends_nothing_more_after_its_future_is_dropped() {
    paused(async {
        for max_polls in 1..200 {
            let limited = sized("429 X", "retry-after: 5\r\n", "");
            let registered = sized("201 Created", "", &registration());
            let wire = Wire::serve(vec![Responds(limited), Responds(registered)]).await;
            let (poggio, metadata) = (wire.client(), metadata());
            let mut call = Box::pin(poggio.register(&metadata));
            let mut polls = 0;
            let result = poll_fn(|context| {
                polls += 1;
                match call.as_mut().poll(context) {
                    Poll::Ready(result) => Poll::Ready(Some(result)),
                    Poll::Pending if polls == max_polls => Poll::Ready(None),
                    Poll::Pending => Poll::Pending,
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
            assert!(wire.arrived() <= before.max(1), "a request was sent after {max_polls} polls");
        }
        panic!("the call does not end");
    });
}

#[test]
fn register_uses_no_more_memory_than_its_caps_for_an_endless_response() {
    paused(async {
        const MIB: usize = 1 << 20;
        let peak = async |behaviour| {
            let wire = Wire::serve(vec![behaviour]).await;
            let poggio = wire.client();
            // Server and client share this thread, so this counts both.
            let peak = PeakMemory::watch();
            let _ = poggio.register(&metadata()).await;
            peak.bytes()
        };
        let usual = peak(Responds(sized("200 OK", "", &registration()))).await;
        let body = peak(Floods(http("200 OK", ""), PIECE)).await;
        let head = peak(Floods(b"HTTP/1.1 200 OK\r\nx: ".to_vec(), PIECE)).await;
        // The cap of a body is 256 KiB, and the HTTP library reads some 400 KiB at once. A buffer that grows
        // is held twice for a moment.
        assert!(usual < MIB / 4, "{usual} bytes");
        assert!(body < 2 * MIB, "{body} bytes");
        assert!(head < 2 * MIB, "{head} bytes");
    });
}
