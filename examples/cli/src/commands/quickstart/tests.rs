//! The comparison has to find what a restore could get wrong.

use super::compare::compare;
use std::fs::{self, File};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

fn pair() -> (tempfile::TempDir, PathBuf, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let (left, right) = (folder.path().join("left"), folder.path().join("right"));
    super::sample::make(&left).unwrap();
    let copied = std::process::Command::new("cp").arg("-a").args([&left, &right]).status().unwrap();
    assert!(copied.success());
    (folder, left, right)
}

#[test]
fn a_copy_is_equal() {
    let (_folder, left, right) = pair();
    let comparison = compare(&left, &right).unwrap();
    assert_eq!(comparison.differences, []);
    assert!(comparison.entries > 30 && comparison.bytes > 2_000_000);
}

#[test]
fn every_difference_is_found() {
    type Damage = fn(&Path);
    let cases: [(&str, Damage); 8] = [
        ("only the copy has it", |copy| fs::write(copy.join("extra"), "").unwrap()),
        ("the copy lacks it", |copy| fs::remove_file(copy.join("link")).unwrap()),
        ("mode", |copy| fs::set_permissions(copy.join("notes/07.txt"), PermissionsExt::from_mode(0o600)).unwrap()),
        ("points elsewhere", |copy| {
            fs::remove_file(copy.join("link")).unwrap();
            symlink("notes/03.txt", copy.join("link")).unwrap();
        }),
        ("other content", |copy| {
            let mut bytes = fs::read(copy.join("album/2025/2.jpg")).unwrap();
            bytes[500_000] ^= 1;
            fs::write(copy.join("album/2025/2.jpg"), bytes).unwrap();
        }),
        ("modification time", |copy| {
            let file = File::options().write(true).open(copy.join("notes/06.txt")).unwrap();
            file.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
        }),
        ("other hard links", |copy| {
            fs::remove_file(copy.join("notes/first.txt")).unwrap();
            fs::copy(copy.join("notes/01.txt"), copy.join("notes/first.txt")).unwrap();
        }),
        ("another type", |copy| {
            fs::remove_file(copy.join("empty file")).unwrap();
            fs::create_dir(copy.join("empty file")).unwrap();
        }),
    ];
    for (expected, damage) in cases {
        let (_folder, left, right) = pair();
        damage(&right);
        let comparison = compare(&left, &right).unwrap();
        assert!(comparison.differences.iter().any(|(_, found)| found.contains(expected)), "{expected}: {comparison:?}");
    }
}

#[test]
fn of_caches_only_the_mark_counts() {
    let (_folder, left, right) = pair();
    fs::create_dir(left.join("cache")).unwrap();
    fs::write(left.join("cache/CACHEDIR.TAG"), "Signature: 8a477f597d28d172789f06886806bc55\n").unwrap();
    fs::write(left.join("cache/data"), "x").unwrap();
    let again = std::process::Command::new("cp").args(["-a", "-T"]).args([&left, &right]).status().unwrap();
    assert!(again.success());
    fs::remove_file(right.join("cache/data")).unwrap();
    let comparison = compare(&left, &right).unwrap();
    assert!(comparison.differences.iter().all(|(_, found)| found.contains("modification time")), "{comparison:?}");
}
