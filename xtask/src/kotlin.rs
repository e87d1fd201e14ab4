//! The tests of the Kotlin binding, and its examples, by Maven.

use crate::Options;
use crate::bindings;
use crate::process;
use crate::report::{Outcome, Tally};
use crate::workspace::Workspace;
use anyhow::{Context, Result, ensure};
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::Command;

/// Builds the jar, runs its tests, then the examples as a stranger would.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<Outcome> {
    if !process::exists(Command::new("mvn").arg("--version")) {
        return Ok(Outcome::missing("mvn is not installed, or has no Java to run on", options.all));
    }
    let command = bindings::command(workspace)?;
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
    /// How long it may work at a time, if that is for it to know. It then has to need several such windows.
    window: Option<&'static str>,
}

const EXAMPLES: &[Example] = &[
    Example { folder: "examples/kotlin", window: None },
    Example { folder: "examples/android", window: Some("200ms") },
];

/// Files for what has to take several windows, and their length: more than any storage takes in the first.
const MANY: (u64, usize) = (32, 4 << 20);

impl Example {
    fn play(&self, workspace: &Workspace) -> Result<()> {
        let work = workspace.target().join("xtask").join(self.folder);
        let _ = fs::remove_dir_all(&work);
        let source = work.join("source");
        fs::create_dir_all(&source).with_context(|| format!("cannot make {}", source.display()))?;
        fs::write(source.join("hello.txt"), "hello\n")?;
        if self.window.is_some() {
            for number in 0..MANY.0 {
                fs::write(source.join(format!("photo {number}.jpg")), noise(number, MANY.1))?;
            }
        }
        let (repository, target) = (work.join("repository"), work.join("restored"));
        let mut run = maven(workspace, self.folder);
        run.args(["--quiet", "compile", "exec:java"]);
        let paths: [&Path; 3] = [&source, &repository, &target];
        let paths = paths.iter().map(|path| format!("'{}'", path.display()));
        let arguments: Vec<_> = paths.chain(self.window.map(str::to_owned)).collect();
        let (status, said) = process::capture(run.arg(format!("-Dexec.args={}", arguments.join(" "))))?;
        println!("{}", said.trim_end());
        ensure!(status.success(), "{} failed ({status})", process::line(&run));
        if self.window.is_some() {
            let runs = runs(&said).context("it does not say how many runs it took")?;
            ensure!(runs > 1, "it was done within one window, so nothing was suspended");
        }
        let names = |folder: &Path| -> Result<BTreeSet<OsString>> {
            let listed = fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
            listed.map(|entry| Ok(entry?.file_name())).collect()
        };
        let wanted = names(&source)?;
        ensure!(names(&target)? == wanted, "it restored other names");
        for name in wanted {
            let is_same = fs::read(source.join(&name))? == fs::read(target.join(&name))?;
            ensure!(is_same, "it restored something else as {}", name.display());
        }
        let _ = fs::remove_dir_all(&work);
        Ok(())
    }
}

/// Bytes that do not compress, others for every seed.
fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let words = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    });
    words.take(length / 8).flatten().collect()
}

/// How many runs of its worker the example says it took.
fn runs(said: &str) -> Option<u64> {
    let (_, rest) = said.split_once("done after ")?;
    rest.split_once(" runs")?.0.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_those_that_the_example_tells_of() {
        assert_eq!(runs("run 1: suspended\ndone after 17 runs of 200ms: 3fa\nrestored 33 files\n"), Some(17));
        assert_eq!(runs("not done: Failure\n"), None);
    }

    #[test]
    fn noise_differs_by_its_seed() {
        assert_ne!(noise(1, 64), noise(2, 64));
        assert_eq!(noise(0, 4096).len(), 4096);
    }

    #[test]
    fn counts_are_those_of_the_whole_run() {
        let said = "[INFO] Tests run: 3, Failures: 0, Errors: 0, Skipped: 0, Time elapsed: 1 s -- in A\n\
                    [INFO] Results:\n[ERROR] Tests run: 7, Failures: 1, Errors: 1, Skipped: 2\n[INFO] BUILD FAILURE\n";
        assert_eq!(counts(said), Some(Tally { passed: 3, failed: 2, skipped: 2 }));
        assert_eq!(counts("[INFO] BUILD FAILURE\n"), None);
    }
}
