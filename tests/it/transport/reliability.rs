//! Makes `RELIABILITY.md` of the rows that were run.

use std::{env, fmt::Write, fs};

use crate::{
    transport::tls,
    transport::wire::{self, RunResult},
};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/RELIABILITY.md");

const HEAD: &str = "\
# Reliability

Whatever the server and the network do: a secret that arrived reaches the caller and nobody else,
no request is sent twice that may have been acted on, and every error tells the truth about what
happened.

This page is made by the tests, from what they saw: `tests/it/reliability.rs`. A test fails where
it differs; `UPDATE_RELIABILITY=1 cargo test` writes it anew.

In each row, *told* is what the caller got, *attempts* how many requests the client says it made,
and *arrived* how many whole requests the server counted, what the HTTP library might re-send by
itself included. Each row also checks that neither the secret nor the token shows in Display,
Debug, alternate Debug or along the sources, and that a salvaged secret is the whole one.

Whether a request may have left is known from its body: the HTTP library asks for it only when it
has a connection, TLS included, and has taken the request up there. Until then no byte of it is
written, so the server cannot have acted. The body can be asked for once only, so nothing below
this crate can send it a second time.

Beside these rows: `damage` cuts answers at every byte, flips bytes and drops, repeats and retypes
members, by the thousand; `secrets` puts a secret and a token into every kind of answer;
`wire::a_flood_costs_no_more_memory_than_the_caps` measures memory;
`wire::a_call_that_is_dropped_leaves_nothing_behind` drops a call at each of its waits; the targets
in `fuzz/` feed the readers of answers, refusals, failures, `Retry-After` and `WWW-Authenticate`.
";

fn table(title: &str, test: &str, rows: &[RunResult]) -> String {
    let mut page = format!("\n## {title}\n\nTest: `{test}`.\n\n");
    page += "| the server | told | attempts | arrived |\n| --- | --- | --- | --- |\n";
    for RunResult { what, expected, attempts, arrived, .. } in rows {
        writeln!(page, "| {what} | {expected} | {attempts} | {arrived} |").unwrap();
    }
    page
}

fn figures(rows: &[RunResult]) -> String {
    let sum = |count: fn(&RunResult) -> usize| rows.iter().map(count).sum::<usize>();
    let re_sent = sum(|row| (row.attempts as usize).saturating_sub(1));
    let too_often = sum(|row| usize::from(row.arrived > row.attempts as usize));
    let lost = sum(|row| usize::from(row.lost));
    let leaks = sum(|row| usize::from(row.leaked));
    format!(
        "\n## Figures\n\n| cases | re-sends, all of them safe | arrived more often than told | \
         secrets that arrived whole and were lost | leaks |\n| --- | --- | --- | --- | --- |\n\
         | {} | {re_sent} | {too_often} | {lost} | {leaks} |\n",
        rows.len()
    )
}

#[tokio::test(start_paused = true)]
async fn the_page_is_what_was_seen() {
    let plain = wire::run_all().await;
    let secure = tls::run_all().await;
    let all: Vec<_> = plain.iter().chain(&secure).cloned().collect();
    let page = [
        HEAD.to_owned(),
        figures(&all),
        table("HTTP", "wire::every_row_is_told_truly…", &plain),
        table("TLS and HTTP/2", "tls::nothing_leaves_before_the_certificate_is_good…", &secure),
    ]
    .concat();
    if env::var_os("UPDATE_RELIABILITY").is_some() {
        fs::write(FILE, &page).unwrap();
    }
    let written = fs::read_to_string(FILE).unwrap_or_default();
    assert_eq!(written, page, "RELIABILITY.md is out of date: UPDATE_RELIABILITY=1 cargo test");
}
