//! Trees that random ones rarely are: many packs, long lists, deep folders, and reading at any place.

mod common;

use common::forest::{Fill, Forest, Sizes};
use common::vault::Vault;
use common::walk::{Kind, assert_same, differences, walk, without, without_holes};
use common::{assert_sound, back_up, cases, create, create_with, noise, reopen, restore, scratch};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use rustix::fs::{CWD, Mode, OFlags, mkdirat, openat};
use std::fs;
use std::io::{self, Cursor, Read, Seek, SeekFrom, Write};
use std::os::fd::AsRawFd;
use std::path::Path;
use std::process::Command;
use strongroom::{
    AppEntry, Content, Context, Difference, EntryPath, Folder, IterSource, MemoryBackend, Pattern, Source, Timestamp,
};

fn path(text: &str) -> EntryPath {
    EntryPath::parse(text).unwrap()
}

/// Bytes of which many small parts stand in `of` already, and others come between them.
fn interleaved(of: &[u8], length: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(length + 20_000);
    let places = noise(77, length / 500);
    for (number, place) in places.chunks_exact(4).enumerate() {
        if bytes.len() >= length {
            break;
        }
        let start = u32::from_le_bytes(place.try_into().unwrap()) as usize % (of.len() - 16_000);
        bytes.extend_from_slice(&of[start..start + 6000]);
        bytes.extend(noise(1_000_000 + number as u64, 1500));
    }
    bytes
}

#[test]
fn much_data_in_many_packs_and_lists_of_lists_of_runs() {
    let folder = scratch();
    let [source, target] = ["source", "target"].map(|name| folder.path().join(name));
    fs::create_dir(&source).unwrap();
    let first = noise(1, 5 << 20);
    fs::write(source.join("1 noise"), &first).unwrap();
    // More runs than one list may hold, however the keys of this repository cut the chunks.
    let second = interleaved(&first, 24 << 20);
    fs::write(source.join("2 interleaved"), &second).unwrap();
    fs::write(source.join("3 text"), Fill::Text(1).bytes(3 << 20)).unwrap();
    let vault = Vault::new();
    let report = back_up(&create(vault.clone()), Source::paths([&source]));
    // Of the second file, what it shares with the first is not stored again.
    assert!(report.new_bytes < report.bytes - (5 << 20), "{report:?}");
    assert!(report.stored_packs >= 8, "{report:?}");
    assert_eq!(vault.names(Folder::Packs).len() as u64, report.stored_packs);
    for pack in vault.names(Folder::Packs) {
        assert!(vault.bytes(&pack).len() <= 1 << 20, "{pack} is larger than a pack may be");
    }
    assert!(vault.names(Folder::Index).len() >= 2, "the index is published once in a while");

    let repo = reopen(vault);
    let snapshot = report.snapshot().unwrap();
    let content = |name: &str| repo.entry(snapshot, &path(name)).unwrap().content;
    assert!(matches!(content("1 noise"), Content::List { levels: 1, .. }), "{:?}", content("1 noise"));
    assert!(matches!(content("2 interleaved"), Content::List { levels: 2.., .. }), "{:?}", content("2 interleaved"));
    restore(&repo, snapshot, &target);
    assert_same(&walk(&source), &walk(&target));
    let mut whole = Vec::new();
    repo.open_file(snapshot, "2 interleaved").unwrap().read_to_end(&mut whole).unwrap();
    assert!(whole == second);
    assert_sound(&repo);
}

/// Deeper than a path can be said in one system call.
#[test]
fn folders_deeper_than_the_longest_path() {
    let folder = scratch();
    let [source, target] = ["source", "target"].map(|name| folder.path().join(name));
    fs::create_dir(&source).unwrap();
    let mut at = openat(CWD, &source, OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty()).unwrap();
    for depth in 0..40 {
        let name = format!("{depth:03}{}", "d".repeat(197));
        mkdirat(&at, &name, Mode::from_raw_mode(0o755)).unwrap();
        at = openat(&at, &name, OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty()).unwrap();
        let inside = |name: &str| format!("/proc/self/fd/{}/{name}", at.as_raw_fd());
        fs::write(inside("file"), Fill::Noise(depth).bytes(3000)).unwrap();
        fs::hard_link(inside("file"), inside("second name")).unwrap();
        std::os::unix::fs::symlink("../file", inside("link")).unwrap();
    }
    let expected = walk(&source);
    assert_eq!(expected.len(), 1 + 40 * 4);
    let backend = MemoryBackend::new();
    let report = back_up(&create(backend.clone()), Source::paths([&source]));
    let repo = reopen(backend);
    restore(&repo, report.snapshot().unwrap(), &target);
    assert_same(&expected, &walk(&target));
    let deepest = (0..40).map(|depth| format!("{depth:03}{}/", "d".repeat(197))).collect::<String>() + "file";
    assert!(deepest.len() > 8000);
    let mut bytes = Vec::new();
    repo.open_file(report.snapshot().unwrap(), &deepest).unwrap().read_to_end(&mut bytes).unwrap();
    assert_eq!(bytes, Fill::Noise(39).bytes(3000));
}

