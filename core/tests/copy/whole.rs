//! What a copy has of its original.

use super::common::forest::Sizes;
use super::common::vault::Vault;
use super::common::{assert_sound, back_up, back_up_with, create, create_with, noise, reopen, scratch};
use super::{OTHER, assert_copied, copy_one, destination, entries, snapshots};
use std::fs;
use std::io::Cursor;
use std::os::unix::fs::FileExt;
use strongroom::{
    AppEntry, BackupOptions, Context, CopyOptions, Cost, EntryPath, ErrorKind, Folder, NewKey, Outcome, Owner,
    Repository, Role, Secret, SnapshotFilter, SnapshotId, SnapshotOutcome, Source, Timestamp,
};

fn path(text: &str) -> EntryPath {
    EntryPath::parse(text).unwrap()
}

#[test]
fn a_copy_has_all_that_the_original_has() {
    let scratch = scratch();
    let source = scratch.path().join("source");
    fs::create_dir_all(source.join("deep/er")).unwrap();
    fs::write(source.join("deep/er/large"), noise(1, 500_000)).unwrap();
    fs::hard_link(source.join("deep/er/large"), source.join("another name")).unwrap();
    fs::write(source.join("tiny"), "tiny").unwrap();
    fs::write(source.join("inline in one and not in the other"), noise(2, 600)).unwrap();
    fs::write(source.join("empty"), "").unwrap();
    let sparse = fs::File::create(source.join("sparse")).unwrap();
    sparse.set_len(3 << 20).unwrap();
    sparse.write_all_at(&noise(3, 70_000), 1 << 20).unwrap();
    std::os::unix::fs::symlink("nowhere", source.join("link")).unwrap();
    rustix::fs::setxattr(source.join("tiny"), "user.note", b"attached", rustix::fs::XattrFlags::CREATE).unwrap();
    let vault = Vault::new();
    let repo = create(vault.clone());
    let options = BackupOptions::new()
        .host("laptop")
        .user("ada")
        .program("an app 1.0")
        .description("before the journey")
        .tag("daily")
        .metadata("cursor", [0, 1, 255])
        .time(Timestamp::new(1_700_000_000, 5));
    let first = *back_up_with(&repo, Source::paths([&source]), &options).snapshot().unwrap();
    fs::write(source.join("new"), noise(4, 20_000)).unwrap();
    let options = BackupOptions::new().host("laptop");
    let second = *back_up_with(&repo, Source::paths([&source]), &options).snapshot().unwrap();
    repo.tag(&second, &["kept"], &[]).unwrap();

    let (_, away) = destination();
    let (end, _) = copy_one(&repo, &away);
    assert_eq!(end.copied.iter().map(|copy| copy.source).collect::<Vec<_>>(), [first, second]);
    assert_copied(&repo, &away);
    assert_sound(&away);
    for (original, copy) in snapshots(&repo).iter().zip(snapshots(&away)) {
        assert_ne!(original.id, copy.id);
        assert_eq!((original.host.clone(), original.user.clone()), (copy.host, copy.user));
        assert_eq!((original.program.clone(), original.paths.clone()), (copy.program, copy.paths));
        assert_eq!((original.tags.clone(), original.description.clone()), (copy.tags, copy.description));
        assert_eq!((original.outcome, original.time), (copy.outcome, copy.time));
        let mut metadata = copy.metadata;
        let origin = metadata.remove("strongroom.copy-of").unwrap();
        assert_eq!(origin, [repo.id().as_bytes().as_slice(), original.id.as_bytes()].concat());
        assert_eq!(original.metadata, metadata);
        let counts = |counts: strongroom::SnapshotCounts| {
            (counts.entries, counts.files, counts.directories, counts.bytes, counts.problems)
        };
        assert_eq!(counts(original.counts), counts(copy.counts));
    }
    let copies = snapshots(&away);
    assert_eq!((copies[0].parents.len(), copies[1].parents.as_slice()), (0, [copies[0].id].as_slice()));
}

#[test]
fn what_was_copied_is_not_copied_again_by_whatever_way_it_comes() {
    let repo = create(Vault::new());
    for number in 0..3_u64 {
        back_up(&repo, Source::reader(path("file"), Cursor::new(noise(number, 50_000))));
    }
    let (near_vault, near) = destination();
    copy_one(&repo, &near);
    let size = near_vault.size();
    let (end, read) = copy_one(&repo, &reopen(near_vault.clone()));
    assert_eq!((end.copied.len(), end.present, read), (0, 3, 0));
    assert_eq!((near_vault.size(), end.stored_bytes), (size, 0));

    let (_, far) = destination();
    assert_eq!(copy_one(&near, &far).0.copied.len(), 3);
    let (end, read) = copy_one(&repo, &far);
    assert_eq!((end.copied.len(), end.present, read), (0, 3, 0), "copies of copies are known for what they are");
    let (end, _) = copy_one(&far, &repo);
    assert_eq!((end.copied.len(), end.present), (0, 3), "the originals are there");
    assert_copied(&repo, &far);
    assert_eq!(snapshots(&far)[0].metadata, snapshots(&near)[0].metadata);
}

