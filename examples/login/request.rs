//! Which requests may be the answer: a person's browser that was sent to the callback of this
//! program, by its own address.

use hyper::{
    Method, Request, StatusCode,
    body::Incoming,
    header::{HOST, HeaderMap, HeaderValue},
    http::uri::Authority,
};

use crate::page::Page;

pub(crate) const PATH: &str = "/callback";

/// Returns the query of a request to the callback, or the page that any other gets.
pub(crate) fn query(request: &Request<Incoming>, port: u16) -> Result<String, Page> {
    let refused = |status, problem| Err(Page::refusal(status, problem));
    // A page of another host whose name was made to lead here (DNS rebinding) says that name.
    let named = request.uri().authority();
    if !is_own_host(request.headers(), port) || named.is_some_and(|named| !is_own(named, port)) {
        return refused(StatusCode::MISDIRECTED_REQUEST, "This address is not of that host.");
    }
    if request.uri().path() != PATH {
        return refused(StatusCode::NOT_FOUND, "There is nothing here.");
    }
    if request.method() != Method::GET {
        return refused(StatusCode::METHOD_NOT_ALLOWED, "This page can only be opened.");
    }
    // An image, a frame, or a script's request of some page; browsers say so.
    if request.headers().get("sec-fetch-dest").is_some_and(|dest| dest != "document") {
        return refused(StatusCode::FORBIDDEN, "This page can only be opened by itself.");
    }
    Ok(request.uri().query().unwrap_or_default().to_owned())
}

fn is_own_host(headers: &HeaderMap, port: u16) -> bool {
    let mut hosts = headers.get_all(HOST).iter();
    let host = hosts.next().map(HeaderValue::as_bytes).map(Authority::try_from);
    matches!(host, Some(Ok(host)) if is_own(&host, port)) && hosts.next().is_none()
}

fn is_own(authority: &Authority, port: u16) -> bool {
    let is_here = ["127.0.0.1", "[::1]", "localhost"]
        .iter()
        .any(|name| authority.host().eq_ignore_ascii_case(name));
    // Without a port, it is that of http.
    let is_port = authority.port_u16().unwrap_or(80) == port;
    is_here && is_port && !authority.as_str().contains('@')
}
