//! The features of the crate: docs.rs and the README name all public ones.

use std::collections::BTreeSet;

const MANIFEST: &str = include_str!("../../../Cargo.toml");
const README: &str = include_str!("../../../README.md");

/// Returns the features except the private ones, whose names start with an underscore.
fn public_features() -> BTreeSet<&'static str> {
    let (_, rest) = MANIFEST.split_once("\n[features]\n").unwrap();
    let section = rest.split("\n[").next().unwrap();
    let names = section.lines().filter_map(|line| Some(line.split_once(" = ")?.0));
    let is_public = |name: &&str| *name != "default" && !name.starts_with(['_', '#']);
    names.filter(is_public).collect()
}

#[test]
fn docs_rs_documents_all_public_features() {
    let (_, rest) = MANIFEST.split_once("\n[package.metadata.docs.rs]\n").unwrap();
    let list = rest.lines().find_map(|line| line.strip_prefix("features = ")).unwrap();
    let named: BTreeSet<&str> = list.split('"').skip(1).step_by(2).collect();
    assert_eq!(named, public_features());
}

#[test]
fn readme_has_a_row_for_each_public_feature() {
    let (_, rest) = README.split_once("\n## Features\n").unwrap();
    let section = rest.split("\n## ").next().unwrap();
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    assert_eq!(rows.collect::<BTreeSet<_>>(), public_features());
}
