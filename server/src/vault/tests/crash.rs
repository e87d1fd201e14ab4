//! A process that is killed at any moment, again and again.

use super::*;
use std::collections::{BTreeMap, BTreeSet};
use std::io::BufRead;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use strongroom::account::wire::{AccountId, VaultId};
use tempfile::TempDir;

const CHILD: &str = "STRONGROOM_TEST_VAULT_CHILD";
const NAME: &str = "vault::tests::crash::no_accepted_object_is_lost_however_often_the_process_is_killed";
const ROUNDS: u64 = 12;

/// What the child was told was done, and what it was about to do.
#[derive(Debug, Default)]
struct Told {
    stored: BTreeMap<String, String>,
    deleting: BTreeSet<String>,
}

#[test]
fn no_accepted_object_is_lost_however_often_the_process_is_killed() {
    if let Ok(folder) = std::env::var(CHILD) {
        runtime().block_on(work(Path::new(&folder)));
        return;
    }
    let folder = TempDir::new().unwrap();
    let vault = runtime().block_on(async {
        let process = Process::start(folder.path()).await;
        process.vault(account(), 0).await
    });
    std::fs::write(folder.path().join("vault"), format!("{} {}", vault.account, vault.id)).unwrap();
    let mut told = Told::default();
    for round in 0..ROUNDS {
        kill_at_random(folder.path(), round, &mut told);
        runtime().block_on(verify(folder.path(), &vault, &mut told));
    }
    assert!(told.stored.len() > 100, "only {} objects were stored: nothing was tested", told.stored.len());
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build().unwrap()
}

fn kill_at_random(folder: &Path, round: u64, told: &mut Told) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([NAME, "--exact", "--nocapture", "--test-threads=1"])
        .env(CHILD, folder)
        .env("STRONGROOM_TEST_ROUND", round.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let output = std::io::BufReader::new(child.stdout.take().unwrap());
    let lines = Arc::new(Mutex::new(Vec::new()));
    let collected = Arc::clone(&lines);
    let reader = std::thread::spawn(move || {
        for line in output.lines().map_while(Result::ok) {
            collected.lock().unwrap().push(line);
        }
    });
    // From the first object on, a little longer every time, and never at the same point of the work.
    let begun = std::time::Instant::now();
    while !lines.lock().unwrap().iter().any(|line| line.starts_with("put ")) {
        assert!(begun.elapsed() < Duration::from_secs(60), "the child does nothing");
        std::thread::sleep(Duration::from_millis(2));
    }
    let jitter = u64::from(noise(round, 2)[0]) + u64::from(noise(round, 2)[1]);
    std::thread::sleep(Duration::from_millis(20 + jitter));
    child.kill().unwrap();
    child.wait().unwrap();
    reader.join().unwrap();
    for line in lines.lock().unwrap().iter() {
        let words: Vec<&str> = line.split(' ').collect();
        match words[..] {
            ["put", object, hash] => drop(told.stored.insert(object.to_owned(), hash.to_owned())),
            ["deleting", object] => drop(told.deleting.insert(object.to_owned())),
            _ => {}
        }
    }
}

/// The child: stores, uploads in parts and deletes on several tasks, and says what was done after it was.
async fn work(folder: &Path) {
    let round: u64 = std::env::var("STRONGROOM_TEST_ROUND").unwrap().parse().unwrap();
    let process = Arc::new(Process::start(folder).await);
    let text = std::fs::read_to_string(folder.join("vault")).unwrap();
    let (account, id) = text.split_once(' ').unwrap();
    let (account, id): (AccountId, VaultId) = (account.parse().unwrap(), id.parse().unwrap());
    let vault = process.vaults.catalogue().vault(account, id).await.unwrap();
    let tasks = (0..4_u64).map(|task| {
        let (process, vault) = (Arc::clone(&process), vault.clone());
        tokio::spawn(async move {
            for number in 0..u64::MAX {
                let seed = round << 40 | task << 32 | number;
                let choice = noise(seed, 4);
                let length = usize::from(choice[0]) * 700 + 1;
                let bytes = noise(seed, length);
                let object = pack(&bytes);
                if choice[1] < 80 {
                    upload(&process, &vault, &object, &bytes).await;
                } else {
                    process.put(&vault, &object, &bytes).await.unwrap();
                }
                println!("put {object} {}", blake3::hash(&bytes).to_hex());
                if choice[2] < 60 {
                    println!("deleting {object}");
                    process.delete(&vault, &object).await.unwrap();
                }
                if choice[3] < 10 {
                    process.vaults.sweep().await.unwrap();
                }
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
}

async fn upload(process: &Process, vault: &VaultRecord, object: &str, bytes: &[u8]) {
    let catalogue = process.vaults.catalogue();
    let mut write = process.database.write().await.unwrap();
    let made = catalogue.reserve_in(&mut write, vault, &name(object), bytes.len() as u64, QUOTA, true).await.unwrap();
    write.commit().await.unwrap();
    let middle = bytes.len() / 2;
    process.vaults.put_part(&made, 0, announced(&bytes[..middle]), body(&bytes[..middle])).await.unwrap();
    process.vaults.put_part(&made, middle as u64, announced(&bytes[middle..]), body(&bytes[middle..])).await.unwrap();
    process.vaults.finish(&made, *blake3::hash(bytes).as_bytes()).await.unwrap();
}

/// Everything that was accepted is there with its bytes, what is there is whole, and catalogue, store and usage agree.
async fn verify(folder: &Path, vault: &VaultRecord, told: &mut Told) {
    let process = Process::start(folder).await;
    process.clock.shift(7 * 3600 * 1000); // uploads in parts would be kept for whoever goes on with them
    process.vaults.sweep().await.unwrap();
    let (mut listed, mut lengths, mut after) = (BTreeMap::new(), BTreeMap::new(), String::new());
    loop {
        let page = process.vaults.catalogue().objects(vault, strongroom::Folder::Packs, &after, 100).await.unwrap();
        let Some(last) = page.last() else { break };
        after = last.name.file().to_owned();
        for object in page {
            lengths.insert(object.name.to_string(), object.length);
            listed.insert(object.name.to_string(), object.place().as_str().to_owned());
        }
    }
    for object in listed.keys() {
        assert_eq!(pack(&process.read(vault, object).await), *object, "an object is not whole");
    }
    for object in told.stored.keys() {
        assert!(listed.contains_key(object) || told.deleting.contains(object), "{object} was accepted and is gone");
    }
    // A deletion that broke off is done again.
    for object in told.deleting.iter().filter(|object| listed.contains_key(*object)) {
        process.delete(vault, object).await.unwrap();
        lengths.remove(object);
    }
    let kept: BTreeSet<String> =
        listed.iter().filter(|(object, _)| !told.deleting.contains(*object)).map(|(_, place)| place.clone()).collect();
    process.vaults.sweep().await.unwrap();
    let places: BTreeSet<String> = process.vaults.store().places().await.into_iter().collect();
    assert_eq!(places, kept, "the store and the catalogue do not agree");
    let totals = process.totals(vault.account).await;
    let now = process.vaults.catalogue().vault(vault.account, vault.id).await.unwrap();
    let expected = VaultTotals { bytes: lengths.values().sum(), objects: kept.len() as u64, reserved: 0 };
    assert_eq!((totals, process.staged()), (expected, 0));
    assert_eq!((now.bytes, now.objects), (totals.bytes, totals.objects));
    told.stored.retain(|object, _| !told.deleting.contains(object));
    told.deleting.clear();
}
