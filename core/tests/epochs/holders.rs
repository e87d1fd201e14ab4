//! Who can do what after keys were rotated.

use super::common::{back_up, noise};
use super::town::{METHODS, Town, ctx, listed, open, settle_holder, shut_out};
use std::collections::BTreeSet;
use std::fs;
use strongroom::{
    Backend, BackupOptions, CheckOptions, Cost, ErrorKind, Folder, NewKey, OpenOptions, Repository, RevokeOptions,
    Role, Secret, SlotMethod, SnapshotFilter, Source,
};

/// Epoch in the object header of what is sealed with an index key.
fn epoch_of(bytes: &[u8]) -> u32 {
    u32::from_le_bytes(bytes[8..12].try_into().unwrap())
}

#[test]
fn every_holder_goes_on_after_a_rotation_and_after_another() {
    let town = Town::new();
    // Opened before; these find out by themselves.
    let open_before: Vec<Repository> = town.holders.iter().map(|holder| town.open(holder)).collect();
    let mut snapshots = vec![town.first];
    for epoch in [2, 3] {
        let report = town.owner.rotate(&ctx()).unwrap();
        assert_eq!((report.epoch, town.owner.epoch().unwrap()), (epoch, epoch));
        assert_eq!(report.handed_out, 12, "all but owners");
        assert!(report.left_behind.is_empty() && report.remaining.is_empty() && report.at_work.is_empty());
        // The slots of earlier epochs go: four of the devices' first, but for the owner's, and then all twelve.
        assert_eq!(report.removed.len(), if epoch == 2 { 3 } else { 12 }, "{report:?}");
        fs::write(town.source().join(format!("in {epoch}")), noise(u64::from(epoch), 30_000)).unwrap();
        let before: BTreeSet<_> = town.vault.all().into_iter().collect();
        snapshots.push(*back_up(&town.owner, Source::paths([town.source()])).snapshot().unwrap());
        let folders = [Folder::Packs, Folder::Index, Folder::Snapshots, Folder::Sessions];
        for name in town.vault.all().iter().filter(|name| folders.contains(&name.folder()) && !before.contains(name)) {
            assert_eq!(epoch_of(&town.vault.bytes(name)), epoch, "{name}");
        }
        for (holder, before) in town.holders.iter().zip(&open_before) {
            town.assert_does_its_part(&town.open(holder), &snapshots, &format!("{} in epoch {epoch}", holder.name));
            town.assert_does_its_part(before, &snapshots, &format!("{}, open before epoch {epoch}", holder.name));
        }
    }
    let slots = town.owner.keys().unwrap();
    let newest: Vec<_> = slots.iter().filter(|slot| slot.epoch == 3).collect();
    assert_eq!((slots.len(), newest.len()), (1 + 13 + 12, 12));
    let check = town.owner.check(&CheckOptions::new().read_data(100.0).verify_content(true), &ctx()).unwrap();
    assert!(check.is_sound(), "{:?}", check.problems);
}

#[test]
fn who_is_added_later_reads_what_was_written_under_every_epoch() {
    let town = Town::with(&[], &[]);
    town.owner.rotate(&ctx()).unwrap();
    town.owner.rotate(&ctx()).unwrap();
    for (number, (method, role)) in
        METHODS.into_iter().flat_map(|method| Role::ALL.map(|role| (method, role))).enumerate()
    {
        let holder = settle_holder(&town.owner, method, role, u8::try_from(number).unwrap());
        town.assert_does_its_part(&town.open(&holder), &[town.first], &holder.name);
    }
}

#[test]
fn a_new_passphrase_reaches_the_newest_epoch_by_itself() {
    let town = Town::with(&[SlotMethod::Passphrase], &[Role::Reader, Role::Maintainer, Role::Owner]);
    town.owner.rotate(&ctx()).unwrap();
    for holder in &town.holders {
        let repo = town.open(holder);
        let new = Secret::passphrase(format!("new of {}", holder.name));
        let slot = repo.change_passphrase(&new, Cost::FLOOR).unwrap().slot;
        let epoch = town.owner.epoch().unwrap();
        assert_eq!(repo.keys().unwrap().iter().find(|one| one.id == slot).unwrap().epoch, epoch);
        assert_eq!(open(town.vault.clone(), holder).unwrap_err().kind(), ErrorKind::WrongKey);
        // Even if the slot with the newer keys is lost.
        let vault = town.vault.fork();
        for name in
            vault.names(Folder::Keys).into_iter().filter(|name| *name != format!("keys/{slot}").parse().unwrap())
        {
            vault.remove(&name);
        }
        let reopened = Repository::open(vault, &new).unwrap();
        assert!(listed(&reopened).iter().all(std::result::Result::is_ok));
        if holder.role.can_write() {
            back_up(&reopened, Source::paths([town.source()]));
        }
        // And it is still handed the next.
        town.owner.rotate(&ctx()).unwrap();
        town.assert_does_its_part(&Repository::open(town.vault.clone(), &new).unwrap(), &[town.first], &holder.name);
    }
}

