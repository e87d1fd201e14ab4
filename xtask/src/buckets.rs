//! The account service's test with a real S3-compatible store: SeaweedFS, as Python's package index carries it.

use crate::Options;
use crate::process;
use crate::python::Environment;
use crate::report::{Outcome, Tally};
use crate::rust_tests;
use crate::workspace::Workspace;
use anyhow::Result;

pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<Outcome> {
    let requirements = [workspace.root().join("xtask/requirements-buckets.txt")];
    let environment = match Environment::open(workspace, "buckets", &requirements)? {
        Ok(environment) => environment,
        Err(why) => return Ok(Outcome::missing(format!("no SeaweedFS: {}", why.0), options.all)),
    };
    let mut cargo = workspace.cargo();
    cargo
        // Of the whole workspace, although one package has it: built as the Rust tests are, there is nothing left to build.
        .args([
            "test",
            "--workspace",
            "--features",
            rust_tests::FEATURES,
            "--test",
            "vault",
            "bucket::",
            "--",
            "--ignored",
        ])
        .env("STRONGROOM_TEST_WEED", environment.path("weed"));
    let mut outcome = Outcome::default();
    let status = process::watch(&mut cargo, |line| {
        if let Some(tally) = rust_tests::result(line) {
            outcome.tally += tally;
        }
        true
    })?;
    if outcome.tally.failed == 0 && (!status.success() || outcome.tally.passed == 0) {
        outcome.tally += Tally::FAILED;
        outcome.notes.push(format!("{} ended with {status}, and no test passed", process::line(&cargo)));
    }
    Ok(outcome)
}
