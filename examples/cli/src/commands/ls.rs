//! `strongroom ls`

use super::select::{FilterArgs, missing_path};
use crate::app::App;
use crate::args::{SnapshotPath, SnapshotPathParser};
use crate::exit::{Exit, Result};
use crate::output::json;
use crate::output::text::{printable, width};
use crate::output::units::{local, size};
use clap::Args;
use strongroom::{Entry, EntryKind, EntryPath};

/// Lists what is in a snapshot, or in a folder of it
#[derive(Debug, Args)]
pub(crate) struct LsArgs {
    /// Which snapshot: `latest` or the beginning of an id; and a path in it
    #[arg(value_name = "SNAPSHOT[:PATH]", value_parser = SnapshotPathParser)]
    snapshot: SnapshotPath,
    /// Shows mode, owner, size and time
    #[arg(short, long)]
    long: bool,
    /// Lists folders inside too, to any depth
    #[arg(short = 'R', long)]
    recursive: bool,
    #[command(flatten)]
    filter: FilterArgs,
}

pub(crate) fn run(app: &App, args: &LsArgs) -> Result<Exit> {
    let repository = app.open()?;
    let path = &args.snapshot.path;
    let snapshot = args.filter.one(&repository, &args.snapshot.snapshot)?;
    let listing =
        repository.list(&snapshot.id, path, args.recursive).map_err(|error| missing_path(error, &snapshot, path))?;
    let ui = &app.ui;
    for entry in listing {
        let entry = entry?;
        if ui.is_json() {
            let mut object = json::object("entry");
            object.extend(json::entry(&entry));
            ui.json(&object.into())?;
        } else if args.long {
            ui.data(&long(&entry, path))?;
        } else {
            ui.data(&name(&entry, path))?;
        }
    }
    Ok(Exit::Complete)
}

/// The name below the folder that is listed; of a single file its whole path.
fn name(entry: &Entry, folder: &EntryPath) -> String {
    let depth = if entry.path == *folder { 0 } else { folder.depth() };
    let names: Vec<&[u8]> = entry.path.names().skip(depth).collect();
    let mut name = printable(&names.join(&b'/'));
    if entry.kind == EntryKind::Directory {
        name.push('/');
    }
    name
}

/// As `ls -l` shows it.
pub(super) fn long(entry: &Entry, folder: &EntryPath) -> String {
    let owner = &entry.metadata.owner;
    let or_number = |name: &str, number: u32| if name.is_empty() { number.to_string() } else { name.to_owned() };
    let extent = match entry.kind {
        EntryKind::CharDevice { major, minor } | EntryKind::BlockDevice { major, minor } => format!("{major}, {minor}"),
        EntryKind::File => size(entry.size),
        _ => String::new(),
    };
    let mut line = format!(
        "{}{} {} {} {}  {}  {}",
        mode(entry),
        if entry.metadata.xattrs.is_empty() { ' ' } else { '+' },
        pad(&or_number(&owner.user, owner.uid), 8),
        pad(&or_number(&owner.group, owner.gid), 8),
        format_args!("{extent:>9}"),
        local(entry.metadata.modified),
        name(entry, folder),
    );
    if let EntryKind::Symlink { target } = &entry.kind {
        line.push_str(" -> ");
        line.push_str(&printable(target));
    }
    line
}

fn pad(text: &str, columns: usize) -> String {
    let text = printable(text.as_bytes());
    let missing = columns.saturating_sub(width(&text));
    text + &" ".repeat(missing)
}

/// Type and permissions as ten characters: `drwxr-xr-t`.
fn mode(entry: &Entry) -> String {
    let kind = match entry.kind {
        EntryKind::File => '-',
        EntryKind::Directory => 'd',
        EntryKind::Symlink { .. } => 'l',
        EntryKind::Fifo => 'p',
        EntryKind::Socket => 's',
        EntryKind::CharDevice { .. } => 'c',
        EntryKind::BlockDevice { .. } => 'b',
        _ => '?',
    };
    let mode = entry.metadata.mode;
    let mut text = String::from(kind);
    for (shift, special, both, alone) in [(6, 0o4000, 's', 'S'), (3, 0o2000, 's', 'S'), (0, 0o1000, 't', 'T')] {
        let bits = mode >> shift;
        text.push(if bits & 4 != 0 { 'r' } else { '-' });
        text.push(if bits & 2 != 0 { 'w' } else { '-' });
        text.push(match (mode & special != 0, bits & 1 != 0) {
            (true, true) => both,
            (true, false) => alone,
            (false, true) => 'x',
            (false, false) => '-',
        });
    }
    text
}
