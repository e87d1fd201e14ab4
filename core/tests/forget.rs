//! Removing snapshots: what goes, what stays whatever is asked for, and what is left when it breaks off.

mod common;

use common::fault::{Call, Fault, FaultBackend, Op};
use common::forest::Sizes;
use common::vault::Vault;
use common::walk::{Tree, assert_same, walk};
use common::{assert_sound, back_up_with, create_with, noise, reopen, restore, scratch};
use std::fs;
use std::time::SystemTime;
use strongroom::{
    Backend, BackupOptions, Context, Error, ErrorKind, Folder, ForgetOptions, ForgetReport, GroupBy, KeepReason,
    NewKey, ObjectName, Repository, Result, RetentionPolicy, Role, Secret, SnapshotFilter, SnapshotId, Source,
    Timestamp,
};

const DAY: i64 = 86_400;

fn now() -> Timestamp {
    SystemTime::now().into()
}

fn days_ago(days: i64) -> Timestamp {
    Timestamp::new(now().seconds - days * DAY, 0)
}

/// A repository with a snapshot of each of the last days, the oldest first, and what was in them.
struct Scene {
    scratch: tempfile::TempDir,
    vault: Vault,
    owner: Repository,
    snapshots: Vec<(SnapshotId, Tree)>,
}

impl Scene {
    fn new(days: i64) -> Self {
        let scratch = scratch();
        let source = scratch.path().join("source");
        fs::create_dir(&source).unwrap();
        fs::write(source.join("same"), noise(1, 30_000)).unwrap();
        let vault = Vault::new();
        let owner = create_with(vault.clone(), &Sizes::TINY.options());
        let mut scene = Scene { scratch, vault, owner, snapshots: Vec::new() };
        for day in (0..days).rev() {
            fs::write(source.join("changing"), noise(100 + day as u64, 9_000)).unwrap();
            fs::write(source.join(format!("of-{day}")), format!("day {day}")).unwrap();
            let id = scene.back_up(&BackupOptions::new().host("laptop").tag("daily").time(days_ago(day)));
            scene.received(&id, days_ago(day));
            scene.snapshots.push((id, walk(&source)));
        }
        scene
    }

    fn back_up(&self, options: &BackupOptions) -> SnapshotId {
        let source = Source::paths([self.scratch.path().join("source")]);
        *back_up_with(&self.owner, source, options).snapshot().unwrap()
    }

    fn received(&self, id: &SnapshotId, time: Timestamp) {
        self.vault.set_time(&name(id), time);
    }

    fn id(&self, at: usize) -> SnapshotId {
        self.snapshots[at].0
    }

    fn key(&self, role: Role) -> Repository {
        let secret = || Secret::account_key([role.code(); 32]);
        if let Ok(open) = Repository::open(self.vault.clone(), &secret()) {
            return open;
        }
        self.owner.add_key(&NewKey::new(secret(), role)).unwrap();
        Repository::open(self.vault.clone(), &secret()).unwrap()
    }

    /// Which of the snapshots are there, by their places.
    fn left(&self) -> Vec<usize> {
        left(&self.vault, &self.snapshots)
    }
}

fn left(vault: &Vault, snapshots: &[(SnapshotId, Tree)]) -> Vec<usize> {
    let names = vault.names(Folder::Snapshots);
    (0..snapshots.len()).filter(|at| names.contains(&name(&snapshots[*at].0))).collect()
}

fn name(id: &SnapshotId) -> ObjectName {
    ObjectName::new(Folder::Snapshots, id.to_string()).unwrap()
}

fn last(count: u32) -> ForgetOptions {
    ForgetOptions::by_policy(RetentionPolicy::new().keep_last(count))
}

fn forget(repo: &Repository, options: &ForgetOptions) -> Result<ForgetReport> {
    repo.forget(options, &Context::new())
}

fn refused<T>(result: Result<T>) -> Error {
    result.err().expect("it is refused")
}

