//! The values of client metadata by field, for what compares metadata. The names are in `field`.

use super::{
    client_metadata::ClientMetadata,
    field::MetadataField,
    terms::{GrantType, ResponseType},
};

impl ClientMetadata {
    /// Returns the values of a field: the entries of a list, the tokens of a scope, else one or none.
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
            MetadataField::ClientName => one(self.client_name.as_deref()),
            MetadataField::ClientUri => one(self.client_uri.as_deref()),
            MetadataField::LogoUri => one(self.logo_uri.as_deref()),
            MetadataField::Scope => self.scope.iter().flat_map(|s| s.split_whitespace()).collect(),
            MetadataField::Contacts => self.contacts.iter().map(String::as_str).collect(),
            MetadataField::TosUri => one(self.tos_uri.as_deref()),
            MetadataField::PolicyUri => one(self.policy_uri.as_deref()),
            MetadataField::SoftwareId => one(self.software_id.as_deref()),
            MetadataField::SoftwareVersion => one(self.software_version.as_deref()),
        }
    }
}

fn one(text: Option<&str>) -> Vec<&str> {
    text.into_iter().collect()
}
