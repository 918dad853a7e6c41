//! What Poggio's documentation leaves open, and what the crate does.
//!
//! The crate works with every behaviour that the documentation permits.
//!
//! | not documented | what the crate does |
//! | --- | --- |
//! | 200 or 201 on success | any 2xx with a `client_id` is a registration; [`response`](crate::ClientInformation::response) has the status |
//! | whether a token is required | none is sent unless you set [`auth_token`](crate::ClientBuilder::auth_token); the error for 401 or 403 says what the server requires |
//! | the members of a response | only `client_id` is required; `null`, `""` and a missing member all count as missing |
//! | the default authentication method if the response does not state one | [`changes_from`](crate::ClientInformation::changes_from) reports it as not confirmed; the requested one is used |
//! | rate limits | a 429 is retried, with and without `Retry-After` |
//! | idempotency | none is assumed: a request that may have been acted on is not sent again |
//! | whether grant types and similar values are a closed set | [`GrantType`](crate::GrantType), [`ResponseType`](crate::ResponseType) and [`AuthMethod`](crate::AuthMethod) are open; an unknown value is kept as it is |
//! | v1 or v2 of the endpoint | v1, which is documented, below any base URL; [`registration_endpoint`](crate::ClientBuilder::registration_endpoint) sets another |
//! | changing or deleting a client (RFC 7592) | not offered; the `registration_access_token` is kept in [`additional`](crate::ClientInformation::additional) |
//! | whether loopback redirect URIs need `application_type` | it is not sent; [`with_additional`](crate::ClientMetadata::with_additional) adds it |
//! | whether the port of a loopback redirect URI matters | RFC 8252 section 7.3 applies: any port |
//! | the issuer | not compared, unless you set or discover one |
//! | why the metadata of `api.poggio.io` names an issuer at another host | `discover` (feature `oauth2`) accepts it there only, and only compares the `iss` of callbacks with it |
//!
//! If the server's behaviour is none of these, the error says what was received:
//! [`UnreadableResponse::expose_body`](crate::UnreadableResponse::expose_body) returns the body of a
//! success, and [`ApiError`](crate::ApiError) has status, headers and description of anything else.
