//! The example programs: builds them, runs them, and collects what they print.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use serde_json::Value;

/// Returns the path of an example program.
///
/// The first call builds all examples. After `cargo test` nothing is left to build, because features
/// and profile are those of this test.
fn example(name: &str) -> PathBuf {
    static EXAMPLES: OnceLock<Result<HashMap<String, PathBuf>, String>> = OnceLock::new();
    match EXAMPLES.get_or_init(build_examples) {
        Ok(examples) => examples[name].clone(),
        Err(message) => panic!("the examples do not build:\n{message}"),
    }
}

fn build_examples() -> Result<HashMap<String, PathBuf>, String> {
    let mut command = Command::new(env!("CARGO"));
    command.current_dir(env!("CARGO_MANIFEST_DIR"));
    command.args(["build", "--examples", "--offline", "--message-format=json-render-diagnostics"]);
    if cfg!(not(feature = "default")) {
        // The other packages of the workspace would enable the default features.
        command.args(["--package", "poggio", "--no-default-features"]);
    }
    for (feature, is_enabled) in [
        ("rustls", cfg!(feature = "rustls")),
        ("native-tls", cfg!(feature = "native-tls")),
        ("keyring", cfg!(feature = "keyring")),
        ("__bench", cfg!(feature = "__bench")),
    ] {
        if is_enabled {
            command.args(["--features", feature]);
        }
    }
    if cfg!(not(debug_assertions)) {
        command.arg("--release");
    }
    let result = RunResult::of(&mut command);
    if result.code != Some(0) {
        return Err(format!("{command:?}\n{}", result.stderr));
    }
    let messages = result.stdout.lines().map(|line| serde_json::from_str(line).unwrap());
    Ok(messages.filter_map(|message: Value| executable(&message)).collect())
}

/// Returns name and path if cargo's message is about an example.
fn executable(message: &Value) -> Option<(String, PathBuf)> {
    let target = &message["target"];
    let is_example = target["kind"].as_array()?.iter().any(|kind| kind == "example");
    let path = message["executable"].as_str()?;
    is_example.then(|| (target["name"].as_str().unwrap().to_owned(), path.into()))
}

/// Returns a command that runs an example without the variables that the crate reads.
pub(crate) fn command(name: &str, args: &[&str]) -> Command {
    let mut command = Command::new(example(name));
    command.args(args).env_remove("POGGIO_BASE_URL").env_remove("POGGIO_AUTH_TOKEN");
    command
}

/// Sets the variables that lead to the user's configuration folder.
pub(crate) fn set_home(command: &mut Command, home: &Path) {
    command.env("HOME", home).env("XDG_CONFIG_HOME", home.join("config")).env("APPDATA", home);
}

pub(crate) fn run(name: &str, args: &[&str]) -> RunResult {
    RunResult::of(&mut command(name, args))
}

/// Runs an example whose configuration folder is in `home`.
pub(crate) fn run_at_home(name: &str, home: &Path, args: &[&str]) -> RunResult {
    let mut command = command(name, args);
    set_home(&mut command, home);
    RunResult::of(&mut command)
}

/// How a program ended, and what it printed.
#[derive(Debug)]
pub(crate) struct RunResult {
    code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl RunResult {
    /// Runs a command to its end.
    pub(crate) fn of(command: &mut Command) -> Self {
        let output = command.output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        let (stdout, stderr) = (text(output.stdout), text(output.stderr));
        Self { code: output.status.code(), stdout, stderr }
    }

    /// Asserts the exit code, and that no secret of the loopback server was printed.
    #[track_caller]
    pub(crate) fn assert_code(&self, code: i32) {
        let printed = self.printed();
        assert_eq!(self.code, Some(code), "{printed}");
        assert!(!printed.contains("-of-no-value-elsewhere"), "{printed}");
    }

    fn printed(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }

    /// Returns the output of a successful run for a snapshot.
    #[track_caller]
    pub(crate) fn snapshot(&self) -> String {
        self.assert_code(0);
        stable(&self.printed())
    }
}

/// Replaces what differs from run to run: times, and ports that the system chose.
pub(crate) fn stable(printed: &str) -> String {
    without_ports(&without_times(printed))
}

/// Ports with five digits become PORT.
fn without_ports(printed: &str) -> String {
    let mut parts = printed.split("127.0.0.1:");
    let mut all = parts.next().unwrap().to_owned();
    for part in parts {
        let rest = part.trim_start_matches(|c: char| c.is_ascii_digit());
        let is_chosen = part.len() - rest.len() == 5;
        all += "127.0.0.1:";
        all += &if is_chosen { format!("PORT{rest}") } else { part.to_owned() };
    }
    all
}

/// Times such as `2026-01-01 00:00:00 UTC` become TIME.
fn without_times(printed: &str) -> String {
    let mut parts = printed.split(" UTC");
    let mut all = parts.next().unwrap().to_owned();
    for part in parts {
        all.truncate(all.len() - "2026-01-01 00:00:00".len());
        all += "TIME";
        all += part;
    }
    all
}
