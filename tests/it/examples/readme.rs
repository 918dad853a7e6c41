//! The README shows what is true.

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
    assert!(README.contains(&format!("poggio = \"{major}.{minor}\"")));
}
