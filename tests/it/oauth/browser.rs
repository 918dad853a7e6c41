//! Logins of a [`Session`] with the authorization page in a real browser.
//!
//! fantoccini speaks WebDriver to chromedriver, which runs a headless Chromium. Only what needs a
//! browser is tested here: buttons, keyboard, redirects, and the address bar. `session::login` tests
//! the rest over plain HTTP.

use std::{panic::AssertUnwindSafe, process::Stdio, sync::Arc, time::Duration};

use fantoccini::{Client, ClientBuilder, Locator, error::CmdError, key::Key};
use futures_util::FutureExt;
use hyper_util::client::legacy::connect::HttpConnector;
use poggio::{
    ClientMetadata, FileStore, RegistrationStoreExt,
    oauth::{AccessToken, LoginOptions, OAuthError, OAuthErrorKind, Recovery, Session},
    reqwest::Url,
    store::RetiredReason,
    testing::Server,
};
use serde_json::json;
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    process::{Child, ChildStdout, Command},
    sync::{Mutex, oneshot},
    task::JoinHandle,
    time,
};

use crate::support::{oauth::param, require_program};

/// Time limit for a program to start or stop, and for a page to load.
const STEP_TIMEOUT: Duration = Duration::from_secs(20);
/// Time limit for everything a test does in the browser.
const TEST_TIMEOUT: Duration = Duration::from_secs(60);

/// A loopback server, and a session with a store.
struct Fixture {
    server: Server,
    session: Session,
    store: Arc<FileStore>,
    _folder: TempDir,
}

impl Fixture {
    async fn new(redirect_uri: &str) -> Self {
        let server = Server::start().await;
        let poggio = server.client();
        let endpoints = poggio.discover(&server.issuer()).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(FileStore::new(folder.path().join("client.json")).unwrap());
        let metadata = ClientMetadata::new()
            .with_redirect_uri(redirect_uri)
            .with_grant_types(["authorization_code", "refresh_token"])
            .with_client_name("Acme Sync");
        let session = Session::builder(&poggio, store.clone())
            .server(endpoints)
            .metadata(metadata)
            .scopes(["accounts:read", "search"])
            .build()
            .unwrap();
        Self { server, session, store, _folder: folder }
    }

    /// Starts a login; returns the URL to open.
    async fn log_in(&self, options: LoginOptions) -> (Login, Url) {
        let (sender, url) = oneshot::channel::<String>();
        let options = options.browser(false).on_url(|url| sender.send(url.to_owned()).unwrap());
        let session = self.session.clone();
        let login = tokio::spawn(async move { session.login(options).await });
        (login, url.await.unwrap().parse().unwrap())
    }
}

type Login = JoinHandle<Result<AccessToken, OAuthError>>;

const REDIRECT_URI: &str = "http://127.0.0.1/callback";

