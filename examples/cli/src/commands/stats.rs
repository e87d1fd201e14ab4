//! `strongroom stats`

use super::select::FilterArgs;
use crate::app::App;
use crate::exit::{Exit, Result};
use crate::output::json::record;
use crate::output::table::{Align, Table};
use crate::output::units::{count, counted, local, percent, size};
use crate::signals::Stop;
use clap::Args;
use serde_json::json;

/// Shows how much is stored, and how much of it once
#[derive(Debug, Args)]
pub(crate) struct StatsArgs {
    /// Also shows each snapshot
    #[arg(long)]
    snapshots: bool,
}

pub(crate) fn run(app: &App, args: &StatsArgs) -> Result<Exit> {
    let repository = app.open()?;
    let (ctx, monitor) = app.operation(Stop::Ends);
    let done = repository.stats(&ctx);
    monitor.finish();
    let stats = done?;
    let ui = &app.ui;
    let mut table = Table::new(&[
        ("ID", Align::Left),
        ("TIME", Align::Left),
        ("ENTRIES", Align::Right),
        ("FILES", Align::Right),
        ("SIZE", Align::Right),
    ]);
    if args.snapshots {
        let (snapshots, _) = FilterArgs::default().list(&repository)?;
        for one in &stats.snapshots {
            ui.json(&record(
                "snapshot_stats",
                json!({
                    "id": one.id.to_string(),
                    "readable": one.readable,
                    "entries": one.entries,
                    "files": one.files,
                    "bytes": one.bytes,
                }),
            ))?;
            let time = snapshots.iter().find(|snapshot| snapshot.id == one.id).map(|snapshot| local(snapshot.time));
            let figures = if one.readable { size(one.bytes) } else { "unreadable".to_owned() };
            table.row([one.id.short(), time.unwrap_or_default(), count(one.entries), count(one.files), figures]);
        }
        ui.table(&table)?;
        ui.data("")?;
    }
    ui.json(&record(
        "summary",
        json!({
            "operation": "stats",
            "outcome": if stats.unreadable_nodes == 0 { "complete" } else { "partial" },
            "snapshots": stats.snapshots.len(),
            "raw_bytes": stats.raw_bytes,
            "deduplicated_bytes": stats.deduplicated_bytes,
            "stored_bytes": stats.stored_bytes,
            "packs": stats.packs,
            "segments": stats.segments,
            "blobs": stats.blobs,
            "data_segments": stats.data_segments,
            "tree_nodes": stats.tree_nodes,
            "unreadable_nodes": stats.unreadable_nodes,
            "index_objects": stats.index_objects,
        }),
    ))?;
    let snapshots = stats.snapshots.len() as u64;
    ui.data(&format!(
        "Raw           {:>9}  in {}",
        size(stats.raw_bytes),
        counted(snapshots, "snapshot", "snapshots")
    ))?;
    ui.data(&format!(
        "Deduplicated  {:>9}  {} of raw, before compression",
        size(stats.deduplicated_bytes),
        percent(stats.deduplicated_bytes, stats.raw_bytes)
    ))?;
    ui.data(&format!(
        "Stored        {:>9}  {} of raw, in {}",
        size(stats.stored_bytes),
        percent(stats.stored_bytes, stats.raw_bytes),
        counted(stats.packs, "pack", "packs")
    ))?;
    ui.data(&format!(
        "{}, {}, {}, {}",
        counted(stats.blobs, "blob", "blobs"),
        counted(stats.segments, "segment", "segments"),
        counted(stats.tree_nodes, "tree node", "tree nodes"),
        counted(stats.index_objects, "index object", "index objects")
    ))?;
    if stats.unreadable_nodes == 0 {
        return Ok(Exit::Complete);
    }
    let nodes = counted(stats.unreadable_nodes, "tree node", "tree nodes");
    ui.warn(&format!("{nodes} could not be read, and what is below them is not counted; `strongroom check` says more"));
    Ok(Exit::Damaged)
}
