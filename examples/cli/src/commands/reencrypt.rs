//! `strongroom reencrypt`

use crate::app::App;
use crate::exit::{Exit, Result};
use crate::output::json::{self, record};
use crate::output::text::message;
use crate::output::units::{counted, parse_size, parse_span, size, span};
use crate::output::{Paint, Ui};
use crate::signals::Stop;
use clap::Args;
use serde_json::json;
use std::time::Duration;
use strongroom::{Outcome, ReencryptOptions, ReencryptReport};

/// Moves what was stored under earlier keys to those of the newest epoch
///
/// After keys were rotated or a device was shut out. It can be done in steps, as it goes on where it was stopped, and
/// while others back up and restore. `strongroom prune`, before, saves the work on what is not needed any more; after,
/// it removes the old copies. Until then whoever has kept the old keys can open those.
#[derive(Debug, Args)]
pub(crate) struct ReencryptArgs {
    /// Ends before it would read more than this, such as 10G; the next run goes on
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    max_bytes: Option<u64>,
    /// Ends after this time, such as 30m; the next run goes on
    #[arg(long, value_name = "SPAN", value_parser = parse_span)]
    max_time: Option<Duration>,
}

pub(crate) fn run(app: &App, args: &ReencryptArgs) -> Result<Exit> {
    let repository = app.open()?;
    let mut options = ReencryptOptions::new();
    if let Some(bytes) = args.max_bytes {
        options = options.max_bytes(bytes);
    }
    if let Some(time) = args.max_time {
        options = options.max_time(time);
    }
    let (ctx, monitor) = app.operation(Stop::Suspends);
    let done = repository.reencrypt(&options, &ctx);
    monitor.finish();
    let report = done?;
    let ui = &app.ui;
    for (name, detail) in &report.unreadable {
        ui.json(&record("unreadable_pack", json!({ "object": name.to_string(), "kept": true, "detail": detail })))?;
        if !ui.is_json() {
            let label = ui.paint_err(Paint::Red, "damage:");
            ui.stderr_line(&format!("{label} {name}: {}; it stays as it is", message(detail)));
        }
    }
    ui.json(&record(
        "summary",
        json!({
            "operation": "reencrypt",
            "outcome": report.outcome.name(),
            "epoch": report.epoch,
            "packs": report.packs,
            "bytes": report.bytes,
            "segments": report.segments,
            "stored_packs": report.stored_packs,
            "stored_bytes": report.stored_bytes,
            "left_packs": report.left_packs,
            "left_bytes": report.left_bytes,
            "superseded_packs": report.superseded_packs,
            "superseded_bytes": report.superseded_bytes,
            "unreadable_packs": report.unreadable_count,
            "duration": json::seconds(report.duration),
        }),
    ))?;
    tell(ui, &report);
    Ok(report.outcome.into())
}

fn tell(ui: &Ui, report: &ReencryptReport) {
    let (title, paint) = match report.outcome {
        Outcome::Suspended => ("Stopped before everything was re-encrypted; the same command goes on", Paint::Yellow),
        Outcome::Partial => ("Everything but what is named above is under the newest keys", Paint::Yellow),
        _ => ("Everything is under the newest keys", Paint::Green),
    };
    ui.say(&format!("{}, those of epoch {}", ui.paint(paint, title), report.epoch));
    ui.say(&format!(
        "  {} ({}) re-encrypted, {} ({}) written",
        counted(report.packs, "pack", "packs"),
        size(report.bytes),
        counted(report.stored_packs, "pack", "packs"),
        size(report.stored_bytes)
    ));
    if report.left_packs > 0 {
        ui.say(&format!("  {} ({}) left", counted(report.left_packs, "pack", "packs"), size(report.left_bytes)));
    }
    if report.superseded_packs > 0 {
        ui.say(&format!(
            "  {} ({}) superfluous: `strongroom prune` removes them",
            counted(report.superseded_packs, "pack", "packs"),
            size(report.superseded_bytes)
        ));
    }
    ui.say(&format!("  {}", span(report.duration)));
}
