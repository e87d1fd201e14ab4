//! `cargo xtask fuzz`: every fuzz target for a while, with the executions counted.

use crate::process;
use crate::python::{Environment, Unavailable};
use crate::workspace::Workspace;
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

/// How long each target runs unless another time is asked for.
const SECONDS: u64 = 60;

/// Runs the named targets, or all of them, for so many seconds each.
pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> Result<ExitCode> {
    let (seconds, named) = match arguments.split_first() {
        Some((first, rest)) if first.parse::<u64>().is_ok() => (first.parse()?, rest),
        _ => (SECONDS, arguments),
    };
    let all = targets(workspace)?;
    if let Some(unknown) = named.iter().find(|name| !all.contains(name)) {
        bail!("there is no fuzz target `{unknown}`; there are: {}", all.join(", "));
    }
    let wanted = if named.is_empty() { all } else { named.to_vec() };
    let environment =
        match Environment::open(workspace, "fuzz", &[workspace.root().join("xtask/requirements-fuzz.txt")])? {
            Ok(environment) => environment,
            Err(Unavailable(why)) => bail!("cargo-fuzz cannot be installed: {why}"),
        };
    let program = environment.path("cargo-fuzz");
    let (mut executions, mut found) = (0, Vec::new());
    for target in &wanted {
        let corpus = workspace.target().join("fuzz-corpus").join(target);
        fs::create_dir_all(&corpus).with_context(|| format!("cannot make {}", corpus.display()))?;
        let mut command: Command = workspace.command(&program);
        // The sanitizer's flags are those of a nightly compiler; this one knows them, too.
        command.env("RUSTC_BOOTSTRAP", "1").args(["fuzz", "run", target]);
        // What is found on the way stays out of the corpora that are checked in, which are only read.
        command.arg(corpus).arg(workspace.root().join("fuzz/corpus").join(target)).arg("--");
        command.args([format!("-max_total_time={seconds}"), "-print_final_stats=1".into(), "-timeout=20".into()]);
        let (status, said) = process::capture(&mut command)?;
        let count = said.lines().filter_map(executed).next_back();
        match count.filter(|_| status.success()) {
            Some(count) => {
                executions += count;
                println!("{target:<14} {count:>12} executions, nothing found");
            }
            None => {
                println!("{said}\n{target:<14} FAILED ({status})");
                found.push(target.as_str());
            }
        }
    }
    println!("{executions} executions in {} targets", wanted.len());
    if found.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    println!("failed: {}", found.join(", "));
    Ok(ExitCode::FAILURE)
}

/// The targets, by their files.
fn targets(workspace: &Workspace) -> Result<Vec<String>> {
    let folder = workspace.root().join("fuzz/fuzz_targets");
    let mut targets = Vec::new();
    for file in fs::read_dir(&folder).with_context(|| format!("cannot list {}", folder.display()))? {
        let path: PathBuf = file?.path();
        targets.extend(path.file_stem().and_then(|stem| stem.to_str()).map(str::to_owned));
    }
    targets.sort();
    Ok(targets)
}

/// The count in `stat::number_of_executed_units: 12345`.
fn executed(line: &str) -> Option<u64> {
    line.strip_prefix("stat::number_of_executed_units:")?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn executions_are_read_from_the_final_statistics() {
        assert_eq!(executed("stat::number_of_executed_units: 2097152"), Some(2_097_152));
        assert_eq!(executed("stat::average_exec_per_sec:     34952"), None);
    }

    #[test]
    fn every_target_has_a_corpus_and_every_corpus_a_target() {
        let workspace = Workspace::find().unwrap();
        let corpora = fs::read_dir(workspace.root().join("fuzz/corpus")).unwrap();
        let mut corpora: Vec<String> =
            corpora.map(|folder| folder.unwrap().file_name().into_string().unwrap()).collect();
        corpora.sort();
        assert_eq!(targets(&workspace).unwrap(), corpora);
    }
}
