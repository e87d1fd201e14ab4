//! `strongroom man`

use crate::app::App;
use crate::args::Cli;
use crate::exit::{Exit, Failure, Result};
use crate::output::json::record;
use crate::output::units::counted;
use clap::{Args, CommandFactory, ValueHint};
use clap_mangen::Man;
use serde_json::json;
use std::path::{Path, PathBuf};

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
    let mut command = Cli::command();
    command.build();
    let pages = pages(&command, &args.folder, "strongroom").map_err(failed)?;
    let folder = args.folder.display();
    app.ui.json(&record("summary", json!({ "operation": "man", "outcome": "complete", "pages": pages })))?;
    app.ui.say(&format!("Wrote {} to {folder}; `man {folder}/strongroom.1` shows the first", counted(pages, "page", "pages")));
    Ok(Exit::Complete)
}

/// Writes the page of a command and those of the commands below it.
fn pages(command: &clap::Command, folder: &Path, name: &str) -> std::io::Result<u64> {
    let mut page = Vec::new();
    let titled = command.clone().name(name.to_owned()).display_name(name.to_owned());
    Man::new(titled).render(&mut page)?;
    std::fs::write(folder.join(format!("{name}.1")), page)?;
    let below = command.get_subcommands().filter(|below| below.get_name() != "help" && !below.is_hide_set());
    below.map(|below| pages(below, folder, &format!("{name}-{}", below.get_name()))).sum::<std::io::Result<u64>>().map(|sum| sum + 1)
}
