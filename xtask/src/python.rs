//! Virtual environments under the target folder, so that nothing is installed into a person's Python, and pytest in them.

use crate::Options;
use crate::process;
use crate::report::{Outcome, Tally};
use crate::workspace::Workspace;
use anyhow::{Context, Result};
use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Why there is no environment: the machine lacks something, which no change of the project mends.
#[derive(Debug)]
pub(crate) struct Unavailable(pub(crate) String);

/// A virtual environment that holds what its requirement files ask for.
#[derive(Debug)]
pub(crate) struct Environment {
    scripts: PathBuf,
}

impl Environment {
    /// Makes the environment, or takes the one that earlier runs made of the same files.
    pub(crate) fn open(
        workspace: &Workspace,
        name: &str,
        requirements: &[PathBuf],
    ) -> Result<Result<Self, Unavailable>> {
        let folder = workspace.target().join("venv").join(name);
        let scripts = folder.join(if cfg!(windows) { "Scripts" } else { "bin" });
        let environment = Self { scripts };
        let wanted = stamp(requirements)?;
        let stamp = folder.join("requirements.stamp");
        if fs::read_to_string(&stamp).is_ok_and(|made_of| made_of == wanted)
            && process::exists(environment.program("python").arg("--version"))
        {
            return Ok(Ok(environment));
        }

        let Some(python) = python3() else {
            return Ok(Err(Unavailable("python3 is not installed".to_owned())));
        };
        // Whatever stood there was made of something else, or not finished.
        let made = process::status(Command::new(python).args(["-m", "venv", "--clear"]).arg(&folder))?;
        if !made.success() {
            return Ok(Err(Unavailable(format!("python3 -m venv failed ({made})"))));
        }
        let mut pip = environment.program("python");
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
        for file in requirements {
            pip.arg("-r").arg(file);
        }
        let installed = process::status(&mut pip)?;
        if !installed.success() {
            return Ok(Err(Unavailable(format!("pip install failed ({installed})"))));
        }
        fs::write(&stamp, wanted).with_context(|| format!("cannot write {}", stamp.display()))?;
        Ok(Ok(environment))
    }

    /// The environment of this name, if there is one.
    pub(crate) fn existing(workspace: &Workspace, name: &str) -> Option<Self> {
        let scripts = workspace.target().join("venv").join(name).join(if cfg!(windows) { "Scripts" } else { "bin" });
        let environment = Self { scripts };
        environment.path("python").exists().then_some(environment)
    }

    /// A program of the environment.
    pub(crate) fn program(&self, name: &str) -> Command {
        Command::new(self.path(name))
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.scripts.join(format!("{name}{}", std::env::consts::EXE_SUFFIX))
    }
}

fn python3() -> Option<&'static str> {
    ["python3", "python"].into_iter().find(|python| {
        let mut command = Command::new(python);
        process::exists(command.args(["-c", "import sys; sys.exit(sys.version_info < (3, 11))"]))
    })
}

/// What an environment is made of: the requirement files with their contents.
fn stamp(requirements: &[PathBuf]) -> Result<String> {
    let mut stamp = String::new();
    for file in requirements {
        let text = read(file)?;
        writeln!(stamp, "# {}", file.display())?;
        stamp.push_str(&text);
    }
    Ok(stamp)
}

fn read(file: &Path) -> Result<String> {
    fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))
}

/// Runs the folder `tests` in `folder` with pytest, and counts what it says.
pub(crate) fn pytest(
    workspace: &Workspace,
    options: &Options,
    environment: &Environment,
    folder: &Path,
    name: &str,
    variables: &[(&str, &OsStr)],
) -> Result<Outcome> {
    let results = workspace.target().join("xtask").join(format!("{name}.xml"));
    if let Some(parent) = results.parent() {
        fs::create_dir_all(parent).with_context(|| format!("cannot make {}", parent.display()))?;
    }
    // A run that dies early must not be counted by the results of the one before.
    let _ = fs::remove_file(&results);
    let mut pytest = environment.program("python");
    pytest
        .args(["-m", "pytest", "-p", "no:cacheprovider", "tests", "--junitxml"])
        .arg(&results)
        .arg(if options.quiet { "-q" } else { "-v" })
        .current_dir(folder)
        .envs(variables.iter().copied())
        .env("PYTHONDONTWRITEBYTECODE", "1");
    let status = process::status(&mut pytest)?;

    let text = fs::read_to_string(&results).unwrap_or_default();
    let mut outcome = Outcome { tally: counts(&text).unwrap_or_default(), notes: Vec::new() };
    if !status.success() && outcome.tally.failed == 0 {
        outcome.tally += Tally::FAILED;
        outcome.notes.push(format!("pytest ended with {status} and no failed test"));
    }
    if status.success() && outcome.tally.passed == 0 {
        outcome.tally += Tally::FAILED;
        outcome.notes.push("pytest ran no test".to_owned());
    }
    Ok(outcome)
}

/// The counts in a JUnit report, which stand on its `testsuite` elements.
fn counts(report: &str) -> Option<Tally> {
    let mut tally = None;
    for element in report.split("<testsuite ").skip(1) {
        let attributes = element.split_once('>')?.0;
        let count = |name: &str| -> Option<u64> {
            let (_, value) = attributes.split_once(&format!("{name}=\""))?;
            value.split_once('"')?.0.parse().ok()
        };
        let failed = count("failures")? + count("errors")?;
        let skipped = count("skipped")?;
        let passed = count("tests")?.checked_sub(failed + skipped)?;
        *tally.get_or_insert_default() += Tally { passed, failed, skipped };
    }
    tally
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_changes_with_any_of_its_files() {
        let folder = tempfile::tempdir().unwrap();
        let (first, second) = (folder.path().join("a.txt"), folder.path().join("b.txt"));
        fs::write(&first, "one==1\n").unwrap();
        fs::write(&second, "two==2\n").unwrap();
        let files = [first, second.clone()];
        let before = stamp(&files).unwrap();
        assert_eq!(before, stamp(&files).unwrap());
        fs::write(&second, "two==3\n").unwrap();
        assert_ne!(before, stamp(&files).unwrap());
        fs::remove_file(&second).unwrap();
        assert!(stamp(&files).unwrap_err().to_string().contains("b.txt"));
    }

    #[test]
    fn counts_are_read_from_a_junit_report() {
        let report = r#"<?xml version="1.0" encoding="utf-8"?><testsuites name="pytest tests">
            <testsuite name="pytest" errors="1" failures="2" skipped="3" tests="10" time="0.5">
            <testcase classname="tests.test_a" name="test_b" time="0.1" /></testsuite></testsuites>"#;
        assert_eq!(counts(report), Some(Tally { passed: 4, failed: 3, skipped: 3 }));
        assert_eq!(counts(""), None);
        assert_eq!(counts("<testsuite name=\"cut"), None);
    }
}
