//! The example `register_many`, run, killed and run again as a user might.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    path::PathBuf,
    process::{Command, Output, Stdio},
    time::Duration,
};

use poggio::testing::{Reply, Server};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    examples::{assert_code, command, example, printed, run, text},
    support::wait_for,
};

const NAME: &str = "register_many";

/// A folder with a file of clients, and a server for them.
struct Case {
    folder: TempDir,
    server: Server,
    file: &'static str,
}

impl Case {
    async fn new(file: &'static str, content: impl AsRef<[u8]>) -> Self {
        let case =
            Self { folder: tempfile::tempdir().unwrap(), server: Server::start().await, file };
        fs::write(case.path(file), content).unwrap();
        case
    }

    async fn of(count: usize) -> Self {
        Self::new("clients.jsonl", clients(count)).await
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, more: &[&str]) -> Command {
        let mut command = command(NAME, more);
        command.arg(self.path(self.file)).arg("--results").arg(self.path("results.jsonl"));
        command.arg("--base-url").arg(self.server.base_url());
        command
    }

    fn run(&self, more: &[&str]) -> Output {
        self.command(more).output().unwrap()
    }

    /// A limit on the size of files stands for a disk that is full there.
    #[cfg(unix)]
    fn run_on_a_disk_of(&self, kibibytes: u32, more: &[&str]) -> Output {
        let mut command = Command::new("bash");
        command.args(["-c", &format!("trap '' XFSZ; ulimit -f {kibibytes}; exec \"$@\"")]);
        command.arg("bash").arg(example(NAME)).args(self.command(more).get_args());
        command.env_remove("POGGIO_BASE_URL").env_remove("POGGIO_AUTH_TOKEN").output().unwrap()
    }

    fn journal(&self) -> String {
        fs::read_to_string(self.path("results.jsonl")).unwrap()
    }

    /// The last result of each key.
    fn results(&self) -> BTreeMap<String, Value> {
        let journal = self.journal();
        let records = journal.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        records
            .filter(|record| record.get("outcome").is_some())
            .map(|record| (record["key"].as_str().unwrap().to_owned(), record))
            .collect()
    }

    /// The names of the clients that the server accepted.
    fn accepted(&self) -> Vec<String> {
        let accepted = self.server.registrations();
        accepted
            .iter()
            .map(|received| received.json().unwrap()["client_name"].as_str().unwrap().to_owned())
            .collect()
    }
}

/// Clients with the key as their name.
fn clients(count: usize) -> String {
    (0..count)
        .map(|i| {
            let key = format!("key-{i}");
            let uri = format!("https://{key}.example/cb");
            json!({"key": key, "client_name": key, "redirect_uris": [uri]}).to_string() + "\n"
        })
        .collect()
}

#[test]
fn by_itself_it_registers_a_sample() {
    insta::assert_snapshot!(printed(&run(NAME, &[]), None));
    insta::assert_snapshot!(printed(&run(NAME, &["--sample", "3", "--concurrency", "1"]), None));
}

