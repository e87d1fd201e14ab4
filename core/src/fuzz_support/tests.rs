use super::*;
use crate::vectors::seeds;
use std::path::{Path, PathBuf};

fn corpus(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(target)
}

/// What fuzzing begins with, and what it found worth keeping.
#[test]
fn the_corpora_find_nothing() {
    for (name, target) in TARGETS {
        let mut files: Vec<PathBuf> =
            std::fs::read_dir(corpus(name)).unwrap().map(|file| file.unwrap().path()).collect();
        files.sort();
        assert!(!files.is_empty(), "there is no corpus for {name}");
        for file in files {
            println!("{}", file.display());
            target(&std::fs::read(&file).unwrap());
        }
    }
}

/// Cut short, and with a bit of each byte another one.
#[test]
fn what_is_near_the_seeds_finds_nothing() {
    for (name, target) in
        TARGETS.iter().filter(|(name, _)| !["account_flow", "forged", "repository", "tar"].contains(name))
    {
        for seed in seeds::of(name) {
            for at in 0..seed.len().min(600) {
                target(&seed[..at]);
                let mut changed = seed.clone();
                changed[at] ^= 1 << (at % 8);
                target(&changed);
            }
        }
    }
}

#[test]
#[ignore = "writes the seeds of the corpora; run by `cargo xtask gen`"]
fn write_seeds() {
    let corpora = std::env::var_os("STRONGROOM_WRITE_SEEDS").map(PathBuf::from).expect("no folder to write to");
    for (name, _) in TARGETS {
        let folder = corpora.join(name);
        std::fs::create_dir_all(&folder).unwrap();
        for seed in seeds::of(name) {
            let file = folder.join(&blake3::hash(&seed).to_hex()[..16]);
            std::fs::write(file, seed).unwrap();
        }
    }
}
