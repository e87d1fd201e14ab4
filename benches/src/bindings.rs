//! What the bindings cost: the same job through each language, beside the engine's own interface.

use crate::machine::Machine;
use crate::process::{self, Usage};
use crate::statistics::median;
use crate::table::markdown;
use crate::units::{count, mib};
use anyhow::{Context as _, Result, bail, ensure};
use clap::{Args, ValueHint};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Measures backup, restore and small calls through each binding, against the first command
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Folder that is backed up
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    tree: PathBuf,
    /// A program with the verbs `backup SOURCE REPOSITORY`, `restore REPOSITORY TARGET` and `calls REPOSITORY N`; once for each
    /// language, the one that the others are held against first
    #[arg(long = "command", value_name = "NAME=PROGRAM ARGUMENT...", required = true, value_parser = parse)]
    commands: Vec<Language>,
    /// How often everything runs, languages taking turns; medians count
    #[arg(long, value_name = "NUMBER", default_value_t = 3)]
    runs: u32,
    /// How many small calls are made
    #[arg(long, value_name = "NUMBER", default_value_t = 10_000)]
    calls: u64,
    /// Folder that repositories and restored folders are in while it runs
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath, default_value_os_t = std::env::temp_dir())]
    work: PathBuf,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Language {
    name: String,
    command: Vec<String>,
}

fn parse(text: &str) -> Result<Language, String> {
    let (name, command) = text.split_once('=').ok_or("it has the form NAME=PROGRAM ARGUMENT...")?;
    let command: Vec<String> = command.split_whitespace().map(str::to_owned).collect();
    if name.is_empty() || command.is_empty() {
        return Err("it has the form NAME=PROGRAM ARGUMENT...".to_owned());
    }
    Ok(Language { name: name.to_owned(), command })
}

/// What one language took, a value a run.
#[derive(Debug, Default)]
struct Taken {
    backup: Vec<Usage>,
    restore: Vec<Usage>,
    calls: Vec<f64>,
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments) -> Result<bool> {
    let tree = arguments.tree.canonicalize().with_context(|| format!("no folder {}", arguments.tree.display()))?;
    let machine = Machine::here();
    let mut taken: Vec<Taken> = arguments.commands.iter().map(|_| Taken::default()).collect();
    for round in 0..arguments.runs.max(1) {
        for (language, taken) in arguments.commands.iter().zip(&mut taken) {
            eprintln!("round {}: {}", round + 1, language.name);
            let work = tempfile::Builder::new().prefix("strongroom-bench-").tempdir_in(&arguments.work)?;
            let [repository, target, said] = ["repository", "target", "said"].map(|name| work.path().join(name));
            taken.backup.push(language.measure(&["backup".as_ref(), &tree, &repository], &said)?);
            taken.restore.push(language.measure(&["restore".as_ref(), &repository, &target], &said)?);
            let times = arguments.calls.to_string();
            language.measure(&["calls".as_ref(), &repository, times.as_ref()], &said)?;
            let text = fs::read_to_string(&said)?;
            let seconds = text.split_whitespace().last().and_then(|word| word.parse().ok());
            taken.calls.push(seconds.with_context(|| format!("{} says no seconds: {text}", language.name))?);
        }
    }
    println!("{}.\n\n{}", machine.describe(), table(arguments, &taken)?);
    Ok(true)
}

impl Language {
    fn measure(&self, arguments: &[&Path], said: &Path) -> Result<Usage> {
        let (program, own) = self.command.split_first().context("there is no program")?;
        let mut command = Command::new(program);
        command.args(own).args(arguments).stdin(Stdio::null()).stdout(fs::File::create(said)?);
        let (status, usage) = process::run(&mut command).with_context(|| format!("cannot start {program}"))?;
        ensure!(status.success(), "{} failed with {status} at {arguments:?}", self.name);
        Ok(usage)
    }
}

/// The table: medians of CPU time and peak memory, and what each is of the first language's.
fn table(arguments: &Arguments, taken: &[Taken]) -> Result<String> {
    let cpu = |of: &[Usage]| median(of.iter().map(|one| one.cpu.as_secs_f64()));
    let peak = |of: &[Usage]| median(of.iter().map(|one| mib(one.peak)));
    let mut rows = Vec::new();
    let mut first = None;
    for (language, taken) in arguments.commands.iter().zip(taken) {
        let figures = [
            cpu(&taken.backup),
            cpu(&taken.restore),
            median(taken.calls.iter().copied()),
            peak(&taken.backup),
            peak(&taken.restore),
        ];
        let Some(figures) = figures.into_iter().collect::<Option<Vec<f64>>>() else { bail!("nothing was measured") };
        let base = first.get_or_insert_with(|| figures.clone());
        let mut row = vec![language.name.clone()];
        for (at, (figure, base)) in figures.iter().zip(base.iter()).enumerate() {
            // Times are told as a share of the first language's, memory as what comes on top of it.
            row.push(match at {
                0 | 1 => format!("{figure:.2} ({:+.1} %)", (figure / base - 1.0) * 100.0),
                2 => format!("{figure:.3} (x{:.2})", figure / base),
                _ => format!("{figure:.1} ({:+.1})", figure - base),
            });
        }
        rows.push(row);
    }
    let calls = format!("{} calls, s", count(arguments.calls));
    let head = ["", "backup, CPU s", "restore, CPU s", &calls, "backup, MiB", "restore, MiB"];
    Ok(markdown(&head.map(str::to_owned), &rows))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn commands_are_read() {
        let python = parse("python=python3 bench.py").unwrap();
        assert_eq!((python.name.as_str(), python.command.len()), ("python", 2));
        assert!(parse("python3").is_err() && parse("=x").is_err() && parse("x=").is_err());
    }

    #[test]
    fn languages_are_held_against_the_first() {
        let usage =
            |cpu: u64, peak: u64| Usage { wall: Duration::ZERO, cpu: Duration::from_secs(cpu), peak: peak << 20 };
        let commands = vec![parse("rust=a").unwrap(), parse("python=b").unwrap()];
        let arguments = Arguments { tree: PathBuf::new(), commands, runs: 1, calls: 10_000, work: PathBuf::new() };
        let taken = [
            Taken { backup: vec![usage(100, 50)], restore: vec![usage(10, 40)], calls: vec![0.1] },
            Taken { backup: vec![usage(103, 61)], restore: vec![usage(9, 40)], calls: vec![0.2] },
        ];
        let table = table(&arguments, &taken).unwrap();
        let python = table.lines().last().unwrap();
        for part in
            ["103.00 (+3.0 %)", "9.00 (-10.0 %)", "0.200 (x2.00)", "61.0 (+11.0)", "40.0 (+0.0)", "10,000 calls"]
        {
            assert!(table.contains(part), "{part} in {table}");
        }
        assert!(python.starts_with("| python"));
    }

    #[test]
    fn a_program_that_fails_is_named() {
        let work = tempfile::tempdir().unwrap();
        let error = parse("none=false").unwrap().measure(&[], &work.path().join("said")).unwrap_err();
        assert!(error.to_string().starts_with("none failed"), "{error}");
    }
}
