//! `strongroom restore`

use super::select::{FilterArgs, missing_path};
use crate::app::App;
use crate::args::{SnapshotPath, SnapshotPathParser};
use crate::exit::{Exit, Result};
use crate::output::json::{self, record};
use crate::output::units::{counted, rate, size, span};
use crate::output::{Paint, Ui};
use crate::signals::Stop;
use clap::{Args, ValueEnum, ValueHint};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use strongroom::{Outcome, Overwrite, Ownership, RestoreOptions, RestoreReport, Snapshot};

/// Restores a snapshot, or a part of it, into a folder
///
/// Nothing outside of the target is written. Files that are there already are compared and only what differs is
/// written, so that a restore that broke off goes on where it was when it is run again.
#[derive(Debug, Args)]
pub(crate) struct RestoreArgs {
    /// Which snapshot: `latest` or the beginning of an id; and a file or folder in it
    #[arg(value_name = "SNAPSHOT[:PATH]", value_parser = SnapshotPathParser)]
    snapshot: SnapshotPath,
    /// The folder to restore into, which is made if need be
    #[arg(short, long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    target: PathBuf,
    /// Restores only what matches a pattern in gitignore syntax; may be given several times
    #[arg(long, value_name = "PATTERN")]
    include: Vec<String>,
    /// Leaves out what matches; may be given several times
    #[arg(long, value_name = "PATTERN")]
    exclude: Vec<String>,
    /// What to do with files that are there already
    #[arg(long, value_enum, value_name = "WHEN", default_value_t = Policy::IfDifferent)]
    overwrite: Policy,
    /// Compares the content even of files whose size and time are right
    #[arg(long)]
    verify_existing: bool,
    /// Deletes what is in restored folders of the target and not in the snapshot
    #[arg(long)]
    delete_extra: bool,
    /// Changes nothing, and tells what would be done
    #[arg(short = 'n', long)]
    dry_run: bool,
    /// Restores owners by number, even where users and groups of their names exist here
    #[arg(long, conflicts_with = "no_owner")]
    numeric_owner: bool,
    /// Leaves owner and group to whoever runs this
    #[arg(long)]
    no_owner: bool,
    /// Leaves out extended attributes and ACLs
    #[arg(long)]
    no_xattrs: bool,
    #[command(flatten)]
    filter: FilterArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Policy {
    /// Leaves everything alone that exists
    Never,
    /// Replaces what is older than in the snapshot
    IfNewer,
    /// Leaves files of the same size and time alone, rewrites what differs of others
    IfDifferent,
    /// Compares the content of every file
    Always,
}

impl From<Policy> for Overwrite {
    fn from(policy: Policy) -> Self {
        match policy {
            Policy::Never => Overwrite::Never,
            Policy::IfNewer => Overwrite::IfNewer,
            Policy::IfDifferent => Overwrite::IfDifferent,
            Policy::Always => Overwrite::Always,
        }
    }
}

impl RestoreArgs {
    fn options(&self) -> RestoreOptions {
        let owner = match (self.no_owner, self.numeric_owner) {
            (true, _) => Ownership::Skip,
            (false, true) => Ownership::Numeric,
            (false, false) => Ownership::Named,
        };
        let mut options = RestoreOptions::to(&self.target)
            .path(self.snapshot.path.clone())
            .overwrite(self.overwrite.into())
            .verify_existing(self.verify_existing)
            .delete_extra(self.delete_extra)
            .dry_run(self.dry_run)
            .owner(owner)
            .xattrs(!self.no_xattrs);
        for pattern in &self.include {
            options = options.include(pattern);
        }
        for pattern in &self.exclude {
            options = options.exclude(pattern);
        }
        options
    }
}

pub(crate) fn run(app: &App, args: &RestoreArgs) -> Result<Exit> {
    let repository = app.open()?;
    let snapshot = args.filter.one(&repository, &args.snapshot.snapshot)?;
    let (ctx, monitor) = app.operation(Stop::Suspends);
    let done = repository.restore(&snapshot.id, &args.options(), &ctx);
    monitor.finish();
    let report = done.map_err(|error| missing_path(error, &snapshot, &args.snapshot.path))?;
    app.ui.problems(&report.problems, report.problem_count);
    app.warn_healed(&repository);
    app.ui.json(&summary(&report, &snapshot, &args.target, args.dry_run))?;
    tell(&app.ui, &report, &snapshot, args);
    Ok(report.outcome.into())
}

fn summary(report: &RestoreReport, snapshot: &Snapshot, target: &Path, dry_run: bool) -> Value {
    record(
        "summary",
        json!({
            "operation": "restore",
            "outcome": report.outcome.name(),
            "snapshot": snapshot.id.to_string(),
            "target": target.to_string_lossy(),
            "dry_run": dry_run,
            "entries": report.entries,
            "files": report.files,
            "directories": report.directories,
            "symlinks": report.symlinks,
            "hard_links": report.hard_links,
            "others": report.others,
            "unchanged": report.unchanged,
            "bytes": report.bytes,
            "bytes_written": report.bytes_written,
            "deleted": report.deleted,
            "problems": report.problem_count,
            "duration": json::seconds(report.elapsed),
        }),
    )
}

fn tell(ui: &Ui, report: &RestoreReport, snapshot: &Snapshot, args: &RestoreArgs) {
    let (done, paint) = match (report.outcome, args.dry_run) {
        (Outcome::Suspended, _) => ("Suspended the restore of", Paint::Yellow),
        (_, true) => ("Would restore", Paint::Green),
        (Outcome::Partial, _) => ("Restored, except for what is named above,", Paint::Yellow),
        _ => ("Restored", Paint::Green),
    };
    let target = args.target.display();
    ui.say(&format!("{} snapshot {} to {target}", ui.paint(paint, done), snapshot.id.short()));
    let mut parts = vec![counted(report.files, "file", "files"), counted(report.directories, "folder", "folders")];
    let links = report.symlinks + report.hard_links;
    if links > 0 {
        parts.push(counted(links, "link", "links"));
    }
    if report.others > 0 {
        parts.push(counted(report.others, "other", "others"));
    }
    ui.say(&format!("  {}; {}", parts.join(", "), size(report.bytes)));
    let verb = if args.dry_run { "to be written" } else { "written" };
    let mut written = format!("  {} {verb}", size(report.bytes_written));
    if report.unchanged > 0 {
        written.push_str(&format!(", {} left as found", counted(report.unchanged, "entry", "entries")));
    }
    if report.deleted > 0 {
        written.push_str(&format!(", {} deleted", counted(report.deleted, "entry", "entries")));
    }
    ui.say(&written);
    ui.say(&format!("  {}, {}", span(report.elapsed), rate(report.bytes, report.elapsed)));
    if report.outcome == Outcome::Suspended {
        ui.say("Run the same command again to go on with the rest.");
    }
}