#[test]
fn a_policy_removes_what_it_does_not_keep_and_nothing_else() {
    let scene = Scene::new(6);
    scene.owner.tag(&scene.id(0), &["old"], &[]).unwrap();
    scene.owner.tag(&scene.id(5), &["new"], &[]).unwrap();
    let objects = scene.vault.all();
    let dry = forget(&scene.owner, &last(2).dry_run(true)).unwrap();
    assert_eq!((dry.dry_run, dry.kept, dry.removed), (true, 2, 4));
    assert!(objects.iter().all(|name| scene.vault.all().contains(name)));
    let report = forget(&scene.owner, &last(2)).unwrap();
    assert_eq!((report.dry_run, report.kept, report.removed, report.leftover_marks), (false, 2, 4, 0));
    assert_eq!(report.groups.len(), 1);
    let planned: Vec<_> = dry.decisions().map(|one| (one.snapshot.id, one.stays())).collect();
    let done: Vec<_> = report.decisions().map(|one| (one.snapshot.id, one.stays())).collect();
    assert_eq!(planned, done);
    assert_eq!(scene.left(), [4, 5]);
    // The marks of what is gone are gone, the others there.
    assert_eq!(scene.vault.names(Folder::Marks).len(), 1);
    let newest = scene.owner.snapshot("latest", &SnapshotFilter::all()).unwrap();
    assert_eq!(newest.tags, ["daily", "new"]);
    let fresh = reopen(scene.vault.clone());
    assert_sound(&fresh);
    for at in scene.left() {
        let target = tempfile::tempdir_in(scene.scratch.path()).unwrap();
        restore(&fresh, &scene.id(at), target.path());
        assert_same(&scene.snapshots[at].1, &walk(target.path()));
    }
    // Once more, nothing goes.
    assert_eq!(forget(&fresh, &last(2)).unwrap().removed, 0);
    assert_eq!(
        refused(forget(&fresh, &ForgetOptions::by_policy(RetentionPolicy::new()))).kind(),
        ErrorKind::InvalidArgument
    );
    // A filter hides what it leaves out.
    let elsewhere = last(1).filter(SnapshotFilter::all().host("another"));
    assert_eq!(forget(&fresh, &elsewhere).unwrap().decisions().count(), 0);
}

#[test]
fn receipt_decides_and_claims_remove_nothing() {
    let scene = Scene::new(4);
    // Claims to be of now, and was received 30 days ago.
    let forged = scene.back_up(&BackupOptions::new().host("laptop").time(days_ago(0)));
    scene.received(&forged, days_ago(30));
    let policy = RetentionPolicy::new().keep_last(4);
    let report = forget(&scene.owner, &ForgetOptions::by_policy(policy)).unwrap();
    assert_eq!(scene.left(), [0, 1, 2, 3]);
    let forged = report.decisions().find(|one| one.snapshot.id == forged).unwrap();
    assert!(!forged.stays());
    assert!(forged.clock_ahead.unwrap() > 29 * DAY);
    assert_eq!(report.decisions().filter(|one| one.clock_ahead.is_some()).count(), 1);
    // The storage's clock is what "now" is.
    assert!((report.now.seconds - now().seconds).abs() < 600);
}

#[test]
fn snapshots_are_removed_by_name() {
    let scene = Scene::new(3);
    let both = ForgetOptions::snapshots([scene.id(0), scene.id(2), scene.id(0)]);
    let report = forget(&scene.owner, &both).unwrap();
    assert_eq!((report.removed, report.decisions().count()), (2, 2));
    assert_eq!(scene.left(), [1]);
    assert_eq!(refused(forget(&scene.owner, &both)).kind(), ErrorKind::NotFound);
    assert_eq!(refused(forget(&scene.owner, &ForgetOptions::snapshots([]))).kind(), ErrorKind::InvalidArgument);
    assert_eq!(scene.left(), [1]);
}

