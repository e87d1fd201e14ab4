//! Copying snapshots to other repositories: what is missing where, sessions at the destinations, verification, commit.

mod destination;

use super::Repository;
use crate::compress::LEVELS;
use crate::context::Context;
use crate::copy::{self, Copied, Copy, CopyOptions, CopyReport, Origin, Original, Target};
use crate::error::{Error, ErrorKind, Result, invalid};
use crate::id::SnapshotId;
use crate::progress::{Meter, Phase};
use crate::report::Outcome;
use crate::store::filter::SnapshotFilter;
use crate::store::read::StoreReader;
use crate::store::snapshots::Snapshot;
use destination::{Destination, Prepared, conclude, prepare};
use std::collections::HashMap;
use std::sync::Arc;

const OPERATION: &str = "copy snapshots";

/// zstd's own default: what a faster level saves in time, storage pays for.
const DEFAULT_LEVEL: i32 = 3;

impl Repository {
    /// Copies snapshots to other repositories, each with its own keys, chunks and sizes. Whatever a destination lacks is
    /// read once, for however many destinations, and encrypted anew for each.
    ///
    /// A copy has the entries of the original with all they say, its time, host, paths, tags, description, metadata and
    /// hold. It tells which snapshot it is a copy of, so a destination that has it already, even from elsewhere, does not
    /// get it again. Of what an earlier copy holds unchanged nothing is read. Copies are compared with their originals
    /// before they count. On a deadline, when suspended, and after a failure, calling again goes on.
    ///
    /// A destination that fails drops out with its [error](crate::CopyDestination::error) in the report, and the others go on.
    /// Parts of a snapshot that are damaged are left out, and named in the report and by the copy's outcome.
    ///
    /// ```
    /// use strongroom::{BackupOptions, Context, CopyOptions, CreateOptions, MemoryBackend, Repository, Secret, Source};
    /// # let folder = tempfile::tempdir()?;
    /// # std::fs::write(folder.path().join("1.jpg"), b"a picture")?;
    /// # let cheap = CreateOptions::new().cost(strongroom::Cost::FLOOR);
    /// # let options = &cheap;
    /// let ctx = Context::new();
    /// let home = Repository::create(MemoryBackend::new(), &Secret::passphrase("correct horse"), options)?;
    /// home.backup(Source::paths([folder.path()]), &BackupOptions::new(), &ctx)?;
    /// let away = Repository::create(MemoryBackend::new(), &Secret::passphrase("battery staple"), options)?;
    /// let report = home.copy_to(&[&away], &CopyOptions::new(), &ctx)?;
    /// assert_eq!(report.destinations[0].copied.len(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`InvalidArgument`](ErrorKind::InvalidArgument) for the same repository as source and destination;
    /// [`Forbidden`](ErrorKind::Forbidden) without a reader's or owner's key of source and destinations;
    /// [`NotFound`](ErrorKind::NotFound) for a snapshot that does not exist, [`Cancelled`](ErrorKind::Cancelled), and those
    /// of the source's storage.
    pub fn copy_to(&self, destinations: &[&Repository], options: &CopyOptions, ctx: &Context) -> Result<CopyReport> {
        let level = options.level.unwrap_or(DEFAULT_LEVEL);
        if !LEVELS.contains(&level) {
            return Err(invalid(OPERATION, "the compression level is not between -7 and 19"));
        }
        self.may_copy_to(destinations)?;
        let this = &self.within(ctx, OPERATION);
        let destinations: Vec<_> = destinations.iter().map(|end| end.within(ctx, OPERATION)).collect();
        let meter = ctx.meter();
        meter.phase(Phase::Preparing);
        let listing = this.with_snapshots(|snapshots| {
            // Named ones that cannot be read or trusted are told at once, and as what they are.
            options.snapshots.iter().try_for_each(|id| snapshots.load(id).map(drop))?;
            snapshots.list(&SnapshotFilter::all())
        })?;
        let (reader, _) = this.reader(ctx)?;
        let named = !options.snapshots.is_empty();
        let rejected = if named { Vec::new() } else { listing.rejected };
        let source = Source { repo: this, reader, snapshots: listing.snapshots };
        let ends = destinations.iter().map(Destination::open).collect();
        let mut work = Work { source, ends, options, level, read_bytes: 0, meter: &meter, ctx };
        let (snapshots, suspended) = work.run()?;
        let destinations: Vec<_> = work.ends.into_iter().map(|end| end.finish(suspended)).collect();
        let whole = rejected.is_empty() && destinations.iter().all(|end| end.outcome == Outcome::Complete);
        let outcome = match (suspended, whole) {
            (true, _) => Outcome::Suspended,
            (false, true) => Outcome::Complete,
            (false, false) => Outcome::Partial,
        };
        let report = CopyReport {
            outcome,
            snapshots,
            destinations,
            rejected,
            read_bytes: work.read_bytes,
            duration: meter.elapsed(),
        };
        meter.finish();
        Ok(report)
    }

