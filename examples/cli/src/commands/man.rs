//! `strongroom man`

use crate::app::App;
use crate::args::Cli;
use crate::exit::{Exit, Failure, Result};
use crate::output::json::record;
use clap::{Args, CommandFactory, ValueHint};
use serde_json::json;
use std::path::PathBuf;

/// Writes the manual pages of this command and its verbs into a folder
#[derive(Debug, Args)]
pub(crate) struct ManArgs {
    /// The folder, which is made if need be
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
    folder: PathBuf,
}

pub(crate) fn run(app: &App, args: &ManArgs) -> Result<Exit> {
    let failed = |error| Failure::io(error, "write the manual pages", args.folder.display());
    std::fs::create_dir_all(&args.folder).map_err(failed)?;
    clap_mangen::generate_to(Cli::command(), &args.folder).map_err(failed)?;
    let folder = args.folder.display();
    app.ui
        .json(&record("summary", json!({ "operation": "man", "outcome": "complete", "folder": folder.to_string() })))?;
    app.ui.say(&format!("Wrote the manual pages to {folder}; `man {folder}/strongroom.1` shows the first."));
    Ok(Exit::Complete)
}
