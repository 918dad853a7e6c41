//! [`CallbackListener`], the loopback server that receives the callback of a login. The submodules
//! contain the redirect URI with its sockets, one connection, the checks of a request, and the
//! pages.

mod connection;
mod loopback_uri;
mod page;
mod request;

use std::{
    collections::VecDeque,
    future::poll_fn,
    io,
    pin::{Pin, pin},
    sync::OnceLock,
    task::{Context, Poll},
};

use tokio::{net::TcpStream, task::yield_now};

use self::{
    loopback_uri::{LoopbackUri, Sockets, bind_error, is_in_use, listener_error},
    page::Page,
};
use super::{authorization::Authorization, error::OAuthError};

/// Browsers open about six connections to a host. Beyond this number the listener closes the
/// oldest, so connections that send nothing cannot keep the browser out.
const MAX_CONNECTIONS: usize = 64;

type Connection<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// A loopback HTTP server that receives the callback of one login (RFC 8252 section 7.3).
///
/// Bind it first, because the redirect URI of the authorization needs its port. Then open the
/// browser, and [`wait`](Self::wait) for the callback URL.
///
/// Any program and any web page on this machine can send requests to a loopback port. The listener
/// therefore accepts only a `GET` navigation to the redirect URI that has a loopback `Host` and the
/// state of the [`Authorization`]. Any other request gets an error page, and the listener continues
/// to wait: another path such as `/favicon.ico`, another method, another `Host` (DNS rebinding), an
/// embedded image or script, a guessed state, or bytes that are not HTTP.
///
/// The listener binds only loopback addresses (RFC 8252 section 8.3). It holds at most 64
/// connections for at most 10 seconds each, and reads at most 16 KiB of a request.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use poggio::{
///     Client, ClientMetadata, FileStore,
///     oauth::{Authorization, AuthorizationServer, CallbackListener, OAuthError},
/// };
///
/// # async fn log_in<F>(
/// #     poggio: &Client, server: &AuthorizationServer, store: &FileStore, open_browser: F,
/// # ) -> Result<(), Box<dyn std::error::Error>> where F: FnOnce(&str) {
/// let listener = CallbackListener::bind("http://127.0.0.1:0/callback").await?;
///
/// let metadata = ClientMetadata::new().with_redirect_uri(listener.redirect_uri());
/// let client = poggio.register_once(&metadata, store).await?;
/// let oauth = client.oauth2_client(server, Some(listener.redirect_uri()))?;
/// let authorization = Authorization::new(&oauth, server, ["read"]);
///
/// open_browser(authorization.url().as_str());
/// let wait = listener.wait(&authorization);
/// let callback = tokio::time::timeout(Duration::from_secs(300), wait).await??;
///
/// let token = authorization.exchange_code(&callback)?.request_async(poggio).await?;
/// # let _ = token;
/// # Ok(())
/// # }
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// #     let loopback = poggio::testing::Server::start().await;
/// #     let server = AuthorizationServer::new(
/// #         loopback.authorization_endpoint(), loopback.token_endpoint(),
/// #     );
/// #     let folder = tempfile::tempdir()?;
/// #     let store = FileStore::new(folder.path().join("client.json"))?;
/// #     let poggio = loopback.client_builder().build()?;
/// #     let (to_open, opened) = tokio::sync::oneshot::channel();
/// #     let browser = async {
/// #         let url: String = opened.await?;
/// #         let page = poggio::reqwest::get(loopback.allow(&url).await).await?;
/// #         assert!(page.text().await?.contains("<h1>Return to the application</h1>"));
/// #         Ok::<_, Box<dyn std::error::Error>>(())
/// #     };
/// #     let open = |url: &str| to_open.send(url.to_owned()).unwrap_or_default();
/// #     tokio::try_join!(log_in(&poggio, &server, &store, open), browser)?;
/// #     Ok(())
/// # }
/// ```
#[doc(alias("redirect_uri", "rfc8252", "loopback"))]
#[derive(Debug)]
pub struct CallbackListener {
    uri: LoopbackUri,
    sockets: Sockets,
}

impl CallbackListener {
    /// Binds to the address of a loopback redirect URI, such as `http://127.0.0.1:0/callback`.
    ///
    /// Port 0, or no port, means any free port, which [`redirect_uri`](Self::redirect_uri) returns.
    /// The host is a loopback IP address, as RFC 8252 section 8.3 recommends, or `localhost`.
    /// `localhost` binds both the IPv4 and the IPv6 address if the machine has both. Any path is
    /// allowed.
    ///
    /// The listener holds the port from this call until it is dropped or [`wait`](Self::wait) ends.
    ///
    /// # Errors
    ///
    /// Returns [`OAuthErrorKind::Listener`](super::OAuthErrorKind::Listener) if the URI is not an
    /// `http` URI with a loopback host, or if the address cannot be bound, because another program
    /// uses the port or the machine does not have the address. The message says what to do.
    pub async fn bind(redirect_uri: &str) -> Result<Self, OAuthError> {
        let uri = LoopbackUri::parse(redirect_uri)?;
        let bound = uri.bind().await;
        Self::new(uri, bound)
    }

    /// Binds as [`bind`](Self::bind) does, or to any free port if the port of the URI is in use.
    ///
    /// Authorization servers accept any port of a registered loopback redirect URI (RFC 8252
    /// section 7.3), so the client need not be registered again. Pass its registered URI here, and
    /// [`redirect_uri`](Self::redirect_uri) to the authorization. Use `bind` for a server that
    /// compares the port.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`bind`](Self::bind), except for a port in use.
    pub async fn bind_or_any_port(redirect_uri: &str) -> Result<Self, OAuthError> {
        let uri = LoopbackUri::parse(redirect_uri)?;
        match uri.bind().await {
            Err(error) if is_in_use(&error) => {
                let uri = uri.with_port(0);
                let bound = uri.bind().await;
                Self::new(uri, bound)
            }
            bound => Self::new(uri, bound),
        }
    }

