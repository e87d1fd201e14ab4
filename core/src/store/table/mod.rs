//! Index tables: sorted, fixed-width, immutable, and searched where they lie, in memory or in a file.

mod filter;
mod image;
mod write;

pub(crate) use write::{Sources, Target};

use crate::compress::Compression;
use crate::crypto::SecretKey;
use crate::error::{Error, Result, corrupt};
use crate::format::pack::IndexedPack;
use crate::format::segment::{BlobKind, SegmentHeader};
use crate::id::{BlobId, IndexId, PackId, SegmentId, SessionId};
use filter::Filter;
use image::{Image, OPEN, VerifiedFile, damaged};
use std::collections::{BTreeSet, HashSet};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

/// Where a segment lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SegmentPlace {
    pub(crate) header: SegmentHeader,
    pub(crate) pack: PackId,
    pub(crate) offset: u64,
}

/// A sorted table of the blobs and segments of some packs.
#[derive(Debug)]
pub(crate) struct Table {
    image: Image,
    layout: Layout,
}

/// What of a table lies where.
#[derive(Debug, Clone, Copy)]
struct Layout {
    packs: Section<PACK>,
    segments: Section<SEGMENT>,
    blobs: Section<BLOB>,
    covered: Section<ID>,
    superseded: Section<SUPERSEDED>,
    listings: Section<LISTING>,
    filter: Filter,
}

/// Records of one width, sorted; those that are searched begin with a 32-byte id.
#[derive(Debug, Clone, Copy)]
struct Section<const WIDTH: usize> {
    offset: u64,
    count: u64,
}

/// Records read in one go by those who want all of them.
const SCAN: u64 = 512;
/// Records read in one go by those who look for one: reading some more costs less than reading once more.
const WINDOW: usize = 48;

const ID: usize = 32;
/// Pack: id, length.
const PACK: usize = ID + 8;
/// Segment: id, session, counter, offset, number of its pack, stored and raw length, blob count, kind, compression.
const SEGMENT: usize = ID + 16 + 8 + 8 + 4 + 4 + 4 + 4 + 1 + 1;
/// Blob: id, number of its segment in the table, position in the segment.
const BLOB: usize = ID + 4 + 4;
/// Superseded index object: id, number of the one among those covered that says so.
const SUPERSEDED: usize = ID + 4;
/// Which index object lists a pack: number of the pack, number of the object among those covered.
const LISTING: usize = 4 + 4;
const MAGIC: [u8; 8] = *b"SRtable3";
const HEADER: usize = 8 + 6 * 8;

/// How many records of each kind a table has, in the order in which they stand there.
#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    packs: u64,
    segments: u64,
    blobs: u64,
    /// Index objects it covers.
    covered: u64,
    /// Index objects that those supersede, each with one that says so.
    superseded: u64,
    /// Packs, each with an index object that lists it.
    listings: u64,
}

fn prefix(id: &[u8; 32]) -> u64 {
    u64::from_be_bytes(id.first_chunk::<8>().copied().unwrap_or_default())
}

/// Takes fixed-width fields off the front of a record.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn take<const N: usize>(&mut self) -> [u8; N] {
        match self.0.split_first_chunk::<N>() {
            Some((field, rest)) => {
                self.0 = rest;
                *field
            }
            None => [0; N],
        }
    }
}

impl<const WIDTH: usize> Section<WIDTH> {
    fn end(&self) -> u64 {
        self.offset + self.count * WIDTH as u64
    }

    fn get(&self, image: &Image, number: u64) -> Result<[u8; WIDTH]> {
        image.read(self.offset + number * WIDTH as u64)
    }

    /// Every record in order, read in pieces.
    fn scan(self, image: &Image) -> impl Iterator<Item = Result<[u8; WIDTH]>> {
        let mut buffer: Vec<[u8; WIDTH]> = Vec::new();
        let mut next = 0;
        (0..self.count).map(move |number| {
            if next == buffer.len() {
                let records = usize::try_from((self.count - number).min(SCAN)).map_err(|_| damaged())?;
                buffer.resize(records, [0; WIDTH]);
                image.read_into(self.offset + number * WIDTH as u64, buffer.as_flattened_mut())?;
                next = 0;
            }
            next += 1;
            buffer.get(next - 1).copied().ok_or_else(damaged)
        })
    }

