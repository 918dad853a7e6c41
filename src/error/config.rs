//! The error for an invalid setting.

use std::{borrow::Cow, fmt};

/// A setting that is invalid. No request was sent.
///
/// # Examples
///
/// ```
/// use poggio::{Client, Error};
///
/// let error = Client::builder().base_url("http://api.poggio.io").build().unwrap_err();
/// let Error::Config(error) = error else { panic!("{error}") };
/// assert_eq!(error.setting(), "base_url");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    setting: Cow<'static, str>,
    problem: Cow<'static, str>,
}

impl ConfigError {
    pub(crate) fn new(
        setting: impl Into<Cow<'static, str>>,
        problem: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { setting: setting.into(), problem: problem.into() }
    }

    /// Returns the name of the setting: a method of [`ClientBuilder`](crate::ClientBuilder), an
    /// environment variable, or a function of a store.
    #[must_use]
    pub fn setting(&self) -> &str {
        &self.setting
    }

    /// Returns what is wrong with the setting and how to correct it. It never contains a token.
    #[must_use]
    pub fn problem(&self) -> &str {
        &self.problem
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.setting, self.problem)
    }
}

impl std::error::Error for ConfigError {}