#[test]
fn only_maintainers_and_owners_forget() {
    let scene = Scene::new(3);
    for role in [Role::Writer, Role::Reader] {
        for options in [last(1), last(1).dry_run(true), ForgetOptions::snapshots([scene.id(0)])] {
            assert_eq!(refused(forget(&scene.key(role), &options)).kind(), ErrorKind::Forbidden);
        }
    }
    let maintainer = scene.key(Role::Maintainer);
    let policy = RetentionPolicy::new().keep_last(1);
    for needs_more in [policy.clone().keep_tag("daily"), policy.clone().group_by(GroupBy::all_together().host())] {
        let error = refused(forget(&maintainer, &ForgetOptions::by_policy(needs_more)));
        assert_eq!(error.kind(), ErrorKind::Forbidden);
    }
    let filtered = last(1).filter(SnapshotFilter::all().tag("daily"));
    assert_eq!(refused(forget(&maintainer, &filtered)).kind(), ErrorKind::Forbidden);
    assert_eq!(scene.left(), [0, 1, 2]);
    assert_eq!(forget(&maintainer, &last(1)).unwrap().removed, 2);
    assert_eq!(scene.left(), [2]);
}

#[test]
fn what_is_held_stays_until_the_hold_is_over() {
    let scene = Scene::new(4);
    let tomorrow = Timestamp::new(now().seconds + DAY, 1);
    let until = scene.owner.hold(&scene.id(0), tomorrow).unwrap();
    assert_eq!(until, Timestamp::new(tomorrow.seconds + 1, 0));
    scene.owner.hold(&scene.id(1), days_ago(1)).unwrap();
    // Nothing shortens a hold, but its end.
    assert_eq!(scene.owner.hold(&scene.id(0), days_ago(1)).unwrap(), until);
    let named = forget(&scene.owner, &ForgetOptions::snapshots([scene.id(0)])).unwrap();
    assert_eq!((named.removed, named.kept), (0, 1));
    for repo in [scene.key(Role::Maintainer), scene.key(Role::Reader)] {
        assert_eq!(repo.snapshot(&scene.id(0).to_string(), &SnapshotFilter::all()).unwrap().hold_until, Some(until));
    }
    let report = forget(&scene.key(Role::Maintainer), &last(1)).unwrap();
    assert_eq!(scene.left(), [0, 3]);
    let held = report.decisions().find(|one| one.snapshot.id == scene.id(0)).unwrap();
    assert_eq!(held.keep, [KeepReason::Held(until)]);
    scene.owner.release(&scene.id(0)).unwrap();
    assert_eq!(forget(&scene.owner, &last(1)).unwrap().removed, 1);
    assert_eq!(scene.left(), [3]);
    assert!(scene.vault.names(Folder::Marks).is_empty());
}

#[test]
fn holds_are_ended_by_who_may_end_them() {
    let scene = Scene::new(1);
    let (id, reader, writer) = (scene.id(0), scene.key(Role::Reader), scene.key(Role::Writer));
    let at = |days: i64| Timestamp::new(now().seconds / 10 * 10 + days * DAY, 0);
    let held = || scene.owner.snapshot("latest", &SnapshotFilter::all()).unwrap();
    for repo in [&writer, &scene.key(Role::Maintainer)] {
        assert_eq!(refused(repo.hold(&id, at(1))).kind(), ErrorKind::Forbidden);
        assert_eq!(refused(repo.release(&id)).kind(), ErrorKind::Forbidden);
    }
    // A reader's own.
    reader.release(&id).unwrap();
    assert_eq!(reader.hold(&id, at(2)).unwrap(), at(2));
    reader.release(&id).unwrap();
    assert_eq!(held().hold_until, None);
    // An owner's: extended by a reader, and not ended; tags change nothing.
    scene.owner.hold(&id, at(3)).unwrap();
    assert_eq!(reader.hold(&id, at(5)).unwrap(), at(5));
    reader.tag(&id, &["seen"], &[]).unwrap();
    assert_eq!(held().hold_until, Some(at(5)));
    assert_eq!(refused(reader.release(&id)).kind(), ErrorKind::Forbidden);
    assert_eq!(held().hold_until, Some(at(5)));
    scene.owner.release(&id).unwrap();
    assert_eq!((held().hold_until, held().tags), (None, vec!["daily".to_owned(), "seen".to_owned()]));
    let unknown = SnapshotId::from_bytes([7; 32]);
    assert_eq!(refused(scene.owner.hold(&unknown, at(1))).kind(), ErrorKind::NotFound);
    assert_eq!(refused(scene.owner.release(&unknown)).kind(), ErrorKind::NotFound);
}

