//! The rules checked before sending: only what the RFCs forbid, every problem at once.
//!
//! Valid metadata is checked without an allocation.

use fluent_uri::Uri;
use serde_json::Value;

use super::{
    client_metadata::ClientMetadata, field::MetadataField, field_error::FieldError,
    terms::GrantType,
};
use crate::url::is_loopback;

/// Schemes whose content a browser would run or read from the user's machine; no server can be
/// waiting behind them.
const FORBIDDEN_SCHEMES: &[&str] =
    &["javascript", "data", "vbscript", "file", "blob", "about", "filesystem", "view-source"];

type Problem = (&'static str, &'static str);

pub(crate) fn check(metadata: &ClientMetadata) -> Vec<FieldError> {
    let mut found = Vec::new();
    redirect_uris(metadata, &mut found);
    grants_and_responses(metadata, &mut found);
    web_url(MetadataField::ClientUri, metadata.client_uri.as_deref(), &mut found);
    web_url(MetadataField::LogoUri, metadata.logo_uri.as_deref(), &mut found);
    scope(metadata, &mut found);
    contacts(metadata, &mut found);
    web_url(MetadataField::TosUri, metadata.tos_uri.as_deref(), &mut found);
    web_url(MetadataField::PolicyUri, metadata.policy_uri.as_deref(), &mut found);
    additional(metadata, &mut found);
    found
}

fn redirect_uris(metadata: &ClientMetadata, found: &mut Vec<FieldError>) {
    for (i, uri) in metadata.redirect_uris.iter().enumerate() {
        if let Err(problem) = redirect_uri(uri) {
            found.push(at(MetadataField::RedirectUris, Some(i), problem, uri));
        }
    }
    let redirects =
        |grant: &GrantType| matches!(grant, GrantType::AuthorizationCode | GrantType::Implicit);
    if metadata.redirect_uris.is_empty() && metadata.grant_types.iter().any(redirects) {
        found.push(FieldError {
            value: None,
            ..at(
                MetadataField::RedirectUris,
                None,
                (
                    "missing",
                    "the authorization_code and implicit grants need at least one redirect URI \
                 (RFC 7591 section 2); add one, or ask for another grant",
                ),
                "",
            )
        });
    }
}

fn redirect_uri(text: &str) -> Result<(), Problem> {
    let uri = absolute(text)?;
    if uri.has_fragment() {
        return Err((
            "url_fragment",
            "a redirect URI has no fragment (RFC 6749 section 3.1.2); leave out the # and what \
             follows it",
        ));
    }
    let scheme = uri.scheme().as_str();
    if scheme.eq_ignore_ascii_case("https") {
        return with_host(&uri).map(|_| ());
    }
    if scheme.eq_ignore_ascii_case("http") && !is_loopback(with_host(&uri)?) {
        return Err((
            "url_scheme",
            "http is for loopback addresses only (RFC 8252 sections 7.3 and 8.3); use https, or \
             http://127.0.0.1 or http://[::1]",
        ));
    }
    if FORBIDDEN_SCHEMES.iter().any(|forbidden| scheme.eq_ignore_ascii_case(forbidden)) {
        return Err((
            "url_scheme",
            "this scheme cannot receive a redirect; use https, http to a loopback address, or a \
             scheme of the application's own such as com.example.app:/callback",
        ));
    }
    Ok(())
}

fn absolute(text: &str) -> Result<Uri<&str>, Problem> {
    Uri::parse(text).map_err(|_| {
        (
            "url_parsing",
            "not an absolute URI (RFC 3986 section 4.3); write it whole, scheme first, and \
             percent-encode blanks and what is not ASCII",
        )
    })
}

/// The host of an http or https URL, which must have one, and a port that exists.
fn with_host<'a>(uri: &Uri<&'a str>) -> Result<&'a str, Problem> {
    let authority = uri
        .authority()
        .filter(|authority| !authority.host().is_empty())
        .ok_or(("url_parsing", "the URL has no host; write it as https://host/path"))?;
    if authority.port_to_u16().is_err() {
        return Err((
            "url_port",
            "the port is not a number from 0 to 65535; correct or leave it out",
        ));
    }
    Ok(authority.host())
}

