//! The tests of the Python binding: a wheel is built and installed, its types and stubs are checked, and its tests run.

use crate::Options;
use crate::bindings;
use crate::process;
use crate::python::{self, Environment};
use crate::report::{Outcome, Tally};
use crate::workspace::{self, Workspace};
use anyhow::{Context, Result, ensure};
use std::fs;
use std::path::{Path, PathBuf};

const FOLDER: &str = "bindings/python";

/// What is checked without running the tests, as arguments of the environment's Python.
const CHECKS: &[&[&str]] = &[
    &["-m", "ruff", "check", "--no-cache", ".", "../../examples/python", "../../benches/bindings/python"],
    &["-m", "ruff", "format", "--no-cache", "--check", ".", "../../examples/python", "../../benches/bindings/python"],
    &["-m", "mypy", "-p", "strongroom"],
    &["-m", "mypy", "tests", "../../examples/python", "../../benches/bindings/python"],
    &["-m", "mypy.stubtest", "strongroom", "--mypy-config-file", "pyproject.toml", "--allowlist", "stubtest-allow.txt"],
];

pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<Outcome> {
    let folder = workspace.root().join(FOLDER);
    let pytest = workspace.root().join("xtask/requirements-test.txt");
    let requirements = [folder.join("requirements-build.txt"), folder.join("requirements-test.txt"), pytest];
    let environment = match Environment::open(workspace, "python", &requirements)? {
        Ok(environment) => environment,
        Err(why) => return Ok(Outcome::missing(format!("{FOLDER}: {}", why.0), options.all)),
    };
    install(workspace, &environment, "dev")?;
    let strongroom = bindings::command(workspace)?;
    let variables = [("STRONGROOM_BIN", strongroom.as_os_str())];
    let mut outcome = python::pytest(workspace, options, &environment, &folder, "python", &variables)?;
    for check in CHECKS {
        let mut command = environment.program("python");
        command.args(*check).current_dir(&folder).env("MYPY_CACHE_DIR", workspace.target().join("xtask/mypy"));
        println!("{}", process::line(&command));
        if process::status(&mut command)?.success() {
            outcome.tally += Tally::PASSED;
        } else {
            outcome.tally += Tally::FAILED;
            outcome.notes.push(format!("{} found something", process::line(&command)));
        }
    }
    Ok(outcome)
}

/// A Python with the package as it is released, for measuring.
pub(crate) fn released(workspace: &Workspace) -> Result<PathBuf> {
    let requirements = [workspace.root().join(FOLDER).join("requirements-build.txt")];
    let environment = match Environment::open(workspace, "python-release", &requirements)? {
        Ok(environment) => environment,
        Err(why) => anyhow::bail!("{FOLDER}: {}", why.0),
    };
    install(workspace, &environment, "release")?;
    Ok(environment.path("python"))
}

/// Builds the wheel in a cargo profile and installs it into the environment.
pub(crate) fn install(workspace: &Workspace, environment: &Environment, profile: &str) -> Result<()> {
    let wheels = workspace.target().join("wheels").join(profile);
    // The wheel that is installed must be the one that was built now.
    let _ = fs::remove_dir_all(&wheels);
    let mut build = environment.program("maturin");
    build.args(["build", "--quiet", "--profile", profile, "--interpreter"]).arg(environment.path("python"));
    build.arg("--out").arg(&wheels).current_dir(workspace.root().join(FOLDER));
    workspace::forget_cargo(&mut build);
    build.env("CARGO_TARGET_DIR", workspace.target());
    process::succeed(&mut build)?;
    let wheel = only(&wheels)?;
    let name = wheel.file_name().unwrap_or_default().to_string_lossy().into_owned();
    ensure!(name.contains("-abi3-"), "{name} does not serve later versions of Python");
    let mut pip = environment.program("python");
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--force-reinstall"]);
    process::succeed(pip.arg(wheel))
}

fn only(folder: &Path) -> Result<PathBuf> {
    let listed = fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let found = listed.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    match <[PathBuf; 1]>::try_from(found) {
        Ok([one]) => Ok(one),
        Err(found) => anyhow::bail!("{} wheels in {} instead of one", found.len(), folder.display()),
    }
}
