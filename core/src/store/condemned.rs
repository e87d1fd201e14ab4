//! Condemnations in storage: which packs writers must do without, and which sessions must look again.
//!
//! Nothing here depends on clocks. Whoever writes, and whoever prunes, first puts down a flag and then looks for the
//! other's (as in Dekker's algorithm): a session its lease, pruning its list. So of a session and a condemnation at
//! least one knows of the other. What pruning sees, it waits for; what a session sees, it does without.

use super::Store;
use super::clock;
use super::sealed::{self, is_gone, is_of_one_object};
use crate::backend::{Folder, ObjectInfo, ObjectName};
use crate::error::{Error, ErrorKind, Result, corrupt};
use crate::format::condemnation::{Condemnation, Stage};
use crate::format::entry::Timestamp;
use crate::format::sealed::Envelope;
use crate::id::{PackId, SessionId, unhex};
use crate::store::devices::DeviceList;
use std::collections::{BTreeMap, BTreeSet, HashSet};

/// What tells one condemnation from another: the session that prunes, and a number.
pub(crate) type CondemnationId = (SessionId, u32);

/// A stage as storage has it.
#[derive(Debug, Clone)]
pub(crate) struct StoredStage {
    pub(crate) condemnation: Condemnation,
    /// When storage received it.
    pub(crate) received: Timestamp,
}

/// The condemnations that storage has.
#[derive(Debug, Default)]
pub(crate) struct Condemned {
    pub(crate) stages: BTreeMap<CondemnationId, BTreeMap<Stage, StoredStage>>,
    /// Those that cannot be read, by what their names say.
    pub(crate) damaged: Vec<(CondemnationId, Stage, Error)>,
}

/// The object of one stage.
pub(crate) fn name((session, sequence): &CondemnationId, stage: Stage) -> ObjectName {
    ObjectName::of(Folder::Condemned, format_args!("{session}-{sequence:08x}.{}", stage as u8))
}

fn parse(info: &ObjectInfo) -> Option<(CondemnationId, Stage)> {
    let (id, number) = info.name.file().split_once('.')?;
    let (session, sequence) = id.split_once('-')?;
    let stage = Stage::ALL.into_iter().find(|stage| (*stage as u8).to_string() == number)?;
    Some(((session.parse().ok()?, u32::from_be_bytes(unhex(sequence)?)), stage))
}

impl Condemned {
    /// Reads all condemnations. Names that are none are passed over.
    ///
    /// # Errors
    /// Those of the storage. What is wrong with one object ends in [`damaged`](Condemned::damaged).
    pub(crate) fn load(store: &Store, devices: &DeviceList) -> Result<Self> {
        let (backend, keys) = (store.backend(), store.keys());
        let mut found = Vec::new();
        backend.list(Folder::Condemned, &mut |info| {
            found.extend(parse(&info).map(|(id, stage)| (id, stage, info)));
            Ok(())
        })?;
        let mut condemned = Condemned::default();
        for (id, stage, info) in found {
            let read = || {
                sealed::read::<Condemnation>(backend, keys, devices, &info).and_then(|opened| {
                    let value = opened.value;
                    if ((value.session, value.sequence), value.stage) != (id, stage) {
                        let error = corrupt(Condemnation::READ, "it is another object than its name says");
                        return Err(error.object(&info.name));
                    }
                    Ok(value)
                })
            };
            // Twice, because who takes sound bytes for rubbish would rely on what is about to go.
            let checked = match read() {
                Err(error) if is_of_one_object(&error) => read(),
                checked => checked,
            };
            match checked {
                Ok(condemnation) => {
                    let stored = StoredStage { condemnation, received: info.modified };
                    condemned.stages.entry(id).or_default().insert(stage, stored);
                }
                Err(error) if is_gone(&error) => {}
                Err(error) if is_of_one_object(&error) => condemned.damaged.push((id, stage, error)),
                Err(error) => return Err(error),
            }
        }
        Ok(condemned)
    }

    /// The packs that count as absent for who writes.
    ///
    /// # Errors
    /// When an object that may name some cannot be read.
    pub(crate) fn absent(&mut self) -> Result<HashSet<PackId>> {
        // Rubbish names nothing: nobody who prunes can go by it either, and anybody who may add objects can put some
        // there. Who is named by a fence that cannot be read is taken to be named by it: that costs work, not data.
        let serious = self.damaged.iter().position(|(_, stage, error)| {
            matches!(stage, Stage::Listed | Stage::Doomed) && error.kind() != ErrorKind::Corrupt
        });
        if let Some(serious) = serious {
            let error = self.damaged.swap_remove(serious).2;
            let detail = error.detail_text().unwrap_or_default().to_owned();
            let way_on = if error.kind() == ErrorKind::Io {
                "pruning will set it right"
            } else {
                "it may list what is about to go"
            };
            return Err(error.detail(format!("{detail}: {way_on}")));
        }
        Ok(self.going())
    }

    /// The packs that are about to go, or gone.
    pub(crate) fn going(&self) -> HashSet<PackId> {
        let counts = |stages: &BTreeMap<Stage, StoredStage>| {
            stages
                .get(&Stage::Doomed)
                .or_else(|| stages.get(&Stage::Listed))
                .map(|stored| stored.condemnation.packs.clone())
        };
        self.stages.values().filter_map(counts).flatten().collect()
    }

    /// The packs that are gone, whether they have been removed by now or not.
    pub(crate) fn doomed(&self) -> BTreeSet<PackId> {
        let doomed = self.stages.values().filter_map(|stages| stages.get(&Stage::Doomed));
        doomed.flat_map(|stored| &stored.condemnation.packs).copied().collect()
    }

    /// Whether this session was taken for dead before storage received what it committed.
    pub(crate) fn is_late(&self, session: &SessionId, received: Timestamp) -> bool {
        self.stages
            .values()
            .filter_map(|stages| stages.get(&Stage::Fenced))
            .any(|fence| fence.received <= received && fence.condemnation.sessions.binary_search(session).is_ok())
    }

    /// Whether this session was taken for dead.
    pub(crate) fn fences(&self, session: &SessionId) -> bool {
        let named = |stored: &StoredStage| stored.condemnation.sessions.binary_search(session).is_ok();
        self.stages.values().any(|stages| stages.get(&Stage::Fenced).is_some_and(named))
            || self.damaged.iter().any(|(_, stage, _)| *stage == Stage::Fenced)
    }
}

/// Writes a stage. `false` when somebody else did before, whose word then counts.
///
/// # Errors
/// [`Forbidden`](ErrorKind::Forbidden) for who may not maintain, and those of the storage.
pub(crate) fn write(
    store: &Store,
    (session, sequence): &CondemnationId,
    stage: Stage,
    packs: BTreeSet<PackId>,
    sessions: BTreeSet<SessionId>,
) -> Result<bool> {
    let keys = store.keys();
    if !keys.can_maintain() {
        let detail = "pruning needs a maintainer's or owner's key";
        return Err(Error::new(ErrorKind::Forbidden, Condemnation::WRITE).detail(detail));
    }
    let (packs, sessions) = (packs.into_iter().collect(), sessions.into_iter().collect());
    let time = clock();
    let condemnation = Condemnation { session: *session, sequence: *sequence, stage, packs, sessions, time };
    let bytes = sealed::seal(keys, &condemnation, None)?;
    match sealed::put(store.backend(), &name(&(*session, *sequence), stage), &bytes) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error),
    }
}
