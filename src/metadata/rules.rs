//! The rules for client metadata, which are checked before it is sent.
//!
//! They reject only values that the RFCs forbid, and report all violations together. Checking valid
//! metadata does not allocate.

use iri_string::types::UriStr;
use serde_json::Value;

use super::{
    client_metadata::ClientMetadata, field::MetadataField, field_error::FieldError,
    terms::GrantType,
};
use crate::url::{is_loopback, port};

/// Schemes that a browser executes or resolves on the user's machine, so that no client can receive the
/// redirect.
const FORBIDDEN_SCHEMES: &[&str] =
    &["javascript", "data", "vbscript", "file", "blob", "about", "filesystem", "view-source"];

/// The kind and the message of a violated rule.
type Violation = (&'static str, &'static str);

pub(crate) fn check(metadata: &ClientMetadata) -> Vec<FieldError> {
    let mut errors = Vec::new();
    check_redirect_uris(metadata, &mut errors);
    check_grant_and_response_types(metadata, &mut errors);
    check_web_url(MetadataField::ClientUri, metadata.client_uri.as_deref(), &mut errors);
    check_web_url(MetadataField::LogoUri, metadata.logo_uri.as_deref(), &mut errors);
    check_scope(metadata, &mut errors);
    check_contacts(metadata, &mut errors);
    check_web_url(MetadataField::TosUri, metadata.tos_uri.as_deref(), &mut errors);
    check_web_url(MetadataField::PolicyUri, metadata.policy_uri.as_deref(), &mut errors);
    check_additional(metadata, &mut errors);
    errors
}

fn check_redirect_uris(metadata: &ClientMetadata, errors: &mut Vec<FieldError>) {
    for (i, uri) in metadata.redirect_uris.iter().enumerate() {
        if let Err(violation) = redirect_uri(uri) {
            errors.push(field_error(MetadataField::RedirectUris, Some(i), violation, uri));
        }
    }
    let redirects =
        |grant: &GrantType| matches!(grant, GrantType::AuthorizationCode | GrantType::Implicit);
    if metadata.redirect_uris.is_empty() && metadata.grant_types.iter().any(redirects) {
        let violation = (
            "missing",
            "the authorization_code and implicit grants need at least one redirect URI (RFC 7591 \
             section 2); add one, or use another grant",
        );
        let error = field_error(MetadataField::RedirectUris, None, violation, "");
        errors.push(FieldError { value: None, ..error });
    }
}

fn redirect_uri(text: &str) -> Result<(), Violation> {
    let uri = absolute_uri(text)?;
    if uri.fragment_str().is_some() {
        return Err((
            "url_fragment",
            "a redirect URI must not have a fragment (RFC 6749 section 3.1.2); remove the # and \
             everything after it",
        ));
    }
    let scheme = uri.scheme_str();
    if scheme.eq_ignore_ascii_case("https") {
        return host(uri).map(|_| ());
    }
    if scheme.eq_ignore_ascii_case("http") && !is_loopback(host(uri)?) {
        return Err((
            "url_scheme",
            "http is allowed for loopback addresses only (RFC 8252 sections 7.3 and 8.3); use \
             https, http://127.0.0.1 or http://[::1]",
        ));
    }
    if FORBIDDEN_SCHEMES.iter().any(|forbidden| scheme.eq_ignore_ascii_case(forbidden)) {
        return Err((
            "url_scheme",
            "this scheme cannot receive a redirect; use https, http with a loopback address, or a \
             private-use scheme such as com.example.app:/callback",
        ));
    }
    Ok(())
}

fn absolute_uri(text: &str) -> Result<&UriStr, Violation> {
    UriStr::new(text).map_err(|_| {
        (
            "url_parsing",
            "not an absolute URI (RFC 3986 section 4.3); start with the scheme, and \
             percent-encode spaces and non-ASCII characters",
        )
    })
}

/// Returns the host of an http or https URL. Fails if the URL has no host or an invalid port.
fn host(uri: &UriStr) -> Result<&str, Violation> {
    let authority = uri
        .authority_components()
        .filter(|authority| !authority.host().is_empty())
        .ok_or(("url_parsing", "the URL has no host; use the form https://host/path"))?;
    if port(&authority).is_err() {
        return Err(("url_port", "the port is not a number from 0 to 65535; correct or remove it"));
    }
    Ok(authority.host())
}

