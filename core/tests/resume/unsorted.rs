//! Sources in any order have no checkpoints on the way: what a process sent that died is found by its ids.

use super::common::fault::{Call, Fault, FaultBackend};
use super::common::forest::Sizes;
use super::common::vault::Vault;
use super::common::{assert_sound, create, noise, reopen};
use super::packs;
use std::io::{self, Read};
use strongroom::{
    AppEntry, BackupOptions, BackupReport, Budget, Context, EntryPath, ErrorKind, IterSource, Outcome, Repository,
    Source, TarSource,
};

const PACK: u64 = Sizes::TINY.pack as u64;
/// Nodes of the tree, footers, and the padding of the last pack.
const OVERHEAD: u64 = 300 << 10;
const MEMBERS: u64 = 30;
const LENGTH: usize = 300_000;

fn tar() -> Source {
    let mut tar = tar::Builder::new(Vec::new());
    for number in (0..MEMBERS).rev() {
        let mut header = tar::Header::new_ustar();
        header.set_size(LENGTH as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, format!("{number:03}"), noise(number, LENGTH).as_slice()).unwrap();
    }
    Source::from(TarSource::new(io::Cursor::new(tar.into_inner().unwrap()))).known_as(["tar"])
}

fn rows() -> Source {
    let entry = |number: u64| {
        let path = EntryPath::parse(format!("{number:03}")).unwrap();
        AppEntry::bytes(path, noise(number, LENGTH))
    };
    Source::from(IterSource::new((0..MEMBERS).rev().map(entry).collect::<Vec<_>>())).known_as(["rows"])
}

fn whole() -> Vec<u8> {
    (0..MEMBERS).flat_map(|number| noise(number, LENGTH)).collect()
}

fn stream() -> Source {
    Source::reader(EntryPath::parse("dump").unwrap(), io::Cursor::new(whole()))
}

fn run(repo: &Repository, source: Source) -> Result<BackupReport, strongroom::Error> {
    let ctx = Context::new().budget(Budget::default().threads(2).memory(32 << 20));
    repo.backup(source, &BackupOptions::new(), &ctx)
}

#[test]
fn one_pack_at_most_is_sent_again_wherever_it_breaks_off() {
    for (source, path) in [(tar as fn() -> Source, "007"), (rows, "007"), (stream, "dump")] {
        let empty = Vault::new();
        create(empty.clone());
        let undisturbed = FaultBackend::new(empty.fork(), |_| None);
        let repo = reopen(undisturbed.clone());
        let first = undisturbed.calls().len() as u64;
        run(&repo, source()).unwrap();
        let last = undisturbed.calls().len() as u64;
        let stored = undisturbed.bytes_put();
        let (mut resumed, mut tried) = (0, 0);
        for number in first..last {
            let vault = empty.fork();
            let broken = FaultBackend::new(vault.clone(), move |call: &Call| {
                (call.number >= number).then_some(Fault::Fail(ErrorKind::Unavailable))
            });
            // Only the end of the lease may be left.
            if run(&reopen(broken), source()).is_ok() {
                continue;
            }
            tried += 1;
            let before = packs(&vault);
            let again = FaultBackend::new(vault.clone(), |_| None);
            let report = run(&reopen(again), source()).unwrap();
            assert_eq!((report.outcome, report.problem_count), (Outcome::Complete, 0));
            let sent = packs(&vault);
            assert!(
                sent <= stored + PACK + OVERHEAD,
                "call {number}: {sent} bytes, of which {before} came before it broke off"
            );
            resumed += u64::from(report.new_bytes < MEMBERS * LENGTH as u64);
            if number % 5 == 0 {
                assert_read(&reopen(vault.clone()), &report, path);
                assert_sound(&reopen(vault));
            }
        }
        assert!(tried > 10 && resumed > 6, "{resumed} of {tried}");
    }
}

fn assert_read(repo: &Repository, report: &BackupReport, path: &str) {
    let mut found = Vec::new();
    repo.open_file(report.snapshot().unwrap(), path).unwrap().read_to_end(&mut found).unwrap();
    let expected = if path == "dump" { whole() } else { noise(7, LENGTH) };
    assert!(found == expected);
}