fn row(number: u32) -> EntryPath {
    // Long names that do not compress, so that few fit into a node.
    let name: String = noise(number.into(), 90).iter().map(|byte| format!("{byte:02x}")).collect();
    path(&format!("{:02}/{number:06}-{name}", number % 20))
}

fn rows(changed: Option<u32>) -> Vec<AppEntry> {
    let row = |number: u32| {
        let time = if changed == Some(number) { 99 } else { 5 };
        AppEntry::bytes(row(number), format!("row {number}")).modified(Timestamp::new(time, 0))
    };
    (0..20_000).map(row).collect()
}

#[test]
fn a_tree_of_many_levels_is_searched_and_compared_without_reading_all_of_it() {
    let vault = Vault::new();
    let repo = create(vault.clone());
    let first = *back_up(&repo, Source::entries(rows(None))).snapshot().unwrap();
    let second = back_up(&repo, Source::entries(rows(Some(12_345))));
    assert!(second.stored_bytes < vault.size() / 10, "one changed row of 20,000 stored {}", second.stored_bytes);
    let second = *second.snapshot().unwrap();

    let mut expected: Vec<EntryPath> = (0..20_000).map(row).chain((0..20).map(|n| path(&format!("{n:02}")))).collect();
    expected.sort();
    let repo = reopen(vault.clone());
    let all = |folder: &str, recursive| -> Vec<EntryPath> {
        repo.list(&first, &path(folder), recursive).unwrap().map(|entry| entry.unwrap().path).collect()
    };
    assert!(all("", true) == expected);
    assert_eq!(all("", false), expected.iter().filter(|path| path.depth() == 1).cloned().collect::<Vec<_>>());
    let in_07: Vec<_> = expected.iter().filter(|at| at.depth() == 2 && at.is_within(&path("07"))).cloned().collect();
    assert_eq!(in_07.len(), 1000);
    assert!(all("07", true) == in_07 && all("07", false) == in_07);
    let found = repo.find(&first, &Pattern::glob("01234?-*").unwrap()).unwrap();
    let found: Vec<EntryPath> = found.map(|entry| entry.unwrap().path).collect();
    let mut numbered: Vec<EntryPath> = (12_340..12_350).map(row).collect();
    numbered.sort();
    assert_eq!(found, numbered);

    // Looking one thing up, and finding the one difference, read a small part of the repository.
    let counting = common::fault::FaultBackend::new(vault.clone(), |_| None);
    let repo = reopen(counting.clone());
    let entry = repo.entry(&second, &row(12_345)).unwrap();
    assert_eq!((entry.content, entry.metadata.modified.seconds), (Content::Inline(b"row 12345".to_vec()), 99));
    let mut differences = Vec::new();
    let mut found = |difference: Difference| {
        differences.push((difference.path().clone(), difference.what_changed()));
        Ok(())
    };
    repo.diff(&first, &second, &mut found, &Context::new()).unwrap();
    assert_eq!(differences.len(), 1);
    let (changed, changes) = &differences[0];
    assert_eq!(*changed, row(12_345));
    assert!(changes.modified && !changes.content && !changes.kind && !changes.mode, "{changes:?}");
    let packs: u64 = vault.names(Folder::Packs).iter().map(|pack| vault.bytes(pack).len() as u64).sum();
    let read = counting.bytes_read(Folder::Packs);
    assert!(read < packs / 2, "{read} of {packs} bytes were read to find one difference");
}

/// A source that gives bytes in pieces of any length, and is interrupted in between.
struct Dribble {
    bytes: Cursor<Vec<u8>>,
    lengths: Vec<u8>,
    turn: usize,
}

impl Read for Dribble {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.turn += 1;
        let length = usize::from(self.lengths[self.turn % self.lengths.len()]);
        if length == 0 {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let length = (length * length).min(buffer.len());
        self.bytes.read(&mut buffer[..length])
    }
}

#[test]
fn any_byte_string_from_any_reader_is_read_back_at_any_place() {
    let fill = prop_oneof![Just(Fill::Zeros), Just(Fill::Text(1)), Just(Fill::Noise(1)), Just(Fill::SharedStart(1))];
    let lengths =
        proptest::collection::vec(any::<u8>(), 1..8).prop_filter("no progress", |all| all.iter().any(|one| *one > 0));
    let places = proptest::collection::vec((any::<prop::sample::Index>(), 0_usize..20_000), 1..12);
    let strategy = (0_usize..300_000, fill, lengths, places, Sizes::strategy());
    let check =
        |(length, fill, lengths, places, sizes): (usize, Fill, Vec<u8>, Vec<(prop::sample::Index, usize)>, Sizes)| {
            let bytes = fill.bytes(length);
            let backend = MemoryBackend::new();
            let repo = create_with(backend.clone(), &sizes.options());
            let reader = Dribble { bytes: Cursor::new(bytes.clone()), lengths, turn: 0 };
            let report = back_up(&repo, Source::reader(path("db/dump"), reader));
            prop_assert_eq!((report.files, report.bytes), (1, length as u64));
            let mut file = reopen(backend).open_file(report.snapshot().unwrap(), "db/dump").unwrap();
            prop_assert_eq!(file.len(), length as u64);
            for (start, count) in places {
                let start = start.index(length + 10);
                file.seek(SeekFrom::Start(start as u64)).unwrap();
                let mut part = Vec::new();
                (&mut file).take(count as u64).read_to_end(&mut part).unwrap();
                let expected = &bytes[start.min(length)..(start + count).min(length)];
                prop_assert!(part == expected, "{} bytes from {} on", count, start);
            }
            Ok(())
        };
    TestRunner::new(cases(60)).run(&strategy, check).unwrap();
}

