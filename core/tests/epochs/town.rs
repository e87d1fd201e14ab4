//! A repository with a holder of every role by every method.

use super::common::forest::Sizes;
use super::common::vault::Vault;
use super::common::walk::{assert_same, walk};
use super::common::{back_up, noise, restore, scratch, secret};
use std::fs;
use std::path::PathBuf;
use strongroom::{
    Backend, BackupOptions, Context, Cost, DeviceKey, Error, NewKey, Repository, Result, RevokeOptions, Role, Secret,
    SlotId, SlotMethod, Snapshot, SnapshotFilter, SnapshotId, Source,
};

pub(crate) struct Holder {
    pub(crate) name: String,
    pub(crate) role: Role,
    pub(crate) secret: Secret,
}

pub(crate) struct Town {
    pub(crate) scratch: tempfile::TempDir,
    pub(crate) vault: Vault,
    pub(crate) owner: Repository,
    pub(crate) holders: Vec<Holder>,
    pub(crate) first: SnapshotId,
}

pub(crate) fn ctx() -> Context {
    Context::new()
}

pub(crate) fn shut_out() -> RevokeOptions {
    RevokeOptions::new()
}

/// Adds a key of one method and role; the label tells both.
pub(crate) fn settle_holder(owner: &Repository, method: SlotMethod, role: Role, number: u8) -> Holder {
    let name = format!("{} {role} {number}", method.name());
    let secret = match method {
        SlotMethod::Passphrase => Secret::passphrase(name.as_str()),
        SlotMethod::AccountKey => Secret::account_key([100 + number; 32]),
        SlotMethod::RecoveryCode => {
            let (_, code) = owner.add_recovery_code(role, &name).unwrap();
            return Holder { name, role, secret: Secret::from(code) };
        }
        _ => {
            let key = DeviceKey::generate().unwrap();
            owner.add_device(&key.request(&name).unwrap(), role).unwrap();
            return Holder { name, role, secret: Secret::device(key) };
        }
    };
    owner.add_key(&NewKey::new(secret.clone(), role).label(name.as_str()).cost(Cost::FLOOR)).unwrap();
    Holder { name, role, secret }
}

pub(crate) const METHODS: [SlotMethod; 4] =
    [SlotMethod::Passphrase, SlotMethod::RecoveryCode, SlotMethod::Device, SlotMethod::AccountKey];

impl Town {
    /// With holders of these methods and roles.
    pub(crate) fn with(methods: &[SlotMethod], roles: &[Role]) -> Self {
        let scratch = scratch();
        let source = scratch.path().join("source");
        fs::create_dir(&source).unwrap();
        fs::write(source.join("first"), noise(1, 40_000)).unwrap();
        let vault = Vault::new();
        let owner = Repository::create(vault.clone(), &secret(), &Sizes::TINY.options()).unwrap();
        let mut holders = Vec::new();
        for (number, (method, role)) in
            methods.iter().flat_map(|method| roles.iter().map(move |role| (*method, *role))).enumerate()
        {
            holders.push(settle_holder(&owner, method, role, u8::try_from(number).unwrap()));
        }
        let first = *back_up(&owner, Source::paths([&source])).snapshot().unwrap();
        Town { scratch, vault, owner, holders, first }
    }

    /// With a holder of every role by every method.
    pub(crate) fn new() -> Self {
        Town::with(&METHODS, &Role::ALL)
    }

    pub(crate) fn source(&self) -> PathBuf {
        self.scratch.path().join("source")
    }

    pub(crate) fn holder(&self, method: SlotMethod, role: Role) -> &Holder {
        let begin = format!("{} {role} ", method.name());
        self.holders.iter().find(|holder| holder.name.starts_with(&begin)).unwrap()
    }

    pub(crate) fn open(&self, holder: &Holder) -> Repository {
        open(self.vault.clone(), holder).unwrap()
    }

    pub(crate) fn slot(&self, holder: &Holder) -> SlotId {
        let mut slots = self.owner.keys().unwrap().into_iter().filter(|slot| slot.label == holder.name);
        slots.next().unwrap().id
    }

    /// Does what the holder's role is for, with everything that is there: `snapshots` with the files in them.
    pub(crate) fn assert_does_its_part(&self, repo: &Repository, snapshots: &[SnapshotId], what: &str) {
        let role = repo.role();
        let found = listed(repo);
        for id in snapshots {
            let one = found.iter().find(|found| found.as_ref().is_ok_and(|one| one.id == *id));
            let one = one.unwrap_or_else(|| panic!("{what}: {id} is not among {found:?}")).as_ref().unwrap();
            assert_eq!(one.body_readable, role.can_read(), "{what}");
        }
        assert!(found.iter().all(Result::is_ok), "{what}: {found:?}");
        if role.can_read() {
            let newest = snapshots.last().unwrap();
            let target = tempfile::tempdir_in(self.scratch.path()).unwrap();
            restore(repo, newest, target.path());
            assert_same(&walk(&self.source()), &walk(target.path()));
        }
        match repo.backup(Source::paths([self.source()]), &BackupOptions::new().host(what), &ctx()) {
            Ok(report) => {
                assert!(role.can_write(), "{what}");
                // What it wrote is there for readers, and by a device that they accept.
                let target = tempfile::tempdir_in(self.scratch.path()).unwrap();
                restore(&self.owner, report.snapshot().unwrap(), target.path());
                assert_same(&walk(&self.source()), &walk(target.path()));
            }
            Err(error) => assert!(!role.can_write(), "{what}: {error:?}"),
        }
        if role == Role::Maintainer {
            let report = repo.rebuild_index(&ctx()).unwrap();
            assert_eq!(report.unreadable_count, 0, "{what}: {:?}", report.unreadable);
        }
    }
}

pub(crate) fn open(backend: impl Backend + 'static, holder: &Holder) -> Result<Repository> {
    Repository::open(backend, &holder.secret)
}

pub(crate) fn listed(repo: &Repository) -> Vec<Result<Snapshot, Error>> {
    repo.snapshots(&SnapshotFilter::all()).unwrap().collect()
}
