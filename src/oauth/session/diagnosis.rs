//! Finds out whether an authorization endpoint knows a client, after a login without a callback.

use std::time::Duration;

use reqwest::{Client, Url};

/// A server that takes longer is not asked again.
const TIMEOUT: Duration = Duration::from_secs(2);
/// Pages say it near their beginning.
const MAX_BYTES: usize = 64 * 1024;

/// Requests an authorization page once, without following redirects, and returns whether the response
/// clearly says that the client is unknown.
pub(super) async fn is_client_unknown(http: &Client, url: &Url) -> bool {
    let probe = async {
        let mut response = http.get(url.clone()).send().await.ok()?;
        if !response.status().is_client_error() {
            return None;
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.ok()? {
            body.extend_from_slice(&chunk);
            if body.len() > MAX_BYTES {
                break;
            }
        }
        Some(names_unknown_client(&String::from_utf8_lossy(&body)))
    };
    matches!(tokio::time::timeout(TIMEOUT, probe).await, Ok(Some(true)))
}

/// Returns whether an error page or a JSON body says that the client is unknown. A text about the
/// redirect URI does not count, because a client that is unknown has none that could be wrong.
fn names_unknown_client(body: &str) -> bool {
    const PHRASES: &[&str] = &[
        "invalid_client",
        "invalid client",
        "unknown client",
        "unknown_client",
        "unregistered client",
        "client not found",
        "client is not registered",
        "client is unknown",
        "client does not exist",
        "client was not found",
        "no such client",
    ];
    let words = body.to_lowercase().replace("(client_id)", " ").replace("client_id", "client");
    let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
    !words.contains("redirect") && PHRASES.iter().any(|phrase| words.contains(phrase))
}

#[cfg(test)]
mod tests {
    use super::names_unknown_client;

    #[test]
    fn names_unknown_client_reads_common_messages() {
        for text in [
            r#"{"error":"invalid_client","error_description":"Client authentication failed"}"#,
            "<h1>Invalid client</h1>",
            "The client (client_id) is not registered here.",
            "Unknown client_id",
            "Client not found.",
        ] {
            assert!(names_unknown_client(text), "{text}");
        }
        for text in [
            "",
            "Bad Request",
            "The redirect_uri is not registered for this client.",
            "invalid_client: redirect_uri mismatch",
            r#"{"error":"invalid_request"}"#,
            "Your client is too old",
        ] {
            assert!(!names_unknown_client(text), "{text}");
        }
    }
}
