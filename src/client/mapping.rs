//! Turns the recorded response and its decoded body into a client or an error.

use crate::{
    error::{
        ApiError, Error, TransportError, TransportFailure, UnreadableResponse, ValidationErrors,
    },
    metadata::ClientMetadata,
    redact::Redactor,
    response::{
        ClientInformation, DecodeError, FieldWarning, Response, Truncated, ValidationErrorBody,
        recovery,
    },
    secret::BearerToken,
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
    let token = token.map(BearerToken::expose);
    match decoded {
        // A body over the limit is an error, even if it begins with complete JSON.
        Decoded::Client(client) if !matches!(response.truncated, Some(Truncated::TooLarge(_))) => {
            Ok(success(client, &response, sent, token))
        }
        Decoded::ValidationErrors(body) => Err(response_error(&response, Some(&body), sent, token)),
        _ if response.status.is_success() => Err(unreadable(response, token)),
        _ => Err(response_error(&response, None, sent, token)),
    }
}

fn success(
    mut client: ClientInformation,
    response: &Response,
    sent: &ClientMetadata,
    token: Option<&str>,
) -> ClientInformation {
    client.requested_auth_method = Some(sent.token_endpoint_auth_method.clone());
    let redactor = Redactor::new(token, client.client_secret.as_ref());
    client.response = Some(response.meta(&redactor));
    if response.truncated.is_some() {
        client.warnings.push(FieldWarning::new(
            "body",
            "the connection closed before the end of the body, but its JSON is complete",
        ));
    }
    client
}

fn unreadable(response: Response, token: Option<&str>) -> Error {
    let recovered = recovery::credentials(&response.body);
    let redactor = Redactor::new(token, recovered.client_secret.as_ref());
    let meta = response.meta(&redactor);
    let reason = match response.truncated {
        Some(truncated) => DecodeError::Truncated(truncated),
        None => DecodeError::of(&response.body),
    };
    Error::Unreadable(UnreadableResponse::new(Some(meta), reason, recovered, response.body))
}

/// Returns the error of a response that is not a success. A 400 may contain FastAPI's list of validation
/// errors, which the contract names for 422 only.
pub(crate) fn response_error(
    response: &Response,
    decoded: Option<&ValidationErrorBody>,
    sent: &ClientMetadata,
    token: Option<&str>,
) -> Error {
    // An error response may contain a secret or echo the token.
    let secret = recovery::credentials(&response.body).client_secret;
    let redactor = Redactor::new(token, secret.as_ref());
    let is_400 = response.status.as_u16() == 400;
    let from_400 = is_400.then(|| serde_json::from_slice(&response.body).ok()).flatten();
    match decoded.or(from_400.as_ref()) {
        Some(body) => {
            let errors = body.errors(sent, &redactor);
            ValidationErrors::server(errors, response.meta(&redactor)).into()
        }
        None => Error::Api(ApiError::new(response, &redactor)),
    }
}

/// Returns the error of a call without a response.
pub(super) fn transport_error(failure: TransportFailure, transport: &Transport) -> Error {
    let endpoint = transport.endpoint.to_string();
    Error::Transport(TransportError::new(failure, endpoint, transport.timeout))
}
