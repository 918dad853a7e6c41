//! When a call replaces a client: its secret expires, or the server rejects it.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use poggio::{RegistrationStoreExt, store::RetiredReason, testing::Reply};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::support::{
    metadata,
    store::{Fixture, secret},
};

const YEAR: i64 = 365 * 86_400;

fn seconds_from_now(seconds: i64) -> i64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    i64::try_from(now.as_secs()).unwrap() + seconds
}

fn expiring_in(seconds: i64) -> Reply {
    Reply::registered().with_member("client_secret_expires_at", seconds_from_now(seconds))
}

/// Rewrites the store as if a clock that was ahead had saved it.
fn move_saved_at(fixture: &Fixture, by_seconds: i64) {
    let mut document = fixture.json();
    let saved_at = seconds_from_now(by_seconds);
    for registration in document["registrations"].as_array_mut().unwrap() {
        registration["saved_at"] = saved_at.into();
    }
    for line in document.get_mut("retired").and_then(Value::as_array_mut).into_iter().flatten() {
        let mut fields: Vec<_> = line.as_str().unwrap().split(' ').map(str::to_owned).collect();
        fields[3] = saved_at.to_string();
        *line = fields.join(" ").into();
    }
    fixture.write(document.to_string());
}

#[tokio::test]
async fn register_once_renews_a_secret_that_expires_within_the_margin() {
    let fixture = Fixture::new().await;
    fixture.server.script([expiring_in(50), expiring_in(3600), expiring_in(0)]);
    let first = fixture.register_once(&metadata()).await.unwrap();
    move_saved_at(&fixture, -3600);
    let second = fixture.register_once(&metadata()).await.unwrap();
    assert_ne!(second.client_id, first.client_id);
    assert_eq!(fixture.register_once(&metadata()).await.unwrap().client_id, second.client_id);
    assert_eq!(
        fixture.history().await,
        [(first.client_id, Some(RetiredReason::Expired)), (second.client_id.clone(), None)]
    );

    move_saved_at(&fixture, -3600);
    let margin = Duration::from_secs(7200);
    let poggio = fixture.server.client_builder().renewal_margin(margin).build().unwrap();
    let third = poggio.register_once(&metadata(), &fixture.store).await.unwrap();
    assert_ne!(third.client_id, second.client_id);
    assert_eq!(fixture.request_count(), 3);
}

#[tokio::test]
async fn register_once_uses_a_secret_for_at_least_half_of_its_lifetime() {
    for (lifetime, margin) in [(30, 60), (3600, 7200), (3, 60), (600, 601), (100, u64::MAX)] {
        let fixture = Fixture::new().await;
        fixture.server.script((0..3).map(|_| expiring_in(lifetime)));
        let builder = fixture.server.client_builder().renewal_margin(Duration::from_secs(margin));
        let poggio = builder.build().unwrap();
        let register = async || poggio.register_once(&metadata(), &fixture.store).await.unwrap();
        let first = register().await;
        for _ in 0..5 {
            assert_eq!(register().await.client_id, first.client_id, "{lifetime} {margin}");
        }
        // Two thirds of the lifetime have passed.
        move_saved_at(&fixture, -lifetime * 2);
        let second = register().await;
        assert_ne!(second.client_id, first.client_id, "{lifetime} {margin}");
        assert_eq!(register().await.client_id, second.client_id);
        assert_eq!(fixture.request_count(), 2);
    }
}

#[tokio::test]
async fn register_once_with_the_largest_limits_renews_every_secret_that_expires() {
    let fixture = Fixture::new().await;
    fixture.server.script([expiring_in(3600)]);
    let builder = fixture.server.client_builder();
    let poggio = builder.timeout(Duration::MAX).renewal_margin(Duration::MAX).build().unwrap();
    let register = async || poggio.register_once(&metadata(), &fixture.store).await.unwrap();
    let first = register().await;
    // Not before half of its lifetime has passed.
    assert_eq!(register().await.client_id, first.client_id);
    move_saved_at(&fixture, -3610);
    let second = register().await;
    assert_ne!(second.client_id, first.client_id);
    assert_eq!(register().await.client_id, second.client_id);
}

#[tokio::test]
async fn register_once_does_not_renew_a_client_without_an_expiring_secret() {
    for reply in [
        Reply::registered().with_member("client_secret_expires_at", 0),
        Reply::registered().without_member("client_secret_expires_at"),
        expiring_in(-100).without_member("client_secret"),
    ] {
        let fixture = Fixture::new().await;
        fixture.server.script([reply]);
        let first = fixture.register_once(&metadata()).await.unwrap();
        assert_eq!(fixture.register_once(&metadata()).await.unwrap().client_id, first.client_id);
        assert_eq!(fixture.request_count(), 1);
    }
}

#[tokio::test]
async fn register_once_sends_two_requests_at_most_if_every_new_secret_has_expired() {
    let fixture = Fixture::new().await;
    // The clock of this machine is ahead of the server's.
    fixture.server.script((0..5).map(|_| expiring_in(-1_000_000)));
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(fixture.register_once(&metadata()).await.unwrap().client_id);
    }
    assert_eq!(fixture.request_count(), 2, "{ids:?}");
    assert_eq!(ids[1..], [&*ids[1]; 4].map(str::to_owned));
}

