//! Open enumerations of OAuth's registered terms: the known values by name, any other kept as it
//! is.

use std::{convert::Infallible, fmt, hash, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

macro_rules! open_enum {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident $text:literal,)* }) => {
        $(#[$doc])*
        ///
        /// Values compare, hash and serialize by their text, so a value that is written as
        /// `Other` equals the named one of the same text.
        #[derive(Clone, Debug)]
        #[non_exhaustive]
        pub enum $name {
            $($(#[$variant_doc])* #[doc = concat!("\n\n`", $text, "`")] $variant,)*
            /// Any other value, exactly as it is written.
            Other(String),
        }

        impl $name {
            /// Returns the value as it is written in JSON.
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
                f.pad(self.as_str())
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
    /// Poggio's authorization server metadata names `client_secret_post` only.
    ///
    /// Source: RFC 7591 section 2, and the IANA registry it opens.
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
        /// A public client, which has no secret.
        None "none",
        /// The secret in the body of the token request.
        ClientSecretPost "client_secret_post",
        /// The secret in an HTTP Basic header.
        ClientSecretBasic "client_secret_basic",
        /// A JWT made with the secret (OpenID Connect Core section 9).
        ClientSecretJwt "client_secret_jwt",
        /// A JWT made with a private key (OpenID Connect Core section 9).
        PrivateKeyJwt "private_key_jwt",
        /// A client certificate of a known authority (RFC 8705 section 2.1).
        TlsClientAuth "tls_client_auth",
        /// A client certificate of the client's own (RFC 8705 section 2.2).
        SelfSignedTlsClientAuth "self_signed_tls_client_auth",
    }
}

open_enum! {
    /// A grant type that a client will use at the token endpoint: an entry of `grant_types`.
    ///
    /// Poggio's authorization server metadata names `authorization_code`, `client_credentials`
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
        /// A code from the authorization endpoint (RFC 6749 section 4.1).
        AuthorizationCode "authorization_code",
        /// A token from the authorization endpoint itself (RFC 6749 section 4.2).
        Implicit "implicit",
        /// The user's own password (RFC 6749 section 4.3).
        Password "password",
        /// The client's credentials alone (RFC 6749 section 4.4).
        ClientCredentials "client_credentials",
        /// A refresh token (RFC 6749 section 6).
        RefreshToken "refresh_token",
        /// A JWT assertion (RFC 7523).
        JwtBearer "urn:ietf:params:oauth:grant-type:jwt-bearer",
        /// A SAML 2.0 assertion (RFC 7522).
        Saml2Bearer "urn:ietf:params:oauth:grant-type:saml2-bearer",
        /// A device code (RFC 8628).
        DeviceCode "urn:ietf:params:oauth:grant-type:device_code",
        /// Another token (RFC 8693).
        TokenExchange "urn:ietf:params:oauth:grant-type:token-exchange",
    }
}

open_enum! {
    /// A response type that a client will use at the authorization endpoint: an entry of
    /// `response_types`.
    ///
    /// A value may consist of several words, as `code id_token` does.
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
