//! `strongroom quickstart`: the whole way there and back on a real folder, checked by reading it.

mod compare;
mod home;
#[cfg(feature = "service")]
mod hosted;
mod sample;
#[cfg(test)]
mod tests;

use super::backup;
use crate::app::App;
use crate::exit::{Exit, Failure, Result};
use crate::output::json::{self, record};
use crate::output::text::printable;
use crate::output::units::{counted, percent, rate, size, span};
use crate::output::{Paint, Ui};
use crate::signals::Stop;
use clap::{Args, ValueHint};
use compare::Comparison;
use home::{Device, Home};
use serde_json::json;
use std::fs;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use strongroom::{
    BackupOptions, BackupReport, CheckOptions, CheckReport, CreateOptions, FileSource, OpenOptions, Outcome,
    RestoreOptions, RestoreReport, Role, SnapshotFilter,
};

/// Shows the whole way: backs up a folder, restores it elsewhere, and compares the two
///
/// Registers at an account service that it runs itself, signs in on two devices, and makes a repository in a vault there, or
/// in a folder where this program is built without the service; backs the folder up twice; restores it as a second device
/// would; compares content, modes, owners, times, links and attributes by reading both; and checks everything that is stored.
/// Ends with an error when anything differs. All of it is made in a fresh temporary folder.
#[derive(Debug, Args)]
pub(crate) struct QuickstartArgs {
    /// The folder to back up; folders marked as caches are left out [default: a small sample with one of everything]
    #[arg(value_hint = ValueHint::DirPath)]
    folder: Option<PathBuf>,
    /// Where to make the temporary folder [default: the system's place for them]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    within: Option<PathBuf>,
    /// Removes everything it made when it is done
    #[arg(long)]
    clean: bool,
    /// Keeps the repository in a folder, with a passphrase and a recovery code, and runs no account service
    #[cfg(feature = "service")]
    #[arg(long)]
    without_service: bool,
}

/// Everything that is made, in one temporary folder.
struct Places {
    base: PathBuf,
    repository: PathBuf,
    restored: PathBuf,
    passphrase: PathBuf,
    recovery_code: PathBuf,
    #[cfg(feature = "service")]
    password: PathBuf,
}

struct Done {
    location: String,
    /// Whether the repository was in a vault, whose service has ended with this program.
    hosted: bool,
    created: Duration,
    first: BackupReport,
    second: BackupReport,
    restored: RestoreReport,
    compared: (Comparison, Duration),
    checked: CheckReport,
}

pub(crate) fn run(app: &App, args: &QuickstartArgs) -> Result<Exit> {
    if app.global.repository.is_some() && std::env::var_os("STRONGROOM_REPOSITORY").is_none() {
        return Err(Failure::usage("the quickstart makes a repository of its own; leave --repository out"));
    }
    let mut builder = tempfile::Builder::new();
    let builder = builder.prefix("strongroom-quickstart-");
    let base = match &args.within {
        Some(folder) => builder.tempdir_in(folder),
        None => builder.tempdir(),
    };
    let base = base.map_err(|error| Failure::io(error, "make a temporary folder", "for the quickstart"))?;
    let places = Places::new(base.path());
    let failed = |error| Failure::io(error, "make the sample", places.base.display());
    let folder = match &args.folder {
        Some(folder) if folder.is_dir() => folder.clone(),
        Some(other) => return Err(Failure::usage(format!("{} is not a folder", other.display()))),
        None => {
            let sample = places.base.join("sample");
            sample::make(&sample).map_err(failed)?;
            // A file written a moment before it is read is not trusted to be unchanged the next time.
            std::thread::sleep(Duration::from_millis(50));
            sample
        }
    };
    let ended = go(app, args, &folder, &places);
    if args.clean {
        drop(base);
    } else {
        let _ = base.keep();
    }
    ended.and_then(|done| report(app, &folder, &places, &done, args.clean))
}

impl Places {
    fn new(base: &Path) -> Self {
        let at = |name: &str| base.join(name);
        Places {
            base: base.to_owned(),
            repository: at("repository"),
            restored: at("restored"),
            passphrase: at("passphrase"),
            recovery_code: at("recovery-code"),
            #[cfg(feature = "service")]
            password: at("password"),
        }
    }

    fn cache(&self, device: &str) -> PathBuf {
        self.base.join("cache").join(device)
    }
}

/// Steps that are done, numbered.
struct Steps<'a> {
    ui: &'a Ui,
    count: u32,
}

