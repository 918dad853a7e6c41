//! Plain HTTP for `object_store`, whose own HTTP client does not build without TLS.

use http_body_util::BodyExt;
use poggio::{
    reqwest,
    store::object_store::{
        self, ClientOptions,
        client::{
            HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse,
            HttpService,
        },
    },
};

/// Sends the requests of `object_store` over plain HTTP, in builds without TLS too.
#[derive(Clone, Debug)]
pub(super) struct PlainHttp(reqwest::Client);

impl PlainHttp {
    pub(super) fn new() -> Self {
        Self(reqwest::Client::builder().no_proxy().build().unwrap())
    }
}

fn http_error(error: reqwest::Error) -> HttpError {
    HttpError::new(HttpErrorKind::Unknown, error.without_url())
}

#[async_trait::async_trait]
impl HttpService for PlainHttp {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let (parts, body) = request.into_parts();
        let request = http::Request::from_parts(parts, body.collect().await?.to_bytes());
        let request = request.try_into().map_err(http_error)?;
        let response = http::Response::from(self.0.execute(request).await.map_err(http_error)?);
        let (parts, body) = response.into_parts();
        let body = body.collect().await.map_err(http_error)?.to_bytes();
        Ok(HttpResponse::from_parts(parts, body.into()))
    }
}

impl HttpConnector for PlainHttp {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.clone()))
    }
}
