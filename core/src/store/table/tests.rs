use super::*;
use crate::error::ErrorKind;
use crate::format::pack::tests::contents;
use proptest::prelude::*;
use std::io::{Read, Seek, Write};

fn key() -> SecretKey {
    SecretKey::from_bytes([3; 32])
}

fn packs(contents: Vec<crate::format::pack::PackContents>) -> Vec<IndexedPack> {
    let pack = |(number, contents)| IndexedPack { id: PackId::from_bytes([number; 32]), length: 1, contents };
    (0u8..).zip(contents).map(pack).collect()
}

fn sources(numbers: std::ops::Range<u8>) -> Sources {
    let covered = numbers.clone().map(|number| IndexId::from_bytes([number; 32])).collect();
    let superseded = numbers.map(|number| (IndexId::from_bytes([number + 100; 32]), IndexId::from_bytes([number; 32])));
    Sources { covered, superseded: superseded.collect() }
}

/// Each pack stands in the index object of its number.
fn listings(packs: &[IndexedPack]) -> Vec<(PackId, IndexId)> {
    packs.iter().map(|pack| (pack.id, IndexId::from_bytes(*pack.id.as_bytes()))).collect()
}

fn build(packs: &[IndexedPack], sources: &Sources, target: Target<'_>) -> Table {
    Table::build(packs, &listings(packs), sources, target).unwrap()
}

fn in_memory(packs: &[IndexedPack], sources: &Sources) -> Table {
    build(packs, sources, Target::Memory)
}

/// A table in a file, opened again.
fn in_file(make: impl FnOnce(Target<'_>) -> Table) -> Table {
    let file = tempfile::tempfile().unwrap();
    make(Target::File(file.try_clone().unwrap(), &key()));
    Table::open(file, &key()).unwrap()
}

fn check(table: &Table, packs: &[IndexedPack], sources: &Sources) {
    for pack in packs {
        for segment in &pack.contents.segments {
            let mut places = Vec::new();
            table.segment(&segment.header.id, &mut places).unwrap();
            let place = SegmentPlace { header: segment.header.clone(), pack: pack.id, offset: segment.offset };
            assert!(places.contains(&place));
            for blob in &segment.blobs {
                let (place, position) = table.blob(blob).unwrap().unwrap();
                let held = packs.iter().flat_map(|pack| &pack.contents.segments).any(|segment| {
                    segment.header == place.header && segment.blobs.get(position as usize) == Some(blob)
                });
                assert!(held);
                assert_eq!(table.blob_segment(blob).unwrap().unwrap(), (place.header.id, position));
            }
        }
    }
    assert!(table.blob(&BlobId::from_bytes([0xee; 32])).unwrap().is_none());
    assert_eq!(table.packs().count(), packs.len());
    assert_eq!(&table.sources().unwrap(), sources);
}

type All = (Vec<(PackId, u64)>, Vec<SegmentPlace>, Vec<(BlobId, u32, u32)>, Vec<(PackId, IndexId)>);

/// Everything that a table says, in order.
fn all(table: &Table) -> All {
    (
        table.packs().map(Result::unwrap).collect(),
        table.segments().unwrap().map(Result::unwrap).collect(),
        table.blob_records().map(Result::unwrap).collect(),
        table.listings().unwrap().map(Result::unwrap).collect(),
    )
}

proptest! {
    #[test]
    fn everything_is_found_in_memory_and_in_a_file(contents in prop::collection::vec(contents(), 0..5)) {
        let packs = packs(contents);
        let of_all = sources(0..u8::try_from(packs.len()).unwrap());
        let memory = in_memory(&packs, &of_all);
        check(&memory, &packs, &of_all);
        let file = in_file(|target| build(&packs, &of_all, target));
        check(&file, &packs, &of_all);
        prop_assert_eq!(all(&file), all(&memory));

        let single: Vec<SharedTable> = (0u8..).zip(&packs)
            .map(|(number, pack)| Arc::new(in_memory(std::slice::from_ref(pack), &sources(number..number + 1))))
            .collect();
        let merged = Table::merge(&single, Target::Memory, &|| Ok(())).unwrap();
        check(&merged, &packs, &of_all);
        prop_assert_eq!(all(&merged), all(&memory));
        let merged = in_file(|target| Table::merge(&single, target, &|| Ok(())).unwrap());
        prop_assert_eq!(all(&merged), all(&memory));
        // What stands in several tables is taken once.
        let twice: Vec<SharedTable> = [&single[..], &[Arc::new(memory)]].concat();
        let merged = Table::merge(&twice, Target::Memory, &|| Ok(())).unwrap();
        check(&merged, &packs, &of_all);
        prop_assert_eq!(all(&merged), all(&in_memory(&packs, &of_all)));
    }

    #[test]
    fn what_stood_in_some_objects_is_taken_out(
        contents in prop::collection::vec(contents(), 1..6),
        goes in prop::collection::vec(any::<bool>(), 6),
        shared: Option<(prop::sample::Index, prop::sample::Index)>,
    ) {
        let packs = packs(contents);
        let count = u8::try_from(packs.len()).unwrap();
        let of_all = sources(0..count);
        let object = |number: u8| IndexId::from_bytes([number; 32]);
        let mut listed = listings(&packs);
        // Two objects list one pack.
        let shared = shared.map(|(pack, by)| (pack.index(packs.len()) as u8, by.index(packs.len()) as u8));
        listed.extend(shared.map(|(pack, by)| (PackId::from_bytes([pack; 32]), object(by))));
        let table = Arc::new(Table::build(&packs, &listed, &of_all, Target::Memory).unwrap());
        let mut gone: BTreeSet<u8> = (0..count).filter(|number| goes[usize::from(*number)]).collect();
        let found = table.entangled(gone.iter().map(|number| object(*number)).collect()).unwrap();
        if let Some((pack, by)) = shared && (gone.contains(&pack) || gone.contains(&by)) {
            gone.extend([pack, by]);
        }
        prop_assert_eq!(&found, &gone.iter().map(|number| object(*number)).collect());
        let left: Vec<IndexedPack> = packs.iter().filter(|pack| !gone.contains(&pack.id.as_bytes()[0])).cloned().collect();
        listed.retain(|(_, by)| !found.contains(by));
        let expected = of_all.that(&|id| !found.contains(id));
        let anew = Table::build(&left, &listed, &expected, Target::Memory).unwrap();
        for without in [
            Table::without(&table, &found, Target::Memory, &|| Ok(())).unwrap(),
            in_file(|target| Table::without(&table, &found, target, &|| Ok(())).unwrap()),
        ] {
            check(&without, &left, &expected);
            prop_assert_eq!(all(&without), all(&anew));
        }
    }

    #[test]
    fn rubbish_is_refused(mut bytes: Vec<u8>, magic: bool) {
        if magic {
            bytes.splice(0..0, MAGIC);
        }
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&bytes).unwrap();
        prop_assert_eq!(Table::open(file, &key()).unwrap_err().kind(), ErrorKind::Corrupt);
    }

    #[test]
    fn any_flip_is_noticed(contents in prop::collection::vec(contents(), 1..4), flip: prop::sample::Index) {
        let packs = packs(contents);
        let mut file = tempfile::tempfile().unwrap();
        build(&packs, &sources(0..2), Target::File(file.try_clone().unwrap(), &key()));
        let mut bytes = Vec::new();
        file.rewind().unwrap();
        file.read_to_end(&mut bytes).unwrap();
        let at = flip.index(bytes.len());
        bytes[at] ^= 8;
        file.write_all_at(&bytes, 0).unwrap();
        prop_assert_eq!(Table::open(file.try_clone().unwrap(), &key()).unwrap_err().kind(), ErrorKind::Corrupt);
        bytes[at] ^= 8;
        file.write_all_at(&bytes, 0).unwrap();
        Table::open(file.try_clone().unwrap(), &key()).unwrap();
        prop_assert!(Table::open(file, &SecretKey::from_bytes([4; 32])).is_err());
    }
}

