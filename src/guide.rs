//! Guide pages: documentation only.
//!
//! Each page answers one question and has examples that you can copy. An example that needs another
//! crate names it.

pub mod errors;
#[cfg(feature = "oauth2")]
#[cfg_attr(docsrs, doc(cfg(feature = "oauth2")))]
pub mod login;
#[cfg(feature = "oauth2")]
#[cfg_attr(docsrs, doc(cfg(feature = "oauth2")))]
pub mod mcp;
pub mod open_questions;
pub mod register_once;
pub mod stores;
#[cfg(feature = "testing")]
#[cfg_attr(docsrs, doc(cfg(feature = "testing")))]
pub mod testing;
