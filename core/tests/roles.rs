//! What each key can do and cannot, how keys come and go, and what storage sees of it all.

mod common;

use common::edits::settle;
use common::fault::{Fault, FaultBackend, Op};
use common::forest::Sizes;
use common::vault::Vault;
use common::{back_up, back_up_with, noise, restore, scratch};
use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::PathBuf;
use strongroom::{
    BackupOptions, CheckOptions, Context, Cost, DeviceKey, DeviceRequest, EntryPath, Error, ErrorKind, Folder,
    ForgetOptions, LocalBackend, NewKey, OpenOptions, Pattern, PruneOptions, Repository, RestoreOptions, Result,
    RetentionPolicy, RevokeOptions, Role, Secret, SlotMethod, SnapshotFilter, SnapshotId, Source, Timestamp,
};

fn pass(text: &str) -> Secret {
    Secret::passphrase(text)
}

fn new_key(text: &str, role: Role) -> NewKey {
    NewKey::new(pass(text), role).cost(Cost::FLOOR).label(format!("label of {text}"))
}

/// A repository with a key for every role, a folder, and one backup of it by the owner.
struct Scene {
    scratch: tempfile::TempDir,
    vault: Vault,
    owner: Repository,
    snapshot: SnapshotId,
}

const HOST: &str = "host-that-is-nobodys-business";
const TAG: &str = "tag-that-is-nobodys-business";

impl Scene {
    fn new() -> Self {
        let scratch = scratch();
        let source = scratch.path().join("source");
        fs::create_dir_all(source.join("folder-of-secrets")).unwrap();
        fs::write(source.join("folder-of-secrets/file-of-secrets"), "content-of-secrets ".repeat(2000)).unwrap();
        fs::write(source.join("tiny"), "tiny-content-of-secrets").unwrap();
        fs::write(source.join("noise"), noise(1, 300_000)).unwrap();
        std::os::unix::fs::symlink("target-of-secrets", source.join("link")).unwrap();
        let vault = Vault::new();
        let options = Sizes::TINY.options().cost(Cost::FLOOR).label("label of owner");
        let owner = Repository::create(vault.clone(), &pass("owner"), &options).unwrap();
        for role in [Role::Writer, Role::Reader, Role::Maintainer] {
            owner.add_key(&new_key(role.name(), role)).unwrap();
        }
        let report = back_up_with(&owner, Source::paths([&source]), &described());
        settle(&source);
        Scene { scratch, vault, owner, snapshot: report.snapshot.unwrap() }
    }

    fn source(&self) -> PathBuf {
        self.scratch.path().join("source")
    }

    fn open(&self, passphrase: &str) -> Repository {
        Repository::open(self.vault.clone(), &pass(passphrase)).unwrap()
    }

    fn refused(&self, secret: &Secret) -> Error {
        Repository::open(self.vault.clone(), secret).unwrap_err()
    }
}

fn described() -> BackupOptions {
    BackupOptions::new()
        .host(HOST)
        .tag(TAG)
        .user("user-that-is-nobodys-business")
        .program("program-that-is-nobodys-business")
        .description("description-that-is-nobodys-business")
        .metadata("name-that-is-nobodys-business", "value-that-is-nobodys-business")
}

fn path(text: &str) -> EntryPath {
    EntryPath::parse(text).unwrap()
}

