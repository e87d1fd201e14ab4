//! Who does what: writers, readers and pruners, and what they have to find.

use super::common::{create, noise, secret};
use super::sea::{Sea, Ship};
use proptest::prelude::RngExt;
use proptest::test_runner::{RngAlgorithm, TestRng};
use std::collections::BTreeMap;
use std::io::Read;
use std::sync::{Arc, Mutex};
use strongroom::{
    AppEntry, BackupOptions, Budget, CheckOptions, Context, Error, ErrorKind, Folder, IterSource, ObjectName,
    PruneOptions, Repository, Result, SnapshotId, Source, Timestamp,
};

/// One run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Case {
    pub(crate) seed: u64,
    pub(crate) mistake: Option<strongroom::Mistake>,
    /// Calls fail, are made twice, and listings lag behind.
    pub(crate) rough: bool,
}

/// What came of it.
#[derive(Debug, Default)]
pub(crate) struct Done {
    /// What was lost, if anything was: something reported as made that does not restore.
    pub(crate) loss: Option<String>,
    /// What else should not have happened, if anything did.
    pub(crate) trouble: Option<String>,
    pub(crate) calls: u64,
    pub(crate) crashes: u64,
    /// Calls that failed, lost their answer or were made twice.
    pub(crate) troubles: u64,
    pub(crate) snapshots: u64,
    pub(crate) conflicts: u64,
    pub(crate) removed_packs: u64,
}

/// Names of documents with their numbers: all there is to know of a snapshot.
type Content = BTreeMap<String, u64>;

#[derive(Default)]
struct Log {
    /// What was reported as made and has not been forgotten.
    snapshots: BTreeMap<SnapshotId, Content>,
    done: Done,
}

type Shared = Arc<Mutex<Log>>;

/// Few documents, so that writers share much of what they store.
const DOCUMENTS: u64 = 8;

fn document(number: u64) -> Vec<u8> {
    let length = 2500 + 1700 * usize::try_from(number % 5).unwrap();
    if number % DOCUMENTS != 7 {
        return noise(number, length);
    }
    // So many pieces of others that their list stands apart.
    let others: Vec<Vec<u8>> = (0..4).map(|other| noise(other, 2500 + 1700 * other as usize)).collect();
    (0..60u64).flat_map(|piece| [others[piece as usize % 4].clone(), noise(900 + piece, 1500)].concat()).collect()
}

fn random(seed: u64, salt: u64) -> TestRng {
    let bytes: Vec<u8> = [seed, salt, 7, 7].iter().flat_map(|part| part.to_le_bytes()).collect();
    TestRng::from_seed(RngAlgorithm::ChaCha, &bytes)
}

fn context() -> Context {
    Context::new().budget(Budget::default().threads(1))
}

fn open(ship: &Ship, case: Case) -> Result<Repository> {
    let repo = Repository::open(ship.clone(), &secret())?;
    repo.make_mistake(case.mistake);
    Ok(repo)
}

/// Runs a case to its end.
pub(crate) fn run(case: Case) -> Done {
    let sea = Sea::default();
    sea.advance(24 * 365 * 50);
    let log = Shared::default();
    create(sea.calm());
    write_once(&open(&sea.calm(), case).unwrap(), "first", &mut random(case.seed, 99), &log).unwrap();
    let ships: Vec<Ship> = (0..6).map(|_| sea.ship()).collect();
    std::thread::scope(|scope| {
        for (number, ship) in ships.iter().enumerate() {
            let log = Arc::clone(&log);
            scope.spawn(move || {
                let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| act(number, ship, case, &log)));
                ship.done();
                if let Err(panic) = result {
                    std::panic::resume_unwind(panic);
                }
            });
        }
        sea.schedule(case.seed, case.rough);
    });
    let mut log = std::mem::take(&mut *log.lock().unwrap());
    let (calls, crashes, troubles) = sea.counts();
    let last = last_judgement(&sea, case, &log.snapshots, &mut log.done.trouble);
    log.done.loss = log.done.loss.take().or(last.err());
    Done { calls, crashes, troubles, ..log.done }
}

fn act(number: usize, ship: &Ship, case: Case, log: &Shared) {
    let mut rng = random(case.seed, number as u64);
    for round in 0..if number < 4 { 5 } else { 8 } {
        let result = open(ship, case).and_then(|repo| match number {
            0..3 => write_once(&repo, ["one", "two", "three"][number], &mut rng, log),
            3 => read_once(&repo, &mut rng, log),
            _ => prune_once(&repo, ship, case, &mut rng, log),
        });
        let killed = ship.was_killed();
        let Err(error) = result else { continue };
        let mut log = log.lock().unwrap();
        match error.kind() {
            ErrorKind::Conflict => log.done.conflicts += u64::from(number < 3),
            _ if killed => {}
            ErrorKind::Unavailable if case.rough => {}
            // Where listings lag, what is not listed yet is not found.
            ErrorKind::NotFound if case.rough => {}
            _ => drop(log.done.trouble.get_or_insert_with(|| format!("actor {number} in round {round}: {error}"))),
        }
    }
}

