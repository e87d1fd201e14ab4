//! `strongroom prune`

use crate::app::App;
use crate::exit::{EXIT_CODES, Exit, Failure, Result};
use crate::output::json::{self, record};
use crate::output::units::{counted, parse_size, size, span};
use crate::output::{Paint, Ui};
use crate::signals::Stop;
use clap::Args;
use serde_json::json;
use strongroom::{Error, ErrorKind, Outcome, PruneOptions, PruneReport};

/// Frees the space of what no snapshot needs any more
///
/// Others may back up and restore meanwhile. What sessions at work may still refer to is freed by a later run, once they
/// have ended. Needs an owner's or maintainer's key, and storage that allows removal.
#[derive(Debug, Args)]
#[command(after_long_help = EXIT_CODES)]
pub(crate) struct PruneArgs {
    /// Only says what would be done
    #[arg(short = 'n', long)]
    dry_run: bool,
    /// Empties packs of which less than this share is needed, in percent, by moving that part to new packs
    #[arg(long, value_name = "PERCENT", default_value = "60", value_parser = parse_percent)]
    min_live: f64,
    /// Moves no more than this in one run; the next goes on
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    max_move: Option<u64>,
}

fn parse_percent(text: &str) -> Result<f64, String> {
    match text.trim_end_matches('%').parse::<f64>() {
        Ok(percent) if (0.0..=100.0).contains(&percent) => Ok(percent),
        _ => Err("write a number from 0 to 100, such as 75".to_owned()),
    }
}

pub(crate) fn run(app: &App, args: &PruneArgs) -> Result<Exit> {
    let repository = app.open()?;
    let mut options = PruneOptions::new().dry_run(args.dry_run).min_live_share(args.min_live / 100.0);
    if let Some(bytes) = args.max_move {
        options = options.max_moved_bytes(bytes);
    }
    let (ctx, monitor) = app.operation(Stop::Suspends);
    let done = repository.prune(&options, &ctx);
    monitor.finish();
    let report = done.map_err(way_on)?;
    let ids = |ids: &[String]| json!(ids);
    app.ui.json(&record(
        "summary",
        json!({
            "operation": "prune",
            "outcome": report.outcome.name(),
            "dry_run": args.dry_run,
            "packs": report.packs,
            "pack_bytes": report.pack_bytes,
            "live_bytes": report.live_bytes,
            "removed_packs": report.removed_packs,
            "removed_bytes": report.removed_bytes,
            "condemned_packs": report.condemned_packs,
            "condemned_bytes": report.condemned_bytes,
            "emptied_packs": report.emptied_packs,
            "written_bytes": report.written_bytes,
            "reprieved_packs": report.reprieved_packs,
            "damaged_packs": report.damaged_packs,
            "cleaned_sessions": report.cleaned_sessions,
            "removed_index_objects": report.removed_index_objects,
            "waiting_for": ids(&report.waiting_for.iter().map(ToString::to_string).collect::<Vec<_>>()),
            "void_snapshots": ids(&report.void_snapshots.iter().map(ToString::to_string).collect::<Vec<_>>()),
            "duration": json::seconds(report.duration),
        }),
    ))?;
    tell(&app.ui, &report, args.dry_run);
    Ok(report.outcome.into())
}

/// Says what to do about what is in the way.
fn way_on(error: Error) -> Failure {
    let object = error.object_name().unwrap_or_default().to_owned();
    let missing = error.kind() == ErrorKind::NotFound;
    let failure = Failure::from(error);
    if let Some(snapshot) = object.strip_prefix("snapshots/") {
        return failure.hint(format!(
            "put back a sound copy of it, or give it up with `strongroom forget --damaged {snapshot}` and prune again: what it \
             alone led to is freed then"
        ));
    }
    if object.starts_with("index/") {
        return failure.hint("run `strongroom repair`, then prune again");
    }
    if missing {
        return failure.hint(
            "run `strongroom repair`, which saves what is whole of the snapshots that lack something and names them; then \
             forget these, and prune again",
        );
    }
    failure
}

fn tell(ui: &Ui, report: &PruneReport, dry_run: bool) {
    let (title, paint) = match report.outcome {
        Outcome::Suspended => ("Stopped before everything was done; run the same command to go on", Paint::Yellow),
        Outcome::Partial => {
            ("Pruned, but for packs that are damaged: run `strongroom check --read-data`", Paint::Yellow)
        }
        _ if dry_run => ("This would be done; nothing was", Paint::Green),
        _ => ("Pruned", Paint::Green),
    };
    ui.say(&ui.paint(paint, title));
    ui.say(&format!(
        "  {} in {}, of which snapshots need {}",
        size(report.pack_bytes),
        counted(report.packs, "pack", "packs"),
        size(report.live_bytes)
    ));
    if !dry_run {
        ui.say(&format!(
            "  {} freed in {}",
            size(report.removed_bytes),
            counted(report.removed_packs, "pack", "packs")
        ));
    }
    if report.emptied_packs > 0 {
        let (moved, packs) = (size(report.written_bytes), counted(report.emptied_packs, "pack", "packs"));
        ui.say(&format!("  {moved} moved out of {packs}"));
    }
    let later = report.condemned_bytes.saturating_sub(if dry_run { 0 } else { report.removed_bytes });
    if later > 0 {
        let when = if dry_run { "would be freed" } else { "to be freed by the next run" };
        ui.say(&format!("  {} {when}", size(later)));
    }
    if !report.waiting_for.is_empty() {
        let sessions = counted(report.waiting_for.len() as u64, "session", "sessions");
        ui.say(&format!("  {sessions} at work may still need what is to be freed"));
    }
    for snapshot in &report.void_snapshots {
        let id = snapshot.short();
        ui.say(&format!("  snapshot {id} was committed too late and lacks something: forget it"));
    }
    ui.say(&format!("  {}", span(report.duration)));
}
