//! Single objects damaged in every way.

use super::common::noise;
use super::victim::{Survey, Victim};
use strongroom::{Context, ErrorKind, Folder, ObjectName, Outcome, Repository};

/// What has to hold whatever became of one object, by what it was.
fn judge(victim: &Victim, object: &ObjectName, survey: &Survey, what: &str) {
    let Victim { first, second, .. } = victim;
    match object.folder() {
        Folder::Root => {
            let error = survey.open.as_ref().unwrap_or_else(|| panic!("{what}: it was opened"));
            let kinds = [ErrorKind::Corrupt, ErrorKind::Unsupported, ErrorKind::Untrusted, ErrorKind::NotFound];
            assert!(kinds.contains(&error.kind()), "{what}: {error}");
            assert!(error.kind() == ErrorKind::NotFound || error.to_string().contains("config"), "{what}: {error}");
        }
        Folder::Keys => match &survey.open {
            // It was the key that was asked for.
            Some(error) => {
                let kinds = [ErrorKind::Corrupt, ErrorKind::Unsupported, ErrorKind::Untrusted, ErrorKind::WrongKey];
                assert!(kinds.contains(&error.kind()), "{what}: {error}");
            }
            None => survey.assert_unharmed(victim),
        },
        Folder::Devices | Folder::Sessions => survey.assert_unharmed(victim),
        Folder::Marks => {
            // Tags are lost, and said to be.
            assert!(
                survey.open.is_none() && survey.whole == victim.snapshots() && survey.backed_up,
                "{what}: {survey:?}"
            );
            assert!(survey.rejected.iter().any(|(_, text)| text.contains(object.file())), "{what}: {survey:?}");
            assert_eq!(survey.tags.len(), 2);
        }
        Folder::Snapshots => {
            let other = if object.file() == first.to_string() { second } else { first };
            assert!(survey.open.is_none() && survey.backed_up, "{what}: {survey:?}");
            assert_eq!(survey.whole.iter().collect::<Vec<_>>(), [other], "{what}");
            assert_eq!(survey.tags.keys().collect::<Vec<_>>(), [other], "{what}");
            let rejected: Vec<_> = survey.rejected.iter().filter(|(_, text)| text.contains(object.file())).collect();
            let kinds = [ErrorKind::Corrupt, ErrorKind::Unsupported, ErrorKind::Untrusted, ErrorKind::Forbidden];
            assert!(rejected.len() == 1 && kinds.contains(&rejected[0].0), "{what}: {survey:?}");
            assert!(survey.check_names(object), "{what}: {:?}", survey.check);
        }
        Folder::Index | Folder::Packs => {
            assert!(survey.open.is_none() && survey.rejected.is_empty(), "{what}: {survey:?}");
            // A backup takes the index at its word on what packs hold.
            assert!(survey.backed_up || object.folder() == Folder::Packs, "{what}: {survey:?}");
            assert_eq!(survey.tags.len(), 2, "{what}");
            assert!(survey.check_names(object), "{what}: {:?}", survey.check);
            let report = survey.check.as_ref().unwrap();
            assert!(!report.is_sound() || survey.whole == victim.snapshots(), "{what}: {report:?}");
        }
        Folder::Parity => {
            survey.assert_unharmed(victim);
            assert!(survey.check_names(object), "{what}: {:?}", survey.check);
        }
        Folder::Condemned => {
            assert!(survey.open.is_none() && survey.rejected.is_empty(), "{what}: {survey:?}");
            assert_eq!((&survey.whole, survey.tags.len()), (&victim.snapshots(), 2), "{what}: {survey:?}");
            assert!(survey.check_names(object), "{what}: {:?}", survey.check);
            // Who cannot know what is about to go does not write.
            let refused =
                survey.failed.iter().all(|(kind, text)| *kind != ErrorKind::Corrupt && text.contains(object.file()));
            assert!(survey.backed_up || (refused && survey.failed.len() == 1), "{what}: {survey:?}");
        }
        other => panic!("{other:?}"),
    }
}

/// Damages every object with every one of `ways`, each in a copy of the repository.
fn attack(ways: impl Fn(&[u8], &ObjectName) -> Vec<(String, Vec<u8>)>) {
    let victim = Victim::new();
    let mut count = 0;
    for object in victim.vault.all() {
        let bytes = victim.vault.bytes(&object);
        for (way, damaged) in ways(&bytes, &object) {
            assert_ne!(damaged, bytes);
            let what = format!("{object} {way}");
            let vault = victim.vault.fork();
            vault.replace(&object, damaged);
            if object.folder() == Folder::Index {
                rebuild(&victim, vault.fork(), &what);
            }
            let survey = victim.survey(vault.clone(), &what);
            judge(&victim, &object, &survey, &what);
            victim.assert_pruning_keeps(&vault, &survey, &what);
            count += 1;
        }
    }
    assert!(count > 20, "{count}");
}

/// Packs say what they hold, so a lost index is made anew.
fn rebuild(victim: &Victim, vault: super::common::vault::Vault, what: &str) {
    let repo = Repository::open(vault.clone(), &super::common::secret()).unwrap();
    let report = repo.rebuild_index(&Context::new()).unwrap();
    assert_eq!((report.outcome, report.unreadable_count), (Outcome::Complete, 0), "{what}");
    let survey = victim.survey(vault, what);
    survey.assert_unharmed(victim);
    assert!(survey.check.as_ref().unwrap().problems.is_empty(), "{what}: {survey:?}");
}

