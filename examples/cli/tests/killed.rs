//! The command killed at random moments, as a power cut or the system's memory killer do it.

mod common;

use common::{INIT, Setup};
use std::fs::{self, File};
use std::io::Read;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

const SOURCE: u64 = 96 << 20;
const PACK: u64 = 16 << 20;
const KILLS: u64 = 8;

fn random() -> u64 {
    let mut bytes = [0; 8];
    File::open("/dev/urandom").unwrap().read_exact(&mut bytes).unwrap();
    u64::from_le_bytes(bytes)
}

/// Bytes of all packs that are whole.
fn packs(repository: &Path) -> u64 {
    let Ok(shards) = fs::read_dir(repository.join("packs")) else { return 0 };
    let files = shards.flat_map(|shard| fs::read_dir(shard.unwrap().path()).unwrap()).map(|file| file.unwrap());
    files
        .filter(|file| !file.file_name().as_encoded_bytes().starts_with(b"."))
        .map(|f| f.metadata().unwrap().len())
        .sum()
}

#[test]
fn a_backup_that_is_killed_again_and_again_stores_nothing_twice() {
    let setup = Setup::empty();
    setup.run(INIT).expect(0);
    fs::create_dir(setup.source()).unwrap();
    // One that is larger than several packs, and some that are not.
    for (number, length) in [SOURCE / 2, SOURCE / 4, SOURCE / 8, SOURCE / 8].into_iter().enumerate() {
        let mut file = File::create(setup.source().join(number.to_string())).unwrap();
        std::io::copy(&mut File::open("/dev/urandom").unwrap().take(length), &mut file).unwrap();
    }
    std::thread::sleep(Duration::from_millis(50));
    let mut killed = 0;
    let mut sent = 0;
    for _ in 0..KILLS {
        let mut command = setup.command();
        // Slow enough to be caught at it by any of these moments.
        command.args(["backup", "--quiet", "--limit-upload", "48M", "source"]);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(100 + random() % 700));
        if child.try_wait().unwrap().is_some() {
            break;
        }
        child.kill().unwrap();
        child.wait().unwrap();
        killed += 1;
        let now = packs(&setup.repository());
        assert!(now >= sent);
        sent = now;
    }
    assert!(killed > 0, "it was never killed in time");
    let report = setup.run(["backup", "--json", "source"]).expect(0).object("summary");
    let all = packs(&setup.repository());
    let what = format!("killed {killed} times with {sent} of {all} bytes sent; {report}");
    // All that had arrived whole was found: what differs is nodes of trees, footers and padding.
    assert!(all < SOURCE + SOURCE / 50 + PACK / 2, "{what}");
    assert!(report["stored_bytes"].as_u64().unwrap() <= SOURCE + SOURCE / 50 + PACK / 2 - sent, "{what}");
    setup.run(["check", "--read-data", "--verify-content"]).expect(0);
    setup.run(["restore", "latest", "--target", "restored"]).expect(0);
    assert!(setup.differences("restored").is_empty());
    println!("{what}");
}
