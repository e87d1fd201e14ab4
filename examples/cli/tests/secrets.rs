//! Where secrets come from, and that they go nowhere else.

mod common;

use common::pty::Session;
use common::{INIT, PASSPHRASE, Setup, run, wait_until};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

fn without_variable(setup: &Setup) -> Command {
    let mut command = setup.command();
    command.env_remove("STRONGROOM_PASSPHRASE");
    command
}

#[test]
fn passphrases_come_from_files_and_commands() {
    let setup = Setup::new();
    fs::write(setup.path("secret"), format!("{PASSPHRASE}\nanother line\n")).unwrap();
    run(without_variable(&setup).args(["--passphrase-file", "secret", "snapshots"])).expect(0);
    run(without_variable(&setup).args(["snapshots", "--passphrase-command", "head -n 1 secret"])).expect(0);
    let failed =
        run(without_variable(&setup).args(["--passphrase-command", "echo leak; false", "snapshots"])).expect(2);
    assert!(!failed.err.contains("leak"), "{}", failed.err);
    run(without_variable(&setup).args(["--passphrase-file", "missing", "snapshots"])).expect(1);
    fs::write(setup.path("empty"), "\n").unwrap();
    run(without_variable(&setup).args(["--passphrase-file", "empty", "snapshots"])).expect(2);
    // With neither a terminal nor a secret, it says what there is.
    let mut command = Command::new("setsid");
    setup.environment(&mut command);
    command.env_remove("STRONGROOM_PASSPHRASE").args(["--wait", env!("CARGO_BIN_EXE_strongroom"), "snapshots"]);
    let none = run(&mut command).expect(2);
    assert!(none.err.contains("--passphrase-command") && none.err.contains("$STRONGROOM_PASSPHRASE"), "{}", none.err);
}

#[test]
fn passphrases_are_asked_for_without_showing_them() {
    let setup = Setup::empty();
    let mut command = without_variable(&setup);
    let mut session = Session::start(command.args(INIT));
    session.wait_for("Passphrase of the new repository: ");
    session.press("typed by hand\n");
    session.wait_for("The same again: ");
    session.press("typed by hand\n");
    let made = session.end().expect(0);
    assert!(made.out.contains("Made repository") && !made.out.contains("typed by hand"), "{}", made.out);

    let mut command = without_variable(&setup);
    let mut session = Session::start(command.arg("snapshots"));
    session.wait_for("Passphrase: ");
    session.press("typed by hand\n");
    let run = session.end().expect(0);
    assert!(!run.out.contains("typed by hand"), "{}", run.out);

    let mut command = without_variable(&setup);
    let mut session = Session::start(command.arg("snapshots"));
    session.wait_for("Passphrase: ");
    session.press("wrong\n");
    session.end().expect(11);

    let mut command = without_variable(&setup);
    let mut session = Session::start(command.args(["-r", "other"]).args(INIT));
    session.wait_for("repository: ");
    session.press("one\n");
    session.wait_for("again: ");
    session.press("two\n");
    let differ = session.end().expect(2);
    assert!(differ.out.contains("differ") && !setup.path("other").exists(), "{}", differ.out);
}

#[test]
fn recovery_codes_are_shown_once_and_open_the_repository() {
    let setup = Setup::empty();
    let made = setup.run(INIT.into_iter().chain(["--with-recovery-code", "--json"])).expect(0);
    let code = made.object("summary")["recovery_code"].as_str().unwrap().to_owned();
    assert_eq!(code.len(), 35);
    fs::write(setup.path("code"), code.to_lowercase()).unwrap();
    run(without_variable(&setup).args(["--recovery-code-file", "code", "snapshots"])).expect(0);

    let mut command = without_variable(&setup);
    let mut session = Session::start(command.args(["--recovery-code", "key", "list"]));
    session.wait_for("Recovery code: ");
    session.press("mistyped\n");
    session.wait_for("too short");
    session.press(&format!("{}\n", code.replace('-', " ")));
    let run = session.end().expect(0);
    assert!(run.out.contains("(in use)") && !run.out.contains(&code), "{}", run.out);
}