impl Steps<'_> {
    fn done(&mut self, what: &str, time: Duration) {
        self.count += 1;
        let number = self.ui.paint(Paint::Green, &format!("{:>2}", self.count));
        let time = self.ui.paint(Paint::Dim, &format!("{:>8}", span(time)));
        self.ui.say(&format!("{number}  {time}   {what}"));
    }
}

/// Does it all, each step as a program of its own would: nothing but the folder and a secret passes between them.
fn go(app: &App, args: &QuickstartArgs, folder: &Path, places: &Places) -> Result<Done> {
    let ui = &app.ui;
    ui.say(&ui.paint(Paint::Bold, "Strongroom quickstart"));
    ui.say("");
    let mut steps = Steps { ui, count: 0 };
    #[cfg(feature = "service")]
    let home = match args.without_service {
        true => Home::folder(places)?,
        false => Home::service(places, &mut steps)?,
    };
    #[cfg(not(feature = "service"))]
    let (home, _) = (Home::folder(places)?, args);
    let began = Instant::now();
    let first_device = OpenOptions::new().state_folder(places.cache("first-device"));
    let options = CreateOptions::new().label("quickstart").state_folder(places.cache("first-device"));
    let repository = home.create(places, &options)?;
    let location = repository.location();
    let (_, code) = repository.add_recovery_code(Role::Owner, "recovery code")?;
    write_secret(&places.recovery_code, &code.reveal())?;
    drop(repository);
    let created = began.elapsed();
    steps.done(home.made(), created);

    let back_up = |first: bool| -> Result<BackupReport> {
        let repository = home.open(places, Device::First, &first_device)?;
        let (ctx, monitor) = app.operation(Stop::Ends);
        let source = || FileSource::new([folder]).exclude_caches(true);
        if first {
            monitor.count_with(source());
        }
        let options = BackupOptions::new().host(crate::place::host_name()).tag("quickstart");
        let done = repository.backup(source(), &options, &ctx);
        monitor.finish();
        let report = done?;
        ui.problems(&report.problems, report.problem_count);
        ui.json(&backup::summary(&report))?;
        stop_if_suspended(report.outcome)?;
        Ok(report)
    };
    let first = back_up(true)?;
    let what = format!(
        "Backed up {}: {}, {}, {}",
        folder.display(),
        counted(first.files, "file", "files"),
        counted(first.directories, "folder", "folders"),
        size(first.bytes)
    );
    steps.done(&what, first.duration);
    let second = back_up(false)?;
    let what = format!(
        "Backed up again: {} of {} unchanged, {} new",
        counted(second.unchanged, "entry", "entries"),
        crate::output::units::count(second.entries),
        size(second.new_bytes)
    );
    steps.done(&what, second.duration);

    let second_device = OpenOptions::new().state_folder(places.cache("second-device"));
    let repository = home.open(places, Device::Second, &second_device)?;
    let snapshot = repository.snapshot("latest", &SnapshotFilter::all())?;
    let (ctx, monitor) = app.operation(Stop::Ends);
    let done = repository.restore(&snapshot.id, &RestoreOptions::to(&places.restored), &ctx);
    monitor.finish();
    let restored = done?;
    ui.problems(&restored.problems, restored.problem_count);
    stop_if_suspended(restored.outcome)?;
    let what = format!("Restored {} on a second device, {}", size(restored.bytes), home.key_of_the_second());
    steps.done(&what, restored.elapsed);

    let began = Instant::now();
    let compared = compare::compare(folder, &places.restored)
        .map_err(|error| Failure::io(error, "compare the folders", places.restored.display()))?;
    let compared = (compared, began.elapsed());
    let found = match compared.0.count {
        0 => "all equal".to_owned(),
        count => ui.paint(Paint::Red, &counted(count, "difference", "differences")),
    };
    let owners = if compared.0.owners { "owners, " } else { "" };
    let what = format!(
        "Compared {} (content, modes, {owners}times, links, attributes): {found}",
        counted(compared.0.entries, "entry", "entries"),
    );
    steps.done(&what, compared.1);

    let (ctx, monitor) = app.operation(Stop::Ends);
    let done = repository.check(&CheckOptions::new().read_data(100.0).verify_content(true), &ctx);
    monitor.finish();
    let checked = done?;
    stop_if_suspended(checked.outcome)?;
    let found = match checked.problem_count {
        0 => "no damage".to_owned(),
        count => ui.paint(Paint::Red, &counted(count, "problem", "problems")),
    };
    let what = format!("Checked {} of stored data, every blob decrypted: {found}", size(checked.bytes_read));
    steps.done(&what, checked.duration);
    drop(repository);
    #[cfg(feature = "service")]
    if let Home::Service(hosted) = &home {
        hosted.finish(&mut steps)?;
    }
    let hosted = !matches!(home, Home::Folder { .. });
    Ok(Done { location, hosted, created, first, second, restored, compared, checked })
}

