//! Writing tables: from the contents of packs, or by merging other tables, into memory or into a file.

use super::image::{BLOCK, CHECKSUM, Image, VerifiedFile, checksum, damaged, seal};
use super::{
    BLOB, Counts, HEADER, ID, LISTING, Layout, MAGIC, PACK, SCAN, SEGMENT, SUPERSEDED, SegmentPlace, SharedTable,
    Table, filter,
};
use crate::crypto::SecretKey;
use crate::error::{Error, Result, internal};
use crate::format::pack::IndexedPack;
use crate::id::{BlobId, IndexId, PackId, SegmentId};
use std::cmp::Reverse;
use std::collections::binary_heap::PeekMut;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::fs::File;
use std::io::Write;
use std::os::unix::fs::FileExt;

/// What index objects a table covers, and which ones those supersede.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Sources {
    pub(crate) covered: BTreeSet<IndexId>,
    /// Each with one of those covered that says so.
    pub(crate) superseded: BTreeSet<(IndexId, IndexId)>,
}

impl Sources {
    /// What is left of them when some go.
    pub(crate) fn that(&self, stays: &dyn Fn(&IndexId) -> bool) -> Sources {
        Sources {
            covered: self.covered.iter().copied().filter(stays).collect(),
            superseded: self.superseded.iter().copied().filter(|(_, by)| stays(by)).collect(),
        }
    }

    pub(crate) fn extend(&mut self, other: &Sources) {
        self.covered.extend(&other.covered);
        self.superseded.extend(&other.superseded);
    }
}

/// Where a table is written to.
pub(crate) enum Target<'a> {
    Memory,
    /// An empty file, opened for reading and writing, and the key of its checksums.
    File(File, &'a SecretKey),
}

/// Records between two looks at whether to stop.
const PAUSE_EVERY: u64 = 1 << 16;

fn too_many() -> Error {
    internal("build the index", "a table has more than 2^32 records")
}

/// The bytes written so far.
enum Output {
    Memory(Vec<u8>),
    File(Box<FileOutput>),
}

struct FileOutput {
    file: File,
    key: SecretKey,
    block: Vec<u8>,
    checksums: Vec<[u8; CHECKSUM]>,
    length: u64,
}

fn failed(error: std::io::Error) -> Error {
    Error::io(error, "write the local index")
}

impl FileOutput {
    fn end_block(&mut self) -> Result<()> {
        if !self.block.is_empty() {
            self.checksums.push(checksum(&self.key, &self.block));
            self.file.write_all(&self.block).map_err(failed)?;
            self.length += self.block.len() as u64;
            self.block.clear();
        }
        Ok(())
    }
}

impl Output {
    fn begin(target: Target<'_>) -> Result<Self> {
        Ok(match target {
            Target::Memory => Output::Memory(vec![0; HEADER]),
            Target::File(mut file, key) => {
                file.write_all(&[0; HEADER]).map_err(failed)?;
                let (key, block) = (key.clone(), Vec::new());
                Output::File(Box::new(FileOutput { file, key, block, checksums: Vec::new(), length: HEADER as u64 }))
            }
        })
    }

