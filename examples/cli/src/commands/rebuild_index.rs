//! `strongroom rebuild-index`

use crate::app::App;
use crate::exit::{Exit, Result};
use crate::output::json::{self, record};
use crate::output::text::message;
use crate::output::units::{counted, size, span};
use crate::output::{Paint, Ui};
use crate::signals::Stop;
use clap::Args;
use serde_json::json;
use strongroom::{Outcome, RebuildReport};

/// Makes the index anew from the packs, where it is lost or damaged
///
/// What is listed correctly stays as it is, so it can be run at any time, and again when it was stopped.
#[derive(Debug, Args)]
pub(crate) struct RebuildIndexArgs {}

pub(crate) fn run(app: &App, _args: &RebuildIndexArgs) -> Result<Exit> {
    let repository = app.open()?;
    let (ctx, monitor) = app.operation(Stop::Suspends);
    let done = repository.rebuild_index(&ctx);
    monitor.finish();
    let report = done?;
    let ui = &app.ui;
    for pack in &report.unreadable {
        let kept = if pack.kept { "what the index said of it is kept" } else { "it is left out" };
        ui.json(&record(
            "unreadable_pack",
            json!({ "object": pack.name.to_string(), "kept": pack.kept, "detail": pack.detail }),
        ))?;
        if !ui.is_json() {
            let label = ui.paint_err(Paint::Red, "damage:");
            ui.stderr_line(&format!("{label} {}: {}; {kept}", pack.name, message(&pack.detail)));
        }
    }
    ui.json(&record(
        "summary",
        json!({
            "operation": "rebuild-index",
            "outcome": report.outcome.name(),
            "packs": report.packs,
            "pack_bytes": report.pack_bytes,
            "segments": report.segments,
            "blobs": report.blobs,
            "packs_added": report.packs_added,
            "objects_written": report.objects_written,
            "objects_superseded": report.objects_superseded,
            "unreadable_packs": report.unreadable_count,
            "duration": json::seconds(report.duration),
        }),
    ))?;
    tell(ui, &report);
    Ok(report.outcome.into())
}

fn tell(ui: &Ui, report: &RebuildReport) {
    let (title, paint) = match report.outcome {
        Outcome::Suspended => ("Stopped before every pack was looked at; run the same command to go on", Paint::Yellow),
        Outcome::Partial => ("The index lists everything but what is named above", Paint::Yellow),
        _ if report.was_complete() => ("The index was complete", Paint::Green),
        _ => ("The index is complete again", Paint::Green),
    };
    ui.say(&ui.paint(paint, title));
    ui.say(&format!(
        "  {} ({}), {}, {}",
        counted(report.packs, "pack", "packs"),
        size(report.pack_bytes),
        counted(report.segments, "segment", "segments"),
        counted(report.blobs, "blob", "blobs")
    ));
    ui.say(&format!(
        "  {} added, {} written, {} superseded",
        counted(report.packs_added, "pack", "packs"),
        counted(report.objects_written, "index object", "index objects"),
        counted(report.objects_superseded, "index object", "index objects")
    ));
    ui.say(&format!("  {}", span(report.duration)));
}
