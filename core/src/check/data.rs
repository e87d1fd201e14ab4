//! Reading packs whole: their bytes against their names, what they say they hold against the index, and, when asked
//! for, the content of their segments.

use super::options::CheckOptions;
use super::packs::{Packs, healable};
use super::report::{CheckKind, CheckProblem, CheckReport, Findings, kind_of};
use crate::backend::{Folder, ObjectName};
use crate::context::Context;
use crate::crypto::random;
use crate::error::{ErrorKind, Result, corrupt, internal};
use crate::format::pack::{PackContents, PackedSegment};
use crate::id::{PackId, SegmentId};
use crate::progress::Meter;
use crate::store::Store;
use crate::store::packs::{fingerprint, is_of_the_object, read_contents};
use crate::store::parity;
use crate::store::table::SegmentPlace;
use crate::store::throttle::Throttle;
use rayon::prelude::*;
use std::collections::HashSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Bytes read in one go, unless the budget asks for less: what stays in a core's cache while it is hashed. With 4 MiB a
/// gibibyte took 0.50 s of processor time, with 1 MiB 0.41.
const PIECE: u64 = 1024 * 1024;
const LEAST_PIECE: u64 = 256 * 1024;

/// What reading packs brought to light.
#[derive(Debug, Default)]
pub(super) struct Damage {
    /// Packs that are not what they should be.
    pub(super) packs: HashSet<PackId>,
    /// Segments that could not be opened, with the pack that holds that copy.
    pub(super) segments: HashSet<(SegmentId, PackId)>,
}

pub(super) struct DataCheck<'a> {
    pub(super) store: &'a Store,
    pub(super) findings: &'a Findings<'a>,
    pub(super) verify_content: bool,
    pub(super) meter: &'a Meter,
    pub(super) ctx: &'a Context,
    /// Set when the work is to be suspended.
    pub(super) suspended: &'a AtomicBool,
}

/// Chooses packs to read: the same ones for the same seed.
pub(super) fn choose(packs: &Packs, options: &CheckOptions) -> Result<Vec<(PackId, u64)>> {
    let percent = options.percent();
    let all = packs.sound.iter().map(|(id, indexed)| (*id, indexed.length));
    if percent <= 0.0 {
        return Ok(Vec::new());
    }
    if percent >= 100.0 {
        return Ok(all.collect());
    }
    let seed = match options.seed {
        Some(seed) => seed.to_le_bytes(),
        None => random()?,
    };
    let rank = |id: &PackId| *blake3::hash(&[seed.as_slice(), id.as_bytes()].concat()).as_bytes();
    let mut ranked: Vec<(PackId, u64)> = all.collect();
    ranked.sort_by_cached_key(|(id, _)| rank(id));
    let total: u64 = ranked.iter().map(|(_, length)| length).fold(0, |sum, length| sum.saturating_add(*length));
    #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let wanted = (total as f64 * percent / 100.0).ceil() as u64; // a share need not be exact to the byte
    let mut sum = 0u64;
    ranked.retain(|(_, length)| {
        let wants_more = sum < wanted;
        sum = sum.saturating_add(*length);
        wants_more
    });
    Ok(ranked)
}

#[derive(Default)]
struct Counts {
    packs: AtomicU64,
    bytes: AtomicU64,
    segments: AtomicU64,
}

/// A segment that could not be opened, and why.
type Unopened = (SegmentId, String);

/// What the threads share.
struct Work<'a> {
    check: &'a DataCheck<'a>,
    packs: &'a Packs,
    piece: u64,
    throttle: Throttle,
    counts: Counts,
    damage: Mutex<Damage>,
}