#[test]
fn truncated() {
    attack(|bytes, _| {
        let length = bytes.len();
        let mut lengths = vec![0, 1, 7, 8, 9, length / 2, length - 17, length - 1];
        lengths.dedup();
        lengths.into_iter().map(|length| (format!("cut to {length} bytes"), bytes[..length].to_vec())).collect()
    });
}

#[test]
fn extended() {
    attack(|bytes, _| {
        let with = |more: &[u8]| [bytes, more].concat();
        vec![("with a byte more".to_owned(), with(&[0])), ("with noise behind".to_owned(), with(&noise(9, 5000)))]
    });
}

#[test]
fn with_one_bit_flipped() {
    attack(|bytes, object| {
        // The header, the end, and places in between that differ from object to object.
        let length = bytes.len();
        let seed = u64::from_le_bytes(*blake3::hash(object.file().as_bytes()).as_bytes().first_chunk().unwrap());
        let places = noise(seed, 32);
        let random =
            places.chunks_exact(4).map(|bytes| u32::from_le_bytes(bytes.try_into().unwrap()) as usize % length);
        let mut positions: Vec<usize> = [0, 6, 8, 12, length - 1, length - 40].into_iter().chain(random).collect();
        positions.sort_unstable();
        positions.dedup();
        let flip = |position: usize| {
            let mut flipped = bytes.to_vec();
            flipped[position] ^= 1 << (position % 8);
            (format!("with a bit of byte {position} flipped"), flipped)
        };
        positions.into_iter().map(flip).collect()
    });
}

#[test]
fn replaced_by_rubbish() {
    attack(|bytes, object| {
        let header = &bytes[..8.min(bytes.len())];
        let rubbish = noise(u64::from(bytes[bytes.len() - 1]) + object.file().len() as u64, bytes.len());
        vec![
            ("replaced by noise".to_owned(), rubbish.clone()),
            ("replaced by noise behind its header".to_owned(), [header, &rubbish].concat()),
            ("replaced by zeros".to_owned(), vec![0; bytes.len()]),
            ("replaced by ones".to_owned(), [header, &vec![0xff; bytes.len()]].concat()),
        ]
    });
}

#[test]
fn swapped_with_another_of_its_folder_or_of_any() {
    let victim = Victim::new();
    let objects = victim.vault.all();
    let mut count = 0;
    for (number, object) in objects.iter().enumerate() {
        // Every other one of the folder, and one of each other folder.
        let others = objects
            .iter()
            .skip(number + 1)
            .filter(|other| other.folder() == object.folder() || victim.vault.names(other.folder())[0] == **other);
        for other in others {
            let vault = victim.vault.fork();
            vault.replace(object, victim.vault.bytes(other));
            vault.replace(other, victim.vault.bytes(object));
            let what = format!("{object} swapped with {other}");
            let survey = victim.survey(vault.clone(), &what);
            victim.assert_pruning_keeps(&vault, &survey, &what);
            let harmless = [Folder::Devices, Folder::Sessions];
            if object.folder() == other.folder() && !harmless.contains(&object.folder()) {
                let noticed = survey.errors_name(object) || survey.check_names(object) || survey.open.is_some();
                assert!(noticed, "{what} went unnoticed: {survey:?}");
            }
            if harmless.contains(&object.folder()) && harmless.contains(&other.folder()) {
                survey.assert_unharmed(&victim);
            }
            count += 1;
        }
    }
    assert!(count > 30, "{count}");
}

#[test]
fn withheld() {
    let victim = Victim::new();
    for object in victim.vault.all() {
        let vault = victim.vault.fork();
        vault.remove(&object);
        let what = format!("{object} withheld");
        let (to_rebuild, survey) = (vault.fork(), victim.survey(vault.clone(), &what));
        victim.assert_pruning_keeps(&vault, &survey, &what);
        match object.folder() {
            Folder::Root => assert_eq!(survey.open.as_ref().unwrap().kind(), ErrorKind::NotFound),
            Folder::Keys => {
                let kind = survey.open.as_ref().map(strongroom::Error::kind);
                assert!(kind.is_none_or(|kind| kind == ErrorKind::WrongKey), "{what}: {survey:?}");
            }
            Folder::Devices | Folder::Sessions | Folder::Parity | Folder::Condemned => survey.assert_unharmed(&victim),
            Folder::Marks => assert!(survey.tags[&victim.first].is_empty() && survey.whole == victim.snapshots()),
            Folder::Snapshots => assert!(survey.whole.len() == 1 && survey.backed_up && survey.rejected.is_empty()),
            Folder::Index => rebuild(&victim, to_rebuild, &what),
            _ => {
                assert!(survey.check_names(&object), "{what}: {:?}", survey.check);
                // Once the index says that it is gone, a backup stores again what was in it.
                let repo = Repository::open(to_rebuild.clone(), &super::common::secret()).unwrap();
                repo.rebuild_index(&Context::new()).unwrap();
                assert!(victim.survey(to_rebuild, &what).backed_up, "{what}");
            }
        }
    }
}