#[test]
fn what_is_chosen_is_copied_and_nothing_else() {
    let repo = create(Vault::new());
    let mut ids = Vec::new();
    for host in ["one", "two", "three"] {
        let source = Source::reader(path("file"), Cursor::new(noise(1, 5000)));
        ids.push(*back_up_with(&repo, source, &BackupOptions::new().host(host)).snapshot().unwrap());
    }
    let (_, away) = destination();
    let ctx = Context::new();
    let only = CopyOptions::new().filter(SnapshotFilter::all().host("two"));
    assert_eq!(repo.copy_to(&[&away], &only, &ctx).unwrap().snapshots, 1);
    assert_eq!(snapshots(&away)[0].host.as_deref(), Some("two"));
    repo.copy_to(&[&away], &CopyOptions::new().snapshot(ids[2]).snapshot(ids[1]), &ctx).unwrap();
    assert_eq!(snapshots(&away).len(), 2);
    let unknown = CopyOptions::new().snapshot(SnapshotId::from_bytes([9; 32]));
    assert_eq!(repo.copy_to(&[&away], &unknown, &ctx).unwrap_err().kind(), ErrorKind::NotFound);
    let level = CopyOptions::new().level(20);
    assert_eq!(repo.copy_to(&[&away], &level, &ctx).unwrap_err().kind(), ErrorKind::InvalidArgument);
}

#[test]
fn places_and_keys_that_make_no_copy_are_refused_with_the_reason() {
    let (vault, away_vault) = (Vault::new(), Vault::new());
    let options = Sizes::TINY.options().cost(Cost::FLOOR);
    let pass = |role: Role| Secret::passphrase(role.name());
    let [repo, away] = [&vault, &away_vault].map(|vault| {
        let repo = Repository::create(vault.clone(), &Secret::passphrase("owner"), &options).unwrap();
        for role in [Role::Writer, Role::Reader, Role::Maintainer] {
            repo.add_key(&NewKey::new(pass(role), role).cost(Cost::FLOOR)).unwrap();
        }
        repo
    });
    back_up(&repo, Source::reader(path("file"), Cursor::new(b"content")));
    let ctx = Context::new();
    let refused = |source: &Repository, ends: &[&Repository], kind, told: &str| {
        let error = source.copy_to(ends, &CopyOptions::new(), &ctx).unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(told), "{error}");
    };
    let invalid = ErrorKind::InvalidArgument;
    refused(&repo, &[&repo], invalid, "the same repository as the one to copy from");
    refused(&repo, &[&reopen_as(&vault.fork(), "owner")], invalid, "a copy of its files");
    refused(&repo, &[&away, &away], invalid, "twice");
    refused(&repo, &[], invalid, "no destination");
    for role in [Role::Writer, Role::Maintainer] {
        let told = "a reader's or owner's key";
        refused(&reopen_as(&vault, role.name()), &[&away], ErrorKind::Forbidden, told);
        refused(&repo, &[&reopen_as(&away_vault, role.name())], ErrorKind::Forbidden, told);
    }
    let before = away_vault.all();
    assert!(!before.iter().any(|name| name.folder() == Folder::Sessions), "nothing was written for what is refused");
    let (as_reader, to_reader) = (reopen_as(&vault, "reader"), reopen_as(&away_vault, "reader"));
    assert_eq!(copy_one(&as_reader, &to_reader).0.copied.len(), 1);
    assert_copied(&repo, &away);
}

fn reopen_as(vault: &Vault, passphrase: &str) -> Repository {
    Repository::open(vault.clone(), &Secret::passphrase(passphrase)).unwrap()
}

#[test]
fn metadata_under_the_name_of_the_engine_is_refused() {
    let repo = create(Vault::new());
    let source = Source::reader(path("file"), std::io::empty());
    let options = BackupOptions::new().metadata("strongroom.copy-of", [0; 48]);
    let error = repo.backup(source, &options, &Context::new()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    assert!(error.to_string().contains("reserved"), "{error}");
}

/// Owners with names, modes and times as another system has them.
#[test]
fn entries_of_an_app_come_over_as_they_are() {
    let owner = Owner::default();
    let entry = |name: &str, content: &[u8]| {
        AppEntry::bytes(path(name), content).mode(0o4751).modified(Timestamp::new(-5, 999_999_999)).owner(owner.clone())
    };
    let folder = AppEntry::directory(path("folder")).mode(0o1777).xattr("user.a", [0, 255]);
    let entries_of = vec![entry("folder/a", b"a"), entry("folder/b", &noise(1, 100_000)), folder];
    let repo = create(Vault::new());
    let report = back_up(&repo, Source::entries(entries_of).known_as(["app"]));
    let away = create_with(Vault::new(), &OTHER.options());
    copy_one(&repo, &away);
    let copy = &snapshots(&away)[0];
    assert_eq!(entries(&repo, report.snapshot().unwrap()), entries(&away, &copy.id));
    assert_eq!(copy.paths, [b"app".to_vec()]);
}

#[test]
fn a_partial_snapshot_stays_partial_and_its_copy_is_complete() {
    let repo = create(Vault::new());
    let lost = strongroom::Problem::new(path("lost"), strongroom::ProblemReason::Unreadable, "as the test wants it");
    let source = Source::entries(vec![AppEntry::bytes(path("kept"), "kept"), AppEntry::problem(lost)]);
    let report = repo.backup(source, &BackupOptions::new(), &Context::new()).unwrap();
    assert_eq!(report.outcome, Outcome::Partial);
    let (_, away) = destination();
    let (end, _) = copy_one(&repo, &away);
    assert_eq!((end.copied[0].outcome, end.copied[0].problem_count), (SnapshotOutcome::Partial, 0));
    let copy = &snapshots(&away)[0];
    assert_eq!((copy.outcome, copy.counts.problems), (SnapshotOutcome::Partial, 1));
}