/// Which grant goes with which response type: RFC 7591 section 2.1's table. What neither that
/// table nor OpenID Connect names is let through.
fn grants_and_responses(metadata: &ClientMetadata, found: &mut Vec<FieldError>) {
    let has_grant = |grant: &GrantType| metadata.grant_types.contains(grant);
    let code = has_grant(&GrantType::AuthorizationCode);
    let implicit = has_grant(&GrantType::Implicit);
    let has_word = |words: &[&str]| {
        let mut types = metadata.response_types.iter();
        types.any(|value| {
            let value = value.as_str();
            words.contains(&value) || value.split(' ').any(|word| words.contains(&word))
        })
    };

    for (i, grant) in metadata.grant_types.iter().enumerate() {
        let problem = match grant {
            GrantType::AuthorizationCode if !has_word(&["code"]) => {
                "the authorization_code grant goes with the response type code (RFC 7591 section \
                 2.1); add code to response_types, or leave out this grant"
            }
            GrantType::Implicit if !has_word(&["token", "id_token"]) => {
                "the implicit grant goes with the response type token (RFC 7591 section 2.1); \
                 add token to response_types, or leave out this grant"
            }
            _ => continue,
        };
        let problem = ("grant_type_mismatch", problem);
        found.push(at(MetadataField::GrantTypes, Some(i), problem, grant.as_str()));
    }
    for (i, response) in metadata.response_types.iter().enumerate() {
        let mut words = response.as_str().split(' ');
        let problem = if !code && words.clone().any(|word| word == "code") {
            "the response type code, which is the default, goes with the authorization_code grant (RFC \
             7591 section 2.1); add that grant, or set response_types without code: an empty list \
             for a client that redirects nobody"
        } else if !implicit && words.any(|word| matches!(word, "token" | "id_token")) {
            "the response types token and id_token go with the implicit grant (RFC 7591 section \
             2.1); add that grant, or leave this response type out"
        } else {
            continue;
        };
        let problem = ("response_type_mismatch", problem);
        found.push(at(MetadataField::ResponseTypes, Some(i), problem, response.as_str()));
    }
}

fn scope(metadata: &ClientMetadata, found: &mut Vec<FieldError>) {
    let Some(scope) = metadata.scope.as_deref().filter(|scope| !scope.trim().is_empty()) else {
        return;
    };
    let is_token = |token: &str| {
        let allowed = |byte: u8| matches!(byte, 0x21 | 0x23..=0x5B | 0x5D..=0x7E);
        !token.is_empty() && token.bytes().all(allowed)
    };
    if !scope.split(' ').all(is_token) {
        found.push(at(
            MetadataField::Scope,
            None,
            (
                "scope_token",
                "a scope is made of tokens with one blank between them, each of visible ASCII \
             without \" and \\ (RFC 6749 section 3.3); remove any other character",
            ),
            scope,
        ));
    }
}

/// A member that holds the URL of a page or picture (RFC 7591 section 2).
fn web_url(field: MetadataField, text: Option<&str>, found: &mut Vec<FieldError>) {
    if let Some(text) = text
        && let Err(problem) = web_page(text)
    {
        found.push(at(field, None, problem, text));
    }
}

fn web_page(text: &str) -> Result<(), Problem> {
    let uri = absolute(text)?;
    let scheme = uri.scheme().as_str();
    if !scheme.eq_ignore_ascii_case("https") && !scheme.eq_ignore_ascii_case("http") {
        return Err((
            "url_scheme",
            "not the URL of a web page (RFC 7591 section 2); use https or http",
        ));
    }
    with_host(&uri).map(|_| ())
}

fn contacts(metadata: &ClientMetadata, found: &mut Vec<FieldError>) {
    for (i, contact) in metadata.contacts.iter().enumerate() {
        if contact.trim().is_empty() {
            found.push(at(
                MetadataField::Contacts,
                Some(i),
                (
                    "string_too_short",
                    "a contact is not empty (RFC 7591 section 2); write an address or leave it out",
                ),
                contact,
            ));
        }
    }
}

/// An additional member of the name of a field would be sent twice, so it is not sent at all.
fn additional(metadata: &ClientMetadata, found: &mut Vec<FieldError>) {
    for (name, value) in &metadata.additional {
        if let Some(field) = MetadataField::from_name(name) {
            let problem = (
                "duplicate_member",
                "this member is a field of its own; set the field, and remove it from additional",
            );
            found.push(FieldError { value: Some(value.clone()), ..at(field, None, problem, "") });
        }
    }
}

fn at(field: MetadataField, index: Option<usize>, problem: Problem, value: &str) -> FieldError {
    let (kind, message) = problem;
    FieldError {
        path: match index {
            Some(index) => format!("{field}[{index}]"),
            None => field.to_string(),
        },
        field: Some(field),
        kind: kind.into(),
        message: message.into(),
        value: Some(Value::from(value)),
    }
}
