//! `strongroom completions`

use crate::app::App;
use crate::args::Cli;
use crate::exit::{Exit, Failure, Result};
use clap::{Args, CommandFactory};
use clap_complete::Shell;
use std::io::Write;

/// Prints a script that completes this command in a shell
#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    shell: Shell,
}

pub(crate) fn run(app: &App, args: &CompletionsArgs) -> Result<Exit> {
    // The generators end the program when writing fails, so they write to memory.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "strongroom", &mut script);
    app.ui.content().write_all(&script).map_err(Failure::output)?;
    Ok(Exit::Complete)
}
