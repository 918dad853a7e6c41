//! What reaches the listener and is not the answer.

use std::{io::ErrorKind, net::Ipv6Addr, thread, time::Instant};

use super::*;

fn status(answer: &str) -> u16 {
    let status = answer.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3));
    status.and_then(|status| status.parse().ok()).unwrap_or_else(|| panic!("{answer:?}"))
}

fn is_refused(address: impl std::net::ToSocketAddrs) -> bool {
    TcpStream::connect(address).is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_the_answer_does_not_end_the_wait() {
    let case = Case::new().await;
    let mut login = case.log_in(&["--wait", "60"]);
    let url = login.url();
    let port = login.port();
    let state = param(&url, "state");
    let right = format!("/callback?code=stolen&state={state}");
    let host = format!("127.0.0.1:{port}");
    let own = format!("Host: {host}\r\n");
    let get = |target: &str, headers: &str| format!("GET {target} HTTP/1.1\r\n{headers}\r\n");

    for (request, expected) in [
        // Other answers, or none.
        (get("/callback?code=c&state=other", &own), 400),
        (get("/callback?error=access_denied&state=other", &own), 400),
        (get("/callback?code=c", &own), 400),
        (get("/callback", &own), 400),
        (get(&format!("{right}&state={state}"), &own), 400),
        (get(&format!("/callback?code=c&state={}", &state[1..]), &own), 400),
        (get("/callback?code=%zz&state=%ff%00", &own), 400),
        // Other addresses and methods, with the right state.
        (get("/favicon.ico", &own), 404),
        (get("/", &own), 404),
        (get(&right.replace("/callback", "/callback/"), &own), 404),
        (get(&right.replace("/callback", "/Callback"), &own), 404),
        (get(&right.replace("/callback", "//callback"), &own), 404),
        (format!("HEAD {right} HTTP/1.1\r\n{own}\r\n"), 405),
        (format!("OPTIONS {right} HTTP/1.1\r\n{own}\r\n"), 405),
        (format!("POST {right} HTTP/1.1\r\n{own}Content-Length: 2\r\n\r\nab"), 405),
        // Other hosts' pages.
        (get(&right, &format!("Host: evil.example:{port}\r\n")), 421),
        (get(&right, &format!("Host: 127.0.0.1.evil.example:{port}\r\n")), 421),
        (get(&right, "Host: 127.0.0.1\r\n"), 421),
        (get(&right, &format!("Host: 127.0.0.1:{}\r\n", port ^ 1)), 421),
        (get(&right, &format!("Host: x@{host}\r\n")), 421),
        (get(&right, &format!("{own}Host: evil.example\r\n")), 421),
        (get(&right, ""), 421),
        (get(&format!("http://evil.example{right}"), &own), 421),
        (get(&right, &format!("{own}Sec-Fetch-Mode: no-cors\r\nSec-Fetch-Dest: image\r\n")), 403),
        (get(&right, &format!("{own}Sec-Fetch-Mode: cors\r\nSec-Fetch-Dest: empty\r\n")), 403),
        (get(&right, &format!("{own}Sec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: iframe\r\n")), 403),
        // No HTTP, and too much of it.
        ("\x16\x03\x01\x02\x00\x01\x00\x01\u{7f}\r\n\r\n".to_owned(), 400),
        ("GET\r\n\r\n".to_owned(), 400),
        (get("/callback", &format!("{own}{}", "A: b\r\n".repeat(200))), 431),
        (get(&format!("/callback?state={}", "x".repeat(17_000)), &own), 431),
    ] {
        let answer = send(port, request.as_bytes());
        // Who hangs up on too much takes back what it said of it.
        if expected == 431 && answer.is_empty() {
            continue;
        }
        assert_eq!(status(&answer), expected, "{request:.200}\n{answer}");
        let page = answer.split_once("\r\n\r\n").unwrap().1;
        assert!(!answer.contains(&state) && !page.contains("stolen"), "{answer}");
        // A HEAD has no page; what is no HTTP gets none.
        if request.starts_with("GET ") && expected != 431 {
            assert!(answer.contains("\r\ncontent-security-policy: default-src 'none'; "));
            assert!(page.contains("<h1>This leads nowhere</h1>"), "{answer}");
        } else if expected == 405 {
            assert!(answer.contains("\r\nallow: GET\r\n"), "{answer}");
            assert_eq!(page.is_empty(), request.starts_with("HEAD"), "{answer}");
        }
    }
    // What ends in the middle, and what never ends.
    for (nonsense, times) in [("", 1), ("GET /call", 1), ("\u{ff}", 100_000), ("A", 1_000_000)] {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
        let _ = stream.write_all(nonsense.repeat(times).as_bytes());
    }
    let wrong = send(port, get("/callback?code=c&state=other", &own).as_bytes());
    assert!(wrong.contains("This is not the answer that the program waits for"), "{wrong}");

    follow(&case.server.allow(&url).await);
    assert!(login.end(0).contains("\nrefreshed\n"));
    assert_eq!(case.server.token_requests().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_name_of_this_machine_reaches_it() {
    for host in ["localhost", "LOCALHOST", "[::1]"] {
        let case = Case::new().await;
        let mut login = case.log_in(&[]);
        let callback = Url::parse(&case.server.allow(&login.url()).await).unwrap();
        let (port, query) = (login.port(), callback.query().unwrap());
        let request = format!("GET /callback?{query} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n");
        let answer = match TcpStream::connect((Ipv6Addr::LOCALHOST, port)) {
            Ok(mut stream) => {
                stream.write_all(request.as_bytes()).unwrap();
                // Nothing more will be said; the page comes all the same.
                stream.shutdown(std::net::Shutdown::Write).unwrap();
                let mut answer = String::new();
                stream.read_to_string(&mut answer).unwrap();
                answer
            }
            Err(_) => send(port, request.as_bytes()),
        };
        assert!(answer.contains("<h1>You can close this window</h1>"), "{answer}");
        assert!(answer.ends_with("</html>\n"), "{answer}");
        login.end(0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_the_answer_nobody_is_there() {
    let case = Case::new().await;
    // The program is still at work while the second one comes.
    case.server.script_token([Reply::issued().with_delay(Duration::from_secs(1))]);
    let mut login = case.log_in(&[]);
    let url = login.url();
    let callback = case.server.allow(&url).await;
    let port = login.port();
    // One that was there before does not get in either.
    let mut early = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    let (_, page) = follow(&callback);
    assert!(page.contains("<h1>You can close this window</h1>"), "{page}");
    assert!(is_refused((Ipv4Addr::LOCALHOST, port)));
    assert!(is_refused((Ipv6Addr::LOCALHOST, port)) || TcpListener::bind("[::1]:0").is_err());
    let _ =
        write!(early, "GET /callback?code=c&state=s HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n");
    let mut nothing = Vec::new();
    let _ = early.read_to_end(&mut nothing);
    assert!(nothing.is_empty(), "{}", String::from_utf8_lossy(&nothing));
    assert!(login.program.try_wait().unwrap().is_none());
    assert!(login.end(0).contains("\nallowed\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_say_nothing_do_not_block_the_answer() {
    let case = Case::new().await;
    let mut login = case.log_in(&[]);
    let callback = case.server.allow(&login.url()).await;
    let port = login.port();
    // A browser's second tab, and its connections for later.
    let _idle: Vec<_> =
        (0..8).map(|_| TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap()).collect();
    let start = Instant::now();
    let (head, _) = follow(&callback);
    assert!(head.starts_with("HTTP/1.1 200 "));
    login.end(0);
    assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn however_many_connections_dawdle_the_answer_comes_through_in_seconds() {
    let case = Case::new().await;
    let mut login = case.log_in(&[]);
    let callback = case.server.allow(&login.url()).await;
    let port = login.port();
    let start = Instant::now();
    let dawdlers: Vec<_> = (0..100)
        .map(|_| {
            let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
            thread::spawn(move || {
                let request = b"GET /callback HTTP/1.1\r\nHost: ";
                for byte in request.iter().chain([b'x'; 100].iter()) {
                    if stream.write_all(&[*byte]).is_err() {
                        break;
                    }
                    thread::sleep(Duration::from_millis(250));
                }
                start.elapsed()
            })
        })
        .collect();
    let (head, _) = tokio::task::spawn_blocking(move || follow(&callback)).await.unwrap();
    assert!(head.starts_with("HTTP/1.1 200 "));
    let elapsed = start.elapsed();
    assert!((3..15).contains(&elapsed.as_secs()), "{elapsed:?}");
    login.end(0);
    for dawdler in dawdlers {
        assert!(dawdler.join().unwrap() < Duration::from_secs(20));
    }
}
