//! `strongroom repair`

use crate::app::App;
use crate::exit::{EXIT_CODES, Exit, Result};
use crate::output::json::{self, record};
use crate::output::text::{message, printable};
use crate::output::units::{counted, size, span};
use crate::output::{Paint, Ui};
use crate::signals::Stop;
use clap::Args;
use serde_json::{Value, json};
use strongroom::{DamagedPack, Loss, Outcome, RepairOptions, RepairReport, SalvagedSnapshot};

/// Mends what can be mended, and says what is lost
///
/// Reads everything that is stored. What is sound in damaged packs is moved into new ones, the index is rebuilt, and of
/// every snapshot that lost something a new one is made of all that is whole, tagged `salvaged`. Nothing is deleted:
/// the damaged snapshot stays until it is removed.
#[derive(Debug, Args)]
#[command(after_long_help = EXIT_CODES)]
pub(crate) struct RepairArgs {
    /// Changes nothing and tells what would be done, and what is lost
    #[arg(short = 'n', long)]
    dry_run: bool,
    /// Does not read packs whole: finds what is missing or cut short, and no damage inside of content
    #[arg(long)]
    structure_only: bool,
}

pub(crate) fn run(app: &App, args: &RepairArgs) -> Result<Exit> {
    let repository = app.open()?;
    let options = RepairOptions::new().dry_run(args.dry_run).structure_only(args.structure_only);
    let (ctx, monitor) = app.operation(Stop::Suspends);
    let done = repository.repair(&options, &ctx);
    monitor.finish();
    let report = done?;
    let ui = &app.ui;
    for pack in &report.damaged {
        damaged(ui, pack)?;
    }
    for (name, error) in report.left.iter().chain(&report.rejected) {
        ui.json(&record("left", json!({ "object": name.to_string(), "detail": error.to_string() })))?;
        if !ui.is_json() {
            let label = ui.paint_err(Paint::Yellow, "left alone:");
            ui.stderr_line(&format!("{label} {name}: {}", message(&error.to_string())));
        }
    }
    for one in &report.salvaged {
        salvaged(ui, one)?;
    }
    ui.json(&summary(&report))?;
    tell(ui, &report);
    Ok(report.outcome.into())
}

fn damaged(ui: &Ui, pack: &DamagedPack) -> Result {
    ui.json(&record(
        "damaged_pack",
        json!({
            "object": pack.name.to_string(),
            "missing": pack.missing,
            "detail": pack.detail,
            "segments_moved": pack.segments_moved,
            "segments_elsewhere": pack.segments_elsewhere,
            "segments_lost": pack.segments_lost,
            "segments_unknown": pack.segments_unknown,
        }),
    ))?;
    if !ui.is_json() {
        let label = ui.paint_err(Paint::Red, "damage:");
        let unknown = match pack.segments_unknown {
            0 => String::new(),
            count => format!(", {count} to be looked at with a reader's or owner's key"),
        };
        ui.stderr_line(&format!(
            "{label} {}: {}; of its segments {} were moved, {} are in other packs, {} are lost{unknown}",
            pack.name,
            message(&pack.detail),
            pack.segments_moved,
            pack.segments_elsewhere,
            pack.segments_lost,
        ));
    }
    Ok(())
}

fn salvaged(ui: &Ui, one: &SalvagedSnapshot) -> Result {
    for loss in &one.lost {
        if ui.is_json() {
            ui.json(&lost(one, loss))?;
        } else {
            let label = ui.paint_err(Paint::Red, "lost:");
            let line = printable(loss.to_string().as_bytes());
            ui.stderr_line(&format!("{label} in snapshot {}: {line}", one.damaged.short()));
        }
    }
    ui.json(&record(
        "salvaged_snapshot",
        json!({
            "damaged": one.damaged.to_string(),
            "salvaged": one.salvaged.map(|id| id.to_string()),
            "already": one.already,
            "entries": one.entries,
            "files": one.files,
            "bytes": one.bytes,
            "losses": one.lost_count,
        }),
    ))?;
    Ok(())
}

