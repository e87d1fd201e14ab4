//! Removing snapshots, and holding them.

mod common;

use common::{INIT, Setup, files};
use serde_json::Value;
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

const DAY: u64 = 86_400;

/// A setup with a snapshot of each of the last days, the oldest first, and their ids. Storage received each then.
fn days(count: u64) -> (Setup, Vec<String>) {
    let setup = Setup::empty();
    setup.run(INIT).expect(0);
    fs::create_dir(setup.source()).unwrap();
    let ids = (0..count)
        .rev()
        .map(|day| {
            fs::write(setup.path("source/file"), format!("day {day}")).unwrap();
            let ago = format!("{day}d");
            let run = setup.run(["--json", "backup", "source", "--host", "laptop", "--tag", "t", "--time", &ago]);
            let id = run.expect(0).object("summary")["snapshot"].as_str().unwrap().to_owned();
            received(&setup, &id, Duration::from_secs(day * DAY));
            id
        })
        .collect();
    (setup, ids)
}

fn object(setup: &Setup, id: &str) -> PathBuf {
    setup.repository().join("snapshots").join(id)
}

/// Lets storage have received a snapshot so long ago.
fn received(setup: &Setup, id: &str, ago: Duration) {
    let file = fs::OpenOptions::new().write(true).open(object(setup, id)).unwrap();
    file.set_modified(SystemTime::now() - ago).unwrap();
}

fn left(setup: &Setup) -> Vec<String> {
    let run = setup.run(["--json", "snapshots"]).expect(0);
    run.json().iter().map(|snapshot| snapshot["id"].as_str().unwrap().to_owned()).collect()
}

/// What is said of each snapshot, by id.
fn said<'a>(objects: &'a [Value], id: &str) -> &'a Value {
    objects.iter().find(|object| object["type"] == "retention" && object["id"] == id).unwrap()
}

#[test]
fn a_dry_run_tells_why_and_changes_nothing() {
    let (setup, ids) = days(5);
    let options = ["forget", "--keep-last", "1", "--keep-daily", "2", "--dry-run"];
    let run = setup.run(options).expect(0);
    let lines: Vec<&str> = run.out.lines().collect();
    assert!(lines[0].starts_with("laptop  /") && lines[0].contains("source  (device "), "{}", run.out);
    assert!(lines[1].contains("RECEIVED") && lines[1].contains("WHY"), "{}", run.out);
    assert!(lines[2].starts_with("goes") && lines[2].contains(&ids[0][..8]), "{}", run.out);
    assert!(lines[2].contains("not among the last 1, too old for daily "), "{}", run.out);
    assert!(lines[5].starts_with("stays") && lines[5].contains("daily "), "{}", run.out);
    assert!(lines[6].contains("the newest, last 1, daily "), "{}", run.out);
    assert_eq!(lines.last().unwrap(), &"3 snapshots would be removed, 2 stay. Nothing was changed.");
    assert_eq!(left(&setup).len(), 5);

    let json = setup.run(["--json"].iter().chain(&options)).expect(0);
    let objects = json.json();
    assert_eq!(
        (said(&objects, &ids[0])["stays"].as_bool(), said(&objects, &ids[3])["stays"].as_bool()),
        (Some(false), Some(true))
    );
    assert_eq!(said(&objects, &ids[0])["reasons"][1]["reason"], "beyond");
    assert_eq!(said(&objects, &ids[4])["reasons"][0]["reason"], "newest");
    let summary = json.object("summary");
    assert_eq!(
        (summary["dry_run"].as_bool(), summary["kept"].as_u64(), summary["removed"].as_u64()),
        (Some(true), Some(2), Some(3))
    );

    let run = setup.run(&options[..5]).expect(0);
    assert!(run.out.contains("3 snapshots removed, 2 stay."), "{}", run.out);
    assert_eq!(left(&setup), ids[3..]);
    setup.run(["check", "--read-data", "--verify-content"]).expect(0);
    setup.run(["restore", "latest", "--target", "restored"]).expect(0);
    assert_eq!(fs::read_to_string(setup.path("restored/file")).unwrap(), "day 0");
}

#[test]
fn a_forged_clock_removes_nothing_and_is_shown() {
    let (setup, ids) = days(3);
    // Made by a device whose clock was right, that storage received 40 days ago: as if it claimed the future.
    let forged = setup.run(["--json", "backup", "source", "--host", "laptop"]).expect(0);
    let forged = forged.object("summary")["snapshot"].as_str().unwrap().to_owned();
    received(&setup, &forged, Duration::from_secs(40 * DAY));
    let run = setup.run(["forget", "--keep-last", "3", "-n"]).expect(0);
    let line = run.out.lines().find(|line| line.contains(&forged[..8])).unwrap();
    assert!(
        line.starts_with("goes")
            && line.contains("[its clock said ")
            && line.contains(" d ")
            && line.contains("ahead]"),
        "{line}"
    );
    assert!(ids.iter().all(|id| run.out.lines().any(|line| line.starts_with("stays") && line.contains(&id[..8]))));
    let objects = setup.run(["--json", "forget", "--keep-last", "3"]).expect(0).json();
    assert!(said(&objects, &forged)["clock_ahead"].as_i64().unwrap() > 39 * 86_400);
    assert_eq!(said(&objects, &ids[0])["clock_ahead"], Value::Null);
    assert_eq!(left(&setup), ids);
}

