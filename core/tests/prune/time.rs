//! What time it is: the storage's clock decides, also for who only looks.

use super::common::fault::{Call, Fault, FaultBackend, Op};
use super::common::vault::Vault;
use super::common::{noise, reopen, scratch};
use super::history::{History, forget, prune};
use std::fs;
use std::ops::Range;
use strongroom::{
    Backend, BackupOptions, Context, Error, ErrorKind, Folder, ObjectInfo, ObjectName, PruneOptions, PruneReport,
    Repository, Result, Source, Timestamp,
};

const DAY: i64 = 24 * 60 * 60;

/// Storage whose clock is so many seconds ahead of this machine's.
#[derive(Clone)]
struct Elsewhen {
    vault: Vault,
    ahead: i64,
    /// Whether it takes anything.
    open: bool,
}

impl Elsewhen {
    fn shift(&self, name: &ObjectName) {
        let received = self.vault.stat(name).unwrap().modified;
        self.vault.set_time(name, Timestamp::new(received.seconds + self.ahead, received.nanos));
    }
}

impl Backend for Elsewhen {
    fn put(&self, name: &ObjectName, parts: &[&[u8]]) -> Result<()> {
        if !self.open {
            return Err(Error::new(ErrorKind::ReadOnly, "store an object").object(name));
        }
        self.vault.put(name, parts)?;
        self.shift(name);
        Ok(())
    }

    fn read(&self, name: &ObjectName, range: Range<u64>) -> Result<Vec<u8>> {
        self.vault.read(name, range)
    }

    fn stat(&self, name: &ObjectName) -> Result<ObjectInfo> {
        self.vault.stat(name)
    }

    fn list(&self, folder: Folder, found: &mut dyn FnMut(ObjectInfo) -> Result<()>) -> Result<()> {
        self.vault.list(folder, found)
    }

    fn delete(&self, name: &ObjectName) -> Result<()> {
        if !self.open {
            return Err(Error::new(ErrorKind::ReadOnly, "delete an object").object(name));
        }
        self.vault.delete(name)
    }

    fn location(&self) -> String {
        "elsewhen".to_owned()
    }
}

/// A backup that dies and never says that it ended.
pub(super) fn die(storage: impl Backend + 'static) {
    let rule = |call: &Call| {
        let renews = call.name.as_ref().is_some_and(|name| !name.file().ends_with("-00000000"));
        (call.op == Op::Put && call.folder == Folder::Sessions && renews).then_some(Fault::Fail(ErrorKind::Unavailable))
    };
    let folder = scratch();
    fs::write(folder.path().join("a"), noise(5, 30_000)).unwrap();
    let repo = reopen(FaultBackend::new(storage, rule));
    repo.backup(Source::paths([folder.path()]), &BackupOptions::new(), &Context::new()).unwrap_err();
}

fn look(repo: &Repository) -> PruneReport {
    repo.prune(&PruneOptions::new().dry_run(true), &Context::new()).unwrap()
}

#[test]
fn a_dry_run_goes_by_the_clock_of_the_storage() {
    let history = History::make(2);
    for ahead in [0, -3 * DAY, 3 * DAY] {
        let storage = Elsewhen { vault: history.vault.fork(), ahead, open: true };
        storage.vault.all().iter().for_each(|name| storage.shift(name));
        die(storage.clone());
        forget(&storage.vault, &history.snapshots[0].0);
        let condemned = prune(&reopen(storage.clone()));
        assert!(condemned.condemned_packs > 0 && condemned.removed_packs == 0, "{condemned:?}");
        assert_eq!(condemned.waiting_for.len(), 1, "{condemned:?}");
        let names = storage.vault.all();
        let said = look(&reopen(storage.clone()));
        assert_eq!((&said.waiting_for, said.removed_packs), (&condemned.waiting_for, 0), "{ahead}: {said:?}");
        // Where nothing can be stored, nothing is known of the time but that it has not gone back.
        let closed = Elsewhen { open: false, ..storage.clone() };
        assert_eq!(look(&reopen(closed.clone())).waiting_for, condemned.waiting_for, "{ahead}");
        assert_eq!(storage.vault.all(), names);
        // When the lease has run out, both go on.
        let session = condemned.waiting_for[0].to_string();
        for name in names.iter().filter(|name| name.file().starts_with(&session)) {
            let received = storage.vault.stat(name).unwrap().modified;
            storage.vault.set_time(name, Timestamp::new(received.seconds - 2 * 60 * 60, 0));
        }
        let said = look(&reopen(storage.clone()));
        assert!(said.waiting_for.is_empty() && said.removed_packs > 0, "{ahead}: {said:?}");
        assert_eq!(storage.vault.all(), names);
        assert_eq!(look(&reopen(closed)).removed_packs, said.removed_packs, "{ahead}");
        let done = prune(&reopen(storage.clone()));
        assert!(done.removed_packs >= said.removed_packs, "{ahead}: {said:?} {done:?}");
        history.assert_restores(&reopen(storage), 1);
    }
}

#[test]
fn where_nobody_is_at_work_a_dry_run_asks_nothing_of_the_storage() {
    let history = History::make(2);
    forget(&history.vault, &history.snapshots[0].0);
    let backend = FaultBackend::new(history.vault.clone(), |_| None);
    let said = look(&reopen(backend.clone()));
    assert!(said.condemned_packs > 0, "{said:?}");
    assert!(backend.calls().iter().all(|call| ![Op::Put, Op::Delete].contains(&call.op)));
}
