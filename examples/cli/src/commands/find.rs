//! `strongroom find`

use super::select::FilterArgs;
use crate::app::App;
use crate::exit::{Exit, Result};
use crate::output::json;
use crate::output::text::printable;
use crate::output::units::{counted, local, rfc3339, size};
use clap::Args;
use strongroom::{EntryKind, Pattern, Snapshot};

/// Finds paths by a pattern, in all snapshots unless some are named
///
/// `*` and `?` match within a name, `**` across folders; {a,b} and [a-z] as usual. A pattern without a slash is
/// compared with names, one with a slash with whole paths.
#[derive(Debug, Args)]
pub(crate) struct FindArgs {
    /// What to look for, such as '*.jpg' or 'album/**/1.jpg'
    pattern: String,
    /// Looks only in this snapshot; may be given several times
    #[arg(long, value_name = "SNAPSHOT")]
    snapshot: Vec<String>,
    /// Takes upper and lower case for the same
    #[arg(short, long)]
    ignore_case: bool,
    #[command(flatten)]
    filter: FilterArgs,
}

pub(crate) fn run(app: &App, args: &FindArgs) -> Result<Exit> {
    let pattern = match args.ignore_case {
        true => Pattern::glob_any_case(&args.pattern)?,
        false => Pattern::glob(&args.pattern)?,
    };
    let repository = app.open()?;
    let (snapshots, unreadable) = if args.snapshot.is_empty() {
        args.filter.list(&repository)?
    } else {
        let named: Result<Vec<Snapshot>> =
            args.snapshot.iter().map(|spec| args.filter.one(&repository, spec)).collect();
        (named?, Vec::new())
    };
    let ui = &app.ui;
    let mut found = 0u64;
    for snapshot in &snapshots {
        let mut heading = Some(format!("{}  {}", snapshot.id.short(), local(snapshot.time)));
        for entry in repository.find(&snapshot.id, &pattern)? {
            let entry = entry?;
            found += 1;
            if ui.is_json() {
                let mut object = json::object("match");
                json::extend(
                    &mut object,
                    serde_json::json!({ "snapshot": snapshot.id.to_string(), "time": rfc3339(snapshot.time) }),
                );
                object.extend(json::entry(&entry));
                ui.json(&object.into())?;
                continue;
            }
            if let Some(heading) = heading.take() {
                ui.data(&ui.paint(crate::output::Paint::Bold, &heading))?;
            }
            let (extent, end) = match entry.kind {
                EntryKind::File => (size(entry.size), ""),
                EntryKind::Directory => (String::new(), "/"),
                _ => (String::new(), ""),
            };
            let path = printable(&entry.path.to_os_bytes());
            ui.data(&format!("  {}  {extent:>9}  {path}{end}", local(entry.metadata.modified)))?;
        }
    }
    for error in &unreadable {
        ui.warn(&error.to_string());
    }
    let looked = counted(snapshots.len() as u64, "snapshot", "snapshots");
    ui.say(&format!("{} in {looked}", counted(found, "match", "matches")));
    Ok(if unreadable.is_empty() { Exit::Complete } else { Exit::Partial })
}
