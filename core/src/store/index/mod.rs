//! The index: which blob is in which segment, and where segments lie. Loaded from index objects, which can be
//! rebuilt from packs.

mod condemned;
mod disk;
mod load;
mod marks;
#[cfg(test)]
mod tests;

pub(crate) use condemned::Writing;
pub(crate) use load::{Listed, list, load, write};
pub(crate) use marks::{BlobMarks, SegmentMarks};

use super::keys::Keys;
use super::table::{SegmentPlace, SharedTable, Sources, Table, Target};
use crate::backend::{Backend, ObjectName};
use crate::context::Context;
use crate::error::{Error, ErrorKind, Result, internal};
use crate::format::pack::IndexedPack;
use crate::id::{BlobId, IndexId, PackId, SegmentId, SessionId};
use disk::Disk;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, RwLock};

/// The tables of all index objects read so far. Readers take a snapshot of the list, and are not held up by changes.
#[derive(Debug, Default)]
pub(crate) struct Index {
    /// The largest first.
    parts: RwLock<Arc<Vec<Part>>>,
    /// Held by whoever changes the list.
    changing: Mutex<()>,
    disk: Option<Disk>,
    condemned: condemned::Condemned,
}

/// A table with what it stands for.
#[derive(Debug, Clone)]
struct Part {
    table: SharedTable,
    sources: Arc<Sources>,
    /// Where it is kept.
    file: Option<PathBuf>,
    /// Set when the table turned out to be damaged.
    broken: Arc<AtomicBool>,
}

impl Part {
    fn new(table: Table, file: Option<PathBuf>) -> Result<Self> {
        let sources = Arc::new(table.sources()?);
        Ok(Part { table: Arc::new(table), sources, file, broken: Arc::default() })
    }
}

/// Tables that hold more blobs together than this are not merged: 640 MB on disk, some seconds of work.
const MAX_MERGED: u64 = 16_000_000;
/// The same while a backup waits.
const MAX_MERGED_NOW: u64 = 1_000_000;
/// Most tables merged at once.
const MAX_WAYS: usize = 64;
/// How often index objects are listed anew because some went away while they were read.
const MAX_LOOKS: usize = 5;

impl Index {
    /// An index that keeps its tables in this folder, so that the memory it takes does not grow with the repository
    /// and opening it again reads only what is new. Several repositories may share a folder. Where it cannot be
    /// written, tables are kept in memory; [`folder_problem`](Index::folder_problem) then says why.
    pub(crate) fn with_folder(folder: impl Into<PathBuf>) -> Self {
        Index { disk: Some(Disk::new(folder.into())), ..Index::default() }
    }

    /// Why tables are kept in memory although there is a folder for them.
    pub(crate) fn folder_problem(&self) -> Option<String> {
        self.disk.as_ref().and_then(Disk::problem)
    }

    fn parts(&self) -> Result<Arc<Vec<Part>>> {
        let parts = self.parts.read().map_err(|_| panicked())?;
        Ok(Arc::clone(&parts))
    }

    fn set_parts(&self, parts: Vec<Part>) -> Result<()> {
        *self.parts.write().map_err(|_| panicked())? = Arc::new(parts);
        Ok(())
    }

