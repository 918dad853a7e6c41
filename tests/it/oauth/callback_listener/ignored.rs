//! Requests that are not the callback: their status, and that the wait goes on.

use super::*;

/// Sends each request while the listener waits, and the callback at the end.
async fn assert_ignored(requests: impl Fn(&Login) -> Vec<(String, u16)>) {
    let login = Login::new(ANY_PORT).await;
    let (address, state, callback) = (login.address(), login.state(), login.request("code=right"));
    let requests = requests(&login);
    let wait = login.wait();
    for (request, expected) in requests {
        let response = send(address, request.as_bytes()).await;
        let status = response.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3));
        assert_eq!(status, Some(expected.to_string().as_str()), "{request}\n{response}");
        assert!(!response.contains(&state) && !response.contains("stolen"), "{response}");
        let page = response.split_once("\r\n\r\n").unwrap().1;
        if request.starts_with("HEAD ") || expected == 400 && !request.starts_with("GET /") {
            assert_eq!(page, "", "{request}");
        } else {
            assert!(page.contains("<h1>Request not accepted</h1>"), "{request}\n{response}");
            assert!(response.contains("\r\ncontent-security-policy: default-src 'none'; "));
        }
        assert_eq!(response.contains("\r\nallow: GET\r\n"), expected == 405, "{response}");
        assert!(!wait.is_finished());
    }
    let response = send(address, callback.as_bytes()).await;
    assert!(response.contains("<h1>Return to the application</h1>"), "{response}");
    assert!(wait.await.unwrap().1.unwrap().contains("code=right"));
}

fn own_host(login: &Login) -> String {
    format!("Host: {}\r\n", login.address())
}

fn stolen(login: &Login) -> String {
    format!("/callback?code=stolen&state={}", login.state())
}

#[tokio::test]
async fn callback_listener_ignores_requests_without_the_state() {
    assert_ignored(|login| {
        let (own, state) = (own_host(login), login.state());
        [
            "/callback?code=c&state=other".to_owned(),
            "/callback?error=access_denied&state=other".to_owned(),
            "/callback?code=c".to_owned(),
            "/callback?".to_owned(),
            "/callback".to_owned(),
            format!("/callback?code=c&state={state}&state={state}"),
            format!("/callback?code=c&state={}", &state[1..]),
            format!("/callback?code=c#state={state}"),
            "/callback?code=%zz&state=%ff%00".to_owned(),
        ]
        .map(|target| (get(&target, &own), 400))
        .to_vec()
    })
    .await;
}

#[tokio::test]
async fn callback_listener_ignores_other_paths_such_as_the_favicon() {
    assert_ignored(|login| {
        let (own, stolen) = (own_host(login), stolen(login));
        let targets = ["/", "/favicon.ico", "/callback/", "/Callback", "//callback", "/%63allback"];
        let targets = targets.map(|path| stolen.replace("/callback", path));
        targets.map(|target| (get(&target, &own), 404)).to_vec()
    })
    .await;
}

#[tokio::test]
async fn callback_listener_ignores_other_methods_such_as_head() {
    assert_ignored(|login| {
        let (own, stolen) = (own_host(login), stolen(login));
        vec![
            (format!("HEAD {stolen} HTTP/1.1\r\n{own}\r\n"), 405),
            (format!("OPTIONS {stolen} HTTP/1.1\r\n{own}\r\n"), 405),
            (format!("POST {stolen} HTTP/1.1\r\n{own}Content-Length: 2\r\n\r\nab"), 405),
            (format!("NONE {stolen} HTTP/1.1\r\n{own}\r\n"), 405),
        ]
    })
    .await;
}

#[tokio::test]
async fn callback_listener_ignores_requests_with_a_foreign_host() {
    assert_ignored(|login| {
        let (own, stolen, address) = (own_host(login), stolen(login), login.address());
        let port = address.port();
        [
            format!("Host: evil.example:{port}\r\n"),
            format!("Host: 127.0.0.1.evil.example:{port}\r\n"),
            format!("Host: localhost.evil.example:{port}\r\n"),
            format!("Host: 0.0.0.0:{port}\r\n"),
            "Host: 127.0.0.1\r\n".to_owned(),
            format!("Host: 127.0.0.1:{}\r\n", port ^ 1),
            format!("Host: x@{address}\r\n"),
            format!("{own}Host: evil.example\r\n"),
            format!("{own}{own}"),
            "Host: \r\n".to_owned(),
            String::new(),
        ]
        .map(|headers| (get(&stolen, &headers), 421))
        .into_iter()
        .chain([(get(&format!("http://evil.example{stolen}"), &own), 421)])
        .collect()
    })
    .await;
}

#[tokio::test]
async fn callback_listener_ignores_requests_of_other_pages() {
    assert_ignored(|login| {
        let (own, stolen) = (own_host(login), stolen(login));
        ["image", "empty", "iframe", "script", ""]
            .map(|dest| (get(&stolen, &format!("{own}Sec-Fetch-Dest: {dest}\r\n")), 403))
            .to_vec()
    })
    .await;
}

#[tokio::test]
async fn callback_listener_accepts_a_navigation_of_another_site() {
    let login = Login::new(ANY_PORT).await;
    let (address, request) = (login.address(), login.request("code=c"));
    let wait = login.wait();
    let headers = "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\n\
                   Sec-Fetch-Dest: document\r\n\r\n";
    let request = format!("{}{headers}", request.strip_suffix("\r\n").unwrap());
    let response = send(address, request.as_bytes()).await;
    assert!(response.starts_with("HTTP/1.1 200 "), "{response}");
    assert!(wait.await.unwrap().1.is_ok());
}

#[tokio::test]
async fn callback_listener_ignores_garbage() {
    assert_ignored(|_| {
        let requests =
            ["\x16\x03\x01\x02\x00\x01\x00\x01\u{7f}\r\n\r\n", "GET\r\n\r\n", "\0\0\r\n"];
        requests.map(|request| (request.to_owned(), 400)).to_vec()
    })
    .await;
}

#[tokio::test]
async fn callback_listener_ignores_what_ends_early_and_what_is_huge() {
    let login = Login::new(ANY_PORT).await;
    let (address, callback) = (login.address(), login.request("code=right"));
    let own = own_host(&login);
    let wait = login.wait();
    // A peer that is cut off may lose the response.
    for (request, times) in [
        (String::new(), 1),
        ("GET /call".to_owned(), 1),
        ("\u{ff}".to_owned(), 100_000),
        ("A".to_owned(), 1_000_000),
        (get("/callback", &format!("{own}{}", "A: b\r\n".repeat(200))), 1),
        (get(&format!("/callback?state={}", "x".repeat(17_000)), &own), 1),
        (format!("GET /callback HTTP/1.1\r\n{own}A: {}", "x".repeat(1_000_000)), 1),
    ] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let _ = stream.write_all(request.repeat(times).as_bytes()).await;
        let _ = stream.shutdown().await;
        let response = read(&mut stream).await;
        let is_refusal = ["", "HTTP/1.1 400 ", "HTTP/1.1 414 ", "HTTP/1.1 431 "]
            .iter()
            .any(|start| response.starts_with(start) && (!start.is_empty() || response.is_empty()));
        assert!(is_refusal, "{request:.80}: {response}");
    }
    assert!(!wait.is_finished());
    send(address, callback.as_bytes()).await;
    assert!(wait.await.unwrap().1.unwrap().contains("code=right"));
}