/// Checks that grant types and response types match (the table in RFC 7591 section 2.1). Accepts types
/// that neither that table nor OpenID Connect defines.
fn check_grant_and_response_types(metadata: &ClientMetadata, errors: &mut Vec<FieldError>) {
    let has_code_grant = metadata.grant_types.contains(&GrantType::AuthorizationCode);
    let has_implicit_grant = metadata.grant_types.contains(&GrantType::Implicit);
    let has_response_type = |accepted: &[&str]| {
        let mut types = metadata.response_types.iter();
        types.any(|value| value.as_str().split(' ').any(|part| accepted.contains(&part)))
    };

    for (i, grant) in metadata.grant_types.iter().enumerate() {
        let message = match grant {
            GrantType::AuthorizationCode if !has_response_type(&["code"]) => {
                "the authorization_code grant requires the response type code (RFC 7591 section \
                 2.1); add code to response_types, or remove this grant"
            }
            GrantType::Implicit if !has_response_type(&["token", "id_token"]) => {
                "the implicit grant requires the response type token (RFC 7591 section 2.1); \
                 add token to response_types, or remove this grant"
            }
            _ => continue,
        };
        let violation = ("grant_type_mismatch", message);
        errors.push(field_error(MetadataField::GrantTypes, Some(i), violation, grant.as_str()));
    }
    for (i, response) in metadata.response_types.iter().enumerate() {
        let mut parts = response.as_str().split(' ');
        let message = if !has_code_grant && parts.clone().any(|part| part == "code") {
            "the response type code (the default) requires the authorization_code grant (RFC 7591 \
             section 2.1); add that grant, or remove code from response_types, which may be empty"
        } else if !has_implicit_grant && parts.any(|part| matches!(part, "token" | "id_token")) {
            "the response types token and id_token require the implicit grant (RFC 7591 section \
             2.1); add that grant, or remove this response type"
        } else {
            continue;
        };
        let violation = ("response_type_mismatch", message);
        errors.push(field_error(
            MetadataField::ResponseTypes,
            Some(i),
            violation,
            response.as_str(),
        ));
    }
}

fn check_scope(metadata: &ClientMetadata, errors: &mut Vec<FieldError>) {
    let Some(scope) = metadata.scope.as_deref().filter(|scope| !scope.trim().is_empty()) else {
        return;
    };
    let is_token = |token: &str| {
        let allowed = |byte: u8| matches!(byte, 0x21 | 0x23..=0x5B | 0x5D..=0x7E);
        !token.is_empty() && token.bytes().all(allowed)
    };
    if !scope.split(' ').all(is_token) {
        let violation = (
            "scope_token",
            "a scope consists of tokens separated by single spaces, each of visible ASCII \
             characters except \" and \\ (RFC 6749 section 3.3); remove any other character",
        );
        errors.push(field_error(MetadataField::Scope, None, violation, scope));
    }
}

/// Checks a member that holds the URL of a web page or an image (RFC 7591 section 2).
fn check_web_url(field: MetadataField, text: Option<&str>, errors: &mut Vec<FieldError>) {
    if let Some(text) = text
        && let Err(violation) = web_url(text)
    {
        errors.push(field_error(field, None, violation, text));
    }
}

fn web_url(text: &str) -> Result<(), Violation> {
    let uri = absolute_uri(text)?;
    let scheme = uri.scheme_str();
    if !scheme.eq_ignore_ascii_case("https") && !scheme.eq_ignore_ascii_case("http") {
        return Err((
            "url_scheme",
            "not the URL of a web page (RFC 7591 section 2); use the scheme https or http",
        ));
    }
    host(uri).map(|_| ())
}

fn check_contacts(metadata: &ClientMetadata, errors: &mut Vec<FieldError>) {
    for (i, contact) in metadata.contacts.iter().enumerate() {
        if contact.trim().is_empty() {
            let violation = (
                "string_too_short",
                "a contact must not be empty (RFC 7591 section 2); set an address or remove it",
            );
            errors.push(field_error(MetadataField::Contacts, Some(i), violation, contact));
        }
    }
}

/// Reports additional members with the name of a field. They are not sent, because the field already is.
fn check_additional(metadata: &ClientMetadata, errors: &mut Vec<FieldError>) {
    for (name, value) in &metadata.additional {
        if let Some(field) = MetadataField::from_name(name) {
            let violation = (
                "duplicate_member",
                "ClientMetadata has a field for this member; set the field, and remove the member \
                 from additional",
            );
            let error = field_error(field, None, violation, "");
            errors.push(FieldError { value: Some(value.clone()), ..error });
        }
    }
}

fn field_error(
    field: MetadataField,
    index: Option<usize>,
    (kind, message): Violation,
    value: &str,
) -> FieldError {
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