    fn changing(&self) -> Result<MutexGuard<'_, ()>> {
        self.changing.lock().map_err(|_| panicked())
    }

    /// Asks every table in turn until one has an answer: the smallest, and so the newest, first, because what was
    /// just written is asked for most.
    fn search<T>(&self, ask: impl Fn(&Table) -> Result<Option<T>>) -> Result<Option<T>> {
        for part in self.parts()?.iter().rev() {
            if let Some(found) = ask(&part.table).map_err(|error| self.broken(part, error))? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// A table kept on this machine could not be read: it goes, and is built anew when the index is next brought up
    /// to date.
    fn broken(&self, part: &Part, error: Error) -> Error {
        let Some(file) = part.file.as_ref().filter(|_| part.table.is_file()) else { return error };
        part.broken.store(true, Ordering::Relaxed);
        disk::remove(file);
        error.object(file.display()).detail("the local index was damaged and has been removed: try again")
    }

    /// The segment that holds a blob, and the blob's position in it.
    pub(crate) fn blob(&self, id: &BlobId) -> Result<Option<(SegmentPlace, u32)>> {
        self.search(|table| table.blob(id))
    }

    /// Every segment that holds a blob, with the blob's position.
    pub(crate) fn blob_places(&self, id: &BlobId) -> Result<Vec<(SegmentPlace, u32)>> {
        let mut found = Vec::new();
        for part in self.parts()?.iter().rev() {
            part.table.blob_places(id, &mut found).map_err(|error| self.broken(part, error))?;
        }
        Ok(found)
    }

    /// The id of the segment that holds a blob, and the blob's position in it.
    pub(crate) fn blob_segment(&self, id: &BlobId) -> Result<Option<(SegmentId, u32)>> {
        self.search(|table| table.blob_segment(id))
    }

    /// Every place where a segment lies.
    pub(crate) fn segment(&self, id: &SegmentId) -> Result<Vec<SegmentPlace>> {
        let mut found = Vec::new();
        for part in self.parts()?.iter().rev() {
            part.table.segment(id, &mut found).map_err(|error| self.broken(part, error))?;
        }
        Ok(found)
    }

    pub(crate) fn has_segment(&self, id: &SegmentId) -> Result<bool> {
        Ok(self.search(|table| Ok(table.has_segment(id)?.then_some(())))?.is_some())
    }

    /// Whether a pack is listed.
    pub(crate) fn has_pack(&self, id: &PackId) -> Result<bool> {
        for part in self.parts()?.iter() {
            for pack in part.table.packs() {
                if pack.map_err(|error| self.broken(part, error))?.0 == *id {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// Every indexed pack with its length, in ascending order.
    pub(crate) fn packs(&self) -> Result<BTreeMap<PackId, u64>> {
        let mut packs = BTreeMap::new();
        for part in self.parts()?.iter() {
            for pack in part.table.packs() {
                let (id, length) = pack.map_err(|error| self.broken(part, error))?;
                packs.insert(id, length);
            }
        }
        Ok(packs)
    }

    /// Calls `visit` for every place of every segment, with the number of the table that lists it there: several may.
    pub(crate) fn for_each_segment(&self, visit: &mut dyn FnMut(usize, SegmentPlace) -> Result<()>) -> Result<()> {
        for (number, part) in self.parts()?.iter().enumerate() {
            for place in part.table.segments().map_err(|error| self.broken(part, error))? {
                visit(number, place.map_err(|error| self.broken(part, error))?)?;
            }
        }
        Ok(())
    }

    /// Some places of segments of one session, each in another pack. Looks at the whole index: for when something is
    /// damaged.
    pub(crate) fn packs_of_session(&self, session: &SessionId, most: usize) -> Result<Vec<SegmentPlace>> {
        let mut places: BTreeMap<PackId, SegmentPlace> = BTreeMap::new();
        for part in self.parts()?.iter() {
            for place in part.table.segments().map_err(|error| self.broken(part, error))? {
                let place = place.map_err(|error| self.broken(part, error))?;
                if place.header.session == *session {
                    places.entry(place.pack).or_insert(place);
                    if places.len() >= most {
                        return Ok(places.into_values().collect());
                    }
                }
            }
        }
        Ok(places.into_values().collect())
    }

    /// Calls `visit` for every pack with every index object that lists it.
    pub(crate) fn for_each_listing(&self, visit: &mut dyn FnMut(PackId, IndexId) -> Result<()>) -> Result<()> {
        for part in self.parts()?.iter() {
            for listing in part.table.listings().map_err(|error| self.broken(part, error))? {
                let (pack, object) = listing.map_err(|error| self.broken(part, error))?;
                visit(pack, object)?;
            }
        }
        Ok(())
    }

    /// The index objects that are in force, and those that they supersede, wherever these are.
    pub(crate) fn objects(&self) -> Result<(BTreeSet<IndexId>, BTreeSet<IndexId>)> {
        let parts = self.parts()?;
        let covered = parts.iter().flat_map(|part| part.sources.covered.iter().copied()).collect();
        let superseded = parts.iter().flat_map(|part| part.sources.superseded.iter().map(|(id, _)| *id)).collect();
        Ok((covered, superseded))
    }

    /// How many blobs and segments it lists, counting what stands in several tables several times.
    pub(crate) fn counts(&self) -> Result<(u64, u64)> {
        let parts = self.parts()?;
        Ok((
            parts.iter().map(|part| part.table.blob_count()).sum(),
            parts.iter().map(|part| part.table.segment_count()).sum(),
        ))
    }

    /// How many tables there are.
    #[cfg(feature = "bench")]
    pub(crate) fn table_count(&self) -> Result<usize> {
        Ok(self.parts()?.len())
    }

    /// Room for a mark on every segment listed at this moment.
    pub(crate) fn segment_marks(&self) -> Result<SegmentMarks> {
        Ok(SegmentMarks::new(self.parts()?))
    }

    /// Room for a mark on every blob listed at this moment.
    pub(crate) fn blob_marks(&self) -> Result<BlobMarks> {
        Ok(BlobMarks::new(self.parts()?))
    }

    /// How many index objects are loaded.
    pub(crate) fn object_count(&self) -> Result<u64> {
        Ok(self.parts()?.iter().map(|part| part.sources.covered.len() as u64).sum())
    }

    /// Adds what an index object that was just written lists.
    pub(crate) fn add(&self, id: IndexId, packs: &[IndexedPack]) -> Result<()> {
        let _changing = self.changing()?;
        let mut parts = self.parts()?.as_ref().clone();
        let sources = Sources { covered: BTreeSet::from([id]), superseded: BTreeSet::new() };
        let listings: Vec<(PackId, IndexId)> = packs.iter().map(|pack| (pack.id, id)).collect();
        parts.push(self.make(&sources, &|target| Table::build(packs, &listings, &sources, target))?);
        let parts = self.merge_similar(parts, MAX_MERGED_NOW, &|| Ok(()))?;
        self.set_parts(parts)
    }

    /// Makes a table where tables are kept.
    fn make(&self, sources: &Sources, make: &dyn Fn(Target<'_>) -> Result<Table>) -> Result<Part> {
        if let Some(disk) = &self.disk
            && let Some((table, file)) = disk.write(sources, make)?
        {
            return Part::new(table, Some(file));
        }
        Part::new(make(Target::Memory)?, None)
    }

    /// Merges tables of about the same size, as carries in a counter: their number grows with the logarithm of what
    /// they hold, and each record is merged at most as often.
    fn merge_similar(&self, mut parts: Vec<Part>, most: u64, pause: &dyn Fn() -> Result<()>) -> Result<Vec<Part>> {
        parts.sort_by_key(|part| std::cmp::Reverse(part.table.blob_count()));
        // From the small end on, so that what is merged early is little; and many at once, for each record is then
        // written once where it would be written once for every doubling.
        let mut end = parts.len();
        while end >= 2 {
            let (mut begin, mut blobs) = (end, 0_u64);
            for (number, part) in parts.iter().enumerate().take(end).rev().take(MAX_WAYS) {
                let more = part.table.blob_count();
                let first = number + 1 == end;
                if !first && (more > blobs.saturating_mul(2) || blobs.saturating_add(more) > most) {
                    break;
                }
                (begin, blobs) = (number, blobs.saturating_add(more));
            }
            if end - begin < 2 {
                end -= 1;
                continue;
            }
            let merged = self.merge(parts.get(begin..end).unwrap_or_default(), pause)?;
            parts.splice(begin..end, [merged]);
            parts.sort_by_key(|part| std::cmp::Reverse(part.table.blob_count()));
            end = parts.len();
        }
        Ok(parts)
    }

    fn merge(&self, parts: &[Part], pause: &dyn Fn() -> Result<()>) -> Result<Part> {
        let mut sources = Sources::default();
        parts.iter().for_each(|part| sources.extend(&part.sources));
        let tables: Vec<SharedTable> = parts.iter().map(|part| Arc::clone(&part.table)).collect();
        let merged = self.make(&sources, &|target| Table::merge(&tables, target, pause))?;
        // Searches that have begun keep the files open.
        for part in parts {
            part.file.iter().filter(|file| Some(*file) != merged.file.as_ref()).for_each(|file| disk::remove(file));
        }
        Ok(merged)
    }

    /// Of these tables, what stands in objects that are in storage and in force. The rest is taken out of them here,
    /// and what stays is not read from storage again.
    fn in_force(
        &self,
        parts: Vec<Part>,
        refresh: &load::Refresh<'_>,
        pause: &dyn Fn() -> Result<()>,
    ) -> Result<Vec<Part>> {
        let mut kept = Vec::with_capacity(parts.len());
        for part in parts {
            let gone = refresh.gone(&part);
            if gone.is_empty() && !part.broken.load(Ordering::Relaxed) {
                kept.push(part);
                continue;
            }
            let left = if part.broken.load(Ordering::Relaxed) { Ok(None) } else { self.without(&part, gone, pause) };
            part.file.iter().for_each(|file| disk::remove(file));
            match left {
                Ok(left) => kept.extend(left),
                Err(error) if error.kind() == ErrorKind::Cancelled => return Err(error),
                // A table is a copy: what cannot be taken out of it is read from storage again.
                Err(_) => {}
            }
        }
        Ok(kept)
    }

    /// A table without what stood in some objects, if anything is left of it then.
    fn without(&self, part: &Part, gone: BTreeSet<IndexId>, pause: &dyn Fn() -> Result<()>) -> Result<Option<Part>> {
        let gone = part.table.entangled(gone)?;
        let sources = part.sources.that(&|id| !gone.contains(id));
        if sources.covered.is_empty() {
            return Ok(None);
        }
        self.make(&sources, &|target| Table::without(&part.table, &gone, target, pause)).map(Some)
    }

    /// Reads index objects that appeared since the last call, and lets go of those that went away or that others
    /// supersede. Objects that cannot be read are returned with the reason; the blobs they alone list count as
    /// absent.
    pub(crate) fn refresh(
        &self,
        backend: &dyn Backend,
        keys: &Keys,
        ctx: &Context,
    ) -> Result<Vec<(ObjectName, Error)>> {
        let _changing = self.changing()?;
        let mut parts = self.parts()?.as_ref().clone();
        if let Some(disk) = &self.disk
            && disk.unlock(keys)?
        {
            parts.extend(disk.open_all());
        }
        let pause = || ctx.check("bring the index up to date");
        let mut refresh = load::Refresh::new(backend, keys, ctx)?;
        parts = self.in_force(parts, &refresh, &pause)?;
        // Tables from files are opened once; they stay even if reading the rest is broken off.
        self.set_parts(parts.clone())?;
        let mut looks = 1;
        loop {
            refresh.superseded.extend(parts.iter().flat_map(|part| part.sources.superseded.iter().map(|(id, _)| *id)));
            parts = self.in_force(parts, &refresh, &pause)?;
            let loaded: BTreeSet<IndexId> =
                parts.iter().flat_map(|part| part.sources.covered.iter().copied()).collect();
            // What is read may supersede what was loaded before it, which then goes in the next round. That ends,
            // because with every round more is known to be superseded.
            if !refresh.load_missing(&loaded, &mut |packs, listings, sources| {
                parts.push(self.make(sources, &|target| Table::build(packs, listings, sources, target))?);
                Ok(())
            })? {
                if !refresh.missed_some() || looks >= MAX_LOOKS {
                    break;
                }
                looks += 1;
                refresh = load::Refresh::new(backend, keys, ctx)?;
            }
        }
        let parts = self.merge_similar(parts, MAX_MERGED, &pause)?;
        self.set_parts(parts)?;
        Ok(refresh.rejected())
    }
}

fn panicked() -> Error {
    internal("use the index", "a thread panicked while holding it")
}

/// Whether an index object that cannot be read is left out, rather than ending the work.
fn is_of_the_object(error: &Error) -> bool {
    // An epoch that the key does not reach is `Forbidden`; a bad sector is `Io`.
    matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::Unsupported | ErrorKind::Forbidden | ErrorKind::Io)
}
