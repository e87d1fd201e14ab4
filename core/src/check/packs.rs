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

impl Packs {
    /// Reads all index objects, lists all packs, and compares.
    pub(super) fn load(
        store: &Store,
        findings: &Findings<'_>,
        report: &mut CheckReport,
        ctx: &Context,
    ) -> Result<Packs> {
        // The index first: a backup stores packs before it lists them.
        let listed = read_index(store, findings, report, ctx)?;
        let mut stored = HashMap::new();
        store.backend().list(Folder::Packs, &mut |info| {
            ctx.check("check the packs")?;
            match info.name.id::<PackId>() {
                Ok(id) => {
                    stored.insert(id, info.length);
                    Ok(())
                }
                Err(_) => findings.add(unknown(&info.name)),
            }
        })?;
        let mut packs = Packs::default();
        for (id, indexed) in listed {
            let name = ObjectName::of(Folder::Packs, id);
            let length = match stored.remove(&id) {
                Some(length) => Some(length),
                // Listings of some storages lag behind.
                None => length_of(store, &name, findings)?,
            };
            match length {
                Some(length) if length == indexed.length => {
                    report.packs += 1;
                    report.pack_bytes = report.pack_bytes.saturating_add(length);
                    packs.sound.insert(id, indexed);
                }
                Some(length) => {
                    report.packs += 1;
                    report.pack_bytes = report.pack_bytes.saturating_add(length);
                    let detail = format!("it is {length} bytes long; the index lists {}", indexed.length);
                    findings.add(CheckProblem::new(CheckKind::WrongLength, name, detail))?;
                    packs.troubled.insert(id, PackState::Suspect);
                }
                None => {
                    findings.add(CheckProblem::new(
                        CheckKind::MissingPack,
                        name,
                        "the index lists it, and storage does not have it",
                    ))?;
                    packs.troubled.insert(id, PackState::Missing);
                }
            }
        }
        for (id, length) in stored {
            report.unindexed_packs += 1;
            report.unindexed_bytes = report.unindexed_bytes.saturating_add(length);
            let detail = "no index object lists it: left by a backup that broke off, or the index is incomplete";
            findings.add(CheckProblem::new(
                CheckKind::UnindexedPack,
                ObjectName::of(Folder::Packs, id),
                format!("{detail}; {length} bytes"),
            ))?;
            packs.unindexed.insert(id);
        }
        Ok(packs)
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

fn unknown(name: &ObjectName) -> CheckProblem {
    CheckProblem::new(CheckKind::UnknownObject, name, "its name does not belong in this folder")
}

fn length_of(store: &Store, name: &ObjectName, findings: &Findings<'_>) -> Result<Option<u64>> {
    match store.backend().stat(name) {
        Ok(info) => Ok(Some(info.length)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) if is_of_the_object(&error) => {
            findings.add(CheckProblem::new(CheckKind::Unreadable, name, error.to_string()))?;
            Ok(None)
        }
        Err(error) => Err(error),
    }
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

fn read_index(
    store: &Store,
    findings: &Findings<'_>,
    report: &mut CheckReport,
    ctx: &Context,
) -> Result<BTreeMap<PackId, IndexedPack>> {
    let (listed, strange) = index::list(store.backend())?;
    for (name, _) in &strange {
        findings.add(unknown(name))?;
    }
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
                findings.add(damaged_index(&id, &error))?;
                continue;
            }
        };
        report.index_objects += 1;
        for (pack, indexed) in summary.packs {
            if *packs.entry(pack).or_insert(indexed) != indexed {
                let detail = format!("index object {} lists something else for it than another one", summary.id);
                findings.add(CheckProblem::new(
                    CheckKind::ConflictingIndex,
                    ObjectName::of(Folder::Packs, pack),
                    detail,
                ))?;
            }
        }
    }
    Ok(packs)
}

fn damaged_index(id: &IndexId, error: &Error) -> CheckProblem {
    let kind = kind_of(error, CheckKind::DamagedIndex, CheckKind::DamagedIndex);
    CheckProblem::new(kind, ObjectName::of(Folder::Index, id), error.to_string())
}
