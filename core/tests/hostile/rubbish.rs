//! Things that nobody of ours put there.

use super::common::{noise, secret};
use super::victim::Victim;
use std::fs;
use strongroom::{Backend, ErrorKind, Folder, LocalBackend, ObjectName, Repository};

/// Whoever may add objects and nothing else, in every folder, under names that look right and names that do not.
#[test]
fn rubbish_in_every_folder_is_in_nobodys_way() {
    let victim = Victim::new();
    for folder in Folder::ALL {
        let vault = victim.vault.fork();
        let mut added = Vec::new();
        for number in 0..60_u64 {
            let bytes = match number % 4 {
                0 => Vec::new(),
                1 => noise(number, 300),
                // The beginning of an object of this folder, and the whole of one of another.
                2 => match victim.vault.names(folder).first() {
                    Some(name) => victim.vault.bytes(name)[..40].to_vec(),
                    None => b"SRoom\0\x0d\x01 and then nothing that anybody sealed".to_vec(),
                },
                _ => victim.vault.bytes(&ObjectName::config()),
            };
            let file = match number % 5 {
                0 => format!("{number}"),
                1 => blake3::hash(&bytes).to_hex().to_string(),
                2 => blake3::hash(&number.to_le_bytes()).to_hex().to_string(),
                3 if folder == Folder::Condemned => {
                    let stage = 1 + number % 4;
                    format!("{}-{number:08x}.{stage}", &blake3::hash(&number.to_le_bytes()).to_hex()[..32])
                }
                3 => blake3::hash(&number.to_le_bytes()).to_hex()[..32].to_owned(),
                _ => format!("{}.{number:08x}", &blake3::hash(&number.to_le_bytes()).to_hex()[..32]),
            };
            let name = ObjectName::new(folder, file).unwrap();
            if vault.put(&name, &[&bytes]).is_ok() {
                added.push(name);
            }
        }
        assert!(added.len() > 30);
        let survey = victim.survey(vault.clone(), &format!("rubbish in {folder:?}"));
        assert!(survey.open.is_none() && survey.failed.is_empty() && survey.backed_up, "{folder:?}: {survey:?}");
        assert_eq!(survey.whole, victim.snapshots(), "{folder:?}");
        assert_eq!(survey.tags.len(), 2, "{folder:?}");
        assert_eq!(survey.tags[&victim.first], ["kept"], "{folder:?}");
        if folder == Folder::Snapshots {
            for name in added {
                assert!(survey.errors_name(&name), "{name} is not named");
            }
        }
        // None of it is removed by anybody but who is asked to.
        assert!(vault.names(folder).len() > 30);
    }
}

fn local(victim: &Victim, name: &str) -> LocalBackend {
    let backend = LocalBackend::new(victim.folder().join(name)).sync(false);
    for object in victim.vault.all() {
        backend.put(&object, &[&victim.vault.bytes(&object)]).unwrap();
    }
    backend
}

fn path(backend: &LocalBackend, object: &ObjectName) -> std::path::PathBuf {
    match object.folder() {
        Folder::Root => backend.root().join(object.file()),
        Folder::Packs => backend.root().join("packs").join(&object.file()[..2]).join(object.file()),
        folder => backend.root().join(folder.name()).join(object.file()),
    }
}

#[test]
fn a_folder_a_pipe_or_a_device_in_place_of_an_object() {
    let victim = Victim::new();
    for way in ["folder", "pipe", "link to nowhere", "link to itself", "link to a device"] {
        for (number, object) in victim.vault.all().into_iter().enumerate() {
            let backend = local(&victim, &format!("{way} {number}"));
            let at = path(&backend, &object);
            fs::remove_file(&at).unwrap();
            match way {
                "folder" => fs::create_dir(&at).unwrap(),
                "pipe" => rustix::fs::mknodat(
                    rustix::fs::CWD,
                    &at,
                    rustix::fs::FileType::Fifo,
                    rustix::fs::Mode::from_raw_mode(0o600),
                    0,
                )
                .unwrap(),
                "link to nowhere" => std::os::unix::fs::symlink("nowhere", &at).unwrap(),
                "link to itself" => std::os::unix::fs::symlink(&at, &at).unwrap(),
                _ => std::os::unix::fs::symlink("/dev/zero", &at).unwrap(),
            }
            let what = format!("{object} is a {way}");
            let survey = victim.survey(backend.clone(), &what);
            match object.folder() {
                Folder::Root => {
                    let error = survey.open.as_ref().unwrap();
                    let kinds = [ErrorKind::Corrupt, ErrorKind::NotFound, ErrorKind::Io];
                    assert!(kinds.contains(&error.kind()), "{what}: {error}");
                }
                Folder::Keys => {
                    let kind = survey.open.as_ref().map(strongroom::Error::kind);
                    assert!(
                        kind.is_none_or(|kind| [ErrorKind::WrongKey, ErrorKind::Corrupt].contains(&kind)),
                        "{what}"
                    );
                }
                Folder::Devices | Folder::Sessions => survey.assert_unharmed(&victim),
                Folder::Snapshots => assert!(survey.whole.len() == 1 && survey.backed_up, "{what}: {survey:?}"),
                Folder::Marks => assert_eq!(survey.whole, victim.snapshots(), "{what}"),
                _ => {
                    let sound = survey.check.as_ref().unwrap().is_sound();
                    assert!(!sound || survey.whole == victim.snapshots(), "{what}: {survey:?}");
                }
            }
            fs::remove_dir_all(backend.root()).unwrap();
        }
    }
}

/// A file in place of each folder, and nothing at all in it.
#[test]
fn a_file_in_place_of_a_folder() {
    let victim = Victim::new();
    for folder in victim.folders().into_iter().filter(|folder| *folder != Folder::Root) {
        let backend = local(&victim, folder.name());
        fs::remove_dir_all(backend.root().join(folder.name())).unwrap();
        fs::write(backend.root().join(folder.name()), "a file").unwrap();
        let survey = victim.survey(backend.clone(), &format!("{} is a file", folder.name()));
        let opened = survey.open.is_none();
        assert_eq!(opened, folder != Folder::Keys, "{survey:?}");
        let backend = local(&victim, &format!("without {}", folder.name()));
        fs::remove_dir_all(backend.root().join(folder.name())).unwrap();
        let survey = victim.survey(backend, &format!("there is no {}", folder.name()));
        assert_eq!(survey.open.is_none(), folder != Folder::Keys, "{survey:?}");
    }
}

#[test]
fn no_repository_and_an_unfinished_one() {
    let victim = Victim::new();
    let empty = super::common::vault::Vault::new();
    let error = Repository::open(empty, &secret()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.to_string().contains("there is no repository here"), "{error}");
    // All but the config: to create one here would bury what is left.
    let headless = victim.vault.fork();
    headless.remove(&ObjectName::config());
    let error = Repository::create(headless, &secret(), &strongroom::CreateOptions::new()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists, "{error}");
    assert!(error.to_string().contains("config is missing"), "{error}");
    let error = Repository::create(victim.vault.fork(), &secret(), &strongroom::CreateOptions::new()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists, "{error}");
}
