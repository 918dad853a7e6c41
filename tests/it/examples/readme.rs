//! The README shows what the programs print.

use crate::examples::programs::run;

#[test]
fn the_readme_shows_the_real_output_of_its_main_command() {
    let output = run("register", &[]);
    let output = String::from_utf8(output.stdout).unwrap();
    let readme = include_str!("../../../README.md");
    assert!(output.contains("loopback-client-1"));
    assert!(readme.contains(&output), "the README has to show:\n{output}");
}

#[test]
fn the_readme_names_the_current_version_and_toolchain() {
    let readme = include_str!("../../../README.md");
    assert!(readme.contains(concat!("Rust ", env!("CARGO_PKG_RUST_VERSION"))));
    let (major, minor) = (env!("CARGO_PKG_VERSION_MAJOR"), env!("CARGO_PKG_VERSION_MINOR"));
    assert!(readme.contains(&format!("poggio = \"{major}.{minor}\"")));
}
