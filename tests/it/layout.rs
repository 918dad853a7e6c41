//! The layout of `src`: modules depend one way, files are short and say what they hold.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

/// The modules from first to last. A module uses earlier ones only.
const ORDER: [&str; 16] = [
    "random",
    "url",
    "secret",
    "redact",
    "metadata",
    "response",
    "error",
    "transport",
    "generated",
    "client",
    "store",
    "oauth",
    "testing",
    "parts",
    "guide",
    "lib",
];
const MAX_CODE_LINES: usize = 300;

struct File {
    /// Such as `store/file.rs`.
    path: String,
    text: String,
}

fn files() -> Vec<File> {
    let files = files_in("src");
    assert!(files.len() > 50, "{} files", files.len());
    files
}

/// Returns the files of a folder of the workspace.
fn files_in(folder: &str) -> Vec<File> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut folders = vec![src.clone()];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs")
                && !path.ends_with("generated/client.rs")
            {
                let text = fs::read_to_string(&path).unwrap();
                let path = path.strip_prefix(&src).unwrap().to_str().unwrap().replace('\\', "/");
                files.push(File { path, text });
            }
        }
    }
    files
}

impl File {
    /// The lines of code: no comments, no blank lines, no unit tests.
    fn code(&self) -> Vec<&str> {
        let code = self.text.split("#[cfg(test)]\nmod tests").next().unwrap();
        let is_code = |line: &&str| !line.is_empty() && !line.starts_with("//");
        code.lines().map(str::trim).filter(is_code).collect()
    }

    /// The module that the file belongs to, one of `ORDER`.
    fn module(&self) -> &str {
        self.path.split(['/', '.']).next().unwrap()
    }

    /// The modules that the file names, as `crate::module` or in `use crate::{…}`.
    fn used_modules(&self) -> BTreeSet<&str> {
        let code = self.code();
        let mut used = BTreeSet::new();
        let mut in_group = false;
        for line in code {
            for (_, rest) in
                line.match_indices("crate::").map(|(at, found)| (at, &line[at + found.len()..]))
            {
                in_group |= rest.starts_with('{') && !line.ends_with(';');
                for name in rest.trim_matches(['{', '}', ';']).split(", ") {
                    used.insert(name.split([':', ';', '(', '<', ')', ' ']).next().unwrap());
                    if !rest.starts_with('{') {
                        break;
                    }
                }
            }
            if in_group && !line.contains("crate::") {
                used.insert(line.split([':', ',', ';']).next().unwrap());
                in_group = line != "};";
            }
        }
        used.retain(|name| ORDER.contains(name));
        used
    }

    /// Returns the names that the file imports by `use super::`: files beside it, or items of the parent.
    fn imports_from_parent(&self) -> BTreeSet<String> {
        let code = self.code().join(" ");
        let mut names = BTreeSet::new();
        for (at, found) in code.match_indices("use super::") {
            let list = code[at + found.len()..].split(';').next().unwrap();
            let is_group = list.starts_with('{');
            let mut depth = 0;
            let mut path = String::new();
            for character in list.chars().chain([',']) {
                match character {
                    '{' => depth += 1,
                    '}' => depth -= 1,
                    ',' if depth <= usize::from(is_group) => {
                        names.extend(path.split("::").next().map(str::to_owned));
                        path.clear();
                    }
                    character if character.is_whitespace() => {}
                    character => path.push(character),
                }
            }
        }
        names.remove("");
        names
    }
}

#[test]
fn modules_use_earlier_modules_only() {
    let rank = |name: &str| ORDER.iter().position(|module| *module == name).unwrap();
    let mut edges = 0;
    for file in files() {
        for used in file.used_modules() {
            edges += usize::from(used != file.module());
            assert!(rank(used) <= rank(file.module()), "src/{} uses {used}", file.path);
        }
    }
    assert!(edges > 100, "{edges} uses were found");
}

#[test]
fn files_of_a_folder_have_no_circles() {
    let mut folders: BTreeMap<String, Vec<File>> = BTreeMap::new();
    for file in files() {
        if let Some((folder, _)) = file.path.rsplit_once('/') {
            folders.entry(folder.to_owned()).or_default().push(file);
        }
    }
    for (folder, files) in folders {
        let name = |file: &File| file.path.rsplit('/').next().unwrap().replace(".rs", "");
        let names: BTreeSet<_> = files.iter().map(name).collect();
        let mut uses = BTreeMap::new();
        for file in files.iter().filter(|file| !file.path.contains("/model")) {
            let imports = file.imports_from_parent();
            let of_parent: Vec<_> = imports.difference(&names).collect();
            assert!(of_parent.is_empty(), "src/{} uses its parent: {of_parent:?}", file.path);
            uses.insert(name(file), imports);
        }
        // Files that use none of the files left are taken out, until none is left.
        while !uses.is_empty() {
            let is_free =
                |used: &BTreeSet<String>| used.iter().all(|name| !uses.contains_key(name));
            let free: Vec<_> = uses
                .iter()
                .filter(|(_, used)| is_free(used))
                .map(|(name, _)| name.clone())
                .collect();
            assert!(!free.is_empty(), "a circle in src/{folder}: {uses:?}");
            uses.retain(|name, _| !free.contains(name));
        }
    }
}

#[test]
fn files_are_short_and_open_with_a_paragraph() {
    for file in files().into_iter().chain(files_in("crates/cli/src")) {
        let lines = file.code().len();
        assert!(lines <= MAX_CODE_LINES, "{} has {lines} lines of code", file.path);
        let opens = file.text.starts_with("//! ") || file.module() == "lib";
        assert!(opens, "{} does not say what it holds", file.path);
    }
}
