//! What people search for leads to an item of the documentation.

use std::{fs, path::Path};

fn source() -> String {
    let (mut folders, mut text) =
        (vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")], String::new());
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                text += &fs::read_to_string(path).unwrap();
            }
        }
    }
    text
}

#[test]
fn documentation_is_found_by_common_words() {
    let source = source();
    let aliases: Vec<_> = source.lines().filter(|line| line.contains("#[doc(alias(")).collect();
    for word in [
        "dcr",
        "dynamic client registration",
        "client credentials",
        "pkce",
        "refresh",
        "rfc7591",
        "step-up",
        "mock",
    ] {
        let is_alias = aliases.iter().any(|line| line.contains(&format!("\"{word}\"")));
        assert!(is_alias, "{word}");
    }
}
