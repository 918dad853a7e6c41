//! Links of the documents lead somewhere: to a file, to a heading, or to an item of the documentation.

use std::{collections::BTreeSet, fs, path::Path};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const DOCS: &str = "https://docs.rs/poggio/latest/poggio/";
const FILES: &str = "https://docs.rs/crate/poggio/latest/source/";

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(ROOT).join(path)).unwrap()
}

/// Returns the names of the documents at the root of the repository.
fn documents() -> Vec<String> {
    let names = fs::read_dir(ROOT).unwrap().map(|entry| entry.unwrap().file_name());
    let names = names.map(|name| name.into_string().unwrap());
    names.filter(|name| Path::new(name).extension().is_some_and(|e| e == "md")).collect()
}

/// Returns the targets of a document's links, in the text and in definitions.
fn targets(text: &str) -> BTreeSet<String> {
    let text: String = text.split("```").step_by(2).collect();
    let inline = text.split("](").skip(1).map(|rest| rest.split(')').next().unwrap());
    let definitions = text.lines().filter(|line| line.starts_with('['));
    let definitions = definitions.filter_map(|line| line.split_once("]: ")).map(|(_, url)| url);
    inline.chain(definitions).map(str::to_owned).collect()
}

/// Returns the anchor of a heading, as renderers of Markdown form it.
fn anchor(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase().replace(' ', "-");
    text.chars().filter(|c| c.is_alphanumeric() || matches!(c, '-' | '_')).collect()
}

/// Returns the source of a module of the crate, or `None` if it does not exist. Omits what the root
/// exports from the public module `store`, whose page is in that module.
fn module(path: &str) -> Option<String> {
    let name = if path.is_empty() { "lib" } else { path };
    let file = Path::new(ROOT).join("src").join(format!("{name}.rs"));
    let text = fs::read_to_string(file).ok()?;
    Some(text.lines().filter(|line| !line.starts_with("pub use store::")).collect())
}

/// Returns whether any file of `src` has a line that begins with this text, apart from spaces.
fn is_declared(starts: &[String]) -> bool {
    let mut folders = vec![Path::new(ROOT).join("src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let text = fs::read_to_string(path).unwrap();
                let is_one = |line: &str| starts.iter().any(|start| line.trim().starts_with(start));
                if text.lines().any(is_one) {
                    return true;
                }
            }
        }
    }
    false
}

/// Returns whether a page of the crate's documentation exists, such as
/// `oauth/struct.Session.html#method.login`.
fn is_documented(page: &str) -> bool {
    let (page, fragment) = page.split_once('#').unwrap_or((page, ""));
    let (folder, file) = page.rsplit_once('/').unwrap_or(("", page));
    let Some(module) = module(folder) else { return false };
    let has_item = match file.strip_suffix(".html").and_then(|file| file.split_once('.')) {
        Some((kind, name)) => {
            let ends = ["{", "(", ";", "<", ":", " "];
            let starts: Vec<_> = ends.map(|end| format!("pub {kind} {name}{end}")).into();
            let mut words = module.split(|c: char| !c.is_alphanumeric() && c != '_');
            words.any(|word| word == name) && is_declared(&starts)
        }
        None => file == "index.html",
    };
    let has_method = match fragment.split_once('.') {
        Some((_, method)) => is_declared(&[
            format!("pub fn {method}("),
            format!("pub async fn {method}("),
            format!("fn {method}<"),
        ]),
        None => fragment.is_empty() || module.contains(&format!("# {fragment}")),
    };
    has_item && has_method
}

fn is_packaged(file: &str) -> bool {
    let manifest = read("Cargo.toml");
    Path::new(ROOT).join(file).exists() && manifest.contains(&format!("\"/{file}\""))
}

#[test]
fn links_of_documents_lead_to_files_headings_and_items() {
    let mut count = 0;
    for document in documents() {
        let text = read(&document);
        for target in targets(&text) {
            count += 1;
            let leads_somewhere = if let Some(page) = target.strip_prefix(DOCS) {
                is_documented(page)
            } else if let Some(file) = target.strip_prefix(FILES) {
                is_packaged(file)
            } else if target.starts_with("https://") {
                true
            } else if let Some(fragment) = target.strip_prefix('#') {
                text.lines().any(|line| line.starts_with('#') && anchor(line) == fragment)
            } else {
                Path::new(ROOT).join(&target).exists()
            };
            assert!(leads_somewhere, "{document}: {target}");
        }
    }
    assert!(count > 20, "{count} links");
}

/// The README is the front page of the documentation too, which does not have the repository's files.
#[test]
fn readme_has_absolute_links_only() {
    for target in targets(&read("README.md")) {
        assert!(target.starts_with("https://"), "{target}");
    }
}

#[test]
fn wrong_links_are_found() {
    assert!(is_documented("oauth/struct.Session.html#method.access_token"));
    assert!(is_documented("guide/errors/index.html"));
    for wrong in [
        "oauth/struct.Sessions.html",
        "oauth/enum.Session.html",
        "struct.Session.html",
        "struct.FileStore.html",
        "oauth/struct.Session.html#method.acces_token",
        "guide/error/index.html",
    ] {
        assert!(!is_documented(wrong), "{wrong}");
    }
    assert!(!is_packaged("CONTRIBUTING.md"));
}
