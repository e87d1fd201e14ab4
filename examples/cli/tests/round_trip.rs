//! There and back.

mod common;

use common::{INIT, Setup};
use std::fs;
use std::path::PathBuf;
use std::process::Command;

#[test]
fn everything_comes_back_as_it_was() {
    let setup = Setup::new();
    setup.run(["backup", "source"]).expect(0);
    setup.run(["restore", "latest", "--target", "restored"]).expect(0);
    assert_eq!(setup.differences("restored"), []);

    let summary = setup.run(["--json", "backup", "source"]).expect(0).object("summary");
    assert_eq!(summary["unchanged"], summary["entries"]);
    assert_eq!(summary["new_bytes"], 0);
    setup.run(["check", "--read-data", "--verify-content"]).expect(0);
}

#[test]
fn a_part_is_restored_by_path_and_by_pattern() {
    let setup = Setup::new();
    setup.run(["backup", "source"]).expect(0);
    setup.run(["restore", "latest:album/2025", "--target", "album"]).expect(0);
    assert_eq!(fs::read(setup.path("album/2.jpg")).unwrap(), fs::read(setup.path("source/album/2025/2.jpg")).unwrap());
    setup.run(["restore", "latest:notes/03.txt", "--target", "one"]).expect(0);
    assert!(setup.path("one/03.txt").is_file());
    let patterns = ["--include", "*.txt", "--exclude", "0*.txt"];
    setup.run(["restore", "latest", "--target", "some"].into_iter().chain(patterns)).expect(0);
    assert!(setup.path("some/notes/11.txt").is_file());
    assert!(!setup.path("some/notes/03.txt").exists() && !setup.path("some/album/cover.jpg").exists());
}

#[test]
fn what_is_in_the_target_is_treated_as_asked() {
    let setup = Setup::new();
    setup.run(["backup", "source"]).expect(0);
    let target = setup.path("target");
    fs::create_dir_all(target.join("notes")).unwrap();
    fs::write(target.join("notes/03.txt"), "mine").unwrap();
    fs::write(target.join("notes/extra.txt"), "mine").unwrap();
    let restore = |more: &[&str]| setup.run(["restore", "latest", "--target", "target"].iter().chain(more));

    restore(&["--overwrite", "never"]).expect(0);
    assert_eq!(fs::read(target.join("notes/03.txt")).unwrap(), b"mine");
    let summary = restore(&["--dry-run", "--delete-extra", "--json"]).expect(0).object("summary");
    assert_eq!((&summary["deleted"], &summary["dry_run"]), (&1.into(), &true.into()));
    assert!(target.join("notes/extra.txt").exists());
    restore(&["--delete-extra"]).expect(0);
    assert_eq!(setup.differences("target"), []);
}

#[test]
fn what_is_left_out_stays_out() {
    let setup = Setup::new();
    fs::write(setup.path("patterns"), "# comment\n*.jpg\n!cover.jpg\n").unwrap();
    fs::create_dir_all(setup.path("source/cache/deep")).unwrap();
    fs::write(setup.path("source/cache/CACHEDIR.TAG"), "Signature: 8a477f597d28d172789f06886806bc55\n").unwrap();
    fs::write(setup.path("source/cache/deep/file"), "").unwrap();
    fs::create_dir_all(setup.path("source/private")).unwrap();
    fs::write(setup.path("source/private/.nobackup"), "").unwrap();
    fs::write(setup.path("source/private/diary"), "").unwrap();
    let options = [
        "--exclude-file",
        "patterns",
        "--exclude",
        "/notes/",
        "--exclude-caches",
        "--exclude-if-present",
        ".nobackup",
        "--max-size",
        "1M",
        "--one-file-system",
    ];
    setup.run(["backup", "source"].iter().chain(&options)).expect(0);
    let listed = setup.run(["ls", "-R", "latest"]).expect(0).out;
    let lines: Vec<&str> = listed.lines().collect();
    for there in ["album/cover.jpg", "cache/CACHEDIR.TAG", "private/.nobackup", "link"] {
        assert!(lines.contains(&there), "{there} in {listed}");
    }
    for gone in ["notes", "album/2025/1.jpg", "cache/deep", "private/diary", "disk.img"] {
        assert!(!lines.iter().any(|line| line.starts_with(gone)), "{gone} in {listed}");
    }
}