/// Everything that can be done with a repository, by name.
fn operations(scene: &Scene, repo: &Repository) -> BTreeMap<&'static str, Result<()>> {
    let ctx = Context::new();
    let (snapshot, source) = (&scene.snapshot, scene.source());
    let target = tempfile::tempdir_in(scene.scratch.path()).unwrap();
    let key = new_key("another", Role::Writer);
    let device = DeviceKey::generate().unwrap();
    let unknown_slot = "00".repeat(16).parse().unwrap();
    let structure = CheckOptions::new().read_data(100.0);
    let filter = SnapshotFilter::all();
    BTreeMap::from([
        ("back up", repo.backup(Source::paths([&source]), &described(), &ctx).map(drop)),
        ("list snapshots", repo.snapshots(&filter).and_then(|mut all| all.try_for_each(|one| one.map(drop)))),
        ("list snapshots by host", repo.snapshots(&filter.clone().host(HOST)).map(drop)),
        ("list snapshots by tag", repo.snapshots(&filter.clone().tag(TAG)).map(drop)),
        ("find a snapshot", repo.snapshot(&snapshot.to_string()[..8], &filter).map(drop)),
        ("look up an entry", repo.entry(snapshot, &path("tiny")).map(drop)),
        ("list", repo.list(snapshot, &path(""), true).and_then(|mut all| all.try_for_each(|one| one.map(drop)))),
        (
            "find",
            repo.find(snapshot, &Pattern::glob("*").unwrap()).and_then(|mut all| all.try_for_each(|one| one.map(drop))),
        ),
        (
            "compare",
            repo.backup(Source::paths([source.join("folder-of-secrets")]), &described(), &ctx)
                .and_then(|other| repo.diff(snapshot, other.snapshot()?, &mut |_| Ok(()), &ctx)),
        ),
        (
            "open a file",
            repo.open_file(snapshot, "tiny").map(|mut file| {
                let mut text = String::new();
                file.read_to_string(&mut text).unwrap();
                assert_eq!(text, "tiny-content-of-secrets");
            }),
        ),
        ("restore", repo.restore(snapshot, &RestoreOptions::to(target.path()), &ctx).map(drop)),
        ("export", repo.export_tar(snapshot, &path(""), &mut std::io::sink(), &ctx).map(drop)),
        ("tag", repo.tag(snapshot, &["new"], &["new"]).map(drop)),
        ("hold", repo.hold(snapshot, Timestamp::new(i64::MAX, 0)).map(drop)),
        ("end a hold", repo.release(snapshot)),
        ("forget", repo.forget(&ForgetOptions::by_policy(RetentionPolicy::new().keep_last(1000)), &ctx).map(drop)),
        ("check", repo.check(&structure, &ctx).map(|report| assert!(report.is_sound(), "{:?}", report.problems))),
        ("check content", repo.check(&structure.clone().verify_content(true), &ctx).map(drop)),
        ("list sessions", repo.sessions().map(drop)),
        ("list keys", repo.keys().map(drop)),
        ("list devices", repo.devices().map(drop)),
        ("add a key", repo.add_key(&key).map(drop)),
        ("add a recovery code", repo.add_recovery_code(Role::Reader, "code").map(drop)),
        (
            "remove a key",
            repo.remove_key(&unknown_slot, &RevokeOptions::new(), &ctx).map(drop).or_else(not_found_is_fine),
        ),
        ("add a device", repo.add_device(&device.request("phone").unwrap(), Role::Writer).map(drop)),
        (
            "revoke a device",
            repo.revoke_device(&device.id(), &RevokeOptions::new(), &ctx).map(drop).or_else(not_found_is_fine),
        ),
    ])
}

/// Who may would be told that there is no such thing.
fn not_found_is_fine(error: Error) -> Result<()> {
    if error.kind() == ErrorKind::NotFound { Ok(()) } else { Err(error) }
}

#[test]
fn every_role_can_do_its_part_and_nothing_else() {
    let scene = Scene::new();
    let reading = ["look up an entry", "list", "find", "compare", "open a file", "restore", "export", "check content"];
    let marking = ["tag", "hold", "end a hold"];
    let by_body = ["list snapshots by host", "list snapshots by tag"];
    let ruling = ["add a key", "add a recovery code", "remove a key", "add a device", "revoke a device"];
    let forbidden: [(&str, Vec<&str>); 4] = [
        ("writer", [&["forget"], &reading[..], &marking, &by_body, &ruling].concat()),
        ("maintainer", [&["back up"], &reading[..], &marking, &by_body, &ruling].concat()),
        ("reader", [&["forget"], &ruling[..]].concat()),
        ("owner", Vec::new()),
    ];
    for (role, forbidden) in forbidden {
        let repo = scene.open(role);
        assert_eq!(repo.role().name(), role);
        let packs = scene.vault.names(Folder::Packs);
        for (operation, result) in operations(&scene, &repo) {
            match result {
                Ok(()) => assert!(!forbidden.contains(&operation), "a {role} could {operation}"),
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::Forbidden, "a {role} could not {operation}: {error}");
                    assert!(forbidden.contains(&operation), "a {role} could not {operation}: {error}");
                    let detail = error.detail_text().unwrap_or_default();
                    assert!(detail.contains("owner's"), "{operation} does not say whose key it needs: {error}");
                }
            }
        }
        if role == "maintainer" {
            assert_eq!(scene.vault.names(Folder::Packs), packs);
        }
    }
}

