//! Processes that back up and prune one repository at the same time and are killed at random. A minute of it here;
//! `cargo xtask soak` does it for longer.

mod common;

use common::{INIT, Setup};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

/// Splitmix64 (Steele, Lea, Flood, 2014).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % bound
    }
}

/// Few documents, so that the writers share what they store.
const DOCUMENTS: u64 = 12;

fn document(number: u64) -> Vec<u8> {
    let mut random = Random(number);
    let length = 40_000 + 60_000 * number;
    (0..length / 8).flat_map(|_| random.below(u64::MAX).to_le_bytes()).collect()
}

/// Names of files with the numbers of the documents in them.
type Content = BTreeMap<String, u64>;

#[derive(Default)]
struct Log {
    /// What was reported as made, and not forgotten since.
    snapshots: Mutex<BTreeMap<String, Content>>,
    made: AtomicU64,
    killed: AtomicU64,
    refused: AtomicU64,
    pruned: AtomicU64,
    freed: AtomicU64,
    over: AtomicBool,
}

/// Runs the command, and kills it after a while in half of all cases. `None` when it was killed.
fn run_or_kill(setup: &Setup, arguments: &[&str], log: &Log, random: &mut Random) -> Option<(i32, String)> {
    let patience = (random.below(2) == 0).then(|| Duration::from_millis(5 + random.below(400)));
    let mut command = setup.command();
    command.args(arguments).arg("--json").arg("--no-progress").stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    if let Some(patience) = patience {
        let began = Instant::now();
        while began.elapsed() < patience && child.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_millis(2));
        }
        if child.try_wait().unwrap().is_none() {
            child.kill().unwrap();
            child.wait().unwrap();
            log.killed.fetch_add(1, Ordering::Relaxed);
            return None;
        }
    }
    let output = child.wait_with_output().unwrap();
    Some((output.status.code().unwrap_or(-1), String::from_utf8_lossy(&output.stdout).into_owned()))
}

fn last(output: &str) -> Value {
    output.lines().last().map_or(Value::Null, |line| serde_json::from_str(line).unwrap())
}

fn write(setup: &Setup, name: &str, log: &Log, random: &mut Random) {
    let folder = setup.path(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir(&folder).unwrap();
    let content: Content =
        (0..1 + random.below(4)).map(|place| (format!("file {place}"), random.below(DOCUMENTS))).collect();
    for (file, number) in &content {
        fs::write(folder.join(file), document(*number)).unwrap();
    }
    let Some((code, output)) = run_or_kill(setup, &["backup", name, "--host", name], log, random) else { return };
    let summary = last(&output);
    if code == 0 {
        let id = summary["snapshot"].as_str().unwrap().to_owned();
        log.made.fetch_add(1, Ordering::Relaxed);
        log.snapshots.lock().unwrap().insert(id, content);
    } else {
        // Taken for dead, and told so: the same command again does it.
        assert_eq!(summary["kind"], "conflict", "a backup failed: {output}");
        log.refused.fetch_add(1, Ordering::Relaxed);
    }
}

fn restores(setup: &Setup, id: &str, content: &Content, target: &str) -> Result<(), String> {
    let _ = fs::remove_dir_all(setup.path(target));
    let run = setup.run(["restore", id, "--target", target, "--quiet"]);
    if run.code != 0 {
        return Err(format!("snapshot {id} does not restore: {}", run.err));
    }
    for (file, number) in content {
        if fs::read(setup.path(target).join(file)).map_or(true, |bytes| bytes != document(*number)) {
            return Err(format!("{file} of snapshot {id} is not document {number}"));
        }
    }
    Ok(())
}

fn prune(setup: &Setup, log: &Log, random: &mut Random) {
    let chosen = {
        let snapshots = log.snapshots.lock().unwrap();
        let most = snapshots.len() as u64;
        snapshots
            .iter()
            .nth(usize::try_from(random.below(most.max(1))).unwrap())
            .map(|(id, content)| (id.clone(), content.clone()))
    };
    if let Some((id, content)) = chosen {
        // The last moment to look.
        if let Err(loss) = restores(setup, &id, &content, "looked at") {
            panic!("{loss}");
        }
        log.snapshots.lock().unwrap().remove(&id);
        setup.run(["forget", &id]).expect(0);
    }
    let Some((code, output)) = run_or_kill(setup, &["prune", "--min-live", "80"], log, random) else { return };
    let summary = last(&output);
    if code == 0 {
        log.pruned.fetch_add(1, Ordering::Relaxed);
        log.freed.fetch_add(summary["removed_bytes"].as_u64().unwrap(), Ordering::Relaxed);
    } else {
        assert_eq!(summary["kind"], "conflict", "pruning failed: {output}");
    }
}

/// Hours pass for what stands in the folder of sessions: leases run out, also those of who is still at work.
fn age_leases(sessions: &Path, hours: u64) {
    for entry in fs::read_dir(sessions).into_iter().flatten().flatten() {
        let Ok(file) = fs::OpenOptions::new().write(true).open(entry.path()) else { continue };
        let modified = entry.metadata().and_then(|metadata| metadata.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
        let _ = file.set_modified(modified - Duration::from_secs(hours * 3600));
    }
}

#[test]
fn four_writers_and_a_pruner_killed_at_random_lose_nothing() {
    let seconds = std::env::var("STRONGROOM_SOAK_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(60);
    let setup = Setup::empty();
    setup.run(INIT).expect(0);
    let log = Log::default();
    let began = Instant::now();
    std::thread::scope(|scope| {
        let mut actors = Vec::new();
        for number in 0..4u64 {
            let (setup, log) = (&setup, &log);
            actors.push(scope.spawn(move || {
                let mut random = Random(0xACE0 + number);
                while !log.over.load(Ordering::Relaxed) {
                    write(setup, &format!("writer-{number}"), log, &mut random);
                }
            }));
        }
        let (setup, log) = (&setup, &log);
        actors.push(scope.spawn(move || {
            let mut random = Random(0xBEEF);
            while !log.over.load(Ordering::Relaxed) {
                prune(setup, log, &mut random);
            }
        }));
        // Ends early when somebody found something.
        while began.elapsed().as_secs() < seconds && actors.iter().all(|actor| !actor.is_finished()) {
            std::thread::sleep(Duration::from_millis(700));
            age_leases(&setup.repository().join("sessions"), 2);
        }
        log.over.store(true, Ordering::Relaxed);
    });
    age_leases(&setup.repository().join("sessions"), 24);
    setup.run(["prune"]).expect(0);
    let snapshots = log.snapshots.lock().unwrap();
    for (id, content) in snapshots.iter() {
        restores(&setup, id, content, "at the end").unwrap();
    }
    setup.run(["check", "--read-data"]).expect(0);
    let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    println!(
        "{seconds} s: {} snapshots made, {} of them kept to the end, {} processes killed, {} backups told to begin again, \
         {} prunings that freed {} bytes; nothing lost",
        count(&log.made),
        snapshots.len(),
        count(&log.killed),
        count(&log.refused),
        count(&log.pruned),
        count(&log.freed)
    );
    assert!(count(&log.made) > 0 && count(&log.killed) > 0 && count(&log.pruned) > 0);
}