    fn new(uri: LoopbackUri, bound: io::Result<(Sockets, u16)>) -> Result<Self, OAuthError> {
        let (sockets, port) = bound.map_err(|error| bind_error(&uri, &error))?;
        Ok(Self { uri: uri.with_port(port), sockets })
    }

    /// Returns the redirect URI with the bound port, for the registration and the authorization.
    #[must_use]
    pub fn redirect_uri(&self) -> &str {
        self.uri.as_str()
    }

    /// Waits for the callback of this authorization, and returns its URL for
    /// [`Authorization::exchange_code`].
    ///
    /// The listener responds with a page and closes its port. The page asks the user to return to
    /// the application, or says that access was denied or that the login failed. It cannot say that
    /// the login is complete, because the exchange is still to come. It contains nothing from the
    /// request.
    ///
    /// `wait` has no deadline: use [`tokio::time::timeout`]. Dropping the future closes the port
    /// and every connection. A callback that arrives between [`bind`](Self::bind) and `wait` is not
    /// lost.
    ///
    /// The URL contains the code: keep it out of logs.
    ///
    /// # Errors
    ///
    /// Returns [`OAuthErrorKind::Listener`](super::OAuthErrorKind::Listener) immediately if the
    /// authorization has a redirect URI other than [`redirect_uri`](Self::redirect_uri), because
    /// its callback would never arrive. A denied or failed authorization is not an error of `wait`;
    /// `exchange_code` returns that error.
    pub async fn wait(self, authorization: &Authorization) -> Result<String, OAuthError> {
        let Self { uri, sockets } = self;
        check_redirect_uri(&uri, authorization)?;
        let callback = OnceLock::new();
        let serve = |stream| -> Connection<'_> {
            Box::pin(connection::serve(stream, |request| {
                let page = page_for(&request, &uri, authorization, &callback);
                async {
                    let page = page?;
                    if page.is_for_callback() {
                        // Lets `serve_until` close the sockets before the user sees the page.
                        yield_now().await;
                    }
                    Ok(page)
                }
            }))
        };
        Ok(serve_until(&callback, sockets, serve).await)
    }
}

/// Serves connections until one of them sets `callback`, closes the sockets and the other
/// connections, lets that one send its response, and returns the callback.
async fn serve_until<'a>(
    callback: &OnceLock<String>,
    sockets: Sockets,
    serve: impl Fn(TcpStream) -> Connection<'a>,
) -> String {
    let mut connections = VecDeque::new();
    let (callback, last) = {
        let mut accept = pin!(sockets.accept());
        poll_fn(|context| {
            loop {
                if let Some(last) = poll_all(&mut connections, callback, context) {
                    return Poll::Ready(last);
                }
                let Poll::Ready(stream) = accept.as_mut().poll(context) else {
                    return Poll::Pending;
                };
                accept.set(sockets.accept());
                if connections.len() == MAX_CONNECTIONS {
                    connections.pop_front();
                }
                connections.push_back(serve(stream));
            }
        })
        .await
    };
    drop((sockets, connections));
    if let Some(connection) = last {
        connection.await;
    }
    callback
}

/// Polls every connection, oldest first, and removes those that have ended. If one of them set the
/// callback, returns the callback and that connection, unless it has ended.
fn poll_all<'a>(
    connections: &mut VecDeque<Connection<'a>>,
    callback: &OnceLock<String>,
    context: &mut Context<'_>,
) -> Option<(String, Option<Connection<'a>>)> {
    for _ in 0..connections.len() {
        let mut connection = connections.pop_front()?;
        let is_open = connection.as_mut().poll(context).is_pending();
        let connection = is_open.then_some(connection);
        if let Some(callback) = callback.get() {
            return Some((callback.clone(), connection));
        }
        connections.extend(connection);
    }
    None
}

/// Returns the page for a request, and sets `callback` if the request is the callback.
///
/// A second callback gets no page: the error closes its connection.
fn page_for(
    request: &request::Request,
    uri: &LoopbackUri,
    authorization: &Authorization,
    callback: &OnceLock<String>,
) -> io::Result<Page> {
    let query = request::query(request, uri).and_then(|query| {
        authorization.matches_state(query).then_some(query).ok_or_else(Page::not_the_callback)
    });
    let query = match query {
        Ok(query) => query,
        Err(page) => {
            let reason = page.text();
            tracing::debug!(reason, "ignored a request that is not the callback of this login");
            return Ok(page);
        }
    };
    match callback.set(uri.with_query(query)) {
        Ok(()) => Ok(Page::for_callback(&authorization.exchange_code(query))),
        Err(_) => Err(io::ErrorKind::ConnectionAborted.into()),
    }
}

fn check_redirect_uri(uri: &LoopbackUri, authorization: &Authorization) -> Result<(), OAuthError> {
    match authorization.redirect_uri() {
        // The server then uses the registered redirect URI, which is not known here.
        None => Ok(()),
        Some(redirect_uri) if redirect_uri == uri.as_str() => Ok(()),
        Some(other) => {
            let uri = uri.as_str();
            Err(listener_error(format!(
                "{uri}: the authorization redirects to {other}; pass this listener's \
                 redirect_uri() to oauth2_client"
            )))
        }
    }
}
