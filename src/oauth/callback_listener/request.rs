//! Checks whether a request may be the callback: a browser's navigation to the redirect URI, under
//! a loopback host name. The caller checks the state.

use http::uri::Authority;
use hyper::{
    Method, StatusCode,
    body::Incoming,
    header::{HOST, HeaderMap, HeaderValue},
};

use super::{loopback_uri::LoopbackUri, page::Page};
use crate::url::is_loopback;

pub(super) type Request = hyper::Request<Incoming>;

/// Returns the query of a request that may be the callback, or the page for any other request.
pub(super) fn query<'a>(request: &'a Request, uri: &LoopbackUri) -> Result<&'a str, Page> {
    let target = request.uri();
    // After DNS rebinding, a web page reaches this port under the name of the attacker's host.
    let target_matches = target.authority().is_none_or(|host| is_this_listener(host, uri.port()));
    if !target_matches || !host_header_matches(request.headers(), uri.port()) {
        return Err(Page::refusal(
            StatusCode::MISDIRECTED_REQUEST,
            "The request is for another host.",
        ));
    }
    if target.path() != uri.path() {
        return Err(Page::refusal(StatusCode::NOT_FOUND, "There is no page at this address."));
    }
    if request.method() != Method::GET {
        return Err(Page::refusal(
            StatusCode::METHOD_NOT_ALLOWED,
            "This page accepts only GET requests.",
        ));
    }
    // A browser says in this header what it requests: a page, an image, a frame, a script's fetch.
    if request.headers().get("sec-fetch-dest").is_some_and(|dest| dest != "document") {
        return Err(Page::refusal(
            StatusCode::FORBIDDEN,
            "This page cannot be embedded in another page.",
        ));
    }
    Ok(target.query().unwrap_or_default())
}

fn host_header_matches(headers: &HeaderMap, port: u16) -> bool {
    let mut hosts = headers.get_all(HOST).iter();
    let host = hosts.next().map(HeaderValue::as_bytes).map(Authority::try_from);
    matches!(host, Some(Ok(host)) if is_this_listener(&host, port)) && hosts.next().is_none()
}

fn is_this_listener(authority: &Authority, port: u16) -> bool {
    // An authority without a port has the default port of http.
    let port_matches = authority.port_u16().unwrap_or(80) == port;
    is_loopback(authority.host()) && port_matches && !authority.as_str().contains('@')
}