#[test]
fn a_writer_backs_up_and_dedups_and_reads_nothing_of_it() {
    let scene = Scene::new();
    let writer = scene.open("writer");
    let report = back_up_with(&writer, Source::paths([scene.source()]), &described().host("other"));
    assert_eq!((report.new_bytes, report.unchanged), (0, 0));
    fs::write(scene.source().join("more"), noise(2, 50_000)).unwrap();
    settle(&scene.source());
    let second = back_up_with(&writer, Source::paths([scene.source()]), &described().host("other"));
    assert_eq!((second.parent, second.unchanged, second.new_bytes), (report.snapshot, 0, 50_000));

    let id = second.snapshot.unwrap();
    let seen = scene.open("writer").snapshot(&id.to_string(), &SnapshotFilter::all()).unwrap();
    assert!(!seen.body_readable);
    assert_eq!((seen.host, seen.user, seen.program, seen.description), (None, None, None, None));
    assert!(seen.paths.is_empty() && seen.tags.is_empty() && seen.metadata.is_empty());
    assert_eq!((seen.counts.files, seen.parents), (4, vec![report.snapshot.unwrap()]));

    // What it wrote is there for readers, signed by a device of its own.
    let reader = scene.open("reader");
    let found = reader.snapshot(&id.to_string(), &SnapshotFilter::all()).unwrap();
    assert_eq!((found.host.as_deref(), found.tags), (Some("other"), vec![TAG.to_owned()]));
    assert_eq!(found.metadata["name-that-is-nobodys-business"], b"value-that-is-nobodys-business");
    let by_owner = reader.snapshot(&scene.snapshot.to_string(), &SnapshotFilter::all()).unwrap();
    assert_ne!(found.device, by_owner.device);
    let listed = reader.devices().unwrap();
    let device = listed.iter().find(|device| device.id == found.device).unwrap();
    assert_eq!((device.name.as_str(), device.role, device.revoked), ("label of writer", Role::Writer, None));
    let target = scene.scratch.path().join("target");
    restore(&reader, &id, &target);
    common::walk::assert_same(&common::walk::walk(&scene.source()), &common::walk::walk(&target));
}

#[test]
fn a_writer_with_local_state_opens_no_unchanged_file() {
    let scene = Scene::new();
    let options = OpenOptions::new().state_folder(scene.scratch.path().join("state"));
    let open = || Repository::open_with(scene.vault.clone(), &pass("writer"), &options).unwrap();
    let first = back_up(&open(), Source::paths([scene.source()]));
    let second = back_up(&open(), Source::paths([scene.source()]));
    assert_eq!((first.unchanged, second.unchanged), (0, first.entries));
    // What is kept locally tells no more than the repository does.
    let mut folders = vec![scene.scratch.path().join("state")];
    let mut files = 0;
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().map(std::result::Result::unwrap) {
            if entry.file_type().unwrap().is_dir() {
                folders.push(entry.path());
            } else {
                assert_says_nothing(&entry.path().display().to_string(), &fs::read(entry.path()).unwrap());
                files += 1;
            }
        }
    }
    assert!(files > 0);
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

/// No name, no content, nothing of what describes a snapshot.
fn assert_says_nothing(name: &str, bytes: &[u8]) {
    for text in ["of-secrets", "nobodys-business", "noise", "tiny", "source", "strongroom-"] {
        assert!(!contains(bytes, text), "{name} says {text:?}");
    }
    // Parts of content that does not compress.
    let content = noise(1, 300_000);
    for part in [&content[..16], &content[150_000..150_016]] {
        assert!(!bytes.windows(16).any(|window| window == part), "{name} holds content");
    }
}

