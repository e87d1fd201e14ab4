//! Objects of a later version are unsupported, and never taken for damaged.

use super::common::vault::Vault;
use super::victim::Victim;
use strongroom::{CheckOptions, Context, ErrorKind, Folder, ObjectName, PruneOptions, Repository, SnapshotFilter};

/// The byte of every object that says its version.
const VERSION: usize = 7;

/// The same object in version 2, under the name a writer of that version would give it.
fn of_version_2(vault: &Vault, object: &ObjectName) -> ObjectName {
    let mut bytes = vault.bytes(object);
    assert_eq!(bytes[VERSION], 1, "{object}");
    bytes[VERSION] = 2;
    let name = match object.folder() {
        // Named by their hashes.
        Folder::Packs | Folder::Index | Folder::Snapshots | Folder::Marks => {
            ObjectName::new(object.folder(), blake3::hash(&bytes).to_hex().to_string()).unwrap()
        }
        _ => object.clone(),
    };
    vault.remove(object);
    vault.replace(&name, bytes);
    name
}

fn open(vault: &Vault) -> strongroom::Result<Repository> {
    Repository::open(vault.clone(), &super::common::secret())
}

#[test]
fn a_repository_of_a_later_version() {
    let victim = Victim::new();
    let vault = victim.vault.fork();
    of_version_2(&vault, &ObjectName::config());
    let error = open(&vault).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
    assert!(error.to_string().contains("config") && error.to_string().contains("version 2"), "{error}");
}

#[test]
fn keys_of_a_later_version() {
    let victim = Victim::new();
    let vault = victim.vault.fork();
    for key in vault.names(Folder::Keys) {
        of_version_2(&vault, &key);
    }
    let error = open(&vault).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
    assert!(error.to_string().contains("keys/"), "{error}");
    // One of them beside another does not matter.
    let vault = victim.vault.fork();
    for key in vault.names(Folder::Keys) {
        let vault = vault.fork();
        of_version_2(&vault, &key);
        match open(&vault) {
            Ok(repo) => assert_eq!(repo.keys().unwrap().len(), 1),
            Err(error) => assert!([ErrorKind::Unsupported, ErrorKind::WrongKey].contains(&error.kind()), "{error}"),
        }
    }
}

#[test]
fn snapshots_and_marks_of_a_later_version() {
    let victim = Victim::new();
    for folder in [Folder::Snapshots, Folder::Marks] {
        let vault = victim.vault.fork();
        let name = of_version_2(&vault, &victim.vault.names(folder)[0]);
        let repo = open(&vault).unwrap();
        let found: Vec<_> = repo.snapshots(&SnapshotFilter::all()).unwrap().collect();
        let errors: Vec<_> = found.iter().filter_map(|one| one.as_ref().err()).collect();
        assert_eq!(errors.len(), 1, "{found:?}");
        assert_eq!(errors[0].kind(), ErrorKind::Unsupported, "{}", errors[0]);
        assert!(errors[0].to_string().contains(name.file()), "{}", errors[0]);
        let readable = if folder == Folder::Snapshots { 1 } else { 2 };
        assert_eq!(found.iter().filter(|one| one.is_ok()).count(), readable);
    }
}

#[test]
fn index_objects_of_a_later_version() {
    let victim = Victim::new();
    let vault = victim.vault.fork();
    let names: Vec<_> = vault.names(Folder::Index).iter().map(|name| of_version_2(&vault, name)).collect();
    let repo = open(&vault).unwrap();
    let report = repo.check(&CheckOptions::new(), &Context::new()).unwrap();
    for name in &names {
        let problem = report.problems.iter().find(|problem| problem.object.contains(name.file()));
        assert!(problem.is_some_and(|problem| problem.detail.contains("version 2")), "{:?}", report.problems);
    }
    // What they list is absent until it is listed anew.
    repo.rebuild_index(&Context::new()).unwrap();
    let survey = victim.survey(vault, "with index objects of a later version beside those of this");
    assert!(survey.whole == victim.snapshots() && survey.backed_up, "{survey:?}");
}

#[test]
fn packs_of_a_later_version() {
    let victim = Victim::new();
    let vault = victim.vault.fork();
    let name = vault.names(Folder::Packs).remove(0);
    let renamed = of_version_2(&vault, &name);
    let repo = open(&vault).unwrap();
    let report = repo.rebuild_index(&Context::new()).unwrap();
    let unreadable: Vec<_> = report.unreadable.iter().filter(|pack| pack.name == renamed).collect();
    assert_eq!(unreadable.len(), 1, "{report:?}");
    assert!(unreadable[0].detail.contains("version 2"), "{}", unreadable[0].detail);
    // Under the name that is listed, it is the header that content is read by, unless parity heals it.
    let vault = victim.vault.fork();
    vault.names(Folder::Parity).iter().for_each(|name| vault.remove(name));
    for name in vault.names(Folder::Packs) {
        let mut bytes = vault.bytes(&name);
        bytes[VERSION] = 2;
        vault.replace(&name, bytes);
    }
    let error = open(&vault)
        .unwrap()
        .list(&victim.first, &strongroom::EntryPath::root(), true)
        .and_then(|mut entries| entries.try_for_each(|entry| entry.map(drop)));
    assert_eq!(error.unwrap_err().kind(), ErrorKind::Unsupported);
}

#[test]
fn device_lists_and_sessions_of_a_later_version() {
    let victim = Victim::new();
    // A list that this build cannot read may hold a revocation; it is not the owner's in its signature, though.
    let vault = victim.vault.fork();
    of_version_2(&vault, &victim.vault.names(Folder::Devices)[0]);
    victim.survey(vault, "a device list with another version").assert_unharmed(&victim);
    let vault = victim.vault.fork();
    for name in victim.vault.names(Folder::Sessions) {
        of_version_2(&vault, &name);
    }
    victim.survey(vault, "sessions of another version").assert_unharmed(&victim);
}

#[test]
fn condemnations_of_a_later_version() {
    let victim = Victim::new();
    for name in victim.vault.names(Folder::Condemned) {
        let vault = victim.vault.fork();
        of_version_2(&vault, &name);
        let what = format!("{name} in another version");
        let survey = victim.survey(vault.clone(), &what);
        assert_eq!(survey.whole, victim.snapshots(), "{survey:?}");
        // What it lists may be about to go: nobody builds on it, and nobody removes anything.
        let lists = [".1", ".4"].iter().any(|stage| name.file().ends_with(stage));
        assert_eq!(survey.backed_up, !lists, "{survey:?}");
        let packs = vault.names(Folder::Packs);
        let error = open(&vault).unwrap().prune(&PruneOptions::new(), &Context::new()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
        assert!(error.to_string().contains(name.file()), "{error}");
        assert_eq!(vault.names(Folder::Packs), packs);
    }
}

#[test]
fn parity_of_a_later_version() {
    let victim = Victim::new();
    let vault = victim.vault.fork();
    let names = vault.names(Folder::Parity);
    for name in &names {
        of_version_2(&vault, name);
    }
    let survey = victim.survey(vault, "parity of another version");
    survey.assert_unharmed(&victim);
    assert!(names.iter().all(|name| survey.check_names(name)), "{:?}", survey.check);
}
