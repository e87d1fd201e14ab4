//! Looking at what is stored, and at what scripts see of it.

mod common;

use common::{PASSPHRASE, Setup, run};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;

/// A setup with two snapshots, and their ids.
fn two_snapshots() -> (Setup, String, String) {
    let setup = Setup::new();
    let back_up = |options: &[&str]| {
        let run = setup.run(["--json", "backup", "source"].iter().chain(options)).expect(0);
        run.object("summary")["snapshot"].as_str().unwrap().to_owned()
    };
    let first =
        back_up(&["--tag", "daily", "--host", "laptop", "--time", "2026-01-31T18:30:00Z", "--description", "before"]);
    fs::write(setup.path("source/notes/new.txt"), "new").unwrap();
    fs::write(setup.path("source/notes/02.txt"), "changed").unwrap();
    fs::remove_file(setup.path("source/notes/20.txt")).unwrap();
    let second = back_up(&["--parent", &first, "--tag", "weekly", "--tag", "daily"]);
    (setup, first, second)
}

#[test]
fn snapshots_are_listed_and_chosen() {
    let (setup, first, second) = two_snapshots();
    let table = setup.run(["snapshots"]).expect(0).out;
    let lines: Vec<&str> = table.lines().collect();
    assert!(lines[0].starts_with("ID        TIME"), "{table}");
    assert!(lines[1].starts_with(&first[..8]) && lines[1].contains("2026-01-31 18:30:00  laptop"), "{table}");
    assert!(lines[1].contains("(before)") && lines[2].contains("daily,weekly"), "{table}");
    assert_eq!(lines[3], "2 snapshots");

    let chosen = |options: &[&str]| -> Vec<String> {
        let run = setup.run(["snapshots", "--json"].iter().chain(options)).expect(0);
        run.json().iter().map(|snapshot| snapshot["id"].as_str().unwrap().to_owned()).collect()
    };
    let (only_first, only_second) = (vec![first.clone()], vec![second.clone()]);
    assert_eq!(chosen(&[]), [first.clone(), second.clone()]);
    assert_eq!(chosen(&["--host", "laptop"]), only_first);
    assert_eq!(chosen(&["--tag", "weekly"]), only_second);
    assert_eq!(chosen(&["--before", "2026-02-01"]), only_first);
    assert_eq!(chosen(&["--after", "2026-01-31T18:30:01Z"]), only_second);
    assert_eq!(chosen(&["--after", "1h"]), only_second);
    assert_eq!(chosen(&["--path", "source/"]).len(), 2);
    assert!(chosen(&["--path", "elsewhere"]).is_empty());
    // `latest` is the newest of those that are chosen.
    let listed = setup.run(["ls", "latest:notes", "--host", "laptop", "--path", "source"]).expect(0).out;
    assert!(listed.contains("20.txt") && !listed.contains("new.txt"));

    let snapshot = &setup.run(["snapshots", "--json", "--tag", "weekly"]).expect(0).json()[0];
    assert_eq!(snapshot["parents"][0], first.as_str());
    assert_eq!(snapshot["paths"][0]["path"], setup.source().to_str().unwrap());
    assert_eq!(snapshot["type"], "snapshot");
    assert!(snapshot["time"].as_str().unwrap().ends_with('Z'));
}

#[test]
fn folders_are_listed() {
    let (setup, ..) = two_snapshots();
    let names = setup.run(["ls", "latest"]).expect(0).out;
    let names: Vec<&str> = names.lines().collect();
    let expected = [
        "album/",
        "broken link",
        "disk.img",
        "empty file",
        "empty folder/",
        "link",
        "not \\xff UTF-8",
        "notes/",
        "pipe",
    ];
    assert_eq!(names, expected);
    let long = setup.run(["ls", "-l", "latest"]).expect(0).out;
    assert!(
        long.lines().any(|line| line.starts_with("lrwxrwxrwx") && line.ends_with("link -> notes/02.txt")),
        "{long}"
    );
    assert!(long.lines().any(|line| line.starts_with('p') && line.ends_with("pipe")), "{long}");
    let long = setup.run(["ls", "-l", "latest:notes/05.txt"]).expect(0).out;
    assert!(long.starts_with("-rwsr-xr-x") && long.trim_end().ends_with("notes/05.txt"), "{long}");

    let entries = setup.run(["ls", "-R", "latest", "--json"]).expect(0).json();
    let entry = |path: &str| entries.iter().find(|entry| entry["path"] == path).unwrap();
    assert_eq!(entry("not \u{fffd} UTF-8")["path_bytes"], "6e6f7420ff205554462d38");
    assert_eq!(entry("notes/05.txt")["mode"], "4755");
    assert_eq!(entry("notes/06.txt")["modified"], "2001-09-09T01:46:40.123456789Z");
    assert_eq!(entry("link")["target"], "notes/02.txt");
    assert_eq!(entry("notes/01.txt")["hard_link"], entry("notes/first.txt")["hard_link"]);
    assert_eq!(entry("disk.img")["kind"], "file");
    // Paths need not be UTF-8 on the command line either.
    let path = OsStr::from_bytes(b"latest:not \xff UTF-8");
    assert_eq!(setup.run([OsStr::new("cat"), path]).expect(0).out, "a name of any bytes");
}