    /// The first record whose id is not below `id`. Ids are hashes, evenly spread, so where one stands can be
    /// guessed well: interpolation search (Perl, Itai, Avni, 1978) takes O(log log n) probes, here of some records
    /// at a time.
    fn lower_bound(&self, image: &Image, id: &[u8; 32]) -> Result<u64> {
        let mut buffer = [[0; WIDTH]; WINDOW];
        let (mut low, mut high) = (0, self.count);
        let (mut low_key, mut high_key) = (0u64, u64::MAX);
        let key = prefix(id);
        let mut probes = 0;
        while low < high {
            let span = high_key.saturating_sub(low_key).max(1);
            let guess = u128::from(high - low) * u128::from(key.saturating_sub(low_key)) / (u128::from(span) + 1);
            let guess = u64::try_from(guess).unwrap_or(u64::MAX);
            // An attacker may choose uneven ids; after some probes halving bounds the work.
            let guess = if probes < 8 { guess.min(high - low - 1) } else { (high - low) / 2 };
            probes += 1;
            let start = low + guess.saturating_sub(WINDOW as u64 / 2);
            let records = usize::try_from((high - start).min(WINDOW as u64)).map_err(|_| damaged())?;
            let window = buffer.get_mut(..records).ok_or_else(damaged)?;
            image.read_into(self.offset + start * WIDTH as u64, window.as_flattened_mut())?;
            let id_of = |record: &[u8; WIDTH]| record.first_chunk::<32>().copied().unwrap_or_default();
            let below = window.partition_point(|record| id_of(record) < *id);
            if below == records {
                low = start + below as u64;
                low_key = window.last().map_or(low_key, |record| prefix(&id_of(record)));
            } else if below == 0 && start > low {
                high = start;
                high_key = window.first().map_or(high_key, |record| prefix(&id_of(record)));
            } else {
                return Ok(start + below as u64);
            }
        }
        Ok(low)
    }

    fn find(&self, image: &Image, id: &[u8; 32]) -> Result<Option<[u8; WIDTH]>> {
        let number = self.lower_bound(image, id)?;
        if number >= self.count {
            return Ok(None);
        }
        let record = self.get(image, number)?;
        Ok((record.first_chunk::<32>() == Some(id)).then_some(record))
    }
}

impl Layout {
    fn new(counts: Counts) -> Self {
        let packs = Section { offset: HEADER as u64, count: counts.packs };
        let segments = Section { offset: packs.end(), count: counts.segments };
        let blobs = Section { offset: segments.end(), count: counts.blobs };
        let covered = Section { offset: blobs.end(), count: counts.covered };
        let superseded = Section { offset: covered.end(), count: counts.superseded };
        let listings = Section { offset: superseded.end(), count: counts.listings };
        let filter = Filter::new(listings.end(), counts.blobs);
        Layout { packs, segments, blobs, covered, superseded, listings, filter }
    }
}

impl Table {
    /// A table of these packs, which stand in these index objects, as `listings` says in which.
    pub(crate) fn build(
        packs: &[IndexedPack],
        listings: &[(PackId, IndexId)],
        sources: &Sources,
        target: Target<'_>,
    ) -> Result<Table> {
        write::build(packs, listings, sources, target)
    }

    /// One table with everything these hold; packs that stand in several are taken once. `pause` is called now and
    /// then and may stop the work.
    pub(crate) fn merge(tables: &[SharedTable], target: Target<'_>, pause: &dyn Fn() -> Result<()>) -> Result<Table> {
        write::merge(tables, &|_| true, target, pause)
    }

    /// The same table without what stood in these index objects, which have to be [`entangled`](Table::entangled) with
    /// no other.
    pub(crate) fn without(
        table: &SharedTable,
        gone: &BTreeSet<IndexId>,
        target: Target<'_>,
        pause: &dyn Fn() -> Result<()>,
    ) -> Result<Table> {
        write::merge(std::slice::from_ref(table), &|id| !gone.contains(id), target, pause)
    }

