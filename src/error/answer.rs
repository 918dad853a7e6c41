//! From an answer that is no registration to its error.

use http_auth::ChallengeParser;
use reqwest::header::WWW_AUTHENTICATE;
use serde_json::Value;

use super::{ApiError, Error, ErrorCode, ResponseHead};
use crate::{
    ClientMetadata, ValidationErrors, information::salvage, text::Cleaner, transport::Answer,
    validation::fastapi,
};

/// The error that an answer with any status but 2xx stands for.
pub(crate) fn error(answer: &Answer, sent: &ClientMetadata, token: Option<&str>) -> Error {
    // Even a refusal may quote a secret, and a token may be echoed: neither is to be repeated.
    let quoted = salvage::credentials(&answer.body).client_secret;
    let cleaner = Cleaner::new(token, quoted.as_ref());
    let head = ResponseHead::of(answer, &cleaner);
    let body: Option<Value> = serde_json::from_slice(without_bom(&answer.body)).ok();

    if matches!(answer.status.as_u16(), 400 | 422)
        && let Some(errors) = body.as_ref().and_then(|body| fastapi::read(body, sent, &cleaner))
    {
        return ValidationErrors::server(errors, head).into();
    }
    Error::Api(refusal(answer, &cleaner))
}

/// What an answer says that is neither a success nor a list of the metadata's problems.
pub(crate) fn refusal(answer: &Answer, cleaner: &Cleaner<'_>) -> ApiError {
    let body: Option<Value> = serde_json::from_slice(without_bom(&answer.body)).ok();
    let challenge = Challenge::read(answer, cleaner);
    let (code, description) = match &body {
        Some(body) => (code(body, cleaner), description(body, cleaner)),
        None => (None, cleaner.excerpt(&answer.body)),
    };
    // A page says less than a challenge does, a JSON body more.
    let description = match body {
        Some(_) => description.or(challenge.description),
        None => challenge.description.or(description),
    };
    ApiError::new(ResponseHead::of(answer, cleaner), code.or(challenge.code), description)
}

/// A body without the byte order mark that some servers put before it.
pub(crate) fn without_bom(body: &[u8]) -> &[u8] {
    body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body)
}

/// RFC 7591's `error`; some APIs have an object there, with a `code` in it. FastAPI puts either, or
/// the code alone, into `detail`.
fn code(body: &Value, cleaner: &Cleaner<'_>) -> Option<ErrorCode> {
    let detail = body.get("detail");
    if let Some(known) = detail.and_then(Value::as_str).and_then(ErrorCode::known) {
        return Some(known);
    }
    let error = body.get("error").or_else(|| detail?.get("error"))?;
    let text = error.as_str().or_else(|| error.get("code")?.as_str())?;
    ErrorCode::read(&cleaner.clean(text))
}

/// The sentence that a JSON body holds for people, wherever it is; else what there is instead.
///
/// Values of other members are not shown: any of them may be a credential.
fn description(body: &Value, cleaner: &Cleaner<'_>) -> Option<String> {
    let text = match body {
        // FastAPI's list of problems, at another status than its own.
        _ if body.get("detail").is_some_and(Value::is_array) => problems(body, cleaner)?,
        Value::String(text) => text.clone(),
        Value::Object(members) => match sentence(body) {
            Some(text) => text.to_owned(),
            None if members.is_empty() || code(body, cleaner).is_some() => return None,
            None => {
                let names: Vec<_> = members.keys().map(String::as_str).collect();
                format!("JSON with the members {}", names.join(", "))
            }
        },
        other => sentence(other)?.to_owned(),
    };
    Some(cleaner.clean(&text)).filter(|text| !text.is_empty())
}

fn problems(body: &Value, cleaner: &Cleaner<'_>) -> Option<String> {
    let errors = fastapi::read(body, &ClientMetadata::default(), cleaner)?;
    let lines = errors.iter().map(|error| format!("{}: {}", error.path(), error.message()));
    Some(lines.collect::<Vec<_>>().join("; "))
}

/// The first text under a name that usually holds a sentence, outermost first.
fn sentence(value: &Value) -> Option<&str> {
    const NAMES: [&str; 6] = ["error_description", "detail", "message", "msg", "title", "reason"];
    let text = |name: &str| value.get(name)?.as_str().filter(|text| !text.is_empty());
    // An `error` that is no code is a sentence.
    let error = || text("error").filter(|text| ErrorCode::read(text).is_none());
    let found = NAMES.iter().find_map(|name| text(name)).or_else(error);
    found.or_else(|| match value {
        Value::Object(members) => members.values().find_map(sentence),
        Value::Array(entries) => entries.iter().find_map(sentence),
        _ => None,
    })
}

/// The parameters of all `WWW-Authenticate` headers, by their names.
pub(crate) fn challenge_params(answer: &Answer) -> Vec<(String, String)> {
    let values = answer.headers.get_all(WWW_AUTHENTICATE).iter();
    // The grammar is ASCII's; a server's slip must not cost the rest.
    let ascii = |byte: &u8| if byte.is_ascii() { char::from(*byte) } else { '?' };
    let texts: Vec<String> =
        values.map(|value| value.as_bytes().iter().map(ascii).collect()).collect();
    let challenges = texts.iter().flat_map(|text| ChallengeParser::new(text)).flatten();
    let params = challenges.flat_map(|challenge| challenge.params);
    params.map(|(name, value)| (name.to_owned(), value.to_unescaped())).collect()
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
        for (name, text) in challenge_params(answer) {
            if name.eq_ignore_ascii_case("error") && challenge.code.is_none() {
                challenge.code = ErrorCode::read(&cleaner.clean(&text));
            } else if name.eq_ignore_ascii_case("error_description") && !text.is_empty() {
                challenge.description.get_or_insert(cleaner.clean(&text));
            }
        }
        challenge
    }
}
