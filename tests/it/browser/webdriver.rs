//! A Chromium without a window, told what to do by WebDriver (<https://www.w3.org/TR/webdriver2/>).

use std::{
    env, fs,
    io::{BufRead, BufReader},
    panic::{AssertUnwindSafe, resume_unwind},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use base64::prelude::{BASE64_STANDARD, Engine};
use futures_util::FutureExt;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{sync::Mutex, time};

use crate::support::require_program;

pub(super) const TAB: char = '\u{E004}';
pub(super) const ENTER: char = '\u{E007}';

/// How long a person would look at a page that does not come.
const PATIENCE: Duration = Duration::from_secs(10);
/// For all that a test does.
const DEADLINE: Duration = Duration::from_secs(60);
/// The member that holds an element's id.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// Does `work` in a browser of its own, which is gone afterwards, whatever the outcome.
///
pub(super) async fn in_browser(work: impl AsyncFnOnce(&Browser)) {
    // One at a time: a browser is large.
    static ONE: Mutex<()> = Mutex::const_new(());
    let _one = ONE.lock().await;
    if !require_program("chromedriver", "apt-get install chromium chromium-driver") {
        return;
    }
    let driver = Driver::start();
    let browser = driver.browser().await;
    let work = AssertUnwindSafe(time::timeout(DEADLINE, work(&browser))).catch_unwind().await;
    // Ends Chromium, which outlives a chromedriver that is killed.
    let ended = browser.command("DELETE", "", Value::Null).await;
    drop(driver);
    match work {
        Ok(in_time) => in_time.expect("it takes too long"),
        Err(failed) => resume_unwind(failed),
    }
    ended.unwrap();
}

/// The program that starts Chromium and speaks WebDriver.
struct Driver {
    process: Child,
    url: String,
    /// For what both write: profile, caches.
    home: TempDir,
}

impl Driver {
    fn start() -> Self {
        let home = tempfile::tempdir().unwrap();
        let process = Command::new("chromedriver")
            .arg("--port=0")
            .env("HOME", home.path())
            .env("TMPDIR", home.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut driver = Self { process, url: String::new(), home };
        let mut lines = BufReader::new(driver.process.stdout.take().unwrap()).lines();
        let started = "ChromeDriver was started successfully on port ";
        let port = lines.find_map(|line| line.unwrap().strip_prefix(started).map(str::to_owned));
        let port = port.expect("chromedriver says where it listens");
        driver.url = format!("http://127.0.0.1:{}/session", port.trim_end_matches('.'));
        // So that it can go on to write.
        thread::spawn(move || lines.for_each(drop));
        driver
    }

    async fn browser(&self) -> Browser {
        let mut args = vec![
            "--headless=new",
            "--window-size=900,700",
            // Containers have little room in /dev/shm.
            "--disable-dev-shm-usage",
            "--disable-background-networking",
            // Nothing but this machine is to be had.
            "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
        ];
        if is_root(self.home.path()) {
            // Chromium refuses to make one.
            args.push("--no-sandbox");
        }
        let capabilities = json!({
            "goog:chromeOptions": {"args": args},
            "timeouts": {"implicit": PATIENCE.as_millis(), "pageLoad": 2 * PATIENCE.as_millis()},
        });
        // Not by a proxy, which could not find this machine.
        let http = reqwest::Client::builder().no_proxy().timeout(DEADLINE).build().unwrap();
        let browser = Browser { http, url: self.url.clone() };
        let asked = json!({"capabilities": {"alwaysMatch": capabilities}});
        let session = browser.command("POST", "", asked).await.expect("Chromium starts");
        let id = session["sessionId"].as_str().unwrap();
        Browser { url: format!("{}/{id}", self.url), ..browser }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[cfg(unix)]
fn is_root(own: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    fs::metadata(own).unwrap().uid() == 0
}

#[cfg(not(unix))]
fn is_root(_own: &Path) -> bool {
    false
}

/// A browser, as a person before it has it.
pub(super) struct Browser {
    http: reqwest::Client,
    url: String,
}

impl Browser {
    /// Opens a page; says why where there is none.
    pub(super) async fn open(&self, url: &str) -> Result<(), String> {
        self.command("POST", "/url", json!({"url": url})).await.map(drop)
    }

    /// Opens another tab, and looks at that.
    pub(super) async fn open_tab(&self) {
        let tab = self.done("POST", "/window/new", json!({"type": "tab"})).await;
        self.done("POST", "/window", json!({"handle": tab["handle"]})).await;
    }

    pub(super) async fn url(&self) -> String {
        text(self.done("GET", "/url", Value::Null).await)
    }

    pub(super) async fn title(&self) -> String {
        text(self.done("GET", "/title", Value::Null).await)
    }

    /// Waits until the page has this title.
    pub(super) async fn shows(&self, title: &str) {
        let begin = Instant::now();
        while self.title().await != title {
            let (url, shown) = (self.url().await, self.title().await);
            assert!(begin.elapsed() < PATIENCE, "not {title:?}, but {shown:?} at {url}");
            time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// What can be read in the first element of a selector.
    pub(super) async fn read(&self, css: &str) -> String {
        let found = json!({"using": "css selector", "value": css});
        let element = self.done("POST", "/element", found).await;
        self.read_element(&element).await
    }

    /// What can be read in the element that the keyboard is for.
    pub(super) async fn read_focused(&self) -> String {
        let element = self.done("GET", "/element/active", Value::Null).await;
        self.read_element(&element).await
    }

    async fn read_element(&self, element: &Value) -> String {
        let path = format!("/element/{}/text", element[ELEMENT].as_str().unwrap());
        text(self.done("GET", &path, Value::Null).await)
    }

    /// Clicks the button with this text.
    pub(super) async fn press(&self, button: &str) {
        let button = format!("//button[normalize-space()='{button}']");
        let found = json!({"using": "xpath", "value": button});
        let element = self.done("POST", "/element", found).await;
        let path = format!("/element/{}/click", element[ELEMENT].as_str().unwrap());
        self.done("POST", &path, json!({})).await;
    }

    /// Presses a key and lets go of it.
    pub(super) async fn key(&self, key: char) {
        let key = ["keyDown", "keyUp"].map(|action| json!({"type": action, "value": key}));
        let keyboard = json!({"type": "key", "id": "keyboard", "actions": key});
        self.done("POST", "/actions", json!({"actions": [keyboard]})).await;
    }

    /// What a script gives that is run in the page.
    pub(super) async fn run(&self, script: &str) -> Value {
        self.done("POST", "/execute/sync", json!({"script": script, "args": []})).await
    }

    /// Keeps how the page looks, in the folder `POGGIO_SCREENSHOTS`, if it is set.
    pub(super) async fn keep_screenshot(&self, name: &str) {
        let Some(folder) = env::var_os("POGGIO_SCREENSHOTS") else { return };
        let image = text(self.done("GET", "/screenshot", Value::Null).await);
        let bytes = BASE64_STANDARD.decode(image).unwrap();
        fs::create_dir_all(&folder).unwrap();
        fs::write(Path::new(&folder).join(name).with_extension("png"), bytes).unwrap();
    }

    async fn done(&self, method: &str, path: &str, body: Value) -> Value {
        self.command(method, path, body).await.unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    async fn command(&self, method: &str, path: &str, body: Value) -> Result<Value, String> {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let mut request = self.http.request(method, format!("{}{path}", self.url));
        if !body.is_null() {
            request = request.json(&body);
        }
        let answer = request.send().await.map_err(|error| error.to_string())?;
        let is_done = answer.status().is_success();
        let mut answer: Value = answer.json().await.map_err(|error| error.to_string())?;
        let value = answer["value"].take();
        if is_done { Ok(value) } else { Err(value["message"].to_string()) }
    }
}

fn text(value: Value) -> String {
    value.as_str().unwrap().to_owned()
}