#[test]
fn a_stream_becomes_a_file_and_cat_gives_it_back() {
    let setup = Setup::new();
    let dump: Vec<u8> = (0..3_000_000u32).flat_map(|number| (number / 7).to_le_bytes()).collect();
    setup.feed(["backup", "--stdin", "--stdin-name", "db/dump.sql"], &dump).expect(0);
    assert_eq!(setup.run(["cat", "latest:db/dump.sql"]).expect(0).bytes, dump);
    let cut = |range: &str| setup.run(["cat", "latest:/db/dump.sql", "--range", range]).expect(0).bytes;
    assert_eq!(cut("5000000-5000099"), &dump[5_000_000..5_000_100]);
    assert_eq!(cut("-10"), &dump[dump.len() - 10..]);
    assert_eq!(cut("11999990-"), &dump[11_999_990..]);
    assert_eq!(cut("99999999-"), b"");
    // What another backup of the same name has in common with it is found again.
    let summary = setup.feed(["--json", "backup", "--stdin", "--stdin-name", "db/dump.sql"], &dump).expect(0);
    let summary = summary.object("summary");
    assert_eq!(summary["new_bytes"], 0);
    assert!(summary["parent"].is_string());
}

#[test]
fn a_tar_stream_goes_in_and_out() {
    let setup = Setup::new();
    let tar = |arguments: &[&str]| {
        let output = Command::new("tar").args(arguments).current_dir(setup.path("")).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        output.stdout
    };
    let stream = tar(&["--xattrs", "--format=pax", "-cf", "-", "-C", "source", "."]);
    setup.feed(["backup", "--tar", "-"], &stream).expect(0);
    setup.run(["restore", "latest", "--target", "from-tar"]).expect(0);
    assert_eq!(setup.differences("from-tar"), []);

    setup.run(["export", "latest", "--output", "out.tar"]).expect(0);
    fs::create_dir(setup.path("unpacked")).unwrap();
    tar(&["--xattrs", "-xpf", "out.tar", "-C", "unpacked"]);
    assert_eq!(setup.differences("unpacked"), []);
    let piped = setup.run(["export", "latest:album"]).expect(0).bytes;
    fs::write(setup.path("album.tar"), piped).unwrap();
    assert!(String::from_utf8(tar(&["-tf", "album.tar"])).unwrap().contains("2025/1.jpg"));
    setup.run(["export", "latest", "--output", "out.tar"]).expect(1);

    setup.run(["backup", "--tar", "out.tar", "--tag", "file"]).expect(0);
    assert_eq!(setup.run(["snapshots", "--path", "out.tar", "--json"]).expect(0).json().len(), 1);
}

#[test]
fn a_repository_inside_the_source_is_not_backed_up() {
    let setup = Setup::new();
    fs::create_dir(setup.path("source/repos")).unwrap();
    let inside = |arguments: &[&str]| {
        let mut command = setup.command();
        command.args(["-r", "source/repos/mine"]).args(arguments);
        common::run(&mut command)
    };
    inside(&INIT).expect(0);
    inside(&["backup", "source"]).expect(0);
    let listed = inside(&["ls", "-R", "latest"]).expect(0).out;
    assert!(listed.contains("repos/") && !listed.contains("mine"), "{listed}");
}

#[test]
fn the_quickstart_proves_itself() {
    let setup = Setup::new();
    let summary = setup.run(["quickstart", "--within", ".", "--clean", "--json"]).expect(0);
    let summary = summary.json().pop().unwrap();
    assert_eq!((&summary["differences"], &summary["operation"]), (&0.into(), &"quickstart".into()));
    assert_eq!(summary["hosted"], cfg!(feature = "service"));
    let mut folder = vec!["quickstart", "source", "--within", "."];
    if cfg!(feature = "service") {
        let run = setup.run(&folder).expect(0);
        assert!(run.out.contains("Revoked the second device"), "{}", run.out);
        let secret = made(&setup, "service").join("password");
        assert!(!run.out.contains(fs::read_to_string(secret).unwrap().trim()));
        folder.push("--without-service");
    }
    let run = setup.run(&folder).expect(0);
    assert!(run.out.contains("the same as the original"), "{}", run.out);
    let passphrase = fs::read_to_string(made(&setup, "passphrase").join("passphrase")).unwrap();
    assert!(!run.out.contains(passphrase.trim()));
}

/// The folder of the quickstart that left this in it.
fn made(setup: &Setup, what: &str) -> PathBuf {
    let folders = fs::read_dir(setup.path("")).unwrap().map(|entry| entry.unwrap().path());
    let mut quickstarts = folders.filter(|path| path.to_string_lossy().contains("strongroom-quickstart-"));
    quickstarts.find(|path| path.join(what).exists()).unwrap()
}
