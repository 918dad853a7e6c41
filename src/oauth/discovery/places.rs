//! The URLs at which metadata may be.

use reqwest::Url;

const SERVER: &str = "/.well-known/oauth-authorization-server";
const OPENID: &str = "/.well-known/openid-configuration";
const RESOURCE: &str = "/.well-known/oauth-protected-resource";

/// Returns this path at the host of a URL.
pub(super) fn at(url: &Url, path: &str) -> Url {
    let mut url = url.clone();
    url.set_path(path);
    url.set_query(None);
    url
}

/// Returns the URLs of an authorization server's metadata. The path of the issuer loses its final
/// slash (RFC 8414 section 3.1, OpenID Connect Discovery section 4).
pub(super) fn of_server(issuer: &Url) -> Vec<Url> {
    let path = issuer.path().trim_end_matches('/');
    let mut paths = vec![format!("{SERVER}{path}"), format!("{OPENID}{path}")];
    if !path.is_empty() {
        paths.push(format!("{path}{OPENID}"));
    }
    paths.iter().map(|path| at(issuer, path)).collect()
}

/// Returns the URLs of a resource's metadata: with its path and query, without the final slash of
/// the path, and without the path (RFC 9728 section 3.1).
pub(super) fn of_resource(resource: &Url) -> Vec<Url> {
    let with_path = |path: &str| {
        let mut url = at(resource, &format!("{RESOURCE}{path}"));
        url.set_query(resource.query());
        url
    };
    let path = if resource.path() == "/" { "" } else { resource.path() };
    let mut urls = vec![with_path(path), with_path(path.trim_end_matches('/'))];
    urls.push(at(resource, RESOURCE));
    urls.dedup();
    urls
}

/// Whether a URL is a well-known one of a resource, which the host controls, and not one of its
/// paths.
pub(super) fn is_well_known(url: &Url) -> bool {
    url.path().starts_with(RESOURCE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(urls: &[Url]) -> Vec<&str> {
        urls.iter().map(Url::as_str).collect()
    }

    #[test]
    fn of_server_lists_the_places_in_order() {
        let of = |url: &str| of_server(&Url::parse(url).unwrap());
        assert_eq!(
            texts(&of("https://a.example")),
            [
                "https://a.example/.well-known/oauth-authorization-server",
                "https://a.example/.well-known/openid-configuration",
            ]
        );
        assert_eq!(
            texts(&of("https://a.example/tenant/7/")),
            [
                "https://a.example/.well-known/oauth-authorization-server/tenant/7",
                "https://a.example/.well-known/openid-configuration/tenant/7",
                "https://a.example/tenant/7/.well-known/openid-configuration",
            ]
        );
    }

    #[test]
    fn of_resource_lists_the_places_in_order() {
        let of = |url: &str| of_resource(&Url::parse(url).unwrap());
        let root = "https://mcp.example/.well-known/oauth-protected-resource";
        assert_eq!(texts(&of("https://mcp.example/")), [root]);
        assert_eq!(texts(&of("https://mcp.example/mcp")), [&format!("{root}/mcp"), root]);
        assert_eq!(
            texts(&of("https://mcp.example/mcp/?v=1")),
            [&format!("{root}/mcp/?v=1"), &format!("{root}/mcp?v=1"), root]
        );
    }
}
