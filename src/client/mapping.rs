//! Turns the recorded response and its decoded body into a client or an error.

use std::sync::Arc;

use reqwest::StatusCode;

use crate::{
    error::{
        ApiError, Error, TransportError, TransportFailure, UnreadableResponse, ValidationErrors,
    },
    metadata::ClientMetadata,
    redact::Redactor,
    response::{
        ClientInformation, DecodeError, FieldWarning, Response, Truncated, ValidationErrorBody,
        recovery, refusal,
    },
    secret::{BearerToken, ClientSecret},
    transport::Transport,
};

/// The body of a response, as decoded by the generated client.
#[allow(clippy::large_enum_variant, reason = "there is one value, and it is usually the large one")]
pub(super) enum Decoded {
    Client(ClientInformation),
    ValidationErrors(ValidationErrorBody),
    /// The generated client could not decode the response. The recorded one shows why.
    Nothing,
}

/// Returns the result of a registration to which the server responded.
pub(super) fn result(
    response: Response,
    decoded: Decoded,
    sent: &ClientMetadata,
    token: Option<&BearerToken>,
) -> Result<ClientInformation, Error> {
    let exposed = token.map(BearerToken::expose);
    match decoded {
        // A body over the limit is an error, even if it begins with complete JSON.
        Decoded::Client(client) if !matches!(response.truncated, Some(Truncated::TooLarge(_))) => {
            Ok(success(client, &response, sent, token))
        }
        Decoded::ValidationErrors(body) => {
            Err(response_error(&response, Some(&body), sent, exposed))
        }
        _ if response.status.is_success() => Err(not_registration(response, sent, exposed)),
        _ => Err(response_error(&response, None, sent, exposed)),
    }
}

fn success(
    mut client: ClientInformation,
    response: &Response,
    sent: &ClientMetadata,
    token: Option<&BearerToken>,
) -> ClientInformation {
    client.requested_auth_method = Some(sent.token_endpoint_auth_method.clone());
    // A complete search would slow down every success, and a request id is not shown by itself.
    let secret = client.client_secret.as_ref().map(ClientSecret::expose);
    let secrets = [token.map(BearerToken::expose), secret];
    let is_safe = |id: &str| !secrets.iter().flatten().any(|secret| id.contains(secret));
    client.response = Some(response.meta(is_safe));
    client.sent_token = token.cloned();
    client.redact_warnings();
    if response.truncated.is_some() {
        client.warnings.push(FieldWarning::new(
            "body",
            "the connection closed before the end of the body, but its JSON is complete",
        ));
    }
    client
}

/// Returns the error of a 2xx that cannot be decoded as a client.
fn not_registration(response: Response, sent: &ClientMetadata, token: Option<&str>) -> Error {
    let recovered = recovery::credentials(&response.body);
    let has_credentials = recovered.client_id.is_some() || recovered.client_secret.is_some();
    let is_evidence =
        has_credentials || response.truncated.is_some() || response.status == StatusCode::CREATED;
    if !is_evidence && refusal::is_refusal(&response.body) {
        return response_error(&response, None, sent, token);
    }
    let redactor = redactor(&response, token);
    let meta = response.meta(|id| redactor.is_safe(id));
    let description = refusal::message_of_success(&response.body, &redactor);
    let is_truncated = response.truncated.is_some();
    let reason = match (response.content_coding(), response.truncated) {
        (Some(coding), _) => DecodeError::Coded { coding, is_truncated },
        (None, Some(truncated)) => DecodeError::Truncated(truncated),
        (None, None) => DecodeError::of(&response.body),
    };
    let body = response.body;
    Error::Unreadable(UnreadableResponse::new(Some(meta), description, reason, recovered, body))
}

/// Returns the error of a response that is not a success. A 400 may contain FastAPI's list of validation
/// errors, which the contract names for 422 only.
pub(crate) fn response_error(
    response: &Response,
    decoded: Option<&ValidationErrorBody>,
    sent: &ClientMetadata,
    token: Option<&str>,
) -> Error {
    let redactor = redactor(response, token);
    let is_400 = response.status.as_u16() == 400;
    let from_400 = is_400.then(|| serde_json::from_slice(&response.body).ok()).flatten();
    match decoded.or(from_400.as_ref()) {
        Some(body) => {
            let errors = body.errors(sent, &redactor);
            ValidationErrors::server(errors, response.meta(|id| redactor.is_safe(id))).into()
        }
        None => Error::Api(ApiError::new(response, &redactor)),
    }
}

/// Returns a redactor for an error, whose response may echo the token and may contain credentials.
fn redactor(response: &Response, token: Option<&str>) -> Redactor {
    Redactor::new(token).with_body(&response.body)
}

/// Returns the error of a call without a response.
pub(super) fn transport_error(failure: TransportFailure, transport: &Transport) -> Error {
    let host = Arc::clone(&transport.host);
    Error::Transport(TransportError::new(failure, host, transport.timeout))
}