/// A table too large to be kept in memory, whose blocks are verified when they are needed.
fn large() -> Vec<IndexedPack> {
    use crate::format::pack::{PackContents, PackedSegment};
    let id = |number: u64, what: &str| *blake3::hash(format!("{what} {number}").as_bytes()).as_bytes();
    let segment = |number: u64| PackedSegment {
        header: SegmentHeader {
            id: SegmentId::from_bytes(id(number, "segment")),
            session: SessionId::from_bytes([1; 16]),
            counter: number,
            kind: BlobKind::Data,
            compression: Compression::Stored,
            stored_length: 1000,
            raw_length: 900,
            blob_count: 100,
        },
        offset: 1000,
        blobs: (0..100).map(|blob| BlobId::from_bytes(id(number * 100 + blob, "blob"))).collect(),
    };
    let pack = |number: u64| IndexedPack {
        id: PackId::from_bytes(id(number, "pack")),
        length: 2000,
        contents: PackContents { start: 1000, segments: vec![segment(number)] },
    };
    (0..1200).map(pack).collect()
}

#[test]
fn blocks_of_large_tables_are_verified_when_they_are_read() {
    let packs = large();
    let file = tempfile::tempfile().unwrap();
    let written = build(&packs, &sources(0..1), Target::File(file.try_clone().unwrap(), &key()));
    assert!(file.metadata().unwrap().len() > 4_500_000);
    let blobs: Vec<BlobId> = packs.iter().flat_map(|pack| pack.contents.segments[0].blobs.clone()).collect();
    let found = |table: &Table| blobs.iter().filter(|blob| matches!(table.blob(blob), Ok(Some(_)))).count();
    assert_eq!(found(&written), blobs.len());
    assert_eq!(found(&Table::open(file.try_clone().unwrap(), &key()).unwrap()), blobs.len());
    // A flip in the blobs: it opens, and what is in that block is refused.
    let at = file.metadata().unwrap().len() / 2;
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[byte[0] ^ 1], at).unwrap();
    let damaged = Table::open(file, &key()).unwrap();
    let refused = blobs.iter().filter(|blob| damaged.blob(blob).is_err()).count();
    assert!((100..10_000).contains(&refused), "{refused}");
    assert_eq!(found(&damaged) + refused, blobs.len());
}