    /// These index objects with all that list a pack which one of them lists, and so on: what one of several says of a
    /// pack cannot be told from what the others say.
    pub(crate) fn entangled(&self, mut objects: BTreeSet<IndexId>) -> Result<BTreeSet<IndexId>> {
        loop {
            let before = objects.len();
            let mut packs = HashSet::new();
            for listing in self.listings()? {
                let (pack, object) = listing?;
                if objects.contains(&object) {
                    packs.insert(pack);
                }
            }
            for listing in self.listings()? {
                let (pack, object) = listing?;
                if packs.contains(&pack) {
                    objects.insert(object);
                }
            }
            if objects.len() == before {
                return Ok(objects);
            }
        }
    }

    /// A table in a file that was written with this key.
    pub(crate) fn open(file: File, key: &SecretKey) -> Result<Table> {
        let mut header = [0; HEADER];
        file.read_exact_at(&mut header, 0).map_err(|error| match error.kind() {
            std::io::ErrorKind::UnexpectedEof => corrupt(OPEN, "it is too short to be an index table"),
            _ => Error::io(error, OPEN),
        })?;
        let mut fields = Fields(&header);
        if fields.take::<8>() != MAGIC {
            return Err(corrupt(OPEN, "it is not an index table"));
        }
        let numbers = [0; 6].map(|_: u8| u64::from_le_bytes(fields.take()));
        let [packs, segments, blobs, covered, superseded, listings] = numbers;
        let counts = Counts { packs, segments, blobs, covered, superseded, listings };
        let widths = [PACK, SEGMENT, BLOB, ID, SUPERSEDED, LISTING];
        let widths = numbers.into_iter().zip(widths);
        let body = widths.into_iter().try_fold(0u64, |sum, (count, width)| {
            count.checked_mul(width as u64).and_then(|bytes| sum.checked_add(bytes))
        });
        let body = body.and_then(|body| body.checked_add(filter::length(blobs)?));
        let body = body.ok_or_else(|| corrupt(OPEN, "its counts are impossible"))?;
        Ok(Table::new(VerifiedFile::open(file, key, &header, body)?, counts))
    }

    /// The image's length has been checked against the counts, or it was just written.
    fn new(image: Image, counts: Counts) -> Table {
        Table { image, layout: Layout::new(counts) }
    }

    /// The index objects it covers, and those that they supersede.
    pub(crate) fn sources(&self) -> Result<Sources> {
        let covered = self.covered_ids()?;
        let superseded = self.layout.superseded.scan(&self.image).map(|record| {
            let record = record?;
            let mut fields = Fields(&record);
            let id = IndexId::from_bytes(fields.take());
            Ok((id, numbered(&covered, u32::from_le_bytes(fields.take()))?))
        });
        let superseded = superseded.collect::<Result<BTreeSet<_>>>()?;
        Ok(Sources { covered: covered.into_iter().collect(), superseded })
    }

    fn covered_ids(&self) -> Result<Vec<IndexId>> {
        self.layout.covered.scan(&self.image).map(|record| record.map(IndexId::from_bytes)).collect()
    }

    /// Every pack with every index object that lists it.
    pub(crate) fn listings(&self) -> Result<impl Iterator<Item = Result<(PackId, IndexId)>>> {
        let packs = self.packs().map(|pack| pack.map(|(id, _)| id)).collect::<Result<Vec<PackId>>>()?;
        let covered = self.covered_ids()?;
        Ok(self.listing_records().map(move |record| {
            let (pack, object) = record?;
            Ok((numbered(&packs, pack)?, numbered(&covered, object)?))
        }))
    }

    /// The numbers of every pack and of every index object that lists it.
    fn listing_records(&self) -> impl Iterator<Item = Result<(u32, u32)>> {
        self.layout.listings.scan(&self.image).map(|record| {
            let record = record?;
            let mut fields = Fields(&record);
            Ok((u32::from_le_bytes(fields.take()), u32::from_le_bytes(fields.take())))
        })
    }

