//! Which requests may be the callback: a browser's navigation to the redirect URI, by a name of
//! this machine. Whether the state is right is not decided here.

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
    // After DNS rebinding, a page of another host reaches this port under its own name.
    let is_own_target = target.authority().is_none_or(|authority| is_own(authority, uri.port()));
    if !is_own_target || !has_own_host(request.headers(), uri.port()) {
        return Err(Page::refusal(
            StatusCode::MISDIRECTED_REQUEST,
            "This address does not belong to that host.",
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
    // Browsers name what a request is for: an image, a frame, a script's request of another page.
    if request.headers().get("sec-fetch-dest").is_some_and(|dest| dest != "document") {
        return Err(Page::refusal(
            StatusCode::FORBIDDEN,
            "This page cannot be part of another page.",
        ));
    }
    Ok(target.query().unwrap_or_default())
}

fn has_own_host(headers: &HeaderMap, port: u16) -> bool {
    let mut hosts = headers.get_all(HOST).iter();
    let host = hosts.next().map(HeaderValue::as_bytes).map(Authority::try_from);
    matches!(host, Some(Ok(host)) if is_own(&host, port)) && hosts.next().is_none()
}

fn is_own(authority: &Authority, port: u16) -> bool {
    // Without a port, it is the port of http.
    let has_port = authority.port_u16().unwrap_or(80) == port;
    is_loopback(authority.host()) && has_port && !authority.as_str().contains('@')
}
