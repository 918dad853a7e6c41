//! From the recorded response, and what was decoded of it, to a client or an error.

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

/// What the generated client decoded.
#[allow(
    clippy::large_enum_variant,
    reason = "there is one, and the usual variant is the large one"
)]
pub(super) enum Decoded {
    Client(ClientInformation),
    ValidationErrors(ValidationErrorBody),
    /// Nothing: the recorded response says what it is.
    Nothing,
}

/// The result of a registration that a server responded to.
pub(super) fn result(
    response: Response,
    decoded: Decoded,
    sent: &ClientMetadata,
    token: Option<&BearerToken>,
) -> Result<ClientInformation, Error> {
    let token = token.map(BearerToken::expose);
    match decoded {
        Decoded::Client(client) if is_within_cap(&response) => {
            Ok(success(client, &response, token))
        }
        Decoded::ValidationErrors(body) => Err(refused(&response, Some(&body), sent, token)),
        _ if response.status.is_success() => Err(unreadable(response, token)),
        _ => Err(refused(&response, None, sent, token)),
    }
}

/// Whether the cap left the body whole. A larger body may begin with whole JSON.
fn is_within_cap(response: &Response) -> bool {
    !matches!(response.truncated, Some(Truncated::TooLarge(_)))
}

fn success(
    mut client: ClientInformation,
    response: &Response,
    token: Option<&str>,
) -> ClientInformation {
    let redactor = Redactor::new(token, client.client_secret.as_ref());
    client.response = Some(response.meta(&redactor));
    if response.truncated.is_some() {
        client.warnings.push(FieldWarning::new(
            "body",
            "the connection ended before the answer's declared end; its JSON is whole",
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

/// The error of a response that is not a success. A 400 may hold FastAPI's list as a 422 does.
pub(crate) fn refused(
    response: &Response,
    decoded: Option<&ValidationErrorBody>,
    sent: &ClientMetadata,
    token: Option<&str>,
) -> Error {
    // Even a refusal may quote a secret, and a server may echo the token.
    let quoted = recovery::credentials(&response.body).client_secret;
    let redactor = Redactor::new(token, quoted.as_ref());
    let from_400 = || serde_json::from_slice(&response.body).ok();
    let other = if response.status.as_u16() == 400 { from_400() } else { None };
    match decoded.or(other.as_ref()) {
        Some(body) => {
            let errors = body.errors(sent, &redactor);
            ValidationErrors::server(errors, response.meta(&redactor)).into()
        }
        None => Error::Api(ApiError::of(response, &redactor)),
    }
}

/// The error of a call without a response.
pub(super) fn transport_error(failure: TransportFailure, transport: &Transport) -> Error {
    let endpoint = transport.endpoint.to_string();
    Error::Transport(TransportError::new(failure, endpoint, transport.timeout))
}