#[test]
fn what_cannot_be_read_is_not_removed() {
    let scene = Scene::new(4);
    let damaged = name(&scene.id(0));
    let mut bytes = scene.vault.bytes(&damaged);
    bytes[50] ^= 1;
    scene.vault.replace(&damaged, bytes);
    let report = forget(&scene.owner, &last(1)).unwrap();
    assert_eq!((report.kept, report.removed), (1, 2));
    assert_eq!(report.rejected.iter().map(|(name, _)| name).collect::<Vec<_>>(), [&damaged]);
    assert_eq!(scene.left(), [0, 3]);
    assert_eq!(refused(forget(&scene.owner, &ForgetOptions::snapshots([scene.id(0)]))).kind(), ErrorKind::Corrupt);
    assert_eq!(scene.left(), [0, 3]);
}

#[test]
fn a_mark_that_cannot_be_read_may_be_a_hold() {
    let scene = Scene::new(3);
    scene.owner.hold(&scene.id(0), days_ago(-9)).unwrap();
    let [mark] = scene.vault.names(Folder::Marks).try_into().unwrap();
    let mut bytes = scene.vault.bytes(&mark);
    bytes[50] ^= 1;
    scene.vault.replace(&mark, bytes);
    for options in [last(1), last(1).dry_run(true), ForgetOptions::snapshots([scene.id(1)])] {
        let error = refused(forget(&scene.owner, &options));
        assert_eq!((error.kind(), error.object_name()), (ErrorKind::Corrupt, Some(mark.to_string().as_str())));
        assert_eq!(scene.left(), [0, 1, 2]);
    }
    let report = forget(&scene.owner, &last(1).despite_unreadable_marks(true)).unwrap();
    assert_eq!((report.removed, report.rejected.len()), (2, 1));
    // It may be of any snapshot, so it stays.
    assert_eq!(scene.vault.names(Folder::Marks), [mark]);
}

#[test]
fn storage_that_deletes_nothing_says_so() {
    let scene = Scene::new(3);
    for kind in [ErrorKind::PermissionDenied, ErrorKind::ReadOnly] {
        let backend = FaultBackend::new(scene.vault.clone(), move |call: &Call| {
            (call.op == Op::Delete).then_some(Fault::Fail(kind))
        });
        let error = refused(forget(&reopen(backend), &last(1)));
        assert_eq!(error.kind(), kind);
        assert!(error.to_string().contains("credentials that may delete"), "{error}");
        assert_eq!(scene.left(), [0, 1, 2]);
    }
}

#[test]
fn two_that_forget_at_once_do_not_get_in_each_others_way() {
    let scene = Scene::new(6);
    scene.owner.tag(&scene.id(1), &["x"], &[]).unwrap();
    let vault = scene.vault.clone();
    let other = reopen(scene.vault.clone());
    let mut once = Some(());
    let backend = FaultBackend::new(scene.vault.clone(), move |call: &Call| {
        if call.op == Op::Delete && once.take().is_some() {
            assert_eq!(forget(&other, &last(2)).unwrap().removed, 4);
            assert_eq!(vault.names(Folder::Snapshots).len(), 2);
        }
        None
    });
    assert_eq!(forget(&reopen(backend), &last(2)).unwrap().kept, 2);
    assert_eq!(scene.left(), [4, 5]);
    assert!(scene.vault.names(Folder::Marks).is_empty());
    // And one that went away after the marks were read.
    let scene = Scene::new(2);
    let gone = name(&scene.id(0));
    let vault = scene.vault.clone();
    let backend = FaultBackend::new(scene.vault.clone(), move |call: &Call| {
        if call.op == Op::Read && call.name.as_ref() == Some(&gone) {
            vault.delete(&gone).unwrap();
        }
        None
    });
    let report = forget(&reopen(backend), &last(1)).unwrap();
    assert_eq!((report.kept, report.removed, report.rejected.len()), (1, 0, 0));
}

