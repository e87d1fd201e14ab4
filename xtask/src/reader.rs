//! The tests of the independent reader of the format, written in Python against the built command.

use crate::Options;
use crate::process;
use crate::python::Environment;
use crate::report::{Outcome, Tally};
use crate::workspace::Workspace;
use anyhow::{Context, Result, ensure};
use std::fs;

const FOLDER: &str = "examples/format-reader";

pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<Outcome> {
    let folder = workspace.root().join(FOLDER);
    ensure!(folder.join("tests").is_dir(), "{FOLDER}/tests is missing: no second reader is tested");
    let requirements = [folder.join("requirements.txt"), workspace.root().join("xtask/requirements-test.txt")];
    let environment = match Environment::open(workspace, "format-reader", &requirements)? {
        Ok(environment) => environment,
        Err(why) => {
            return Ok(Outcome::missing(format!("{FOLDER}: {}", why.0), options.all));
        }
    };
    let strongroom = workspace.build_strongroom()?;

    let results = workspace.target().join("xtask").join("format-reader.xml");
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
        .current_dir(&folder)
        .env("STRONGROOM_BIN", strongroom)
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
    fn counts_are_read_from_a_junit_report() {
        let report = r#"<?xml version="1.0" encoding="utf-8"?><testsuites name="pytest tests">
            <testsuite name="pytest" errors="1" failures="2" skipped="3" tests="10" time="0.5">
            <testcase classname="tests.test_a" name="test_b" time="0.1" /></testsuite></testsuites>"#;
        assert_eq!(counts(report), Some(Tally { passed: 4, failed: 3, skipped: 3 }));
        assert_eq!(counts(""), None);
        assert_eq!(counts("<testsuite name=\"cut"), None);
    }
}
