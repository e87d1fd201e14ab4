//! Rotations that break off: at every call to storage.

use super::common::fault::{Call, Fault, FaultBackend, Op};
use super::common::vault::Vault;
use super::common::{back_up, reopen, secret};
use super::town::{Holder, METHODS, Town, ctx, listed, open, shut_out};
use strongroom::{Error, ErrorKind, Repository, Result, Role, SlotMethod, Source};

/// Does what is to break off.
type Act<'a> = dyn Fn(&Repository) -> Result<u32> + 'a;

/// How many calls it makes when nothing fails.
fn calls(vault: &Vault, act: &Act<'_>) -> (u64, u64) {
    let backend = FaultBackend::new(vault.fork(), |_| None);
    let repo = Repository::open(backend.clone(), &secret()).unwrap();
    let first = backend.calls().len() as u64;
    act(&repo).unwrap();
    (first, backend.calls().len() as u64)
}

fn stays<'a>(town: &'a Town, gone: Option<&'a Holder>) -> impl Iterator<Item = &'a Holder> {
    town.holders.iter().filter(move |holder| gone.is_none_or(|gone| gone.name != holder.name))
}

fn every_call_fails(town: &Town, gone: Option<&Holder>, act: &Act<'_>) {
    let (first, last) = calls(&town.vault, act);
    assert!(last - first > 10, "{first} {last}");
    for fault in [Fault::Fail(ErrorKind::Unavailable), Fault::FailAfter(ErrorKind::Unavailable)] {
        for from_then_on in [false, true] {
            for number in first..last {
                let what = format!("{fault:?} of call {number}, from then on: {from_then_on}");
                let vault = town.vault.fork();
                let meant = fault.clone();
                let backend = FaultBackend::new(vault.clone(), move |call: &Call| {
                    let hit = call.number == number || (from_then_on && call.number > number);
                    hit.then(|| meant.clone())
                });
                let repo = Repository::open(backend, &secret()).unwrap();
                // Somebody who is to be shut out, and keeps what it has.
                let kept = gone.map(|gone| open(vault.clone(), gone).unwrap());
                let done: Result<u32, Error> = act(&repo);
                let shut_out = done.is_ok();
                if let Err(error) = &done {
                    assert_eq!(error.kind(), ErrorKind::Unavailable, "{what}: {error:?}");
                }
                // Everybody who stays can open, and read what was there before.
                for holder in stays(town, gone) {
                    let repo = open(vault.clone(), holder).unwrap_or_else(|error| panic!("{what}: {error:?}"));
                    let found = listed(&repo);
                    assert!(found.iter().flatten().any(|one| one.id == town.first), "{what}: {found:?}");
                }
                if shut_out {
                    assert_shut_out(town, &vault, kept.as_ref(), &what);
                }
                // Doing it again makes it whole, by whichever handle.
                let again = reopen(vault.clone());
                act(&again).unwrap_or_else(|error| panic!("{what}: trying again: {error:?}"));
                assert_shut_out(town, &vault, kept.as_ref(), &what);
                let made: Vec<_> = listed(&again).into_iter().map(|one| one.unwrap().id).collect();
                for holder in stays(town, gone) {
                    let repo = open(vault.clone(), holder).unwrap();
                    let found: Vec<_> = listed(&repo).into_iter().map(|one| one.unwrap().id).collect();
                    assert!(made.iter().all(|one| found.contains(one)), "{what}: {}", holder.name);
                    if holder.role.can_write() {
                        back_up(&repo, Source::paths([town.source()]));
                    }
                }
            }
        }
    }
}

/// Nothing that is written now is for who was shut out.
fn assert_shut_out(town: &Town, vault: &Vault, kept: Option<&Repository>, what: &str) {
    let owner = reopen(vault.clone());
    let later = *back_up(&owner, Source::paths([town.source()])).snapshot().unwrap();
    if let Some(kept) = kept {
        let found = listed(kept);
        assert!(found.iter().flatten().all(|one| one.id != later), "{what}");
        assert!(found.iter().flatten().any(|one| one.id == town.first), "{what}");
    }
}

#[test]
fn a_rotation_whose_every_call_fails_once_or_from_then_on() {
    let town = Town::with(&[SlotMethod::AccountKey, SlotMethod::Device], &[Role::Writer, Role::Maintainer]);
    every_call_fails(&town, None, &|repo| Ok(repo.rotate(&ctx())?.epoch));
}