#[test]
fn what_is_held_is_not_forgotten() {
    let (setup, ids) = days(3);
    let run = setup.run(["hold", &ids[0][..8], "--for", "30d"]).expect(0);
    assert!(run.out.contains("is held until "), "{}", run.out);
    assert!(setup.run(["snapshots"]).expect(0).out.contains("[held until "));
    // Naming it is not enough, and is told by the exit code.
    let run = setup.run(["forget", &ids[0][..8]]).expect(3);
    assert!(run.out.contains("stays") && run.out.contains("held until "), "{}", run.out);
    setup.run(["forget", "--keep-last", "1"]).expect(0);
    assert_eq!(left(&setup), [ids[0].clone(), ids[2].clone()]);
    let summary = setup.run(["--json", "hold", "--release", &ids[0][..8]]).expect(0).object("summary");
    assert_eq!((&summary["operation"], &summary["hold_until"]), (&"hold".into(), &Value::Null));
    setup.run(["forget", &ids[0][..8]]).expect(0);
    assert_eq!(left(&setup), [ids[2].clone()]);
    assert_eq!(files(&setup.repository().join("marks")), 0);
    let shown = setup.run(["--json", "hold", "latest", "--until", "2999-01-01T00:00:00Z"]).expect(0);
    assert_eq!(shown.object("summary")["hold_until"], "2999-01-01T00:00:00Z");
    for wrong in
        [&["hold", "latest"][..], &["hold", "latest", "--until", "2001-01-01"], &["hold", "latest", "--for", "6m"]]
    {
        setup.run(wrong).expect(2);
    }
}

#[test]
fn a_damaged_snapshot_is_in_the_way_until_it_is_given_up() {
    let (setup, ids) = days(3);
    let place = object(&setup, &ids[0]);
    let mut bytes = fs::read(&place).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::remove_file(&place).unwrap();
    fs::write(&place, bytes).unwrap();
    for arguments in [&["prune"][..], &["prune", "--dry-run"]] {
        let run = setup.run(arguments).expect(12);
        assert!(run.err.contains(&format!("snapshots/{}", ids[0])), "{}", run.err);
        assert!(run.err.contains(&format!("`strongroom forget --damaged {}`", ids[0])), "{}", run.err);
    }
    // Rules leave it alone, and it goes under no name that a sound one may have.
    let run = setup.run(["forget", "--keep-last", "2"]).expect(3);
    assert!(run.err.contains(&ids[0]) && place.exists(), "{}", run.err);
    let refused = setup.run(["forget", "--damaged", &ids[1]]).expect(1);
    assert!(refused.err.contains("sound"), "{}", refused.err);
    setup.run(["forget", "--damaged", &ids[0][..8]]).expect(1);
    setup.run(["forget", "--damaged", &ids[0], "--keep-last", "1"]).expect(2);
    let run = setup.run(["forget", "--dry-run", "--damaged", &ids[0]]).expect(0);
    assert!(run.out.contains(&format!("goes  snapshots/{}", ids[0])) && place.exists(), "{}", run.out);
    let run = setup.run(["--json", "forget", "--damaged", &format!("snapshots/{}", ids[0])]).expect(0);
    let objects = run.json();
    let said = objects.iter().find(|one| one["type"] == "damaged").unwrap();
    assert_eq!((&said["stays"], &said["error"]), (&false.into(), &"corrupt".into()));
    assert_eq!(run.object("summary")["removed"], 1);
    setup.run(["prune"]).expect(0);
    assert_eq!(left(&setup), ids[1..]);
    setup.run(["check", "--read-data"]).expect(0);
}

#[test]
fn nothing_is_removed_without_a_rule_or_a_name() {
    let (setup, ids) = days(2);
    for wrong in [
        &["forget"][..],
        &["forget", "--dry-run"],
        &["forget", "--host", "laptop"],
        &["forget", "latest", "--keep-last", "1"],
        &["forget", "latest", "--host", "laptop"],
        &["forget", "--keep-within", "6m"],
        &["forget", "--keep-last", "1", "--group-by", "tags"],
    ] {
        setup.run(wrong).expect(2);
    }
    // Rules that keep nothing are no rules.
    setup.run(["forget", "--keep-last", "0"]).expect(1);
    assert_eq!(left(&setup), ids);
    setup.run(["forget", "--keep-last", "1", "--host", "another"]).expect(0);
    assert_eq!(left(&setup), ids);
    setup.run(["forget", "--keep-tag", "none", "--newest-may-go", "--group-by", "host"]).expect(0);
    assert!(left(&setup).is_empty());
}

#[test]
fn rules_for_periods_and_ages_and_tags_add_up() {
    let (setup, ids) = days(6);
    setup.run(["tag", &ids[0], "--add", "release"]).expect(0);
    let run = setup.run(["forget", "--keep-tag", "release", "--keep-within", "36h", "--keep-within-daily", "3d"]);
    run.expect(0);
    // Of today and the three days before.
    assert_eq!(left(&setup), [&ids[..1], &ids[2..]].concat());
}
