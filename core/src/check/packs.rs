//! What the index objects say about packs, and what storage has of them.

use super::report::{CheckKind, CheckProblem, CheckReport, Findings, kind_of};
use crate::backend::{Folder, ObjectName};
use crate::context::Context;
use crate::error::{Error, ErrorKind, Result};
use crate::format::index::IndexObject;
use crate::id::{IndexId, PackId};
use crate::store::Store;
use crate::store::index::{self, Listed};
use crate::store::packs::{Fingerprint, fingerprint, is_of_the_object};
use rayon::prelude::*;
use std::collections::{BTreeMap, HashMap, HashSet};

/// A pack as an index object lists it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct IndexedPack {
    pub(super) length: u64,
    pub(super) contents: Fingerprint,
}

/// What can be expected of a pack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PackState {
    /// Nothing is known against it.
    Sound,
    /// It is not in storage.
    Missing,
    /// It is damaged; some of its segments may be sound.
    Suspect,
}

/// All packs, by what is said about them and what storage has.
#[derive(Debug, Default)]
pub(super) struct Packs {
    /// Packs that are listed and in storage with the right length.
    pub(super) sound: BTreeMap<PackId, IndexedPack>,
    /// The others that are listed, and those found damaged later.
    troubled: HashMap<PackId, PackState>,
    unindexed: HashSet<PackId>,
}

/// As often the index is read again while pruning changes it.
const MAX_LOOKS: u32 = 8;

impl Packs {
    /// Reads all index objects, lists all packs, and compares.
    pub(super) fn load(
        store: &Store,
        findings: &Findings<'_>,
        report: &mut CheckReport,
        ctx: &Context,
    ) -> Result<Packs> {
        let mut looks = 0;
        loop {
            looks += 1;
            let look = Look::take(store, ctx)?;
            // Pruning and repair list segments in their new place before they take the old one away: what is missing is
            // missing if the index still says the same.
            let stays = || -> Result<bool> {
                let now: HashSet<IndexId> = index::list(store.backend())?.0.iter().map(|listed| listed.id).collect();
                Ok(now == look.objects)
            };
            if looks < MAX_LOOKS && !look.packs.troubled.is_empty() && !stays()? {
                continue;
            }
            look.found.into_iter().try_for_each(|problem| findings.add(problem))?;
            report.index_objects = look.index_objects;
            (report.packs, report.pack_bytes) = look.stored;
            (report.unindexed_packs, report.unindexed_bytes) = look.unindexed;
            return Ok(look.packs);
        }
    }

    pub(super) fn state(&self, id: &PackId) -> PackState {
        match self.troubled.get(id) {
            Some(state) => *state,
            None if self.sound.contains_key(id) || self.unindexed.contains(id) => PackState::Sound,
            // An index object in a local copy only, or one that came while the check ran: to be tried.
            None => PackState::Suspect,
        }
    }

    /// Notes packs that turned out to be damaged.
    pub(super) fn add_suspects(&mut self, suspects: impl IntoIterator<Item = PackId>) {
        self.troubled.extend(suspects.into_iter().map(|id| (id, PackState::Suspect)));
    }
}

/// The index and the packs of one moment.
#[derive(Default)]
struct Look {
    packs: Packs,
    /// All index objects there were.
    objects: HashSet<IndexId>,
    index_objects: u64,
    /// Number and bytes of packs that are listed, and of those that are not.
    stored: (u64, u64),
    unindexed: (u64, u64),
    found: Vec<CheckProblem>,
}

fn count(sum: &mut (u64, u64), length: u64) {
    *sum = (sum.0 + 1, sum.1.saturating_add(length));
}

