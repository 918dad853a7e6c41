//! Which addresses and ports are bound.

use std::{
    io::ErrorKind,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpListener},
};

use super::*;
use crate::support::{free_ports, require};

/// Returns a listener on a loopback address, and its port.
fn port_in_use(address: impl Into<IpAddr>) -> (TcpListener, u16) {
    let listener = TcpListener::bind((address.into(), 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

fn has_ipv6() -> bool {
    let has_ipv6 = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_ok();
    require(has_ipv6, "this machine has no address [::1]", "enable IPv6 on the loopback interface")
}

#[tokio::test]
async fn callback_listener_binds_any_port_if_it_is_zero_or_absent() {
    for (given, rest) in [
        ("http://127.0.0.1:0/callback", "/callback"),
        ("http://127.0.0.1/callback?a=b", "/callback?a=b"),
        ("HTTP://127.0.0.1:/", "/"),
        ("http://127.0.0.1", ""),
    ] {
        let listener = CallbackListener::bind(given).await.unwrap();
        let uri = listener.redirect_uri();
        let port = Url::parse(uri).unwrap().port().unwrap();
        assert_ne!(port, 0);
        assert_eq!(uri, format!("http://127.0.0.1:{port}{rest}"));
    }
}

#[tokio::test]
async fn callback_listener_keeps_a_redirect_uri_with_a_port_as_given() {
    for port in free_ports() {
        let given = format!("http://LocalHost:{port}/a%2fb?c=%64");
        if let Ok(listener) = CallbackListener::bind(&given).await {
            assert_eq!(listener.redirect_uri(), given);
            return;
        }
    }
    panic!("no port is free");
}

#[tokio::test]
async fn callback_listener_reports_a_port_in_use_on_any_address_of_the_host() {
    let ipv4 = port_in_use(Ipv4Addr::LOCALHOST);
    let mut cases = vec![("127.0.0.1", ipv4.1), ("localhost", ipv4.1)];
    let ipv6 = has_ipv6().then(|| port_in_use(Ipv6Addr::LOCALHOST));
    cases.extend(ipv6.iter().map(|(_, port)| ("localhost", *port)));
    for (host, port) in cases {
        let uri = format!("http://{host}:{port}/callback");
        let error = CallbackListener::bind(&uri).await.unwrap_err().to_string();
        let expected = format!("{uri}: the port is in use; stop the other program or use port 0");
        assert!(error.contains(&expected), "{error}");
    }
}

#[tokio::test]
async fn callback_listener_bind_or_any_port_replaces_a_port_in_use_only() {
    let (_in_use, port) = port_in_use(Ipv4Addr::LOCALHOST);
    for host in ["127.0.0.1", "localhost"] {
        let given = format!("http://{host}:{port}/callback?a=b");
        let listener = CallbackListener::bind_or_any_port(&given).await.unwrap();
        let other = Url::parse(listener.redirect_uri()).unwrap().port().unwrap();
        assert_ne!(other, port);
        assert_eq!(listener.redirect_uri(), format!("http://{host}:{other}/callback?a=b"));
        let error = TcpListener::bind((Ipv4Addr::LOCALHOST, other)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AddrInUse);
    }
    assert!(CallbackListener::bind_or_any_port("http://192.0.2.1/callback").await.is_err());
}

#[tokio::test]
async fn callback_listener_refuses_uris_that_are_not_http_on_loopback() {
    for (uri, problem) in [
        ("", "is malformed"),
        ("/callback", "is malformed"),
        ("http://127.0.0.1:0/call back", "is malformed"),
        ("https://127.0.0.1/callback", "does not begin with http://"),
        ("com.example.app:/callback", "does not begin with http://"),
        ("http:/callback", "does not begin with http://"),
        ("http://192.0.2.1/callback", "has a host other than localhost or a loopback address"),
        ("http://0.0.0.0/callback", "has a host other than localhost or a loopback address"),
        ("http://[::]/callback", "has a host other than localhost or a loopback address"),
        ("http://localhost.example/callback", "has a host other than localhost or a loopback"),
        ("http://user@127.0.0.1/callback", "has a user name"),
        ("http://127.0.0.1/callback#part", "has a fragment (RFC 6749 section 3.1.2)"),
        ("http://127.0.0.1:65536/callback", "has a port above 65535"),
    ] {
        let error = CallbackListener::bind(uri).await.unwrap_err().to_string();
        assert!(error.contains(&format!("{uri:?}: the redirect URI {problem}")), "{error}");
        assert!(error.contains("; use one such as http://127.0.0.1:0/callback"), "{error}");
    }
}

#[tokio::test]
async fn callback_listener_serves_each_address_under_every_loopback_host_name() {
    let mut cases = vec![
        ("127.0.0.1", "127.0.0.1", "127.0.0.1"),
        ("127.0.0.1", "127.0.0.1", "LOCALHOST"),
        ("127.0.0.1", "127.0.0.1", "[::1]"),
        ("localhost", "127.0.0.1", "localhost"),
    ];
    if has_ipv6() {
        cases.extend([("[::1]", "[::1]", "[::1]"), ("localhost", "[::1]", "localhost")]);
    }
    // On Linux and Windows, all of 127.0.0.0/8 are loopback addresses.
    if TcpListener::bind(("127.0.0.2", 0)).is_ok() {
        cases.push(("127.0.0.2", "127.0.0.2", "127.0.0.2"));
    }
    for (host, peer, header) in cases {
        let (browser, login) = Login::bind(&format!("http://{host}:0/callback")).await;
        let port = browser.address.port();
        let wait = login.wait();
        let target = format!("/callback?code=c&state={}", browser.state);
        let request = get(&target, &format!("Host: {header}:{port}\r\n"));
        let response = send(format!("{peer}:{port}").parse().unwrap(), &request).await;
        assert!(response.contains(SUCCESS), "{host}, {header}: {response}");
        let callback = wait.await.unwrap().1.unwrap();
        assert_eq!(callback, browser.redirect_uri.replace("/callback", &target));
    }
}