fn write_secret(path: &Path, secret: &str) -> Result {
    let failed = |error| Failure::io(error, "keep the secret", path.display());
    let mut file = fs::File::options().write(true).create_new(true).mode(0o600).open(path).map_err(failed)?;
    writeln!(file, "{secret}").map_err(failed)
}

fn stop_if_suspended(outcome: Outcome) -> Result {
    match outcome {
        Outcome::Suspended => Err(Failure::new(Exit::Cancelled, "the quickstart was stopped")),
        _ => Ok(()),
    }
}

fn report(app: &App, folder: &Path, places: &Places, done: &Done, clean: bool) -> Result<Exit> {
    let ui = &app.ui;
    let Done { location, hosted, created, first, second, restored, compared: (compared, compare_time), checked } = done;
    let equal = compared.count == 0 && checked.is_sound();
    let exit = match (equal, first.outcome, restored.outcome) {
        (false, ..) => Exit::Error,
        (true, Outcome::Complete, Outcome::Complete) => Exit::Complete,
        _ => Exit::Partial,
    };
    let stored = first.stored_bytes + second.stored_bytes;
    let named = |(path, how): &(PathBuf, String)| format!("{}: {how}", printable(path.as_os_str().as_bytes()));
    let differences: Vec<String> = compared.differences.iter().map(named).collect();
    ui.json(&record(
        "summary",
        json!({
            "operation": "quickstart",
            "outcome": if exit == Exit::Complete { "complete" } else { "partial" },
            "folder": folder.to_string_lossy(),
            "repository": location,
            "hosted": hosted,
            "restored": places.restored.to_string_lossy(),
            "entries": compared.entries,
            "bytes": first.bytes,
            "stored_bytes": stored,
            "differences": compared.count,
            "difference_list": differences,
            "check_problems": checked.problem_count,
            "create_duration": json::seconds(*created),
            "first_duration": json::seconds(first.duration),
            "second_duration": json::seconds(second.duration),
            "restore_duration": json::seconds(restored.elapsed),
            "compare_duration": json::seconds(*compare_time),
            "check_duration": json::seconds(checked.duration),
        }),
    ))?;
    for difference in &differences {
        ui.stderr_line(&format!("{} {difference}", ui.paint_err(Paint::Red, "difference:")));
    }
    for problem in &checked.problems {
        ui.stderr_line(&format!("{} {problem}", ui.paint_err(Paint::Red, "damage:")));
    }
    ui.say("");
    let verdict = match exit {
        Exit::Complete => ui.paint(Paint::Green, "The restored folder is the same as the original."),
        Exit::Partial => {
            ui.paint(Paint::Yellow, "What could be read was backed up and restored; the rest is named above.")
        }
        _ => ui.paint(Paint::Red, "The restored folder is not the same as the original."),
    };
    ui.say(&verdict);
    ui.say(&format!(
        "{} of files, backed up twice, take {} ({}) in the repository. Backup {}, restore {}.",
        size(first.bytes),
        size(stored),
        percent(stored, first.bytes),
        rate(first.bytes, first.duration),
        rate(restored.bytes, restored.elapsed),
    ));
    if clean {
        ui.say("All of it was removed again.");
        return Ok(exit);
    }
    let base = places.base.display();
    ui.say("");
    match hosted {
        true => ui.say(&format!("  service     {base}/service (accounts, and objects that it cannot read)")),
        false => ui.say(&format!("  repository  {base}/repository")),
    }
    ui.say(&format!("  restored    {base}/restored"));
    ui.say("");
    ui.say("To look further:");
    if !hosted {
        ui.say(&format!("  export STRONGROOM_REPOSITORY={base}/repository"));
        ui.say(&format!("  export STRONGROOM_PASSPHRASE=\"$(cat {base}/passphrase)\""));
        for verb in ["snapshots", "ls latest -l"] {
            ui.say(&format!("  {} {verb}", program()));
        }
    }
    ui.say(&format!("  {} --help", program()));
    ui.say(&format!("  rm -r {base}"));
    Ok(exit)
}

/// This program as whoever reads the report can call it.
fn program() -> String {
    match std::env::current_exe() {
        Ok(path) => {
            let here = std::env::current_dir().ok();
            let short = here.as_deref().and_then(|here| path.strip_prefix(here).ok()).unwrap_or(&path);
            short.display().to_string()
        }
        Err(_) => "strongroom".to_owned(),
    }
}
