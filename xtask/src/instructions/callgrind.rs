//! What callgrind writes: the instructions of every function, put together by what they do.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};

/// Instructions by part of the program.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Counts {
    pub(super) parts: BTreeMap<String, u64>,
}

impl Counts {
    /// Reads a profile (Valgrind manual, "Callgrind Format Specification"): a line `fn=(number) name` begins the costs of
    /// a function, and names are given once. The line after `calls=` counts what a called function took, which stands
    /// there again as its own.
    pub(super) fn parse(profile: &str) -> Result<Self> {
        let mut names: HashMap<&str, &str> = HashMap::new();
        let mut objects: HashMap<&str, &str> = HashMap::new();
        let mut counts = Counts::default();
        let (mut function, mut object, mut of_call) = ("", "", false);
        let mut summary = None;
        for line in profile.lines() {
            if let Some(named) = line.strip_prefix("fn=") {
                function = name(named, &mut names);
            } else if let Some(named) = line.strip_prefix("cfn=") {
                name(named, &mut names);
            } else if let Some(named) = line.strip_prefix("ob=") {
                object = name(named, &mut objects);
            } else if let Some(named) = line.strip_prefix("cob=") {
                name(named, &mut objects);
            } else if line.starts_with("calls=") {
                of_call = true;
            } else if let Some(total) = line.strip_prefix("summary: ").or_else(|| line.strip_prefix("totals: ")) {
                summary = Some(total.trim().parse::<u64>().context("the sum is no number")?);
            } else if line.starts_with(|first: char| first.is_ascii_digit() || "+-*".contains(first))
                && !std::mem::take(&mut of_call)
            {
                let cost = line.split(' ').nth(1).unwrap_or("0");
                let cost: u64 = cost.parse().with_context(|| format!("no cost in `{line}`"))?;
                *counts.parts.entry(part(function, object)).or_default() += cost;
            }
        }
        ensure!(summary == Some(counts.total()), "the costs read sum up to {}, not {summary:?}", counts.total());
        Ok(counts)
    }

    pub(super) fn total(&self) -> u64 {
        self.parts.values().sum()
    }

    /// The largest parts with their shares.
    pub(super) fn largest(&self, most: usize) -> String {
        let mut parts: Vec<_> = self.parts.iter().collect();
        parts.sort_by_key(|(name, count)| (std::cmp::Reverse(**count), *name));
        let share = |count: u64| 100.0 * count as f64 / self.total().max(1) as f64;
        let parts = parts.iter().take(most).map(|(name, count)| format!("{name} {:.0} %", share(**count)));
        parts.collect::<Vec<_>>().join(", ")
    }

    /// What differs most from here to there.
    pub(super) fn differences(&self, other: &Counts, most: usize) -> String {
        let names = self.parts.keys().chain(other.parts.keys()).collect::<std::collections::BTreeSet<_>>();
        let of = |counts: &Counts, name: &String| counts.parts.get(name).copied().unwrap_or_default();
        let mut parts: Vec<(i128, &String)> =
            names.into_iter().map(|name| (i128::from(of(other, name)) - i128::from(of(self, name)), name)).collect();
        parts.sort_by_key(|(difference, name)| (std::cmp::Reverse(difference.abs()), *name));
        let parts = parts.iter().take(most).filter(|(difference, _)| *difference != 0);
        parts
            .map(|(difference, name)| format!("{name} {:+.1} million", *difference as f64 / 1e6))
            .collect::<Vec<_>>()
            .join(", ")
    }

    pub(super) fn json(&self) -> Value {
        json!({ "instructions": self.total(), "parts": self.parts })
    }

    pub(super) fn from_json(json: &Value) -> Option<Self> {
        let parts = json["parts"].as_object()?.iter();
        let parts = parts.map(|(name, count)| Some((name.clone(), count.as_u64()?))).collect::<Option<_>>()?;
        let counts = Counts { parts };
        (json["instructions"].as_u64() == Some(counts.total())).then_some(counts)
    }
}

/// The name behind `(number)`, or the one that number was given before.
fn name<'a>(text: &'a str, known: &mut HashMap<&'a str, &'a str>) -> &'a str {
    match text.split_once(' ') {
        Some((number, name)) => {
            known.insert(number, name);
            name
        }
        None => known.get(text).copied().unwrap_or(text),
    }
}

/// Crates with a part of their own, by what stands in the names of their functions.
const CRATES: &[(&str, &str)] = &[
    ("blake3", "blake3"),
    ("chacha20", "cipher"),
    ("poly1305", "cipher"),
    ("fastcdc", "chunker"),
    ("ml_kem", "keys"),
    ("curve25519", "keys"),
    ("sha3", "keys"),
    ("keccak", "keys"),
    ("sha2", "keys"),
    ("argon2", "keys"),
    ("ciborium", "CBOR"),
    ("clap", "command line"),
];

/// What a function belongs to.
fn part(function: &str, object: &str) -> String {
    if !object.ends_with("/strongroom") {
        let file = object.rsplit('/').next().unwrap_or(object);
        return file.split('.').next().unwrap_or(file).to_owned();
    }
    if ["ZSTD", "HUF_", "FSE_", "HIST_", "XXH"].iter().any(|prefix| function.starts_with(prefix)) {
        return "zstd".to_owned();
    }
    if let Some((_, name)) = CRATES.iter().find(|(text, _)| function.contains(text)) {
        return (*name).to_owned();
    }
    // The layer of the engine: `strongroom::store::index::...`, also where a trait is implemented for a type of it.
    if let Some((_, rest)) = function.split_once("strongroom::") {
        let module: String = rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
        return format!("strongroom {module}");
    }
    "others".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROFILE: &str = "\
# callgrind format
version: 1
positions: line
events: Ir
fl=(1) /src/lib.rs
ob=(1) /x/target/release/strongroom
fn=(1) strongroom::store::write::BlobWriter::add
10 100
+2 5
cfn=(2) ZSTD_compressBlock_fast
calls=3 40
12 900
* 7
fn=(2)
40 900
ob=(2) /usr/lib/libc.so.6
fn=(3) memcpy
1 88
totals: 1100
";

    #[test]
    fn instructions_are_put_together_by_part() {
        let counts = Counts::parse(PROFILE).unwrap();
        let parts: Vec<_> = counts.parts.iter().map(|(name, count)| (name.as_str(), *count)).collect();
        assert_eq!(parts, [("libc", 88), ("strongroom store", 112), ("zstd", 900)]);
        assert_eq!(counts.largest(2), "zstd 82 %, strongroom store 10 %");
        assert_eq!(Counts::from_json(&counts.json()), Some(counts));
    }

    #[test]
    fn a_profile_that_is_cut_off_is_no_count() {
        assert!(Counts::parse(&PROFILE.replace("40 900\n", "")).is_err());
        assert!(Counts::parse("").is_err());
    }

    #[test]
    fn functions_belong_to_parts() {
        let part = |function| part(function, "/x/strongroom");
        assert_eq!(part("<strongroom::tree::build::TreeBuilder as core::ops::Drop>::drop"), "strongroom tree");
        assert_eq!(part("blake3::platform::Platform::hash_many"), "blake3");
        assert_eq!(part("core::slice::sort"), "others");
    }
}