    /// Whether keys and places make sense, before anything is asked of a storage.
    fn may_copy_to(&self, destinations: &[&Repository]) -> Result<()> {
        let forbidden = |repo: &Repository, detail| {
            Error::new(ErrorKind::Forbidden, OPERATION).object(repo.location()).detail(detail)
        };
        if !self.store.keys().can_read() {
            return Err(forbidden(self, "what is copied has to be read, which needs a reader's or owner's key"));
        }
        let mut seen = vec![self.id()];
        for end in destinations {
            if seen.contains(&end.id()) {
                let detail = match end.id() == self.id() {
                    true => "it is the same repository as the one to copy from, or a copy of its files",
                    false => "it is named twice as a destination",
                };
                return Err(invalid(OPERATION, detail).object(end.location()));
            }
            seen.push(end.id());
            let keys = end.store.keys();
            if !keys.can_write() || !keys.can_read() {
                let detail = "copies are written, and recognised and verified by reading them, which needs a reader's or \
                              owner's key of the destination: let its owner add one, or copy from where there is one";
                return Err(forbidden(end, detail));
            }
        }
        if destinations.is_empty() {
            return Err(invalid(OPERATION, "no destination is named"));
        }
        Ok(())
    }
}

/// What is copied from.
struct Source<'a> {
    repo: &'a Repository,
    reader: StoreReader,
    /// All of them, oldest first.
    snapshots: Vec<Snapshot>,
}

impl Source<'_> {
    fn origin(&self, snapshot: &Snapshot) -> Origin {
        Origin::of(self.repo.id(), snapshot)
    }

    /// That of a parent, which may be gone.
    fn origin_of_id(&self, id: SnapshotId) -> Origin {
        let found = self.snapshots.iter().find(|snapshot| snapshot.id == id);
        found.map_or_else(|| Origin::made(self.repo.id(), id), |snapshot| self.origin(snapshot))
    }
}

struct Work<'a> {
    source: Source<'a>,
    ends: Vec<Destination<'a>>,
    options: &'a CopyOptions,
    level: i32,
    read_bytes: u64,
    meter: &'a Meter,
    ctx: &'a Context,
}