#[test]
fn who_is_revoked_reads_nothing_that_is_written_later() {
    let town = Town::new();
    let mut newest = town.first;
    for holder in town.holders.iter().filter(|holder| holder.role != Role::Owner) {
        let kept = town.open(holder);
        let slot = town.slot(holder);
        let device = town.owner.keys().unwrap().into_iter().find(|one| one.id == slot).unwrap().device.unwrap();
        let epoch = town.owner.epoch().unwrap();
        // Half by the device's name, half by the key's.
        if holder.name.len().is_multiple_of(2) {
            let revocation = town.owner.revoke_device(&device, &shut_out(), &ctx()).unwrap();
            assert!(revocation.removed.contains(&slot), "{revocation:?}");
            assert_eq!(revocation.rotation.unwrap().epoch, epoch + 1);
        } else {
            let removal = town.owner.remove_key(&slot, &shut_out(), &ctx()).unwrap();
            assert_eq!(removal.revoked, Some(device));
            assert!(removal.removed.contains(&slot), "{removal:?}");
            assert_eq!(removal.rotation.unwrap().epoch, epoch + 1);
        }
        assert_eq!(open(town.vault.clone(), holder).unwrap_err().kind(), ErrorKind::WrongKey);
        fs::write(town.source().join(format!("after {epoch}")), noise(u64::from(epoch), 30_000)).unwrap();
        let later = *back_up(&town.owner, Source::paths([town.source()])).snapshot().unwrap();
        newest = later;
        // It can still list what it knew, and sees that there is more.
        let found = listed(&kept);
        assert!(found.iter().flatten().any(|one| one.id == town.first), "{found:?}");
        assert!(found.iter().flatten().all(|one| one.id != later), "{}", holder.name);
        let refused: Vec<_> = found.iter().filter_map(|one| one.as_ref().err()).collect();
        assert!(refused.iter().all(|error| error.kind() == ErrorKind::Forbidden), "{refused:?}");
        assert!(refused.iter().any(|error| error.object_name() == Some(&format!("snapshots/{later}"))), "{refused:?}");
        let target = tempfile::tempdir_in(town.scratch.path()).unwrap();
        let options = strongroom::RestoreOptions::to(target.path());
        assert_eq!(kept.restore(&later, &options, &ctx()).unwrap_err().kind(), ErrorKind::Forbidden);
        // And it writes nothing that anybody would take.
        let error = kept.backup(Source::paths([town.source()]), &BackupOptions::new(), &ctx()).unwrap_err();
        assert!([ErrorKind::Untrusted, ErrorKind::Forbidden].contains(&error.kind()), "{error}");
        assert_eq!(kept.rebuild_index(&ctx()).unwrap_err().kind(), ErrorKind::Forbidden);
    }
    // Everybody was shut out, one after the other; the owners are left.
    let report = town.owner.rotate(&ctx()).unwrap();
    assert_eq!(report.handed_out, 0);
    for holder in town.holders.iter().filter(|holder| holder.role == Role::Owner) {
        town.assert_does_its_part(&town.open(holder), &[town.first, newest], &holder.name);
    }
}

#[test]
fn who_stays_is_not_troubled_when_another_is_revoked() {
    let town = Town::new();
    let gone = town.holder(SlotMethod::Device, Role::Writer);
    town.owner.remove_key(&town.slot(gone), &shut_out(), &ctx()).unwrap();
    for holder in town.holders.iter().filter(|holder| holder.name != gone.name) {
        town.assert_does_its_part(&town.open(holder), &[town.first], &holder.name);
    }
}

#[test]
fn the_epoch_is_kept_where_that_is_wanted() {
    let town = Town::with(&[SlotMethod::Passphrase, SlotMethod::Device], &[Role::Reader]);
    let keep = RevokeOptions::new().keep_epoch(true);
    let reader = town.holder(SlotMethod::Passphrase, Role::Reader);
    let slot = town.slot(reader);
    let removal = town.owner.remove_key(&slot, &keep, &ctx()).unwrap();
    assert_eq!((removal.revoked, removal.removed, removal.rotation.is_none()), (None, vec![slot], true));
    let device = town.owner.devices().unwrap().into_iter().find(|device| device.has_key).unwrap();
    let revocation = town.owner.revoke_device(&device.id, &keep, &ctx()).unwrap();
    assert!(revocation.rotation.is_none());
    assert_eq!(town.owner.epoch().unwrap(), 1);
    assert_eq!(town.owner.devices().unwrap().iter().filter(|device| device.revoked.is_some()).count(), 1);
    // Doing it again with a new epoch does what was left out.
    let revocation = town.owner.revoke_device(&device.id, &shut_out(), &ctx()).unwrap();
    assert_eq!(revocation.rotation.unwrap().epoch, 2);
}

