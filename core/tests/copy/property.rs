//! Any history of any folder, copied to repositories of any sizes.

use super::common::edits::{Edit, settle};
use super::common::forest::{Forest, Sizes};
use super::common::vault::Vault;
use super::common::{assert_sound, back_up, cases, create_with, reopen, scratch};
use super::{assert_copied, copy};
use proptest::prelude::*;
use proptest::test_runner::{TestCaseResult, TestRunner};
use std::fs;
use strongroom::{Outcome, Source};

/// Copies now and then while a folder changes, to two repositories of which one is not always there.
fn history(forest: &Forest, rounds: &[(Vec<Edit>, bool, bool)], sizes: [Sizes; 3]) -> TestCaseResult {
    let scratch = scratch();
    let source = scratch.path().join("source");
    fs::create_dir(&source).unwrap();
    forest.plant(&source, sizes[0]);
    let vaults = [Vault::new(), Vault::new(), Vault::new()];
    for (vault, sizes) in vaults.iter().zip(sizes) {
        create_with(vault.clone(), &sizes.options());
    }
    let open = |number: usize| reopen(vaults[number].clone());
    let last = (Vec::new(), true, true);
    for (edits, first, second) in rounds.iter().chain([&last]) {
        edits.iter().for_each(|edit| edit.apply(&source, sizes[0]));
        settle(&source);
        back_up(&open(0), Source::paths([&source]));
        let ends: Vec<_> = [(1, first), (2, second)]
            .into_iter()
            .filter(|(_, there)| **there)
            .map(|(number, _)| open(number))
            .collect();
        if !ends.is_empty() {
            let report = copy(&open(0), &ends.iter().collect::<Vec<_>>());
            prop_assert_eq!(report.outcome, Outcome::Complete, "{:?}", report);
        }
    }
    for number in [1, 2] {
        assert_copied(&open(0), &open(number));
        assert_sound(&open(number));
    }
    Ok(())
}

#[test]
fn any_history_comes_over() {
    let edits = prop::collection::vec(Edit::strategy(), 0..6);
    let rounds = prop::collection::vec((edits, any::<bool>(), any::<bool>()), 0..4);
    let sizes = [(); 3].map(|()| Sizes::strategy());
    let strategy = (Forest::strategy(0..20), rounds, sizes);
    TestRunner::new(cases(24))
        .run(&strategy, |(forest, rounds, sizes)| history(&forest, &rounds, sizes))
        .unwrap_or_else(|error| panic!("{error}"));
}