#[test]
fn a_revocation_whose_every_call_fails_once_or_from_then_on() {
    let town = Town::with(&[SlotMethod::AccountKey, SlotMethod::Device], &[Role::Reader]);
    // The second time, in an epoch that is not the first, with slots to be removed.
    town.owner.rotate(&ctx()).unwrap();
    let gone = town.holder(SlotMethod::Device, Role::Reader);
    let device = town.owner.devices().unwrap().into_iter().find(|device| device.has_key).unwrap().id;
    every_call_fails(&town, Some(gone), &|repo| {
        let revocation = repo.revoke_device(&device, &shut_out(), &ctx())?;
        Ok(revocation.rotation.unwrap().epoch)
    });
}

#[test]
fn a_removal_whose_every_call_fails_once_or_from_then_on() {
    let town = Town::with(&[SlotMethod::AccountKey], &[Role::Writer, Role::Reader]);
    let gone = town.holder(SlotMethod::AccountKey, Role::Reader);
    let slot = town.slot(gone);
    let device = town.owner.keys().unwrap().into_iter().find(|one| one.id == slot).unwrap().device.unwrap();
    every_call_fails(&town, Some(gone), &|repo| match repo.remove_key(&slot, &shut_out(), &ctx()) {
        Ok(removal) => Ok(removal.rotation.unwrap().epoch),
        // It is gone already, as the first of two tries had come that far.
        Err(error) if error.kind() == ErrorKind::NotFound => {
            Ok(repo.revoke_device(&device, &shut_out(), &ctx())?.rotation.unwrap().epoch)
        }
        Err(error) => Err(error),
    });
}

/// Another owner does the same in between, at every call.
#[test]
fn two_owners_rotating_at_once_come_to_one_epoch_for_all() {
    let town = Town::with(&[METHODS[2], METHODS[3]], &[Role::Writer, Role::Reader]);
    let act = |repo: &Repository| Ok(repo.rotate(&ctx())?.epoch);
    let (first, last) = calls(&town.vault, &act);
    for number in first..last {
        let vault = town.vault.fork();
        let other = vault.clone();
        let backend = FaultBackend::new(vault.clone(), move |call: &Call| {
            if call.number == number {
                reopen(other.clone()).rotate(&ctx()).unwrap();
            }
            None
        });
        let repo = Repository::open(backend, &secret()).unwrap();
        let report = repo.rotate(&ctx()).unwrap();
        let epoch = reopen(vault.clone()).epoch().unwrap();
        assert!(report.epoch <= epoch && (2..=3).contains(&epoch), "call {number}: {} {epoch}", report.epoch);
        for holder in &town.holders {
            back_up(&open(vault.clone(), holder).unwrap(), Source::paths([town.source()]));
        }
    }
}

/// Each shuts another device out. Neither of these may know an epoch that anything is written under afterwards.
#[test]
fn two_owners_revoking_at_once_shut_both_out() {
    let town = Town::with(&[SlotMethod::Device], &[Role::Reader, Role::Writer, Role::Owner]);
    let id = |role: Role| {
        let devices = town.owner.devices().unwrap();
        devices.into_iter().find(|device| device.role == role).unwrap().id
    };
    let (reader, writer) = (id(Role::Reader), id(Role::Writer));
    let act = |repo: &Repository| {
        let revocation = repo.revoke_device(&reader, &shut_out(), &ctx())?;
        Ok(revocation.rotation.unwrap().epoch)
    };
    let (first, last) = calls(&town.vault, &act);
    let mut puts = 0;
    for number in first..last {
        let vault = town.vault.fork();
        let other = vault.clone();
        let backend = FaultBackend::new(vault.clone(), move |call: &Call| {
            if call.number == number {
                reopen(other.clone()).revoke_device(&writer, &shut_out(), &ctx()).unwrap();
            }
            None
        });
        let kept: Vec<Repository> = [Role::Reader, Role::Writer]
            .map(|role| open(vault.clone(), town.holder(SlotMethod::Device, role)).unwrap())
            .into_iter()
            .collect();
        // Each takes the newest keys it can get hold of, all the time.
        let repo = Repository::open(backend.clone(), &secret()).unwrap();
        repo.revoke_device(&reader, &shut_out(), &ctx()).unwrap();
        puts += backend.calls().iter().filter(|call| call.op == Op::Put).count();
        for repo in &kept {
            assert_shut_out(&town, &vault, Some(repo), &format!("call {number}"));
        }
    }
    assert!(puts > 0);
}
