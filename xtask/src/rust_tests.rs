//! The tests that cargo runs: unit, integration and documentation tests; examples are built with them.

use crate::Options;
use crate::process;
use crate::report::{Outcome, Tally};
use crate::workspace::Workspace;
use anyhow::{Context, Result};
use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

/// What is not on by itself, and is tested all the same.
pub(crate) const FEATURES: &str = "strongroom-cli/service";

/// Runs them in the dev profile, which keeps overflow checks and debug assertions and still optimises
/// the dependencies, where cryptography and compression spend their time.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<Outcome> {
    let mut outcome = Outcome::default();
    let mut broken = Vec::new();
    let mut passed = String::new();
    let list = workspace.target().join("xtask").join("skipped-tests");
    if let Some(parent) = list.parent() {
        fs::create_dir_all(parent).with_context(|| format!("cannot make {}", parent.display()))?;
    }
    let _ = fs::remove_file(&list);
    let mut cargo = workspace.cargo();
    cargo
        .args(["test", "--workspace", "--no-fail-fast", "--features", FEATURES])
        .env("STRONGROOM_SKIPPED_TESTS", &list);
    if !process::exists(std::process::Command::new("strace").args(["-o", "/dev/null", "true"])) {
        outcome.tally += if options.all { Tally::FAILED } else { Tally::SKIPPED };
        outcome.notes.push("strace does not work here: what survives a power cut is not tested".to_owned());
    }
    if options.all {
        // Tests that lack a tool then fail, and do not only say so.
        cargo.env("STRONGROOM_TEST_ALL", "1");
    }
    let status = process::watch(&mut cargo, |line| {
        if let Some(tally) = result(line) {
            outcome.tally += tally;
        }
        if let Some(test) = failed_test(line) {
            broken.push(test.to_owned());
        }
        if let Some(test) = passed_test(line) {
            passed.push_str(test.rsplit("::").next().unwrap_or(test));
            passed.push('\n');
        }
        !(options.quiet && passed_test(line).is_some())
    })?;
    fs::write(passed_list(workspace), passed).context("cannot write the list of tests that passed")?;
    if !broken.is_empty() {
        outcome.notes.push(format!("failed: {}", broken.join(", ")));
    }
    let skipped = fs::read_to_string(&list).unwrap_or_default();
    if !status.success() && outcome.tally.failed == 0 {
        outcome.tally += Tally::FAILED;
        outcome.notes.push(format!(
            "{} ended with {status} and no failed test: a build failed, or a test program crashed",
            process::line(&cargo)
        ));
    }
    count_skipped(&skipped, options.all, &mut outcome);
    Ok(outcome)
}

/// Takes tests that found that they cannot run here out of those that passed. Each line of the list names one, and why.
fn count_skipped(list: &str, all: bool, outcome: &mut Outcome) {
    for line in list.lines().collect::<BTreeSet<_>>() {
        outcome.tally.passed = outcome.tally.passed.saturating_sub(1);
        outcome.tally += Outcome::missing("", all).tally;
        outcome.notes.push(format!("{}: {line}", if all { "failed for want of something" } else { "skipped" }));
    }
}

/// The counts in a line such as `test result: ok. 5 passed; 0 failed; 1 ignored; 0 measured; ...`.
pub(crate) fn result(line: &str) -> Option<Tally> {
    let (_, counts) = line.strip_prefix("test result: ")?.split_once(". ")?;
    let mut tally = Tally::default();
    for count in counts.split("; ") {
        match count.split_once(' ')? {
            (number, "passed") => tally.passed = number.parse().ok()?,
            (number, "failed") => tally.failed = number.parse().ok()?,
            (number, "ignored") => tally.skipped = number.parse().ok()?,
            _ => {}
        }
    }
    Some(tally)
}

fn failed_test(line: &str) -> Option<&str> {
    line.strip_prefix("test ")?.strip_suffix(" ... FAILED")
}

fn passed_test(line: &str) -> Option<&str> {
    line.strip_prefix("test ")?.strip_suffix(" ... ok")
}

fn passed_list(workspace: &Workspace) -> PathBuf {
    workspace.target().join("xtask").join("passed-tests")
}

/// The names, without their modules, of the tests that passed when they ran last.
pub(crate) fn passed(workspace: &Workspace) -> Result<BTreeSet<String>> {
    let list = fs::read_to_string(passed_list(workspace)).context("cannot read the list of tests that passed")?;
    Ok(list.lines().map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_read_from_both_verdicts() {
        let ok = "test result: ok. 41 passed; 0 failed; 2 ignored; 0 measured; 3 filtered out; \
                  finished in 0.31s";
        assert_eq!(result(ok), Some(Tally { passed: 41, failed: 0, skipped: 2 }));
        let bad = "test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out";
        assert_eq!(result(bad), Some(Tally { passed: 1, failed: 2, skipped: 0 }));
        assert_eq!(result("running 3 tests"), None);
    }

    #[test]
    fn tests_that_cannot_run_here_do_not_count_as_passed() {
        let passed = || Outcome { tally: Tally { passed: 5, failed: 0, skipped: 1 }, notes: Vec::new() };
        let list = "a_full_disk: no mounts\na_full_disk: no mounts\nread_only: no mounts\n";
        let mut outcome = passed();
        count_skipped(list, false, &mut outcome);
        assert_eq!(outcome.tally, Tally { passed: 3, failed: 0, skipped: 3 });
        assert_eq!(outcome.notes, ["skipped: a_full_disk: no mounts", "skipped: read_only: no mounts"]);
        let mut outcome = passed();
        count_skipped(list, true, &mut outcome);
        assert_eq!(outcome.tally, Tally { passed: 3, failed: 2, skipped: 1 });
    }

    #[test]
    fn tests_are_told_apart_by_their_verdict() {
        assert_eq!(failed_test("test pack::round_trip ... FAILED"), Some("pack::round_trip"));
        assert_eq!(failed_test("test pack::round_trip ... ok"), None);
        assert_eq!(passed_test("test pack::round_trip ... ok"), Some("pack::round_trip"));
        assert_eq!(passed_test("test pack::round_trip ... ignored"), None);
        assert_eq!(passed_test("test pack::round_trip has been running for over 60 seconds"), None);
    }
}
