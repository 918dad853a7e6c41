//! The environment variables that configure a client.

use std::ffi::OsString;

use super::{
    builder::{ClientBuilder, Setting},
    handle::Client,
};
use crate::{
    error::{ConfigError, Error},
    secret,
};

const BASE_URL: &str = "POGGIO_BASE_URL";
pub(crate) const AUTH_TOKEN: &str = "POGGIO_AUTH_TOKEN";

impl Client {
    /// Returns a client for the base URL in `POGGIO_BASE_URL`, with the token in
    /// `POGGIO_AUTH_TOKEN`. If a variable is unset or empty, the default is used.
    ///
    /// # Errors
    ///
    /// Returns [`Error::Config`] if a value is invalid. The error names the variable.
    #[doc(alias("POGGIO_BASE_URL", "POGGIO_AUTH_TOKEN"))]
    pub fn from_env() -> Result<Self, Error> {
        Self::builder().from_env()?.build()
    }
}

impl ClientBuilder {
    /// Sets the base URL from `POGGIO_BASE_URL` and the token from `POGGIO_AUTH_TOKEN`. A variable that
    /// is unset or empty changes nothing.
    ///
    /// # Errors
    ///
    /// Returns [`Error::Config`] if a value is not UTF-8. Other invalid values are reported by
    /// [`build`](Self::build). Both errors name the variable.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use std::time::Duration;
    /// use poggio::Client;
    ///
    /// # fn main() -> Result<(), poggio::Error> {
    /// let poggio = Client::builder().from_env()?.timeout(Duration::from_secs(10)).build()?;
    /// # Ok(())
    /// # }
    /// ```
    #[allow(clippy::wrong_self_convention, reason = "has the same name as Client::from_env")]
    pub fn from_env(self) -> Result<Self, Error> {
        self.apply_variables(|name| std::env::var_os(name))
    }

    fn apply_variables(
        mut self,
        variable: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Self, Error> {
        let read = |name| match variable(name).map(OsString::into_string) {
            None => Ok(None),
            Some(Ok(text)) => Ok(Some(text).filter(|text| !text.is_empty())),
            Some(Err(_)) => Err(ConfigError::new(name, "not valid UTF-8; correct its value")),
        };
        if let Some(value) = read(BASE_URL)? {
            self.base_url = Setting { name: BASE_URL, value };
        }
        if let Some(token) = read(AUTH_TOKEN)? {
            let value = secret::into_secret(token);
            self.auth_token = Some(Setting { name: AUTH_TOKEN, value });
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::client::Client;

    fn build(variables: &[(&str, &str)]) -> Result<Client, Error> {
        let variables: HashMap<_, _> = variables.iter().copied().collect();
        let builder = ClientBuilder::new().base_url("http://[::1]").auth_token("own");
        builder.apply_variables(|name| variables.get(name).map(OsString::from))?.build()
    }

    #[test]
    fn from_env_changes_only_variables_that_are_set() {
        let client = build(&[("POGGIO_BASE_URL", "http://127.0.0.1:9100/")]).unwrap();
        assert_eq!(client.base_url(), "http://127.0.0.1:9100");
        assert_eq!(client.shared.token.as_ref().unwrap().expose(), "own");
        let client = build(&[("POGGIO_BASE_URL", ""), ("POGGIO_AUTH_TOKEN", "t0ken")]).unwrap();
        assert_eq!(client.base_url(), "http://[::1]");
        assert_eq!(client.shared.token.as_ref().unwrap().expose(), "t0ken");
    }

    #[test]
    fn build_names_the_invalid_variable() {
        for name in ["POGGIO_BASE_URL", "POGGIO_AUTH_TOKEN"] {
            let error = build(&[(name, "ftp: //x")]).unwrap_err();
            assert!(error.to_string().starts_with(&format!("{name}: ")), "{error}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn from_env_names_a_variable_that_is_not_utf_8() {
        use std::os::unix::ffi::OsStringExt;
        let not_utf_8 = |_: &str| Some(OsString::from_vec(vec![0xff]));
        let error = ClientBuilder::new().apply_variables(not_utf_8).unwrap_err();
        assert_eq!(error.to_string(), "POGGIO_BASE_URL: not valid UTF-8; correct its value");
    }
}