#[test]
fn storage_sees_no_names_and_no_content() {
    let scene = Scene::new();
    scene.owner.tag(&scene.snapshot, &["another-tag-that-is-nobodys-business"], &[]).unwrap();
    back_up_with(&scene.open("writer"), Source::paths([scene.source()]), &described());
    // And something that is to go.
    let more = scene.scratch.path().join("more-of-secrets");
    fs::create_dir(&more).unwrap();
    fs::write(more.join("noise"), noise(3, 3_000_000)).unwrap();
    let gone = back_up_with(&scene.owner, Source::paths([&more]), &described());
    scene.owner.forget(&ForgetOptions::snapshots(gone.snapshot), &Context::new()).unwrap();
    scene.owner.prune(&PruneOptions::new(), &Context::new()).unwrap();
    scene.owner.add_parity(10, &Context::new()).unwrap();
    let names = scene.vault.all();
    assert!(Folder::ALL.iter().all(|folder| names.iter().any(|name| name.folder() == *folder)), "{names:?}");
    for name in names {
        let bytes = scene.vault.bytes(&name);
        assert_says_nothing(&name.to_string(), &bytes);
        for passphrase in ["owner", "writer"] {
            // Labels are public, and are said to be.
            let label = format!("label of {passphrase}");
            let said = bytes.windows(label.len()).filter(|window| *window == label.as_bytes()).count();
            let all = bytes.windows(passphrase.len()).filter(|window| *window == passphrase.as_bytes()).count();
            assert!(all <= said, "{name} says {passphrase:?}");
        }
    }
}

#[test]
fn a_maintainer_sees_envelopes_and_checks_packs() {
    let scene = Scene::new();
    let maintainer = scene.open("maintainer");
    let snapshots: Vec<_> = maintainer.snapshots(&SnapshotFilter::all()).unwrap().map(|one| one.unwrap()).collect();
    assert_eq!(snapshots.len(), 1);
    assert_eq!((snapshots[0].id, snapshots[0].body_readable), (scene.snapshot, false));
    assert_eq!((&snapshots[0].host, snapshots[0].tags.len(), snapshots[0].paths.len()), (&None, 0, 0));
    assert_eq!(snapshots[0].counts.files, 3);
    let all = CheckOptions::new().read_data(100.0);
    let report = maintainer.check(&all, &Context::new()).unwrap();
    assert!(report.is_sound() && report.trees_skipped);
    assert_eq!((report.packs_read, report.packs as usize), (report.packs, scene.vault.names(Folder::Packs).len()));
    // Damage to content shows without any key to it.
    let pack = scene.vault.names(Folder::Packs).remove(0);
    let mut bytes = scene.vault.bytes(&pack);
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    scene.vault.replace(&pack, bytes);
    let report = maintainer.check(&all, &Context::new()).unwrap();
    assert_eq!(report.problem_count, 1, "{:?}", report.problems);
    assert_eq!(report.problems[0].object, pack.to_string());
}

#[test]
fn a_device_is_let_in_by_its_request_and_shut_out_by_name() {
    let scene = Scene::new();
    let key = DeviceKey::generate().unwrap();
    let device = Secret::device(DeviceKey::from_bytes(&key.to_bytes()).unwrap());
    assert_eq!(scene.refused(&device).kind(), ErrorKind::WrongKey);
    let request = DeviceRequest::from_bytes(&key.request("Kim's phone").unwrap().to_bytes()).unwrap();
    assert_eq!(scene.owner.add_device(&request, Role::Reader).unwrap(), key.id());
    let again = scene.owner.add_device(&request, Role::Reader).unwrap_err();
    assert_eq!(again.kind(), ErrorKind::AlreadyExists, "{again}");

    let phone = Repository::open(scene.vault.clone(), &device).unwrap();
    assert_eq!(phone.role(), Role::Reader);
    let report = back_up_with(&phone, Source::paths([scene.source()]), &described().host("phone"));
    let before = report.snapshot.unwrap();
    let find = |id: &SnapshotId| scene.owner.snapshot(&id.to_string(), &SnapshotFilter::all());
    assert_eq!(find(&before).unwrap().device, key.id());
    let slots = scene.owner.keys().unwrap();
    let slot = slots.iter().find(|slot| slot.method == SlotMethod::Device).unwrap();
    assert_eq!((slot.device, slot.role, slot.label.as_str()), (Some(key.id()), Role::Reader, "Kim's phone"));

    let revocation = scene.owner.revoke_device(&key.id(), &RevokeOptions::new(), &Context::new()).unwrap();
    assert_eq!((revocation.device, revocation.removed, revocation.remaining.len()), (key.id(), vec![slot.id], 0));
    assert_eq!(scene.refused(&device).kind(), ErrorKind::WrongKey);
    // It keeps what it holds in memory, and is not believed any more.
    let refused = phone.backup(Source::paths([scene.source()]), &described(), &Context::new()).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Untrusted, "{refused}");
    assert!(
        refused.to_string().contains(&key.id().to_string()) && refused.to_string().contains("revoked"),
        "{refused}"
    );
    assert_eq!(scene.vault.names(Folder::Snapshots).len(), 2);
    // What it made before stays, and a revoked key does not come back.
    assert_eq!(find(&before).unwrap().device, key.id());
    assert_eq!(scene.owner.add_device(&request, Role::Reader).unwrap_err().kind(), ErrorKind::AlreadyExists);
    let listed = scene.owner.devices().unwrap();
    assert!(listed.iter().find(|one| one.id == key.id()).unwrap().revoked.is_some());
    let unknown = DeviceKey::generate().unwrap().id();
    assert_eq!(
        scene.owner.revoke_device(&unknown, &RevokeOptions::new(), &Context::new()).unwrap_err().kind(),
        ErrorKind::NotFound
    );
}

