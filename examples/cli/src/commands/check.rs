//! `strongroom check`

use crate::app::App;
use crate::exit::{EXIT_CODES, Exit, Result};
use crate::output::json::{self, record};
use crate::output::text::{message, printable};
use crate::output::units::{counted, size, span};
use crate::output::{Paint, Ui};
use crate::signals::Stop;
use clap::Args;
use serde_json::{Value, json};
use strongroom::{CheckOptions, CheckProblem, CheckReport, Outcome};

/// Checks that every snapshot can be restored
///
/// Without options it reads indexes and trees: whether everything that snapshots refer to is there. What is stored
/// of files is read with --read-data.
#[derive(Debug, Args)]
#[command(after_long_help = EXIT_CODES)]
pub(crate) struct CheckArgs {
    /// Also reads packs and compares them with their names: all, or this share of them, chosen anew each time
    #[arg(long, value_name = "PERCENT", num_args = 0..=1, require_equals = true, default_missing_value = "100", value_parser = parse_percent)]
    read_data: Option<f64>,
    /// Also decrypts what is read and verifies every blob
    #[arg(long)]
    verify_content: bool,
}

fn parse_percent(text: &str) -> Result<f64, String> {
    match text.trim_end_matches('%').parse::<f64>() {
        Ok(percent) if percent > 0.0 && percent <= 100.0 => Ok(percent),
        _ => Err("write a number above 0 and up to 100, such as 2.5".to_owned()),
    }
}

pub(crate) fn run(app: &App, args: &CheckArgs) -> Result<Exit> {
    let repository = app.open()?;
    let mut options = CheckOptions::new().verify_content(args.verify_content);
    if let Some(percent) = args.read_data {
        options = options.read_data(percent);
    }
    let (ctx, monitor) = app.operation(Stop::Ends);
    let done = repository.check(&options, &ctx);
    monitor.finish();
    let report = done?;
    for problem in &report.problems {
        show(&app.ui, "damage", Paint::Red, problem);
    }
    for note in &report.notes {
        show(&app.ui, "note", Paint::Cyan, note);
    }
    app.ui.json(&summary(&report))?;
    tell(&app.ui, &report);
    Ok(match report.outcome {
        _ if report.problem_count > 0 => Exit::Damaged,
        outcome => outcome.into(),
    })
}

fn show(ui: &Ui, what: &str, paint: Paint, problem: &CheckProblem) {
    if ui.is_json() {
        let mut object = json::object(what);
        json::extend(
            &mut object,
            json!({
                "kind": problem.kind.name(),
                "object": problem.object,
                "snapshot": problem.snapshot.map(|id| id.to_string()),
                "detail": problem.detail,
            }),
        );
        if let Some(path) = &problem.path {
            json::put_path(&mut object, &path.to_os_bytes());
        }
        let _ = ui.json(&object.into());
        return;
    }
    let kind = problem.kind.name().replace('_', " ");
    let mut place = printable(problem.object.as_bytes());
    if let (Some(snapshot), Some(path)) = (&problem.snapshot, &problem.path) {
        let path = if path.is_root() { b".".to_vec() } else { path.to_os_bytes() };
        place = format!("{} in snapshot {}: {place}", printable(&path), snapshot.short());
    }
    let line = format!("{kind}: {place}: {}", message(&problem.detail));
    let label = ui.paint_err(paint, &format!("{what}:"));
    if what == "note" { ui.note(&format!("{label} {line}")) } else { ui.stderr_line(&format!("{label} {line}")) }
}

fn summary(report: &CheckReport) -> Value {
    record(
        "summary",
        json!({
            "operation": "check",
            "outcome": report.outcome.name(),
            "sound": report.is_sound(),
            "trees_skipped": report.trees_skipped,
            "snapshots": report.snapshots,
            "nodes": report.nodes,
            "entries": report.entries,
            "files": report.files,
            "bytes": report.bytes,
            "index_objects": report.index_objects,
            "packs": report.packs,
            "pack_bytes": report.pack_bytes,
            "unindexed_packs": report.unindexed_packs,
            "unindexed_bytes": report.unindexed_bytes,
            "packs_read": report.packs_read,
            "bytes_read": report.bytes_read,
            "segments_opened": report.segments_opened,
            "problems": report.problem_count,
            "duration": json::seconds(report.duration),
        }),
    )
}

fn tell(ui: &Ui, report: &CheckReport) {
    let title = match report.outcome {
        Outcome::Suspended => ui.paint(Paint::Yellow, "Stopped before everything was looked at"),
        _ if report.problem_count > 0 => {
            ui.paint(Paint::Red, &format!("Found {}", counted(report.problem_count, "problem", "problems")))
        }
        _ => ui.paint(Paint::Green, "No damage found"),
    };
    ui.say(&title);
    if report.trees_skipped {
        ui.say("  trees were left out: this key cannot read them");
    } else {
        ui.say(&format!(
            "  {}, {}, {} of content",
            counted(report.snapshots, "snapshot", "snapshots"),
            counted(report.entries, "entry", "entries"),
            size(report.bytes)
        ));
    }
    ui.say(&format!(
        "  {} ({}), {} read ({}), {} decrypted",
        counted(report.packs, "pack", "packs"),
        size(report.pack_bytes),
        counted(report.packs_read, "pack", "packs"),
        size(report.bytes_read),
        counted(report.segments_opened, "segment", "segments"),
    ));
    ui.say(&format!("  {}", span(report.duration)));
}
