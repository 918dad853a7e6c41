//! Runs the command, acts as its browser, and makes its output stable for snapshots.

#[cfg(unix)]
pub(crate) mod pty;
#[cfg(target_os = "linux")]
#[path = "../../../../tests/it/support/require.rs"]
pub(crate) mod require;

use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, ChildStderr, Command, Stdio},
};

use poggio::{reqwest, testing::Server};
use tempfile::TempDir;

/// A loopback server, and a folder with the store.
pub(crate) struct Fixture {
    pub(crate) server: Server,
    pub(crate) folder: TempDir,
}

impl Fixture {
    pub(crate) async fn new() -> Self {
        Self { server: Server::start().await, folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> String {
        let path = self.path(name);
        fs::write(&path, text).unwrap();
        path.display().to_string()
    }

    /// Returns a command with this server and store.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = poggio(self.folder.path());
        command.args(args).args(["--base-url", &self.server.base_url()]);
        command.arg("--store").arg(self.path("store.json"));
        command
    }

    pub(crate) fn run(&self, args: &[&str]) -> Run {
        Run::of(&mut self.command(args))
    }

    /// Runs a login and allows it.
    pub(crate) async fn log_in(&self, args: &[&str]) -> Run {
        let args = [&["login", "--no-browser"], args].concat();
        let login = Login::start(&mut self.command(&args));
        let callback = self.server.allow(&login.url).await;
        login.open(&callback).await
    }

    /// Registers a client with the name `Acme Sync`.
    pub(crate) fn register(&self, args: &[&str]) -> Run {
        let own = ["register", "--redirect-uri", "http://127.0.0.1:8910/callback"];
        self.run(&[&own[..], &["--client-name", "Acme Sync"], args].concat())
    }

    /// Returns a path of the folder's token document, the only one.
    pub(crate) fn token_file(&self) -> PathBuf {
        let mut files =
            fs::read_dir(self.folder.path()).unwrap().map(|entry| entry.unwrap().path());
        let is_tokens = |path: &PathBuf| {
            let name = path.file_name().unwrap().to_str().unwrap();
            name.starts_with("store.json@") && path.extension().unwrap() == "json"
        };
        files.find(is_tokens).unwrap()
    }

    /// Makes the saved token expire in 2001.
    pub(crate) fn expire_token(&self) {
        let path = self.token_file();
        let text = fs::read_to_string(&path).unwrap();
        let mut json: serde_json::Value = serde_json::from_str(&text).unwrap();
        json["tokens"][0]["expires_at"] = 1_000_000_000.into();
        fs::write(&path, json.to_string()).unwrap();
    }
}

/// Returns the command with a home of its own, without the variables that it reads.
pub(crate) fn poggio(home: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_poggio"));
    for name in
        ["POGGIO_BASE_URL", "POGGIO_AUTH_TOKEN", "CI", "CLICOLOR", "CLICOLOR_FORCE", "NO_COLOR"]
    {
        command.env_remove(name);
    }
    command.env("HOME", home).env("XDG_CONFIG_HOME", home.join("config")).env("APPDATA", home);
    // Nothing listens there, so that no test can reach Poggio, even if an option is not applied.
    command.env("HTTPS_PROXY", "http://127.0.0.1:1").env_remove("NO_PROXY").env_remove("no_proxy");
    command.stdin(Stdio::null()).current_dir(home);
    command
}

/// How the command ended, and what it printed.
pub(crate) struct Run {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Run {
    pub(crate) fn of(command: &mut Command) -> Self {
        let output = command.output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        let (stdout, stderr) = (text(output.stdout), text(output.stderr));
        Self { code: output.status.code(), stdout, stderr }
    }

    /// Returns what was printed, after a check that it has no secret of the loopback server.
    #[track_caller]
    pub(crate) fn shown(&self) -> String {
        let Self { stdout, stderr, .. } = self;
        let code = self.code.unwrap();
        let shown = format!("{stdout}--- standard error\n{stderr}--- exit code {code}");
        assert!(!shown.contains("-of-no-value-elsewhere"), "{shown}");
        shown
    }
}

/// A login that waits for its callback.
pub(crate) struct Login {
    child: Child,
    stderr: BufReader<ChildStderr>,
    printed: String,
    pub(crate) url: String,
}

impl Login {
    /// Starts the command and waits for the URL that it prints.
    #[expect(clippy::zombie_processes, reason = "`finish` waits")]
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let mut printed = String::new();
        loop {
            let start = printed.len();
            assert_ne!(stderr.read_line(&mut printed).unwrap(), 0, "no URL in {printed}");
            if let Some(url) = printed[start..].trim_end().strip_prefix("  http") {
                let url = format!("http{url}");
                return Self { child, stderr, printed, url };
            }
        }
    }

    /// Opens the callback URL as a browser does, and waits for the end of the command.
    pub(crate) async fn open(self, callback: &str) -> Run {
        reqwest::get(callback).await.unwrap();
        self.finish()
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn finish(mut self) -> Run {
        let output = self.child.wait_with_output().unwrap();
        std::io::Read::read_to_string(&mut self.stderr, &mut self.printed).unwrap();
        let stdout = String::from_utf8(output.stdout).unwrap();
        Run { code: output.status.code(), stdout, stderr: self.printed }
    }
}

/// Allows an authorization request at a server of another process.
pub(crate) async fn allow(url: &str) -> String {
    let http = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
    let request = http.build().unwrap().post(url).body("decision=allow");
    let response = request.send().await.unwrap();
    response.headers()["location"].to_str().unwrap().to_owned()
}

/// Compares with a snapshot, without paths, ports, times and random parameters.
#[macro_export]
macro_rules! assert_shown {
    ($fixture:expr, $name:literal, $shown:expr) => {
        let shown = $shown.replace(&$fixture.folder.path().display().to_string(), "FOLDER");
        insta::with_settings!({ filters => [
            (r"127\.0\.0\.1:\d{5}", "127.0.0.1:PORT"),
            (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(Z| UTC)(, in \d+ [a-z]+)?", "TIME"),
            (r"(state|code_challenge)=[\w-]+", "$1=RANDOM"),
            (r"redirect_uri=http%3A%2F%2F127\.0\.0\.1%3A\d+", "redirect_uri=http%3A%2F%2F127.0.0.1%3APORT"),
            (r"rescued-\w+", "rescued-RANDOM"),
            (r"wait for \d+ s", "wait for N s"),
        ], prepend_module_to_snapshot => false, omit_expression => true }, {
            insta::assert_snapshot!($name, shown);
        });
    };
}
