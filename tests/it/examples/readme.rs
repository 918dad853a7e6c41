//! The README shows what is true.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::support::example::run;

const README: &str = include_str!("../../../README.md");

#[test]
fn readme_shows_the_output_of_register() {
    let result = run("register", &[]);
    result.assert_code(0);
    let output = result.stdout;
    assert!(output.contains("loopback-client-1"));
    assert!(README.contains(&output), "the README has to show:\n{output}");
}

#[test]
fn readme_names_the_current_version_and_toolchain() {
    assert!(README.contains(concat!("Rust ", env!("CARGO_PKG_RUST_VERSION"))));
    let (major, minor) = (env!("CARGO_PKG_VERSION_MAJOR"), env!("CARGO_PKG_VERSION_MINOR"));
    assert!(README.contains(&format!("poggio = {{ version = \"{major}.{minor}\"")));
}

/// Returns the Rust files of `src`, and the README.
fn documented_files() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (mut folders, mut files) = (vec![root.join("src")], vec![root.join("README.md")]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    files
}

/// Returns the examples in the documentation of a file.
fn examples(text: &str, is_markdown: bool) -> Vec<String> {
    let (mut examples, mut is_example) = (Vec::<String>::new(), false);
    for line in text.lines().map(str::trim_start) {
        let doc = line.strip_prefix("///").or_else(|| line.strip_prefix("//!"));
        let Some(line) = doc.or(is_markdown.then_some(line)).map(str::trim_start) else {
            is_example = false;
            continue;
        };
        if line.starts_with("```") {
            is_example = !is_example;
            examples.extend(is_example.then(String::new));
        } else if let Some(example) = examples.last_mut().filter(|_| is_example) {
            example.push_str(line.trim_start_matches("# "));
            example.push('\n');
        }
    }
    examples
}

/// Whether an example uses this crate by its own name, and not through `poggio`.
fn uses_crate(example: &str, name: &str) -> bool {
    let is_root = |(at, _): (usize, &str)| {
        let before = example[..at].chars().last().unwrap_or(' ');
        before != ':' && before != '_' && !before.is_alphanumeric()
    };
    let mut imports = example.split("use poggio::").skip(1);
    example.match_indices(&format!("{name}::")).any(is_root)
        && !imports.any(|rest| rest.split(';').next().unwrap().contains(name))
}

/// Doctests see the development dependencies of this crate, and its users do not.
#[test]
fn doc_examples_use_other_crates_through_this_one() {
    let mut count = 0;
    for path in documented_files() {
        let text = fs::read_to_string(&path).unwrap();
        for example in examples(&text, path.ends_with("README.md")) {
            count += 1;
            for name in ["oauth2", "reqwest", "serde_json", "chrono", "keyring_core"] {
                assert!(!uses_crate(&example, name), "{name} in {}:\n{example}", path.display());
            }
        }
    }
    assert!(count > 40, "{count} examples");
    assert!(uses_crate("use oauth2::TokenResponse;", "oauth2"));
    assert!(uses_crate("use poggio::Client;\nlet x: reqwest::Url;", "reqwest"));
    assert!(!uses_crate("use poggio::{oauth::oauth2::X, serde_json};", "oauth2"));
}
