//! Open enumerations of registered OAuth values. A known value is a variant, and any other value is
//! `Other`.

use std::{convert::Infallible, fmt, hash, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::redact::sanitize;

macro_rules! open_enum {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident $text:literal,)* }) => {
        $(#[$doc])*
        ///
        /// Values compare, hash and serialize by their text, so `Other` equals the variant with the same
        /// text.
        #[derive(Clone)]
        #[non_exhaustive]
        pub enum $name {
            $($(#[$variant_doc])* #[doc = concat!("\n\n`", $text, "`")] $variant,)*
            /// Any other value, unchanged.
            Other(String),
        }

        impl $name {
            /// Returns the value as it appears in JSON.
            #[must_use]
            pub fn as_str(&self) -> &str {
                match self { $(Self::$variant => $text,)* Self::Other(text) => text }
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                match text { $($text => Self::$variant,)* _ => Self::Other(text.to_owned()) }
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                match text.as_str() { $($text => Self::$variant,)* _ => Self::Other(text) }
            }
        }

        impl From<&String> for $name {
            fn from(text: &String) -> Self {
                Self::from(text.as_str())
            }
        }

        impl FromStr for $name {
            type Err = Infallible;

            fn from_str(text: &str) -> Result<Self, Infallible> {
                Ok(Self::from(text))
            }
        }

        impl PartialEq for $name {
            fn eq(&self, other: &Self) -> bool {
                self.as_str() == other.as_str()
            }
        }

        impl Eq for $name {}

        impl hash::Hash for $name {
            fn hash<H: hash::Hasher>(&self, state: &mut H) {
                self.as_str().hash(state);
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                self.as_str()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self {
                    Self::Other(text) => f.pad(&sanitize(text)),
                    known => f.pad(known.as_str()),
                }
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self {
                    $(Self::$variant => f.write_str(stringify!($variant)),)*
                    Self::Other(text) => f.debug_tuple("Other").field(&sanitize(text)).finish(),
                }
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer).map(Self::from)
            }
        }
    };
}

open_enum! {
    /// How a client authenticates at the token endpoint: `token_endpoint_auth_method`.
    ///
    /// Poggio's authorization server metadata lists `client_secret_post` only.
    ///
    /// Source: RFC 7591 section 2, and the IANA registry that it establishes.
    ///
    /// # Examples
    ///
    /// ```
    /// use poggio::AuthMethod;
    ///
    /// assert_eq!(AuthMethod::from("none"), AuthMethod::None);
    /// assert_eq!(AuthMethod::from("x-acme").as_str(), "x-acme");
    /// ```
    AuthMethod {
        /// No authentication: a public client, which has no secret.
        None "none",
        /// The client sends the secret in the body of the token request.
        ClientSecretPost "client_secret_post",
        /// The client sends the secret with HTTP Basic authentication.
        ClientSecretBasic "client_secret_basic",
        /// The client sends a JWT authenticated with the secret (OpenID Connect Core section 9).
        ClientSecretJwt "client_secret_jwt",
        /// The client sends a JWT signed with a private key (OpenID Connect Core section 9).
        PrivateKeyJwt "private_key_jwt",
        /// The client uses a certificate issued by a certificate authority (RFC 8705 section 2.1).
        TlsClientAuth "tls_client_auth",
        /// The client uses a self-signed certificate (RFC 8705 section 2.2).
        SelfSignedTlsClientAuth "self_signed_tls_client_auth",
    }
}

open_enum! {
    /// A grant type that a client uses at the token endpoint: an element of `grant_types`.
    ///
    /// Poggio's authorization server metadata lists `authorization_code`, `client_credentials`
    /// and `refresh_token`.
    ///
    /// Source: RFC 7591 section 2.
    ///
    /// # Examples
    ///
    /// ```
    /// use poggio::GrantType;
    ///
    /// assert_eq!(GrantType::from("refresh_token"), GrantType::RefreshToken);
    /// ```
    GrantType {
        /// The client exchanges a code from the authorization endpoint (RFC 6749 section 4.1).
        AuthorizationCode "authorization_code",
        /// The authorization endpoint issues the token (RFC 6749 section 4.2).
        Implicit "implicit",
        /// The password of the user (RFC 6749 section 4.3).
        Password "password",
        /// The credentials of the client (RFC 6749 section 4.4).
        ClientCredentials "client_credentials",
        /// A refresh token (RFC 6749 section 6).
        RefreshToken "refresh_token",
        /// A JWT assertion (RFC 7523).
        JwtBearer "urn:ietf:params:oauth:grant-type:jwt-bearer",
        /// A SAML 2.0 assertion (RFC 7522).
        Saml2Bearer "urn:ietf:params:oauth:grant-type:saml2-bearer",
        /// A device code (RFC 8628).
        DeviceCode "urn:ietf:params:oauth:grant-type:device_code",
        /// Exchange of another token (RFC 8693).
        TokenExchange "urn:ietf:params:oauth:grant-type:token-exchange",
    }
}

open_enum! {
    /// A response type that a client uses at the authorization endpoint: an element of
    /// `response_types`.
    ///
    /// A value may combine several types, such as `code id_token`.
    ///
    /// Source: RFC 7591 section 2.
    ///
    /// # Examples
    ///
    /// ```
    /// use poggio::ResponseType;
    ///
    /// assert_eq!(ResponseType::from("code"), ResponseType::Code);
    /// ```
    ResponseType {
        /// An authorization code (RFC 6749 section 4.1.1).
        Code "code",
        /// An access token, for the implicit grant (RFC 6749 section 4.2.1).
        Token "token",
    }
}