impl Look {
    fn take(store: &Store, ctx: &Context) -> Result<Look> {
        let mut look = Look::default();
        // The index first: a backup stores packs before it lists them.
        let listed = look.read_index(store, ctx)?;
        let mut stored = HashMap::new();
        store.backend().list(Folder::Packs, &mut |info| {
            ctx.check("check the packs")?;
            match info.name.id::<PackId>() {
                Ok(id) => drop(stored.insert(id, info.length)),
                Err(_) => look.found.push(unknown(&info.name)),
            }
            Ok(())
        })?;
        for (id, indexed) in listed {
            let name = ObjectName::of(Folder::Packs, id);
            let length = match stored.remove(&id) {
                Some(length) => Some(length),
                // Listings of some storages lag behind.
                None => look.length_of(store, &name)?,
            };
            if let Some(length) = length {
                count(&mut look.stored, length);
            }
            let (kind, state, detail) = match length {
                Some(length) if length == indexed.length => {
                    look.packs.sound.insert(id, indexed);
                    continue;
                }
                Some(length) => {
                    let detail = format!("it is {length} bytes long; the index lists {}", indexed.length);
                    (CheckKind::WrongLength, PackState::Suspect, detail)
                }
                None => {
                    let detail = "the index lists it, and storage does not have it".to_owned();
                    (CheckKind::MissingPack, PackState::Missing, detail)
                }
            };
            look.found.push(CheckProblem::new(kind, name, detail));
            look.packs.troubled.insert(id, state);
        }
        for (id, length) in stored {
            count(&mut look.unindexed, length);
            let detail = "no index object lists it: left by a backup that broke off or by a repair, or the index is \
                          incomplete";
            let detail = format!("{detail}; {length} bytes");
            look.found.push(CheckProblem::new(CheckKind::UnindexedPack, ObjectName::of(Folder::Packs, id), detail));
            look.packs.unindexed.insert(id);
        }
        Ok(look)
    }

    fn length_of(&mut self, store: &Store, name: &ObjectName) -> Result<Option<u64>> {
        match store.backend().stat(name) {
            Ok(info) => Ok(Some(info.length)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) if is_of_the_object(&error) => {
                self.found.push(CheckProblem::new(CheckKind::Unreadable, name, error.to_string()));
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    fn read_index(&mut self, store: &Store, ctx: &Context) -> Result<BTreeMap<PackId, IndexedPack>> {
        let (listed, strange) = index::list(store.backend())?;
        self.objects = listed.iter().map(|listed| listed.id).collect();
        self.found.extend(strange.iter().map(|(name, _)| unknown(name)));
        let read = |listed: &Listed| -> Result<(IndexId, Result<Summary>)> {
            ctx.check_or_suspended("check the index")?;
            let name = ObjectName::of(Folder::Index, listed.id);
            let object = index::load(store.backend(), store.keys(), &name, listed.length);
            match object.map(|object| Summary::of(listed.id, object)) {
                Err(error) if !is_of_the_object(&error) => Err(error),
                result => Ok((listed.id, result)),
            }
        };
        let read: Vec<(IndexId, Result<Summary>)> = listed.par_iter().map(read).collect::<Result<_>>()?;

        let superseded: HashSet<IndexId> = read
            .iter()
            .filter_map(|(_, result)| result.as_ref().ok())
            .flat_map(|summary| &summary.supersedes)
            .copied()
            .collect();
        let mut packs: BTreeMap<PackId, IndexedPack> = BTreeMap::new();
        for (id, result) in read.into_iter().filter(|(id, _)| !superseded.contains(id)) {
            let summary = match result {
                Ok(summary) => summary,
                // A maintainer merged it away between the listing and now.
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                Err(error) => {
                    self.found.push(damaged_index(&id, &error));
                    continue;
                }
            };
            self.index_objects += 1;
            for (pack, indexed) in summary.packs {
                if *packs.entry(pack).or_insert(indexed) != indexed {
                    let detail = format!("index object {} lists something else for it than another one", summary.id);
                    self.found.push(CheckProblem::new(
                        CheckKind::ConflictingIndex,
                        ObjectName::of(Folder::Packs, pack),
                        detail,
                    ));
                }
            }
        }
        Ok(packs)
    }
}

fn unknown(name: &ObjectName) -> CheckProblem {
    CheckProblem::new(CheckKind::UnknownObject, name, "its name does not belong in this folder")
}

/// What is kept of an index object.
struct Summary {
    id: IndexId,
    supersedes: Vec<IndexId>,
    packs: Vec<(PackId, IndexedPack)>,
}

impl Summary {
    fn of(id: IndexId, object: IndexObject) -> Self {
        let packs = object.packs.into_iter();
        let packs = packs.map(|pack| {
            let contents = fingerprint(&pack.contents);
            (pack.id, IndexedPack { length: pack.length, contents })
        });
        Summary { id, supersedes: object.supersedes, packs: packs.collect() }
    }
}

fn damaged_index(id: &IndexId, error: &Error) -> CheckProblem {
    let kind = kind_of(error, CheckKind::DamagedIndex, CheckKind::DamagedIndex);
    CheckProblem::new(kind, ObjectName::of(Folder::Index, id), error.to_string())
}
