//! `strongroom copy`

use super::select::FilterArgs;
use crate::app::App;
use crate::exit::{EXIT_CODES, Exit, Failure, Result};
use crate::output::json::{self, record};
use crate::output::units::{counted, parse_span, rate, size, span};
use crate::output::{Paint, Ui};
use crate::secrets::{self, ToSecretArgs};
use crate::signals::Stop;
use clap::Args;
use clap::ValueHint;
use serde_json::{Value, json};
use std::ffi::OsString;
use std::time::Duration;
use strongroom::{CopyDestination, CopyOptions, CopyReport, Outcome, Repository, SnapshotCopy};

/// Copies snapshots to other repositories
///
/// Whatever a destination lacks is read once, for however many destinations, and encrypted anew for each. What is there
/// already is not copied again. Every copy is compared with its original before it counts.
#[derive(Debug, Args)]
#[command(after_long_help = EXIT_CODES)]
pub(crate) struct CopyArgs {
    /// Snapshots to copy: first digits of their ids, or `latest` [default: all that fit]
    snapshot: Vec<String>,
    /// A repository to copy to; may be given several times
    #[arg(long, required = true, value_name = "PLACE", value_hint = ValueHint::DirPath)]
    to: Vec<OsString>,
    #[command(flatten)]
    secrets: ToSecretArgs,
    #[command(flatten)]
    filter: FilterArgs,
    /// Also reads back everything that was sent, and verifies every blob
    #[arg(long)]
    verify_data: bool,
    /// Does not compare copies with their originals
    #[arg(long, conflicts_with = "verify_data")]
    no_verify: bool,
    /// Compression, from -7 (fastest) to 19 (smallest) [default: 3]
    #[arg(long, value_name = "LEVEL", allow_negative_numbers = true, value_parser = clap::value_parser!(i32).range(-7..=19))]
    level: Option<i32>,
    /// Suspends the work after this time, such as 20m; the same command goes on with the rest
    #[arg(long, value_name = "TIME", value_parser = parse_span)]
    deadline: Option<Duration>,
}

pub(crate) fn run(app: &App, args: &CopyArgs) -> Result<Exit> {
    let source = app.open()?;
    let mut options = CopyOptions::new().verify(!args.no_verify).verify_data(args.verify_data);
    if let Some(level) = args.level {
        options = options.level(level);
    }
    let (options, unreadable) = choose(args, &source, options)?;
    let destinations = open(app, args)?;
    let (ctx, monitor) = app.operation(Stop::Suspends);
    let ctx = match args.deadline {
        Some(deadline) => {
            let budget = ctx.limits().clone().deadline_in(deadline);
            ctx.budget(budget)
        }
        None => ctx,
    };
    let done = source.copy_to(&destinations.iter().collect::<Vec<_>>(), &options, &ctx);
    monitor.finish();
    let report = done?;
    let passed_over = unreadable.iter().chain(report.rejected.iter().map(|(_, error)| error));
    let mut left_out = 0;
    for error in passed_over {
        left_out += 1;
        app.ui.warn(&format!("a snapshot cannot be read or trusted, and was not copied: {error}"));
    }
    show(app, &report, left_out)?;
    ended(report, left_out)
}

/// The snapshots that were named or fit, and what could not be read among them.
fn choose(
    args: &CopyArgs,
    source: &Repository,
    mut options: CopyOptions,
) -> Result<(CopyOptions, Vec<strongroom::Error>)> {
    if !args.snapshot.is_empty() {
        for spec in &args.snapshot {
            options = options.snapshot(args.filter.one(source, spec)?.id);
        }
        return Ok((options, Vec::new()));
    }
    if args.filter.is_empty() {
        return Ok((options, Vec::new()));
    }
    let (found, unreadable) = args.filter.list(source)?;
    if found.is_empty() {
        let error = strongroom::Error::new(strongroom::ErrorKind::NotFound, "choose snapshots")
            .detail("there is no snapshot that matches");
        return Err(Failure::from(error).hint("`strongroom snapshots` lists the snapshots there are"));
    }
    Ok((found.iter().fold(options, |options, snapshot| options.snapshot(snapshot.id)), unreadable))
}

