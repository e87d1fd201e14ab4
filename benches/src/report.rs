//! Tables and plots of runs that were written down, so that documents can be made again from them.

use crate::end_to_end::{self, Kind};
use crate::stages;
use anyhow::{Context, Result};
use clap::{Args, ValueHint};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

/// Makes the tables and plots of runs that were written down
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// What `--json` of a run wrote
    #[arg(long, required = true, num_args = 1.., value_name = "FILE", value_hint = ValueHint::FilePath)]
    json: Vec<PathBuf>,
    /// Folder to put plots in, as SVG
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    plots: Option<PathBuf>,
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments) -> Result<bool> {
    for path in &arguments.json {
        let (markdown, plots) = of(path).with_context(|| format!("{} is no report", path.display()))?;
        println!("{markdown}");
        if let Some(folder) = &arguments.plots {
            write(folder, &plots)?;
        }
    }
    Ok(true)
}

fn of(path: &Path) -> Result<(String, Vec<(String, String)>)> {
    let json: Value = serde_json::from_str(&fs::read_to_string(path)?)?;
    let kind = json["kind"].as_str().context("it does not say what kind it is of")?;
    if let Some(kind) = Kind::named(kind) {
        let report = end_to_end::Report::from_json(kind, &json)?;
        return Ok((report.markdown(), report.plots()));
    }
    let report = stages::Report::from_json(&json)?;
    Ok((report.markdown(), report.plots()))
}

/// Writes pictures into a folder, and says where.
pub(crate) fn write(folder: &Path, plots: &[(String, String)]) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    for (name, svg) in plots {
        let path = folder.join(format!("{name}.svg"));
        fs::write(&path, svg).with_context(|| format!("cannot write {}", path.display()))?;
        eprintln!("{} is written", path.display());
    }
    Ok(())
}
