//! The README shows what the programs print.

use crate::examples::run;

#[test]
fn the_readme_shows_the_real_output_of_its_main_command() {
    let output = run("register", &[]);
    let output = String::from_utf8(output.stdout).unwrap();
    let readme = include_str!("../../README.md");
    assert!(output.contains("loopback-client-1"));
    assert!(readme.contains(&output), "the README has to show:\n{output}");
}

/// With the features that `cargo test` alone has.
#[cfg(feature = "rustls")]
#[test]
fn the_readme_shows_how_many_tests_there_are() {
    let count = tests_in(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it").as_ref());
    let shown = format!("test result: ok. {count} passed");
    assert!(include_str!("../../README.md").contains(&shown), "the README has to show: {shown}");
}

#[cfg(feature = "rustls")]
fn tests_in(path: &std::path::Path) -> usize {
    if path.is_dir() {
        let entries = std::fs::read_dir(path).unwrap();
        return entries.map(|entry| tests_in(&entry.unwrap().path())).sum();
    }
    if path.extension().is_none_or(|extension| extension != "rs") {
        return 0;
    }
    let text = std::fs::read_to_string(path).unwrap();
    let is_test = |line: &&str| *line == "#[test]" || line.starts_with("#[tokio::test");
    text.lines().filter(is_test).count() - text.matches("\n#[cfg(not(any(feature").count()
}

#[test]
fn the_readme_names_the_current_version_and_toolchain() {
    let readme = include_str!("../../README.md");
    assert!(readme.contains(concat!("Rust ", env!("CARGO_PKG_RUST_VERSION"))));
    let (major, minor) = (env!("CARGO_PKG_VERSION_MAJOR"), env!("CARGO_PKG_VERSION_MINOR"));
    assert!(readme.contains(&format!("poggio = \"{major}.{minor}\"")));
}
