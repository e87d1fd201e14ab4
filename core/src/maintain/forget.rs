//! Removing snapshots. Content that nothing refers to any more is left to pruning.

use super::retention::{KeepReason, RemoveReason, RetentionDecision, RetentionGroup, RetentionPolicy, held};
use crate::backend::{Folder, ObjectName};
use crate::context::Context;
use crate::error::{Error, ErrorKind, Result, invalid};
use crate::format::entry::Timestamp;
use crate::format::lease::LeasePurpose;
use crate::id::SnapshotId;
use crate::store::devices::DeviceList;
use crate::store::filter::SnapshotFilter;
use crate::store::leases;
use crate::store::snapshots::Snapshots;
use crate::store::write::new_session;
use crate::store::{Store, clock};
use std::collections::HashSet;
use std::time::Duration;

const FORGET: &str = "forget snapshots";

/// Which snapshots [`forget`](crate::Repository::forget) removes.
///
/// ```
/// use strongroom::{ForgetOptions, RetentionPolicy};
/// let policy = RetentionPolicy::new().keep_daily(7).keep_weekly(8);
/// let options = ForgetOptions::by_policy(policy).dry_run(true);
/// # let _ = options;
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
#[must_use]
pub struct ForgetOptions {
    choice: Choice,
    filter: SnapshotFilter,
    dry_run: bool,
    despite_unreadable_marks: bool,
}

#[derive(Debug, Clone)]
enum Choice {
    Policy(RetentionPolicy),
    Named(Vec<SnapshotId>),
    Damaged(Vec<ObjectName>),
}

impl ForgetOptions {
    /// Removes what a policy does not keep.
    pub fn by_policy(policy: RetentionPolicy) -> Self {
        Self::new(Choice::Policy(policy))
    }

    /// Removes these snapshots, but those that are held.
    pub fn snapshots(ids: impl IntoIterator<Item = SnapshotId>) -> Self {
        Self::new(Choice::Named(ids.into_iter().collect()))
    }

    /// Removes these objects of the folder of snapshots, which have to be damaged, untrusted or no snapshots at all. What
    /// only they lead to is freed by the next [`prune`](crate::Repository::prune), which removes nothing as long as
    /// there is a snapshot that it cannot read. A sound snapshot is refused, and so is one that another version or
    /// another key can read; one that is held stays until
    /// its hold is [ended](crate::Repository::release).
    pub fn damaged(objects: impl IntoIterator<Item = ObjectName>) -> Self {
        Self::new(Choice::Damaged(objects.into_iter().collect()))
    }

    fn new(choice: Choice) -> Self {
        ForgetOptions { choice, filter: SnapshotFilter::all(), dry_run: false, despite_unreadable_marks: false }
    }

    /// Leaves snapshots alone that the filter does not accept; to a policy they do not exist. Of no effect on
    /// snapshots that are named, nor on damaged ones.
    pub fn filter(mut self, filter: SnapshotFilter) -> Self {
        self.filter = filter;
        self
    }

    /// Removes nothing, and only tells what would be removed. Leaves a lease like any other run, to be told what time it
    /// is by the storage's clock.
    pub fn dry_run(mut self, dry_run: bool) -> Self {
        self.dry_run = dry_run;
        self
    }

    /// Goes on although there are marks that cannot be read. Each may hold any snapshot, so nothing is removed
    /// otherwise.
    pub fn despite_unreadable_marks(mut self, despite: bool) -> Self {
        self.despite_unreadable_marks = despite;
        self
    }
}

/// What [`forget`](crate::Repository::forget) did, or in a dry run would do.
#[derive(Debug)]
#[non_exhaustive]
pub struct ForgetReport {
    /// Whether nothing was removed because none should be.
    pub dry_run: bool,
    /// What time it was, by the storage's clock.
    pub now: Timestamp,
    /// Every snapshot that was looked at, in groups; those that were named are one group.
    pub groups: Vec<RetentionGroup>,
    /// How many stay of them.
    pub kept: u64,
    /// How many were removed, or in a dry run would be.
    pub removed: u64,
    /// Marks that were left of snapshots that are gone, and were removed too, or would be.
    pub leftover_marks: u64,
    /// Snapshots that are damaged and were named: what became of each.
    pub damaged: Vec<DamagedSnapshot>,
    /// Other snapshots and marks that cannot be read or trusted, and why. None of these was touched.
    pub rejected: Vec<(ObjectName, Error)>,
}

/// A snapshot that cannot be read or trusted, and that was to be removed.
#[derive(Debug)]
#[non_exhaustive]
pub struct DamagedSnapshot {
    /// Its object.
    pub name: ObjectName,
    /// What is wrong with it.
    pub error: Error,
    /// Until when it is held, if it is: then it stays.
    pub held_until: Option<Timestamp>,
}