fn open(app: &App, args: &CopyArgs) -> Result<Vec<Repository>> {
    args.secrets.check(args.to.len())?;
    let mut repositories = Vec::new();
    for (number, place) in args.to.iter().enumerate() {
        let given = || secrets::of_destination(&args.secrets, number);
        repositories.push(app.open_at(place, given, || secrets::ask_passphrase_of_destination(place))?);
    }
    Ok(repositories)
}

fn ended(mut report: CopyReport, left_out: usize) -> Result<Exit> {
    if report.outcome == Outcome::Suspended {
        return Ok(Exit::Suspended);
    }
    if report.destinations.iter().all(|end| end.error.is_some())
        && let Some(error) = report.destinations.first_mut().and_then(|end| end.error.take())
    {
        return Err(error.into());
    }
    Ok(if left_out > 0 { Exit::Partial } else { report.outcome.into() })
}

fn show(app: &App, report: &CopyReport, left_out: usize) -> Result {
    let ui = &app.ui;
    for end in &report.destinations {
        for copy in &end.copied {
            ui.json(&record("copy", copy_fields(end, copy)))?;
            if copy.problem_count > 0 {
                ui.warn(&format!("the copy of snapshot {} in {} lacks something:", copy.source.short(), end.location));
                ui.problems(&copy.problems, copy.problem_count);
            }
        }
        ui.json(&record("destination", destination_fields(end)))?;
        tell(ui, report, end);
    }
    if report.destinations.len() > 1 {
        ui.say(&format!("{} read once for all", size(report.read_bytes)));
    }
    ui.json(&record(
        "summary",
        json!({
            "operation": "copy",
            "outcome": report.outcome.name(),
            "snapshots": report.snapshots,
            "rejected": left_out,
            "read_bytes": report.read_bytes,
            "duration": json::seconds(report.duration),
        }),
    ))?;
    if report.outcome == Outcome::Suspended {
        ui.say("What is done so far is kept. Run the same command again to go on with the rest.");
    }
    Ok(())
}

fn copy_fields(end: &CopyDestination, copy: &SnapshotCopy) -> Value {
    json!({
        "destination": end.location,
        "source": copy.source.to_string(),
        "snapshot": copy.copy.to_string(),
        "outcome": copy.outcome.name(),
        "entries": copy.entries,
        "bytes": copy.bytes,
        "unchanged": copy.unchanged,
        "new_bytes": copy.new_bytes,
        "stored_bytes": copy.stored_bytes,
        "problems": copy.problem_count,
    })
}

fn destination_fields(end: &CopyDestination) -> Value {
    json!({
        "destination": end.location,
        "repository": end.repository.to_string(),
        "outcome": end.outcome.name(),
        "error": end.error.as_ref().map(ToString::to_string),
        "kind": end.error.as_ref().map(|error| error.kind().name()),
        "copied": end.copied.len(),
        "present": end.present,
        "new_bytes": end.new_bytes,
        "stored_bytes": end.stored_bytes,
        "stored_packs": end.stored_packs,
    })
}

fn tell(ui: &Ui, report: &CopyReport, end: &CopyDestination) {
    let copied = counted(end.copied.len() as u64, "snapshot", "snapshots");
    let (title, paint) = match (&end.error, end.outcome) {
        (Some(_), _) => (format!("Failed after {copied}"), Paint::Red),
        (None, Outcome::Suspended) => (format!("Suspended after {copied}"), Paint::Yellow),
        (None, Outcome::Complete) => (format!("Copied {copied}"), Paint::Green),
        (None, _) => (format!("Copied {copied}, partial"), Paint::Yellow),
    };
    ui.say(&format!("{}  to {}", ui.paint(paint, &title), end.location));
    if let Some(error) = &end.error
        && report.destinations.len() > 1
    {
        ui.warn(&format!("{}: {error}", end.location));
    }
    if end.present > 0 {
        ui.say(&format!("  {} there already", counted(end.present, "snapshot was", "snapshots were")));
    }
    if end.new_bytes > 0 || end.stored_packs > 0 {
        ui.say(&format!(
            "  {} new, stored as {} in {}",
            size(end.new_bytes),
            size(end.stored_bytes),
            counted(end.stored_packs, "pack", "packs"),
        ));
    }
    ui.say(&format!("  {}, {}", span(report.duration), rate(report.read_bytes, report.duration)));
}
