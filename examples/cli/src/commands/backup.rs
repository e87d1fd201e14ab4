//! `strongroom backup`

use super::select::FilterArgs;
use crate::app::App;
use crate::exit::{Exit, Failure, Result};
use crate::output::json::{self, record};
use crate::output::progress::Monitor;
use crate::output::units::{counted, parse_size, parse_span, parse_time, percent, rate, size, span};
use crate::output::{Paint, Ui};
use crate::place;
use crate::signals::Stop;
use crate::stream::Stdin;
use clap::{Args, ValueHint};
use serde_json::{Value, json};
use std::fs::File;
use std::io::{BufReader, Read};
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use strongroom::{
    BackupOptions, BackupReport, ChangeDetection, EntryPath, FileSource, Outcome, Parent, Repository, Source, Timestamp,
};

/// Backs up files and folders, a stream, or what a tar file holds
///
/// What is unchanged since the newest snapshot of the same host and paths is not read again, and what the repository
/// has is not stored again. Ctrl-C suspends it: the same command goes on with the rest.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("source").args(["paths", "stdin", "tar"]).required(true))]
pub(crate) struct BackupArgs {
    /// Files and folders to back up
    #[arg(value_name = "PATH", value_hint = ValueHint::AnyPath)]
    paths: Vec<PathBuf>,
    /// Backs up standard input as one file
    #[arg(long)]
    stdin: bool,
    /// What that file is called in the snapshot
    #[arg(
        long,
        value_name = "NAME",
        requires = "stdin",
        default_value = "stdin",
        default_value_if("stdin", "false", None)
    )]
    stdin_name: Option<PathBuf>,
    /// Backs up the members of a tar file with their metadata; `-` is standard input
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    tar: Option<PathBuf>,
    /// A tag for the snapshot; may be given several times
    #[arg(long, value_name = "TAG")]
    tag: Vec<String>,
    /// Name of the machine [default: its host name]
    #[arg(long, value_name = "NAME")]
    host: Option<String>,
    /// A sentence on the snapshot
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// How hard to compress: -7 (fastest) to 19 (smallest) [default: 3]
    #[arg(long, value_name = "LEVEL", allow_negative_numbers = true, value_parser = clap::value_parser!(i32).range(-7..=19))]
    level: Option<i32>,
    /// Reads every file, even where size, times and inode number say that it is unchanged
    #[arg(long)]
    read_everything: bool,
    /// Takes a file for unchanged even if its change time differs
    #[arg(long)]
    ignore_ctime: bool,
    /// Takes a file for unchanged even if its inode number differs
    #[arg(long)]
    ignore_inode: bool,
    /// The snapshot to compare with: latest, none, or an id
    #[arg(long, value_name = "SNAPSHOT", default_value = "latest")]
    parent: String,
    /// Makes no snapshot when nothing has changed
    #[arg(long)]
    skip_if_unchanged: bool,
    /// The time the snapshot claims, for imports [default: now]
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    time: Option<Timestamp>,
    /// Suspends after this long, such as 15m; the same command goes on with the rest
    #[arg(long, value_name = "DURATION", value_parser = parse_span)]
    deadline: Option<Duration>,
    // Last, because its heading holds for all that follow.
    #[command(flatten)]
    exclude: ExcludeArgs,
}

/// What to leave out of files and folders.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Leaving out")]
pub(crate) struct ExcludeArgs {
    /// Leaves out what matches a pattern in gitignore syntax; may be given several times
    #[arg(long, value_name = "PATTERN")]
    exclude: Vec<String>,
    /// Leaves out what matches the patterns in a file, one a line
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    exclude_file: Vec<PathBuf>,
    /// Of folders with a CACHEDIR.TAG keeps only the mark
    #[arg(long)]
    exclude_caches: bool,
    /// Of folders that contain something called like this keeps only that
    #[arg(long, value_name = "NAME")]
    exclude_if_present: Vec<PathBuf>,
    /// Stays on the file system each path is on
    #[arg(short = 'x', long)]
    one_file_system: bool,
    /// Leaves out files of more than this size
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    max_size: Option<u64>,
}

impl ExcludeArgs {
    fn is_empty(&self) -> bool {
        self.exclude.is_empty()
            && self.exclude_file.is_empty()
            && self.exclude_if_present.is_empty()
            && !self.exclude_caches
            && !self.one_file_system
            && self.max_size.is_none()
    }

