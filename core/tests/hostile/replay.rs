//! Objects of another time or place.

use super::common::noise;
use super::victim::Victim;
use strongroom::{CheckKind, ErrorKind, Folder, Repository};

#[test]
fn an_older_state_of_the_whole_is_a_repository_that_was() {
    let victim = Victim::new();
    let survey = victim.survey(victim.earlier.fork(), "the earlier state");
    assert!(survey.open.is_none() && survey.rejected.is_empty() && survey.backed_up);
    assert_eq!(survey.whole.iter().collect::<Vec<_>>(), [&victim.first]);
    // Asking for the one that is gone by its id says so.
    assert!(survey.failed.iter().all(|(kind, _)| *kind == ErrorKind::NotFound) && survey.failed.len() == 1);
}

#[test]
fn one_folder_of_an_older_state() {
    let victim = Victim::new();
    for folder in Folder::ALL {
        let vault = victim.vault.fork();
        for name in victim.vault.names(folder) {
            vault.remove(&name);
        }
        for name in victim.earlier.names(folder) {
            vault.replace(&name, victim.earlier.bytes(&name));
        }
        let survey = victim.survey(vault, &format!("the earlier {folder:?}"));
        assert!(survey.open.is_none() && survey.rejected.is_empty(), "{survey:?}");
        // What the first needs was all there then.
        assert!(survey.whole.contains(&victim.first), "{survey:?}");
        let needed = [Folder::Packs, Folder::Index, Folder::Snapshots].contains(&folder);
        assert_eq!(survey.whole.contains(&victim.second), !needed, "{survey:?}");
        // A pack that is listed and gone cannot be known to a backup; everything else is made good by it.
        assert!(survey.backed_up || folder == Folder::Packs, "{survey:?}");
        if folder == Folder::Packs {
            let kinds: Vec<_> = survey.check.unwrap().problems.iter().map(|problem| problem.kind).collect();
            assert!(kinds.contains(&CheckKind::MissingPack), "{kinds:?}");
        }
    }
}

/// Of the same owner, with the same secret.
#[test]
fn objects_of_another_repository_are_not_taken_for_ones_of_this() {
    let (victim, other) = (Victim::new(), Victim::new());
    // Beside the own ones.
    let vault = victim.vault.fork();
    for name in other.vault.all().iter().filter(|name| name.folder() != Folder::Root) {
        vault.replace(name, other.vault.bytes(name));
    }
    let survey = victim.survey(vault, "another repository's objects beside its own");
    assert!(survey.open.is_none() && survey.failed.is_empty() && survey.backed_up, "{survey:?}");
    assert_eq!(survey.whole, victim.snapshots());
    assert_eq!(survey.tags.keys().copied().collect::<Vec<_>>(), victim.snapshots().into_iter().collect::<Vec<_>>());
    let foreign = other.vault.names(Folder::Snapshots);
    for name in &foreign {
        assert!(survey.errors_name(name), "{name} is not named: {survey:?}");
    }
    // In place of the own ones, folder by folder and name by name.
    for folder in victim.folders() {
        let vault = victim.vault.fork();
        let (own, foreign) = (victim.vault.names(folder), other.vault.names(folder));
        for (number, name) in own.iter().enumerate() {
            vault.replace(name, other.vault.bytes(&foreign[number % foreign.len()]));
        }
        let survey = victim.survey(vault, &format!("the {folder:?} of another repository"));
        match folder {
            Folder::Root | Folder::Keys => {
                let kind = survey.open.as_ref().unwrap().kind();
                let kinds = [ErrorKind::WrongKey, ErrorKind::Untrusted, ErrorKind::Corrupt];
                assert!(kinds.contains(&kind), "{survey:?}");
            }
            Folder::Devices | Folder::Sessions => survey.assert_unharmed(&victim),
            Folder::Snapshots => assert!(survey.whole.is_empty() && survey.rejected.len() == own.len(), "{survey:?}"),
            Folder::Marks => assert!(survey.whole == victim.snapshots() && !survey.rejected.is_empty(), "{survey:?}"),
            _ => assert!(survey.open.is_none() && !survey.check.as_ref().unwrap().is_sound(), "{survey:?}"),
        }
    }
    // The whole of it is the other repository, which who kept the owner's key of this one can tell.
    assert_ne!(
        Repository::open(victim.vault.clone(), &super::common::secret()).unwrap().id(),
        Repository::open(other.vault.clone(), &super::common::secret()).unwrap().id()
    );
}

/// Storage that shows other bytes under a name than it did before.
#[test]
fn a_pack_that_changes_between_two_reads() {
    let victim = Victim::new();
    let pack = victim.earlier.names(Folder::Packs).remove(0);
    let vault = victim.vault.fork();
    let repo = Repository::open(vault.clone(), &super::common::secret()).unwrap();
    repo.list(&victim.second, &strongroom::EntryPath::root(), true).unwrap().for_each(drop);
    vault.replace(&pack, noise(3, victim.vault.bytes(&pack).len()));
    let target = tempfile::tempdir_in(victim.folder()).unwrap();
    let options = strongroom::RestoreOptions::to(target.path());
    match repo.restore(&victim.second, &options, &strongroom::Context::new()) {
        Ok(report) => assert!(report.problem_count > 0, "{report:?}"),
        Err(error) => assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}"),
    }
}
