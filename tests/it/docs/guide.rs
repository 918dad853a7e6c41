//! The pages of the guide: short, and complete for a reader who copies an example.

use std::{collections::BTreeSet, fs, path::Path};

const MAX_LINES: usize = 150;
/// Longer lines of code need a scroll bar in the documentation.
const MAX_CODE_WIDTH: usize = 94;
/// The crates that an example may use beside `poggio` and `std`.
const CRATES: [&str; 9] = [
    "axum",
    "futures_util",
    "indicatif",
    "insta",
    "object_store",
    "rmcp",
    "rusqlite",
    "tempfile",
    "tokio",
];

struct Page {
    name: String,
    text: String,
}

fn pages() -> Vec<Page> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/guide");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let page = |path: std::path::PathBuf| {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        Page { name, text: fs::read_to_string(path).unwrap() }
    };
    let pages: Vec<_> = files.map(page).collect();
    assert!(pages.len() >= 6, "{} pages", pages.len());
    pages
}

/// The visible code of a page and its `Cargo.toml` parts.
#[derive(Default)]
struct Blocks {
    rust: String,
    toml: String,
}

impl Page {
    fn blocks(&self) -> Blocks {
        let (mut blocks, mut language) = (Blocks::default(), None);
        for line in self.text.lines() {
            let line = line.strip_prefix("//!").unwrap_or(line);
            let line = line.strip_prefix(' ').unwrap_or(line);
            match (line.strip_prefix("```"), language) {
                (Some(name), None) => language = Some(name),
                (Some(_), Some(_)) => language = None,
                (None, Some("toml")) => blocks.toml += &format!("{line}\n"),
                (None, Some("" | "no_run")) if !line.starts_with("# ") => {
                    blocks.rust += &format!("{line}\n");
                }
                _ => {}
            }
        }
        blocks
    }
}

/// Returns the crates whose names are the first part of a path, such as `tokio::join!`.
fn used_crates(rust: &str) -> BTreeSet<&'static str> {
    let is_used = |name: &&str| {
        rust.match_indices(&format!("{name}::")).any(|(at, _)| {
            let before = rust[..at].chars().last().unwrap_or(' ');
            before != ':' && before != '_' && !before.is_alphanumeric()
        })
    };
    CRATES.into_iter().filter(is_used).collect()
}

#[test]
fn guide_pages_are_short() {
    for page in pages() {
        let lines = page.text.lines().count();
        assert!(lines <= MAX_LINES, "{} has {lines} lines", page.name);
    }
}

#[test]
fn guide_pages_have_code_that_fits() {
    for page in pages() {
        for line in page.blocks().rust.lines() {
            assert!(line.chars().count() <= MAX_CODE_WIDTH, "{}: {line}", page.name);
        }
    }
}

#[test]
fn guide_pages_name_the_dependencies_of_their_examples() {
    let mut count = 0;
    for page in pages() {
        let Blocks { rust, toml } = page.blocks();
        for name in used_crates(&rust) {
            count += 1;
            let dependency = format!("\n{} = ", name.replace('_', "-"));
            let is_named = format!("\n{toml}").contains(&dependency);
            assert!(is_named, "{} uses {name} and does not name it", page.name);
        }
        let features =
            [("oauth::", "oauth2"), ("testing::", "testing"), ("SharedStore", "object-store")];
        for (path, feature) in features {
            let is_named = toml.contains(&format!("\"{feature}\""));
            let name = &page.name;
            assert!(!rust.contains(path) || is_named, "{name} does not name the feature {feature}");
        }
    }
    assert!(count >= 3, "{count} uses of other crates");
    assert_eq!(used_crates("use tokio::sync;\nmy_insta::x(); a::rmcp::b"), ["tokio"].into());
}

#[test]
fn guide_pages_give_the_reason_of_each_example_that_is_not_compiled() {
    for page in pages() {
        let lines: Vec<_> = page.text.lines().collect();
        for (index, _) in lines.iter().enumerate().filter(|(_, line)| line.contains("```ignore")) {
            let before = lines[index - 1];
            assert!(before.starts_with("//! <!-- ignore: "), "{}: {before}", page.name);
        }
    }
}

/// The package `poggio-interop-mcp` compiles the code of the page, and `tests/interop` runs it.
#[test]
fn guide_page_mcp_shows_the_code_of_the_interop_tests() {
    let page = include_str!("../../../src/guide/mcp.rs");
    let code = include_str!("../../interop/mcp/src/lib.rs");
    let blocks: Vec<String> = page
        .split("//! ```ignore\n")
        .skip(1)
        .map(|rest| rest.split("//! ```").next().unwrap())
        .map(|block| {
            let line = |line: &str| line.strip_prefix("//! ").unwrap_or_default().to_owned();
            block.lines().map(line).collect::<Vec<_>>().join("\n")
        })
        .collect();
    assert_eq!(blocks.len(), 2);
    let (_, code) = code.split_once("\n\n").unwrap();
    assert_eq!(blocks.join("\n\n").trim(), code.trim());
    // The imports do not count.
    let (_, connect) = blocks[0].split_once("};\n\n").unwrap();
    let is_code = |line: &&str| !line.is_empty() && !line.trim().starts_with("//");
    assert!(connect.lines().filter(is_code).count() <= 25);
}
