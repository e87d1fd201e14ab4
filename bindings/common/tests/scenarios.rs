//! Plays the scenarios of docs/scenarios, as every other language does.

mod scenario;
mod support;

use std::path::{Path, PathBuf};

#[test]
fn every_scenario_can_be_played() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap();
    // Other ones, when languages are held against each other.
    let given = std::env::var_os("STRONGROOM_SCENARIOS").map(PathBuf::from);
    let at_least = if given.is_some() { 1 } else { 15 };
    let mut files: Vec<_> = std::fs::read_dir(given.unwrap_or_else(|| root.join("docs/scenarios")))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect();
    files.sort();
    assert!(files.len() >= at_least, "{files:?}");
    let mut failed = Vec::new();
    for file in &files {
        let name = file.file_stem().unwrap().to_string_lossy().into_owned();
        match scenario::play(&root, file) {
            Ok(steps) => println!("{name}: {steps} steps"),
            Err(why) => failed.push(format!("{name}: {why}")),
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}
