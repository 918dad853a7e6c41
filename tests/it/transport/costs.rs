//! Costs that can be counted; `BENCHMARKS.md` has the times.

use std::hint::black_box;

use poggio::{Client, ClientMetadata, ResponseType};

use crate::support::count_allocations;

fn full(uris: usize) -> ClientMetadata {
    let metadata = ClientMetadata::new()
        .with_grant_types(["authorization_code", "refresh_token", "urn:acme:own"])
        .with_response_types([ResponseType::Code])
        .with_client_name("Acme Sync")
        .with_client_uri("https://acme.example")
        .with_logo_uri("https://acme.example/logo.png")
        .with_scope("read write")
        .with_contacts(["ops@acme.example"])
        .with_tos_uri("https://acme.example/tos")
        .with_policy_uri("https://acme.example/policy");
    let redirect_uris = (0..uris).map(|i| format!("http://127.0.0.1:8910/callback/{i}")).collect();
    ClientMetadata { redirect_uris, ..metadata }
}

#[test]
fn validate_allocates_nothing_for_valid_metadata() {
    for uris in [1, 100] {
        let metadata = full(uris);
        assert_eq!(count_allocations(|| assert!(black_box(&metadata).validate().is_ok())), 0);
    }
    let mut metadata = full(1);
    metadata.redirect_uris[0].push('#');
    assert!(
        count_allocations(|| assert!(metadata.validate().is_err())) > 0,
        "allocations are counted"
    );
}

#[test]
fn client_clone_allocates_nothing() {
    let client = Client::builder().base_url("http://127.0.0.1:1").build().unwrap();
    assert_eq!(count_allocations(|| drop(black_box(&client).clone())), 0);
}