    fn apply(&self, mut source: FileSource) -> FileSource {
        for pattern in &self.exclude {
            source = source.exclude(pattern);
        }
        for file in &self.exclude_file {
            source = source.exclude_file(file);
        }
        for name in &self.exclude_if_present {
            source = source.exclude_if_present(name);
        }
        if let Some(bytes) = self.max_size {
            source = source.max_file_size(bytes);
        }
        source.exclude_caches(self.exclude_caches).one_file_system(self.one_file_system)
    }
}

pub(crate) fn run(app: &App, args: BackupArgs) -> Result<Exit> {
    if args.paths.is_empty() && !args.exclude.is_empty() {
        return Err(Failure::usage("only files and folders can be left out, not parts of a stream"));
    }
    let repository = app.open()?;
    let options = options(&args, &repository)?;
    let (ctx, monitor) = app.operation(Stop::Suspends);
    let ctx = match args.deadline {
        Some(deadline) => {
            let budget = ctx.limits().clone().deadline_in(deadline);
            ctx.budget(budget)
        }
        None => ctx,
    };
    let source = source(app, &args, &monitor, ctx.limits().deadline)?;
    let done = repository.backup(source, &options, &ctx);
    monitor.finish();
    let report = done?;
    app.ui.problems(&report.problems, report.problem_count);
    app.ui.json(&summary(&report))?;
    tell(&app.ui, &report, &repository);
    Ok(report.outcome.into())
}

fn options(args: &BackupArgs, repository: &Repository) -> Result<BackupOptions> {
    let changes = ChangeDetection::default()
        .read_everything(args.read_everything)
        .change_time(!args.ignore_ctime)
        .inode(!args.ignore_inode);
    let parent = match args.parent.as_str() {
        "latest" => Parent::Newest,
        "none" => Parent::None,
        id => Parent::Snapshot(FilterArgs::default().one(repository, id)?.id),
    };
    let mut options = BackupOptions::new()
        .host(args.host.clone().unwrap_or_else(place::host_name))
        .program(concat!("strongroom ", env!("CARGO_PKG_VERSION")))
        .changes(changes)
        .parent(parent)
        .skip_if_unchanged(args.skip_if_unchanged);
    if let Ok(user) = std::env::var("USER").or_else(|_| std::env::var("LOGNAME")) {
        options = options.user(user);
    }
    for tag in &args.tag {
        options = options.tag(tag);
    }
    if let Some(description) = &args.description {
        options = options.description(description);
    }
    if let Some(level) = args.level {
        options = options.level(level);
    }
    if let Some(time) = args.time {
        options = options.time(time);
    }
    Ok(options)
}

fn source(app: &App, args: &BackupArgs, monitor: &Monitor, deadline: Option<Instant>) -> Result<Source> {
    if args.stdin {
        let name = args.stdin_name.as_deref().unwrap_or(Path::new("stdin"));
        return Ok(Source::reader(EntryPath::parse(name)?, Stdin::new(&app.token, deadline)));
    }
    if let Some(file) = &args.tar {
        let (reader, name): (Box<dyn Read + Send>, _) = if file == Path::new("-") {
            (Box::new(Stdin::new(&app.token, deadline)), PathBuf::from("stdin.tar"))
        } else {
            let failed = |error| Failure::io(error, "open the tar file", file.display());
            (Box::new(File::open(file).map_err(failed)?), std::path::absolute(file).map_err(failed)?)
        };
        // A tar stream is known by nothing of its own, and its snapshots should still find each other.
        let source = Source::tar(BufReader::with_capacity(256 * 1024, reader));
        return Ok(source.known_as([name.into_os_string().into_vec()]));
    }
    let place = app.place()?;
    let own = place.folder().and_then(|folder| own_folder(&args.paths, folder));
    if let Some(Own::Unnameable) = own {
        app.ui.warn("the repository lies inside what is backed up, and its name is not UTF-8: it is backed up too");
    }
    let files = || {
        let source = args.exclude.apply(FileSource::new(&args.paths));
        match &own {
            // Last, so that no other pattern takes it back in.
            Some(Own::Pattern(pattern)) => source.exclude(pattern),
            _ => source,
        }
    };
    monitor.count_with(files());
    Ok(files().into())
}

/// The repository inside what is to be backed up.
enum Own {
    Pattern(String),
    Unnameable,
}

