//! `strongroom export`

use super::select::{FilterArgs, missing_path};
use crate::app::App;
use crate::args::{SnapshotPath, SnapshotPathParser};
use crate::exit::{Exit, Failure, Result};
use crate::output::json::{self, record};
use crate::output::units::{counted, size, span};
use crate::signals::Stop;
use clap::{Args, ValueHint};
use serde_json::json;
use std::fs::File;
use std::io::{BufWriter, IsTerminal, Write};
use std::path::PathBuf;

/// Writes a snapshot, or a part of it, as a tar stream
#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    /// Which snapshot: `latest` or the beginning of an id; and a file or folder in it
    #[arg(value_name = "SNAPSHOT[:PATH]", value_parser = SnapshotPathParser)]
    snapshot: SnapshotPath,
    /// The file to write, which must not exist [default: standard output]
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    output: Option<PathBuf>,
    #[command(flatten)]
    filter: FilterArgs,
}

pub(crate) fn run(app: &App, args: &ExportArgs) -> Result<Exit> {
    if args.output.is_none() {
        if std::io::stdout().is_terminal() {
            return Err(Failure::usage("a tar stream is nothing for a terminal")
                .hint("name a file with --output, or pass it on: … | tar -x"));
        }
        app.ui.content_on_stdout();
    }
    let repository = app.open()?;
    let path = &args.snapshot.path;
    let snapshot = args.filter.one(&repository, &args.snapshot.snapshot)?;
    let (ctx, monitor) = app.operation(Stop::Ends);
    let failed = |error| {
        let name = args.output.as_ref().map_or_else(String::new, |output| output.display().to_string());
        Failure::io(error, "write the tar file", name)
    };
    let done = match &args.output {
        None => repository.export_tar(&snapshot.id, path, &mut app.ui.content(), &ctx),
        Some(output) => {
            let file = File::options().write(true).create_new(true).open(output).map_err(failed)?;
            let mut writer = BufWriter::with_capacity(1 << 20, file);
            let done = repository.export_tar(&snapshot.id, path, &mut writer, &ctx);
            if done.is_ok() {
                writer.flush().map_err(failed)?;
            } else {
                // Half a tar file is worse than none.
                let _ = std::fs::remove_file(output);
            }
            done
        }
    };
    monitor.finish();
    let report = done.map_err(|error| missing_path(error, &snapshot, path))?;
    app.ui.problems(&report.problems, report.problem_count);
    app.ui.json(&record(
        "summary",
        json!({
            "operation": "export",
            "outcome": report.outcome.name(),
            "snapshot": snapshot.id.to_string(),
            "entries": report.entries,
            "files": report.files,
            "directories": report.directories,
            "bytes": report.bytes,
            "problems": report.problem_count,
            "duration": json::seconds(report.elapsed),
        }),
    ))?;
    if args.output.is_some() {
        app.ui.say(&format!(
            "Wrote {}, {} in {}",
            counted(report.entries, "entry", "entries"),
            size(report.bytes),
            span(report.elapsed)
        ));
    }
    Ok(report.outcome.into())
}
