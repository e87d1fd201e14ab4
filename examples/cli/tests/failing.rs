//! What goes wrong, with its exit code and a message that says what to do.

mod common;

use common::{Setup, give_away, run, unprivileged, with_mounts};
use std::fs;
use std::os::unix::fs::PermissionsExt;

#[test]
fn a_wrong_passphrase_is_told_from_everything_else() {
    let setup = Setup::new();
    let mut command = setup.command();
    let wrong = run(command.env("STRONGROOM_PASSPHRASE", "hunter2").arg("snapshots")).expect(11);
    assert!(wrong.err.contains("passphrase is wrong") && wrong.err.contains("hint: "), "{}", wrong.err);
    let mut command = setup.command();
    let wrong = run(command.env("STRONGROOM_PASSPHRASE", "hunter2").args(["--json", "snapshots"])).expect(11);
    let error = wrong.object("error");
    assert_eq!((&error["kind"], &error["code"], &error["exit_code"]), (&"wrong_key".into(), &7.into(), &11.into()));
    fs::write(setup.path("code"), "00000-00000-00000-00000-00000-00000\n").unwrap();
    let mut command = setup.command();
    let mistyped = run(command.args(["--recovery-code-file", "code", "snapshots"])).expect(1);
    assert!(mistyped.err.contains("mistyped"), "{}", mistyped.err);
}

#[test]
fn a_missing_repository_is_missing_before_any_secret_is_asked_for() {
    let setup = Setup::empty();
    let mut command = setup.command();
    let missing = run(command.env_remove("STRONGROOM_PASSPHRASE").arg("snapshots")).expect(10);
    assert!(
        missing.err.contains("there is no repository") && missing.err.contains("strongroom init"),
        "{}",
        missing.err
    );
    let mut command = setup.command();
    let none = run(command.env_remove("STRONGROOM_REPOSITORY").arg("snapshots")).expect(2);
    assert!(none.err.contains("--repository"), "{}", none.err);
    let error = setup.run(["--json", "snapshots"]).expect(10).object("error");
    assert_eq!((&error["kind"], &error["code"]), (&"not_found".into(), &2.into()));
    let unknown = setup.run(["-r", "s3:bucket", "snapshots"]).expect(2);
    assert!(unknown.err.contains("`s3:`"), "{}", unknown.err);
}

#[test]
fn a_second_init_leaves_the_first_alone() {
    let setup = Setup::new();
    let again = setup.run(common::INIT).expect(1);
    assert!(again.err.contains("there is one already"), "{}", again.err);
    setup.run(["snapshots"]).expect(0);
}

#[test]
fn wrong_usage_is_2() {
    let setup = Setup::new();
    for arguments in [
        &["backup"][..],
        &["backup", "source", "--stdin"],
        &["--passphrase", "x", "snapshots"],
        &["--passphrase-file", "a", "--passphrase-command", "b", "snapshots"],
        &["restore", "latest"],
        &["cat", "latest"],
        &["cat", "latest:../x"],
        &["backup", "source", "--level", "99"],
        &["backup", "source", "--parent"],
        &["check", "--read-data=0"],
        &["--quiet", "--verbose", "snapshots"],
        &["nonsense"],
        &[],
    ] {
        setup.run(arguments).expect(2);
    }
    setup.run(["--help"]).expect(0);
    let help = setup.run(["backup", "--help"]).expect(0).out;
    assert!(help.contains("--deadline"), "{help}");
}

#[test]
fn what_is_named_and_not_there_is_not_found() {
    let setup = Setup::new();
    setup.run(["backup", "source"]).expect(0);
    let run = setup.run(["ls", "latest:no/such"]).expect(1);
    assert!(run.err.contains("strongroom ls"), "{}", run.err);
    setup.run(["cat", "latest:notes"]).expect(1);
    let run = setup.run(["ls", "0123456789"]).expect(1);
    assert!(run.err.contains("strongroom snapshots"), "{}", run.err);
    setup.run(["backup", "no-such-folder"]).expect(1);
    let run = setup.run(["key", "remove", "ffff"]).expect(1);
    assert!(run.err.contains("there is no such key"), "{}", run.err);
}