    pub(crate) fn is_file(&self) -> bool {
        matches!(self.image, Image::File(_))
    }

    pub(crate) fn blob_count(&self) -> u64 {
        self.layout.blobs.count
    }

    pub(crate) fn segment_count(&self) -> u64 {
        self.layout.segments.count
    }

    fn find_blob(&self, id: &BlobId) -> Result<Option<[u8; BLOB]>> {
        if !self.layout.filter.may_hold(&self.image, id.as_bytes())? {
            return Ok(None);
        }
        self.layout.blobs.find(&self.image, id.as_bytes())
    }

    /// The segment that holds a blob, and the blob's position in it.
    pub(crate) fn blob(&self, id: &BlobId) -> Result<Option<(SegmentPlace, u32)>> {
        let Some(record) = self.find_blob(id)? else { return Ok(None) };
        let mut fields = Fields(record.get(32..).unwrap_or_default());
        let (segment, position) = (u32::from_le_bytes(fields.take()), u32::from_le_bytes(fields.take()));
        Ok(Some((self.segment_number(u64::from(segment))?, position)))
    }

    /// Every segment that holds a blob, with the blob's position: writers at work at the same time may have stored it
    /// several times.
    pub(crate) fn blob_places(&self, id: &BlobId, found: &mut Vec<(SegmentPlace, u32)>) -> Result<()> {
        if !self.layout.filter.may_hold(&self.image, id.as_bytes())? {
            return Ok(());
        }
        let mut number = self.layout.blobs.lower_bound(&self.image, id.as_bytes())?;
        while number < self.layout.blobs.count {
            let record = self.layout.blobs.get(&self.image, number)?;
            let mut fields = Fields(&record);
            if fields.take::<ID>() != *id.as_bytes() {
                break;
            }
            let (segment, position) = (u32::from_le_bytes(fields.take()), u32::from_le_bytes(fields.take()));
            found.push((self.segment_number(u64::from(segment))?, position));
            number += 1;
        }
        Ok(())
    }

    /// The id of the segment that holds a blob, and the blob's position in it.
    pub(crate) fn blob_segment(&self, id: &BlobId) -> Result<Option<(SegmentId, u32)>> {
        let Some(record) = self.find_blob(id)? else { return Ok(None) };
        let mut fields = Fields(record.get(32..).unwrap_or_default());
        let (segment, position) = (u32::from_le_bytes(fields.take()), u32::from_le_bytes(fields.take()));
        if u64::from(segment) >= self.layout.segments.count {
            return Err(damaged());
        }
        let id = self.image.read(self.layout.segments.offset + u64::from(segment) * SEGMENT as u64)?;
        Ok(Some((SegmentId::from_bytes(id), position)))
    }

    /// Where a segment lies; more than one place when it was moved or copied.
    pub(crate) fn segment(&self, id: &SegmentId, found: &mut Vec<SegmentPlace>) -> Result<()> {
        let mut number = self.layout.segments.lower_bound(&self.image, id.as_bytes())?;
        while number < self.layout.segments.count {
            let place = self.segment_number(number)?;
            if place.header.id != *id {
                break;
            }
            found.push(place);
            number += 1;
        }
        Ok(())
    }

    /// The number of a segment in the order of ids, which is the same as long as the table is.
    pub(crate) fn number_of(&self, id: &SegmentId) -> Result<Option<u64>> {
        let number = self.layout.segments.lower_bound(&self.image, id.as_bytes())?;
        if number >= self.layout.segments.count
            || self.layout.segments.get(&self.image, number)?.first_chunk() != Some(id.as_bytes())
        {
            return Ok(None);
        }
        Ok(Some(number))
    }

    /// The number of the first record of a blob in the order of ids, which is the same as long as the table is.
    pub(crate) fn number_of_blob(&self, id: &BlobId) -> Result<Option<u64>> {
        if !self.layout.filter.may_hold(&self.image, id.as_bytes())? {
            return Ok(None);
        }
        let number = self.layout.blobs.lower_bound(&self.image, id.as_bytes())?;
        if number >= self.layout.blobs.count
            || self.layout.blobs.get(&self.image, number)?.first_chunk() != Some(id.as_bytes())
        {
            return Ok(None);
        }
        Ok(Some(number))
    }