#[test]
fn paths_are_found_in_all_snapshots() {
    let (setup, first, second) = two_snapshots();
    let found = |arguments: &[&str]| -> Vec<(String, String)> {
        let run = setup.run(["find", "--json"].iter().chain(arguments)).expect(0);
        let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
        run.json().iter().map(|found| (text(&found["snapshot"]), text(&found["path"]))).collect()
    };
    assert_eq!(found(&["new.txt"]), [(second.clone(), "notes/new.txt".to_owned())]);
    assert_eq!(found(&["20.txt"]), [(first.clone(), "notes/20.txt".to_owned())]);
    assert_eq!(found(&["1.JPG"]), []);
    assert_eq!(found(&["1.JPG", "--ignore-case"]).len(), 2);
    assert_eq!(found(&["album/**/*.jpg", "--snapshot", &first]).len(), 4);
    let shown = setup.run(["find", "2?.txt"]).expect(0).out;
    assert!(shown.contains("notes/20.txt") && shown.contains("1 match in 2 snapshots"), "{shown}");
}

#[test]
fn differences_are_named() {
    let (setup, first, second) = two_snapshots();
    let shown = setup.run(["diff", &first, &second]).expect(0).out;
    assert_eq!(
        shown,
        "~ notes/02.txt  (content, times)\n- notes/20.txt\n+ notes/new.txt\n1 added (10 B), 1 removed (18.0 KiB), 1 changed\n"
            .replace("10 B", &shown_size(&shown, "added"))
            .replace("18.0 KiB", &shown_size(&shown, "removed"))
    );
    let with_times = setup.run(["diff", &first, "latest", "--times", ":notes"]).expect(0).out;
    assert!(with_times.contains("~ notes/  (times)"), "{with_times}");
    assert!(setup.run(["diff", &first, "latest", ":album"]).expect(0).out.starts_with("0 added"));
    let objects = setup.run(["diff", &first, "latest", "--json"]).expect(0).json();
    assert_eq!((&objects[0]["change"], &objects[0]["what"][0]), (&"changed".into(), &"content".into()));
    assert_eq!(objects[0]["before"]["size"].as_u64().unwrap(), 18_407);
    assert_eq!((&objects[2]["change"], &objects[2]["path"]), (&"added".into(), &"notes/new.txt".into()));
    assert_eq!(objects[3]["added"], 1);
}

/// The size in the brackets behind a word.
fn shown_size(text: &str, word: &str) -> String {
    let behind = text.split_once(&format!("{word} (")).unwrap().1;
    behind.split_once(')').unwrap().0.to_owned()
}

#[test]
fn tags_change_and_the_id_stays() {
    let (setup, first, _) = two_snapshots();
    let tags = |arguments: &[&str]| {
        let run = setup.run(["tag", "--json", &first].iter().chain(arguments)).expect(0);
        run.object("summary")["tags"].clone()
    };
    assert_eq!(tags(&["--add", "kept", "--add", "b", "--remove", "daily"]), serde_json::json!(["b", "kept"]));
    assert_eq!(setup.run(["snapshots", "--json", "--tag", "kept"]).expect(0).json()[0]["id"], first.as_str());
    setup.run(["tag", &first]).expect(2);
}

#[test]
fn figures_tell_raw_from_stored() {
    let (setup, ..) = two_snapshots();
    let stats = setup.run(["stats", "--json"]).expect(0).object("summary");
    let figure = |name: &str| stats[name].as_u64().unwrap();
    assert_eq!(figure("snapshots"), 2);
    assert!(figure("raw_bytes") > 2 * figure("deduplicated_bytes"), "{stats}");
    assert!(figure("stored_bytes") < figure("deduplicated_bytes"), "{stats}");
    let shown = setup.run(["stats", "--snapshots"]).expect(0).out;
    assert!(shown.contains("Deduplicated") && shown.lines().count() >= 7, "{shown}");
}