impl Work<'_> {
    /// Copies what was asked for, oldest first. Returns how many snapshots that were, and whether the work was
    /// suspended before its end.
    fn run(&mut self) -> Result<(u64, bool)> {
        let options = self.options;
        let wanted = |snapshot: &&Snapshot| {
            (options.snapshots.is_empty() || options.snapshots.contains(&snapshot.id))
                && options.filter.accepts(snapshot)
        };
        let chosen: Vec<Snapshot> = self.source.snapshots.iter().filter(wanted).cloned().collect();
        let lacking = |snapshot: &&Snapshot| {
            let origin = self.source.origin(snapshot);
            self.ends.iter().any(|end| !end.is_out() && !end.held.contains_key(&origin))
        };
        let (entries, bytes) = chosen.iter().filter(lacking).fold((0u64, 0u64), |(entries, bytes), snapshot| {
            (entries.saturating_add(snapshot.counts.entries), bytes.saturating_add(snapshot.counts.bytes))
        });
        self.meter.totals(Some(entries), Some(bytes));
        let shares = u64::try_from(self.ends.len()).unwrap_or(u64::MAX).saturating_add(1);
        let mut budget = self.ctx.limits().clone();
        budget = budget.threads(self.ctx.limits().thread_count().saturating_sub(self.ends.len()).max(1));
        budget.memory = self.ctx.limits().memory_bytes() / shares;
        budget.upload_rate = budget.upload_rate.map(|rate| (rate / (shares - 1)).max(1));
        let share = Context::new().cancel_token(self.ctx.token().clone()).budget(budget);
        let pool = Arc::new(share.pool()?);
        for snapshot in &chosen {
            self.ctx.check(OPERATION)?;
            if self.ctx.should_suspend() || !self.snapshot(snapshot, &share, &pool)? {
                return Ok((chosen.len() as u64, true));
            }
        }
        Ok((chosen.len() as u64, false))
    }

    /// Copies one snapshot to all destinations that lack it. `false` when the work is suspended.
    fn snapshot(&mut self, snapshot: &Snapshot, share: &Context, pool: &Arc<crate::threads::Pool>) -> Result<bool> {
        let origin = self.source.origin(snapshot);
        let mut prepared = Vec::new();
        for (number, end) in self.ends.iter_mut().enumerate().filter(|(_, end)| !end.is_out()) {
            if end.held.contains_key(&origin) {
                end.report.present += 1;
                let carried = end.carry_hold(&origin, snapshot.hold_until);
                end.note(carried);
                continue;
            }
            let ready = prepare(end, &self.source, snapshot, self.level, share, pool);
            prepared.extend(end.note(ready).map(|(ready, writer, bases)| (number, ready, writer, bases)));
        }
        if prepared.is_empty() {
            return Ok(true);
        }
        self.meter.phase(Phase::Copying);
        let original = Original { reader: &self.source.reader, root: snapshot.root };
        let (mut numbers, mut ready, mut parts) = (Vec::new(), Vec::new(), Vec::new());
        for (number, one, writer, bases) in prepared {
            numbers.push(number);
            ready.push(one);
            parts.push((writer, bases));
        }
        let mut targets = Vec::new();
        for (one, (writer, bases)) in ready.iter().zip(parts) {
            let checkpoints = one.checkpoints(&self.source, snapshot)?;
            let (session, ctx) = (one.session.as_ref(), share.clone());
            targets.push(Target { writer, reader: &one.reader, bases, session, checkpoints, ctx });
        }
        let ran = copy::run(original, targets, self.meter, self.ctx)?;
        self.ctx.check(OPERATION)?;
        self.read_bytes = self.read_bytes.saturating_add(ran.read.0);
        let mut copied: Vec<(usize, &Prepared, Copied)> = Vec::new();
        for ((number, one), result) in numbers.iter().zip(&ready).zip(ran.copied) {
            if let Some(end) = self.ends.get_mut(*number)
                && let Some(done) = end.note(result)
            {
                copied.push((*number, one, done));
            }
        }
        // Storage that went away altogether looks like damage everywhere.
        self.source.repo.store.check_present()?;
        verify(&mut self.ends, original, &mut copied, self.options, (self.meter, self.ctx))?;
        let mut finished = true;
        for (number, one, done) in copied {
            finished &= done.finished;
            if let Some(end) = self.ends.get_mut(number) {
                let committed = conclude(end, &self.source, snapshot, one, done);
                end.note(committed);
            }
        }
        match ran.read.1 {
            Some(error) => Err(error),
            None => Ok(finished),
        }
    }
}

/// Compares what is finished with the original; what differs drops out.
fn verify(
    ends: &mut [Destination<'_>],
    original: Original<'_>,
    copied: &mut Vec<(usize, &Prepared, Copied)>,
    options: &CopyOptions,
    (meter, ctx): (&Meter, &Context),
) -> Result<()> {
    meter.phase(Phase::Checking);
    let mut verdicts: HashMap<usize, Result<()>> = HashMap::new();
    if options.verify {
        let finished = || copied.iter().filter(|(_, _, done)| done.finished);
        let copies: Vec<_> = finished()
            .map(|(_, one, done)| Copy { reader: &one.reader, root: done.root, skipped: &done.skipped })
            .collect();
        let verified = copy::verify(original, &copies, meter, ctx)?;
        verdicts.extend(finished().map(|(number, _, _)| *number).zip(verified));
    }
    if options.verify_data {
        for (number, one, done) in copied.iter().filter(|(_, _, done)| done.finished) {
            let verdict = verdicts.entry(*number).or_insert(Ok(()));
            if verdict.is_ok() {
                *verdict = copy::read_back(one.reader.store(), &done.packs, ctx);
            }
        }
    }
    ctx.check(OPERATION)?;
    copied.retain(|(number, _, _)| match (verdicts.remove(number), ends.get_mut(*number)) {
        (Some(Err(error)), Some(end)) => end.note::<()>(Err(error)).is_some(),
        _ => true,
    });
    Ok(())
}

#[cfg(test)]
mod tests;
