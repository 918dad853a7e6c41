//! The HTML pages of the listener. They contain nothing from the request, and their content
//! security policy allows no scripts, no resources and no framing.

use hyper::{
    Response, StatusCode,
    header::{
        ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue,
        REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
    },
};

use crate::{
    oauth::{error::OAuthError, token_error::TokenError},
    response::ErrorCode,
};

pub(super) struct Page {
    status: StatusCode,
    title: &'static str,
    text: &'static str,
}

const STYLE: &str = "\
:root { color-scheme: light dark; font: 1.1rem/1.5 system-ui, sans-serif; }
main { max-width: 34rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; line-height: 1.25; text-wrap: balance; }
p { text-wrap: pretty; }";

const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; \
    form-action 'none'; frame-ancestors 'none'";

impl Page {
    /// The response to the callback, which says what the user does next.
    pub(super) fn for_callback<T>(code: &Result<T, OAuthError>) -> Self {
        let (title, text) = match code {
            Ok(_) => (
                "Return to the application",
                "The application received the response and continues the login. You can close \
                 this window.",
            ),
            Err(error) if is_denial(error) => (
                "Access was denied",
                "The application did not get access. You can close this window and return to the \
                 application.",
            ),
            Err(_) => (
                "The login failed",
                "Return to the application, which shows the reason. You can close this window.",
            ),
        };
        Self { status: StatusCode::OK, title, text }
    }

    pub(super) fn not_the_callback() -> Self {
        let text = "This is not the response to the current login, and the application ignored it. \
            Continue on the page that the application opened.";
        Self::refusal(StatusCode::BAD_REQUEST, text)
    }

    pub(super) fn refusal(status: StatusCode, text: &'static str) -> Self {
        Self { status, title: "Request rejected", text }
    }

    pub(super) fn is_for_callback(&self) -> bool {
        self.status == StatusCode::OK
    }

    pub(super) fn text(&self) -> &'static str {
        self.text
    }

    pub(super) fn into_response(self) -> Response<String> {
        let Self { status, title, text } = self;
        let html = format!(
            r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
{STYLE}
</style>
</head>
<body>
<main>
<h1>{title}</h1>
<p>{text}</p>
</main>
</body>
</html>
"#
        );
        let headers = [
            (CONTENT_TYPE, "text/html; charset=utf-8"),
            (CONTENT_SECURITY_POLICY, POLICY),
            (REFERRER_POLICY, "no-referrer"),
            (CACHE_CONTROL, "no-store"),
            (X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (CONNECTION, "close"),
        ];
        let allow = (status == StatusCode::METHOD_NOT_ALLOWED).then_some((ALLOW, "GET"));
        let mut response = Response::new(html);
        *response.status_mut() = status;
        for (name, value) in headers.into_iter().chain(allow) {
            response.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        response
    }
}

fn is_denial(error: &OAuthError) -> bool {
    error.refusal().and_then(TokenError::code) == Some(&ErrorCode::ACCESS_DENIED)
}
