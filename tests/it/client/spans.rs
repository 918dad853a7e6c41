//! The spans and events of a registration, and what they do not contain.

use std::{cell::RefCell, io, sync::Once};

use poggio::{
    RegisterReason, RegistrationStoreExt,
    testing::{Reply, Server},
};
use tracing_subscriber::{
    Layer,
    filter::{LevelFilter, Targets},
    fmt::{self, format::FmtSpan},
    layer::SubscriberExt,
    util::SubscriberInitExt,
};

use crate::support::{SECRET, TOKEN, canary_replies, metadata, store::Fixture};

thread_local! {
    /// The text that this thread has recorded. Each test runs its registration on one thread.
    static RECORDED: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

struct ToThisThread;

impl io::Write for ToThisThread {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        RECORDED.with_borrow_mut(|recorded| recorded.extend_from_slice(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Registers at a server with these replies; returns what our spans and events record at TRACE.
async fn recorded(replies: impl IntoIterator<Item = Reply>) -> String {
    recorded_calls(1, replies, 2).await
}

/// As [`recorded`], for this many registrations.
async fn recorded_calls(
    calls: usize,
    replies: impl IntoIterator<Item = Reply>,
    max_retries: u32,
) -> String {
    let server = Server::start().await;
    server.script(replies);
    let poggio =
        server.client_builder().auth_token(TOKEN).max_retries(max_retries).build().unwrap();
    recorded_by(&server, async || {
        for _ in 0..calls {
            let _ = poggio.register(&metadata()).await;
        }
    })
    .await
}

/// Returns what our spans and events record at TRACE.
pub(crate) async fn recorded_by(server: &Server, work: impl AsyncFnOnce()) -> String {
    // All tests share one subscriber, because tracing caches across threads what is enabled.
    static SUBSCRIBER: Once = Once::new();
    SUBSCRIBER.call_once(|| {
        // Only ours: recording those of every crate slows down all tests.
        let ours = Targets::new().with_target("poggio", LevelFilter::TRACE);
        let layer = fmt::layer()
            .with_span_events(FmtSpan::FULL)
            .with_ansi(false)
            .without_time()
            .with_writer(|| ToThisThread)
            .with_filter(ours);
        tracing_subscriber::registry().with(layer).init();
    });
    RECORDED.take();
    work().await;
    let text = String::from_utf8(RECORDED.take()).unwrap();
    let text = text.replace(&server.base_url(), "http://loopback");
    text.lines().filter(|line| line.contains("poggio")).map(|line| format!("{line}\n")).collect()
}

fn last(text: &str) -> &str {
    text.lines().rfind(|line| line.contains("close")).unwrap()
}

#[tokio::test]
async fn register_records_one_span_with_endpoint_status_attempts_client_id_and_outcome() {
    let text = recorded([]).await;
    let close = last(&text);
    for field in [
        "poggio.register{endpoint=\"http://loopback/v1/oauth/register\"",
        "status=200",
        "attempts=1",
        "client_id=\"loopback-client-1\"",
        "outcome=\"registered\"",
    ] {
        assert!(close.contains(field), "{field} in {close}");
    }
    assert_eq!(text.matches(": new").count(), 1, "{text}");
}

#[tokio::test]
async fn register_records_status_and_outcome_of_a_failure() {
    let text = recorded([Reply::status(500)]).await;
    let close = last(&text);
    assert!(close.contains("status=500"), "{close}");
    assert!(close.contains("outcome=\"unknown\""), "{close}");
    assert!(!close.contains("client_id="), "{close}");
}

#[tokio::test]
async fn register_records_each_retry_as_an_event() {
    let limited = Reply::status(429).with_header("retry-after", "0");
    let text = recorded([limited.clone(), limited]).await;
    let events: Vec<_> = text.lines().filter(|line| line.contains("retrying, because")).collect();
    assert_eq!(events.len(), 2, "{text}");
    assert!(events[0].contains("attempts=1") && events[0].contains("status=429"), "{text}");
    assert!(last(&text).contains("attempts=3"), "{text}");
}

#[tokio::test]
async fn register_once_records_and_returns_why_it_registers() {
    use RegisterReason::{Changed, Expired, NoRecord, Rejected};

    let fixture = Fixture::new().await;
    let expired = Reply::registered().with_member("client_secret_expires_at", 1_000_000_000);
    fixture.server.script([Reply::registered(), Reply::registered(), expired]);
    let changed = metadata().with_scope("read").with_additional("x_build", 7);
    let mut reasons = Vec::new();
    let text = recorded_by(&fixture.server, async || {
        for (metadata, rejects) in [
            (metadata(), false),
            (changed.clone(), true),
            (changed.clone(), false),
            (changed, false),
        ] {
            let client = fixture.register_once(&metadata).await.unwrap();
            reasons.push(client.register_reason());
            let again = fixture.poggio.find_registration(&metadata, &fixture.store).await.unwrap();
            assert_eq!(again.and_then(|again| again.register_reason()), None);
            if rejects {
                fixture.store.mark_rejected(&client.client_id).await.unwrap();
            }
        }
    })
    .await;
    assert_eq!(reasons, [NoRecord, Changed, Rejected, Expired].map(Some));
    let events: Vec<_> =
        text.lines().filter(|line| line.contains("registering a client")).collect();
    assert_eq!(events.len(), 4, "{text}");
    for (event, expected) in events.iter().zip([
        "reason=no_record differences=[]",
        r#"reason=changed differences=["scope", "x_build"]"#,
        "reason=rejected differences=[]",
        "reason=expired differences=[]",
    ]) {
        assert!(event.contains(" INFO ") && event.contains(expected), "{event}");
    }
    assert!(!text.contains("loopback-secret"), "{text}");
}

#[tokio::test]
async fn spans_contain_neither_secret_nor_token_nor_body() {
    for reply in [
        Reply::registered(),
        Reply::text(201, r#"{"client_id": "id", "client_secret": "loopback-secret"#),
        Reply::text(500, "loopback-secret t0ken-canary"),
    ] {
        let text = recorded([reply]).await;
        assert!(text.contains("poggio.register"), "{text}");
        for hidden in ["loopback-secret", "t0ken-canary", "Acme Sync", "8910"] {
            assert!(!text.contains(hidden), "{hidden} in {text}");
        }
    }
}

#[tokio::test]
async fn spans_contain_neither_secret_nor_token_of_any_response() {
    let replies = canary_replies();
    let calls = replies.len();
    let text = recorded_calls(calls, replies, 0).await;
    assert_eq!(
        text.lines().filter(|line| line.contains("close") && line.contains("outcome=")).count(),
        calls
    );
    for canary in [SECRET, TOKEN] {
        let shown = text.lines().find(|line| line.contains(canary));
        assert_eq!(shown, None, "{canary} is recorded");
    }
}

#[tokio::test]
async fn spans_escape_control_characters_of_a_client_id() {
    let text = recorded([Reply::registered().with_member("client_id", "a\u{1b}[2J\nb")]).await;
    assert!(!text.contains('\u{1b}'), "{text:?}");
    assert!(last(&text).contains(r#"client_id="a\u{1b}[2J\nb""#), "{text:?}");
}
