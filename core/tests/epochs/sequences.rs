//! Any sequence of changes: who should open does, with all that is there, and nobody else reads what is new.

use super::common::{back_up, cases};
use super::town::{Holder, METHODS, Town, ctx, listed, open, settle_holder, shut_out};
use proptest::prelude::*;
use strongroom::{Cost, DeviceId, Repository, Role, Secret, SlotId, SlotMethod, Source};

#[derive(Debug, Clone)]
enum Step {
    Add(SlotMethod, Role),
    Remove(usize),
    Revoke(usize),
    Rotate,
    ChangePassphrase(usize),
    BackUp(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (prop::sample::select(METHODS.as_slice()), prop::sample::select(&[Role::Writer, Role::Reader, Role::Maintainer][..]))
            .prop_map(|(method, role)| Step::Add(method, role)),
        2 => any::<prop::sample::Index>().prop_map(|at| Step::Remove(at.index(100))),
        2 => any::<prop::sample::Index>().prop_map(|at| Step::Revoke(at.index(100))),
        3 => Just(Step::Rotate),
        2 => any::<prop::sample::Index>().prop_map(|at| Step::ChangePassphrase(at.index(100))),
        2 => any::<prop::sample::Index>().prop_map(|at| Step::BackUp(at.index(100))),
    ]
}

struct Member {
    holder: Holder,
    /// Opened as soon as it was added, and from then on.
    repo: Repository,
}

fn place(town: &Town, member: &Member) -> (SlotId, Option<DeviceId>) {
    let current = member.repo.keys().unwrap().into_iter().find(|slot| slot.current);
    let slots = town.owner.keys().unwrap();
    // A device's first slot is replaced when keys are rotated.
    let newest = slots.iter().rev().find(|slot| slot.label == member.holder.name).unwrap();
    let current = current.unwrap_or_else(|| newest.clone());
    (current.id, current.device)
}

proptest! {
    #![proptest_config(cases(12))]

    #[test]
    fn whatever_is_done_to_keys_who_stays_reads_all_and_who_went_nothing_new(steps in prop::collection::vec(step(), 1..14)) {
        let town = Town::with(&[SlotMethod::Device], &[Role::Reader]);
        let mut snapshots = vec![town.first];
        let mut members: Vec<Member> = Vec::new();
        let mut gone: Vec<(Member, usize)> = Vec::new();
        let mut epoch = 1;
        for (number, step) in steps.into_iter().enumerate() {
            match step {
                Step::Add(method, role) => {
                    let holder = settle_holder(&town.owner, method, role, u8::try_from(number + 50).unwrap());
                    let repo = town.open(&holder);
                    members.push(Member { holder, repo });
                }
                Step::Remove(at) | Step::Revoke(at) if !members.is_empty() => {
                    let member = members.remove(at % members.len());
                    let (slot, device) = place(&town, &member);
                    // It takes all the keys that it can get while it can.
                    listed(&member.repo);
                    if matches!(step, Step::Remove(_)) {
                        let removal = town.owner.remove_key(&slot, &shut_out(), &ctx()).unwrap();
                        prop_assert_eq!(removal.revoked, device);
                    } else {
                        town.owner.revoke_device(&device.unwrap(), &shut_out(), &ctx()).unwrap();
                    }
                    epoch += 1;
                    gone.push((member, snapshots.len()));
                }
                Step::Rotate => {
                    let report = town.owner.rotate(&ctx()).unwrap();
                    epoch += 1;
                    prop_assert_eq!(report.handed_out as usize, members.len() + 1);
                }
                Step::ChangePassphrase(at) if !members.is_empty() => {
                    let at = at % members.len();
                    let member = &mut members[at];
                    if member.holder.name.starts_with("passphrase") {
                        member.holder.secret = Secret::passphrase(format!("changed in step {number}"));
                        member.repo.change_passphrase(&member.holder.secret, Cost::FLOOR).unwrap();
                    }
                }
                Step::BackUp(at) => {
                    std::fs::write(town.source().join(format!("step {number}")), [number as u8; 2000]).unwrap();
                    let by = members.get(at % (members.len() + 1)).filter(|member| member.holder.role.can_write());
                    let by = by.map_or(&town.owner, |member| &member.repo);
                    let made = *back_up(by, Source::paths([town.source()])).snapshot().unwrap();
                    snapshots.push(made);
                }
                _ => {}
            }
            prop_assert_eq!(town.owner.epoch().unwrap(), epoch);
        }
        std::fs::write(town.source().join("last"), "last").unwrap();
        snapshots.push(*back_up(&town.owner, Source::paths([town.source()])).snapshot().unwrap());
        for Member { holder, repo } in &members {
            for repo in [repo, &open(town.vault.clone(), holder).unwrap()] {
                let mut found: Vec<_> = listed(repo).into_iter().map(|one| one.unwrap().id).collect();
                found.sort();
                let mut all = snapshots.clone();
                all.sort();
                prop_assert_eq!(&found, &all, "{}", &holder.name);
            }
        }
        for (Member { holder, repo }, known) in &gone {
            prop_assert!(open(town.vault.clone(), holder).is_err());
            let found: Vec<_> = listed(repo).into_iter().flatten().map(|one| one.id).collect();
            for (number, snapshot) in snapshots.iter().enumerate() {
                prop_assert_eq!(found.contains(snapshot), number < *known, "{} {}", &holder.name, number);
            }
        }
        for Member { holder, .. } in &members {
            let newest = [*snapshots.last().unwrap()];
            town.assert_does_its_part(&open(town.vault.clone(), holder).unwrap(), &newest, &holder.name);
        }
    }
}