/// A repository in the folder it is made from would hold itself, and grow with every backup.
fn own_folder(paths: &[PathBuf], repository: &Path) -> Option<Own> {
    let repository = repository.canonicalize().ok()?;
    let mut given: Vec<PathBuf> = paths.iter().filter_map(|path| path.canonicalize().ok()).collect();
    given.sort();
    given.dedup_by(|inner, outer| inner.starts_with(outer));
    if !given.iter().any(|path| repository.starts_with(path) && repository != *path) {
        return None;
    }
    // Patterns begin at the snapshot's root: the only path, or the deepest folder that contains all.
    let root = match given.as_slice() {
        [only] => only.clone(),
        several => {
            let mut folders = several.iter().map(|path| path.parent().unwrap_or(path));
            let first = folders.next()?;
            let common = |common: &Path, folder: &Path| {
                common.ancestors().find(|outer| folder.starts_with(outer)).unwrap_or(Path::new("/")).to_owned()
            };
            folders.fold(first.to_owned(), |so_far, folder| common(&so_far, folder))
        }
    };
    let below = repository.strip_prefix(&root).ok()?;
    let Some(below) = below.to_str() else { return Some(Own::Unnameable) };
    let mut pattern = String::from("/");
    for character in below.chars() {
        if matches!(character, '*' | '?' | '[' | ']' | '\\' | ' ' | '!' | '#' | '{' | '}') {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    Some(Own::Pattern(pattern))
}

/// The report for scripts.
pub(super) fn summary(report: &BackupReport) -> Value {
    record(
        "summary",
        json!({
            "operation": "backup",
            "outcome": report.outcome.name(),
            "snapshot": report.snapshot.map(|id| id.to_string()),
            "parent": report.parent.map(|id| id.to_string()),
            "entries": report.entries,
            "files": report.files,
            "directories": report.directories,
            "bytes": report.bytes,
            "unchanged": report.unchanged,
            "new_bytes": report.new_bytes,
            "new_blobs": report.new_blobs,
            "stored_bytes": report.stored_bytes,
            "stored_packs": report.stored_packs,
            "problems": report.problem_count,
            "duration": json::seconds(report.duration),
        }),
    )
}

fn tell(ui: &Ui, report: &BackupReport, repository: &Repository) {
    let (title, paint) = match (report.outcome, report.snapshot) {
        (Outcome::Suspended, _) => ("Suspended".to_owned(), Paint::Yellow),
        (Outcome::Partial, Some(id)) => (format!("Snapshot {}, partial", id.short()), Paint::Yellow),
        (_, Some(id)) => (format!("Snapshot {}", id.short()), Paint::Green),
        (_, None) => ("Nothing has changed; no new snapshot".to_owned(), Paint::Green),
    };
    ui.say(&format!("{}  in {}", ui.paint(paint, &title), repository.location()));
    let others = report.entries.saturating_sub(report.files + report.directories);
    let mut parts = vec![counted(report.files, "file", "files"), counted(report.directories, "folder", "folders")];
    if others > 0 {
        parts.push(counted(others, "other", "others"));
    }
    ui.say(&format!("  {}; {}", parts.join(", "), size(report.bytes)));
    if let Some(parent) = report.parent {
        ui.say(&format!("  {} unchanged since {}", counted(report.unchanged, "entry", "entries"), parent.short()));
    }
    ui.say(&format!(
        "  {} new ({}), stored as {} in {}",
        size(report.new_bytes),
        percent(report.new_bytes, report.bytes),
        size(report.stored_bytes),
        counted(report.stored_packs, "pack", "packs"),
    ));
    ui.say(&format!("  {}, {}", span(report.duration), rate(report.bytes, report.duration)));
    match report.outcome {
        Outcome::Suspended => {
            ui.say("What is done so far is kept. Run the same command again to go on with the rest.");
        }
        Outcome::Partial => {
            let count = counted(report.problem_count, "path", "paths");
            ui.say(&format!("{count} could not be backed up as they are; they are named above."));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_inside_its_source_is_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let base = folder.path().canonicalize().unwrap();
        for path in ["home/me/back up", "home/you", "srv"] {
            std::fs::create_dir_all(base.join(path)).unwrap();
        }
        let repository = base.join("home/me/back up");
        let pattern = |paths: &[&str]| {
            let paths: Vec<PathBuf> = paths.iter().map(|path| base.join(path)).collect();
            match own_folder(&paths, &repository) {
                Some(Own::Pattern(pattern)) => Some(pattern),
                _ => None,
            }
        };
        assert_eq!(pattern(&["home"]).as_deref(), Some("/me/back\\ up"));
        assert_eq!(pattern(&["home/you", "home"]).as_deref(), Some("/me/back\\ up"));
        assert_eq!(pattern(&["home/me"]).as_deref(), Some("/back\\ up"));
        assert_eq!(pattern(&["home/me", "home/you"]).as_deref(), Some("/me/back\\ up"));
        assert_eq!(pattern(&["home/me", "srv"]).as_deref(), Some("/home/me/back\\ up"));
        assert_eq!(pattern(&["srv"]), None);
    }
}