impl ForgetReport {
    /// What is said of every snapshot, group by group.
    pub fn decisions(&self) -> impl Iterator<Item = &RetentionDecision> {
        self.groups.iter().flat_map(|group| &group.decisions)
    }
}

/// Removes snapshots, their marks after them, and marks that an earlier run did not come to.
pub(crate) fn forget(
    store: &Store,
    devices: &DeviceList,
    options: &ForgetOptions,
    ctx: &Context,
) -> Result<ForgetReport> {
    let (backend, keys) = (store.backend(), store.keys());
    if !keys.can_maintain() {
        return Err(forbidden("it needs a maintainer's or owner's key"));
    }
    if let Choice::Policy(policy) = &options.choice {
        policy.check()?;
        if policy.needs_body() && !keys.can_read() {
            return Err(forbidden("rules on tags, host and paths need an owner's key: a maintainer cannot read these"));
        }
    }
    ctx.check(FORGET)?;
    let now = storage_time(store, devices)?;
    // Marks before snapshots: the snapshot of a mark that is listed was there before.
    let mut snapshots = Snapshots::open(backend, keys, devices)?;
    let mut report = ForgetReport {
        dry_run: options.dry_run,
        now,
        groups: Vec::new(),
        kept: 0,
        removed: 0,
        leftover_marks: 0,
        damaged: Vec::new(),
        rejected: snapshots.take_rejected_marks(),
    };
    let leftover = leftover_marks(&snapshots, ctx)?;
    report.groups = match &options.choice {
        Choice::Damaged(names) => {
            report.damaged = damaged(&snapshots, names, now, ctx)?;
            Vec::new()
        }
        _ => decide(&snapshots, options, &mut report.rejected, now, ctx)?,
    };
    if !options.despite_unreadable_marks {
        refuse_unreadable_marks(&report.rejected)?;
    }
    let Run { removed, kept } = Run::new(&report.groups);
    let going: Vec<&ObjectName> =
        report.damaged.iter().filter(|one| one.held_until.is_none()).map(|one| &one.name).collect();
    report.kept = kept + (report.damaged.len() - going.len()) as u64;
    report.removed = (removed.len() + going.len()) as u64;
    report.leftover_marks = leftover.iter().map(|id| snapshots.marks().names_of(id).len() as u64).sum();
    if !options.dry_run {
        // First what nothing refers to any more, then each snapshot before its marks: wherever this breaks off, what
        // is still there has the tags and holds it had.
        let delete = |name: &ObjectName| {
            ctx.check(FORGET)?;
            backend.delete(name).map_err(|error| cannot_delete(error, name))
        };
        for id in &leftover {
            snapshots.marks().names_of(id).iter().try_for_each(delete)?;
        }
        for name in going {
            delete(name)?;
            if let Ok(id) = name.id() {
                snapshots.marks().names_of(&id).iter().try_for_each(delete)?;
            }
        }
        for id in removed {
            delete(&ObjectName::of(Folder::Snapshots, id))?;
            snapshots.marks().names_of(&id).iter().try_for_each(delete)?;
        }
    }
    Ok(report)
}

/// What time it is by the storage's clock: when it receives a lease. That one ends at once, as nobody needs to wait for
/// this: whatever goes on at the same time, removing a snapshot leaves all that others rely on.
fn storage_time(store: &Store, devices: &DeviceList) -> Result<Timestamp> {
    /// In case that its end cannot be written.
    const DURATION: Duration = Duration::from_secs(60);
    let (backend, keys, id) = (store.backend(), store.keys(), new_session()?);
    let mut lease = leases::begin(backend, keys, devices, id, LeasePurpose::Prune, DURATION, clock())?;
    let now = lease.received();
    let _ = lease.end(backend, keys, devices, clock());
    Ok(now)
}

struct Run {
    removed: Vec<SnapshotId>,
    kept: u64,
}

impl Run {
    fn new(groups: &[RetentionGroup]) -> Self {
        let mut run = Run { removed: Vec::new(), kept: 0 };
        for decision in groups.iter().flat_map(|group| &group.decisions) {
            if decision.stays() { run.kept += 1 } else { run.removed.push(decision.snapshot.id) }
        }
        run
    }
}

