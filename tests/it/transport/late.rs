//! A response that is already in the socket when the deadline passes, because the process was stopped or
//! its runtime was blocked. The clock is tokio's and paused.

use std::{net::SocketAddr, time::Duration};

use oauth2::{AuthorizationCode, basic::BasicTokenResponse};
use poggio::{
    Client, ClientSecret, Error, Outcome,
    oauth::AuthorizationServer,
    reqwest::{
        self,
        dns::{Name, Resolve, Resolving},
    },
};
use tokio::{
    io::AsyncWriteExt,
    net::{TcpListener, TcpStream},
    time::{Instant, advance, sleep},
};

use super::scenarios::registration;
use crate::support::{SECRET, http, metadata, oauth::oauth2_client, paused, read_request, sized};

/// What a server writes, and when, relative to a stop of the process that lasts past the deadline.
#[derive(Default)]
struct Stop {
    before: Vec<u8>,
    during: Vec<u8>,
    after: Vec<u8>,
}

const TIMEOUT: Duration = Duration::from_secs(30);

/// Serves one request, and stops the runtime from its arrival until a second after the deadline.
async fn serve(listener: TcpListener, stop: Stop) {
    let (mut stream, _) = listener.accept().await.unwrap();
    stream.set_nodelay(true).unwrap();
    read_request(&mut stream).await;
    if !stop.before.is_empty() {
        stream.write_all(&stop.before).await.unwrap();
        // The client reads it.
        sleep(Duration::from_secs(1)).await;
    }
    // No other task runs between this write and the advance of the clock.
    assert_eq!(stream.try_write(&stop.during).unwrap_or_default(), stop.during.len());
    advance(TIMEOUT + Duration::from_secs(1)).await;
    if !stop.after.is_empty() {
        sleep(Duration::from_millis(50)).await;
        stream.write_all(&stop.after).await.unwrap();
    }
    std::future::pending::<TcpStream>().await;
}

async fn start(stop: Stop) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(serve(listener, stop));
    url
}

fn client(url: &str) -> Client {
    Client::builder().base_url(url).timeout(TIMEOUT).build().unwrap()
}

#[test]
fn response_that_arrives_while_the_process_is_stopped_is_read() {
    paused(async {
        let response = sized("201 Created", "", &registration());
        let (head, body) = response.split_at(response.len() - 20);
        for stop in [
            Stop { during: response.clone(), ..Stop::default() },
            Stop { before: head.to_vec(), during: body.to_vec(), ..Stop::default() },
            Stop { during: head.to_vec(), after: body.to_vec(), ..Stop::default() },
            Stop { after: response.clone(), ..Stop::default() },
        ] {
            let client = client(&start(stop).await).register(&metadata()).await.unwrap();
            assert_eq!(client.client_secret.as_ref().map(ClientSecret::expose), Some(SECRET));
        }
    });
}

#[test]
fn late_deadline_ends_the_call_if_nothing_arrives() {
    paused(async {
        let cut = http("201 Created\r\ncontent-length: 99", r#"{"client_id": "id", "#);
        for (during, outcome) in [(Vec::new(), Outcome::Unknown), (cut, Outcome::Registered)] {
            let poggio = client(&start(Stop { during, ..Stop::default() }).await);
            let started = Instant::now();
            let error = poggio.register(&metadata()).await.unwrap_err();
            assert_eq!((error.outcome(), error.attempts()), (outcome, 1), "{error}");
            // By the paused clock: the stop ends at 31 s.
            let elapsed = started.elapsed();
            assert!(elapsed < Duration::from_millis(31_200), "{elapsed:?}");
        }
    });
}

#[test]
fn late_deadline_sends_nothing_after_it() {
    paused(async {
        /// Resolves a name while the process is stopped, so there is no connection at the deadline.
        struct Stopped;
        impl Resolve for Stopped {
            fn resolve(&self, _: Name) -> Resolving {
                Box::pin(async {
                    advance(TIMEOUT + Duration::from_secs(1)).await;
                    tokio::task::yield_now().await;
                    sleep(Duration::from_millis(10)).await;
                    let address = SocketAddr::from(([127, 0, 0, 1], 0));
                    Ok(Box::new(std::iter::once(address)) as _)
                })
            }
        }
        // The kernel accepts connections.
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://localhost:{}", listener.local_addr().unwrap().port());
        let http = reqwest::Client::builder().dns_resolver(Stopped).build().unwrap();
        let poggio = Client::builder().base_url(url).http_client(http).timeout(TIMEOUT);
        let error = poggio.build().unwrap().register(&metadata()).await.unwrap_err();
        assert!(matches!(&error, Error::Transport(error) if !error.is_sent()), "{error}");
        assert_eq!(error.outcome(), Outcome::NotRegistered);
    });
}

#[test]
fn token_that_arrives_while_the_process_is_stopped_is_read() {
    paused(async {
        let token = sized("200 OK", "", r#"{"access_token": "t", "token_type": "bearer"}"#);
        let url = start(Stop { during: token, ..Stop::default() }).await;
        let server = AuthorizationServer::poggio().with_token_endpoint(format!("{url}/token"));
        let oauth = oauth2_client(&server);
        let poggio = client(&url);
        let request = oauth.exchange_code(AuthorizationCode::new("code".to_owned()));
        let token: BasicTokenResponse = request.request_async(&poggio).await.unwrap();
        assert_eq!(oauth2::TokenResponse::access_token(&token).secret(), "t");
    });
}
