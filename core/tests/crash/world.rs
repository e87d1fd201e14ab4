//! A repository with a history, and what each snapshot holds.

use super::common::fault::{Fault, FaultBackend, Op};
use super::common::vault::Vault;
use super::common::{back_up_with, create, noise, reopen};
use std::collections::BTreeMap;
use std::io::Read;
use strongroom::{
    AppEntry, BackupOptions, Context, EntryPath, ErrorKind, Folder, IterSource, NewKey, ObjectName, Repository, Role,
    Secret, SnapshotId, Source,
};

/// Files with their bytes.
#[derive(Debug, Clone)]
pub(crate) struct Documents(BTreeMap<String, Vec<u8>>);

impl Documents {
    /// Some that every version has, some that change with it, and one that is its own.
    pub(crate) fn new(version: u64) -> Self {
        let mut documents = BTreeMap::new();
        for file in 0..4 {
            documents.insert(format!("stays {file}"), noise(file, 7000));
            documents.insert(format!("changes {file}"), noise(100 * version + file + 100, 9000));
        }
        documents.insert(format!("only {version}"), noise(10_000 + version, 90_000));
        Documents(documents)
    }

    pub(crate) fn source(&self) -> Source {
        let entry =
            |(name, bytes): (&String, &Vec<u8>)| AppEntry::bytes(EntryPath::parse(name).unwrap(), bytes.clone());
        Source::from(IterSource::new(self.0.iter().map(entry).collect::<Vec<_>>()).sorted())
    }

    #[track_caller]
    pub(crate) fn assert_in(&self, repo: &Repository, id: &SnapshotId, told: &str) {
        for (name, bytes) in &self.0 {
            let mut found = Vec::new();
            let mut file = repo.open_file(id, name).unwrap_or_else(|error| panic!("{told}: {name}: {error}"));
            file.read_to_end(&mut found).unwrap_or_else(|error| panic!("{told}: {name}: {error}"));
            assert!(found == *bytes, "{told}: {name} of {id} came back as something else");
        }
    }
}

pub(crate) struct World {
    pub(crate) vault: Vault,
    pub(crate) snapshots: Vec<(SnapshotId, Documents)>,
    /// Snapshots that the operation may take away.
    pub(crate) may_go: Vec<SnapshotId>,
}

impl World {
    /// So many snapshots, of which these have been forgotten again.
    pub(crate) fn make(count: u64, forgotten: &[u64]) -> Self {
        let vault = Vault::new();
        let repo = create(vault.clone());
        repo.add_key(&NewKey::new(secret_of_a_maintainer(), Role::Maintainer)).unwrap();
        let mut snapshots = Vec::new();
        for version in 0..count {
            let documents = Documents::new(version);
            let report = back_up_with(&repo, documents.source(), &BackupOptions::new().host("h"));
            let id = *report.snapshot().unwrap();
            if forgotten.contains(&version) {
                vault.remove(&ObjectName::new(Folder::Snapshots, id.to_string()).unwrap());
            } else {
                snapshots.push((id, documents));
            }
        }
        World { vault, snapshots, may_go: Vec::new() }
    }
}

pub(crate) fn secret_of_a_maintainer() -> Secret {
    Secret::account_key([9; 32])
}

/// Leaves a lease that does not say that its session has ended.
pub(crate) fn abandon_a_session(vault: &Vault) {
    let backend = FaultBackend::new(vault.clone(), |call| {
        let later = call.op == Op::Put && call.folder != Folder::Sessions;
        let ending = call.op == Op::Put && call.name.as_ref().is_some_and(|name| !name.file().ends_with("-00000000"));
        (later || ending).then_some(Fault::Fail(ErrorKind::Io))
    });
    let failed = reopen(backend).backup(Documents::new(1000).source(), &BackupOptions::new(), &Context::new());
    assert_eq!(failed.unwrap_err().kind(), ErrorKind::Io);
}