#[test]
fn keys_are_added_changed_and_removed() {
    let setup = Setup::new();
    let keys = || setup.run(["key", "list", "--json"]).expect(0).json();
    fs::write(setup.path("writer"), "only writes").unwrap();
    let added = setup.run([
        "key",
        "add",
        "--role",
        "writer",
        "--label",
        "cron job",
        "--new-passphrase-file",
        "writer",
        "--passphrase-memory",
        "19M",
        "--passphrase-passes",
        "2",
        "--json",
    ]);
    let added = added.expect(0).object("summary")["key"].as_str().unwrap().to_owned();
    assert_eq!(keys().len(), 2);
    let writer = |arguments: &[&str]| {
        let mut command = without_variable(&setup);
        run(command.args(["--passphrase-file", "writer"]).args(arguments))
    };
    writer(&["backup", "source"]).expect(0);
    let refused = writer(&["ls", "latest"]).expect(13);
    assert!(refused.err.contains("hint: "), "{}", refused.err);
    let sealed = writer(&["snapshots"]).expect(0);
    assert!(sealed.out.contains("sealed"), "{}", sealed.out);
    setup.run(["ls", "latest"]).expect(0);
    setup.run(["key", "remove", &added[..6]]).expect(0);
    writer(&["snapshots"]).expect(11);
    // What it made a moment before counts.
    assert_eq!(setup.run(["snapshots", "--json"]).expect(0).json().len(), 1);

    fs::write(setup.path("new"), "changed").unwrap();
    setup.run(["key", "passphrase", "--new-passphrase-file", "new", "--passphrase-memory", "19M"]).expect(0);
    setup.run(["snapshots"]).expect(11);
    run(without_variable(&setup).args(["--passphrase-file", "new", "snapshots"])).expect(0);
}

#[test]
fn devices_come_and_go() {
    let setup = Setup::new();
    setup.run(["backup", "source"]).expect(0);
    let made = setup.run(["device", "new", "phone.key", "--name", "phone", "--json"]).expect(0).object("summary");
    let id = made["device"].as_str().unwrap().to_owned();
    assert_eq!(fs::metadata(setup.path("phone.key")).unwrap().permissions().mode() & 0o777, 0o600);
    setup.run(["device", "new", "phone.key"]).expect(1);
    let device = |arguments: &[&str]| {
        let mut command = without_variable(&setup);
        run(command.args(["--device-key", "phone.key"]).args(arguments))
    };
    device(&["snapshots"]).expect(11);
    let other = setup.run(["device", "add", "phone.key.request", "--expect", "ffffffff"]).expect(13);
    assert!(other.err.contains(&id), "{}", other.err);
    let add = ["device", "add", "phone.key.request", "--role", "reader", "--expect", &id[..8]];
    setup.run(add).expect(0);
    device(&["ls", "latest"]).expect(0);
    device(&["backup", "source"]).expect(0);
    let listed = setup.run(["device", "list"]).expect(0).out;
    assert!(listed.contains("phone") && listed.contains(&id[..8]), "{listed}");
    let said = setup.run(["device", "revoke", &id[..8]]).expect(0);
    assert!(said.err.contains("shut out") || said.out.contains("shut out"), "{said:?}");
    device(&["snapshots"]).expect(11);
    assert!(setup.run(["device", "list", "--json"]).expect(0).json()[0]["revoked"].is_string());
}

/// Somebody who runs the storage and has seen the request makes a repository for the device to fill.
#[test]
fn a_device_refuses_the_repository_of_another_owner() {
    let setup = Setup::new();
    setup.run(["device", "new", "phone.key"]).expect(0);
    let added = setup.run(["device", "add", "phone.key.request", "--role", "reader", "--json"]).expect(0);
    let owner = added.object("summary")["owner"].as_str().unwrap().to_owned();
    let listed = setup.run(["device", "list", "--json"]).expect(0).object("owner");
    assert_eq!(listed["key"], owner);
    setup.run(INIT.iter().chain(&["-r", "forged"])).expect(0);
    setup.run(["-r", "forged", "device", "add", "phone.key.request"]).expect(0);
    let device = |arguments: &[&str]| {
        let mut command = without_variable(&setup);
        run(command.args(["--device-key", "phone.key"]).args(arguments))
    };
    device(&["snapshots", "--expect-owner", &owner]).expect(0);
    device(&["-r", "forged", "backup", "source"]).expect(0);
    let refused = device(&["-r", "forged", "backup", "source", "--expect-owner", &owner]).expect(13);
    assert!(refused.err.contains("another owner"), "{}", refused.err);
    let mut command = without_variable(&setup);
    command.env("STRONGROOM_OWNER", &owner).args(["--device-key", "phone.key", "-r", "forged", "snapshots"]);
    run(&mut command).expect(13);
    device(&["snapshots", "--expect-owner", "00"]).expect(2);
}

