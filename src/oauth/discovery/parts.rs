//! What a discovery reads from one document, for the fuzz targets. It sends nothing.

use reqwest::Url;

use super::{
    documents::{self, Document, Issuer, ResourceMetadata},
    places,
};
use crate::oauth::server::AuthorizationServer;

/// The server that a document describes, for each of these issuers and for the one that it names.
pub(crate) fn servers(
    document: &Document,
    issuers: &[&str],
) -> Vec<Result<AuthorizationServer, String>> {
    let own = document.get("issuer").and_then(|issuer| issuer.as_str());
    let issuers = issuers.iter().copied().chain(own);
    let issuers = issuers.map(|text| Issuer::parse("issuer", text).map_err(|e| e.problem()));
    issuers.map(|issuer| documents::server(&issuer?, document)).collect()
}

/// The authorization servers that a document names as metadata of `resource`.
pub(crate) fn issuers(document: &Document, resource: &Url) -> Vec<Result<Url, String>> {
    let Some(source) = places::of_resource(resource).into_iter().next() else { return Vec::new() };
    match ResourceMetadata::check(&[resource], &source, document) {
        Ok(metadata) => {
            let texts = metadata.authorization_servers.iter();
            let issuers = texts.map(|text| documents::issuer_of_resource(&metadata.source, text));
            issuers.map(|issuer| issuer.map(|issuer| issuer.url)).collect()
        }
        Err(problem) => vec![Err(problem)],
    }
}
