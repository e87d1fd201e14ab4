//! `cargo xtask lint`: what is checked without running the code.

use crate::Options;
use crate::process;
use crate::python::Environment;
use crate::report::{Outcome, Report};
use crate::rust_tests::FEATURES;
use crate::workspace::Workspace;
use anyhow::Result;
use std::path::PathBuf;
use std::process::Command;

/// The checks, in the order they run.
pub(crate) const CHECKS: &[&str] = &["fmt", "clippy", "doc", "bans", "licenses", "sources", "advisories"];

/// What cargo-deny says when the network, not the code, is at fault.
const UNREACHABLE: &str = "failed to fetch advisory database";

/// Runs the checks that were asked for.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Report {
    let mut report = Report::default();
    for &check in CHECKS {
        if options.wants(check) {
            report.step(check, || one(workspace, options, check));
        }
    }
    report
}

fn one(workspace: &Workspace, options: &Options, check: &str) -> Result<Outcome> {
    let mut cargo = workspace.cargo();
    match check {
        "fmt" => cargo.args(["fmt", "--all", "--check"]),
        "clippy" => {
            cargo.args(["clippy", "--workspace", "--all-targets", "--features", FEATURES, "--", "-D", "warnings"])
        }
        "doc" => cargo
            .args(["doc", "--no-deps", "--workspace"])
            .env("RUSTDOCFLAGS", format!("{} -Dwarnings", flags("RUSTDOCFLAGS"))),
        _ => return deny(workspace, options, check),
    };
    let status = process::status(&mut cargo)?;
    Ok(if status.success() {
        Outcome::passed()
    } else {
        Outcome::failed(format!("{} ended with {status}", process::line(&cargo)))
    })
}

fn flags(name: &str) -> String {
    std::env::var(name).unwrap_or_default()
}

/// One check of cargo-deny, whose rules stand in deny.toml.
fn deny(workspace: &Workspace, options: &Options, check: &str) -> Result<Outcome> {
    let program = match cargo_deny(workspace)? {
        Ok(program) => program,
        Err(why) => return Ok(Outcome::missing(why, options.all)),
    };
    let mut deny = workspace.command(program);
    deny.args(["--log-level", "error", "check", "--hide-inclusion-graph", check]);
    let (status, said) = process::capture(&mut deny)?;
    if !status.success() && said.contains(UNREACHABLE) {
        return Ok(Outcome::skipped("the advisory database cannot be reached"));
    }
    print!("{said}");
    Ok(if status.success() {
        Outcome::passed()
    } else {
        Outcome::failed(format!("{} ended with {status}", process::line(&deny)))
    })
}

/// The pinned cargo-deny, or else the one this machine has.
fn cargo_deny(workspace: &Workspace) -> Result<Result<PathBuf, String>> {
    let requirements = [workspace.root().join("xtask/requirements-lint.txt")];
    let why = match Environment::open(workspace, "tools", &requirements)? {
        Ok(environment) => return Ok(Ok(environment.path("cargo-deny"))),
        Err(why) => why.0,
    };
    if process::exists(Command::new("cargo-deny").arg("--version")) {
        return Ok(Ok(PathBuf::from("cargo-deny")));
    }
    Ok(Err(format!("cargo-deny is not installed, and its package cannot be: {why}")))
}
