//! `strongroom forget`

mod show;

use super::select::FilterArgs;
use crate::app::App;
use crate::exit::{EXIT_CODES, Exit, Failure, Result};
use crate::output::units::parse_age;
use crate::signals::Stop;
use clap::{Args, ValueHint};
use jiff::tz::TimeZone;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::time::Duration;
use strongroom::{Folder, ForgetOptions, GroupBy, ObjectName, PeriodKind, RetentionPolicy, SnapshotFilter};

/// Removes snapshots by a policy or by name, and says why each stays or goes
///
/// A snapshot stays as soon as one rule keeps it. What counts is when storage received it, not what the device's
/// clock said. The newest of each group stays, and the newest complete one; so does what is held. `strongroom prune`
/// then frees what the removed snapshots alone referred to.
#[derive(Debug, Args)]
#[command(after_long_help = EXIT_CODES)]
#[command(override_usage = "strongroom forget [OPTIONS] SNAPSHOT...
       strongroom forget [OPTIONS] --keep-...
       strongroom forget [OPTIONS] --damaged OBJECT...")]
#[command(group = clap::ArgGroup::new("what").required(true).multiple(true).args([
    "snapshots", "damaged", "keep_last", "keep_hourly", "keep_daily", "keep_weekly", "keep_monthly", "keep_yearly",
    "keep_within", "keep_within_hourly", "keep_within_daily", "keep_within_weekly", "keep_within_monthly",
    "keep_within_yearly", "keep_tag",
]))]
pub(crate) struct ForgetArgs {
    /// Removes these: `latest`, or the beginning of an id
    #[arg(value_name = "SNAPSHOT", conflicts_with_all = ["rules", "choosing"])]
    snapshots: Vec<String>,
    /// Removes these, which cannot be read or trusted: whole ids, or names as other commands show them
    #[arg(long, value_name = "OBJECT", num_args = 1.., value_parser = parse_object)]
    #[arg(conflicts_with_all = ["snapshots", "rules", "choosing"])]
    damaged: Vec<ObjectName>,
    #[command(flatten)]
    rules: Rules,
    #[command(flatten)]
    choosing: Choosing,
    /// Removes nothing, and shows what would be removed
    #[arg(short = 'n', long)]
    dry_run: bool,
    /// Goes on although there are marks that cannot be read, each of which may hold any snapshot
    #[arg(long)]
    despite_unreadable_marks: bool,
}

/// What a policy keeps.
#[derive(Debug, Args)]
#[group(id = "rules", multiple = true)]
#[command(next_help_heading = "Rules")]
struct Rules {
    /// Keeps the last ones
    #[arg(long, value_name = "NUMBER", value_parser = parse_count)]
    keep_last: Option<u32>,
    /// Keeps the first of each of so many hours in which there is one; `all` for all hours
    #[arg(long, value_name = "NUMBER", value_parser = parse_count)]
    keep_hourly: Option<u32>,
    /// Keeps the first of each of so many days
    #[arg(long, value_name = "NUMBER", value_parser = parse_count)]
    keep_daily: Option<u32>,
    /// Keeps the first of each of so many weeks, which begin on Monday
    #[arg(long, value_name = "NUMBER", value_parser = parse_count)]
    keep_weekly: Option<u32>,
    /// Keeps the first of each of so many months
    #[arg(long, value_name = "NUMBER", value_parser = parse_count)]
    keep_monthly: Option<u32>,
    /// Keeps the first of each of so many years
    #[arg(long, value_name = "NUMBER", value_parser = parse_count)]
    keep_yearly: Option<u32>,
    /// Keeps what is younger: 12h, 30d, 8w, 6mo, 1y
    #[arg(long, value_name = "AGE", value_parser = parse_age)]
    keep_within: Option<Duration>,
    /// Keeps the first of each hour that is younger
    #[arg(long, value_name = "AGE", value_parser = parse_age)]
    keep_within_hourly: Option<Duration>,
    /// Keeps the first of each day that is younger
    #[arg(long, value_name = "AGE", value_parser = parse_age)]
    keep_within_daily: Option<Duration>,
    /// Keeps the first of each week that is younger
    #[arg(long, value_name = "AGE", value_parser = parse_age)]
    keep_within_weekly: Option<Duration>,
    /// Keeps the first of each month that is younger
    #[arg(long, value_name = "AGE", value_parser = parse_age)]
    keep_within_monthly: Option<Duration>,
    /// Keeps the first of each year that is younger
    #[arg(long, value_name = "AGE", value_parser = parse_age)]
    keep_within_yearly: Option<Duration>,
    /// Keeps what has this tag; may be given several times
    #[arg(long, value_name = "TAG")]
    keep_tag: Vec<String>,
}

/// To what a policy is applied.
#[derive(Debug, Args)]
#[group(id = "choosing", multiple = true)]
#[command(next_help_heading = "Choosing among snapshots")]
struct Choosing {
    /// Applies the rules to snapshots apart by these: lineage (host and paths), device, host, paths; or `all` together
    #[arg(long, value_name = "WHAT", value_parser = parse_groups)]
    group_by: Option<GroupBy>,
    /// Lets the newest snapshot of a group go too, when no rule keeps it
    #[arg(long)]
    newest_may_go: bool,
    /// By how much a device's clock may disagree with the storage's before that is shown [default: 1d]
    #[arg(long, value_name = "AGE", value_parser = parse_age)]
    clock_tolerance: Option<Duration>,
    /// Leaves alone what was not made on this host
    #[arg(long, value_name = "NAME")]
    host: Option<String>,
    /// Leaves alone what is not of exactly this path, maybe among others
    #[arg(long, value_name = "PATH", value_hint = ValueHint::AnyPath)]
    path: Vec<OsString>,
    /// Leaves alone what does not have this tag
    #[arg(long, value_name = "TAG")]
    tag: Vec<String>,
}

