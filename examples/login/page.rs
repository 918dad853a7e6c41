//! What the browser shows in the end. Nothing that came from outside is in it, and its policy
//! permits it nothing.

use hyper::{
    Response, StatusCode,
    header::{
        ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue,
        REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
    },
};
use poggio::{
    ErrorCode,
    oauth::{OAuthError, TokenError},
};

pub(crate) struct Page {
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
    /// Tells a person what became of the answer.
    pub(crate) fn of<T>(answer: &Result<T, OAuthError>) -> Self {
        let (title, text) = match answer {
            Ok(_) => (
                "You can close this window",
                "Your permission has arrived. The program goes on by itself.",
            ),
            Err(OAuthError::Refused(refused)) if is_denial(refused) => (
                "You denied it",
                "The program has been told, and got nothing. You can close this window.",
            ),
            Err(_) => (
                "This did not work",
                "The program got no permission, and says why where you started it. You can close \
                 this window.",
            ),
        };
        Self { status: StatusCode::OK, title, text }
    }

    pub(crate) fn not_the_answer() -> Self {
        let text = "This is not the answer that the program waits for. It waits on: answer in the \
            page that the program opened.";
        Self::refusal(StatusCode::BAD_REQUEST, text)
    }

    pub(crate) fn refusal(status: StatusCode, text: &'static str) -> Self {
        Self { status, title: "This leads nowhere", text }
    }

    pub(crate) fn response(self) -> Response<String> {
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

pub(crate) fn is_denial(refused: &TokenError) -> bool {
    refused.code() == Some(&ErrorCode::ACCESS_DENIED)
}
