//! Targets and snapshots that mean harm: nothing outside the target may change.

use super::support::*;
use crate::format::entry::{Content, EntryKind, HardLink, Run};
use crate::path::EntryPath;
use crate::{Outcome, Overwrite, ProblemReason, RestoreOptions};
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

const POLICIES: [Overwrite; 4] = [Overwrite::Never, Overwrite::IfNewer, Overwrite::IfDifferent, Overwrite::Always];

/// A target beside a folder that must stay as it is.
struct Scene {
    scratch: tempfile::TempDir,
    before: Vec<(EntryPath, String)>,
}

impl Scene {
    fn new() -> Self {
        let scratch = scratch();
        let outside = scratch.path().join("outside");
        std::fs::create_dir_all(outside.join("b/c")).unwrap();
        std::fs::create_dir(scratch.path().join("target")).unwrap();
        std::fs::write(outside.join("file"), b"not yours").unwrap();
        std::fs::write(outside.join("b/file"), b"not yours").unwrap();
        let before = image(&outside);
        Scene { scratch, before }
    }

    fn target(&self) -> PathBuf {
        self.scratch.path().join("target")
    }

    fn outside(&self) -> PathBuf {
        self.scratch.path().join("outside")
    }

    fn expect_untouched(&self) {
        assert_eq!(image(&self.outside()), self.before);
    }
}

#[test]
fn links_in_the_target_lead_nowhere_at_any_depth() {
    for policy in POLICIES {
        for delete_extra in [false, true] {
            for depth in 0..4 {
                let scene = Scene::new();
                let mut snapshot = Snapshot::new();
                let names = ["a", "b", "c", "file"];
                for folder in ["a", "a/b", "a/b/c"] {
                    snapshot.folder(folder);
                }
                snapshot.file("a/b/c/file", b"from the snapshot, long enough for a run");
                let parent: PathBuf = scene.target().join(names[..depth].iter().collect::<PathBuf>());
                std::fs::create_dir_all(&parent).unwrap();
                let leads_to = if depth == 3 { scene.outside().join("file") } else { scene.outside() };
                symlink(leads_to, parent.join(names[depth])).unwrap();
                let options = RestoreOptions::to(scene.target()).overwrite(policy).delete_extra(delete_extra);
                let report = snapshot.restore(&options);
                scene.expect_untouched();
                if policy == Overwrite::Always {
                    assert_eq!(report.problem_count, 0, "{:?}", report.problems);
                    snapshot.expect_at(&scene.target());
                } else if depth < 3 && !delete_extra {
                    let path: EntryPath = path(&names[..=depth].join("/"));
                    assert_eq!(report.problems[0].path, path);
                    assert_eq!(report.problems[0].reason, ProblemReason::Obstructed);
                    assert_eq!(report.files, 0);
                }
            }
        }
    }
}

#[test]
fn entries_below_a_link_of_the_snapshot_are_refused() {
    for policy in POLICIES {
        for pattern in [None, Some("file"), Some("a")] {
            let scene = Scene::new();
            let mut snapshot = Snapshot::new();
            snapshot.symlink("a", &scene.outside().display().to_string());
            snapshot.file("a/file", b"through the link");
            snapshot.folder("a/b");
            snapshot.file("a/b/file", b"through the link");
            snapshot.file("behind", b"goes on");
            let mut options = RestoreOptions::to(scene.target()).overwrite(policy).delete_extra(true);
            if let Some(pattern) = pattern {
                options = options.include(pattern);
            }
            let report = snapshot.restore(&options);
            scene.expect_untouched();
            assert_eq!(report.outcome, Outcome::Partial);
            assert_eq!(named(&report.problems)[0], "a/b obstructed");
            assert_eq!(scene.target().join("behind").exists(), pattern.is_none());
            // Again, with the link in place.
            snapshot.restore(&options);
            scene.expect_untouched();
        }
    }
}

#[test]
fn a_link_that_becomes_a_folder_is_not_followed() {
    let scene = Scene::new();
    let mut snapshot = Snapshot::new();
    snapshot.symlink("a", &scene.outside().display().to_string());
    snapshot.restore_to(&scene.target());
    snapshot.expect_at(&scene.target());
    let mut next = Snapshot::new();
    next.folder("a");
    next.file("a/file", b"in a folder of its own");
    assert_eq!(named(&next.restore(&RestoreOptions::to(scene.target())).problems), ["a obstructed"]);
    scene.expect_untouched();
    next.restore(&RestoreOptions::to(scene.target()).delete_extra(true));
    next.expect_at(&scene.target());
    scene.expect_untouched();
}

