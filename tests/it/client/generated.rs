//! The generated client under review, and what `build.rs` refuses.

use std::{fs, path::Path, process::Command};

#[test]
fn the_generated_client_is_the_reviewed_one() {
    insta::assert_snapshot!(include_str!(concat!(env!("OUT_DIR"), "/client.rs")));
}

/// Builds a copy of this package with another contract; returns what cargo printed.
fn build_with(contract: Option<&str>) -> String {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let copy = tempfile::tempdir().unwrap();
    for file in ["Cargo.toml", "Cargo.lock", "build.rs"] {
        fs::copy(package.join(file), copy.path().join(file)).unwrap();
    }
    fs::create_dir(copy.path().join("src")).unwrap();
    fs::write(copy.path().join("src/lib.rs"), "").unwrap();
    // The manifest names the benches, so they have to be there.
    fs::create_dir(copy.path().join("benches")).unwrap();
    for bench in ["calls", "instructions", "parts"] {
        fs::write(copy.path().join(format!("benches/{bench}.rs")), "").unwrap();
    }
    if let Some(contract) = contract {
        fs::write(copy.path().join("openapi.json"), contract).unwrap();
    }
    // This package's target folder, which holds the build's dependencies.
    let metadata = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .current_dir(package)
        .output()
        .unwrap();
    let metadata: serde_json::Value = serde_json::from_slice(&metadata.stdout).unwrap();
    let target = metadata["target_directory"].as_str().unwrap();
    let output = Command::new(env!("CARGO"))
        .args(["build", "--lib", "--offline", "--quiet", "--target-dir"])
        .arg(target)
        .current_dir(copy.path())
        .env_remove("RUSTFLAGS")
        .output()
        .unwrap();
    let printed = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success(), "built in spite of its contract: {printed}");
    printed
}

#[test]
fn a_contract_that_cannot_be_used_is_refused_with_one_readable_message() {
    let contract = include_str!("../../../openapi.json");
    for (contract, message) in [
        (None, "openapi.json: cannot be read: "),
        (Some("{"), "openapi.json: is not JSON: "),
        (
            Some(contract.replace("\"3.0.3\"", "\"3.1.0\"").as_str()),
            "openapi.json: is OpenAPI 3.1.0, but the generator reads 3.0.x only",
        ),
        (Some("{}"), "openapi.json: is OpenAPI of no version, but the generator reads 3.0.x only"),
        (Some(r#"{"openapi": "3.0.3"}"#), "openapi.json: is not OpenAPI: "),
    ] {
        let printed = build_with(contract);
        let errors: Vec<_> =
            printed.lines().filter(|line| line.starts_with("error: poggio")).collect();
        assert_eq!(errors.len(), 1, "{printed}");
        assert!(errors[0].contains(message), "{printed}");
        assert!(!printed.contains("panicked"), "{printed}");
    }
}
