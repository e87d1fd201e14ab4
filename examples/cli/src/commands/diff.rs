//! `strongroom diff`

use super::select::FilterArgs;
use crate::app::App;
use crate::args::EntryPathParser;
use crate::exit::{Exit, Failure, Result};
use crate::output::json;
use crate::output::text::printable;
use crate::output::units::{count, size};
use crate::output::{Paint, Ui};
use crate::signals::Stop;
use clap::Args;
use serde_json::{Value, json};
use strongroom::{Changes, Difference, EntryKind, EntryPath};

/// Shows what differs between two snapshots
#[derive(Debug, Args)]
pub(crate) struct DiffArgs {
    /// The snapshot before: `latest` or the beginning of an id
    #[arg(value_name = "SNAPSHOT")]
    older: String,
    /// The snapshot after
    #[arg(value_name = "SNAPSHOT")]
    newer: String,
    /// Only what is at or below this path of both
    #[arg(value_name = ":PATH", value_parser = EntryPathParser)]
    within: Option<EntryPath>,
    /// Also shows paths of which nothing but times changed
    #[arg(long)]
    times: bool,
    #[command(flatten)]
    filter: FilterArgs,
}

#[derive(Default)]
struct Counts {
    added: u64,
    removed: u64,
    changed: u64,
    added_bytes: u64,
    removed_bytes: u64,
}

pub(crate) fn run(app: &App, args: &DiffArgs) -> Result<Exit> {
    let repository = app.open()?;
    let before = args.filter.one(&repository, &args.older)?;
    let after = args.filter.one(&repository, &args.newer)?;
    let (ctx, monitor) = app.operation(Stop::Ends);
    let within = args.within.clone().unwrap_or_default();
    let ui = &app.ui;
    let mut counts = Counts::default();
    // Of an error while writing, the library hears only that it is to stop.
    let mut output = None::<Failure>;
    let compared = repository.diff(
        &before.id,
        &after.id,
        &mut |difference| {
            let changes = difference.what_changed();
            let only_times = matches!(difference, Difference::Changed { .. }) && is_only_times(changes);
            if !difference.path().is_within(&within) || (only_times && !args.times) {
                return Ok(());
            }
            counts.add(&difference, changes);
            show(ui, &difference, changes).map_err(|failure| {
                output = Some(failure);
                strongroom::Error::new(strongroom::ErrorKind::Cancelled, "write the output")
            })
        },
        &ctx,
    );
    monitor.finish();
    if let Some(failure) = output {
        return Err(failure);
    }
    compared?;
    if ui.is_json() {
        ui.json(&json::record(
            "summary",
            json!({
                "operation": "diff",
                "outcome": "complete",
                "before": before.id.to_string(),
                "after": after.id.to_string(),
                "added": counts.added,
                "removed": counts.removed,
                "changed": counts.changed,
                "added_bytes": counts.added_bytes,
                "removed_bytes": counts.removed_bytes,
            }),
        ))?;
    }
    ui.say(&format!(
        "{} added ({}), {} removed ({}), {} changed",
        count(counts.added),
        size(counts.added_bytes),
        count(counts.removed),
        size(counts.removed_bytes),
        count(counts.changed)
    ));
    Ok(Exit::Complete)
}

impl Counts {
    fn add(&mut self, difference: &Difference, changes: Changes) {
        match difference {
            Difference::Added(entry) => {
                self.added += 1;
                self.added_bytes += entry.size;
            }
            Difference::Removed(entry) => {
                self.removed += 1;
                self.removed_bytes += entry.size;
            }
            Difference::Changed { before, after } => {
                self.changed += 1;
                if changes.content || changes.kind {
                    self.added_bytes += after.size;
                    self.removed_bytes += before.size;
                }
            }
            _ => {}
        }
    }
}

/// Whether nothing but the time changed: of folders that is so whenever something in them came or went.
fn is_only_times(changes: Changes) -> bool {
    changes.modified && changes.names() == ["times"]
}

trait Names {
    fn names(&self) -> Vec<&'static str>;
}

impl Names for Changes {
    fn names(&self) -> Vec<&'static str> {
        [
            (self.kind, "kind"),
            (self.content, "content"),
            (self.mode, "mode"),
            (self.owner, "owner"),
            (self.modified, "times"),
            (self.xattrs, "xattrs"),
        ]
        .into_iter()
        .filter_map(|(set, name)| set.then_some(name))
        .collect()
    }
}

fn show(ui: &Ui, difference: &Difference, changes: Changes) -> Result {
    let (change, sign, paint, entry) = match difference {
        Difference::Added(entry) => ("added", '+', Paint::Green, entry),
        Difference::Removed(entry) => ("removed", '-', Paint::Red, entry),
        Difference::Changed { after, .. } => ("changed", '~', Paint::Yellow, after.as_ref()),
        _ => return Ok(()),
    };
    if ui.is_json() {
        let mut object = json::object("difference");
        object.insert("change".to_owned(), change.into());
        if let Difference::Changed { before, after } = difference {
            json::put_path(&mut object, &after.path.to_os_bytes());
            json::extend(
                &mut object,
                json!({
                    "what": changes.names(),
                    "before": Value::Object(json::entry(before)),
                    "after": Value::Object(json::entry(after)),
                }),
            );
        } else {
            object.extend(json::entry(entry));
        }
        return ui.json(&object.into());
    }
    let mut path = printable(&entry.path.to_os_bytes());
    if path.is_empty() {
        path.push('.');
    }
    if entry.kind == EntryKind::Directory {
        path.push('/');
    }
    let what = match difference {
        Difference::Changed { .. } => format!("  ({})", changes.names().join(", ")),
        _ => String::new(),
    };
    ui.data(&format!("{} {path}{}", ui.paint(paint, &sign.to_string()), ui.paint(Paint::Dim, &what)))
}
