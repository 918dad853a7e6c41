//! Parses the JSON of a document in the format of this crate, and says what is wrong with other text.

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::error::Category;

use crate::error::StoreError;

/// The version of the format of all documents. Other versions are refused.
const FORMAT: u64 = 2;

/// The member `format`, whose only value is [`FORMAT`].
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[serde(into = "u64", try_from = "u64")]
pub(crate) struct Format;

impl From<Format> for u64 {
    fn from(_: Format) -> Self {
        FORMAT
    }
}

impl TryFrom<u64> for Format {
    type Error = &'static str;

    fn try_from(format: u64) -> Result<Self, Self::Error> {
        if format == FORMAT { Ok(Self) } else { Err("another format") }
    }
}

/// Any version of a document, which may have other members.
#[derive(Deserialize)]
struct AnyVersion {
    format: u64,
}

/// Parses a document of the store with this name.
pub(crate) fn parse<D: DeserializeOwned>(text: &str, store_name: &str) -> Result<D, StoreError> {
    serde_json::from_str(text).map_err(|error| match serde_json::from_str(text) {
        Ok(AnyVersion { format }) if format != FORMAT => {
            StoreError::unknown_format(store_name, format, FORMAT)
        }
        _ => {
            // Messages of serde_json are not shown, because they can quote a secret.
            let how = match error.classify() {
                Category::Eof => "it ends too early",
                Category::Syntax | Category::Io => "it is not JSON",
                Category::Data => "a member is invalid",
            };
            let place = format!("line {}, column {}", error.line(), error.column());
            StoreError::damaged(store_name, format!("{how}, at {place}"))
        }
    })
}
