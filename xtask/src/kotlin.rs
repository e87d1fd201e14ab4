//! The tests of the Kotlin binding, and its examples, by Maven.

use crate::Options;
use crate::process;
use crate::report::{Outcome, Tally};
use crate::workspace::Workspace;
use anyhow::{Context, Result, ensure};
use std::fs;
use std::path::Path;
use std::process::Command;

/// Builds the jar, runs its tests, then the examples as a stranger would.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<Outcome> {
    if !process::exists(Command::new("mvn").arg("--version")) {
        return Ok(Outcome::missing("mvn is not installed, or has no Java to run on", options.all));
    }
    let mut build = workspace.cargo();
    build.args(["build", "--quiet", "--package", "strongroom-cli"]);
    process::succeed(&mut build)?;
    let command = workspace.target().join("debug").join(format!("strongroom{}", std::env::consts::EXE_SUFFIX));
    let mut test = maven(workspace, "bindings/kotlin");
    test.arg("install").arg(format!("-Dstrongroom.command={}", command.display()));
    let (status, said) = process::capture(&mut test)?;
    let mut outcome = Outcome { tally: counts(&said).unwrap_or_default(), notes: Vec::new() };
    for line in said.lines().filter(|line| line.contains("ERROR") || line.contains("Tests run:")) {
        println!("{line}");
    }
    if !status.success() || outcome.tally.passed == 0 {
        outcome.tally += if outcome.tally.failed == 0 { Tally::FAILED } else { Tally::default() };
        outcome.notes.push(format!("{} failed ({status})", process::line(&test)));
        return Ok(outcome);
    }
    for example in EXAMPLES {
        match example.play(workspace) {
            Ok(()) => outcome.tally += Tally::PASSED,
            Err(error) => {
                outcome.tally += Tally::FAILED;
                outcome.notes.push(format!("{}: {error:#}", example.folder));
            }
        }
    }
    Ok(outcome)
}

fn maven(workspace: &Workspace, folder: &str) -> Command {
    let mut maven = workspace.command("mvn");
    maven.args(["--batch-mode", "--no-transfer-progress", "-Dcargo.profile=dev", "-f", folder]);
    maven
}

/// The last line of counts that the test runner printed.
fn counts(said: &str) -> Option<Tally> {
    let line = said.lines().rev().find(|line| line.contains("Tests run:") && !line.contains("Time elapsed"))?;
    let number = |name: &str| -> Option<u64> {
        let (_, rest) = line.split_once(name)?;
        rest.split(|letter: char| !letter.is_ascii_digit()).find(|text| !text.is_empty())?.parse().ok()
    };
    let failed = number("Failures:")? + number("Errors:")?;
    let skipped = number("Skipped:")?;
    Some(Tally { passed: number("Tests run:")?.checked_sub(failed + skipped)?, failed, skipped })
}

/// A program that backs up a folder and restores it.
struct Example {
    folder: &'static str,
}

const EXAMPLES: &[Example] = &[Example { folder: "examples/kotlin" }, Example { folder: "examples/android" }];

impl Example {
    fn play(&self, workspace: &Workspace) -> Result<()> {
        let work = workspace.target().join("xtask").join(self.folder);
        let _ = fs::remove_dir_all(&work);
        let source = work.join("source");
        fs::create_dir_all(&source).with_context(|| format!("cannot make {}", source.display()))?;
        fs::write(source.join("hello.txt"), "hello\n")?;
        let (repository, target) = (work.join("repository"), work.join("restored"));
        let mut run = maven(workspace, self.folder);
        run.args(["--quiet", "compile", "exec:java"]);
        let paths: [&Path; 3] = [&source, &repository, &target];
        let arguments: Vec<_> = paths.iter().map(|path| format!("'{}'", path.display())).collect();
        process::succeed(run.arg(format!("-Dexec.args={}", arguments.join(" "))))?;
        ensure!(fs::read(target.join("hello.txt"))? == b"hello\n", "it restored something else");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_those_of_the_whole_run() {
        let said = "[INFO] Tests run: 3, Failures: 0, Errors: 0, Skipped: 0, Time elapsed: 1 s -- in A\n\
                    [INFO] Results:\n[ERROR] Tests run: 7, Failures: 1, Errors: 1, Skipped: 2\n[INFO] BUILD FAILURE\n";
        assert_eq!(counts(said), Some(Tally { passed: 3, failed: 2, skipped: 2 }));
        assert_eq!(counts("[INFO] BUILD FAILURE\n"), None);
    }
}
