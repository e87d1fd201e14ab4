//! A copy that meets a failure at any moment.

use super::common::fault::{Call, Fault, FaultBackend};
use super::common::vault::Vault;
use super::common::{assert_sound, back_up, create, create_with, noise, reopen, scratch};
use super::{OTHER, assert_copied, copy_one, snapshots};
use std::fs;
use strongroom::{Context, CopyOptions, ErrorKind, Outcome, Source};

struct Scene {
    source: Vault,
    /// With the first of two snapshots.
    destination: Vault,
}

fn scene() -> Scene {
    let scratch = scratch();
    for number in 0..6_u64 {
        fs::write(scratch.path().join(format!("{number}")), noise(number, 20_000)).unwrap();
    }
    let source = Vault::new();
    let repo = create(source.clone());
    back_up(&repo, Source::paths([scratch.path()]));
    let destination = Vault::new();
    copy_one(&repo, &create_with(destination.clone(), &OTHER.options()));
    // Enough for several packs.
    fs::write(scratch.path().join("new"), noise(100, 2_500_000)).unwrap();
    fs::write(scratch.path().join("3"), "changed").unwrap();
    let second = *back_up(&repo, Source::paths([scratch.path()])).snapshot().unwrap();
    repo.tag(&second, &["a"], &[]).unwrap();
    Scene { source, destination }
}

/// Whatever happened: what was there is whole, what counts is right, and the same call makes it good.
fn assert_recovers(scene: &Scene, destination: &Vault, what: &str) {
    let (repo, away) = (reopen(scene.source.clone()), reopen(destination.clone()));
    let copied = snapshots(&away).len();
    assert!((1..=2).contains(&copied), "{what}: {copied} snapshots");
    assert_sound(&repo);
    assert_sound(&away);
    copy_one(&repo, &away);
    assert_copied(&repo, &away);
    assert_sound(&away);
}

fn every_call_of_the_destination(fault: &Fault) {
    let scene = scene();
    let calls = |destination: &Vault, number: Option<u64>| {
        let backend = FaultBackend::new(destination.clone(), {
            let fault = fault.clone();
            move |call: &Call| (Some(call.number) == number).then(|| fault.clone())
        });
        let away = reopen(backend.clone());
        let opened = backend.calls().len() as u64;
        let report = reopen(scene.source.clone()).copy_to(&[&away], &CopyOptions::new(), &Context::new()).unwrap();
        (opened, backend.calls().len() as u64, report)
    };
    let (first, last, _) = calls(&scene.destination.fork(), None);
    assert!(last - first > 15, "{first} to {last}");
    let mut failed = 0;
    for number in first..last {
        let destination = scene.destination.fork();
        let (_, _, report) = calls(&destination, Some(number));
        let what = format!("{fault:?} of call {number}");
        match &report.destinations[0].error {
            Some(error) => {
                failed += 1;
                assert_eq!(report.outcome, Outcome::Partial, "{what}");
                if let Fault::Fail(kind) | Fault::FailAfter(kind) = fault {
                    assert_eq!(error.kind(), *kind, "{what}: {error:?}");
                }
            }
            // One that can be done without, such as the end of a lease.
            None => assert_eq!(snapshots(&reopen(destination.clone())).len(), 2, "{what}"),
        }
        assert_recovers(&scene, &destination, &what);
    }
    assert!(failed > 8, "{failed}");
}

#[test]
fn every_call_of_the_destination_fails_once() {
    every_call_of_the_destination(&Fault::Fail(ErrorKind::Unavailable));
}

#[test]
fn every_answer_of_the_destination_is_lost_once() {
    every_call_of_the_destination(&Fault::FailAfter(ErrorKind::Unavailable));
}

/// As when the process ends: nothing is done from some call on.
#[test]
fn the_destination_is_gone_from_any_call_on() {
    let scene = scene();
    let mut number = 0;
    loop {
        let destination = scene.destination.fork();
        let backend = FaultBackend::new(destination.clone(), |_| None);
        let away = reopen(backend.clone());
        let from = backend.calls().len() as u64 + number;
        backend.set_rule(move |call: &Call| (call.number >= from).then_some(Fault::Fail(ErrorKind::Unavailable)));
        let report = reopen(scene.source.clone()).copy_to(&[&away], &CopyOptions::new(), &Context::new()).unwrap();
        assert_recovers(&scene, &destination, &format!("gone from call {number} on"));
        if (backend.calls().len() as u64) < from || report.destinations[0].error.is_none() {
            break;
        }
        number += 1;
    }
    assert!(number > 15, "{number}");
}

#[test]
fn every_call_of_the_source_fails_once() {
    let scene = scene();
    let undisturbed = FaultBackend::new(scene.source.clone(), |_| None);
    let repo = reopen(undisturbed.clone());
    let first = undisturbed.calls().len() as u64;
    copy_one(&repo, &reopen(scene.destination.fork()));
    let last = undisturbed.calls().len() as u64;
    assert!(last - first > 10, "{first} to {last}");
    for kind in [ErrorKind::Unavailable, ErrorKind::NotFound] {
        for number in first..last {
            let destination = scene.destination.fork();
            let backend = FaultBackend::new(scene.source.clone(), move |call: &Call| {
                (call.number == number).then_some(Fault::Fail(kind))
            });
            let away = reopen(destination.clone());
            let what = format!("{kind:?} of call {number}");
            match reopen(backend).copy_to(&[&away], &CopyOptions::new(), &Context::new()) {
                Err(error) => assert_eq!(error.kind(), kind, "{what}: {error:?}"),
                Ok(report) if report.outcome == Outcome::Complete => {
                    // A snapshot that is listed and then gone has been removed meanwhile.
                    assert!(report.snapshots == 2 || kind == ErrorKind::NotFound, "{what}");
                    assert!(snapshots(&away).len() as u64 >= report.snapshots, "{what}");
                }
                Ok(report) => {
                    // What a storage says is not there counts as lost, and is named, or the copy does not count.
                    assert_eq!(kind, ErrorKind::NotFound, "{what}");
                    let end = &report.destinations[0];
                    let named = end.copied.iter().any(|copy| !copy.problems.is_empty());
                    assert!(named || end.error.is_some() || !report.rejected.is_empty(), "{what}: {report:?}");
                    continue;
                }
            }
            assert_recovers(&scene, &destination, &what);
        }
    }
}
