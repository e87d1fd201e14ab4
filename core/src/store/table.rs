//! Index tables: sorted, fixed-width, immutable, and searched where they lie, in memory or in a file.

use crate::compress::Compression;
use crate::error::{Error, Result, corrupt, internal};
use crate::format::pack::IndexedPack;
use crate::format::segment::{BlobKind, SegmentHeader};
use crate::id::{BlobId, PackId, SegmentId, SessionId};
use std::collections::BTreeMap;
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

/// The bytes of a table.
#[derive(Debug)]
enum Image {
    Memory(Vec<u8>),
    File(File),
}

impl Image {
    fn read<const N: usize>(&self, offset: u64) -> Result<[u8; N]> {
        let mut bytes = [0; N];
        match self {
            Image::Memory(image) => {
                let start = usize::try_from(offset).ok();
                let range = start.and_then(|start| image.get(start..)?.first_chunk::<N>());
                bytes = *range.ok_or_else(|| corrupt("search the index", "a table is shorter than it says"))?;
            }
            Image::File(file) => {
                let failed = |error| Error::io(error, "search the local index");
                file.read_exact_at(&mut bytes, offset).map_err(failed)?;
            }
        }
        Ok(bytes)
    }
}

/// A sorted table of the blobs and segments of some packs.
#[derive(Debug)]
pub(crate) struct Table {
    image: Image,
    blobs: Section<BLOB>,
    segments: Section<SEGMENT>,
    packs: Section<PACK>,
}

/// Records of one width, sorted by the 32-byte id they begin with.
#[derive(Debug, Clone, Copy)]
struct Section<const WIDTH: usize> {
    offset: u64,
    count: u64,
}

