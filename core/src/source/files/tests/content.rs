//! Content and holes.

use crate::format::entry::Hole;
use crate::source::FileSource;
use crate::source::testing::{expand, find, read_all};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

const MIB: u64 = 1024 * 1024;

/// A file of `size` bytes with data in `ranges` only.
fn sparse(path: &Path, size: u64, ranges: &[(u64, u64)]) {
    let file = File::create(path).unwrap();
    file.set_len(size).unwrap();
    for (offset, length) in ranges {
        file.write_all_at(&vec![0x5a; usize::try_from(*length).unwrap()], *offset).unwrap();
    }
    file.sync_all().unwrap();
}

#[test]
fn holes_at_the_start_in_the_middle_at_the_end_and_all_over() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let hole = |offset, length| Hole { offset, length };
    let all_over: Vec<(u64, u64)> = (0..40).map(|number| (number * 2 * MIB + MIB, MIB)).collect();
    let all_holes: Vec<Hole> = (0..40).map(|number| hole(number * 2 * MIB, MIB)).collect();
    let cases = [
        ("start", 3 * MIB, vec![(2 * MIB, MIB)], vec![hole(0, 2 * MIB)]),
        ("middle", 3 * MIB, vec![(0, MIB), (2 * MIB, MIB)], vec![hole(MIB, MIB)]),
        ("end", 3 * MIB + 5, vec![(0, MIB)], vec![hole(MIB, 2 * MIB + 5)]),
        ("all", 5 * MIB + 1, vec![], vec![hole(0, 5 * MIB + 1)]),
        ("many", 80 * MIB, all_over, all_holes),
        ("none", MIB, vec![(0, MIB)], vec![]),
        ("empty", 0, vec![], vec![]),
    ];
    for (name, size, ranges, _) in &cases {
        sparse(&root.join(name), *size, ranges);
    }
    let (seen, problems) = read_all(FileSource::new([root]));
    assert!(problems.is_empty(), "{problems:?}");
    for (name, size, ranges, holes) in cases {
        let one = find(&seen, name);
        assert_eq!(one.entry.size, size, "{name}");
        assert_eq!(expand(&one.entry, &one.data), std::fs::read(root.join(name)).unwrap(), "{name}");
        // Some file systems keep holes only roughly; the content above is right on all of them.
        if ext_or_tmpfs(root) {
            assert_eq!(one.entry.holes, holes, "{name}");
            assert_eq!(one.data.len() as u64, ranges.iter().map(|range| range.1).sum::<u64>(), "{name}");
        }
    }
}

fn ext_or_tmpfs(path: &Path) -> bool {
    [0xef53, 0x0102_1994].contains(&u64::try_from(rustix::fs::statfs(path).unwrap().f_type).unwrap())
}

#[test]
fn contents_come_whole_whatever_their_size() {
    let folder = tempfile::tempdir().unwrap();
    for size in [0usize, 1, 6999, 7000, 7001, 14_000, 9 * 1024 * 1024] {
        let bytes: Vec<u8> = (0..size).map(|position| (position * 31 % 251) as u8).collect();
        std::fs::write(folder.path().join(size.to_string()), bytes).unwrap();
    }
    let (seen, problems) = read_all(FileSource::new([folder.path()]));
    assert!(problems.is_empty());
    for one in seen.iter().skip(1) {
        let path = folder.path().join(one.entry.path.to_path_buf());
        assert_eq!(one.data, std::fs::read(path).unwrap());
    }
}

#[test]
fn files_of_the_system_itself_hold_what_they_say_they_hold() {
    // They say 0 bytes, whatever they would read.
    let (seen, problems) = read_all(FileSource::new(["/proc/self/status"]));
    assert!(problems.is_empty(), "{problems:?}");
    assert_eq!((find(&seen, "status").entry.size, find(&seen, "status").data.len()), (0, 0));
}
