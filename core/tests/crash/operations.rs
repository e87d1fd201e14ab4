//! The operations that write, each on a repository with a history.

use super::common::fault::FaultBackend;
use super::common::{reopen, secret};
use super::hours_pass_for;
use super::world::{Documents, World, abandon_a_session, secret_of_a_maintainer};
use strongroom::{
    BackupOptions, Context, CopyOptions, Error, ErrorKind, Folder, ForgetOptions, Outcome, PruneOptions,
    ReencryptOptions, RepairOptions, Repository, Result, RetentionPolicy, SnapshotFilter, SnapshotId,
};

/// What an operation did: snapshots it made, and those it took away on purpose.
#[derive(Default)]
pub(crate) struct Done {
    pub(crate) made: Vec<(SnapshotId, Documents)>,
    pub(crate) forgotten: Vec<SnapshotId>,
}

/// An operation, told which storage to use.
pub(crate) type Operation = dyn Fn(FaultBackend, &World) -> Result<Done>;

/// An operation and what it is done to.
pub(crate) struct Scene {
    pub(crate) name: &'static str,
    pub(crate) world: World,
    pub(crate) operation: Box<Operation>,
}

fn scene(
    name: &'static str,
    world: World,
    operation: impl Fn(FaultBackend, &World) -> Result<Done> + 'static,
) -> Scene {
    Scene { name, world, operation: Box::new(operation) }
}

fn ids(repo: &Repository) -> Result<Vec<SnapshotId>> {
    repo.snapshots(&SnapshotFilter::all())?.map(|snapshot| Ok(snapshot?.id)).collect()
}

pub(crate) fn all() -> Vec<Scene> {
    vec![
        backup(),
        forget(),
        prune(),
        prune_what_was_condemned(),
        prune_by_a_maintainer(),
        repair(),
        copy(),
        rotate(),
        reencrypt(),
    ]
}

pub(crate) fn backup() -> Scene {
    scene("backup", World::make(2, &[]), |backend, _| {
        let documents = Documents::new(7);
        let repo = Repository::open(backend, &secret())?;
        let report = repo.backup(documents.source(), &BackupOptions::new().host("h"), &Context::new())?;
        Ok(Done { made: vec![(*report.snapshot()?, documents)], ..Done::default() })
    })
}

pub(crate) fn prune() -> Scene {
    scene("prune", World::make(4, &[0, 2]), |backend, _| {
        let repo = Repository::open(backend, &secret())?;
        repo.prune(&PruneOptions::new().min_live_share(1.0), &Context::new())?;
        Ok(Done::default())
    })
}

/// What was condemned while a session was at work is removed later, by somebody else.
pub(crate) fn prune_what_was_condemned() -> Scene {
    let world = World::make(4, &[0, 2]);
    abandon_a_session(&world.vault);
    let first = reopen(world.vault.clone()).prune(&PruneOptions::new(), &Context::new()).unwrap();
    assert!(first.condemned_packs > 0 && first.removed_packs == 0, "{first:?}");
    // Long enough for listings that lag, too.
    hours_pass_for(&world.vault, &world.vault.all());
    scene("prune what was condemned", world, |backend, _| {
        let repo = Repository::open(backend, &secret())?;
        repo.prune(&PruneOptions::new(), &Context::new())?;
        Ok(Done::default())
    })
}

pub(crate) fn prune_by_a_maintainer() -> Scene {
    scene("prune by a maintainer", World::make(3, &[1]), |backend, _| {
        let repo = Repository::open(backend, &secret_of_a_maintainer())?;
        repo.prune(&PruneOptions::new().min_live_share(1.0), &Context::new())?;
        Ok(Done::default())
    })
}

pub(crate) fn forget() -> Scene {
    let mut world = World::make(4, &[]);
    let gone: Vec<SnapshotId> = world.snapshots[..2].iter().map(|(id, _)| *id).collect();
    let repo = reopen(world.vault.clone());
    gone.iter().for_each(|id| drop(repo.tag(id, &["marked"], &[]).unwrap()));
    world.may_go.clone_from(&gone);
    scene("forget", world, move |backend, _| {
        let repo = Repository::open(backend, &secret())?;
        let left = ids(&repo)?;
        let named: Vec<SnapshotId> = gone.iter().copied().filter(|id| left.contains(id)).collect();
        let options = match named.is_empty() {
            // Whoever finds them gone has only their marks to clean up.
            true => ForgetOptions::by_policy(RetentionPolicy::new().keep_last(100)),
            false => ForgetOptions::snapshots(named),
        };
        repo.forget(&options, &Context::new())?;
        Ok(Done { forgotten: gone.clone(), ..Done::default() })
    })
}

/// The destination is what crashes; what it held before stays, and the copy is completed.
pub(crate) fn copy() -> Scene {
    let source = World::make(2, &[]);
    scene("copy", World::make(1, &[]), move |backend, world| {
        let away = Repository::open(backend, &secret())?;
        let report = reopen(source.vault.clone()).copy_to(&[&away], &CopyOptions::new(), &Context::new())?;
        if let Some(error) = report.destinations.into_iter().find_map(|destination| destination.error) {
            return Err(error);
        }
        let made = ids(&away)?.into_iter().filter(|id| world.snapshots.iter().all(|(old, _)| old != id));
        Ok(Done {
            made: made.zip(source.snapshots.iter().map(|(_, documents)| documents.clone())).collect(),
            ..Done::default()
        })
    })
}

/// Half of the index is lost: until it is repaired, snapshots need not restore.
pub(crate) fn repair() -> Scene {
    let mut world = World::make(3, &[1]);
    world.damaged = true;
    for name in world.vault.names(Folder::Index).into_iter().step_by(2) {
        world.vault.remove(&name);
    }
    scene("repair", world, |backend, _| {
        let repo = Repository::open(backend, &secret())?;
        let report = repo.repair(&RepairOptions::new(), &Context::new())?;
        match report.outcome {
            Outcome::Complete => Ok(Done::default()),
            // It came to an end and names what it could not read.
            _ => Err(Error::new(ErrorKind::Corrupt, "repair all there is")),
        }
    })
}

/// A new epoch begins, and its keys are handed out.
pub(crate) fn rotate() -> Scene {
    scene("rotate keys", World::make(2, &[]), |backend, _| {
        let repo = Repository::open(backend, &secret())?;
        repo.rotate(&Context::new())?;
        Ok(Done::default())
    })
}

/// Old packs move to the newest epoch.
pub(crate) fn reencrypt() -> Scene {
    let world = World::make(3, &[1]);
    reopen(world.vault.clone()).rotate(&Context::new()).unwrap();
    scene("re-encrypt", world, |backend, _| {
        let repo = Repository::open(backend, &secret())?;
        repo.reencrypt(&ReencryptOptions::new(), &Context::new())?;
        Ok(Done::default())
    })
}