/// An object of the folder of snapshots, by its name with the folder or without it.
fn parse_object(text: &str) -> Result<ObjectName, String> {
    let file = text.strip_prefix("snapshots/").unwrap_or(text);
    ObjectName::new(Folder::Snapshots, file).map_err(|error| error.to_string())
}

fn parse_count(text: &str) -> Result<u32, String> {
    match text {
        "all" => Ok(u32::MAX),
        _ => text.parse().map_err(|_| format!("`{text}` is not a number, nor `all`")),
    }
}

fn parse_groups(text: &str) -> Result<GroupBy, String> {
    if text == "all" {
        return Ok(GroupBy::all_together());
    }
    text.split(',').try_fold(GroupBy::all_together(), |groups, what| match what.trim() {
        "lineage" => Ok(groups.lineage()),
        "device" => Ok(groups.device()),
        "host" => Ok(groups.host()),
        "paths" => Ok(groups.paths()),
        other => Err(format!("`{other}` is none of lineage, device, host, paths and all")),
    })
}

impl Rules {
    fn policy(&self) -> RetentionPolicy {
        let mut policy = RetentionPolicy::new().utc_offset(utc_offset());
        let rules = [
            (PeriodKind::Hour, self.keep_hourly, self.keep_within_hourly),
            (PeriodKind::Day, self.keep_daily, self.keep_within_daily),
            (PeriodKind::Week, self.keep_weekly, self.keep_within_weekly),
            (PeriodKind::Month, self.keep_monthly, self.keep_within_monthly),
            (PeriodKind::Year, self.keep_yearly, self.keep_within_yearly),
        ];
        for (kind, count, within) in rules {
            policy = policy.keep_of(kind, count.unwrap_or(0));
            if let Some(within) = within {
                policy = policy.keep_of_within(kind, within);
            }
        }
        if let Some(count) = self.keep_last {
            policy = policy.keep_last(count);
        }
        if let Some(within) = self.keep_within {
            policy = policy.keep_within(within);
        }
        self.keep_tag.iter().fold(policy, |policy, tag| policy.keep_tag(tag))
    }
}

/// Where days begin at this place, now.
fn utc_offset() -> i32 {
    TimeZone::system().to_offset(jiff::Timestamp::now()).seconds()
}

impl Choosing {
    fn filter(&self) -> SnapshotFilter {
        let mut filter = SnapshotFilter::all();
        if let Some(host) = &self.host {
            filter = filter.host(host);
        }
        for path in &self.path {
            let absolute = std::path::absolute(path).unwrap_or_else(|_| path.into());
            let path = absolute.components().collect::<std::path::PathBuf>().into_os_string().into_vec();
            filter = filter.path(path);
        }
        self.tag.iter().fold(filter, |filter, tag| filter.tag(tag))
    }
}

pub(crate) fn run(app: &App, args: &ForgetArgs) -> Result<Exit> {
    let repository = app.open()?;
    let named = !args.snapshots.is_empty();
    let options = if !args.damaged.is_empty() {
        ForgetOptions::damaged(args.damaged.iter().cloned())
    } else if named {
        let find = |spec: &String| Ok(FilterArgs::default().one(&repository, spec)?.id);
        ForgetOptions::snapshots(args.snapshots.iter().map(find).collect::<Result<Vec<_>>>()?)
    } else {
        let mut policy = args.rules.policy().newest_may_go(args.choosing.newest_may_go);
        if let Some(groups) = args.choosing.group_by {
            policy = policy.group_by(groups);
        }
        if let Some(tolerance) = args.choosing.clock_tolerance {
            policy = policy.clock_tolerance(tolerance);
        }
        ForgetOptions::by_policy(policy).filter(args.choosing.filter())
    };
    let options = options.dry_run(args.dry_run).despite_unreadable_marks(args.despite_unreadable_marks);
    let (ctx, monitor) = app.operation(Stop::Ends);
    let done = repository.forget(&options, &ctx);
    monitor.finish();
    let report = done.map_err(|error| {
        let denied = matches!(error.kind(), strongroom::ErrorKind::PermissionDenied | strongroom::ErrorKind::ReadOnly);
        let failure = Failure::from(error);
        if denied { failure.hint("forget with an account that may delete, where the storage is run") } else { failure }
    })?;
    show::report(&app.ui, &report)?;
    // Whoever named one wants it gone.
    let partial = !report.rejected.is_empty() || ((named || !args.damaged.is_empty()) && report.kept > 0);
    Ok(if partial { Exit::Partial } else { Exit::Complete })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_named_in_any_order() {
        assert_eq!(parse_groups("device, lineage"), Ok(GroupBy::default()));
        assert_eq!(parse_groups("host,paths"), Ok(GroupBy::all_together().host().paths()));
        assert_eq!(parse_groups("all"), Ok(GroupBy::all_together()));
        for wrong in ["", "tags", "host,", "all,host"] {
            assert!(parse_groups(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn objects_are_named_with_their_folder_or_without() {
        let name = "ab".repeat(32);
        assert_eq!(parse_object(&name), parse_object(&format!("snapshots/{name}")));
        assert_eq!(parse_object(&name).unwrap().to_string(), format!("snapshots/{name}"));
        for wrong in ["", "packs/ab", "../config", "A B"] {
            assert!(parse_object(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn counts_are_numbers_or_all() {
        assert_eq!(parse_count("7"), Ok(7));
        assert_eq!(parse_count("all"), Ok(u32::MAX));
        for wrong in ["", "-1", "x", "4294967296"] {
            assert!(parse_count(wrong).is_err(), "{wrong}");
        }
    }
}
