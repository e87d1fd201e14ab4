//! Objects of many gigabytes, which cost nothing to make, must not cost memory to look at.

use super::common::child::{alone, reset_peak, status};
use super::victim::Victim;
use std::fs;
use strongroom::{Backend, Folder, LocalBackend, ObjectName};

const GIANT: u64 = 6 << 30;
/// What all operations on the little repository may use at their peak, whatever lies in it.
const ALLOWED: u64 = 80 << 20;

fn local(victim: &Victim) -> LocalBackend {
    let backend = LocalBackend::new(victim.folder().join("repository")).sync(false);
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
fn every_object_grown_to_gigabytes_is_refused_without_being_read() {
    alone("giants::every_object_grown_to_gigabytes_is_refused_without_being_read", || {
        let victim = Victim::new();
        for object in victim.vault.all() {
            let backend = local(&victim);
            // Its beginning is as it was, so that it is only refused for its length.
            let file = fs::File::options().write(true).open(path(&backend, &object)).unwrap();
            file.set_len(GIANT).unwrap();
            let before = status("VmRSS");
            reset_peak();
            let what = format!("{object} of {} GiB", GIANT >> 30);
            let survey = victim.survey(backend.clone(), &what);
            let grown = status("VmHWM").saturating_sub(before);
            assert!(grown < ALLOWED, "{what}: {} KiB more than before", grown >> 10);
            match object.folder() {
                Folder::Root => assert!(survey.open.is_some_and(|error| error.to_string().contains("config"))),
                Folder::Devices | Folder::Sessions => survey.assert_unharmed(&victim),
                Folder::Keys => {}
                Folder::Packs | Folder::Index => assert!(survey.check_names(&object), "{what}: {:?}", survey.check),
                Folder::Parity | Folder::Condemned => {
                    survey.assert_unharmed(&victim);
                    assert!(survey.check_names(&object), "{what}: {:?}", survey.check);
                }
                Folder::Snapshots => assert!(survey.errors_name(&object) && survey.whole.len() == 1, "{what}"),
                _ => assert!(survey.errors_name(&object) && survey.whole == victim.snapshots(), "{what}: {survey:?}"),
            }
            fs::remove_dir_all(backend.root()).unwrap();
        }
    });
}

#[test]
fn giants_beside_the_objects_are_in_nobodys_way() {
    alone("giants::giants_beside_the_objects_are_in_nobodys_way", || {
        let victim = Victim::new();
        for folder in victim.folders().into_iter().filter(|folder| *folder != Folder::Root) {
            let backend = local(&victim);
            let name = victim.vault.names(folder)[0].clone();
            let like_it: String = name.file().chars().map(|one| if one == '0' { '1' } else { one }).rev().collect();
            let like_it = if like_it.contains('.') { name.file().replace(".0000", ".0001") } else { like_it };
            let giant = path(&backend, &ObjectName::new(folder, like_it).unwrap());
            fs::create_dir_all(giant.parent().unwrap()).unwrap();
            fs::copy(path(&backend, &name), &giant).unwrap();
            fs::File::options().write(true).open(&giant).unwrap().set_len(GIANT).unwrap();
            let before = status("VmRSS");
            reset_peak();
            let survey = victim.survey(backend.clone(), &format!("a giant in {}", folder.name()));
            let grown = status("VmHWM").saturating_sub(before);
            assert!(grown < ALLOWED, "a giant in {}: {} KiB more than before", folder.name(), grown >> 10);
            assert!(survey.open.is_none() && survey.whole == victim.snapshots() && survey.backed_up, "{survey:?}");
            fs::remove_dir_all(backend.root()).unwrap();
        }
    });
}