#[test]
fn a_request_that_was_changed_on_the_way_is_refused() {
    let request = DeviceKey::generate().unwrap().request("phone").unwrap().to_bytes();
    for position in 0..request.len() {
        let mut changed = request.clone();
        changed[position] ^= 1;
        let error = DeviceRequest::from_bytes(&changed).unwrap_err();
        let kinds = [ErrorKind::Corrupt, ErrorKind::Untrusted, ErrorKind::Unsupported];
        assert!(kinds.contains(&error.kind()), "byte {position}: {error}");
        assert!(DeviceRequest::from_bytes(&request[..position]).is_err());
    }
}

#[test]
fn a_recovery_code_is_typed_by_a_person() {
    let scene = Scene::new();
    let (slot, code) = scene.owner.add_recovery_code(Role::Owner, "in the safe").unwrap();
    assert!(!format!("{code:?}").contains(&code.reveal()[..6]), "{code:?} shows the code");
    let text = code.reveal().to_string();
    let typed =
        [text.clone(), text.to_lowercase(), text.replace('-', " "), text.replace('-', ""), format!("  {text}\n")];
    for typed in typed {
        let secret = Secret::recovery_code(&typed).unwrap_or_else(|error| panic!("{typed:?}: {error}"));
        let repo = Repository::open(scene.vault.clone(), &secret).unwrap();
        assert_eq!(repo.role(), Role::Owner);
    }
    // One wrong character is found out before anything is tried.
    let position = text.len() / 2;
    let wrong = if text.as_bytes()[position] == b'7' { "8" } else { "7" };
    let mistyped = [&text[..position], wrong, &text[position + 1..]].concat();
    let error = Secret::recovery_code(&mistyped).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    assert!(!error.to_string().contains(&text[..6]), "{error} repeats the code");
    let other = strongroom::RecoveryCode::generate().unwrap();
    assert_eq!(scene.refused(&Secret::from(other)).kind(), ErrorKind::WrongKey);

    // Who has the code is the owner, and takes back what was lost.
    let repo = Repository::open(scene.vault.clone(), &Secret::recovery_code(&text).unwrap()).unwrap();
    repo.add_key(&new_key("new owner", Role::Owner)).unwrap();
    let old = repo.keys().unwrap().into_iter().find(|key| key.label == "label of owner").unwrap();
    repo.remove_key(&old.id, &RevokeOptions::new(), &Context::new()).unwrap();
    assert_eq!(scene.refused(&pass("owner")).kind(), ErrorKind::WrongKey);
    let owner = scene.open("new owner");
    owner.remove_key(&slot, &RevokeOptions::new(), &Context::new()).unwrap();
    assert_eq!(scene.refused(&Secret::recovery_code(&text).unwrap()).kind(), ErrorKind::WrongKey);
    restore(&owner, &scene.snapshot, &scene.scratch.path().join("target"));
}

