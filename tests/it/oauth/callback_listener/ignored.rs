//! Requests that are not the callback: their status, and that the wait goes on.

use super::*;

impl Browser {
    /// Returns the target of a callback that is sent in a wrong way.
    fn stolen(&self) -> String {
        format!("/callback?code=stolen&state={}", self.state)
    }

    async fn assert_ignored(&self, request: &str, status: u16) {
        let response = self.send(request).await;
        assert!(response.starts_with(&format!("HTTP/1.1 {status} ")), "{request}\n{response}");
        assert!(!response.contains(&self.state) && !response.contains("stolen"), "{response}");
        let page = response.split_once("\r\n\r\n").unwrap().1;
        if request.starts_with("HEAD ") || status == 400 && !request.starts_with("GET /") {
            assert_eq!(page, "", "{request}");
        } else {
            assert!(page.contains("<h1>Request rejected</h1>"), "{request}\n{response}");
            assert!(response.contains("\r\ncontent-security-policy: default-src 'none'; "));
        }
        assert_eq!(response.contains("\r\nallow: GET\r\n"), status == 405, "{response}");
    }
}

#[tokio::test]
async fn callback_listener_ignores_requests_without_the_state() {
    let (browser, wait) = Login::start().await;
    let state = &browser.state;
    for target in [
        "/callback?code=c&state=other",
        "/callback?error=access_denied&state=other",
        "/callback?code=c",
        "/callback?",
        "/callback",
        &format!("/callback?code=c&state={state}&state={state}"),
        &format!("/callback?code=c&state={}", &state[1..]),
        &format!("/callback?code=c#state={state}"),
        "/callback?code=%zz&state=%ff%00",
    ] {
        browser.assert_ignored(&get(target, &browser.host()), 400).await;
    }
    browser.assert_accepted(wait).await;
}

#[tokio::test]
async fn callback_listener_ignores_other_paths_such_as_the_favicon() {
    let (browser, wait) = Login::start().await;
    for path in ["/", "/favicon.ico", "/callback/", "/Callback", "//callback", "/%63allback"] {
        let target = browser.stolen().replace("/callback", path);
        browser.assert_ignored(&get(&target, &browser.host()), 404).await;
    }
    browser.assert_accepted(wait).await;
}

#[tokio::test]
async fn callback_listener_ignores_other_methods_such_as_head() {
    let (browser, wait) = Login::start().await;
    let (host, stolen) = (browser.host(), browser.stolen());
    for (method, rest) in [
        ("HEAD", "\r\n"),
        ("OPTIONS", "\r\n"),
        ("POST", "Content-Length: 2\r\n\r\nab"),
        ("NONE", "\r\n"),
    ] {
        let request = format!("{method} {stolen} HTTP/1.1\r\n{host}{rest}");
        browser.assert_ignored(&request, 405).await;
    }
    browser.assert_accepted(wait).await;
}

#[tokio::test]
async fn callback_listener_ignores_requests_with_a_foreign_host() {
    let (browser, wait) = Login::start().await;
    let (own, stolen, address) = (browser.host(), browser.stolen(), browser.address);
    let port = address.port();
    for headers in [
        &format!("Host: evil.example:{port}\r\n"),
        &format!("Host: 127.0.0.1.evil.example:{port}\r\n"),
        &format!("Host: localhost.evil.example:{port}\r\n"),
        &format!("Host: 0.0.0.0:{port}\r\n"),
        "Host: 127.0.0.1\r\n",
        &format!("Host: 127.0.0.1:{}\r\n", port ^ 1),
        &format!("Host: x@{address}\r\n"),
        &format!("{own}Host: evil.example\r\n"),
        &format!("{own}{own}"),
        "Host: \r\n",
        "",
    ] {
        browser.assert_ignored(&get(&stolen, headers), 421).await;
    }
    browser.assert_ignored(&get(&format!("http://evil.example{stolen}"), &own), 421).await;
    browser.assert_accepted(wait).await;
}

#[tokio::test]
async fn callback_listener_ignores_requests_of_other_pages() {
    let (browser, wait) = Login::start().await;
    for dest in ["image", "empty", "iframe", "script", ""] {
        let headers = format!("{}Sec-Fetch-Dest: {dest}\r\n", browser.host());
        browser.assert_ignored(&get(&browser.stolen(), &headers), 403).await;
    }
    browser.assert_accepted(wait).await;
}

#[tokio::test]
async fn callback_listener_accepts_a_navigation_from_another_site() {
    let (browser, wait) = Login::start().await;
    let headers = "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\n\
                   Sec-Fetch-Dest: document\r\n";
    let target = format!("/callback?code=c&state={}", browser.state);
    let response = browser.send(&get(&target, &format!("{}{headers}", browser.host()))).await;
    assert!(response.starts_with("HTTP/1.1 200 "), "{response}");
    assert!(wait.await.unwrap().1.is_ok());
}

#[tokio::test]
async fn callback_listener_ignores_garbage() {
    let (browser, wait) = Login::start().await;
    for request in ["\x16\x03\x01\x02\x00\x01\x00\x01\u{7f}\r\n\r\n", "GET\r\n\r\n", "\0\0\r\n"] {
        browser.assert_ignored(request, 400).await;
    }
    browser.assert_accepted(wait).await;
}

#[tokio::test]
async fn callback_listener_ignores_incomplete_and_huge_requests() {
    let (browser, wait) = Login::start().await;
    let own = browser.host();
    for request in [
        String::new(),
        "GET /call".to_owned(),
        "\u{ff}".repeat(100_000),
        "A".repeat(1_000_000),
        get("/callback", &format!("{own}{}", "A: b\r\n".repeat(200))),
        get(&format!("/callback?state={}", "x".repeat(17_000)), &own),
        format!("GET /callback HTTP/1.1\r\n{own}A: {}", "x".repeat(1_000_000)),
    ] {
        let mut stream = browser.connect().await;
        let _ = stream.write_all(request.as_bytes()).await;
        let _ = stream.shutdown().await;
        // A client that is cut off may lose the response.
        let response = read(&mut stream).await;
        let statuses = ["HTTP/1.1 400 ", "HTTP/1.1 414 ", "HTTP/1.1 431 "];
        let is_refused = statuses.iter().any(|status| response.starts_with(status));
        assert!(response.is_empty() || is_refused, "{request:.80}: {response}");
    }
    browser.assert_accepted(wait).await;
}