#[test]
fn a_target_that_is_swapped_meanwhile_is_still_the_one_that_was_opened() {
    for swapped in ["target", "target/folder"] {
        let scene = Scene::new();
        let mut snapshot = Snapshot::new();
        snapshot.folder("folder");
        for number in 0..50 {
            snapshot.file(&format!("folder/{number}"), &noise(number, 200_000));
        }
        snapshot.file("link me", b"the first of two names that are linked").metadata.hard_link =
            Some(HardLink { device: 0, inode: 0 });
        let (at, aside, outside) =
            (scene.scratch.path().join(swapped), scene.scratch.path().join("aside"), scene.outside());
        let done = AtomicBool::new(false);
        let moved = aside.clone();
        snapshot.store.on_segment = Some(Box::new(move |_| {
            if !done.swap(true, Ordering::SeqCst) {
                std::fs::rename(&at, &moved).unwrap();
                symlink(&outside, &at).unwrap();
            }
        }));
        let report = snapshot.restore(&RestoreOptions::to(scene.target()));
        assert_eq!(report.problem_count, 0, "{:?}", report.problems);
        scene.expect_untouched();
        let folder = if swapped == "target" { aside.join("folder") } else { aside };
        snapshot.expect_entry(&folder.join("49"), &snapshot.entries[&path("folder/49")]);
    }
}

#[test]
fn a_first_name_that_was_replaced_is_not_linked_to() {
    let scene = Scene::new();
    let mut snapshot = Snapshot::new();
    let group = Some(HardLink { device: 0, inode: 0 });
    for name in ["first/name", "second/name"] {
        snapshot.file(name, b"the content behind both of the names").metadata.hard_link = group;
    }
    snapshot.folder("first");
    snapshot.folder("second");
    // Between the two, the folder of the first becomes a link to a folder outside.
    snapshot.file("large", &noise(1, 20 << 20));
    let (target, outside) = (scene.target(), scene.outside());
    let large = match &snapshot.entries[&path("large")].content {
        Content::Runs(runs) => runs[15].segment,
        _ => panic!("runs"),
    };
    std::fs::write(scene.outside().join("name"), b"not yours either").unwrap();
    let scene = Scene { before: image(&outside), ..scene };
    snapshot.store.on_segment = Some(Box::new(move |id| {
        let first = target.join("first");
        if *id == large && std::fs::symlink_metadata(&first).is_ok_and(|first| first.is_dir()) {
            // Others write into it at the same time.
            while std::fs::remove_dir_all(&first).is_err() {}
            symlink(&outside, &first).unwrap();
        }
    }));
    snapshot.restore(&RestoreOptions::to(scene.target()));
    scene.expect_untouched();
    let second = std::fs::read(scene.target().join("second/name"));
    assert!(second.is_err() || second.is_ok_and(|content| content == snapshot.contents[&path("second/name")]));
}

#[test]
fn links_may_point_anywhere_and_are_only_made() {
    let scene = Scene::new();
    let mut snapshot = Snapshot::new();
    snapshot.symlink("root", "/");
    snapshot.symlink("file", &scene.outside().join("file").display().to_string());
    snapshot.symlink("up", "../../../../outside/file").metadata.mode = 0o600;
    snapshot.restore_to(&scene.target());
    snapshot.expect_at(&scene.target());
    for entry in snapshot.entries.values_mut() {
        entry.metadata.modified.seconds += 1;
    }
    snapshot.restore(&RestoreOptions::to(scene.target()).overwrite(Overwrite::Always));
    snapshot.expect_at(&scene.target());
    scene.expect_untouched();
}

