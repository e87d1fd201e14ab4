//! Copies to other repositories.

mod common;

use common::{INIT, Setup, files};
use std::fs;
use std::path::Path;

const OTHER: &str = "another passphrase, and another repository";

/// Repositories to copy to, with a passphrase of their own, which stands in `key`.
fn destinations(setup: &Setup, names: &[&str]) {
    fs::write(setup.path("key"), format!("{OTHER}\n")).unwrap();
    for name in names {
        setup.run(INIT.iter().chain(&["-r", name, "--passphrase-file", "key"])).expect(0);
    }
}

/// Restores from another repository.
fn restore(setup: &Setup, repository: &str, target: &str) {
    let arguments = ["restore", "latest", "-r", repository, "--passphrase-file", "key", "--target", target];
    setup.run(arguments).expect(0);
}

#[test]
fn a_copy_in_two_repositories_comes_back_from_each() {
    let setup = Setup::new();
    destinations(&setup, &["one", "two"]);
    setup.run(["backup", "source", "--tag", "first"]).expect(0);
    fs::write(setup.path("source/new"), "new").unwrap();
    setup.run(["backup", "source"]).expect(0);
    let to = ["copy", "--to", "one", "--to", "two", "--to-passphrase-file", "key"];
    let run = setup.run(to.iter().chain(&["--json", "--verify-data"])).expect(0);
    let summary = run.object("summary");
    assert_eq!((&summary["outcome"], &summary["snapshots"]), (&"complete".into(), &2.into()));
    let of_type = |kind: &str| run.json().into_iter().filter(|object| object["type"] == kind).collect::<Vec<_>>();
    assert_eq!((of_type("copy").len(), of_type("destination").len()), (4, 2));
    assert!(
        of_type("destination").iter().all(|end| end["copied"] == 2 && end["present"] == 0 && end["error"].is_null())
    );
    let read: u64 = of_type("copy").iter().filter(|copy| copy["destination"] == "one").count() as u64;
    assert_eq!(read, 2);
    for name in ["one", "two"] {
        restore(&setup, name, &format!("from {name}"));
        assert_eq!(setup.differences(&format!("from {name}")), []);
        setup.run(["check", "-r", name, "--passphrase-file", "key", "--read-data", "--verify-content"]).expect(0);
        let listed = setup.run(["snapshots", "-r", name, "--passphrase-file", "key", "--tag", "first"]).expect(0);
        assert!(listed.out.contains("first"), "{}", listed.out);
    }

    let again = setup.run(to).expect(0);
    assert!(again.out.contains("2 snapshots were there already"), "{}", again.out);
    assert!(again.out.contains("Copied 0 snapshots  to one"), "{}", again.out);
}

#[test]
fn what_is_named_or_fits_is_copied_and_nothing_else() {
    let setup = Setup::new();
    destinations(&setup, &["one"]);
    for (host, tag) in [("a", "x"), ("b", "y"), ("c", "z")] {
        setup.run(["backup", "source", "--host", host, "--tag", tag]).expect(0);
    }
    let copy = |more: &[&str]| {
        let to = ["copy", "--to", "one", "--to-passphrase-file", "key", "--json"];
        setup.run(to.iter().chain(more)).expect(0).object("destination")["copied"].clone()
    };
    assert_eq!(copy(&["--host", "a"]), 1);
    assert_eq!(copy(&["--tag", "y", "--path", "source"]), 1);
    assert_eq!(copy(&["latest"]), 1);
    assert_eq!(copy(&[]), 0);
    let none = setup.run(["copy", "--to", "one", "--to-passphrase-file", "key", "--host", "d"]).expect(1);
    assert!(none.err.contains("no snapshot that matches"), "{}", none.err);
}

