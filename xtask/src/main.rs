//! `cargo xtask`: the one door to every check of the workspace, for people and for CI alike.

mod archive;
mod bindings;
mod buckets;
mod c;
mod claims;
mod commands;
mod dist;
mod exchange;
mod fuzz;
mod guides;
mod instructions;
mod kotlin;
mod layers;
mod links;
mod lint;
mod node;
mod overhead;
mod process;
mod python;
mod python_binding;
mod reader;
mod report;
mod rust_tests;
mod swift;
mod tests;
mod uniffi;
mod workspace;

use anyhow::{Result, bail};
use report::Report;
use std::process::ExitCode;
use workspace::Workspace;

const HELP: &str = "\
The one door to every check of the workspace.

cargo xtask test [--all] [--quiet] [STEP...]
    Runs every test there is, or only the named steps: layers, links, rust, claims, c, python, node, kotlin,
    swift, exchange (what those before it built reads what the others wrote), reader, buckets, instructions.
    A tool that this machine lacks skips the tests that need it, by name; with --all its absence is a failure. --quiet
    leaves the lines of passing tests out.
cargo xtask lint [--all] [CHECK...]
    Formatting, clippy, documentation, dependencies: fmt, clippy, doc, bans, licenses, sources,
    advisories.
cargo xtask layers
    The import layers of core alone.
cargo xtask bench [ARGUMENT...]
    The benchmarks, in the release profile; arguments go to the benchmark program.
cargo xtask bench instructions [--update]
    Counts the instructions of a small job that is always the same; --update keeps what is counted in
    benches/instructions.json, which `cargo xtask test` holds every build against.
cargo xtask bench service [ARGUMENT...]
    Builds the account service and puts load on it: sign-ins, devices that back up at once, and large backups.
cargo xtask bench bindings --tree DIR [--command 'NAME=PROGRAM ARGUMENT...'] [ARGUMENT...]
    Builds the programs of all languages in benches/bindings and measures backup, restore and small calls through
    each, and through other programs that are named, against Rust's.
cargo xtask quickstart [ARGUMENT...]
    Builds the `strongroom` command and runs its quickstart, on this project's folder if none is named.
cargo xtask soak [SECONDS]
    Processes that write and prune one repository and are killed at random, for ten minutes if no
    other time is given, and then the model of pruning with ten times as many interleavings.
cargo xtask fuzz [SECONDS] [TARGET...]
    The fuzz targets, or only the named ones, for a minute each or for so many seconds, with the
    executions counted. What they begin with and found before is replayed by `cargo xtask test`.
cargo xtask dist
    The C libraries, headers and files for build systems, laid out as they are installed, in target/dist.
cargo xtask uniffi LANGUAGE [PROFILE]
    The library and the generated sources under the bindings for kotlin, where their builds look for them; what
    runs it is those builds.
cargo xtask gen
    Writes the checked-in files that are generated.
";

fn main() -> ExitCode {
    match run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<ExitCode> {
    let mut arguments = std::env::args().skip(1);
    let Some(command) = arguments.next() else {
        print!("{HELP}");
        return Ok(ExitCode::FAILURE);
    };
    let arguments: Vec<String> = arguments.collect();
    if matches!(command.as_str(), "help" | "--help" | "-h") {
        print!("{HELP}");
        return Ok(ExitCode::SUCCESS);
    }
    let workspace = Workspace::find()?;
    match command.as_str() {
        "test" => finish(tests::run(&workspace, &Options::parse(arguments, tests::STEPS)?)),
        "lint" => finish(lint::run(&workspace, &Options::parse(arguments, lint::CHECKS)?)),
        "layers" => {
            let mut options = Options::parse(arguments, &[])?;
            options.only.push("layers".to_owned());
            finish(tests::run(&workspace, &options))
        }
        "bench" => match arguments.split_first() {
            Some((name, rest)) if name == "instructions" => instructions::bench(&workspace, rest),
            Some((name, rest)) if name == "service" => commands::bench_service(&workspace, rest),
            Some((name, rest)) if name == "bindings" => overhead::run(&workspace, rest),
            _ => commands::bench(&workspace, &arguments),
        },
        "quickstart" => commands::quickstart(&workspace, &arguments),
        "soak" => commands::soak(&workspace, &arguments),
        "fuzz" => fuzz::run(&workspace, &arguments),
        "dist" => dist::run(&workspace),
        "uniffi" => uniffi::run(&workspace, &arguments),
        "gen" => commands::generate(&workspace),
        other => bail!("there is no command `{other}`; `cargo xtask help` lists them"),
    }
}

fn finish(report: Report) -> Result<ExitCode> {
    report.print();
    Ok(if report.failed() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// What `test` and `lint` are asked to do.
#[derive(Debug, Default)]
pub(crate) struct Options {
    /// A missing tool is a failure instead of a named skip.
    pub(crate) all: bool,
    /// The lines of passing tests are left out.
    pub(crate) quiet: bool,
    only: Vec<String>,
}

impl Options {
    fn parse(arguments: Vec<String>, known: &[&str]) -> Result<Self> {
        let mut options = Self::default();
        for argument in arguments {
            match argument.as_str() {
                "--all" => options.all = true,
                "--quiet" | "-q" => options.quiet = true,
                name if known.contains(&name) => options.only.push(argument),
                other => bail!("`{other}` is unknown here; `cargo xtask help` says what is"),
            }
        }
        Ok(options)
    }

    /// Whether the step of this name was asked for, by name or by naming none.
    pub(crate) fn wants(&self, step: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|name| name == step)
    }
}