#[tokio::test(flavor = "multi_thread")]
async fn login_succeeds_after_a_click_on_allow() {
    with_browser(async |browser| {
        let f = Fixture::new(REDIRECT_URI).await;
        let (login, url) = f.log_in(LoginOptions::new()).await;
        let callback = param(&url, "redirect_uri");

        browser.goto(url.as_str()).await?;
        assert_eq!(browser.title().await?, "Allow Acme Sync?");
        assert_eq!(text(browser, "h1").await?, "Allow “Acme Sync” to access your account?");
        let page = text(browser, "body").await?;
        let facts = format!("\nScope: accounts:read search\nRedirect URI: {callback}\n");
        assert!(page.contains(&facts), "{page}");

        click(browser, "Allow").await?;
        wait_for_title(browser, "Return to the application").await?;
        assert_eq!(
            text(browser, "main").await?,
            "Return to the application\n\
             The application received the response and continues the login. You can close this \
             window."
        );
        let redirected = browser.current_url().await?;
        assert!(redirected.as_str().starts_with(&format!("{callback}?code=")), "{redirected}");

        let token = login.await.unwrap().unwrap();
        assert_eq!(token.scopes(), ["accounts:read", "search"]);
        assert_eq!(f.session.access_token().await.unwrap().expose(), token.expose());
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn login_ends_after_deny_is_chosen_by_keyboard() {
    with_browser(async |browser| {
        let f = Fixture::new(REDIRECT_URI).await;
        let (login, url) = f.log_in(LoginOptions::new()).await;

        // A callback with the wrong state is not a response, so the login continues.
        let callback = param(&url, "redirect_uri");
        browser.goto(&format!("{callback}?code=guessed&state=guessed")).await?;
        assert_eq!(browser.title().await?, "Request rejected");
        assert!(text(browser, "p").await?.starts_with("This is not the response"));

        browser.goto(url.as_str()).await?;
        for button in ["Allow", "Deny"] {
            browser.active_element().await?.send_keys(&Key::Tab).await?;
            assert_eq!(browser.active_element().await?.text().await?, button);
        }
        browser.active_element().await?.send_keys(&Key::Enter).await?;
        wait_for_title(browser, "Access was denied").await?;
        assert_eq!(
            text(browser, "main").await?,
            "Access was denied\n\
             The application did not get access. You can close this window and return to the \
             application."
        );

        let error = login.await.unwrap().unwrap_err();
        assert_eq!((error.kind(), error.recovery()), (OAuthErrorKind::Refused, Recovery::LogIn));
        assert_eq!(error.refusal().unwrap().code().unwrap().as_str(), "access_denied");
        assert_eq!(f.server.token_requests().len(), 0);
        Ok(())
    })
    .await;
}

/// The browser of a user on another machine does not reach the listener. The user copies the URL of
/// its error page.
#[tokio::test(flavor = "multi_thread")]
async fn login_succeeds_with_the_url_from_the_address_bar() {
    with_browser(async |browser| {
        let f = Fixture::new("http://localhost/callback").await;
        let (paste, pasted) = oneshot::channel::<String>();
        let options = LoginOptions::new().pasted(async { pasted.await.unwrap() });
        let (login, url) = f.log_in(options).await;

        browser.goto(url.as_str()).await?;
        click(browser, "Allow").await?;
        wait_for_title(browser, "localhost").await?;
        let address = browser.current_url().await?.to_string();
        let callback = param(&url, "redirect_uri");
        assert!(address.starts_with(&format!("{callback}?code=")), "{address}");
        assert!(!login.is_finished());

        paste.send(address).unwrap();
        let token = login.await.unwrap().unwrap();
        assert_eq!(token.scopes(), ["accounts:read", "search"]);
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn login_after_an_unknown_client_registers_another() {
    with_browser(async |browser| {
        let f = Fixture::new(REDIRECT_URI).await;
        let (login, url) = f.log_in(LoginOptions::new()).await;
        browser.goto(url.as_str()).await?;
        click(browser, "Allow").await?;
        login.await.unwrap().unwrap();

        // The user sees the problem, and no callback arrives.
        f.server.revoke_client("loopback-client-1");
        let (login, url) = f.log_in(LoginOptions::new().timeout(Duration::from_secs(1))).await;
        browser.goto(url.as_str()).await?;
        let page = text(browser, "body").await?;
        assert_eq!(page, "The client_id is not registered at this server.");
        let error = login.await.unwrap().unwrap_err();
        assert_eq!((error.kind(), error.recovery()), (OAuthErrorKind::TimedOut, Recovery::LogIn));
        let retired = f.store.list().await.unwrap()[0].retired().unwrap();
        assert_eq!(retired.reason, RetiredReason::Rejected);

        let (login, url) = f.log_in(LoginOptions::new()).await;
        assert_eq!(param(&url, "client_id"), "loopback-client-2");
        browser.goto(url.as_str()).await?;
        click(browser, "Allow").await?;
        login.await.unwrap().unwrap();
        assert_eq!(f.server.registrations().len(), 2);
        Ok(())
    })
    .await;
}

/// Clicks a button.
async fn click(browser: &Client, button: &str) -> Result<(), CmdError> {
    let path = format!("//button[normalize-space()='{button}']");
    browser.find(Locator::XPath(&path)).await?.click().await
}

/// Returns the visible text of the first element that matches a CSS selector.
async fn text(browser: &Client, css: &str) -> Result<String, CmdError> {
    browser.find(Locator::Css(css)).await?.text().await
}

/// Waits until the page has this title.
async fn wait_for_title(browser: &Client, title: &str) -> Result<(), CmdError> {
    let start = time::Instant::now();
    loop {
        let shown = browser.title().await?;
        if shown == title {
            return Ok(());
        }
        let url = browser.current_url().await?;
        assert!(start.elapsed() < STEP_TIMEOUT, "expected {title:?}, found {shown:?} at {url}");
        time::sleep(Duration::from_millis(50)).await;
    }
}

/// Runs `test` in a new browser, and ends the browser even if `test` panics.
async fn with_browser(test: impl AsyncFnOnce(&Client) -> Result<(), CmdError>) {
    // One at a time, because a browser takes much memory.
    static ONE: Mutex<()> = Mutex::const_new(());
    if !require_program("chromedriver", "apt-get install chromium chromium-driver") {
        return;
    }
    let _one = ONE.lock().await;
    let mut driver = time::timeout(STEP_TIMEOUT, Driver::start()).await.expect("chromedriver");
    let browser = time::timeout(STEP_TIMEOUT, driver.connect()).await.expect("Chromium");
    let test = AssertUnwindSafe(time::timeout(TEST_TIMEOUT, test(&browser))).catch_unwind().await;
    // Chromium survives a chromedriver that is killed, so it is closed first.
    let closed = time::timeout(STEP_TIMEOUT, browser.close()).await;
    driver.process.kill().await.unwrap();
    match test {
        Ok(in_time) => in_time.expect("the test exceeds its time limit").unwrap(),
        Err(panic) => std::panic::resume_unwind(panic),
    }
    closed.expect("Chromium does not end").unwrap();
}

/// A chromedriver on a port that the system chose.
struct Driver {
    process: Child,
    /// Kept open, because chromedriver may write more.
    _output: Lines<BufReader<ChildStdout>>,
    url: String,
    /// Where both programs write: profile, caches, temporary files.
    home: TempDir,
}

impl Driver {
    async fn start() -> Self {
        let home = tempfile::tempdir().unwrap();
        let mut process = Command::new("chromedriver")
            .arg("--port=0")
            .env("HOME", home.path())
            .env("TMPDIR", home.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut output = BufReader::new(process.stdout.take().unwrap()).lines();
        loop {
            let line = output.next_line().await.unwrap().expect("chromedriver prints its port");
            let started = "ChromeDriver was started successfully on port ";
            if let Some(port) = line.strip_prefix(started) {
                let url = format!("http://127.0.0.1:{}", port.trim_end_matches('.'));
                return Self { process, _output: output, url, home };
            }
        }
    }

    /// Starts Chromium with an empty profile.
    async fn connect(&self) -> Client {
        let profile = format!("--user-data-dir={}", self.home.path().join("profile").display());
        let args = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            // A container has little room in /dev/shm.
            "--disable-dev-shm-usage",
            // Only 127.0.0.1 can be reached. `localhost` is that of another machine.
            "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
            &profile,
        ];
        let capabilities = json!({
            "goog:chromeOptions": {"args": args},
            "timeouts": {"pageLoad": STEP_TIMEOUT.as_millis()},
        });
        ClientBuilder::new(HttpConnector::new())
            .capabilities(serde_json::from_value(capabilities).unwrap())
            .connect(&self.url)
            .await
            .unwrap()
    }
}
