//! The tests that cargo runs: unit, integration and documentation tests; examples are built with them.

use crate::Options;
use crate::process;
use crate::report::{Outcome, Tally};
use crate::workspace::Workspace;
use anyhow::Result;

/// Runs them in the dev profile, which keeps overflow checks and debug assertions and still optimises
/// the dependencies, where cryptography and compression spend their time.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<Outcome> {
    let mut outcome = Outcome::default();
    let mut broken = Vec::new();
    let mut cargo = workspace.cargo();
    cargo.args(["test", "--workspace", "--no-fail-fast"]);
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
        !(options.quiet && passing_test(line))
    })?;
    if !broken.is_empty() {
        outcome.notes.push(format!("failed: {}", broken.join(", ")));
    }
    if !status.success() && outcome.tally.failed == 0 {
        outcome.tally += Tally::FAILED;
        outcome.notes.push(format!(
            "{} ended with {status} and no failed test: a build failed, or a test program crashed",
            process::line(&cargo)
        ));
    }
    Ok(outcome)
}

/// The counts in a line such as `test result: ok. 5 passed; 0 failed; 1 ignored; 0 measured; ...`.
fn result(line: &str) -> Option<Tally> {
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

fn passing_test(line: &str) -> bool {
    line.starts_with("test ") && line.ends_with(" ... ok")
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
    fn tests_are_told_apart_by_their_verdict() {
        assert_eq!(failed_test("test pack::round_trip ... FAILED"), Some("pack::round_trip"));
        assert_eq!(failed_test("test pack::round_trip ... ok"), None);
        assert!(passing_test("test pack::round_trip ... ok"));
        assert!(!passing_test("test pack::round_trip ... ignored"));
        assert!(!passing_test("test pack::round_trip has been running for over 60 seconds"));
    }
}
