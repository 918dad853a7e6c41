//! Client metadata from flags and from a file.

use std::{
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
};

use poggio::{ClientMetadata, MetadataField, Outcome};

use crate::{exit::Exit, failure::Failure, shown::plain};

/// A flag for each member of the client metadata.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Client metadata")]
pub(crate) struct MetadataArgs {
    /// Read the metadata from an RFC 7591 JSON file; `-` is standard input. Each flag below replaces
    /// one member of it.
    #[arg(long, value_name = "FILE")]
    metadata: Option<PathBuf>,
    /// A redirect URI; can be repeated.
    #[arg(long, value_name = "URI")]
    redirect_uri: Vec<String>,
    /// How the client authenticates: `client_secret_post` (default), `client_secret_basic`, `none`,
    /// or another method.
    #[arg(long, value_name = "METHOD")]
    token_endpoint_auth_method: Option<String>,
    /// A grant type that the client uses; can be repeated.
    #[arg(long, value_name = "TYPE")]
    grant_type: Vec<String>,
    /// A response type that the client uses; can be repeated.
    #[arg(long, value_name = "TYPE")]
    response_type: Vec<String>,
    /// The name that users see.
    #[arg(long, value_name = "NAME")]
    client_name: Option<String>,
    /// The client's home page.
    #[arg(long, value_name = "URL")]
    client_uri: Option<String>,
    /// The client's logo.
    #[arg(long, value_name = "URL")]
    logo_uri: Option<String>,
    /// The scopes that the client may request, separated by spaces.
    #[arg(long, value_name = "SCOPES")]
    scope: Option<String>,
    /// A contact for the client, such as an e-mail address; can be repeated.
    #[arg(long, value_name = "ADDRESS")]
    contact: Vec<String>,
    /// The client's terms of service.
    #[arg(long, value_name = "URL")]
    tos_uri: Option<String>,
    /// The client's privacy policy.
    #[arg(long, value_name = "URL")]
    policy_uri: Option<String>,
    /// An identifier of the software, the same in all its installations.
    #[arg(long, value_name = "ID")]
    software_id: Option<String>,
    /// The version of the software.
    #[arg(long, value_name = "VERSION")]
    software_version: Option<String>,
}

/// Returns the flag that sets a member.
pub(crate) fn flag(field: MetadataField) -> String {
    match field.as_str() {
        "redirect_uris" => "--redirect-uri".to_owned(),
        "grant_types" => "--grant-type".to_owned(),
        "response_types" => "--response-type".to_owned(),
        "contacts" => "--contact".to_owned(),
        name => format!("--{}", name.replace('_', "-")),
    }
}

impl MetadataArgs {
    pub(crate) fn read(&self) -> Result<ClientMetadata, Failure> {
        let mut metadata = match &self.metadata {
            Some(path) => read_file(path)?,
            // Has neither redirect URIs nor response types.
            None if self.grant_type == ["client_credentials"] => {
                ClientMetadata::client_credentials()
            }
            None => ClientMetadata::new(),
        };
        if let Some(method) = &self.token_endpoint_auth_method {
            metadata = metadata.with_token_endpoint_auth_method(method);
        }
        if !self.redirect_uri.is_empty() {
            metadata.redirect_uris.clone_from(&self.redirect_uri);
        }
        if !self.grant_type.is_empty() {
            metadata = metadata.with_grant_types(&self.grant_type);
        }
        if !self.response_type.is_empty() {
            metadata = metadata.with_response_types(&self.response_type);
        }
        if !self.contact.is_empty() {
            metadata = metadata.with_contacts(&self.contact);
        }
        let texts = [
            (&self.client_name, &mut metadata.client_name),
            (&self.client_uri, &mut metadata.client_uri),
            (&self.logo_uri, &mut metadata.logo_uri),
            (&self.scope, &mut metadata.scope),
            (&self.tos_uri, &mut metadata.tos_uri),
            (&self.policy_uri, &mut metadata.policy_uri),
            (&self.software_id, &mut metadata.software_id),
            (&self.software_version, &mut metadata.software_version),
        ];
        for (given, field) in texts {
            if given.is_some() {
                field.clone_from(given);
            }
        }
        Ok(metadata)
    }
}

fn read_file(path: &Path) -> Result<ClientMetadata, Failure> {
    let read = read_text(path).map_err(|error| error.to_string());
    let parsed = read.and_then(|text| {
        if text.trim().is_empty() {
            return Err("it is empty".to_owned());
        }
        // The error names the member, which serde_json's own error does not.
        let json = &mut serde_json::Deserializer::from_str(text.trim_start_matches('\u{feff}'));
        let metadata =
            serde_path_to_error::deserialize(&mut *json).map_err(|error| error.to_string())?;
        json.end().map_err(|error| error.to_string())?;
        Ok(metadata)
    });
    parsed.map_err(|problem: String| {
        // The names of JSON, in place of Serde's.
        let problem = problem.replace("a sequence", "an array").replace("a map", "an object");
        Failure::new(Exit::Failed, "the metadata file cannot be used")
            .place(format!("--metadata {}", path.display()))
            .why(plain(&problem))
            .outcome(Outcome::NotRegistered)
            .help("correct the path or the file, then register again")
    })
}

/// Reads a file, or standard input for `-`.
pub(crate) fn read_text(path: &Path) -> io::Result<String> {
    if path == Path::new("-") {
        let mut text = String::new();
        io::stdin().read_to_string(&mut text)?;
        return Ok(text);
    }
    fs::read_to_string(path)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;
    use poggio::MetadataField;

    use crate::args::Args;

    #[test]
    fn register_has_a_flag_for_each_member() {
        let command = Args::command();
        let register = command.find_subcommand("register").unwrap();
        for field in MetadataField::ALL {
            let flag = super::flag(*field);
            let found = register
                .get_opts()
                .any(|opt| opt.get_long().is_some_and(|long| format!("--{long}") == flag));
            assert!(found, "{flag} does not exist");
        }
    }
}
