//! `strongroom parity`

use crate::app::App;
use crate::exit::{Exit, Result};
use crate::output::json::{self, record};
use crate::output::text::message;
use crate::output::units::{counted, size, span};
use crate::output::{Paint, Ui};
use crate::signals::Stop;
use clap::Args;
use serde_json::json;
use strongroom::{Outcome, ParityReport};

/// What packs get where neither the command nor the repository says how much.
const DEFAULT: u8 = 5;

/// Adds recovery data to packs that have none, so that bit rot and lost sectors heal
///
/// As much of a pack may be lost as it has parity. What is backed up later gets parity if the repository was made with
/// `init --parity`; else run this again.
#[derive(Debug, Args)]
pub(crate) struct ParityArgs {
    /// How much, in percent of a pack, 1 to 100 [default: the repository's, or 5]
    #[arg(value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(1..=100))]
    percent: Option<u8>,
}

pub(crate) fn run(app: &App, args: &ParityArgs) -> Result<Exit> {
    let repository = app.open()?;
    let percent = args.percent.or_else(|| repository.parity()).unwrap_or(DEFAULT);
    let (ctx, monitor) = app.operation(Stop::Suspends);
    let done = repository.add_parity(percent, &ctx);
    monitor.finish();
    let report = done?;
    let ui = &app.ui;
    for (name, error) in &report.damaged {
        ui.json(&record("damaged_pack", json!({ "object": name.to_string(), "detail": error.to_string() })))?;
        if !ui.is_json() {
            let label = ui.paint_err(Paint::Red, "damage:");
            ui.stderr_line(&format!("{label} {name}: {}", message(&error.to_string())));
        }
    }
    ui.json(&record(
        "summary",
        json!({
            "operation": "parity",
            "outcome": report.outcome.name(),
            "percent": percent,
            "packs": report.packs,
            "pack_bytes": report.pack_bytes,
            "added": report.added,
            "added_bytes": report.added_bytes,
            "damaged": report.damaged.len(),
            "duration": json::seconds(report.duration),
        }),
    ))?;
    tell(ui, &report, percent);
    Ok(report.outcome.into())
}

fn tell(ui: &Ui, report: &ParityReport, percent: u8) {
    let (title, paint) = match report.outcome {
        Outcome::Suspended => ("Stopped before every pack had parity; run the same command to go on", Paint::Yellow),
        Outcome::Partial => ("Every pack has parity but what is named above", Paint::Yellow),
        _ => ("Every pack has parity", Paint::Green),
    };
    ui.say(&ui.paint(paint, title));
    ui.say(&format!(
        "  {} ({}), {} of them new with {percent}% ({})",
        counted(report.packs, "pack", "packs"),
        size(report.pack_bytes),
        report.added,
        size(report.added_bytes),
    ));
    ui.say(&format!("  {}", span(report.duration)));
}
