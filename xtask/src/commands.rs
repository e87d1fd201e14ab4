//! Commands that hand over to another program of the workspace.

use crate::process;
use crate::workspace::Workspace;
use anyhow::{Context, Result, bail, ensure};
use std::process::ExitCode;

/// Makers of checked-in files: package, the ignored test that writes them, the variable that tells it where, the folder.
/// They are tests because what they write takes more than the public interface, and must be the same every time.
const GENERATORS: &[(&str, &str, &str, &str)] = &[
    ("strongroom", "vectors::make", "STRONGROOM_WRITE_VECTORS", "docs/vectors"),
    ("strongroom", "vectors::make_account", "STRONGROOM_WRITE_VECTORS", "docs/vectors"),
    // From the vectors, so after them. What fuzzing found worth keeping stays.
    ("strongroom", "fuzz_support::tests::write_seeds", "STRONGROOM_WRITE_SEEDS", "fuzz/corpus"),
    // The pages and enumerations that every binding shares.
    ("strongroom-bindings", "generate::write", "STRONGROOM_WRITE_BINDINGS", "docs/bindings.md"),
    // Of the enumerations above, among other things, so after them.
    ("strongroom-ffi", "header::write", "STRONGROOM_WRITE_HEADER", "ffi/include/strongroom.h"),
];

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

/// Builds the account service, and runs the benchmark that puts load on it.
pub(crate) fn bench_service(workspace: &Workspace, arguments: &[String]) -> Result<ExitCode> {
    let mut build = workspace.cargo();
    process::succeed(build.args(["build", "--release", "--package", "strongroom-server"]))?;
    let server = workspace.target().join("release/strongroom-server").display().to_string();
    let mut all = vec!["service".to_owned(), "--server".to_owned(), server];
    all.extend_from_slice(arguments);
    bench(workspace, &all)
}

/// Builds the `strongroom` command with the account service in it, and runs its quickstart.
pub(crate) fn quickstart(workspace: &Workspace, arguments: &[String]) -> Result<ExitCode> {
    let program = workspace.build_strongroom(&["--features", "service"])?;
    // Paths among the arguments mean what they mean where the person stands.
    let mut run = std::process::Command::new(program);
    run.arg("quickstart").args(arguments);
    // Without a folder of the person's own, this project's is one that is there.
    if arguments.is_empty() {
        run.arg(workspace.root());
    }
    process::become_it(&mut run)
}

/// Runs the tests that look for rare things, for longer than there is time for every day.
pub(crate) fn soak(workspace: &Workspace, arguments: &[String]) -> Result<ExitCode> {
    let seconds: u64 = match arguments {
        [] => 600,
        [seconds] => seconds.parse().with_context(|| format!("`{seconds}` is no number of seconds"))?,
        _ => bail!("soak takes one argument, a number of seconds"),
    };
    for (package, test, variable, value) in [
        ("strongroom-cli", "processes", "STRONGROOM_SOAK_SECONDS", seconds),
        ("strongroom", "model", "STRONGROOM_MODEL_RUNS", 1500),
        ("strongroom", "crash", "STRONGROOM_STORMS", 100),
    ] {
        let mut run = workspace.cargo();
        run.args(["test", "--package", package, "--test", test, "--", "--nocapture"])
            .env(variable, value.to_string())
            .env("STRONGROOM_MODEL_SEED", "random");
        if !run.status()?.success() {
            return Ok(ExitCode::FAILURE);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Writes the checked-in files that are generated.
pub(crate) fn generate(workspace: &Workspace) -> Result<ExitCode> {
    for (package, test, variable, folder) in GENERATORS {
        let mut run = workspace.cargo();
        run.args(["test", "--package", package, "--lib", "--", "--ignored", "--exact", test])
            .env(variable, workspace.root().join(folder));
        let (status, said) = process::capture(&mut run)?;
        ensure!(
            status.success() && said.contains("test result: ok. 1 passed"),
            "{folder} is not written: {} did not pass its one test\n{said}",
            process::line(&run)
        );
        println!("{folder} is written");
    }
    Ok(ExitCode::SUCCESS)
}