#[test]
fn where_nothing_can_be_deleted_what_stays_is_named_and_everybody_goes_on() {
    use super::common::fault::{Call, Fault, FaultBackend, Op};
    let town = Town::with(&METHODS, &[Role::Reader]);
    let deny = |call: &Call| (call.op == Op::Delete).then_some(Fault::Fail(ErrorKind::PermissionDenied));
    let owner = Repository::open(FaultBackend::new(town.vault.clone(), deny), &super::common::secret()).unwrap();
    for (epoch, remaining) in [(2, 1), (3, 5)] {
        let report = owner.rotate(&ctx()).unwrap();
        assert_eq!((report.epoch, report.removed.len(), report.remaining.len()), (epoch, 0, remaining), "{report:?}");
        for holder in &town.holders {
            town.assert_does_its_part(&town.open(holder), &[town.first], &holder.name);
        }
    }
    let reader = town.holder(SlotMethod::RecoveryCode, Role::Reader);
    let kept = town.open(reader);
    let removal = owner.remove_key(&town.slot(reader), &shut_out(), &ctx()).unwrap();
    assert_eq!((removal.removed.len(), removal.remaining.len()), (0, 3), "{removal:?}");
    // Its slots still open, and what they open is not what is written now.
    let later = *back_up(&town.owner, Source::paths([town.source()])).snapshot().unwrap();
    for repo in [kept, town.open(reader)] {
        let found = listed(&repo);
        assert!(found.iter().flatten().any(|one| one.id == town.first));
        assert!(found.iter().flatten().all(|one| one.id != later));
    }
}

/// Whoever runs the storage shows what was there before the rotation.
#[test]
fn an_older_device_list_is_noticed_by_who_has_newer_keys_or_was_here_before() {
    let town = Town::with(&[SlotMethod::Device, SlotMethod::Passphrase], &[Role::Writer]);
    let lists = town.vault.names(Folder::Devices);
    let device = town.holder(SlotMethod::Device, Role::Writer);
    let passphrase = town.holder(SlotMethod::Passphrase, Role::Writer);
    let options = OpenOptions::new().state_folder(town.scratch.path().join("state"));
    let with_state = || Repository::open_with(town.vault.clone(), &passphrase.secret, &options).unwrap();
    town.owner.rotate(&ctx()).unwrap();
    back_up(&with_state(), Source::paths([town.source()]));
    for name in town.vault.names(Folder::Devices).into_iter().filter(|name| !lists.contains(name)) {
        town.vault.remove(&name);
    }
    // A device's slot is of the new epoch; a passphrase's is not, but there is what was seen before.
    for (what, repo) in [("a device", town.open(device)), ("local state", with_state()), ("memory", town.owner.clone())]
    {
        let error = repo.backup(Source::paths([town.source()]), &BackupOptions::new(), &ctx()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Untrusted, "{what}: {error}");
        assert!(error.to_string().contains("withheld"), "{what}: {error}");
        let listed = repo.snapshots(&SnapshotFilter::all()).map(drop);
        assert_eq!(listed.unwrap_err().kind(), ErrorKind::Untrusted, "{what}");
    }
}

#[test]
fn who_was_not_handed_the_new_keys_reads_on_and_does_not_write() {
    let town = Town::with(&[SlotMethod::Passphrase], &[Role::Writer, Role::Reader, Role::Maintainer]);
    let slots = town.vault.names(Folder::Keys);
    town.owner.rotate(&ctx()).unwrap();
    let later = *back_up(&town.owner, Source::paths([town.source()])).snapshot().unwrap();
    for name in town.vault.names(Folder::Keys).into_iter().filter(|name| !slots.contains(name)) {
        town.vault.remove(&name);
    }
    for holder in &town.holders {
        let repo = town.open(holder);
        let found = listed(&repo);
        assert!(found.iter().flatten().any(|one| one.id == town.first));
        assert!(found.iter().flatten().all(|one| one.id != later));
        let packs = town.vault.names(Folder::Packs);
        let error = match holder.role {
            Role::Maintainer => repo.rebuild_index(&ctx()).unwrap_err(),
            _ => repo.backup(Source::paths([town.source()]), &BackupOptions::new(), &ctx()).unwrap_err(),
        };
        assert_eq!(error.kind(), ErrorKind::Forbidden, "{error}");
        assert!(error.to_string().contains("epoch 2") && error.to_string().contains("rotate"), "{error}");
        assert_eq!(town.vault.names(Folder::Packs), packs);
        if holder.role == Role::Reader {
            assert_eq!(repo.tag(&town.first, &["a"], &[]).unwrap_err().kind(), ErrorKind::Forbidden);
        }
    }
    // The next rotation hands them out again.
    town.owner.rotate(&ctx()).unwrap();
    for holder in &town.holders {
        town.assert_does_its_part(&town.open(holder), &[town.first, later], &holder.name);
    }
}

