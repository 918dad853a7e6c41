//! A person at the authorization page, without a browser.

use super::{authorize, page};
use crate::url::is_loopback;

/// Opens an authorization URL and presses a button; gives the URL that a browser would be sent
/// to, or says what is shown instead.
pub(super) async fn press(button: &str, url: &str) -> Result<String, String> {
    let is_here = reqwest::Url::parse(url).is_ok_and(|url| url.host_str().is_some_and(is_loopback));
    if !is_here {
        return Err(format!("{url} is not on this machine; name the endpoints of this server"));
    }
    let http = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
    let http = http.build().map_err(|error| error.to_string())?;
    let asked = http.get(url).send().await.map_err(|error| error.to_string())?;
    if let Some(url) = sent_to(&asked) {
        return Ok(url);
    }
    let to = asked.url().join(authorize::PATH).map_err(|error| error.to_string())?;
    let shown = asked.text().await.map_err(|error| error.to_string())?;
    let Some(ticket) = page::ticket(&shown) else { return Err(shown) };
    let form = [("ticket", ticket), ("decision", button)];
    let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    let pressed = http
        .post(to)
        .header("content-type", "application/x-www-form-urlencoded")
        .body(form)
        .send()
        .await
        .map_err(|error| error.to_string())?;
    match sent_to(&pressed) {
        Some(url) => Ok(url),
        None => Err(pressed.text().await.unwrap_or_default()),
    }
}

fn sent_to(answer: &reqwest::Response) -> Option<String> {
    let location = answer.headers().get("location")?.to_str().ok()?;
    Some(location.to_owned())
}