#[test]
fn deleting_follows_no_link_either() {
    let scene = Scene::new();
    std::fs::create_dir_all(scene.target().join("extra/deep")).unwrap();
    symlink(scene.outside(), scene.target().join("link")).unwrap();
    symlink(scene.outside(), scene.target().join("extra/deep/link")).unwrap();
    let mut snapshot = Snapshot::new();
    snapshot.add(EntryPath::root(), EntryKind::Directory);
    snapshot.restore(&RestoreOptions::to(scene.target()).delete_extra(true));
    snapshot.expect_at(&scene.target());
    scene.expect_untouched();
}

#[test]
fn pipes_in_the_way_block_nobody() {
    let scene = Scene::new();
    let pipe = rustix::fs::FileType::Fifo;
    for name in ["file", "folder"] {
        rustix::fs::mknodat(rustix::fs::CWD, scene.target().join(name), pipe, 0o644.into(), 0).unwrap();
    }
    let mut snapshot = Snapshot::new();
    snapshot.file("file", b"content that replaces a pipe");
    snapshot.folder("folder");
    snapshot.restore(&RestoreOptions::to(scene.target()).overwrite(Overwrite::Always));
    snapshot.expect_at(&scene.target());
}

#[test]
fn content_that_lies_is_damage_of_its_file_alone() {
    let scratch = scratch();
    let mut snapshot = Snapshot::new();
    (snapshot.blob, snapshot.segment) = (100_000, 1_000_000);
    let mut lie = |name: &str, change: fn(&mut Run)| {
        let entry = snapshot.file(name, &noise(1, 350_000));
        let Content::Runs(runs) = &mut entry.content else { panic!("runs") };
        runs.truncate(1);
        change(&mut runs[0]);
        entry.size = runs[0].bytes;
    };
    lie("fewer bytes", |run| run.bytes -= 1);
    lie("more bytes", |run| run.bytes += 1);
    lie("far more bytes", |run| run.bytes = 1 << 62);
    lie("no such blobs", |run| run.first = 1 << 30);
    lie("too many blobs", |run| run.count = 1 << 30);
    lie("no such segment", |run| run.segment = crate::SegmentId::from_bytes([9; 32]));
    snapshot.file("good", &noise(9, 350_000));
    std::fs::write(scratch.path().join("more bytes"), b"stands already").unwrap();
    let report = snapshot.restore(&RestoreOptions::to(scratch.path()));
    assert_eq!(report.problem_count, 6);
    assert!(report.problems.iter().all(|problem| problem.reason == ProblemReason::Damaged), "{:?}", report.problems);
    let left: Vec<String> = image(scratch.path()).into_iter().map(|(path, _)| path.to_string()).collect();
    assert_eq!(left, ["good", "more bytes"]);
    assert_eq!(std::fs::read(scratch.path().join("more bytes")).unwrap(), b"stands already");
    snapshot.expect_entry(&scratch.path().join("good"), &snapshot.entries[&path("good")]);
}

#[test]
fn names_the_file_system_cannot_hold_are_reported() {
    let scratch = scratch();
    let mut snapshot = Snapshot::new();
    let mut long = EntryPath::root();
    long.push(&[b'x'; 300]).unwrap();
    snapshot.file_with_holes(long.clone(), b"abc".to_vec(), Vec::new());
    snapshot.add(long.join(b"never").unwrap(), EntryKind::Directory);
    let mut folder = EntryPath::root();
    folder.push(&[b'y'; 300]).unwrap();
    snapshot.add(folder.clone(), EntryKind::Directory);
    snapshot.file_with_holes(folder.join(b"file").unwrap(), b"abc".to_vec(), Vec::new());
    snapshot.file("z", b"last");
    let report = snapshot.restore(&RestoreOptions::to(scratch.path()));
    let reasons: Vec<_> = report.problems.iter().map(|problem| problem.reason).collect();
    assert_eq!(reasons, [ProblemReason::Unsupported, ProblemReason::Obstructed, ProblemReason::Unsupported]);
    assert!(scratch.path().join("z").exists());
}

#[test]
fn a_root_that_is_no_folder_is_reported() {
    let scene = Scene::new();
    let mut snapshot = Snapshot::new();
    snapshot.add(EntryPath::root(), EntryKind::Symlink { target: b"/".to_vec() });
    snapshot.file("file", b"in it");
    let report = snapshot.restore(&RestoreOptions::to(scene.target()));
    assert_eq!(report.problems[0].reason, ProblemReason::Damaged);
    scene.expect_untouched();
}