impl DataCheck<'_> {
    /// Reads these packs. To be called on a thread of the operation's pool.
    pub(super) fn run(&self, packs: &Packs, chosen: &[(PackId, u64)], report: &mut CheckReport) -> Result<Damage> {
        let threads = u64::try_from(rayon::current_num_threads()).unwrap_or(u64::MAX).max(1);
        let share = self.ctx.limits().memory_bytes() / 4 / threads;
        let work = Work {
            check: self,
            packs,
            piece: share.clamp(LEAST_PIECE, PIECE),
            throttle: Throttle::new(self.ctx.limits().download_rate),
            counts: Counts::default(),
            damage: Mutex::default(),
        };
        chosen.par_iter().with_max_len(1).try_for_each(|(id, length)| work.pack(id, *length))?;
        report.packs_read = work.counts.packs.into_inner();
        report.bytes_read = work.counts.bytes.into_inner();
        report.segments_opened = work.counts.segments.into_inner();
        work.damage.into_inner().map_err(|_| internal("check packs", "a thread panicked while holding what it found"))
    }
}

impl Work<'_> {
    fn pack(&self, id: &PackId, length: u64) -> Result<()> {
        let name = ObjectName::of(Folder::Packs, id);
        self.check.meter.report(|| Some(name.to_string()));
        let mut unopened = Vec::new();
        match self.read(id, &name, length, &mut unopened) {
            Ok(true) => {
                self.counts.packs.fetch_add(1, Ordering::Relaxed);
                self.unopened(id, unopened)?;
                self.parity(id)
            }
            Ok(false) => self.unopened(id, unopened),
            // Pruning took it away meanwhile, after it had moved what is needed of it.
            Err(error) if error.kind() == ErrorKind::NotFound && !self.is_listed_now(id)? => Ok(()),
            Err(error) if is_of_the_object(&error) => {
                self.counts.packs.fetch_add(1, Ordering::Relaxed);
                if self.packs.having_parity.contains(id)
                    && let Ok((_, sectors)) = parity::heal(self.check.store, id)
                {
                    let detail = healable(sectors);
                    return self.check.findings.add(CheckProblem::new(CheckKind::HealablePack, name, detail));
                }
                self.unopened(id, unopened)?;
                self.damage(|damage| damage.packs.insert(*id))?;
                let kind = kind_of(&error, CheckKind::DamagedPack, CheckKind::MissingPack);
                let detail = error.detail_text().map_or_else(|| error.to_string(), str::to_owned);
                self.check.findings.add(CheckProblem::new(kind, name, detail))
            }
            Err(error) => Err(error),
        }
    }

    /// Names the segments of a pack that could not be opened.
    fn unopened(&self, id: &PackId, unopened: Vec<Unopened>) -> Result<()> {
        for (segment, detail) in unopened {
            self.damage(|damage| damage.segments.insert((segment, *id)))?;
            let object = format!("{}, segment {segment}", ObjectName::of(Folder::Packs, id));
            self.check.findings.add(CheckProblem::new(CheckKind::DamagedSegment, object, detail))?;
        }
        Ok(())
    }

    /// Looks at the parity of a pack that is sound.
    fn parity(&self, id: &PackId) -> Result<()> {
        if !self.packs.having_parity.contains(id) {
            return Ok(());
        }
        match parity::check(self.check.store, id) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) if is_of_the_object(&error) => {
                self.check.findings.add(CheckProblem::of_object(&parity::name(id), &error))
            }
            checked => checked,
        }
    }

    fn is_listed_now(&self, id: &PackId) -> Result<bool> {
        let store = self.check.store;
        store.index().refresh(store.backend(), store.keys(), self.check.ctx)?;
        store.index().has_pack(id)
    }

    fn damage<T>(&self, change: impl FnOnce(&mut Damage) -> T) -> Result<T> {
        let mut damage =
            self.damage.lock().map_err(|_| internal("check packs", "a thread panicked while holding what it found"))?;
        Ok(change(&mut damage))
    }

    /// Reads one pack. `false` when the work was suspended before its end.
    fn read(&self, id: &PackId, name: &ObjectName, length: u64, unopened: &mut Vec<Unopened>) -> Result<bool> {
        if self.should_stop()? {
            return Ok(false);
        }
        let contents = match read_contents(self.check.store, id, length) {
            Ok((_, contents, _)) => Ok(contents),
            // The hash of its bytes tells whether the pack is damaged or was written like this.
            Err(error) if is_of_the_object(&error) => Err(error),
            Err(error) => return Err(error),
        };
        let mut hasher = blake3::Hasher::new();
        let mut offset = 0;
        if let Ok(PackContents { segments, .. }) = &contents
            && self.check.verify_content
        {
            for segment in segments {
                if !self.hash(name, &mut offset, segment.offset, &mut hasher)?
                    || !self.segment(id, name, segment, &mut hasher, unopened)?
                {
                    return Ok(false);
                }
                offset = segment.offset.saturating_add(u64::from(segment.header.stored_length));
            }
        }
        if !self.hash(name, &mut offset, length, &mut hasher)? {
            return Ok(false);
        }
        if hasher.finalize().as_bytes() != id.as_bytes() {
            return Err(corrupt(
                "check a pack",
                "its bytes are not those it was stored with: their hash is not its name",
            ));
        }
        let contents = contents?;
        let expected = self.packs.sound.get(id).map(|indexed| indexed.contents);
        if expected.is_some_and(|expected| expected != fingerprint(&contents)) {
            let detail = "the pack's footer lists something else than the index; rebuilding the index mends that";
            self.check.findings.add(CheckProblem::new(CheckKind::IndexMismatch, name, detail))?;
        }
        self.check_ids(name, &contents)?;
        Ok(true)
    }

    /// A segment's id commits to the ids of its blobs; without the content, whoever may compute ids can tell that
    /// a footer lists the right ones.
    fn check_ids(&self, name: &ObjectName, contents: &PackContents) -> Result<()> {
        let Ok(hasher) = self.check.store.hasher() else { return Ok(()) };
        match contents.segments.iter().find(|segment| hasher.segment(&segment.blobs) != segment.header.id) {
            None => Ok(()),
            Some(segment) => {
                let detail = format!("its footer lists blobs that segment {} does not hold", segment.header.id);
                Err(corrupt("check a pack", detail).object(name))
            }
        }
    }

    /// Hashes what lies between `offset` and `end`.
    fn hash(&self, name: &ObjectName, offset: &mut u64, end: u64, hasher: &mut blake3::Hasher) -> Result<bool> {
        while *offset < end {
            if self.should_stop()? {
                return Ok(false);
            }
            let until = end.min(offset.saturating_add(self.piece));
            hasher.update(&self.fetch(name, *offset, until)?);
            *offset = until;
        }
        Ok(true)
    }

    fn fetch(&self, name: &ObjectName, start: u64, end: u64) -> Result<Vec<u8>> {
        let bytes = self.check.store.backend().read(name, start..end)?;
        if bytes.len() as u64 != end - start {
            return Err(corrupt("check a pack", "the storage returned another length than was asked for"));
        }
        self.counts.bytes.fetch_add(end - start, Ordering::Relaxed);
        self.check.meter.add_bytes(end - start);
        self.check.meter.add_stored_bytes(end - start);
        self.check.meter.report(|| Some(name.to_string()));
        self.throttle.pay(end - start, self.check.ctx, "check the packs")?;
        Ok(bytes)
    }

    fn segment(
        &self,
        id: &PackId,
        name: &ObjectName,
        segment: &PackedSegment,
        all: &mut blake3::Hasher,
        unopened: &mut Vec<Unopened>,
    ) -> Result<bool> {
        if self.should_stop()? {
            return Ok(false);
        }
        let end = segment.offset.saturating_add(u64::from(segment.header.stored_length));
        let sealed = self.fetch(name, segment.offset, end)?;
        all.update(&sealed);
        let place = SegmentPlace { header: segment.header.clone(), pack: *id, offset: segment.offset };
        match self.check.store.open_sealed(&place, sealed) {
            Ok(_) => {
                self.counts.segments.fetch_add(1, Ordering::Relaxed);
            }
            Err(error) if is_of_the_object(&error) => {
                let detail = error.detail_text().map_or_else(|| error.to_string(), str::to_owned);
                unopened.push((segment.header.id, detail));
            }
            Err(error) => return Err(error),
        }
        Ok(true)
    }

    fn should_stop(&self) -> Result<bool> {
        self.check.ctx.check("check the packs")?;
        if self.check.ctx.should_suspend() {
            self.check.suspended.store(true, Ordering::Relaxed);
        }
        Ok(self.check.suspended.load(Ordering::Relaxed))
    }
}