    pub(crate) fn has_segment(&self, id: &SegmentId) -> Result<bool> {
        Ok(self.layout.segments.find(&self.image, id.as_bytes())?.is_some())
    }

    /// The segment with this number in the order of ids.
    pub(crate) fn segment_number(&self, number: u64) -> Result<SegmentPlace> {
        if number >= self.layout.segments.count {
            return Err(damaged());
        }
        let (mut place, pack) = segment_of(&self.layout.segments.get(&self.image, number)?)?;
        place.pack = self.pack_number(u64::from(pack))?.0;
        Ok(place)
    }

    fn pack_number(&self, number: u64) -> Result<(PackId, u64)> {
        if number >= self.layout.packs.count {
            return Err(damaged());
        }
        let record = self.layout.packs.get(&self.image, number)?;
        let mut fields = Fields(&record);
        Ok((PackId::from_bytes(fields.take()), u64::from_le_bytes(fields.take())))
    }

    /// Every pack with its length, in the order of ids.
    pub(crate) fn packs(&self) -> impl Iterator<Item = Result<(PackId, u64)>> {
        self.layout.packs.scan(&self.image).map(|record| {
            let record = record?;
            let mut fields = Fields(&record);
            Ok((PackId::from_bytes(fields.take()), u64::from_le_bytes(fields.take())))
        })
    }

    /// Every segment, in the order of ids.
    pub(crate) fn segments(&self) -> Result<impl Iterator<Item = Result<SegmentPlace>>> {
        let packs = self.packs().map(|pack| pack.map(|(id, _)| id)).collect::<Result<Vec<PackId>>>()?;
        Ok(self.segment_records().map(move |record| {
            let (mut place, pack) = record?;
            place.pack = numbered(&packs, pack)?;
            Ok(place)
        }))
    }

    /// Every segment with the number of its pack, whose id is left out.
    fn segment_records(&self) -> impl Iterator<Item = Result<(SegmentPlace, u32)>> {
        self.layout.segments.scan(&self.image).map(|record| segment_of(&record?))
    }

    /// Every blob with the number of its segment and its position there, in the order of ids.
    fn blob_records(&self) -> impl Iterator<Item = Result<(BlobId, u32, u32)>> {
        self.layout.blobs.scan(&self.image).map(|record| {
            let record = record?;
            let mut fields = Fields(&record);
            let id = BlobId::from_bytes(fields.take());
            Ok((id, u32::from_le_bytes(fields.take()), u32::from_le_bytes(fields.take())))
        })
    }
}

fn numbered<T: Copy>(values: &[T], number: u32) -> Result<T> {
    usize::try_from(number).ok().and_then(|number| values.get(number)).copied().ok_or_else(damaged)
}

/// Takes a segment's record apart: where it lies, but for the id of the pack, and the pack's number.
fn segment_of(record: &[u8; SEGMENT]) -> Result<(SegmentPlace, u32)> {
    let mut fields = Fields(record);
    let id = SegmentId::from_bytes(fields.take());
    let session = SessionId::from_bytes(fields.take());
    let (counter, offset) = (u64::from_le_bytes(fields.take()), u64::from_le_bytes(fields.take()));
    let pack = u32::from_le_bytes(fields.take());
    let [stored_length, raw_length, blob_count] = [0; 3].map(|_: u8| u32::from_le_bytes(fields.take()));
    let [kind] = fields.take::<1>();
    let [compression] = fields.take::<1>();
    let header = SegmentHeader {
        id,
        session,
        counter,
        kind: BlobKind::from_number(kind).ok_or_else(damaged)?,
        compression: Compression::from_number(compression)?,
        stored_length,
        raw_length,
        blob_count,
    };
    Ok((SegmentPlace { header, pack: PackId::default(), offset }, pack))
}

/// Tables are shared between the index and those who search it.
pub(crate) type SharedTable = Arc<Table>;

#[cfg(test)]
mod tests;
