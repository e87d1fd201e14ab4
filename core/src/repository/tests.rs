//! What only shows when all parts work together.

use super::*;
use crate::crypto::password::Cost;
use crate::{BackupOptions, CancelToken, LocalBackend, Outcome, Source};
use std::fs;

fn files(folder: &std::path::Path, count: usize) {
    fs::create_dir_all(folder).unwrap();
    for number in 0..count {
        fs::write(folder.join(format!("{number:04}")), format!("{number} ").repeat(300)).unwrap();
    }
    // Times count as settled only some ticks before a backup begins.
    std::thread::sleep(std::time::Duration::from_millis(50));
}

#[test]
fn a_writer_that_may_not_read_takes_unchanged_files_from_its_local_state() {
    let folder = tempfile::tempdir().unwrap();
    let (place, source, state) = (folder.path().join("r"), folder.path().join("s"), folder.path().join("state"));
    files(&source, 300);
    let owner = Secret::passphrase("owner");
    let create = CreateOptions::new().cost(Cost::FLOOR);
    let repo = Repository::create(LocalBackend::new(&place), &owner, &create).unwrap();
    let key = NewKey::new(Secret::passphrase("writer"), Role::Writer).cost(Cost::FLOOR);
    repo.add_key(&key).unwrap();
    let open = |options: &OpenOptions| {
        Repository::open_with(LocalBackend::new(&place), &Secret::passphrase("writer"), options).unwrap()
    };
    let with_state = OpenOptions::new().state_folder(&state);
    let back_up =
        |repo: &Repository| repo.backup(Source::paths([&source]), &BackupOptions::new(), &Context::new()).unwrap();
    assert_eq!(back_up(&open(&with_state)).unchanged, 0);
    fs::write(source.join("0007"), "changed").unwrap();
    let second = back_up(&open(&with_state));
    assert_eq!((second.outcome, second.unchanged), (Outcome::Complete, 299 + 1));
    // Without the state everything is read, and still nothing is stored twice.
    let third = back_up(&open(&OpenOptions::new()));
    assert_eq!((third.unchanged, third.new_bytes), (0, 0));
    let target = folder.path().join("t");
    let options = crate::RestoreOptions::to(&target);
    repo.restore(second.snapshot().unwrap(), &options, &Context::new()).unwrap();
    assert_eq!(fs::read(target.join("0007")).unwrap(), b"changed");
    assert_eq!(fs::read(target.join("0299")).unwrap(), fs::read(source.join("0299")).unwrap());
}

#[test]
fn a_suspended_backup_goes_on_where_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("s");
    files(&source, 200);
    let create = CreateOptions::new().cost(Cost::FLOOR);
    let repo =
        Repository::create(LocalBackend::new(folder.path().join("r")), &Secret::passphrase("p"), &create).unwrap();
    let token = CancelToken::new();
    let suspender = token.clone();
    let entries = std::sync::atomic::AtomicU64::new(0);
    let ctx = Context::new().cancel_token(token).progress(move |_: &crate::Progress| {
        entries.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        suspender.suspend();
    });
    let first = repo.backup(Source::paths([&source]), &BackupOptions::new(), &ctx).unwrap();
    assert_eq!(first.outcome, Outcome::Suspended);
    assert!(first.snapshot().is_err());
    assert!(first.entries < 201);
    let second = repo.backup(Source::paths([&source]), &BackupOptions::new(), &Context::new()).unwrap();
    assert_eq!((second.outcome, second.entries, second.unchanged), (Outcome::Complete, 201, first.entries));
}

