//! Connections that send or read nothing, or slowly. Time is paused where a limit ends them.

use tokio::time::{Instant, sleep};

use super::*;

/// More than the listener holds at once.
const MANY: usize = 100;

#[tokio::test]
async fn callback_listener_serves_the_callback_while_other_connections_send_nothing() {
    let login = Login::new(ANY_PORT).await;
    let (address, request) = (login.address(), login.request("code=c"));
    let wait = login.wait();
    // A browser opens some for later.
    let mut idle = Vec::new();
    for _ in 0..8 {
        idle.push(TcpStream::connect(address).await.unwrap());
    }
    let ignored = send(address, get("/", "").as_bytes()).await;
    assert!(ignored.starts_with("HTTP/1.1 421 "), "{ignored}");
    // The oldest is open still.
    let oldest = idle.first_mut().unwrap();
    oldest.write_all(get("/", "").as_bytes()).await.unwrap();
    assert!(read(oldest).await.starts_with("HTTP/1.1 421 "));
    let response = send(address, request.as_bytes()).await;
    assert!(response.contains("<h1>Return to the application</h1>"), "{response}");
    assert!(wait.await.unwrap().1.is_ok());
}

#[tokio::test]
async fn callback_listener_closes_the_oldest_connection_if_there_are_too_many() {
    let login = Login::new(ANY_PORT).await;
    let (address, request) = (login.address(), login.request("code=c"));
    let wait = login.wait();
    let mut slow = Vec::new();
    for _ in 0..MANY {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"GET /callback HTTP/1.1\r\nHost: ").await.unwrap();
        slow.push(stream);
    }
    assert_eq!(read(&mut slow[0]).await, "");
    assert_eq!(read(&mut slow[MANY - 65]).await, "");
    // The newest is open still.
    let newest = slow.last_mut().unwrap();
    newest.write_all(b"evil.example\r\n\r\n").await.unwrap();
    assert!(read(newest).await.starts_with("HTTP/1.1 421 "));

    let response = send(address, request.as_bytes()).await;
    assert!(response.contains("<h1>Return to the application</h1>"), "{response}");
    assert!(wait.await.unwrap().1.is_ok());
}

#[tokio::test(start_paused = true)]
async fn callback_listener_closes_connections_that_send_nothing_or_slowly() {
    let login = Login::new(ANY_PORT).await;
    let (address, callback) = (login.address(), login.request("code=c"));
    let wait = login.wait();

    let start = Instant::now();
    let mut idle = TcpStream::connect(address).await.unwrap();
    let response = read(&mut idle).await;
    assert!(response.is_empty() || response.starts_with("HTTP/1.1 408 "), "{response}");
    assert!(start.elapsed() <= Duration::from_secs(10), "{:?}", start.elapsed());

    let start = Instant::now();
    let mut slow = TcpStream::connect(address).await.unwrap();
    while slow.write_all(b"G").await.is_ok() {
        sleep(Duration::from_millis(250)).await;
        assert!(start.elapsed() <= Duration::from_secs(60), "the connection is open still");
    }

    tokio::time::resume();
    assert!(!wait.is_finished());
    send(address, callback.as_bytes()).await;
    assert!(wait.await.unwrap().1.is_ok());
}

#[tokio::test]
async fn callback_listener_responds_to_a_client_that_has_closed_its_sending_side() {
    let login = Login::new(ANY_PORT).await;
    let (address, request) = (login.address(), login.request("code=c"));
    let wait = login.wait();
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    let response = read(&mut stream).await;
    assert!(response.ends_with("</html>\n"), "{response}");
    assert!(wait.await.unwrap().1.is_ok());
}

#[tokio::test]
async fn callback_listener_returns_the_callback_if_the_browser_goes_before_the_page() {
    let login = Login::new(ANY_PORT).await;
    let (address, request) = (login.address(), login.request("code=c"));
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    drop(stream);
    assert!(login.wait().await.unwrap().1.unwrap().contains("code=c"));
}