#[test]
fn a_passphrase_is_changed_and_nothing_else() {
    let scene = Scene::new();
    let data: Vec<_> = scene.vault.all().into_iter().filter(|name| name.folder() != Folder::Keys).collect();
    let reader = scene.open("reader");
    let change = reader.change_passphrase(&pass("second"), Cost::FLOOR).unwrap();
    assert!(change.remaining.is_none());
    assert_eq!(scene.refused(&pass("reader")).kind(), ErrorKind::WrongKey);
    let repo = scene.open("second");
    assert_eq!((repo.role(), repo.id()), (Role::Reader, reader.id()));
    let current: Vec<_> = repo.keys().unwrap().into_iter().filter(|key| key.current).collect();
    assert_eq!((current.len(), current[0].id, current[0].label.as_str()), (1, change.slot, "label of reader"));
    let after: Vec<_> = scene.vault.all().into_iter().filter(|name| name.folder() != Folder::Keys).collect();
    assert_eq!(after, data);
    // It still signs as the same device, and both handles still work.
    for repo in [&repo, &reader] {
        back_up_with(repo, Source::paths([scene.source()]), &described());
    }
    // The handle knows which key is its own now.
    let current: Vec<_> = reader.keys().unwrap().into_iter().filter(|key| key.current).collect();
    assert_eq!(current.iter().map(|key| key.id).collect::<Vec<_>>(), [change.slot]);
    reader.change_passphrase(&pass("third"), Cost::FLOOR).unwrap();
    assert_eq!(scene.refused(&pass("second")).kind(), ErrorKind::WrongKey);
    assert_eq!(scene.open("third").role(), Role::Reader);
}

#[test]
fn changing_a_passphrase_refuses_what_would_not_do() {
    let scene = Scene::new();
    let keys = scene.vault.names(Folder::Keys);
    for (new, cost) in [(pass(""), Cost::FLOOR), (Secret::account_key([1; 32]), Cost::FLOOR)] {
        let error = scene.owner.change_passphrase(&new, cost).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{error}");
    }
    let (_, code) = scene.owner.add_recovery_code(Role::Owner, "").unwrap();
    let by_code = Repository::open(scene.vault.clone(), &Secret::from(code)).unwrap();
    let error = by_code.change_passphrase(&pass("new"), Cost::FLOOR).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{error}");
    assert_eq!(scene.vault.names(Folder::Keys).len(), keys.len() + 1);
    assert_eq!(scene.open("owner").role(), Role::Owner);
}

#[test]
fn where_nothing_can_be_deleted_the_old_key_is_named() {
    let scene = Scene::new();
    let deny = |call: &common::fault::Call| (call.op == Op::Delete).then_some(Fault::Fail(ErrorKind::PermissionDenied));
    let repo = Repository::open(FaultBackend::new(scene.vault.clone(), deny), &pass("owner")).unwrap();
    let old = repo.keys().unwrap().into_iter().find(|key| key.current).unwrap().id;
    let change = repo.change_passphrase(&pass("new"), Cost::FLOOR).unwrap();
    let (remaining, error) = change.remaining.unwrap();
    assert_eq!((remaining, error.kind()), (old, ErrorKind::PermissionDenied));
    assert_eq!(scene.open("new").role(), Role::Owner);
    assert_eq!(scene.open("owner").role(), Role::Owner, "it is still there, as was said");
    let reader = repo.keys().unwrap().into_iter().find(|key| key.role == Role::Reader).unwrap().id;
    let removal = repo.remove_key(&reader, &RevokeOptions::new(), &Context::new()).unwrap();
    let (remaining, error) = removal.remaining.into_iter().next().unwrap();
    assert_eq!((remaining, error.kind(), removal.removed), (reader, ErrorKind::PermissionDenied, Vec::new()));
    // A backup adds only.
    back_up_with(&repo, Source::paths([scene.source()]), &described());
}

