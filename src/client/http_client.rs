//! The default HTTP client, and the `User-Agent` header.

use std::time::Duration;

use reqwest::header::HeaderValue;

use crate::error::ConfigError;

pub(super) fn user_agent(app_info: Option<&(String, String)>) -> Result<HeaderValue, ConfigError> {
    let product = format!(
        "poggio/{} ({}; {})",
        env!("CARGO_PKG_VERSION"),
        std::env::consts::OS,
        std::env::consts::ARCH,
    );
    let text = match app_info {
        None => product,
        Some((name, version)) if is_token(name) && is_token(version) => {
            format!("{name}/{version} {product}")
        }
        Some(_) => {
            return Err(ConfigError::new(
                "app_info",
                "the name or the version is empty or contains a character other than letters, \
                     digits and !#$%&'*+-.^_`|~; use a form such as acme-sync, 1.2.0",
            ));
        }
    };
    HeaderValue::from_str(&text).map_err(|_| ConfigError::new("app_info", "not valid in a header"))
}

/// Builds an HTTP client that does not follow redirects.
pub(super) fn build(
    is_https: bool,
    connect_timeout: Duration,
) -> Result<reqwest::Client, ConfigError> {
    let builder = || {
        reqwest::Client::builder()
            .connect_timeout(connect_timeout)
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
    };
    if is_https {
        return tls(builder())?.build().map_err(|error| build_error(&error));
    }
    // A proxy would send the unencrypted request to another machine.
    let result = builder().no_proxy().build();
    // Without the platform's certificates, http still works, and no certificate is trusted.
    #[cfg(any(feature = "rustls", feature = "native-tls"))]
    let result = result.or_else(|_| builder().no_proxy().tls_certs_only([]).build());
    result.map_err(|error| build_error(&error))
}

fn build_error(error: &reqwest::Error) -> ConfigError {
    let cause = std::error::Error::source(error).map(ToString::to_string);
    let cause = cause.unwrap_or_else(|| error.to_string());
    let problem = format!(
        "could not be built: {cause}; install the CA certificates of this system, or pass an HTTP \
         client with its own"
    );
    ConfigError::new("http_client", problem)
}

/// Sets up TLS with the backend that the crate features select.
#[allow(clippy::unnecessary_wraps, reason = "fails if no TLS feature is on")]
fn tls(builder: reqwest::ClientBuilder) -> Result<reqwest::ClientBuilder, ConfigError> {
    #[cfg(feature = "rustls")]
    return Ok(builder.tls_backend_rustls().tls_version_min(reqwest::tls::Version::TLS_1_2));
    #[cfg(all(feature = "native-tls", not(feature = "rustls")))]
    return Ok(builder.tls_backend_native().tls_version_min(reqwest::tls::Version::TLS_1_2));
    #[cfg(not(any(feature = "rustls", feature = "native-tls")))]
    {
        drop(builder);
        Err(ConfigError::new(
            "base_url",
            "https requires the crate feature `rustls` or `native-tls`; enable one, or pass an \
             HTTP client with TLS to http_client",
        ))
    }
}

/// Returns whether the text is a token (RFC 9110 section 5.6.2).
fn is_token(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(allowed)
}