#[test]
fn a_file_of_holes_is_read_at_any_place() {
    let folder = scratch();
    let at = folder.path().join("holes");
    let mut file = fs::File::create(&at).unwrap();
    for (start, seed, length) in [(0_u64, 1, 10), (40_960, 2, 4096), (1 << 20, 3, 100_000), (3 << 20, 4, 5)] {
        file.seek(SeekFrom::Start(start)).unwrap();
        file.write_all(&noise(seed, length)).unwrap();
    }
    file.set_len(5 << 20).unwrap();
    let expected = fs::read(&at).unwrap();
    let backend = MemoryBackend::new();
    let report = back_up(&create(backend.clone()), Source::paths([folder.path()]));
    let holes = reopen(backend.clone()).entry(report.snapshot().unwrap(), &path("holes")).unwrap().holes;
    assert!(holes.len() == 4 && holes.iter().map(|hole| hole.length).sum::<u64>() > 4 << 20, "{holes:?}");
    let mut file = reopen(backend).open_file(report.snapshot().unwrap(), "holes").unwrap();
    let mut edges: Vec<u64> = holes.iter().flat_map(|hole| [hole.offset, hole.offset + hole.length]).collect();
    edges.extend([0, 5 << 20, (5 << 20) - 1]);
    for edge in edges {
        for start in edge.saturating_sub(3)..edge + 3 {
            file.seek(SeekFrom::Start(start)).unwrap();
            let mut part = Vec::new();
            (&mut file).take(70_000).read_to_end(&mut part).unwrap();
            let start = usize::try_from(start).unwrap().min(expected.len());
            assert!(part == expected[start..(start + 70_000).min(expected.len())], "from {start} on");
        }
    }
    assert_eq!(file.seek(SeekFrom::End(-1)).unwrap(), (5 << 20) - 1);
    assert!(file.seek(SeekFrom::End(-(6 << 20))).is_err());
}

fn exported_and_extracted(forest: &Forest, sizes: Sizes, scratch: &Path) -> String {
    let [source, target] = ["source", "target"].map(|name| scratch.join(name));
    fs::create_dir(&source).unwrap();
    fs::create_dir(&target).unwrap();
    forest.plant(&source, sizes);
    let repo = create_with(MemoryBackend::new(), &sizes.options());
    let report = back_up(&repo, Source::paths([&source]));
    let mut expected = without(walk(&source), without_holes);
    let archive = scratch.join("archive.tar");
    let mut out = fs::File::create(&archive).unwrap();
    repo.export_tar(report.snapshot().unwrap(), &EntryPath::root(), &mut out, &Context::new()).unwrap();

    let mut tar = Command::new("tar");
    tar.args([
        "--extract",
        "--xattrs",
        "--xattrs-include=*",
        "--numeric-owner",
        "--same-owner",
        "--preserve-permissions",
    ]);
    let output = tar.arg("-C").arg(&target).arg("-f").arg(&archive).output().expect("the tests need GNU tar");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    // A tar stream knows no sockets.
    expected.retain(|_, node| node.kind != Kind::Socket);
    differences(&expected, &without(walk(&target), without_holes))
}

#[test]
fn an_exported_tar_stream_is_the_folder_for_gnu_tar() {
    let strategy = (Forest::strategy(0..25), Sizes::strategy());
    let check = |(forest, sizes)| {
        let scratch = scratch();
        let differences = exported_and_extracted(&forest, sizes, scratch.path());
        prop_assert!(differences.is_empty(), "{}", differences);
        Ok(())
    };
    TestRunner::new(cases(30)).run(&strategy, check).unwrap();
}

#[test]
fn nothing_is_a_tree_too() {
    let folder = scratch();
    let [source, target] = ["source", "target"].map(|name| folder.path().join(name));
    fs::create_dir(&source).unwrap();
    let repo = create(MemoryBackend::new());
    let report = back_up(&repo, Source::paths([&source]));
    assert_eq!((report.entries, report.directories, report.bytes), (1, 1, 0));
    restore(&repo, report.snapshot().unwrap(), &target);
    assert_same(&walk(&source), &walk(&target));
    let report = back_up(&repo, IterSource::new(Vec::<AppEntry>::new()));
    assert_eq!((report.files, report.bytes), (0, 0));
    assert_eq!(repo.list(report.snapshot().unwrap(), &EntryPath::root(), true).unwrap().count(), 0);
    restore(&repo, report.snapshot().unwrap(), &folder.path().join("empty"));
    assert_eq!(fs::read_dir(folder.path().join("empty")).unwrap().count(), 0);
    assert_sound(&repo);
}