fn decide(
    snapshots: &Snapshots<'_>,
    options: &ForgetOptions,
    rejected: &mut Vec<(ObjectName, Error)>,
    now: Timestamp,
    ctx: &Context,
) -> Result<Vec<RetentionGroup>> {
    match &options.choice {
        Choice::Policy(policy) => {
            let mut found = Vec::new();
            snapshots.for_each(
                &options.filter,
                &mut |snapshot| {
                    ctx.check(FORGET)?;
                    found.push(snapshot);
                    Ok(())
                },
                &mut |name, error| rejected.push((name, error)),
            )?;
            policy.apply(found, now)
        }
        Choice::Named(ids) => {
            if ids.is_empty() {
                return Err(invalid(FORGET, "none is named"));
            }
            let mut decisions: Vec<RetentionDecision> = Vec::new();
            for id in ids {
                ctx.check(FORGET)?;
                if decisions.iter().all(|decision| decision.snapshot.id != *id) {
                    let snapshot = snapshots.load(id)?;
                    let keep = held(&snapshot, now).map(KeepReason::Held).into_iter().collect();
                    decisions.push(RetentionDecision::named(snapshot, keep, RemoveReason::Named));
                }
            }
            Ok(vec![RetentionGroup::of(decisions)])
        }
        Choice::Damaged(_) => Ok(Vec::new()),
    }
}

/// What is wrong with each of these objects, and whether it is held.
fn damaged(
    snapshots: &Snapshots<'_>,
    names: &[ObjectName],
    now: Timestamp,
    ctx: &Context,
) -> Result<Vec<DamagedSnapshot>> {
    if names.is_empty() {
        return Err(invalid(FORGET, "none is named"));
    }
    let mut damaged: Vec<DamagedSnapshot> = Vec::new();
    for name in names {
        ctx.check(FORGET)?;
        if name.folder() != Folder::Snapshots {
            return Err(invalid(FORGET, "it is no object of the folder of snapshots").object(name));
        }
        if damaged.iter().any(|known| known.name == *name) {
            continue;
        }
        let id = name.id::<SnapshotId>();
        let read = || match &id {
            Ok(id) => snapshots.load(id).map(drop),
            Err(_) => snapshots.is_stored(name).and(Err(no_snapshot(name))),
        };
        let sound = || Err(invalid(FORGET, "it is sound: forget it like any other").object(name));
        // Twice, because a failure in passing looks like damage.
        let Err(_) = read() else { return sound() };
        let Err(error) = read() else { return sound() };
        if !matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::Untrusted | ErrorKind::Io) {
            return Err(error);
        }
        let held_until = id.ok().and_then(|id| snapshots.marks().hold_until(&id)).filter(|until| *until > now);
        damaged.push(DamagedSnapshot { name: name.clone(), error, held_until });
    }
    Ok(damaged)
}

fn no_snapshot(name: &ObjectName) -> Error {
    Error::new(ErrorKind::Corrupt, FORGET).object(name).detail("it is not named like a snapshot")
}

/// The snapshots that are gone and have marks.
fn leftover_marks(snapshots: &Snapshots<'_>, ctx: &Context) -> Result<Vec<SnapshotId>> {
    let mut present = HashSet::new();
    snapshots.for_each_id(&mut |id| {
        present.insert(id);
        Ok(())
    })?;
    let mut leftover = Vec::new();
    for id in snapshots.marks().snapshots().filter(|id| !present.contains(*id)) {
        ctx.check(FORGET)?;
        // Listings may lag behind; what is asked for by its name is there or not.
        if !snapshots.exists(id)? {
            leftover.push(*id);
        }
    }
    leftover.sort_unstable();
    Ok(leftover)
}

/// A mark that may be sound somewhere, or for another version, may be a hold.
fn refuse_unreadable_marks(rejected: &[(ObjectName, Error)]) -> Result<()> {
    let mut unreadable =
        rejected.iter().filter(|(name, error)| name.folder() == Folder::Marks && error.kind() != ErrorKind::Untrusted);
    let Some((name, why)) = unreadable.next() else { return Ok(()) };
    let more = match unreadable.count() {
        0 => String::new(),
        more => format!(", and {more} more"),
    };
    let detail = format!("nothing is removed, because this mark may hold any snapshot and cannot be read{more}: {why}");
    Err(Error::new(why.kind(), FORGET).object(name).detail(detail))
}

fn cannot_delete(error: Error, name: &ObjectName) -> Error {
    if !matches!(error.kind(), ErrorKind::PermissionDenied | ErrorKind::ReadOnly) {
        return error;
    }
    let detail = "the storage does not let these credentials delete; what was removed before stays removed. Use \
                  credentials that may delete, or forget where the storage is run";
    Error::new(error.kind(), FORGET).object(name).detail(detail).because(error)
}

fn forbidden(detail: &'static str) -> Error {
    Error::new(ErrorKind::Forbidden, FORGET).detail(detail)
}
