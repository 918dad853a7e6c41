//! From an answer that is no registration to its error.

use http_auth::ChallengeParser;
use reqwest::header::WWW_AUTHENTICATE;
use serde_json::Value;

use super::{ApiError, Error, ErrorCode, ResponseHead};
use crate::{
    ClientMetadata, ClientSecret, ValidationErrors, information::salvage, text::Cleaner,
    transport::Answer, validation::fastapi,
};

/// The error that an answer with any status but 2xx stands for.
pub(crate) fn error(answer: &Answer, sent: &ClientMetadata, token: Option<&str>) -> Error {
    // Even a refusal may quote a secret, and a token may be echoed: neither is to be repeated.
    let quoted = salvage::credentials(&answer.body).client_secret;
    let cleaner = Cleaner::new(token.into_iter().chain(quoted.as_ref().map(ClientSecret::expose)));
    let head = ResponseHead::of(answer, &cleaner);
    let body: Option<Value> = serde_json::from_slice(without_bom(&answer.body)).ok();

    if matches!(answer.status.as_u16(), 400 | 422)
        && let Some(errors) = body.as_ref().and_then(|body| fastapi::read(body, sent, &cleaner))
    {
        return ValidationErrors::server(errors, head).into();
    }
    let challenge = Challenge::read(answer, &cleaner);
    let (code, description) = match &body {
        Some(body) => (code(body, &cleaner), description(body, &cleaner)),
        None => (None, cleaner.excerpt(&answer.body)),
    };
    // A page says less than a challenge does, a JSON body more.
    let description = match body {
        Some(_) => description.or(challenge.description),
        None => challenge.description.or(description),
    };
    Error::Api(ApiError::new(head, code.or(challenge.code), description))
}

/// A body without the byte order mark that some servers put before it.
pub(crate) fn without_bom(body: &[u8]) -> &[u8] {
    body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body)
}

/// RFC 7591's `error`; some APIs have an object there, with a `code` in it.
fn code(body: &Value, cleaner: &Cleaner<'_>) -> Option<ErrorCode> {
    let error = body.get("error")?;
    let text = error.as_str().or_else(|| error.get("code")?.as_str())?;
    ErrorCode::read(&cleaner.clean(text))
}

/// What the members say that usually hold a sentence, else the JSON itself in short.
fn description(body: &Value, cleaner: &Cleaner<'_>) -> Option<String> {
    let nested = [body.get("error"), body.get("detail")];
    let text = ["error_description", "detail", "message", "title", "msg"].iter().find_map(|name| {
        let mut places = std::iter::once(Some(body)).chain(nested).flatten();
        places.find_map(|place| place.get(name)?.as_str())
    });
    let found = match (text, body) {
        (Some(text), _) => cleaner.clean(text),
        // FastAPI's list of problems at another status than its own.
        (None, _) if body.get("detail").is_some_and(Value::is_array) => {
            problems(body, cleaner).unwrap_or_default()
        }
        (None, Value::Object(members)) if members.is_empty() || members.contains_key("error") => {
            let sentence = body.get("error").and_then(Value::as_str);
            // An `error` that is no code is a sentence.
            let sentence = sentence.filter(|text| ErrorCode::read(text).is_none());
            sentence.map(|text| cleaner.clean(text)).unwrap_or_default()
        }
        (None, Value::Null) => String::new(),
        (None, other) => cleaner.clean(&other.to_string()),
    };
    Some(found).filter(|text| !text.is_empty())
}

fn problems(body: &Value, cleaner: &Cleaner<'_>) -> Option<String> {
    let errors = fastapi::read(body, &ClientMetadata::default(), cleaner)?;
    let lines: Vec<_> =
        errors.iter().map(|error| format!("{}: {}", error.path(), error.message())).collect();
    Some(cleaner.clean(&lines.join("; ")))
}

/// What a `WWW-Authenticate` header says (RFC 6750 section 3).
#[derive(Default)]
struct Challenge {
    code: Option<ErrorCode>,
    description: Option<String>,
}

impl Challenge {
    fn read(answer: &Answer, cleaner: &Cleaner<'_>) -> Self {
        let mut challenge = Self::default();
        let values = answer.headers.get_all(WWW_AUTHENTICATE).iter();
        let texts = values.filter_map(|value| std::str::from_utf8(value.as_bytes()).ok());
        for (name, value) in texts.flat_map(ChallengeParser::new).flatten().flat_map(|c| c.params) {
            let text = cleaner.clean(&value.to_unescaped());
            if name.eq_ignore_ascii_case("error") && challenge.code.is_none() {
                challenge.code = ErrorCode::read(&text);
            } else if name.eq_ignore_ascii_case("error_description") && !text.is_empty() {
                challenge.description.get_or_insert(text);
            }
        }
        challenge
    }
}