/// Secrets live an hour, and the clock of two calls was two hours ahead.
#[tokio::test]
async fn register_once_renews_again_once_a_clock_that_was_ahead_is_right() {
    const HOUR: i64 = 3600;
    // How long ago the two calls were, as the clock showed it then.
    for saved_ago in [-HOUR / 2, 90, HOUR, 9 * HOUR, YEAR] {
        let fixture = Fixture::new().await;
        let expired = || expiring_in(-saved_ago.abs() - HOUR);
        fixture.server.script([expired(), expired(), expiring_in(HOUR)]);
        fixture.register_once(&metadata()).await.unwrap();
        let dead = fixture.register_once(&metadata()).await.unwrap();
        // The clock is still ahead.
        for _ in 0..3 {
            let client = fixture.register_once(&metadata()).await.unwrap();
            assert_eq!(client.client_id, dead.client_id);
        }
        move_saved_at(&fixture, -saved_ago);
        let client = fixture.register_once(&metadata()).await.unwrap();
        assert_ne!(client.client_id, dead.client_id, "{saved_ago}");
        for _ in 0..3 {
            let again = fixture.register_once(&metadata()).await.unwrap();
            assert_eq!(again.client_id, client.client_id);
        }
        assert_eq!(fixture.request_count(), 3);
    }
}

#[tokio::test]
async fn register_once_renews_only_expired_secrets_after_the_clock_was_set_back() {
    let fixture = Fixture::new().await;
    fixture.server.script([expiring_in(3600)]);
    let first = fixture.register_once(&metadata()).await.unwrap();
    move_saved_at(&fixture, YEAR);
    assert_eq!(fixture.register_once(&metadata()).await.unwrap().client_id, first.client_id);
    assert_eq!(fixture.request_count(), 1);

    // Secrets that had expired on arrival, by the clock that was ahead, are renewed when they expire.
    let fixture = Fixture::new().await;
    fixture.server.script([
        expiring_in(-10),
        expiring_in(-10),
        expiring_in(-10),
        expiring_in(3600),
    ]);
    fixture.register_once(&metadata()).await.unwrap();
    let second = fixture.register_once(&metadata()).await.unwrap();
    assert_eq!(fixture.register_once(&metadata()).await.unwrap().client_id, second.client_id);
    assert_eq!(fixture.request_count(), 2);
    move_saved_at(&fixture, YEAR);
    let third = fixture.register_once(&metadata()).await.unwrap();
    assert_ne!(third.client_id, second.client_id);
    assert_eq!(fixture.request_count(), 3);
}

#[tokio::test]
async fn register_once_gives_an_expiring_or_recovered_client_to_all_waiting_callers() {
    // The margin alone would renew the first one for each caller.
    for reply in [expiring_in(30), Reply::cut_off()] {
        let fixture = Arc::new(Fixture::new().await);
        fixture.server.script([reply.with_delay(Duration::from_millis(300))]);
        let mut callers = JoinSet::new();
        for _ in 0..16 {
            let fixture = Arc::clone(&fixture);
            callers.spawn(async move { fixture.register_once(&metadata()).await.unwrap() });
        }
        let clients = callers.join_all().await;
        assert!(clients.iter().all(|client| client.client_id == clients[0].client_id));
        assert_eq!(fixture.request_count(), 1);
    }
}

#[tokio::test]
async fn register_once_stores_the_new_secret_of_a_client_that_the_server_returns_again() {
    let fixture = Fixture::new().await;
    let with_secret = |secret: &str| {
        Reply::registered().with_member("client_id", "same").with_member("client_secret", secret)
    };
    fixture.server.script(["first", "second", "third"].map(with_secret));
    assert_eq!(secret(&fixture.register_once(&metadata()).await.unwrap()), "first");
    fixture.store.mark_rejected("same").await.unwrap();
    for _ in 0..2 {
        assert_eq!(secret(&fixture.register_once(&metadata()).await.unwrap()), "second");
    }
    let other = metadata().with_scope("read");
    for _ in 0..2 {
        assert_eq!(secret(&fixture.register_once(&other).await.unwrap()), "third");
    }
    assert_eq!(fixture.request_count(), 3);
    let reasons: Vec<_> = fixture.history().await.into_iter().map(|(_, reason)| reason).collect();
    let (rejected, replaced) = (RetiredReason::Rejected, RetiredReason::Replaced);
    assert_eq!(reasons, [Some(rejected), Some(replaced), None]);
}

#[tokio::test]
async fn register_once_sends_one_request_after_two_reports_of_a_rejected_client() {
    let fixture = Fixture::new().await;
    let first = fixture.register_once(&metadata()).await.unwrap();

    let report = || async {
        let was_in_use = fixture.store.mark_rejected(&first.client_id).await.unwrap();
        (was_in_use, fixture.register_once(&metadata()).await.unwrap())
    };
    let ((a_was_in_use, a), (b_was_in_use, b)) = tokio::join!(report(), report());
    assert!(a_was_in_use ^ b_was_in_use);
    assert_ne!(a.client_id, first.client_id);
    assert_eq!(a.client_id, b.client_id);
    assert_eq!(secret(&a), secret(&b));

    // A late report of the old client does not affect the new one.
    assert!(!fixture.store.mark_rejected(&first.client_id).await.unwrap());
    assert_eq!(fixture.register_once(&metadata()).await.unwrap().client_id, a.client_id);
    assert_eq!(fixture.request_count(), 2);
    assert_eq!(
        fixture.history().await,
        [(first.client_id.clone(), Some(RetiredReason::Rejected)), (a.client_id, None)]
    );
    // Only its id is kept.
    let retired = fixture.store.list().await.unwrap()[0].client().expose_json();
    assert_eq!(retired, json!({"client_id": first.client_id}));
    assert_eq!(fixture.store.export(&first.client_id).await.unwrap(), None);
    assert!(!fixture.text().contains(secret(&first)));
}