    fn put(&mut self, mut bytes: &[u8]) -> Result<()> {
        match self {
            Output::Memory(image) => image.extend_from_slice(bytes),
            Output::File(output) => {
                let room = usize::try_from(BLOCK).unwrap_or(usize::MAX);
                while !bytes.is_empty() {
                    let (now, rest) = bytes.split_at(bytes.len().min(room - output.block.len()));
                    output.block.extend_from_slice(now);
                    bytes = rest;
                    if output.block.len() == room {
                        output.end_block()?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Reads what was written, from an offset of the image on.
    fn read(&self, offset: u64, bytes: &mut [u8]) -> Result<()> {
        match self {
            Output::Memory(image) => {
                let start = usize::try_from(offset).map_err(|_| damaged())?;
                let from = image.get(start..).and_then(|rest| rest.get(..bytes.len()));
                bytes.copy_from_slice(from.ok_or_else(damaged)?);
                Ok(())
            }
            Output::File(output) => {
                // The last block is still at hand.
                let in_file = usize::try_from(output.length.saturating_sub(offset)).unwrap_or(usize::MAX);
                let (start, rest) = bytes.split_at_mut(in_file.min(bytes.len()));
                output.file.read_exact_at(start, offset).map_err(failed)?;
                let at = usize::try_from((offset + start.len() as u64).saturating_sub(output.length));
                let from = at.ok().and_then(|at| output.block.get(at..)).and_then(|block| block.get(..rest.len()));
                rest.copy_from_slice(from.ok_or_else(damaged)?);
                Ok(())
            }
        }
    }

    /// Writes the filter of the blobs that were written, for which they are read once more: keeping it until they
    /// are complete would take memory that grows with their number.
    fn put_filter(&mut self, counts: Counts, pause: &dyn Fn() -> Result<()>) -> Result<()> {
        let blobs = Layout::new(counts).blobs;
        let mut builder = filter::Builder::new(counts.blobs);
        let mut records = vec![[0; BLOB]; usize::try_from(SCAN.min(counts.blobs)).map_err(|_| too_many())?];
        let mut next = 0;
        while next < counts.blobs {
            let now = usize::try_from((counts.blobs - next).min(SCAN)).map_err(|_| too_many())?;
            let records = records.get_mut(..now).ok_or_else(damaged)?;
            self.read(blobs.offset + next * BLOB as u64, records.as_flattened_mut())?;
            for record in records.iter() {
                let id = record.first_chunk::<ID>().copied().unwrap_or_default();
                builder.add(&id, &mut |block| self.put(block))?;
            }
            next += now as u64;
            if next.is_multiple_of(PAUSE_EVERY) {
                pause()?;
            }
        }
        builder.finish(&mut |block| self.put(block))
    }

    fn finish(self, counts: Counts) -> Result<Table> {
        let header = counts.header();
        match self {
            Output::Memory(mut image) => {
                if let Some(place) = image.first_chunk_mut::<HEADER>() {
                    *place = header;
                }
                image.shrink_to_fit();
                Ok(Table::new(Image::Memory(image), counts))
            }
            Output::File(mut output) => {
                output.end_block()?;
                let FileOutput { mut file, key, checksums, length, .. } = *output;
                file.write_all(checksums.as_flattened()).map_err(failed)?;
                file.write_all(&seal(&key, &header, &checksums)).map_err(failed)?;
                file.write_all_at(&header, 0).map_err(failed)?;
                file.sync_data().map_err(failed)?;
                Ok(Table::new(VerifiedFile::written(file, key, &header, length, checksums)?, counts))
            }
        }
    }
}

fn put_sources(output: &mut Output, sources: &Sources) -> Result<()> {
    sources.covered.iter().try_for_each(|id| output.put(id.as_bytes()))?;
    let numbers = object_numbers(sources);
    for (id, by) in &sources.superseded {
        let by = numbers.get(by).ok_or_else(|| internal("build the index", "an object is not among those covered"))?;
        output.put(&join::<SUPERSEDED>(&[id.as_bytes(), &by.to_le_bytes()]))?;
    }
    Ok(())
}

/// The numbers of the index objects that a table covers.
fn object_numbers(sources: &Sources) -> BTreeMap<IndexId, u32> {
    sources.covered.iter().copied().zip(0u32..).collect()
}

/// Writes which index object lists which pack, and returns how many records that makes.
fn put_listings(output: &mut Output, mut listings: Vec<(u32, u32)>) -> Result<u64> {
    listings.sort_unstable();
    listings.dedup();
    for (pack, object) in &listings {
        output.put(&join::<LISTING>(&[&pack.to_le_bytes(), &object.to_le_bytes()]))?;
    }
    Ok(listings.len() as u64)
}

fn pack_record(id: &PackId, length: u64) -> [u8; PACK] {
    join(&[id.as_bytes(), &length.to_le_bytes()])
}

fn segment_record(place: &SegmentPlace, pack: u32) -> [u8; SEGMENT] {
    let header = &place.header;
    join(&[
        header.id.as_bytes(),
        header.session.as_bytes(),
        &header.counter.to_le_bytes(),
        &place.offset.to_le_bytes(),
        &pack.to_le_bytes(),
        &header.stored_length.to_le_bytes(),
        &header.raw_length.to_le_bytes(),
        &header.blob_count.to_le_bytes(),
        &[header.kind as u8, header.compression as u8],
    ])
}

fn blob_record(id: &[u8; ID], segment: u32, position: u32) -> [u8; BLOB] {
    join(&[id, &segment.to_le_bytes(), &position.to_le_bytes()])
}

fn join<const N: usize>(parts: &[&[u8]]) -> [u8; N] {
    let mut record = [0; N];
    for (to, from) in record.iter_mut().zip(parts.iter().copied().flatten()) {
        *to = *from;
    }
    record
}

/// A table of these packs. One that stands there several times is taken once.
pub(super) fn build(
    packs: &[IndexedPack],
    listings: &[(PackId, IndexId)],
    sources: &Sources,
    target: Target<'_>,
) -> Result<Table> {
    let packs: BTreeMap<PackId, &IndexedPack> = packs.iter().map(|pack| (pack.id, pack)).collect();
    let mut output = Output::begin(target)?;
    let mut segments = Vec::new();
    for (number, pack) in (0u32..).zip(packs.values()) {
        output.put(&pack_record(&pack.id, pack.length))?;
        segments.extend(pack.contents.segments.iter().map(|segment| (segment, pack.id, number)));
    }
    segments.sort_by_key(|(segment, _, pack)| (segment.header.id, *pack));
    // A hostile footer may list a segment twice.
    segments.dedup_by_key(|(segment, _, pack)| (segment.header.id, *pack));
    let mut blobs: Vec<(BlobId, u32, u32)> = Vec::new();
    for (number, (segment, pack, pack_number)) in (0u32..).zip(&segments) {
        let place = SegmentPlace { header: segment.header.clone(), pack: *pack, offset: segment.offset };
        output.put(&segment_record(&place, *pack_number))?;
        blobs.extend((0u32..).zip(&segment.blobs).map(|(position, blob)| (*blob, number, position)));
    }
    if u32::try_from(segments.len()).is_err() || u32::try_from(blobs.len()).is_err() {
        return Err(too_many());
    }
    blobs.sort_unstable();
    for (id, segment, position) in &blobs {
        output.put(&blob_record(id.as_bytes(), *segment, *position))?;
    }
    put_sources(&mut output, sources)?;
    let (numbers, objects) = (packs.keys().copied().zip(0u32..).collect::<BTreeMap<_, _>>(), object_numbers(sources));
    let listings = listings.iter().filter_map(|(pack, object)| Some((*numbers.get(pack)?, *objects.get(object)?)));
    let listings = put_listings(&mut output, listings.collect())?;
    let counts = Counts {
        packs: packs.len() as u64,
        segments: segments.len() as u64,
        blobs: blobs.len() as u64,
        covered: sources.covered.len() as u64,
        superseded: sources.superseded.len() as u64,
        listings,
    };
    output.put_filter(counts, &|| Ok(()))?;
    output.finish(counts)
}

/// Merges sorted streams: yields the least head with the stream it comes from.
struct Merge<I: Iterator<Item = Result<T>>, T: Ord> {
    streams: Vec<I>,
    heads: BinaryHeap<Reverse<(T, usize)>>,
}

impl<I: Iterator<Item = Result<T>>, T: Ord> Merge<I, T> {
    fn new(streams: impl IntoIterator<Item = I>) -> Result<Self> {
        let mut merge = Merge { streams: streams.into_iter().collect(), heads: BinaryHeap::new() };
        for (number, stream) in merge.streams.iter_mut().enumerate() {
            if let Some(head) = stream.next().transpose()? {
                merge.heads.push(Reverse((head, number)));
            }
        }
        Ok(merge)
    }

    fn next(&mut self) -> Result<Option<(usize, T)>> {
        let Some(mut least) = self.heads.peek_mut() else { return Ok(None) };
        let number = least.0.1;
        let following = self.streams.get_mut(number).and_then(Iterator::next).transpose()?;
        let head = match following {
            Some(following) => std::mem::replace(&mut least.0.0, following),
            None => PeekMut::pop(least).0.0,
        };
        Ok(Some((number, head)))
    }
}

/// Numbers of one table's records in the merged one.
type Numbers = Vec<Vec<u32>>;

/// The number of what is not taken over.
const DROPPED: u32 = u32::MAX;

fn translate(numbers: &Numbers, table: usize, number: u32) -> Result<u32> {
    let numbers = numbers.get(table).ok_or_else(damaged)?;
    usize::try_from(number).ok().and_then(|number| numbers.get(number)).copied().ok_or_else(damaged)
}

fn note(numbers: &mut Numbers, table: usize, before: u32, number: u64) -> Result<()> {
    let number = u32::try_from(number).ok().filter(|number| *number != DROPPED).ok_or_else(too_many)?;
    let numbers = numbers.get_mut(table).ok_or_else(damaged)?;
    let place = usize::try_from(before).ok().and_then(|before| numbers.get_mut(before));
    *place.ok_or_else(damaged)? = number;
    Ok(())
}

/// Nothing is taken over yet of so many records of each table.
fn all_dropped(tables: &[SharedTable], count: impl Fn(&Table) -> u64) -> Result<Numbers> {
    let none = |table: &SharedTable| Ok(vec![DROPPED; usize::try_from(count(table)).map_err(|_| too_many())?]);
    tables.iter().map(none).collect()
}

/// One table with everything these hold of what stands in the index objects that stay; packs that stand in several are
/// taken once. Memory is needed for the numbers of packs, segments and index objects only. `pause` is called now and then
/// and may stop the work.
pub(super) fn merge(
    tables: &[SharedTable],
    stays: &dyn Fn(&IndexId) -> bool,
    target: Target<'_>,
    pause: &dyn Fn() -> Result<()>,
) -> Result<Table> {
    let mut output = Output::begin(target)?;
    let mut counts = Counts::default();

    let mut sources = Sources::default();
    let mut covered = Vec::new();
    for table in tables {
        let before = table.sources()?;
        sources.extend(&before.that(stays));
        covered.push(before.covered);
    }
    let numbers = object_numbers(&sources);
    let number = |id: &IndexId| numbers.get(id).copied().unwrap_or(DROPPED);
    let objects: Numbers = covered.iter().map(|covered| covered.iter().map(number).collect()).collect();

    // What no object lists that stays, goes.
    let mut listed = all_dropped(tables, |table| table.layout.packs.count)?;
    for (number, table) in tables.iter().enumerate() {
        for listing in table.listing_records() {
            let (pack, object) = listing?;
            if translate(&objects, number, object)? != DROPPED {
                note(&mut listed, number, pack, 0)?;
            }
        }
    }
    let mut packs = all_dropped(tables, |table| table.layout.packs.count)?;
    let streams = tables.iter().zip(&listed).map(|(table, listed)| {
        let numbered = table.packs().zip(0u32..).zip(listed.iter().copied()).filter(|(_, listed)| *listed != DROPPED);
        numbered.map(|((pack, before), _)| pack.map(|(id, length)| (id, length, before)))
    });
    let mut merged = Merge::new(streams)?;
    let mut last = None;
    while let Some((table, (id, length, before))) = merged.next()? {
        if last != Some(id) {
            output.put(&pack_record(&id, length))?;
            counts.packs += 1;
            last = Some(id);
        }
        note(&mut packs, table, before, counts.packs - 1)?;
    }
    drop(merged);

    let mut segments = all_dropped(tables, |table| table.layout.segments.count)?;
    let streams = tables.iter().map(|table| table.segment_records()).enumerate();
    let streams = streams.map(|(table, records)| {
        let packs = &packs;
        let taken = records.zip(0u32..).map(move |(record, before)| -> Result<(SegmentId, u32, u32, ByPlace)> {
            let (place, pack) = record?;
            Ok((place.header.id, translate(packs, table, pack)?, before, ByPlace(place)))
        });
        taken.filter(|taken| !matches!(taken, Ok((_, DROPPED, ..))))
    });
    let mut merged = Merge::new(streams)?;
    let mut last = None;
    while let Some((table, (id, pack, before, ByPlace(place)))) = merged.next()? {
        if last != Some((id, pack)) {
            output.put(&segment_record(&place, pack))?;
            counts.segments += 1;
            last = Some((id, pack));
            if counts.segments.is_multiple_of(PAUSE_EVERY) {
                pause()?;
            }
        }
        note(&mut segments, table, before, counts.segments - 1)?;
    }
    drop(merged);

    let streams = tables.iter().map(|table| table.blob_records()).enumerate();
    let streams = streams.map(|(table, records)| {
        let segments = &segments;
        let taken = records.map(move |record| -> Result<(BlobId, u32, u32)> {
            let (id, segment, position) = record?;
            Ok((id, translate(segments, table, segment)?, position))
        });
        taken.filter(|taken| !matches!(taken, Ok((_, DROPPED, _))))
    });
    let mut merged = Merge::new(streams)?;
    let mut last = None;
    while let Some((_, blob)) = merged.next()? {
        if last.as_ref() != Some(&blob) {
            output.put(&blob_record(blob.0.as_bytes(), blob.1, blob.2))?;
            counts.blobs += 1;
            if counts.blobs.is_multiple_of(PAUSE_EVERY) {
                pause()?;
            }
            last = Some(blob);
        }
    }
    if u32::try_from(counts.blobs).is_err() {
        return Err(too_many());
    }
    put_sources(&mut output, &sources)?;
    counts.covered = sources.covered.len() as u64;
    counts.superseded = sources.superseded.len() as u64;
    let mut listings = Vec::new();
    for (number, table) in tables.iter().enumerate() {
        for listing in table.listing_records() {
            let (pack, object) = listing?;
            let object = translate(&objects, number, object)?;
            if object != DROPPED {
                listings.push((translate(&packs, number, pack)?, object));
            }
        }
    }
    counts.listings = put_listings(&mut output, listings)?;
    output.put_filter(counts, pause)?;
    output.finish(counts)
}

/// Lets records be merged by what stands before them.
struct ByPlace(SegmentPlace);

impl PartialEq for ByPlace {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for ByPlace {}

impl PartialOrd for ByPlace {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for ByPlace {
    fn cmp(&self, _: &Self) -> std::cmp::Ordering {
        std::cmp::Ordering::Equal
    }
}

impl Counts {
    fn header(self) -> [u8; HEADER] {
        let Counts { packs, segments, blobs, covered, superseded, listings } = self;
        let counts = [packs, segments, blobs, covered, superseded, listings].map(u64::to_le_bytes);
        join(&[&MAGIC, counts.as_flattened()])
    }
}