/// What lies in the folder beside real slots, put there by somebody who may write, is nobody's newest key.
#[test]
fn slots_that_the_owner_did_not_sign_are_passed_over() {
    let town = Town::with(&[SlotMethod::Passphrase], &[Role::Writer]);
    let holder = &town.holders[0];
    town.owner.rotate(&ctx()).unwrap();
    for name in town.vault.names(Folder::Keys) {
        let mut bytes = town.vault.bytes(&name);
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        let fake = format!("keys/{}", "ab".repeat(16)).parse().unwrap();
        town.vault.replace(&fake, bytes);
        town.assert_does_its_part(&town.open(holder), &[town.first], "beside a fake");
        town.vault.remove(&fake);
    }
}

#[test]
fn a_backup_at_work_while_an_epoch_begins_is_a_good_one() {
    let town = Town::with(&[SlotMethod::Passphrase], &[Role::Writer]);
    let writer = town.open(&town.holders[0]);
    let rows = |owner: Repository, revoke: bool| {
        (0..20u64).map(move |number| {
            if number == 10 {
                match revoke {
                    false => {
                        let report = owner.rotate(&ctx()).unwrap();
                        assert_eq!(report.at_work.len(), 1);
                    }
                    true => {
                        let device = owner.devices().unwrap().into_iter().find(|one| one.revoked.is_none()).unwrap();
                        owner.revoke_device(&device.id, &shut_out(), &ctx()).unwrap();
                    }
                }
            }
            let path = strongroom::EntryPath::parse(format!("{number:02}").as_str()).unwrap();
            strongroom::AppEntry::bytes(path, noise(number, 150_000))
        })
    };
    let report = back_up(&writer, strongroom::IterSource::new(rows(town.owner.clone(), false)));
    let target = tempfile::tempdir_in(town.scratch.path()).unwrap();
    super::common::restore(&town.owner, report.snapshot().unwrap(), target.path());
    assert_eq!(fs::read(target.path().join("15")).unwrap(), noise(15, 150_000));
    super::common::assert_sound(&town.owner);
    // Of a device that is revoked meanwhile nothing is committed. What it made before counts.
    let snapshots = town.vault.names(Folder::Snapshots);
    let rows = rows(town.owner.clone(), true);
    let error = writer.backup(strongroom::IterSource::new(rows), &BackupOptions::new(), &ctx()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Untrusted, "{error}");
    assert_eq!(town.vault.names(Folder::Snapshots), snapshots);
    let target = tempfile::tempdir_in(town.scratch.path()).unwrap();
    super::common::restore(&town.owner, report.snapshot().unwrap(), target.path());
}

#[test]
fn the_local_index_survives_an_epoch() {
    use super::common::fault::FaultBackend;
    let town = Town::with(&[], &[]);
    let options = OpenOptions::new().state_folder(town.scratch.path().join("state"));
    let backend = FaultBackend::new(town.vault.clone(), |_| None);
    let open = || Repository::open_with(backend.clone(), &super::common::secret(), &options).unwrap();
    back_up(&open(), Source::paths([town.source()]));
    open().rotate(&ctx()).unwrap();
    let read = backend.bytes_read(Folder::Index);
    back_up(&open(), Source::paths([town.source()]));
    let objects = town.vault.names(Folder::Index);
    let new: u64 = objects.iter().map(|name| town.vault.stat(name).unwrap().length).max().unwrap();
    assert!(backend.bytes_read(Folder::Index) - read <= new, "the index was read again");
}

#[test]
fn only_owners_begin_epochs() {
    let town = Town::with(&[SlotMethod::Passphrase], &[Role::Writer, Role::Reader, Role::Maintainer]);
    let lists = town.vault.names(Folder::Devices);
    for holder in &town.holders {
        assert_eq!(town.open(holder).rotate(&ctx()).unwrap_err().kind(), ErrorKind::Forbidden);
    }
    assert_eq!(town.vault.names(Folder::Devices), lists);
    let key = NewKey::new(Secret::account_key([1; 32]), Role::Reader);
    assert_eq!(town.open(&town.holders[0]).add_key(&key).unwrap_err().kind(), ErrorKind::Forbidden);
}