/// Blob: id, number of its segment in the table, position in the segment.
const BLOB: usize = 32 + 4 + 4;
/// Segment: id, session, counter, offset, number of its pack, stored and raw length, blob count, kind, compression.
const SEGMENT: usize = 32 + 16 + 8 + 8 + 4 + 4 + 4 + 4 + 1 + 1;
/// Pack: id, length.
const PACK: usize = 32 + 8;
const MAGIC: [u8; 8] = *b"SRtable1";
const HEADER: usize = 8 + 3 * 8;

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
    fn get(&self, image: &Image, number: u64) -> Result<[u8; WIDTH]> {
        image.read(self.offset + number * WIDTH as u64)
    }

    /// The first record whose id is not below `id`. Ids are hashes, evenly spread, so where one stands can be
    /// guessed well: interpolation search (Perl, Itai, Avni, 1978) takes O(log log n) probes.
    fn lower_bound(&self, image: &Image, id: &[u8; 32]) -> Result<u64> {
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
            let middle = low + guess;
            let record = self.get(image, middle)?;
            let found = record.first_chunk::<32>().copied().unwrap_or_default();
            if found < *id {
                low = middle + 1;
                low_key = prefix(&found);
            } else {
                high = middle;
                high_key = prefix(&found);
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

impl Table {
    /// A table in memory.
    pub(crate) fn build(packs: &[IndexedPack]) -> Result<Table> {
        Table::from_image(Image::Memory(image(packs)?))
    }

    /// A table in a file that [`write`](Table::write) made.
    pub(crate) fn open(file: File) -> Result<Table> {
        Table::from_image(Image::File(file))
    }

    /// The bytes of a table over these packs.
    pub(crate) fn write(packs: &[IndexedPack]) -> Result<Vec<u8>> {
        image(packs)
    }

    /// One table in memory with everything these hold; packs that stand in several are taken once.
    pub(crate) fn merge(tables: &[SharedTable]) -> Result<Table> {
        let mut packs: BTreeMap<PackId, u64> = BTreeMap::new();
        let mut segments: BTreeMap<(SegmentId, PackId), (SegmentPlace, u32)> = BTreeMap::new();
        for table in tables {
            for pack in table.packs() {
                let (id, length) = pack?;
                packs.insert(id, length);
            }
            for place in table.segments() {
                let place = place?;
                segments.insert((place.header.id, place.pack), (place, 0));
            }
        }
        for (number, (_, place)) in (0u32..).zip(segments.iter_mut()) {
            place.1 = number;
        }
        let mut blobs = Vec::new();
        for table in tables {
            let mut numbers = Vec::new();
            for place in table.segments() {
                let place = place?;
                numbers.push(segments.get(&(place.header.id, place.pack)).map_or(u32::MAX, |(_, number)| *number));
            }
            for blob in 0..table.blobs.count {
                let record = table.blobs.get(&table.image, blob)?;
                let mut fields = Fields(&record);
                let id = BlobId::from_bytes(fields.take());
                let segment = usize::try_from(u32::from_le_bytes(fields.take())).ok();
                let segment = segment.and_then(|number| numbers.get(number)).copied();
                let damaged = || corrupt("merge the index", "a table is damaged");
                blobs.push((id, segment.ok_or_else(damaged)?, u32::from_le_bytes(fields.take())));
            }
        }
        blobs.sort_unstable();
        blobs.dedup();
        let segments: Vec<SegmentPlace> = segments.into_values().map(|(place, _)| place).collect();
        let packs: Vec<(PackId, u64)> = packs.into_iter().collect();
        Table::from_image(Image::Memory(image_of(&blobs, &segments, &packs)?))
    }

    fn from_image(image: Image) -> Result<Table> {
        let header: [u8; HEADER] = image.read(0)?;
        let mut fields = Fields(&header);
        if fields.take::<8>() != MAGIC {
            return Err(corrupt("open the local index", "it is not an index table"));
        }
        let mut offset = HEADER as u64;
        let mut next = |count: [u8; 8], width: usize| {
            let count = u64::from_le_bytes(count);
            let begin = offset;
            offset = count.checked_mul(width as u64).and_then(|bytes| offset.checked_add(bytes))?;
            Some((begin, count))
        };
        let sections =
            (|| Some((next(fields.take(), BLOB)?, next(fields.take(), SEGMENT)?, next(fields.take(), PACK)?)))();
        let Some((blobs, segments, packs)) = sections else {
            return Err(corrupt("open the local index", "its counts are impossible"));
        };
        let length = match &image {
            Image::Memory(image) => image.len() as u64,
            Image::File(file) => file.metadata().map_err(|error| Error::io(error, "open the local index"))?.len(),
        };
        if length != packs.0 + packs.1 * PACK as u64 {
            return Err(corrupt("open the local index", "it does not have the length it should have"));
        }
        Ok(Table {
            image,
            blobs: Section { offset: blobs.0, count: blobs.1 },
            segments: Section { offset: segments.0, count: segments.1 },
            packs: Section { offset: packs.0, count: packs.1 },
        })
    }

    pub(crate) fn blob_count(&self) -> u64 {
        self.blobs.count
    }

    pub(crate) fn segment_count(&self) -> u64 {
        self.segments.count
    }

    /// The segment that holds a blob, and the blob's position in it.
    pub(crate) fn blob(&self, id: &BlobId) -> Result<Option<(SegmentPlace, u32)>> {
        let Some(record) = self.blobs.find(&self.image, id.as_bytes())? else { return Ok(None) };
        let mut fields = Fields(record.get(32..).unwrap_or_default());
        let (segment, position) = (u32::from_le_bytes(fields.take()), u32::from_le_bytes(fields.take()));
        Ok(Some((self.segment_number(u64::from(segment))?, position)))
    }

    /// The id of the segment that holds a blob, and the blob's position in it.
    pub(crate) fn blob_segment(&self, id: &BlobId) -> Result<Option<(SegmentId, u32)>> {
        let Some(record) = self.blobs.find(&self.image, id.as_bytes())? else { return Ok(None) };
        let mut fields = Fields(record.get(32..).unwrap_or_default());
        let (segment, position) = (u32::from_le_bytes(fields.take()), u32::from_le_bytes(fields.take()));
        if u64::from(segment) >= self.segments.count {
            return Err(corrupt("search the index", "a table is damaged"));
        }
        let id = self.image.read(self.segments.offset + u64::from(segment) * SEGMENT as u64)?;
        Ok(Some((SegmentId::from_bytes(id), position)))
    }

    /// Where a segment lies; more than one place when it was moved or copied.
    pub(crate) fn segment(&self, id: &SegmentId, found: &mut Vec<SegmentPlace>) -> Result<()> {
        let mut number = self.segments.lower_bound(&self.image, id.as_bytes())?;
        while number < self.segments.count {
            let place = self.segment_number(number)?;
            if place.header.id != *id {
                break;
            }
            found.push(place);
            number += 1;
        }
        Ok(())
    }

    pub(crate) fn has_segment(&self, id: &SegmentId) -> Result<bool> {
        Ok(self.segments.find(&self.image, id.as_bytes())?.is_some())
    }

    /// The segment with this number in the order of ids.
    pub(crate) fn segment_number(&self, number: u64) -> Result<SegmentPlace> {
        let damaged = || corrupt("search the index", "a table is damaged");
        if number >= self.segments.count {
            return Err(damaged());
        }
        let record = self.segments.get(&self.image, number)?;
        let mut fields = Fields(&record);
        let id = SegmentId::from_bytes(fields.take());
        let session = SessionId::from_bytes(fields.take());
        let (counter, offset) = (u64::from_le_bytes(fields.take()), u64::from_le_bytes(fields.take()));
        let pack = u64::from(u32::from_le_bytes(fields.take()));
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
        Ok(SegmentPlace { header, pack: self.pack_number(pack)?.0, offset })
    }

    fn pack_number(&self, number: u64) -> Result<(PackId, u64)> {
        if number >= self.packs.count {
            return Err(corrupt("search the index", "a table is damaged"));
        }
        let record = self.packs.get(&self.image, number)?;
        let mut fields = Fields(&record);
        Ok((PackId::from_bytes(fields.take()), u64::from_le_bytes(fields.take())))
    }

    /// Every pack with its length, in the order of ids.
    pub(crate) fn packs(&self) -> impl Iterator<Item = Result<(PackId, u64)>> {
        (0..self.packs.count).map(|number| self.pack_number(number))
    }

    /// Every segment, in the order of ids.
    pub(crate) fn segments(&self) -> impl Iterator<Item = Result<SegmentPlace>> {
        (0..self.segments.count).map(|number| self.segment_number(number))
    }

    /// Every blob with the number of its segment, in the order of ids.
    pub(crate) fn blobs(&self) -> impl Iterator<Item = Result<(BlobId, u32)>> {
        (0..self.blobs.count).map(|number| {
            let record = self.blobs.get(&self.image, number)?;
            let mut fields = Fields(&record);
            Ok((BlobId::from_bytes(fields.take()), u32::from_le_bytes(fields.take())))
        })
    }
}

fn image(packs: &[IndexedPack]) -> Result<Vec<u8>> {
    let mut lengths: Vec<(PackId, u64)> = packs.iter().map(|pack| (pack.id, pack.length)).collect();
    lengths.sort_unstable();
    lengths.dedup_by_key(|(id, _)| *id);
    let mut segments = Vec::new();
    for pack in packs {
        for segment in &pack.contents.segments {
            let place = SegmentPlace { header: segment.header.clone(), pack: pack.id, offset: segment.offset };
            segments.push((place, segment.blobs.as_slice()));
        }
    }
    segments.sort_by_key(|(place, _)| (place.header.id, place.pack));
    let mut blobs = Vec::with_capacity(segments.iter().map(|(_, blobs)| blobs.len()).sum());
    for (number, (_, held)) in (0u32..).zip(&segments) {
        for (position, blob) in (0u32..).zip(held.iter()) {
            blobs.push((*blob, number, position));
        }
    }
    blobs.sort_unstable();
    let places: Vec<SegmentPlace> = segments.into_iter().map(|(place, _)| place).collect();
    image_of(&blobs, &places, &lengths)
}

/// The bytes of a table; everything sorted by id.
fn image_of(blobs: &[(BlobId, u32, u32)], segments: &[SegmentPlace], packs: &[(PackId, u64)]) -> Result<Vec<u8>> {
    let too_many = || internal("build the index", "a table has more than 2^32 records");
    let mut image = Vec::with_capacity(HEADER + blobs.len() * BLOB + segments.len() * SEGMENT + packs.len() * PACK);
    image.extend_from_slice(&MAGIC);
    for count in [blobs.len(), segments.len(), packs.len()] {
        image.extend_from_slice(&u64::from(u32::try_from(count).map_err(|_| too_many())?).to_le_bytes());
    }
    for (id, segment, position) in blobs {
        image.extend_from_slice(id.as_bytes());
        image.extend_from_slice(&segment.to_le_bytes());
        image.extend_from_slice(&position.to_le_bytes());
    }
    for place in segments {
        let header = &place.header;
        let pack = packs.binary_search_by_key(&place.pack, |(id, _)| *id).ok();
        let pack = pack.and_then(|number| u32::try_from(number).ok()).ok_or_else(too_many)?;
        image.extend_from_slice(header.id.as_bytes());
        image.extend_from_slice(header.session.as_bytes());
        image.extend_from_slice(&header.counter.to_le_bytes());
        image.extend_from_slice(&place.offset.to_le_bytes());
        for number in [pack, header.stored_length, header.raw_length, header.blob_count] {
            image.extend_from_slice(&number.to_le_bytes());
        }
        image.extend_from_slice(&[header.kind as u8, header.compression as u8]);
    }
    for (id, length) in packs {
        image.extend_from_slice(id.as_bytes());
        image.extend_from_slice(&length.to_le_bytes());
    }
    Ok(image)
}

/// Tables are shared between the index and those who search it.
pub(crate) type SharedTable = Arc<Table>;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::pack::tests::contents;
    use proptest::prelude::*;
    use std::io::Write;

    fn check(table: &Table, packs: &[IndexedPack]) -> Result<()> {
        for pack in packs {
            for segment in &pack.contents.segments {
                let mut places = Vec::new();
                table.segment(&segment.header.id, &mut places)?;
                let place = SegmentPlace { header: segment.header.clone(), pack: pack.id, offset: segment.offset };
                assert!(places.contains(&place));
                for blob in &segment.blobs {
                    let (place, position) = table.blob(blob)?.unwrap();
                    let held = packs.iter().flat_map(|pack| &pack.contents.segments).any(|segment| {
                        segment.header == place.header && segment.blobs.get(position as usize) == Some(blob)
                    });
                    assert!(held);
                    assert_eq!(table.blob_segment(blob)?.unwrap(), (place.header.id, position));
                }
            }
        }
        assert!(table.blob(&BlobId::from_bytes([0xee; 32]))?.is_none());
        assert_eq!(table.packs().count(), packs.len());
        Ok(())
    }

    proptest! {
        #[test]
        fn everything_is_found_in_memory_and_in_a_file(contents in prop::collection::vec(contents(), 0..5)) {
            let pack = |(number, contents)| IndexedPack { id: PackId::from_bytes([number; 32]), length: 1, contents };
            let packs: Vec<IndexedPack> = (0u8..).zip(contents).map(pack).collect();
            check(&Table::build(&packs).unwrap(), &packs).unwrap();
            let mut file = tempfile::tempfile().unwrap();
            file.write_all(&Table::write(&packs).unwrap()).unwrap();
            check(&Table::open(file).unwrap(), &packs).unwrap();
            let single: Vec<SharedTable> =
                packs.iter().map(|pack| Arc::new(Table::build(std::slice::from_ref(pack)).unwrap())).collect();
            check(&Table::merge(&single).unwrap(), &packs).unwrap();
        }

        #[test]
        fn rubbish_is_refused(mut bytes: Vec<u8>, truncate: bool) {
            if truncate {
                bytes.splice(0..0, MAGIC);
            }
            let mut file = tempfile::tempfile().unwrap();
            file.write_all(&bytes).unwrap();
            prop_assert!(Table::open(file).is_err());
        }
    }
}
