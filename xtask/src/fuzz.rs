//! `cargo xtask fuzz`: every fuzz target for a while, with the executions counted.

use crate::process;
use crate::python::{Environment, Unavailable};
use crate::workspace::Workspace;
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::time::Instant;

/// How long each target runs unless another time is asked for.
const SECONDS: u64 = 60;

/// Seconds after which one execution counts as hanging. Much, as whoever runs this may have the machine do other things
/// meanwhile, or stop it.
const HANGING: u64 = 300;

/// Most mebibytes that may be allocated at once. Every length from outside is checked before.
const LARGEST: u64 = 256;

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
    let fuzz = |arguments: &[&str]| {
        let mut command: Command = workspace.command(environment.path("cargo-fuzz"));
        // The sanitizer's flags are those of a nightly compiler; this one knows them, too.
        // Which assertions are in is said in fuzz/Cargo.toml.
        command.env("RUSTC_BOOTSTRAP", "1").arg("fuzz").args(arguments).arg("--release");
        command.arg("--target-dir").arg(workspace.target().join("fuzz"));
        command
    };
    // Built before, so that what does not build is no finding.
    let mut build = fuzz(&["build"]);
    if !build.status().context("cannot start cargo-fuzz")?.success() {
        bail!("the fuzz targets do not build");
    }
    println!("{:<14} {:>12} {:>8} {:>9}", "target", "executions", "seconds", "coverage");
    let (mut executions, mut found) = (0, Vec::new());
    for target in &wanted {
        // What is found on the way stays out of the corpora that are checked in, which are only read.
        let corpus = folder(workspace, "fuzz-corpus", target)?;
        let artifacts = folder(workspace, "fuzz-artifacts", target)?;
        let mut command = fuzz(&["run", target]);
        command.arg(corpus).arg(workspace.root().join("fuzz/corpus").join(target)).arg("--");
        command.arg(format!("-max_total_time={seconds}")).arg(format!("-timeout={HANGING}"));
        command.arg(format!("-malloc_limit_mb={LARGEST}")).arg("-print_final_stats=1");
        command.arg(format!("-artifact_prefix={}/", artifacts.display()));
        let begin = Instant::now();
        let (status, said) = process::capture(&mut command)?;
        let took = begin.elapsed().as_secs();
        let count = said.lines().filter_map(executed).next_back().unwrap_or_default();
        let covered = said.lines().filter_map(coverage).next_back().unwrap_or_default();
        executions += count;
        if status.success() && count > 0 {
            println!("{target:<14} {count:>12} {took:>8} {covered:>9}");
        } else {
            println!("{said}\n{target:<14} {count:>12} {took:>8} {covered:>9}  FAILED: {status}");
            found.push(target.as_str());
        }
    }
    println!("{executions} executions in {} targets, {} of them failed", wanted.len(), found.len());
    if found.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    println!("failed: {}; what did it is in target/fuzz-artifacts", found.join(", "));
    Ok(ExitCode::FAILURE)
}

/// A folder of a target's own.
fn folder(workspace: &Workspace, kind: &str, target: &str) -> Result<PathBuf> {
    let folder = workspace.target().join(kind).join(target);
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    Ok(folder)
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

/// Edges that were reached, in `#4096 pulse  cov: 317 ft: 905 corp: 61/2340b ...`.
fn coverage(line: &str) -> Option<u64> {
    let (_, behind) = line.strip_prefix('#')?.split_once(" cov: ")?;
    behind.split_whitespace().next()?.parse().ok()
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
    fn coverage_is_read_from_what_is_told_on_the_way() {
        let line = "#4096\tpulse  cov: 317 ft: 905 corp: 61/2340b lim: 43 exec/s: 2048 rss: 41Mb";
        assert_eq!(coverage(line), Some(317));
        assert_eq!(coverage("INFO: seed corpus: files: 61 cov: 1"), None);
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
