//! Connections that send or read nothing, or slowly. Time is paused if a limit ends them.

use tokio::time::{Instant, sleep};

use super::*;

/// More connections than the listener keeps at once.
const MANY: usize = 100;
/// The connections that it keeps.
const KEPT: usize = 64;

#[tokio::test]
async fn callback_listener_serves_the_callback_while_other_connections_send_nothing() {
    let (browser, wait) = Login::start().await;
    // A browser opens some for later.
    let mut idle = Vec::new();
    for _ in 0..8 {
        idle.push(browser.connect().await);
    }
    let ignored = browser.send(&get("/", "")).await;
    assert!(ignored.starts_with("HTTP/1.1 421 "), "{ignored}");
    // The oldest is still open.
    let oldest = idle.first_mut().unwrap();
    oldest.write_all(get("/", "").as_bytes()).await.unwrap();
    assert!(read(oldest).await.starts_with("HTTP/1.1 421 "));
    browser.assert_accepted(wait).await;
}

#[tokio::test]
async fn callback_listener_closes_the_oldest_connection_if_there_are_too_many() {
    let (browser, wait) = Login::start().await;
    let mut slow = Vec::new();
    for _ in 0..MANY {
        let mut stream = browser.connect().await;
        stream.write_all(b"GET /callback HTTP/1.1\r\nHost: ").await.unwrap();
        slow.push(stream);
    }
    assert_eq!(read(&mut slow[0]).await, "");
    assert_eq!(read(&mut slow[MANY - KEPT - 1]).await, "");
    // The newest is still open.
    let newest = slow.last_mut().unwrap();
    newest.write_all(b"evil.example\r\n\r\n").await.unwrap();
    assert!(read(newest).await.starts_with("HTTP/1.1 421 "));
    browser.assert_accepted(wait).await;
}

#[tokio::test(start_paused = true)]
async fn callback_listener_closes_connections_that_send_nothing_or_slowly() {
    let (browser, wait) = Login::start().await;
    let start = Instant::now();
    let response = read(&mut browser.connect().await).await;
    assert!(response.is_empty() || response.starts_with("HTTP/1.1 408 "), "{response}");
    assert!(start.elapsed() <= Duration::from_secs(10), "{:?}", start.elapsed());

    let start = Instant::now();
    let mut slow = browser.connect().await;
    while slow.write_all(b"G").await.is_ok() {
        sleep(Duration::from_millis(250)).await;
        assert!(start.elapsed() <= Duration::from_secs(60), "the connection is still open");
    }

    tokio::time::resume();
    browser.assert_accepted(wait).await;
}

#[tokio::test]
async fn callback_listener_responds_to_a_client_that_has_closed_its_sending_side() {
    let (browser, wait) = Login::start().await;
    let mut stream = browser.connect().await;
    stream.write_all(browser.callback("code=c").as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    let response = read(&mut stream).await;
    assert!(response.ends_with("</html>\n"), "{response}");
    assert!(wait.await.unwrap().1.is_ok());
}

#[tokio::test]
async fn callback_listener_returns_the_callback_if_the_browser_leaves_before_the_page() {
    let (browser, login) = Login::bind(ANY_PORT).await;
    let mut stream = browser.connect().await;
    stream.write_all(browser.callback("code=c").as_bytes()).await.unwrap();
    drop(stream);
    assert!(login.wait().await.unwrap().1.unwrap().contains("code=c"));
}
