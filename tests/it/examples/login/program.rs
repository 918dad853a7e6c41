//! A running `login` example, and what its user does.

use std::{
    io::{BufRead, BufReader, Read},
    process::{Child, ChildStdout, Command, Stdio},
};

use poggio::reqwest::{self, Url};

use crate::support::{
    example::{Fixture, stable},
    oauth::param,
};

impl Fixture {
    /// Starts a login at the loopback server.
    pub(crate) fn log_in(&self, args: &[&str]) -> Login {
        let mut command = self.command(args);
        Login::start(command.args(["--print-url", "--base-url", &self.server.base_url()]))
    }

    /// Logs in as a user who allows; returns the output.
    pub(super) async fn log_in_and_allow(&self, args: &[&str]) -> String {
        let mut login = self.log_in(args);
        follow(&self.server.allow(login.url().as_str()).await).await;
        login.end(0)
    }

    pub(super) fn stable(&self, printed: &str) -> String {
        stable(printed, Some(self.folder()))
    }
}

/// The program, from its start to its end.
pub(crate) struct Login {
    program: Child,
    stdout: BufReader<ChildStdout>,
    /// The output, with URL in place of the authorization URL.
    printed: String,
    states: Vec<String>,
}

impl Login {
    pub(super) fn start(command: &mut Command) -> Self {
        let command = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut program = command.spawn().unwrap();
        let stdout = BufReader::new(program.stdout.take().unwrap());
        Self { program, stdout, printed: String::new(), states: Vec::new() }
    }

    /// Waits for the authorization URL.
    ///
    /// # Panics
    ///
    /// If the program ends without one.
    pub(crate) fn url(&mut self) -> Url {
        let url = self.url_or_end();
        url.unwrap_or_else(|| {
            let stderr = self.stderr();
            panic!("no URL: {}{stderr}", self.printed)
        })
    }

    /// Waits for the authorization URL, or for the end of the output.
    pub(super) fn url_or_end(&mut self) -> Option<Url> {
        let mut line = String::new();
        while self.stdout.read_line(&mut line).unwrap() > 0 {
            if line.trim_start().starts_with("http") {
                self.printed += "  URL\n";
                let url = Url::parse(line.trim()).unwrap();
                self.expect_state_hidden(&url);
                return Some(url);
            }
            self.printed += &line;
            line.clear();
        }
        None
    }

    /// Makes [`Login::end`] check that the state of this URL is not printed.
    pub(super) fn expect_state_hidden(&mut self, url: &Url) {
        self.states.push(param(url, "state"));
    }

    /// Returns the port of the callback listener.
    pub(crate) fn port(&self) -> u16 {
        callback_port(&self.printed)
    }

    #[cfg(unix)]
    pub(super) fn interrupt(&self) {
        let id = self.program.id().to_string();
        assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    }

    fn stderr(&mut self) -> String {
        let mut stderr = String::new();
        self.program.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
        stderr
    }

    /// Waits for the end; returns the output, which holds no secret.
    #[track_caller]
    pub(crate) fn end(mut self, code: i32) -> String {
        self.stdout.read_to_string(&mut self.printed).unwrap();
        let printed = std::mem::take(&mut self.printed) + &self.stderr();
        let status = self.program.wait().unwrap();
        assert_eq!(status.code(), Some(code), "{printed}");
        // Every secret, code and token of the loopback server ends with this.
        assert!(!printed.contains("of-no-value-elsewhere"), "{printed}");
        assert!(self.states.iter().all(|state| !printed.contains(state)), "{printed}");
        printed
    }
}

impl Drop for Login {
    /// Ends the program if the test failed before its end.
    fn drop(&mut self) {
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}

/// Returns the port of the callback listener from the output.
pub(super) fn callback_port(printed: &str) -> u16 {
    let uri = printed.lines().find_map(|line| line.strip_prefix("callback  ")).unwrap();
    Url::parse(uri).unwrap().port().unwrap()
}

/// Requests the callback as a browser that is redirected there.
pub(super) async fn follow(callback: &str) {
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let response = http.get(callback).send().await.unwrap();
    assert_eq!(response.status(), 200, "{callback}");
}
