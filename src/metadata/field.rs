//! [`MetadataField`]: the names of the documented members of client metadata.

use std::fmt;

macro_rules! fields {
    ($($variant:ident $name:literal,)*) => {
        /// A member of [`ClientMetadata`](crate::ClientMetadata) that Poggio documents (RFC 7591
        /// section 2).
        ///
        /// # Examples
        ///
        /// ```
        /// use poggio::MetadataField;
        ///
        /// assert_eq!(MetadataField::RedirectUris.as_str(), "redirect_uris");
        /// assert_eq!(MetadataField::from_name("scope"), Some(MetadataField::Scope));
        /// ```
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum MetadataField {
            $(#[doc = concat!("`", $name, "`")] $variant,)*
        }

        impl MetadataField {
            /// All members, in the order of `openapi.json`.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// Returns the name of the member in JSON.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// Returns the member with this name, or `None` if there is none.
            #[must_use]
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$variant),)* _ => None }
            }
        }
    };
}

fields! {
    RedirectUris "redirect_uris",
    TokenEndpointAuthMethod "token_endpoint_auth_method",
    GrantTypes "grant_types",
    ResponseTypes "response_types",
    ClientName "client_name",
    ClientUri "client_uri",
    LogoUri "logo_uri",
    Scope "scope",
    Contacts "contacts",
    TosUri "tos_uri",
    PolicyUri "policy_uri",
    SoftwareId "software_id",
    SoftwareVersion "software_version",
}

impl AsRef<str> for MetadataField {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Display for MetadataField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