#[test]
fn arguments_that_do_not_go_together_are_refused() {
    for args in [
        &["clients.jsonl"][..],
        &["--live"],
        &["--results", "r.jsonl"],
        &["--concurrency", "0"],
        &["clients.jsonl", "--results", "r", "--live", "--base-url", "https://a.example"],
    ] {
        assert_eq!(run(NAME, args).status.code(), Some(2), "{args:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn csv_and_json_lines_register_the_same() {
    let jsonl = concat!(
        "\u{feff}",
        r#"{"key": "acme", "redirect_uris": ["https://a.example/1", "https://a.example/2"], "grant_types": ["authorization_code", "refresh_token"], "client_name": "Acme, Inc.", "contacts": ["a@a.example"]}"#,
        "\n\n",
        r#"{"client_name": "Nightly", "grant_types": ["client_credentials"], "response_types": [], "key": "job", "scope": "read write"}"#,
    );
    let csv = "\u{feff}key,redirect_uris,grant_types,client_name,contacts,scope\r\n\
        acme,https://a.example/1 https://a.example/2,authorization_code  refresh_token,\"Acme, Inc.\",a@a.example,\r\n\
        job,,client_credentials, Nightly ,,read write\r\n";
    let mut sent = Vec::new();
    for (file, content) in [("clients.jsonl", jsonl), ("clients.csv", csv)] {
        let case = Case::new(file, content).await;
        assert_code(&case.run(&["--concurrency", "1"]), 0);
        let requests = case.server.requests();
        sent.push(requests.iter().map(|r| r.json().unwrap()).collect::<Vec<_>>());
        assert_eq!(case.results()["job"]["client"]["client_id"], "loopback-client-2");
    }
    assert_eq!(sent[0].len(), 2);
    assert_eq!(sent[0][1]["response_types"], json!([]));
    assert_eq!(sent[0], sent[1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn all_bad_lines_are_listed_and_nothing_is_sent() {
    let jsonl = r#"{"key": "good", "redirect_uris": ["https://a.example/cb"]}
{"key": "good", "redirect_uris": ["https://a.example/cb"]}
{"redirect_uris": ["https://a.example/cb"]}
{"key": " ", "redirect_uris": ["https://a.example/cb"]}

{"key": "a", "redirect_uri": ["https://a.example/cb"]}
{"key": "b", "redirect_uris": ["https://a.example/cb", 5]}
{"key": "c", "redirect_uris": ["http://a.example/cb"], "contacts": [""]}
{"key": "d", "key": "e", "redirect_uris": ["https://a.example/cb"]}
{"key": "f", "redirect_uris": ["https://a.example/cb"]} {}
{"key": "g", "client_name": "x", "client_name": "y"}
[]
not json
"#;
    let case = Case::new("clients.jsonl", jsonl).await;
    let output = case.run(&[]);
    insta::assert_snapshot!("bad_jsonl", printed(&output, Some(case.folder.path())));
    assert!(!case.path("results.jsonl").exists());
    assert_eq!(case.server.requests().len(), 0);

    let csv = "key,redirect_uris,client_name\r\n\
        a,https://a.example/cb,\"two\r\nlines\"\r\nb,https://a.example/cb\r\n\
        ,https://a.example/cb,\r\nc,nowhere,\r\na,https://a.example/cb,\r\n\r\n";
    let case = Case::new("clients.csv", csv).await;
    let output = case.run(&[]);
    insta::assert_snapshot!("bad_csv", printed(&output, Some(case.folder.path())));
    fs::write(case.path("clients.csv"), csv.replace("\r\n", "\n")).unwrap();
    insta::assert_snapshot!("bad_csv", printed(&case.run(&[]), Some(case.folder.path())));
    fs::write(case.path("clients.csv"), "key,redirect_uri\na,https://a.example/cb\n").unwrap();
    insta::assert_snapshot!("bad_header", printed(&case.run(&[]), Some(case.folder.path())));
    assert_eq!(case.server.requests().len(), 0);

    let case = Case::new("clients.jsonl", "{}\n".repeat(30)).await;
    let shown = text(&case.run(&[]).stderr);
    assert_eq!(shown.matches("   | line ").count(), 20, "{shown}");
    assert!(shown.contains("   | and 10 more\n"), "{shown}");
    let case = Case::new("clients.jsonl", "\n").await;
    assert!(text(&case.run(&[]).stderr).contains("it has no client in it"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_run_sends_nothing() {
    let case = Case::of(30).await;
    assert_code(&case.run(&[]), 0);
    assert_eq!(case.server.requests().len(), 30);
    let journal = case.journal();
    assert!(journal.ends_with("}\n"), "no room is left behind the records");
    for (key, result) in case.results() {
        let client = &result["client"];
        assert_eq!(client["client_name"], key.as_str());
        let (_, number) = client["client_id"].as_str().unwrap().rsplit_once('-').unwrap();
        let secret = format!("loopback-secret-{number}-of-no-value-elsewhere");
        assert_eq!(client["client_secret"], secret.as_str());
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(case.path("results.jsonl")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    let again = case.run(&[]);
    assert_code(&again, 0);
    assert!(text(&again.stdout).contains("skipped: registered               30\n"));
    assert_eq!(case.server.requests().len(), 30);
    assert_eq!(case.journal(), journal);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_outcome_has_its_exit_code_and_its_way_on() {
    let refused = || Reply::json(403, json!({"detail": "No"}));
    for (reply, code, outcome, again) in [
        (refused(), 1, "not_registered", 0),
        (Reply::status(500), 3, "unknown", 3),
        (Reply::disconnect(), 3, "unknown", 3),
        (Reply::cut_off(), 4, "unreadable", 4),
    ] {
        let case = Case::of(3).await;
        case.server.script([reply]);
        let output = case.run(&["--concurrency", "1"]);
        assert_code(&output, code);
        let failed = &case.results()["key-0"];
        assert_eq!(failed["outcome"], outcome);
        assert!(
            text(&output.stdout)
                .contains(&format!("\nkey-0: {}\n", failed["error"].as_str().unwrap()))
        );
        assert_eq!(case.results()["key-2"]["outcome"], "registered");

        assert_code(&case.run(&[]), again);
        let sent_again = case.server.requests().len() - 3;
        assert_eq!(sent_again, usize::from(outcome == "not_registered"), "{outcome}");
        if outcome == "unknown" {
            let shown = text(&case.run(&[]).stdout);
            assert!(shown.contains("so not sent again:\n  key-0\n"), "{shown}");
            assert_code(&case.run(&["--retry-unknown"]), 0);
            assert_eq!(case.server.requests().len(), 4);
        }
    }

    let case = Case::of(3).await;
    case.server.script([refused(), Reply::status(500), Reply::cut_off()]);
    let output = case.run(&["--concurrency", "1"]);
    insta::assert_snapshot!("outcomes", printed(&output, Some(case.folder.path())));
    let salvaged = &case.results()["key-2"];
    assert_eq!(salvaged["client_id"], "loopback-cut");
    assert_eq!(salvaged["client_secret"], "cut-secret");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_stops_where_the_server_asks_for_a_long_wait() {
    let case = Case::of(10).await;
    case.server.script([Reply::registered(), Reply::rate_limited(Duration::from_secs(3600))]);
    let output = case.run(&["--concurrency", "1"]);
    assert_code(&output, 1);
    assert_eq!(case.server.requests().len(), 2);
    assert!(text(&output.stderr).contains("run again in 60 minutes to go on"));
    assert!(text(&output.stdout).contains("not sent                           8\n"));
    assert_code(&case.run(&[]), 0);
    assert_eq!(case.accepted().len(), 10);
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn killed_in_the_middle_it_registers_none_twice() {
    let case = Case::of(200).await;
    case.server.script(vec![Reply::registered().with_delay(Duration::from_millis(40)); 400]);
    let mut child = case
        .command(&["--concurrency", "8"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    wait_for(|| case.server.requests().len() >= 60);
    child.kill().unwrap();
    child.wait().unwrap();

    let output = case.run(&["--concurrency", "8"]);
    assert_code(&output, 3);
    let accepted = case.accepted();
    let once: BTreeSet<_> = accepted.iter().cloned().collect();
    assert_eq!(once.len(), accepted.len(), "none was accepted twice");
    let shown = text(&output.stdout);
    let open: BTreeSet<_> =
        shown.lines().filter_map(|line| line.strip_prefix("  ")).map(str::to_owned).collect();
    assert!((1..=8).contains(&open.len()), "{shown}");
    let results = case.results();
    for i in 0..200 {
        let key = format!("key-{i}");
        assert!(results.contains_key(&key) != open.contains(&key), "{key}: {shown}");
    }
    for key in once.difference(&open) {
        assert_eq!(results[key]["outcome"], "registered");
    }
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn ctrl_c_finishes_what_is_under_way() {
    let case = Case::of(200).await;
    case.server.script(vec![Reply::registered().with_delay(Duration::from_millis(40)); 200]);
    let child = case
        .command(&["--concurrency", "8"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    wait_for(|| case.server.requests().len() >= 30);
    let interrupt = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(interrupt.success());
    let output = child.wait_with_output().unwrap();
    assert_code(&output, 1);
    assert!(text(&output.stderr).ends_with("stopped; run again to go on\n"));
    let accepted = case.accepted();
    assert!(accepted.len() < 200);
    assert_eq!(case.results().len(), accepted.len(), "all of them are saved");
    assert_code(&case.run(&[]), 0);
    assert_eq!(case.accepted().len(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_a_kill_cut_off_is_kept_and_counts_by_its_intent() {
    let case = Case::of(2).await;
    assert_code(&case.run(&["--concurrency", "1"]), 0);
    let whole = case.journal();
    // Within the last result, with the room that a killed run leaves behind it.
    let torn = &whole[..whole.len() - 20];
    fs::write(case.path("results.jsonl"), torn.to_owned() + &" ".repeat(9000)).unwrap();

    let output = case.run(&[]);
    assert_code(&output, 3);
    assert!(text(&output.stderr).contains("note: line 5 of "), "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains("so not sent again:\n  key-1\n"));
    assert_eq!(case.server.requests().len(), 2);
    assert_eq!(case.journal(), torn.to_owned() + "\n{\"cut_off\":true}\n");

    let again = case.run(&["--retry-unknown"]);
    assert_code(&again, 0);
    assert!(again.stderr.is_empty(), "{}", text(&again.stderr));
    assert_eq!(case.server.requests().len(), 3);
    assert!(case.journal().starts_with(torn));

    // A line that has all but its end is whole.
    fs::write(case.path("results.jsonl"), whole.trim_end()).unwrap();
    assert_code(&case.run(&[]), 0);
    assert_eq!(case.journal(), whole);

    // In the middle, it is damage.
    let damaged = whole.replacen("\"started\"", "\"sta", 1);
    fs::write(case.path("results.jsonl"), &damaged).unwrap();
    let output = case.run(&[]);
    insta::assert_snapshot!("damaged", printed(&output, Some(case.folder.path())));
    assert_eq!(case.journal(), damaged);
    assert_eq!(case.server.requests().len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn results_of_others_are_refused() {
    let case = Case::of(1).await;
    let path = case.path("results.jsonl");
    assert_code(&case.run(&[]), 0);

    let lock = File::open(&path).unwrap();
    lock.lock().unwrap();
    insta::assert_snapshot!("locked", printed(&case.run(&[]), Some(case.folder.path())));
    drop(lock);

    let file = case.path("clients.jsonl");
    let rehearsal = run(NAME, &[file.to_str().unwrap(), "--results", path.to_str().unwrap()]);
    insta::assert_snapshot!("elsewhere", printed(&rehearsal, Some(case.folder.path())));

    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        insta::assert_snapshot!("readable", printed(&case.run(&[]), Some(case.folder.path())));
    }
    assert_eq!(case.server.requests().len(), 1);
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_loses_no_secret() {
    let case = Case::of(200).await;
    case.server.script(vec![Reply::registered().with_delay(Duration::from_millis(5)); 200]);
    let limited = |kibibytes| case.run_on_a_disk_of(kibibytes, &["--concurrency", "4"]);
    let nothing = limited(8);
    assert_code(&nothing, 1);
    assert_eq!(case.server.requests().len(), 0, "{}", text(&nothing.stderr));

    let output = limited(60);
    assert_code(&output, 1);
    let shown = text(&output.stderr);
    assert!(shown.contains("make room for the results"), "{shown}");
    let accepted = case.accepted();
    assert!((5..200).contains(&accepted.len()), "{}", accepted.len());
    let results = case.results();
    let secrets: BTreeSet<_> = accepted
        .iter()
        .map(|key| results[key]["client"]["client_secret"].as_str().unwrap())
        .collect();
    assert_eq!(secrets.len(), accepted.len());

    assert_code(&case.run(&[]), 0);
    assert_eq!(case.accepted().len(), 200);
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_larger_than_its_room_keeps_its_credentials_on_a_full_disk() {
    let case = Case::of(1).await;
    case.server.script([Reply::registered().with_member("logo", "x".repeat(40_000))]);
    let output = case.run_on_a_disk_of(20, &["--concurrency", "1"]);
    assert_code(&output, 0);
    let secret = "loopback-secret-1-of-no-value-elsewhere";
    assert_eq!(case.results()["key-0"]["client"]["client_secret"], secret);
}