#[test]
fn passphrases_come_from_files_commands_and_the_environment() {
    let setup = Setup::new();
    destinations(&setup, &["one", "two"]);
    let third = ["-r", "three", "--passphrase-command", "echo yet another"];
    setup.run(INIT.iter().chain(&third)).expect(0);
    setup.run(["backup", "source/notes"]).expect(0);
    fs::write(setup.path("third key"), "yet another").unwrap();
    setup.run(["copy", "--to", "one", "--to-passphrase-command", "cat key"]).expect(0);
    let run = common::run(setup.command().args(["copy", "--to", "two"]).env("STRONGROOM_TO_PASSPHRASE", OTHER));
    run.expect(0);
    let each = ["--to-passphrase-file", "key", "--to-passphrase-file", "third key"];
    setup.run(["copy", "--to", "one", "--to", "three"].iter().chain(&each)).expect(0);
    let too_many = setup.run(["copy", "--to", "one"].iter().chain(&each)).expect(2);
    assert!(too_many.err.contains("one for all, or one for each"), "{}", too_many.err);
    let missing = setup.run(["copy", "--to", "one"]).expect(2);
    assert!(missing.err.contains("STRONGROOM_TO_PASSPHRASE"), "{}", missing.err);
    setup.run(["copy", "--to", "one", "--to-passphrase-command", "echo wrong"]).expect(11);
    setup.run(["copy", "--to", "nowhere", "--to-passphrase-file", "key"]).expect(10);
    let same =
        setup.run(["copy", "--to", "repository", "--to-passphrase-command", "echo correct horse battery staple"]);
    assert!(same.expect(1).err.contains("the same repository"), "a copy to itself");
}

#[test]
fn damage_makes_a_partial_copy_that_says_what_it_lacks() {
    let setup = Setup::new();
    destinations(&setup, &["one"]);
    setup.run(["backup", "source"]).expect(0);
    damage_a_pack(&setup.repository());
    let run = setup.run(["copy", "--to", "one", "--to-passphrase-file", "key"]).expect(3);
    assert!(run.err.contains("lacks something") && run.err.contains("damaged"), "{}", run.err);
    setup.run(["check", "-r", "one", "--passphrase-file", "key", "--read-data"]).expect(0);
    let listed = setup.run(["snapshots", "-r", "one", "--passphrase-file", "key", "--json"]).expect(0);
    assert_eq!(listed.object("snapshot")["outcome"], "partial");
}

/// Turns a bit of the content in the first segment of a pack.
fn damage_a_pack(repository: &Path) {
    let mut packs = Vec::new();
    for folder in fs::read_dir(repository.join("packs")).unwrap() {
        packs.extend(fs::read_dir(folder.unwrap().path()).unwrap().map(|pack| pack.unwrap().path()));
    }
    packs.sort_by_key(|pack| std::cmp::Reverse(fs::metadata(pack).unwrap().len()));
    let mut bytes = fs::read(&packs[0]).unwrap();
    bytes[5000] ^= 1;
    fs::remove_file(&packs[0]).unwrap();
    fs::write(&packs[0], bytes).unwrap();
}

#[test]
fn a_destination_that_fails_leaves_the_others_alone() {
    let setup = Setup::new();
    destinations(&setup, &["one", "two"]);
    setup.run(["backup", "source"]).expect(0);
    // A file stands where packs belong.
    fs::remove_dir_all(setup.path("one/packs")).unwrap_or_default();
    fs::write(setup.path("one/packs"), "").unwrap();
    let run = setup.run(["copy", "--to", "one", "--to", "two", "--to-passphrase-file", "key"]).expect(3);
    assert!(run.out.contains("Failed after 0 snapshots  to one"), "{}", run.out);
    assert!(run.out.contains("Copied 1 snapshot  to two"), "{}", run.out);
    restore(&setup, "two", "restored");
    assert_eq!(setup.differences("restored"), []);
    let alone = setup.run(["copy", "--to", "one", "--to-passphrase-file", "key"]);
    assert_ne!(alone.code, 0);
    assert!(alone.err.contains("error"), "{}", alone.err);
}

#[test]
fn a_deadline_suspends_a_copy_and_the_same_command_goes_on() {
    let setup = Setup::new();
    destinations(&setup, &["one"]);
    setup.run(["backup", "source"]).expect(0);
    let to = ["copy", "--to", "one", "--to-passphrase-file", "key"];
    let run = setup.run(to.iter().chain(&["--deadline", "0s", "--json"])).expect(4);
    assert_eq!(run.object("summary")["outcome"], "suspended");
    assert_eq!(files(&setup.path("one/snapshots")), 0);
    setup.run(to).expect(0);
    restore(&setup, "one", "restored");
    assert_eq!(setup.differences("restored"), []);
}