#[test]
fn a_removed_key_opens_nothing_and_the_last_one_stays() {
    let scene = Scene::new();
    let keys = scene.owner.keys().unwrap();
    assert_eq!(keys.len(), 4);
    assert!(keys.windows(2).all(|pair| pair[0].created <= pair[1].created));
    let own = keys.iter().find(|key| key.current).unwrap();
    assert_eq!((own.role, own.method, own.label.as_str()), (Role::Owner, SlotMethod::Passphrase, "label of owner"));
    let error = scene.owner.remove_key(&own.id, &RevokeOptions::new(), &Context::new()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{error}");
    for role in ["writer", "reader", "maintainer"] {
        let key = keys.iter().find(|key| key.role.name() == role).unwrap();
        scene.owner.remove_key(&key.id, &RevokeOptions::new(), &Context::new()).unwrap();
        let error = scene.refused(&pass(role));
        assert_eq!(error.kind(), ErrorKind::WrongKey, "{error}");
        assert!(error.detail_text().unwrap().contains("passphrase is wrong"), "{error}");
        assert_eq!(
            scene.owner.remove_key(&key.id, &RevokeOptions::new(), &Context::new()).unwrap_err().kind(),
            ErrorKind::NotFound
        );
    }
    assert_eq!(scene.open("owner").role(), Role::Owner);
    let error = scene.owner.add_key(&NewKey::new(pass(""), Role::Reader)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
}

#[test]
fn messages_and_debug_forms_tell_no_secret() {
    let scene = Scene::new();
    let secret = pass("a passphrase nobody may see");
    let key = DeviceKey::generate().unwrap();
    let (bytes, account) = (key.to_bytes(), Secret::account_key([0x61; 32]));
    let seed: String = bytes[bytes.len() - 32..].iter().map(|byte| format!("{byte:02x}")).collect();
    let error = scene.refused(&secret);
    let new = NewKey::new(secret.clone(), Role::Reader);
    let texts = [
        format!("{secret:?} {account:?} {key:?} {new:?} {:?}", scene.owner),
        format!("{error} {error:?}"),
        format!("{:?}", scene.refused(&Secret::device(key))),
        format!("{:?}", scene.refused(&account)),
    ];
    for text in texts {
        for told in ["nobody may see", "aaaaaaaa", "97, 97, 97", "6161616161", &seed] {
            assert!(!text.contains(told), "{text}");
        }
    }
    assert_eq!(error.kind(), ErrorKind::WrongKey);
}

#[test]
fn an_owner_once_known_is_expected_again() {
    let (scene, other) = (Scene::new(), Scene::new());
    // The same passphrase, and the whole repository exchanged for another.
    for name in scene.vault.all() {
        scene.vault.remove(&name);
    }
    for name in other.vault.all() {
        scene.vault.replace(&name, other.vault.bytes(&name));
    }
    assert_eq!(scene.open("owner").id(), other.owner.id());
    let error = scene.refused(&pass("owner").expect_owner([9; 32]));
    assert_eq!(error.kind(), ErrorKind::Untrusted, "{error}");
    // Who has it open notices, and stores nothing in it.
    let objects = scene.vault.all();
    let errors = [
        scene.owner.snapshots(&SnapshotFilter::all()).map(drop).unwrap_err(),
        scene.owner.backup(Source::paths([scene.source()]), &described(), &Context::new()).map(drop).unwrap_err(),
        scene.owner.tag(&scene.snapshot, &["new"], &[]).map(drop).unwrap_err(),
        scene
            .owner
            .restore(&scene.snapshot, &RestoreOptions::to(scene.scratch.path().join("target")), &Context::new())
            .map(drop)
            .unwrap_err(),
    ];
    for error in errors {
        assert_eq!(error.kind(), ErrorKind::Untrusted, "{error}");
        assert!(error.to_string().contains("another one is in its place"), "{error}");
    }
    assert_eq!(scene.vault.all(), objects);
}

/// A disk that is not there any more, with the folder it was mounted on.
#[test]
fn a_repository_that_went_away_is_not_begun_anew_by_a_backup() {
    let scene = Scene::new();
    let place = scene.scratch.path().join("disk");
    let backend = LocalBackend::new(&place).sync(false);
    let repo = Repository::create(backend.clone(), &Secret::account_key([1; 32]), &Sizes::TINY.options()).unwrap();
    back_up(&repo, Source::paths([scene.source()]));
    fs::rename(&place, scene.scratch.path().join("disk on another table")).unwrap();
    fs::create_dir(&place).unwrap();
    let error = repo.backup(Source::paths([scene.source()]), &described(), &Context::new()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    assert!(error.to_string().contains("there is no repository here"), "{error}");
    assert_eq!(fs::read_dir(&place).unwrap().count(), 0);
    let error = Repository::open(backend, &Secret::account_key([1; 32])).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    assert!(error.to_string().contains(place.to_str().unwrap()), "{error}");
}