fn lost(one: &SalvagedSnapshot, loss: &Loss) -> Value {
    let mut object = json::object("lost");
    json::extend(&mut object, json!({ "snapshot": one.damaged.to_string() }));
    json::put_path(&mut object, &loss.path().to_os_bytes());
    match loss {
        Loss::File { size, ranges, bytes, .. } => {
            let ranges: Vec<Value> = ranges.iter().map(|range| json!([range.start, range.end])).collect();
            json::extend(&mut object, json!({ "what": "file", "size": size, "bytes": bytes, "ranges": ranges }));
        }
        Loss::Entries { before, entries, files, bytes, .. } => {
            json::extend(&mut object, json!({ "what": "entries", "entries": entries, "files": files, "bytes": bytes }));
            match before {
                Some(before) => json::put_bytes(&mut object, "before", &before.to_os_bytes()),
                None => json::extend(&mut object, json!({ "before": null })),
            }
        }
        _ => json::extend(&mut object, json!({ "what": "other" })),
    }
    object.into()
}

fn summary(report: &RepairReport) -> Value {
    record(
        "summary",
        json!({
            "operation": "repair",
            "outcome": report.outcome.name(),
            "dry_run": report.dry_run,
            "sound": report.was_sound(),
            "packs": report.packs,
            "packs_read": report.packs_read,
            "bytes_read": report.bytes_read,
            "damaged_packs": report.damaged.len(),
            "packs_written": report.packs_written,
            "bytes_written": report.bytes_written,
            "packs_listed": report.packs_listed,
            "index_written": report.index_written,
            "index_superseded": report.index_superseded,
            "snapshots": report.snapshots,
            "trees_skipped": report.trees_skipped,
            "damaged_snapshots": report.salvaged.len(),
            "losses": report.lost_count(),
            "left": report.left.len() + report.rejected.len(),
            "duration": json::seconds(report.duration),
        }),
    )
}

fn tell(ui: &Ui, report: &RepairReport) {
    let (title, paint) = match report.outcome {
        Outcome::Suspended => {
            ("Stopped before everything was looked at; run the same command to go on".to_owned(), Paint::Yellow)
        }
        _ if report.lost_count() > 0 => {
            let snapshots = counted(report.salvaged.len() as u64, "snapshot", "snapshots");
            (format!("{snapshots} lost what is named above; all else is whole"), Paint::Red)
        }
        Outcome::Partial => ("Everything but what is named above is whole".to_owned(), Paint::Yellow),
        _ if report.was_sound() => ("Nothing had to be repaired".to_owned(), Paint::Green),
        _ if report.dry_run => ("Everything can be mended".to_owned(), Paint::Green),
        _ => ("Everything is whole again".to_owned(), Paint::Green),
    };
    ui.say(&ui.paint(paint, &title));
    if report.dry_run {
        ui.say("  nothing was written");
    }
    for one in &report.salvaged {
        let whole = format!("{}, {} are whole", counted(one.files, "file", "files"), size(one.bytes));
        ui.say(&match &one.salvaged {
            Some(new) if one.already => {
                format!(
                    "  snapshot {}: {whole}, in snapshot {} since an earlier repair",
                    one.damaged.short(),
                    new.short()
                )
            }
            Some(new) => format!("  snapshot {}: {whole}, in the new snapshot {}", one.damaged.short(), new.short()),
            None => format!("  snapshot {}: {whole}", one.damaged.short()),
        });
    }
    if report.trees_skipped {
        ui.say("  trees were left out: this key cannot read them");
    }
    ui.say(&format!(
        "  {}, {} read ({}), {} written",
        counted(report.packs, "pack", "packs"),
        counted(report.packs_read, "pack", "packs"),
        size(report.bytes_read),
        counted(report.packs_written, "pack", "packs"),
    ));
    ui.say(&format!(
        "  {} written, {} superseded",
        counted(report.index_written, "index object", "index objects"),
        counted(report.index_superseded, "index object", "index objects")
    ));
    ui.say(&format!("  {}", span(report.duration)));
}
