//! What every backend must do, done by a vault.

use crate::conformance::conformance;
use crate::noise;
use crate::world::{World, impatient, vault};
use std::ops::Range;
use strongroom::account::wire::Capabilities;
use strongroom::{Backend, Folder, ObjectInfo, ObjectName, Result, VaultBackend};

/// The suite names packs as it likes, and a vault takes packs only under their hashes: here they are in the folder
/// `index` of a second vault. What is special about packs has tests of its own.
struct AnyNames {
    objects: VaultBackend,
    packs: VaultBackend,
}

impl AnyNames {
    fn place(&self, name: &ObjectName) -> (&VaultBackend, ObjectName) {
        match name.folder() {
            Folder::Packs => (&self.packs, ObjectName::new(Folder::Index, name.file()).unwrap()),
            _ => (&self.objects, name.clone()),
        }
    }
}

impl Backend for AnyNames {
    fn put(&self, name: &ObjectName, parts: &[&[u8]]) -> Result<()> {
        let (backend, name) = self.place(name);
        backend.put(&name, parts)
    }

    fn read(&self, name: &ObjectName, range: Range<u64>) -> Result<Vec<u8>> {
        let (backend, name) = self.place(name);
        backend.read(&name, range)
    }

    fn stat(&self, name: &ObjectName) -> Result<ObjectInfo> {
        let (backend, placed) = self.place(name);
        backend.stat(&placed).map(|info| ObjectInfo::new(name.clone(), info.length, info.modified))
    }

    fn list(&self, folder: Folder, found: &mut dyn FnMut(ObjectInfo) -> Result<()>) -> Result<()> {
        if folder != Folder::Packs {
            return self.objects.list(folder, found);
        }
        self.packs.list(Folder::Index, &mut |info| {
            found(ObjectInfo::new(ObjectName::new(folder, info.name.file())?, info.length, info.modified))
        })
    }

    fn delete(&self, name: &ObjectName) -> Result<()> {
        let (backend, name) = self.place(name);
        backend.delete(&name)
    }

    fn location(&self) -> String {
        self.objects.location()
    }
}

#[test]
fn a_vault_over_tls_conforms() {
    let world = World::start_with_tls();
    let owner = world.person("large");
    conformance(|| AnyNames { objects: world.backend(&owner), packs: world.backend(&owner) });
}

#[test]
fn a_vault_conforms_when_everything_is_sent_in_small_parts() {
    let world = World::start();
    let (device, _) = world.device(&world.person("large"), Capabilities::ALL);
    let small = || {
        let access = device.vault_access(&vault(&device), Capabilities::ALL);
        impatient(VaultBackend::new(access)).part_size(64 << 10)
    };
    conformance(|| AnyNames { objects: small(), packs: small() });
}

#[test]
fn packs_are_taken_under_their_own_names_alone() {
    let world = World::start();
    let backend = world.backend(&world.person("large")).part_size(64 << 10);
    for length in [0, 1000, 300_000] {
        let bytes = noise(9, length);
        let hash = blake3::hash(&bytes).to_hex();
        let right = ObjectName::new(Folder::Packs, hash.as_str()).unwrap();
        let wrong = ObjectName::new(Folder::Packs, blake3::hash(b"another").to_hex().as_str()).unwrap();
        let error = backend.put(&wrong, &[&bytes]).unwrap_err();
        assert_eq!(error.kind(), strongroom::ErrorKind::Corrupt, "{error}");
        backend.put(&right, &[&bytes]).unwrap();
        assert_eq!(backend.read(&right, 0..length as u64).unwrap(), bytes);
        assert_eq!(backend.stat(&wrong).unwrap_err().kind(), strongroom::ErrorKind::NotFound);
    }
}
