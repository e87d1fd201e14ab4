//! `strongroom key rotate`, and what other commands say of an epoch they began.

use crate::app::App;
use crate::exit::{Exit, Result};
use crate::output::json::record;
use crate::output::text::printable;
use crate::signals::Stop;
use clap::Args;
use serde_json::{Value, json};
use strongroom::{RevokeOptions, RotationReport};

/// Whether a new epoch begins.
#[derive(Debug, Args)]
pub(super) struct EpochArgs {
    /// Makes no new keys: whoever is shut out can read what is written from now on, if it gets hold of it
    ///
    /// A key that is removed like this goes without its holder being shut out.
    #[arg(long)]
    keep_epoch: bool,
}

impl EpochArgs {
    pub(super) fn options(&self) -> RevokeOptions {
        RevokeOptions::new().keep_epoch(self.keep_epoch)
    }
}

pub(super) fn run(app: &App) -> Result<Exit> {
    let repository = app.open()?;
    let (ctx, monitor) = app.operation(Stop::Ends);
    let report = repository.rotate(&ctx);
    monitor.finish();
    let report = report?;
    let complete = is_complete(&report);
    let mut summary = fields(&report);
    if let Value::Object(map) = &mut summary {
        map.insert("operation".to_owned(), "key rotate".into());
        map.insert("outcome".to_owned(), if complete { "complete" } else { "partial" }.into());
    }
    app.ui.json(&record("summary", summary))?;
    say(app, &report);
    Ok(if complete { Exit::Complete } else { Exit::Partial })
}

/// Whether everybody was handed the new keys, and nothing is left to be removed.
pub(super) fn is_complete(report: &RotationReport) -> bool {
    report.left_behind.is_empty() && report.remaining.is_empty()
}

pub(super) fn fields(report: &RotationReport) -> Value {
    let left_behind = report.left_behind.iter().map(|left| {
        json!({
            "name": left.name,
            "role": left.role.name(),
            "device": left.device.map(|device| device.to_string()),
            "key": left.slot.map(|slot| slot.to_string()),
        })
    });
    json!({
        "epoch": report.epoch,
        "handed_out": report.handed_out,
        "removed_keys": report.removed.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "remaining_keys": report.remaining.iter().map(|(slot, _)| slot.to_string()).collect::<Vec<_>>(),
        "left_behind": left_behind.collect::<Vec<_>>(),
        "at_work": report.at_work.iter().map(ToString::to_string).collect::<Vec<_>>(),
    })
}

pub(super) fn say(app: &App, report: &RotationReport) {
    let holders = match report.handed_out {
        0 => "only owners have its keys".to_owned(),
        1 => "its keys were handed to 1 holder beside owners".to_owned(),
        count => format!("its keys were handed to {count} holders beside owners"),
    };
    app.ui.say(&format!("Epoch {} has begun; {holders}", report.epoch));
    for left in &report.left_behind {
        let name = printable(left.name.as_bytes());
        app.ui.warn(&format!(
            "{name} ({}) could not be handed the new keys and cannot write any more: remove its key and add it anew",
            left.role
        ));
    }
    for (slot, error) in &report.remaining {
        app.ui.warn(&format!("key {}, which is superfluous now, could not be removed: {error}", slot.short()));
    }
    if !report.at_work.is_empty() {
        app.ui.warn(&format!(
            "{} at work now still write with the keys before",
            if report.at_work.len() == 1 {
                "the session".to_owned()
            } else {
                format!("{} sessions", report.at_work.len())
            }
        ));
    }
}
