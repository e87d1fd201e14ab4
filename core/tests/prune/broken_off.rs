//! Pruning that broke off at a bad moment.

use super::common::fault::{Call, Fault, FaultBackend, Op};
use super::common::{assert_sound, back_up, noise, reopen, scratch};
use super::history::{History, forget, prune};
use super::time::die;
use strongroom::{AppEntry, Backend, Context, EntryPath, ErrorKind, Folder, IterSource, PruneOptions, Timestamp};

/// It told a dead session, cleaned up after one that had ended, and died before it decided. Whoever comes next finds
/// nothing of the one that ended, and must neither wait for it for ever nor take it as told.
#[test]
fn between_telling_the_dead_and_deciding() {
    let history = History::make(2);
    let vault = history.vault.clone();
    forget(&vault, &history.snapshots[0].0);
    die(vault.clone());
    // Another one is at work when it is condemned, and ends.
    let inside = vault.clone();
    let rows = (0..3_u64).map(move |number| {
        if number == 1 {
            let report = prune(&reopen(inside.clone()));
            assert_eq!((report.waiting_for.len(), report.removed_packs), (2, 0), "{report:?}");
        }
        AppEntry::bytes(EntryPath::parse(format!("{number}").as_str()).unwrap(), noise(number, 5000))
    });
    let made = *back_up(&reopen(vault.clone()), IterSource::new(rows)).snapshot().unwrap();
    let open = reopen(vault.clone()).sessions().unwrap().into_iter().find(|session| !session.ended).unwrap();
    for name in vault.names(Folder::Sessions).iter().filter(|name| name.file().starts_with(&open.id.to_string())) {
        let received = vault.stat(name).unwrap().modified;
        vault.set_time(name, Timestamp::new(received.seconds - 2 * 60 * 60, 0));
    }
    let rule = |call: &Call| {
        let decides = call.name.as_ref().is_some_and(|name| name.file().ends_with(".4"));
        (call.op == Op::Put && call.folder == Folder::Condemned && decides)
            .then_some(Fault::Fail(ErrorKind::Unavailable))
    };
    let dies = reopen(FaultBackend::new(vault.clone(), rule));
    assert_eq!(dies.prune(&PruneOptions::new(), &Context::new()).unwrap_err().kind(), ErrorKind::Unavailable);
    let stages =
        |stage: &str| vault.names(Folder::Condemned).iter().filter(|name| name.file().ends_with(stage)).count();
    assert_eq!((stages(".3"), stages(".4")), (1, 0));
    let mut removed = prune(&reopen(vault.clone())).removed_packs;
    removed += prune(&reopen(vault.clone())).removed_packs;
    assert!(removed > 0 && stages(".1") == 0, "{:?}", vault.names(Folder::Condemned));
    history.assert_restores(&reopen(vault.clone()), 1);
    let target = scratch();
    super::common::restore(&reopen(vault.clone()), &made, &target.path().join("target"));
    assert_sound(&reopen(vault));
}
