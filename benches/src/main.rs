//! The benchmarks, run by `cargo xtask bench`. What they measure and how is described in docs/performance.md.

mod bindings;
mod checkpoints;
mod compare;
mod data;
mod end_to_end;
mod index;
mod machine;
mod open;
mod peers;
mod plot;
mod process;
mod report;
mod scaling;
mod service;
mod stages;
mod statistics;
mod table;
mod text;
mod units;

use anyhow::Result;
use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Measures Strongroom: its stages, whole backups beside other tools, threads and memory.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask bench", max_term_width = 100, subcommand_required = true, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Stages(stages::Arguments),
    EndToEnd(end_to_end::Arguments),
    Scaling(scaling::Arguments),
    Service(service::Arguments),
    Index(index::Arguments),
    Open(open::Arguments),
    Report(report::Arguments),
    Checkpoints(checkpoints::Arguments),
    Bindings(bindings::Arguments),
}

fn main() -> ExitCode {
    let run = || -> Result<bool> {
        match Arguments::parse().command {
            Command::Stages(arguments) => stages::run(&arguments),
            Command::EndToEnd(arguments) => end_to_end::run(&arguments),
            Command::Scaling(arguments) => scaling::run(&arguments),
            Command::Service(arguments) => service::run(&arguments),
            Command::Index(arguments) => index::run(&arguments),
            Command::Open(arguments) => open::run(&arguments),
            Command::Report(arguments) => report::run(&arguments),
            Command::Checkpoints(arguments) => checkpoints::run(&arguments),
            Command::Bindings(arguments) => bindings::run(&arguments),
        }
    };
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}
