//! `strongroom snapshots`

use super::select::FilterArgs;
use crate::app::App;
use crate::exit::{Exit, Result};
use crate::output::json;
use crate::output::table::{Align, Table};
use crate::output::text::printable;
use crate::output::units::{count, counted, local, now, rfc3339, size};
use clap::Args;
use serde_json::{Value, json};
use strongroom::{Snapshot, SnapshotOutcome};

/// Lists snapshots
#[derive(Debug, Args)]
pub(crate) struct SnapshotsArgs {
    #[command(flatten)]
    filter: FilterArgs,
}

pub(crate) fn run(app: &App, args: &SnapshotsArgs) -> Result<Exit> {
    let repository = app.open()?;
    let (snapshots, unreadable) = args.filter.list(&repository)?;
    let ui = &app.ui;
    if ui.is_json() {
        for snapshot in &snapshots {
            ui.json(&record(snapshot))?;
        }
    } else if snapshots.is_empty() {
        ui.say("There is no snapshot that matches.");
    } else {
        ui.table(&table(&snapshots))?;
        ui.say(&counted(snapshots.len() as u64, "snapshot", "snapshots"));
    }
    for error in &unreadable {
        ui.warn(&error.to_string());
    }
    Ok(if unreadable.is_empty() { Exit::Complete } else { Exit::Partial })
}

fn table(snapshots: &[Snapshot]) -> Table {
    let mut table = Table::new(&[
        ("ID", Align::Left),
        ("TIME", Align::Left),
        ("HOST", Align::Left),
        ("FILES", Align::Right),
        ("SIZE", Align::Right),
        ("NEW", Align::Right),
        ("TAGS", Align::Left),
        ("PATHS", Align::Left),
    ]);
    for snapshot in snapshots {
        let mut paths: Vec<String> = snapshot.paths.iter().map(|path| printable(path)).collect();
        if let Some(description) = &snapshot.description {
            paths.push(format!("({})", printable(description.as_bytes())));
        }
        if snapshot.outcome == SnapshotOutcome::Partial {
            paths.push(format!("[partial: {}]", counted(snapshot.counts.problems, "problem", "problems")));
        }
        if let Some(until) = snapshot.hold_until.filter(|until| *until > now()) {
            paths.push(format!("[held until {}]", local(until)));
        }
        if !snapshot.body_readable {
            paths.push("[sealed: a reader's key is needed]".to_owned());
        }
        table.row([
            snapshot.id.short(),
            local(snapshot.time),
            printable(snapshot.host.as_deref().unwrap_or_default().as_bytes()),
            count(snapshot.counts.files),
            size(snapshot.counts.bytes),
            size(snapshot.counts.stored_bytes),
            printable(snapshot.tags.join(",").as_bytes()),
            paths.join(" "),
        ]);
    }
    table
}

/// A snapshot for scripts.
fn record(snapshot: &Snapshot) -> Value {
    let counts = &snapshot.counts;
    let metadata: serde_json::Map<String, Value> =
        snapshot.metadata.iter().map(|(name, value)| (name.clone(), json::hex(value).into())).collect();
    json::record(
        "snapshot",
        json!({
            "id": snapshot.id.to_string(),
            "time": rfc3339(snapshot.time),
            "received": rfc3339(snapshot.received),
            "host": snapshot.host,
            "user": snapshot.user,
            "program": snapshot.program,
            "description": snapshot.description,
            "tags": snapshot.tags,
            "paths": json::paths(&snapshot.paths),
            "parents": snapshot.parents.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "device": snapshot.device.to_string(),
            "outcome": snapshot.outcome.name(),
            "readable": snapshot.body_readable,
            "hold_until": snapshot.hold_until.map(rfc3339),
            "entries": counts.entries,
            "files": counts.files,
            "directories": counts.directories,
            "bytes": counts.bytes,
            "new_bytes": counts.new_bytes,
            "stored_bytes": counts.stored_bytes,
            "problems": counts.problems,
            "metadata": metadata,
        }),
    )
}
