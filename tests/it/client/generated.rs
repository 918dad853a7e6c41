//! The generated client under review, and the contracts that `build.rs` rejects.

use std::{env, fs, path::Path, process::Command};

/// The checked-in client and the generated one differ only if one of them was changed alone.
///
/// `UPDATE_GENERATED=1 cargo test --test it generated_client` writes the checked-in one.
#[test]
fn generated_client_matches_its_checked_in_copy() {
    let generated = include_str!(concat!(env!("OUT_DIR"), "/client.rs"));
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/generated/client.rs");
    if env::var_os("UPDATE_GENERATED").is_some_and(|value| value == "1") {
        fs::write(&path, generated).unwrap();
    }
    let checked_in = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        generated == checked_in,
        "src/generated/client.rs is not the client that build.rs generates from openapi.json.\n\
         Update it: UPDATE_GENERATED=1 cargo test --test it generated_client\n{}",
        first_difference(generated, &checked_in)
    );
}

fn first_difference(generated: &str, checked_in: &str) -> String {
    let mut lines = generated.lines().zip(checked_in.lines()).enumerate();
    match lines.find(|(_, (new, old))| new != old) {
        Some((index, (new, old))) => format!("line {}:\n- {old}\n+ {new}", index + 1),
        None => "one is longer than the other".to_owned(),
    }
}

/// Copies what a build of this package needs, with an empty library.
fn copy_package(to: &Path) {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    for folder in ["src", "benches", "crates/cli/src"] {
        fs::create_dir_all(to.join(folder)).unwrap();
    }
    for file in ["Cargo.lock", "build.rs", "crates/cli/Cargo.toml"] {
        fs::copy(package.join(file), to.join(file)).unwrap();
    }
    // Of another version, because cargo would put its build where that of this package is.
    let version = |suffix| format!("\nversion = \"{}{suffix}\"\n", env!("CARGO_PKG_VERSION"));
    let manifest = fs::read_to_string(package.join("Cargo.toml")).unwrap();
    assert!(manifest.contains(&version("")));
    let manifest = manifest.replacen(&version(""), &version("+copy"), 1);
    fs::write(to.join("Cargo.toml"), manifest).unwrap();
    // Cargo requires the targets that the manifests name.
    for file in ["src/lib.rs", "benches/calls.rs", "benches/parts.rs", "crates/cli/src/main.rs"] {
        fs::write(to.join(file), "").unwrap();
    }
}

/// Returns the target folder of this package, which holds the dependencies of its build.
fn target_folder() -> String {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    metadata["target_directory"].as_str().unwrap().to_owned()
}

/// Returns what a failing build of this package prints. As for `cargo test`, so that the dependencies
/// are those that it has built.
fn failing_build(package: &Path, target_folder: &str) -> String {
    let output = Command::new(env!("CARGO"))
        .args(["test", "--lib", "--no-run", "--offline", "--quiet", "--target-dir"])
        .arg(target_folder)
        .current_dir(package)
        .env_remove("RUSTFLAGS")
        .output()
        .unwrap();
    let printed = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success(), "the build succeeds: {printed}");
    printed
}

#[test]
fn build_script_rejects_an_unusable_contract_with_one_message() {
    let package = tempfile::tempdir().unwrap();
    copy_package(package.path());
    let target_folder = target_folder();
    let contract = include_str!("../../../openapi.json");
    let mut without_operations: serde_json::Value = serde_json::from_str(contract).unwrap();
    without_operations["paths"] = serde_json::json!({});
    for (contract, message) in [
        (None, "openapi.json: could not be read: "),
        (Some("{"), "openapi.json: is not JSON: "),
        (
            Some(contract.replace("\"3.0.3\"", "\"3.1.0\"").as_str()),
            "openapi.json: is OpenAPI 3.1.0, but the generator reads 3.0.x only",
        ),
        (
            Some("{}"),
            "openapi.json: is OpenAPI without a version, but the generator reads 3.0.x only",
        ),
        (Some(r#"{"openapi": "3.0.3"}"#), "openapi.json: is not OpenAPI: "),
        (
            Some(without_operations.to_string().as_str()),
            "openapi.json: the generated request is not the expected one",
        ),
    ] {
        if let Some(contract) = contract {
            fs::write(package.path().join("openapi.json"), contract).unwrap();
        }
        let printed = failing_build(package.path(), &target_folder);
        let errors: Vec<_> =
            printed.lines().filter(|line| line.starts_with("error: poggio")).collect();
        assert_eq!(errors.len(), 1, "{printed}");
        assert!(errors[0].contains(message), "{printed}");
        assert!(!printed.contains("panicked"), "{printed}");
    }
}
