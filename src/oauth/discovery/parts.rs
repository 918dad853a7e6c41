//! What a discovery reads from one document, for the fuzz targets. It sends nothing.

use reqwest::Url;

use super::{
    documents::{self, Document, Issuer, ResourceMetadata},
    places,
};
use crate::oauth::server::AuthorizationServer;

/// The servers in a document: one for each issuer in `issuers` and for the issuer that it names, and
/// the authorization servers that it names as metadata of `resource`. Each URL is as it was accepted.
pub(crate) fn discovered(
    document: &Document,
    issuers: &[&str],
    resource: &Url,
) -> (Vec<Result<AuthorizationServer, String>>, Vec<Result<Url, String>>) {
    let own = document.get("issuer").and_then(|issuer| issuer.as_str());
    let issuers = issuers.iter().copied().chain(own);
    let issuers = issuers.map(|text| Issuer::parse("issuer", text).map_err(|e| e.problem()));
    let servers = issuers.map(|issuer| documents::server(&issuer?, document)).collect();

    let Some(source) = places::of_resource(resource).into_iter().next() else {
        return (servers, Vec::new());
    };
    let urls = match ResourceMetadata::check(&[resource], &source, document) {
        Ok(metadata) => {
            let texts = metadata.authorization_servers.iter();
            let issuers = texts.map(|text| documents::issuer_of_resource(&metadata.source, text));
            issuers.map(|issuer| issuer.map(|issuer| issuer.url)).collect()
        }
        Err(problem) => vec![Err(problem)],
    };
    (servers, urls)
}
