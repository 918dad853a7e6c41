//! The `login` example and the authorization page in a real browser.
//!
//! fantoccini speaks WebDriver to chromedriver, which runs a headless Chromium. Only what needs a
//! browser is tested here: buttons, keyboard, and redirects. `examples::login` tests the rest over
//! plain HTTP.

use std::{panic::AssertUnwindSafe, process::Stdio, time::Duration};

use fantoccini::{Client, ClientBuilder, Locator, error::CmdError, key::Key};
use futures_util::FutureExt;
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::json;
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    process::{Child, ChildStdout, Command},
    sync::Mutex,
    time,
};

use crate::support::{example::Fixture, oauth::param, require_program};

/// Time limit for a program to start or stop, and for a page to load.
const STEP_TIMEOUT: Duration = Duration::from_secs(20);
/// Time limit for everything a test does in the browser.
const TEST_TIMEOUT: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn login_succeeds_after_a_click_on_allow() {
    with_browser(async |browser| {
        let f = Fixture::new("login").await;
        let mut login =
            f.log_in(&["--wait", "30", "--scope", "accounts:read", "--scope", "search"]);
        let url = login.url();
        let callback = format!("http://127.0.0.1:{}/callback", login.port());

        browser.goto(url.as_str()).await?;
        assert_eq!(browser.title().await?, "Allow Poggio login example?");
        assert_eq!(
            text(browser, "h1").await?,
            "Allow “Poggio login example” to access your account?"
        );
        let page = text(browser, "body").await?;
        let facts = format!("\nScope: accounts:read search\nRedirect URI: {callback}\n");
        assert!(page.contains(&facts), "{page}");
        let id = param(&url, "client_id");

        browser.find(Locator::XPath("//button[normalize-space()='Allow']")).await?.click().await?;
        wait_for_title(browser, "Return to the application").await?;
        assert_eq!(
            text(browser, "main").await?,
            "Return to the application\n\
             The application received the response and continues the login. You can close this \
             window."
        );
        let redirected = browser.current_url().await?;
        assert!(redirected.as_str().starts_with(&format!("{callback}?code=")), "{redirected}");

        let printed = login.end(0);
        for part in [
            &format!("\n  client_id  {id}\n"),
            "\nallowed\n  token      bearer, not shown\n  lifetime   3600 s\n  \
             scope      accounts:read search\n",
            "\nrefreshed\n  token      bearer, not shown\n",
        ] {
            assert!(printed.contains(part), "{part}: {printed}");
        }
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn login_ends_after_deny_is_chosen_by_keyboard() {
    with_browser(async |browser| {
        let f = Fixture::new("login").await;
        let mut login = f.log_in(&["--wait", "30"]);
        let url = login.url();

        // A callback with the wrong state is not a response, so the program keeps waiting.
        let callback = format!("http://127.0.0.1:{}/callback", login.port());
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

        let printed = login.end(5);
        assert!(printed.contains("\nerror: the user denied access\n"), "{printed}");
        assert_eq!(f.server.token_requests().len(), 0);
        Ok(())
    })
    .await;
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
            // Only loopback hosts can be reached.
            "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
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
