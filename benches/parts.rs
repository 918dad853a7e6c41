//! Measures the parts of a registration separately.
//!
//! `cargo bench --bench parts` measures them; `cargo test --benches` runs each part once.

mod support;

use std::{hint::black_box, process::Command, sync::Arc, time::Duration};

use criterion::{BenchmarkId, Criterion, Throughput};
use object_store::memory::InMemory;
use poggio::{
    Client, ClientInformation, ClientMetadata, RegistrationStoreExt, parts,
    reqwest::header::HeaderMap, store::SharedStore,
};
use serde_json::{Value, json};
use support::{Bare, RESPONSE, Registered, Server, metadata, runtime};

fn main() {
    support::serve_if_requested();
    register_first_if_requested();
    let mut criterion = Criterion::default()
        .without_plots()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args();
    metadata_parts(&mut criterion);
    success_responses(&mut criterion);
    validation_errors(&mut criterion);
    hostile_errors(&mut criterion);
    stores(&mut criterion);
    clients(&mut criterion);
    processes(&mut criterion);
    criterion.final_summary();
}

fn metadata_parts(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("metadata");
    group.bench_function("build", |bencher| bencher.iter(metadata));
    let valid = metadata();
    group.bench_function("validate", |bencher| {
        bencher.iter(|| black_box(&valid).validate().is_ok());
    });
    let long = ClientMetadata {
        redirect_uris: (0..100).map(|i| format!("https://acme.example/{i}")).collect(),
        ..metadata()
    };
    group.bench_function("validate, 100 redirect URIs", |bencher| {
        bencher.iter(|| black_box(&long).validate().is_ok());
    });
    group.bench_function("serialize", |bencher| {
        bencher.iter(|| serde_json::to_vec(black_box(&valid)).is_ok());
    });
    group.finish();
}

fn success_responses(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("success response");
    group.bench_function("serde_json alone", |bencher| {
        bencher
            .iter(|| serde_json::from_slice::<Registered>(black_box(RESPONSE.as_bytes())).is_ok());
    });
    let decode = |text: &str| serde_json::from_str::<ClientInformation>(text);
    group.bench_function("as the contract says", |bencher| {
        bencher.iter(|| decode(black_box(RESPONSE)).is_ok());
    });
    let odd = RESPONSE
        .replace(r#""client_id_issued_at":1764000000"#, r#""client_id_issued_at":"1764000000""#);
    assert_eq!(decode(&odd).map(|client| client.warnings().len()).ok(), Some(0));
    group.bench_function("astray from the contract", |bencher| {
        bencher.iter(|| decode(black_box(&odd)).is_ok());
    });
    group.finish();
}

fn validation_errors(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("422");
    for entries in [1, 10, 100, 1000] {
        let metadata = ClientMetadata {
            redirect_uris: (0..entries).map(|i| format!("https://acme.example/{i}")).collect(),
            ..metadata()
        };
        let detail: Vec<Value> = (0..entries)
            .map(|i| {
                json!({
                    "type": "url_scheme",
                    "loc": ["body", "redirect_uris", i],
                    "msg": "URL scheme should be 'https'",
                    "input": metadata.redirect_uris.get(i),
                    "ctx": {"expected_schemes": "'https'"},
                })
            })
            .collect();
        let body = json!({ "detail": detail }).to_string();
        group.throughput(Throughput::Elements(entries as u64));
        group.bench_with_input(BenchmarkId::from_parameter(entries), &body, |bencher, body| {
            bencher.iter(|| parts::error(422, HeaderMap::new(), body.as_bytes(), &metadata));
        });
    }
    group.finish();
}

/// Bodies of 1 MiB that are made to take long.
fn hostile_errors(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("error of 1 MiB");
    group.sample_size(20);
    for piece in ["a", "a=", "code=", "secret=[", "<token>", "%25", "&amp;", "\\", "\\u0025"] {
        let text = piece.repeat((1 << 20) / piece.len());
        let body = format!(r#"{{"error_description": "{text}"}}"#);
        group.bench_with_input(BenchmarkId::from_parameter(piece), &body, |bencher, body| {
            let metadata = metadata();
            bencher.iter(|| parts::error(400, HeaderMap::new(), body.as_bytes(), &metadata));
        });
    }
    group.finish();
}

/// Finds a client after others at the same endpoint were replaced.
fn stores(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("client found after replacements");
    let runtime = runtime();
    let poggio = Client::builder().base_url("http://127.0.0.1:9").build().expect("a client");
    for replacements in [1_u32, 100, 10_000] {
        let store = SharedStore::new(Arc::new(InMemory::new()), "client.json").expect("a store");
        runtime.block_on(async {
            for number in 0..=replacements {
                let mut json: Value = serde_json::from_str(RESPONSE).expect("a response");
                json["client_id"] = json!(format!("client-{number}"));
                let client = serde_json::from_value(json).expect("a client");
                let imported = store.import(poggio.registration_endpoint(), &client).await;
                imported.expect("the store is written");
            }
        });
        let last = format!("client-{replacements}");
        group.bench_function(BenchmarkId::from_parameter(replacements), |bencher| {
            bencher.iter(|| {
                let found = runtime.block_on(poggio.register_once(&metadata(), &store));
                assert!(
                    found.is_ok_and(|client| client.client_id == last),
                    "the last one is found"
                );
            });
        });
    }
    group.finish();
}

fn clients(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("client");
    let base_url = "https://api.poggio.io";
    let https = || poggio::reqwest::Client::builder().build();
    group.sample_size(20);
    group.bench_function("reqwest, TLS", |bencher| bencher.iter(|| https().is_ok()));
    group.bench_function("poggio, TLS", |bencher| bencher.iter(|| Client::new().is_ok()));
    group.sample_size(100);
    let client = Client::builder().base_url(base_url).build();
    if let Ok(client) = &client {
        group.bench_function("clone", |bencher| bencher.iter(|| black_box(client).clone()));
    }
    group.finish();
}

const FIRST: &str = "--first-registration";

/// Measures the time from the start of a process to its first registration, over loopback.
fn processes(criterion: &mut Criterion) {
    let server = Server::start();
    let program = std::env::current_exe().expect("the bench's own path");
    let mut group = criterion.benchmark_group("process");
    group.sample_size(30);
    for side in ["reqwest", "poggio"] {
        group.bench_function(side, |bencher| {
            bencher.iter(|| {
                let mut command = Command::new(&program);
                let status = command.args([FIRST, side, &server.base_url]).status();
                assert!(status.is_ok_and(|status| status.success()), "{side} registers");
            });
        });
    }
    group.finish();
}

fn register_first_if_requested() {
    let args: Vec<_> = std::env::args().collect();
    let [_, first, side, base_url] = args.as_slice() else { return };
    if first != FIRST {
        return;
    }
    let id = runtime().block_on(async {
        if side == "reqwest" {
            Bare::new(base_url).register(&metadata()).await.ok().map(|client| client.client_id)
        } else {
            let client = Client::builder().base_url(base_url).build().ok()?;
            client.register(&metadata()).await.ok().map(|client| client.client_id)
        }
    });
    std::process::exit(i32::from(id.as_deref() != Some("3f9c1e7a52b84d06")));
}
