//! The binding for Node: built, its formatting looked at, its tests run, among them the scenarios and the packages as they
//! are published.

use crate::Options;
use crate::bindings;
use crate::process;
use crate::report::{Outcome, Tally};
use crate::workspace::Workspace;
use anyhow::{Context, Result};
use std::fs;
use std::path::Path;
use std::process::Command;

const FOLDER: &str = "bindings/node";

pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<Outcome> {
    let folder = workspace.root().join(FOLDER);
    for tool in ["node", "npm"] {
        if !process::exists(Command::new(tool).arg("--version")) {
            return Ok(Outcome::missing(format!("{FOLDER}: {tool} is not installed"), options.all));
        }
    }
    if !process::exists(Command::new("node").args([
        "-e",
        "const [a, b] = process.versions.node.split(`.`); process.exit(a > 20 || (a == 20 && b >= 5) ? 0 : 1)",
    ])) {
        return Ok(Outcome::missing(format!("{FOLDER}: node is older than 20.5"), options.all));
    }
    if let Some(why) = install(&folder)? {
        return Ok(Outcome::missing(why, options.all));
    }
    let in_folder = |program: &str| {
        let mut command = workspace.command(program);
        command.current_dir(&folder).env("CARGO", workspace.cargo().get_program());
        command
    };
    let mut build = in_folder("node");
    build.arg("scripts/build.mjs").args(bindings::arguments(&["strongroom-node"], "dev"));
    process::succeed(&mut build)?;

    let mut outcome = Outcome::default();
    for (what, arguments) in [
        ("the formatting", &["node_modules/prettier/bin/prettier.cjs", "--check", "--log-level", "warn", "."][..]),
        ("the types of the tests", &["node_modules/typescript/bin/tsc", "-p", "tests"]),
    ] {
        if process::status(in_folder("node").args(arguments))?.success() {
            outcome.tally += Tally::PASSED;
        } else {
            outcome.tally += Tally::FAILED;
            outcome.notes.push(format!("{FOLDER}: {what}: failed"));
        }
    }

    let strongroom = bindings::command(workspace)?;
    let mut tests = in_folder("node");
    tests.args(["--test", "--test-reporter=tap", "build/tests/"]).env("STRONGROOM_BIN", strongroom);
    let mut counts = Tally::default();
    let status = process::watch(&mut tests, |line| {
        count(line, &mut counts);
        if let Some(test) = line.trim_start().strip_prefix("not ok ") {
            outcome.notes.push(format!("failed: {test}"));
        }
        !options.quiet || line.trim_start().starts_with("not ok ")
    })?;
    if !status.success() && counts.failed == 0 || counts.passed == 0 {
        counts += Tally::FAILED;
        outcome.notes.push(format!("node --test ended with {status}, {} passed and none failed", counts.passed));
    }
    if options.all && counts.skipped > 0 {
        counts = Tally { failed: counts.failed + counts.skipped, skipped: 0, ..counts };
        outcome.notes.push("tests were skipped".to_owned());
    }
    outcome.tally += counts;
    Ok(outcome)
}

/// Installs what the lock file says, unless that is there. Says why it cannot.
fn install(folder: &Path) -> Result<Option<String>> {
    let lock = folder.join("package-lock.json");
    let wanted = fs::read_to_string(&lock).with_context(|| format!("cannot read {}", lock.display()))?;
    let stamp = folder.join("node_modules/.strongroom-lock");
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(None);
    }
    // `npm ci` refuses lock files that leave platforms' optional packages out, as npm itself writes them.
    let mut npm = Command::new("npm");
    npm.args(["install", "--no-audit", "--no-fund", "--no-save", "--loglevel=error"]).current_dir(folder);
    let status = process::status(&mut npm)?;
    if !status.success() {
        return Ok(Some(format!("{FOLDER}: npm install failed ({status})")));
    }
    fs::write(&stamp, wanted).with_context(|| format!("cannot write {}", stamp.display()))?;
    Ok(None)
}

/// Takes the counts at the end of a TAP report, such as `# pass 35`.
fn count(line: &str, counts: &mut Tally) {
    let Some((name, number)) = line.strip_prefix("# ").and_then(|rest| rest.split_once(' ')) else { return };
    let Ok(number) = number.parse::<u64>() else { return };
    match name {
        "pass" => counts.passed += number,
        "fail" | "cancelled" => counts.failed += number,
        "skipped" | "todo" => counts.skipped += number,
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_read_from_the_end_of_a_report() {
        let mut counts = Tally::default();
        for line in
            ["ok 1 - a", "# Subtest: pass 7", "# tests 9", "# pass 5", "# fail 1", "# cancelled 1", "# skipped 2"]
        {
            count(line, &mut counts);
        }
        assert_eq!(counts, Tally { passed: 5, failed: 2, skipped: 2 });
    }
}