#[test]
fn keys_are_rotated_and_everybody_who_stays_goes_on() {
    let setup = Setup::new();
    fs::write(setup.path("new"), "of the writer").unwrap();
    setup.run(["key", "add", "--role", "writer", "--label", "writer", "--new-passphrase-file", "new"]).expect(0);
    setup.run(["key", "add", "--role", "reader", "--label", "gone", "--new-passphrase-command", "echo gone"]).expect(0);
    let writer = |arguments: &[&str]| {
        let mut command = setup.command();
        run(command.env("STRONGROOM_PASSPHRASE", "of the writer").args(arguments))
    };
    let report = setup.run(["key", "rotate", "--json"]).expect(0).json();
    assert_eq!((&report[0]["epoch"], &report[0]["handed_out"]), (&2.into(), &2.into()), "{report:?}");
    writer(&["backup", "source"]).expect(0);
    let keys = setup.run(["key", "list", "--json"]).expect(0).json();
    let gone = keys.iter().find(|key| key["label"] == "gone" && key["method"] == "passphrase").unwrap();
    let id = gone["id"].as_str().unwrap();
    let removal = setup.run(["key", "remove", id, "--json"]).expect(0).json();
    assert_eq!(removal[0]["rotation"]["epoch"], 3, "{removal:?}");
    assert_eq!(removal[0]["revoked_device"], gone["device"]);
    assert_eq!(removal[0]["removed_keys"].as_array().unwrap().len(), 2);
    writer(&["backup", "source"]).expect(0);
    writer(&["key", "rotate"]).expect(13);
    let id = keys.iter().find(|key| key["label"] == "writer" && key["method"] == "passphrase").unwrap();
    let removal = setup.run(["key", "remove", id["id"].as_str().unwrap(), "--keep-epoch", "--json"]).expect(0).json();
    assert!(removal[0]["rotation"].is_null() && removal[0]["revoked_device"].is_null(), "{removal:?}");
}

#[test]
fn no_secret_is_on_a_command_line_or_in_an_output() {
    let setup = Setup::new();
    fs::write(setup.path("secret"), PASSPHRASE).unwrap();
    let mut command = without_variable(&setup);
    command.args(["--verbose", "--passphrase-file", "secret", "backup", "--stdin"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    wait_until("it is at work", || common::files(&setup.path("repository/sessions")) > 0);
    for file in ["cmdline", "environ"] {
        let seen = fs::read(format!("/proc/{}/{file}", child.id())).unwrap();
        assert!(!String::from_utf8_lossy(&seen).contains(PASSPHRASE), "{file}");
    }
    drop(child.stdin.take());
    let mut outputs = vec![common::Run::from(child.wait_with_output().unwrap()).expect(0)];
    for arguments in [&["--verbose", "key", "list"][..], &["--verbose", "ls", "latest:no/such"], &["--json", "check"]] {
        outputs.push(setup.run(arguments));
    }
    let mut wrong = setup.command();
    outputs.push(run(wrong.env("STRONGROOM_PASSPHRASE", "hunter2").args(["--verbose", "snapshots"])).expect(11));
    for run in outputs {
        for secret in [PASSPHRASE, "hunter2"] {
            assert!(!run.out.contains(secret) && !run.err.contains(secret), "{run:?}");
        }
    }
    let help = setup.run(["--help"]).expect(0).out;
    assert!(!help.contains(PASSPHRASE), "{help}");
}

#[test]
fn ctrl_c_at_a_prompt_gives_the_terminal_back() {
    let setup = Setup::new();
    let mut shell = Command::new("sh");
    setup.environment(&mut shell);
    shell.env_remove("STRONGROOM_PASSPHRASE");
    let script = format!("trap : INT; {} snapshots; echo code $?; stty -a", env!("CARGO_BIN_EXE_strongroom"));
    let mut session = Session::start(shell.args(["-c", &script]));
    session.wait_for("Passphrase: ");
    session.press("half a pass\x03");
    let run = session.end();
    assert!(run.out.contains("code 130") && run.out.contains(" echo "), "{}", run.out);
}
