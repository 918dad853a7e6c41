//! `CONTRIBUTING.md` names every recipe of `.ci/run`.

use std::{fs, path::Path};

#[test]
fn contributing_names_every_recipe() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let script = fs::read_to_string(root.join(".ci/run")).unwrap();
    let document = fs::read_to_string(root.join("CONTRIBUTING.md")).unwrap();
    let list = script.split("RECIPES=(").nth(1).unwrap().split("\n)").next().unwrap();
    let names: Vec<_> = list.lines().filter_map(|line| line.trim().split_once(':')).collect();
    assert!(names.len() > 10, "{list}");
    for (name, _) in names {
        let name = name.trim_start_matches('"');
        assert!(document.contains(&format!("`{name}`")), "{name} is not named");
    }
}
