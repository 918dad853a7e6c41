//! The values of client metadata by field, for comparing metadata. The names are in `field`.

use super::{
    client_metadata::ClientMetadata,
    field::MetadataField,
    terms::{GrantType, ResponseType},
};

impl ClientMetadata {
    /// Returns the values of a field: the elements of an array, the tokens of a scope, or at most one
    /// value for any other field.
    pub(crate) fn values(&self, field: MetadataField) -> Vec<&str> {
        match field {
            MetadataField::RedirectUris => self.redirect_uris.iter().map(String::as_str).collect(),
            MetadataField::TokenEndpointAuthMethod => {
                vec![self.token_endpoint_auth_method.as_str()]
            }
            MetadataField::GrantTypes => self.grant_types.iter().map(GrantType::as_str).collect(),
            MetadataField::ResponseTypes => {
                self.response_types.iter().map(ResponseType::as_str).collect()
            }
            MetadataField::ClientName => Vec::from_iter(self.client_name.as_deref()),
            MetadataField::ClientUri => Vec::from_iter(self.client_uri.as_deref()),
            MetadataField::LogoUri => Vec::from_iter(self.logo_uri.as_deref()),
            MetadataField::Scope => self.scope.iter().flat_map(|s| s.split_whitespace()).collect(),
            MetadataField::Contacts => self.contacts.iter().map(String::as_str).collect(),
            MetadataField::TosUri => Vec::from_iter(self.tos_uri.as_deref()),
            MetadataField::PolicyUri => Vec::from_iter(self.policy_uri.as_deref()),
            MetadataField::SoftwareId => Vec::from_iter(self.software_id.as_deref()),
            MetadataField::SoftwareVersion => Vec::from_iter(self.software_version.as_deref()),
        }
    }
}
