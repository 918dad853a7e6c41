//! Writes `RELIABILITY.md` from the results of the scenarios in `scenarios` and `tls`.

use std::{env, fmt::Write, fs};

use super::{run_result::RunResult, scenarios::scenarios, tls};
use crate::support::paused;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/RELIABILITY.md");

const HEAD: &str = "\
# Reliability

Whatever the server and the network do: only the caller receives a secret that arrived, no request is
sent twice if the server may have acted on it, and every error states the outcome correctly.

A test writes this page from what it observes (`tests/it/transport/reliability.rs`). The test fails if the
page differs; `UPDATE_RELIABILITY=1 cargo test reliability` updates it.

In each row, *result* is what the caller gets, *attempts* is how many requests the client reports, and
*arrived* is how many whole requests the server counted, including any that the HTTP library sent again.
Each row also checks that neither the secret nor the token is shown by Display, Debug, alternate Debug or
an error's sources, and that a recovered secret is complete.

The request's body shows whether a request may have been sent. The HTTP library asks for the body only
after it has a connection, TLS included, and has started the request on it. Before that it writes no
byte of the body, so the server cannot have acted. The body can be read only once, so the HTTP library
cannot send it a second time.

Other tests: `outcomes` combines each status with each kind of body; `late` stops the process while a
response arrives; `causes` prevents connections in every way; `damage` truncates responses at every
byte, changes bytes, and drops, repeats and retypes members; `secrets` puts a secret and a token into responses of every form;
`redaction` puts random credentials into text in 25 encodings and in base64, and hostile text into
every member;
`http1::register_uses_no_more_memory_than_its_caps_for_an_endless_response` measures memory;
`http1::register_sends_nothing_more_after_its_future_is_dropped` drops a call at each of its waits;
`store::register_once::bounds` counts the requests of programs that restart, are killed or retry;
`store::shared_store::conditions` uses object stores that ignore or misreport conditions; the
targets in `fuzz/` decode random responses, refusals, failures, `Retry-After`, `WWW-Authenticate`,
store documents, server metadata and token responses.
";

fn table(title: &str, test: &str, rows: &[RunResult]) -> String {
    let mut page = format!("\n## {title}\n\nTest: `{test}`.\n\n");
    page += "| the server | result | attempts | arrived |\n| --- | --- | --- | --- |\n";
    for RunResult { server, expected, attempts, arrived, .. } in rows {
        writeln!(page, "| {server} | {expected} | {attempts} | {arrived} |").unwrap();
    }
    page
}

fn figures(rows: &[RunResult]) -> String {
    let sum = |count: fn(&RunResult) -> usize| rows.iter().map(count).sum::<usize>();
    let retries = sum(|row| (row.attempts as usize).saturating_sub(1));
    let too_often = sum(|row| usize::from(row.arrived > row.attempts as usize));
    let lost = sum(|row| usize::from(row.lost));
    let leaks = sum(|row| usize::from(row.leaked));
    format!(
        "\n## Figures\n\n\
         | scenarios | retries, all of them safe | more requests arrived than reported | whole secrets lost | leaks |\n\
         | --- | --- | --- | --- | --- |\n\
         | {} | {retries} | {too_often} | {lost} | {leaks} |\n",
        rows.len()
    )
}

#[test]
fn reliability_page_lists_what_the_scenarios_come_to() {
    paused(async {
        let mut plain = Vec::new();
        for scenario in scenarios() {
            plain.push(scenario.run().await);
        }
        let secure = tls::run_all().await;
        let all: Vec<_> = plain.iter().chain(&secure).cloned().collect();
        let page = [
            HEAD.to_owned(),
            figures(&all),
            table(
                "HTTP",
                "http1::register_returns_the_expected_outcome_and_shows_no_secret",
                &plain,
            ),
            table(
                "TLS and HTTP/2",
                "tls::register_sends_nothing_to_an_unverified_server_and_nothing_twice_over_http2",
                &secure,
            ),
        ]
        .concat();
        if env::var_os("UPDATE_RELIABILITY").is_some() {
            fs::write(FILE, &page).unwrap();
        }
        let written = fs::read_to_string(FILE).unwrap_or_default();
        assert!(
            written == page,
            "RELIABILITY.md is outdated: UPDATE_RELIABILITY=1 cargo test reliability"
        );
    });
}
