//! Ctrl-C, SIGTERM and deadlines.

mod common;

use common::pty::Session;
use common::{Setup, files, wait_until};
use rustix::process::{Pid, Signal, kill_process};
use std::io::Write;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A backup of a stream that does not end, with some bytes sent.
fn endless(setup: &Setup, options: &[&str]) -> (Child, std::process::ChildStdin) {
    let mut command = setup.command();
    command.args(["backup", "--stdin", "--stdin-name", "dump"]).args(options);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(&vec![7; 100_000]).unwrap();
    // Its lease is there once signals are handled and the work has begun.
    wait_until("the backup has begun", || files(&setup.path("repository/sessions")) > 0);
    std::thread::sleep(Duration::from_millis(100));
    (child, input)
}

fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

fn ended(child: Child) -> common::Run {
    child.wait_with_output().unwrap().into()
}

#[test]
fn one_ctrl_c_suspends_and_the_next_run_completes() {
    let setup = Setup::new();
    for kind in [Signal::INT, Signal::TERM] {
        let (child, _input) = endless(&setup, &[]);
        let began = Instant::now();
        signal(&child, kind);
        let run = ended(child).expect(4);
        assert!(began.elapsed() < Duration::from_secs(5));
        assert!(run.err.contains("Once more stops at once"), "{}", run.err);
        assert!(run.out.contains("Run the same command again"), "{}", run.out);
        std::fs::remove_dir_all(setup.path("repository/sessions")).unwrap();
    }
    assert!(setup.run(["snapshots", "--json"]).expect(0).out.is_empty());
    setup.feed(["backup", "--stdin", "--stdin-name", "dump"], &vec![7; 200_000]).expect(0);
    assert_eq!(setup.run(["cat", "latest:dump"]).expect(0).bytes, vec![7; 200_000]);
    setup.run(["check", "--read-data", "--verify-content"]).expect(0);
}

#[test]
fn two_stop_at_once() {
    let setup = Setup::new();
    let (child, _input) = endless(&setup, &[]);
    let began = Instant::now();
    signal(&child, Signal::INT);
    // Two at the same moment would count as one.
    std::thread::sleep(Duration::from_millis(20));
    signal(&child, Signal::INT);
    let run = ended(child);
    // The first may have done its work before the second arrived.
    assert!([130, 4].contains(&run.code), "{run:?}");
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    setup.run(["check"]).expect(0);
}

#[test]
fn two_stop_even_what_does_not_answer() {
    let setup = Setup::new();
    // Opening a pipe waits for somebody to write to it, which nothing but a signal ends.
    let pipe = setup.path("pipe.tar");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let mut command = setup.command();
    command.args(["backup", "--tar"]).arg(&pipe).stdout(Stdio::null()).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    let status = format!("/proc/{}/task", child.id());
    wait_until("signals are handled", || {
        std::fs::read_dir(&status)
            .unwrap()
            .filter_map(Result::ok)
            .any(|task| std::fs::read_to_string(task.path().join("comm")).is_ok_and(|name| name.trim() == "signals"))
    });
    signal(&child, Signal::INT);
    std::thread::sleep(Duration::from_millis(100));
    let began = Instant::now();
    signal(&child, Signal::INT);
    ended(child).expect(130);
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
}

#[test]
fn a_deadline_suspends() {
    let setup = Setup::new();
    let (child, _input) = endless(&setup, &["--deadline", "1s", "--json"]);
    let run = ended(child).expect(4);
    assert_eq!(run.object("summary")["outcome"], "suspended");
    let run = setup.run(["backup", "source", "--deadline", "0s"]).expect(4);
    assert!(run.out.contains("Suspended"), "{}", run.out);
    setup.run(["backup", "source", "--deadline", "10m"]).expect(0);
}

#[test]
fn ctrl_c_typed_on_a_terminal_suspends() {
    let setup = Setup::new();
    let pipe = setup.path("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    // Nothing comes out of a pipe that somebody else holds open.
    let _holder = std::fs::File::options().read(true).write(true).open(&pipe).unwrap();
    let mut shell = Command::new("sh");
    setup.environment(&mut shell);
    let script = format!("exec {} backup --stdin --stdin-name dump <pipe", env!("CARGO_BIN_EXE_strongroom"));
    shell.args(["-c", &script]);
    let mut session = Session::start(&shell);
    session.wait_for("preparing");
    wait_until("the backup has begun", || files(&setup.path("repository/sessions")) > 0);
    std::thread::sleep(Duration::from_millis(100));
    session.press("\x03");
    session.wait_for("Suspended");
    let run = session.end().expect(4);
    assert!(run.out.contains("Stopping"), "{}", run.out);
}