fn write_once(repo: &Repository, host: &str, rng: &mut TestRng, log: &Shared) -> Result<()> {
    let content: Content =
        (0..rng.random_range(1..3)).map(|place: u64| (format!("{place}"), rng.random_range(0..DOCUMENTS))).collect();
    // The same document at the same place has not changed since, and is then not read again.
    let entries: Vec<AppEntry> = content
        .iter()
        .map(|(name, number)| {
            let time = Timestamp::new(1_000_000 + i64::try_from(*number).unwrap(), 1);
            let bytes = document(*number);
            AppEntry::bytes(strongroom::EntryPath::parse(name).unwrap(), bytes).modified(time).changed(time)
        })
        .collect();
    let source = Source::from(IterSource::new(entries).sorted());
    let report = repo.backup(source, &BackupOptions::new().host(host), &context())?;
    let mut log = log.lock().unwrap();
    log.done.snapshots += 1;
    log.snapshots.insert(*report.snapshot()?, content);
    Ok(())
}

/// Reads a snapshot; one that is forgotten meanwhile need not be whole.
fn read_once(repo: &Repository, rng: &mut TestRng, log: &Shared) -> Result<()> {
    let chosen = {
        let log = log.lock().unwrap();
        let at = rng.random_range(0..log.snapshots.len().max(1));
        log.snapshots.iter().nth(at).map(|(id, content)| (*id, content.clone()))
    };
    let Some((id, content)) = chosen else { return Ok(()) };
    match compare(repo, &id, &content) {
        Err(_) if !log.lock().unwrap().snapshots.contains_key(&id) => Ok(()),
        result => result,
    }
}

fn compare(repo: &Repository, id: &SnapshotId, content: &Content) -> Result<()> {
    for (name, number) in content {
        let mut bytes = Vec::new();
        let mut file = repo.open_file(id, name)?;
        file.read_to_end(&mut bytes).map_err(|error| Error::io(error, "read a document"))?;
        assert!(bytes == document(*number), "{name} of {id} is not document {number}");
    }
    Ok(())
}

fn prune_once(repo: &Repository, ship: &Ship, case: Case, rng: &mut TestRng, log: &Shared) -> Result<()> {
    let forgotten: Vec<SnapshotId> = {
        let mut log = log.lock().unwrap();
        // The last moment to see whether they are there. Nobody else gets to do anything meanwhile.
        let whole = look(&ship.calm(), case, &log.snapshots);
        log.done.loss = log.done.loss.take().or(whole.err());
        let ids: Vec<SnapshotId> = log.snapshots.keys().copied().collect();
        let gone: Vec<SnapshotId> = ids.into_iter().filter(|_| rng.random_bool(0.5)).collect();
        gone.iter().for_each(|id| drop(log.snapshots.remove(id)));
        gone
    };
    for id in forgotten {
        use strongroom::Backend;
        ship.delete(&ObjectName::new(Folder::Snapshots, id.to_string())?)?;
    }
    let share = [0.0, 0.6, 1.0][rng.random_range(0..3)];
    let report = repo.prune(&PruneOptions::new().min_live_share(share), &context())?;
    log.lock().unwrap().done.removed_packs += report.removed_packs;
    Ok(())
}

/// Whether every snapshot that was reported restores.
fn look(ship: &Ship, case: Case, snapshots: &BTreeMap<SnapshotId, Content>) -> Result<(), String> {
    let repo = open(ship, case).unwrap();
    for (id, content) in snapshots {
        compare(&repo, id, content).map_err(|error| format!("snapshot {}: {error}", id.short()))?;
    }
    Ok(())
}

/// When all is quiet and every lease has run out, what was reported is there, and pruning leaves it there.
fn last_judgement(
    sea: &Sea,
    case: Case,
    snapshots: &BTreeMap<SnapshotId, Content>,
    trouble: &mut Option<String>,
) -> Result<(), String> {
    look(&sea.calm(), case, snapshots)?;
    for _ in 0..2 {
        sea.advance(24 * 20);
        let repo = open(&sea.calm(), case).unwrap();
        match repo.prune(&PruneOptions::new(), &context()) {
            Ok(_) => {}
            // Committed too late and reported as failed: what it lacks holds up pruning until it is forgotten.
            Err(error) if error.kind() == ErrorKind::NotFound && unreported(&repo, snapshots) => {}
            Err(error) => drop(trouble.get_or_insert_with(|| format!("pruning at the end: {error}"))),
        }
        look(&sea.calm(), case, snapshots)?;
    }
    let repo = open(&sea.calm(), case).unwrap();
    let report = repo.check(&CheckOptions::new().read_data(100.0), &context()).unwrap();
    if !report.is_sound() && !unreported(&repo, snapshots) {
        trouble.get_or_insert_with(|| format!("the check finds {:?}", report.problems));
    }
    Ok(())
}

/// Whether there are snapshots that nobody was told of.
fn unreported(repo: &Repository, snapshots: &BTreeMap<SnapshotId, Content>) -> bool {
    let listed = repo.snapshots(&strongroom::SnapshotFilter::all()).unwrap();
    listed.into_iter().any(|snapshot| !snapshots.contains_key(&snapshot.unwrap().id))
}
