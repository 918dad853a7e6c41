//! The examples `login` and `call_api`, with a user who allows access on the page.

use std::{
    io::{BufRead, BufReader, Read},
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
};

use poggio::{reqwest, testing::Server};

use crate::support::example::{RunResult, command, set_home, stable};

/// A running `login`.
struct Login {
    child: Child,
    stdout: BufReader<ChildStdout>,
    printed: String,
}

impl Login {
    fn start(home: &Path, base_url: &str, args: &[&str]) -> Self {
        let mut command = command("login", args);
        set_home(&mut command, home);
        command.env("POGGIO_BASE_URL", base_url);
        // No browser is found there.
        command.env("PATH", home);
        let command = command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        Self { child, stdout, printed: String::new() }
    }

    /// Waits for the URL to open, and replaces it in the output. Returns `None` if there is none.
    fn url(&mut self) -> Option<String> {
        for line in self.stdout.by_ref().lines() {
            let line = line.unwrap();
            if line.starts_with("http://") {
                self.printed += "URL\n";
                return Some(line);
            }
            self.printed += &line;
            self.printed += "\n";
        }
        None
    }

    /// Waits for the end; returns the output, which has no secret.
    fn end(mut self, home: &Path) -> String {
        self.stdout.read_to_string(&mut self.printed).unwrap();
        let output = self.child.wait_with_output().unwrap();
        assert!(output.status.success(), "{} {output:?}", self.printed);
        assert!(!self.printed.contains("of-no-value-elsewhere"), "{}", self.printed);
        stable(&self.printed.replace(&home.display().to_string(), "HOME"))
    }
}

/// Opens the URL as a browser does, and allows access.
async fn allow(server: &Server, url: &str) {
    let callback = server.allow(url).await;
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    assert_eq!(http.get(callback).send().await.unwrap().status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn login_logs_in_at_the_embedded_server() {
    let home = tempfile::tempdir().unwrap();
    let mut login = Login::start(home.path(), "", &[]);
    let url = login.url().unwrap();
    // Any server can act as the user of another one.
    allow(&Server::start().await, &url).await;
    let printed = login.end(home.path());
    let store = printed.lines().find(|line| line.starts_with("store ")).unwrap();
    insta::assert_snapshot!(printed.replace(store, "store    FILE"));
}

#[tokio::test(flavor = "multi_thread")]
async fn call_api_uses_the_login_that_login_keeps() {
    let home = tempfile::tempdir().unwrap();
    let server = Server::start().await;
    let url = server.mcp_url();
    let call = || {
        let mut command: Command = command("call_api", &[&url]);
        set_home(&mut command, home.path());
        RunResult::of(command.env("POGGIO_BASE_URL", server.base_url()))
    };
    let before = call();
    before.assert_code(1);
    let help = "\nrun the example `login` with the same variables and the same URL\n";
    assert!(before.stderr.ends_with(help), "{}", before.stderr);

    let mut login = Login::start(home.path(), &server.base_url(), &[&url]);
    allow(&server, &login.url().unwrap()).await;
    login.end(home.path());
    let after = call();
    after.assert_code(0);
    assert!(after.stdout.starts_with("200 OK\n"), "{}", after.stdout);

    // The login is kept, so nobody has to allow access again.
    let mut again = Login::start(home.path(), &server.base_url(), &[&url]);
    assert_eq!(again.url(), None);
    again.end(home.path());
    assert_eq!((server.registrations().len(), server.token_requests().len()), (1, 1));
}
