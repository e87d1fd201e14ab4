//! Commands that hand over to another program of the workspace.

use crate::process;
use crate::workspace::Workspace;
use anyhow::{Context, Result, ensure};
use std::process::ExitCode;

/// Generators of checked-in files: package, example program, the folder it writes.
const GENERATORS: &[(&str, &str, &str)] = &[("strongroom", "make-vectors", "docs/vectors")];

/// Runs the benchmarks.
pub(crate) fn bench(workspace: &Workspace, arguments: &[String]) -> Result<ExitCode> {
    ensure!(
        workspace.root().join("benches/Cargo.toml").is_file(),
        "the benchmarks are the crate `strongroom-bench` in benches/, and there is none here"
    );
    let mut run = workspace.cargo();
    run.args(["run", "--release", "--package", "strongroom-bench", "--"]).args(arguments);
    process::become_it(&mut run)
}

/// Builds the `strongroom` command and runs its quickstart.
pub(crate) fn quickstart(workspace: &Workspace, arguments: &[String]) -> Result<ExitCode> {
    let program = workspace.build_strongroom()?;
    // Paths among the arguments mean what they mean where the person stands.
    let mut run = std::process::Command::new(program);
    run.arg("quickstart").args(arguments);
    // Without a folder of the person's own, this project's is one that is there.
    if arguments.is_empty() {
        run.arg(workspace.root());
    }
    process::become_it(&mut run)
}

/// Writes the checked-in files that are generated.
pub(crate) fn generate(workspace: &Workspace) -> Result<ExitCode> {
    for (package, example, folder) in GENERATORS {
        let mut run = workspace.cargo();
        run.args(["run", "--release", "--package", package, "--example", example, "--", folder]);
        process::succeed(&mut run)
            .with_context(|| format!("{folder} is not written: the example `{example}` of `{package}` did not run"))?;
        println!("{folder} is written");
    }
    Ok(ExitCode::SUCCESS)
}
