//! Which server receives the bearer token: the origin of the base URL, unless the caller names another.

use poggio::{
    Client, ClientBuilder, Error,
    reqwest::{self, redirect::Policy},
};

use crate::support::{TOKEN, Wire, metadata, sized};

async fn server() -> Wire {
    Wire::responding(sized("201 Created", "", r#"{"client_id": "id"}"#)).await
}

/// Returns the `Authorization` header of the only request.
async fn authorization(wire: &Wire, builder: ClientBuilder) -> Option<String> {
    builder.build().unwrap().register(&metadata()).await.unwrap();
    let requests = wire.requests();
    assert_eq!(requests.len(), 1);
    let lines = requests[0].lines();
    let value = lines.filter_map(|line| line.split_once(": "));
    let mut values = value.filter(|(name, _)| name.eq_ignore_ascii_case("authorization"));
    values.next().map(|(_, value)| value.to_owned())
}

fn bearer() -> String {
    format!("Bearer {TOKEN}")
}

fn port(wire: &Wire) -> &str {
    wire.base_url.rsplit(':').next().unwrap()
}

#[tokio::test]
async fn auth_token_is_sent_to_the_origin_of_the_base_url() {
    for path in ["/v1/oauth/register", "/v2/register", "/"] {
        let wire = server().await;
        let builder = wire.client_builder().auth_token(TOKEN);
        let builder = builder.registration_endpoint(format!("{}{path}", wire.base_url));
        assert_eq!(authorization(&wire, builder).await, Some(bearer()), "{path}");
    }
    // The order of the calls does not matter.
    let wire = server().await;
    let url = format!("{}/register", wire.base_url);
    let builder = Client::builder().registration_endpoint(url).auth_token(TOKEN);
    assert_eq!(authorization(&wire, builder.base_url(&wire.base_url)).await, Some(bearer()));
}

#[tokio::test]
async fn auth_token_is_not_sent_to_another_origin() {
    for base_url in [
        "http://127.0.0.1:1".to_owned(),
        "http://localhost:{port}".to_owned(),
        "http://127.0.0.2:{port}".to_owned(),
        "https://127.0.0.1:{port}".to_owned(),
        "https://api.poggio.io".to_owned(),
    ] {
        let wire = server().await;
        let builder = Client::builder()
            .base_url(base_url.replace("{port}", port(&wire)))
            .auth_token(TOKEN)
            .registration_endpoint(format!("{}/register", wire.base_url));
        assert_eq!(authorization(&wire, builder).await, None, "{base_url}");
    }
}

#[tokio::test]
async fn auth_token_origin_names_the_only_origin_that_receives_the_token() {
    let wire = server().await;
    let endpoint = format!("{}/register", wire.base_url);
    let elsewhere = || {
        let builder = Client::builder().base_url("http://127.0.0.1:1").auth_token(TOKEN);
        builder.registration_endpoint(&endpoint)
    };
    let builder = elsewhere().auth_token_origin(format!("{}/any/path", wire.base_url));
    assert_eq!(authorization(&wire, builder).await, Some(bearer()));

    for origin in ["http://127.0.0.1:1", "https://api.poggio.io"] {
        let wire = server().await;
        let builder = wire.client_builder().auth_token(TOKEN).auth_token_origin(origin);
        assert_eq!(authorization(&wire, builder).await, None, "{origin}");
    }
    for invalid in ["", "127.0.0.1", "http://api.poggio.io", "https://user:pa55@api.poggio.io"] {
        let builder = elsewhere().auth_token_origin(invalid);
        assert!(!format!("{builder:?}").contains("pa55"));
        let Err(Error::Config(error)) = builder.build() else { panic!("{invalid}") };
        assert_eq!(error.setting(), "auth_token_origin", "{invalid}");
        assert!(!error.to_string().contains("pa55"), "{error}");
    }
}

#[tokio::test]
async fn auth_token_is_not_sent_to_another_server_by_a_redirect() {
    for status in [301, 302, 303, 307, 308] {
        let target = server().await;
        let location = format!("location: {}/register\r\n", target.base_url);
        let wire = Wire::responding(sized(&format!("{status} X"), &location, "")).await;
        let following = reqwest::Client::builder().redirect(Policy::limited(5)).build().unwrap();
        for builder in [wire.client_builder(), wire.client_builder().http_client(following)] {
            let poggio = builder.auth_token(TOKEN).build().unwrap();
            poggio.register(&metadata()).await.unwrap_err();
        }
        assert!(wire.requests().iter().all(|request| request.contains(TOKEN)));
        for request in target.requests() {
            assert!(!request.contains(TOKEN), "{status}: {request}");
        }
    }
}

#[tokio::test]
async fn auth_token_is_not_sent_to_discovered_endpoints() {
    let wire = Wire::responding(sized("404 Not Found", "", "")).await;
    let poggio = wire.client_builder().auth_token(TOKEN).build().unwrap();
    poggio.discover(&wire.base_url).await.unwrap_err();
    poggio.discover_for(&format!("{}/mcp", wire.base_url)).await.unwrap_err();
    assert!(wire.arrived() >= 2);
    assert!(wire.requests().iter().all(|request| !request.contains(TOKEN)));
}