#[test]
fn quiet_says_nothing_but_what_was_asked_for() {
    let setup = Setup::new();
    for arguments in [
        &["--quiet", "backup", "source"][..],
        &["-q", "restore", "latest", "--target", "out"],
        &["-q", "check", "--read-data"],
        &["-q", "tag", "latest", "--add", "x"],
    ] {
        let run = setup.run(arguments).expect(0);
        assert_eq!((run.out.as_str(), run.err.as_str()), ("", ""), "{arguments:?}");
    }
    assert!(!setup.run(["-q", "ls", "latest"]).expect(0).out.is_empty());
    assert_eq!(setup.run(["-q", "snapshots"]).expect(0).out.lines().count(), 2);
}

#[test]
fn every_line_of_json_is_an_object_with_a_type() {
    let (setup, first, _) = two_snapshots();
    for arguments in [
        &["backup", "source"][..],
        &["snapshots"],
        &["ls", "-R", "latest"],
        &["find", "*"],
        &["diff", &first, "latest"],
        &["restore", "latest", "--target", "out"],
        &["export", "latest", "--output", "out.tar"],
        &["check", "--read-data=50", "--verify-content"],
        &["tag", "latest", "--add", "x"],
        &["stats", "--snapshots"],
        &["rebuild-index"],
        &["prune"],
        &["prune", "--dry-run", "--min-live=90%", "--max-move", "1G"],
        &["key", "list"],
        &["key", "recovery-code"],
        &["device", "new", "device.key"],
        &["device", "add", "device.key.request"],
        &["device", "list"],
        &["man", "man"],
        &["-r", "nowhere", "snapshots"],
        &["ls", "latest:nowhere"],
        &["-r", "s3:bucket", "snapshots"],
    ] {
        let run = setup.run(["--json"].iter().chain(arguments));
        assert!(!run.out.is_empty() && run.err.is_empty(), "{arguments:?}: {run:?}");
        for object in run.json() {
            assert!(object["type"].is_string(), "{object}");
        }
    }
    let backup = setup.run(["--json", "backup", "source"]).expect(0).json();
    let progress = backup.iter().find(|object| object["type"] == "progress").unwrap();
    for field in ["phase", "entries", "bytes", "new_bytes", "stored_bytes", "problems", "elapsed"] {
        assert!(!progress[field].is_null(), "{field} in {progress}");
    }
    assert!(backup.last().unwrap()["duration"].is_number());
    let without = setup.run(["--json", "--no-progress", "backup", "source"]).expect(0).json();
    assert_eq!(without.len(), 1);
}

#[test]
fn nothing_is_said_when_nobody_reads_on() {
    let setup = Setup::new();
    setup.run(["backup", "source"]).expect(0);
    let mut big = Vec::new();
    for number in 0..400_000u32 {
        big.extend_from_slice(&number.to_le_bytes());
    }
    setup.feed(["backup", "--stdin", "--stdin-name", "big"], &big).expect(0);
    for verb in ["cat latest:big", "ls -R latest", "export latest", "--json find '*'"] {
        let mut shell = std::process::Command::new("sh");
        setup.environment(&mut shell);
        shell.env("BIN", env!("CARGO_BIN_EXE_strongroom"));
        let run = run(shell.args(["-c", &format!("$BIN {verb} | head -c 1 >/dev/null")]));
        assert_eq!((run.code, run.err.as_str()), (0, ""), "{verb}");
    }
    // A backup goes on to its end even then.
    let mut shell = std::process::Command::new("sh");
    setup.environment(&mut shell);
    shell.env("BIN", env!("CARGO_BIN_EXE_strongroom"));
    run(shell.args(["-c", "$BIN backup source --tag unwatched | true"])).expect(0);
    assert_eq!(setup.run(["snapshots", "--tag", "unwatched", "--json"]).expect(0).json().len(), 1);
}

#[test]
fn manual_pages_and_completions_come_from_the_command_itself() {
    let setup = Setup::empty();
    setup.run(["man", "pages"]).expect(0);
    let page = |name: &str| fs::read_to_string(setup.path("pages").join(name)).unwrap();
    assert!(page("strongroom.1").contains("suspended by a deadline or Ctrl"));
    assert!(page("strongroom-backup.1").contains("exclude"));
    assert!(page("strongroom-key-passphrase.1").contains("new"));
    for shell in ["bash", "zsh", "fish"] {
        let script = setup.run(["completions", shell]).expect(0).out;
        assert!(script.contains("rebuild-index") && !script.contains(PASSPHRASE), "{shell}");
    }
}