/// A repository with marks, holds and history, every step of whose `forget` fails.
fn breaking_off(
    options: &ForgetOptions,
    expected: &[usize],
    fault: impl Fn(u64, &Call) -> Option<Fault> + Copy + Send + 'static,
) {
    let scene = Scene::new(5);
    scene.owner.tag(&scene.id(0), &["a"], &[]).unwrap();
    scene.owner.tag(&scene.id(0), &["b"], &[]).unwrap();
    scene.owner.hold(&scene.id(1), days_ago(-9)).unwrap();
    scene.owner.tag(&scene.id(2), &["c"], &["daily"]).unwrap();
    scene.owner.tag(&scene.id(4), &["d"], &[]).unwrap();
    let told = |repo: &Repository| -> Vec<(SnapshotId, Vec<String>, Option<Timestamp>)> {
        let all = repo.snapshots(&SnapshotFilter::all()).unwrap().map(|one| one.unwrap());
        all.map(|one| (one.id, one.tags, one.hold_until)).collect()
    };
    let before = told(&scene.owner);
    let calls = {
        let backend = FaultBackend::new(scene.vault.fork(), |_| None);
        let repo = reopen(backend.clone());
        let opened = backend.calls().len() as u64;
        forget(&repo, options).unwrap();
        opened..backend.calls().len() as u64
    };
    assert!(calls.end - calls.start > 15, "{calls:?}");
    let (mut failed, mut partly) = (0, 0);
    for number in calls {
        let vault = scene.vault.fork();
        let backend = FaultBackend::new(vault.clone(), move |call: &Call| fault(number, call));
        let what = format!("call {number}");
        let result = forget(&reopen(backend), options);
        failed += usize::from(result.is_err());
        let left_now = left(&vault, &scene.snapshots);
        partly += usize::from(left_now.len() > expected.len() && left_now.len() < scene.snapshots.len());
        let fresh = reopen(vault.clone());
        assert_sound(&fresh);
        // What is there is as it was, tags and holds included.
        for told in told(&fresh) {
            assert!(before.contains(&told), "{what}: {told:?}");
        }
        for at in left_now {
            let target = tempfile::tempdir_in(scene.scratch.path()).unwrap();
            restore(&fresh, &scene.id(at), target.path());
            assert_same(&scene.snapshots[at].1, &walk(target.path()));
        }
        // And the same call comes to the end.
        forget(&fresh, options).unwrap_or_else(|error| panic!("{what}: trying again: {error:?}"));
        assert_eq!(left(&vault, &scene.snapshots), expected, "{what}");
        let marks: usize = expected.iter().map(|at| [2, 1, 1, 0, 1][*at]).sum();
        assert_eq!(vault.names(Folder::Marks).len(), marks, "{what}");
        assert_sound(&fresh);
    }
    assert!(failed > 5 && partly > 0, "{failed} {partly}");
}

#[test]
fn wherever_the_power_fails_every_snapshot_that_is_left_is_whole() {
    let off = |number: u64, call: &Call| (call.number >= number).then_some(Fault::Fail(ErrorKind::Unavailable));
    breaking_off(&last(1), &[1, 4], off);
}

#[test]
fn whatever_single_call_fails_every_snapshot_that_is_left_is_whole() {
    let once = |number: u64, call: &Call| (call.number == number).then_some(Fault::Fail(ErrorKind::Unavailable));
    breaking_off(&last(1), &[1, 4], once);
}

#[test]
fn whatever_answer_is_lost_every_snapshot_that_is_left_is_whole() {
    let lost = |number: u64, call: &Call| (call.number == number).then_some(Fault::FailAfter(ErrorKind::Unavailable));
    breaking_off(&last(1), &[1, 4], lost);
}