/// Whoever holds the keys of an earlier epoch, and every object, and no scruples.
#[test]
fn keys_of_an_earlier_epoch_open_nothing_of_a_later_one() {
    use crate::format::index::IndexObject;
    use crate::format::lease::Lease;
    use crate::format::mark::Mark;
    use crate::format::pack::{PackHeader, PackKeys, SESSION_ENTRY, TRAILER, open_trailer};
    use crate::format::sealed;
    use crate::format::snapshot::SnapshotEnvelope;
    use crate::store::keys::Purpose;
    use crate::{AppEntry, Backend, EntryPath, ErrorKind, Folder, MemoryBackend, RevokeOptions};

    let backend = MemoryBackend::new();
    let owner = Repository::create(backend.clone(), &Secret::account_key([1; 32]), &CreateOptions::new()).unwrap();
    let slot = owner.add_key(&NewKey::new(Secret::account_key([2; 32]), Role::Reader)).unwrap();
    let gone = Repository::open(backend.clone(), &Secret::account_key([2; 32])).unwrap();
    let objects = || {
        let mut found = Vec::new();
        for folder in [Folder::Packs, Folder::Index, Folder::Snapshots, Folder::Marks, Folder::Sessions] {
            let mut take = |info: crate::ObjectInfo| {
                found.push((info.name.clone(), backend.read(&info.name, 0..info.length)?));
                Ok(())
            };
            backend.list(folder, &mut take).unwrap();
        }
        found
    };
    // Everything that a backup and a tag leave behind; first as a test of this test.
    let back_up = |number: u8| {
        let entry = AppEntry::bytes(EntryPath::parse("a").unwrap(), vec![number; 5000]);
        let report = owner.backup(Source::entries([entry]), &BackupOptions::new(), &Context::new()).unwrap();
        owner.tag(report.snapshot().unwrap(), &["tagged"], &[]).unwrap();
    };
    let keys = gone.store.keys();
    let opens = |name: &crate::ObjectName, bytes: &[u8], epoch: u32| {
        let (of, repository) = (keys.epoch(epoch).unwrap(), &keys.repository);
        let sealing = |purpose| of.sealing(purpose);
        match name.folder() {
            Folder::Index => IndexObject::open(bytes, repository, sealing(Purpose::Index)).is_ok(),
            Folder::Snapshots => {
                sealed::open::<SnapshotEnvelope>(bytes, repository, sealing(Purpose::Envelope)).is_ok()
            }
            Folder::Marks => sealed::open::<Mark>(bytes, repository, sealing(Purpose::Mark)).is_ok(),
            Folder::Sessions => sealed::open::<Lease>(bytes, repository, sealing(Purpose::Lease)).is_ok(),
            _ => {
                let header = PackHeader::decode(bytes, repository).unwrap();
                let private = of.data_private.as_ref().unwrap();
                let session = header.sessions.iter().any(|entry| entry.open(repository, private).is_ok());
                let pack_keys = PackKeys { footer: &of.footer, trailer: &of.trailer };
                let head = &bytes[..32 + header.sessions.len() * SESSION_ENTRY];
                session || open_trailer(pack_keys, head, bytes.last_chunk::<TRAILER>().unwrap()).is_ok()
            }
        }
    };
    back_up(1);
    let before = objects();
    assert!(before.len() >= 7 && before.iter().all(|(name, bytes)| opens(name, bytes, 1)));
    owner.remove_key(&slot, &RevokeOptions::new(), &Context::new()).unwrap();
    back_up(2);
    // It takes whatever it can still get.
    drop(gone.snapshots(&crate::SnapshotFilter::all()).map(Iterator::count));
    assert_eq!(keys.epoch(2).unwrap_err().kind(), ErrorKind::Forbidden);
    let after: Vec<_> = objects().into_iter().filter(|object| !before.contains(object)).collect();
    assert!(after.len() >= 7, "{}", after.len());
    for (name, mut bytes) in after {
        assert!(!opens(&name, &bytes, 1), "{name}");
        assert_eq!(bytes[8..12], [2, 0, 0, 0], "{name}");
        // Nor when it is made to look as if it were of the first.
        bytes[8] = 1;
        assert!(!opens(&name, &bytes, 1), "{name}");
    }
}