#[test]
fn what_cannot_be_read_makes_the_backup_partial_and_is_named() {
    let setup = Setup::new();
    fs::set_permissions(setup.path("source/notes/07.txt"), fs::Permissions::from_mode(0o000)).unwrap();
    let mut command = unprivileged(&setup);
    give_away(&setup.path(""));
    if rustix::process::geteuid().is_root() {
        let mine = std::process::Command::new("chown").arg("0").arg(setup.path("source/notes/07.txt")).status();
        assert!(mine.unwrap().success());
    }
    let partial = run(command.args(["backup", "source"])).expect(3);
    assert!(partial.err.contains("problem: notes/07.txt: permission denied"), "{}", partial.err);
    assert!(partial.out.contains("partial"), "{}", partial.out);
    let partial = run(unprivileged(&setup).args(["--json", "backup", "source"])).expect(3);
    assert_eq!(partial.object("problem")["reason"], "permission_denied");
    assert_eq!(partial.object("problem")["path"], "notes/07.txt");
    assert_eq!(partial.object("summary")["outcome"], "partial");
    // Quiet is not silent about what went wrong.
    let quiet = run(unprivileged(&setup).args(["-q", "backup", "source"])).expect(3);
    assert!(quiet.err.contains("07.txt") && quiet.out.is_empty());
    let list = run(unprivileged(&setup).arg("snapshots")).expect(0);
    assert!(list.out.contains("[partial: 1 problem]"), "{}", list.out);
}

#[test]
fn an_unwritable_cache_is_a_warning() {
    let setup = Setup::new();
    fs::write(setup.path("file"), "").unwrap();
    let mut command = setup.command();
    let warned =
        run(command.env("STRONGROOM_CACHE_DIR", setup.path("file/cache")).args(["backup", "source"])).expect(0);
    assert!(warned.err.contains("warning: the cache folder"), "{}", warned.err);
    assert!(warned.err.contains("--cache-dir"), "{}", warned.err);
    let mut command = setup.command();
    let homeless = run(command.env_remove("STRONGROOM_CACHE_DIR").env_remove("HOME").arg("snapshots")).expect(0);
    assert!(homeless.err.contains("warning: "), "{}", homeless.err);
    let mut command = setup.command();
    run(command.env_remove("STRONGROOM_CACHE_DIR").env("XDG_CACHE_HOME", setup.path("xdg")).arg("snapshots")).expect(0);
    assert!(setup.path("xdg/strongroom/CACHEDIR.TAG").is_file());
}

#[test]
fn a_target_that_cannot_be_written_is_named() {
    let setup = Setup::new();
    setup.run(["backup", "source"]).expect(0);
    let mut command = unprivileged(&setup);
    give_away(&setup.path("repository"));
    give_away(&setup.path("cache"));
    fs::create_dir(setup.path("closed")).unwrap();
    fs::set_permissions(setup.path("closed"), fs::Permissions::from_mode(0o555)).unwrap();
    let refused = run(command.args(["restore", "latest", "--target", "closed/in"])).expect(1);
    assert!(refused.err.contains("closed") && refused.err.contains("hint: "), "{}", refused.err);

    let Some(mut shell) = with_mounts() else { return };
    setup.environment(&mut shell);
    shell.env("BIN", env!("CARGO_BIN_EXE_strongroom"));
    fs::create_dir(setup.path("mounted")).unwrap();
    let script = "mount -t tmpfs -o ro none mounted && $BIN restore latest --target mounted/in";
    let refused = run(shell.arg(script)).expect(1);
    assert!(refused.err.contains("mounted") && refused.err.contains("read-write"), "{}", refused.err);
}

#[test]
fn a_full_disk_is_told_and_what_is_done_is_kept() {
    let setup = Setup::new();
    let Some(mut shell) = with_mounts() else { return };
    setup.environment(&mut shell);
    shell.env("BIN", env!("CARGO_BIN_EXE_strongroom")).env("STRONGROOM_REPOSITORY", "mounted/repository");
    fs::create_dir(setup.path("mounted")).unwrap();
    // The pictures alone take 2 MB; with room for them the same command works.
    let script = "mount -t tmpfs -o size=1m none mounted && $BIN init --passphrase-memory 19M --passphrase-passes 2 -q \
                  && { $BIN backup source; code=$?; mount -o remount,size=16m mounted; $BIN backup source -q || exit 99; \
                  $BIN check -q --read-data || exit 98; exit $code; }";
    let full = run(shell.arg(script)).expect(14);
    assert!(full.err.contains("free some space"), "{}", full.err);

    setup.run(["backup", "source"]).expect(0);
    let mut shell = with_mounts().unwrap();
    setup.environment(&mut shell);
    shell.env("BIN", env!("CARGO_BIN_EXE_strongroom"));
    let script = "mount -t tmpfs -o size=1m none mounted && $BIN restore latest --target mounted/in";
    let full = run(shell.arg(script));
    assert!([3, 14].contains(&full.code), "{full:?}");
    assert!(full.err.to_lowercase().contains("space"), "{}", full.err);
}

#[test]
fn a_lost_index_is_made_again() {
    let setup = Setup::new();
    setup.run(["backup", "source"]).expect(0);
    fs::remove_dir_all(setup.path("repository/index")).unwrap();
    fs::remove_dir_all(setup.path("cache")).unwrap();
    setup.run(["check", "-q"]).expect(12);
    let made = setup.run(["rebuild-index", "--json"]).expect(0).object("summary");
    assert!(made["packs_added"].as_u64().unwrap() > 0, "{made}");
    setup.run(["check", "--read-data", "--verify-content"]).expect(0);
    setup.run(["restore", "latest", "--target", "restored"]).expect(0);
    assert_eq!(setup.differences("restored"), []);
    assert!(setup.run(["rebuild-index"]).expect(0).out.contains("was complete"));
}

#[test]
fn damage_is_found() {
    let setup = Setup::new();
    setup.run(["backup", "source"]).expect(0);
    let packs = fs::read_dir(setup.path("repository/packs")).unwrap().filter_map(Result::ok);
    let pack = packs.flat_map(|folder| fs::read_dir(folder.path()).unwrap()).next().unwrap().unwrap().path();
    let mut bytes = fs::read(&pack).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::set_permissions(&pack, fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(&pack, bytes).unwrap();
    let found = setup.run(["check", "--read-data"]).expect(12);
    assert!(found.err.contains("damage: damaged pack: packs/"), "{}", found.err);
    let found = setup.run(["check", "--read-data", "--json"]).expect(12);
    assert_eq!(found.object("summary")["sound"], false);
    assert!(found.json().iter().any(|object| object["type"] == "damage"));
    setup.run(["check", "-q"]).expect(0);
}

/// A file in which a byte is another one.
fn spoil(path: &std::path::Path, at: impl FnOnce(usize) -> usize) {
    let mut bytes = fs::read(path).unwrap();
    let at = at(bytes.len());
    bytes[at] ^= 1;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(path, bytes).unwrap();
}

fn packs(setup: &Setup) -> Vec<std::path::PathBuf> {
    let folders = fs::read_dir(setup.path("repository/packs")).unwrap().filter_map(Result::ok);
    folders.flat_map(|folder| fs::read_dir(folder.path()).unwrap()).map(|pack| pack.unwrap().path()).collect()
}

#[test]
fn damage_is_repaired_and_what_is_lost_is_named() {
    let setup = Setup::new();
    setup.run(["backup", "source"]).expect(0);
    assert!(setup.run(["repair"]).expect(0).out.contains("Nothing had to be repaired"));
    // The end of a pack: nothing of its content is lost.
    let first = packs(&setup).remove(0);
    spoil(&first, |length| length - 1);
    setup.run(["check", "-q", "--read-data"]).expect(12);
    let look = setup.run(["repair", "--dry-run"]).expect(0);
    assert!(look.out.contains("Everything can be mended") && look.out.contains("nothing was written"), "{}", look.out);
    let mended = setup.run(["repair"]).expect(0);
    assert!(mended.err.contains("damage: packs/") && mended.out.contains("Everything is whole again"), "{mended:?}");
    setup.run(["check", "-q", "--read-data", "--verify-content"]).expect(0);
    setup.run(["restore", "latest", "--target", "restored"]).expect(0);
    assert_eq!(setup.differences("restored"), []);
    assert_eq!(setup.run(["repair", "--json"]).expect(0).object("summary")["packs_written"], 0);

    // The middle of one: some content is.
    let sound = packs(&setup);
    let largest =
        sound.iter().filter(|pack| **pack != first).max_by_key(|pack| fs::metadata(pack).unwrap().len()).unwrap();
    spoil(largest, |length| length / 2);
    let old = setup.run(["--json", "snapshots"]).expect(0).object("snapshot");
    let repaired = setup.run(["--json", "repair"]).expect(3);
    assert_eq!(repaired.object("summary")["outcome"], "partial");
    let snapshot = repaired.object("salvaged_snapshot");
    assert_eq!((&snapshot["damaged"], &snapshot["already"]), (&old["id"], &false.into()));
    let lost: Vec<_> = repaired.json().into_iter().filter(|object| object["type"] == "lost").collect();
    assert_eq!(lost.len() as u64, repaired.object("summary")["losses"].as_u64().unwrap());
    assert!(lost.iter().all(|lost| lost["what"] == "file" || lost["what"] == "entries"), "{lost:?}");
    let again = setup.run(["repair"]).expect(3);
    assert!(again.out.contains("since an earlier repair") && again.err.contains("lost: in snapshot"), "{again:?}");
    // Everything in the new snapshot is there.
    setup.run(["restore", "latest", "--target", "salvaged"]).expect(0);
    assert_eq!(setup.run(["--json", "snapshots"]).expect(0).json().last().unwrap()["tags"][0], "salvaged");
    setup.run(["check", "-q"]).expect(12);
}
