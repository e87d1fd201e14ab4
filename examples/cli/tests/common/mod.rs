//! Runs the real command on real folders.
#![allow(dead_code, unreachable_pub)] // every test program uses a part of it

pub mod pty;

#[path = "../../src/commands/quickstart/compare.rs"]
mod compare;
#[path = "../../src/commands/quickstart/sample.rs"]
mod sample;

use serde_json::Value;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

pub const PASSPHRASE: &str = "correct horse battery staple";

/// A folder with a source, and place for a repository and what is restored.
pub struct Setup {
    folder: tempfile::TempDir,
}

/// What a run of the command came to.
#[derive(Debug)]
pub struct Run {
    pub code: i32,
    pub out: String,
    pub err: String,
    pub bytes: Vec<u8>,
}

impl Setup {
    /// Without a repository.
    pub fn empty() -> Self {
        Setup { folder: tempfile::tempdir().unwrap() }
    }

    /// With a repository and a source with one of everything.
    pub fn new() -> Self {
        let setup = Setup::empty();
        setup.run(INIT).expect(0);
        sample::make(&setup.source()).unwrap();
        // What changed a moment before it is read is read again the next time.
        std::thread::sleep(Duration::from_millis(50));
        setup
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn source(&self) -> PathBuf {
        self.path("source")
    }

    pub fn repository(&self) -> PathBuf {
        self.path("repository")
    }

    /// The command without its arguments, with the passphrase in the environment.
    pub fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_strongroom"));
        self.environment(&mut command);
        command
    }

    /// Nothing of the machine's own settings gets in.
    pub fn environment(&self, command: &mut Command) {
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.path("home"))
            .env("TZ", "UTC")
            .env("STRONGROOM_REPOSITORY", self.repository())
            .env("STRONGROOM_CACHE_DIR", self.path("cache"))
            .env("STRONGROOM_PASSPHRASE", PASSPHRASE)
            .current_dir(self.folder.path())
            .stdin(Stdio::null());
    }

    pub fn run<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Run {
        let mut command = self.command();
        command.args(arguments);
        run(&mut command)
    }

    /// Runs it with these bytes on standard input.
    pub fn feed<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>, input: &[u8]) -> Run {
        let file = self.path("input");
        fs::write(&file, input).unwrap();
        let mut command = self.command();
        command.args(arguments).stdin(fs::File::open(file).unwrap());
        run(&mut command)
    }

    /// Differences between the source and a folder of the setup.
    pub fn differences(&self, restored: &str) -> Vec<(PathBuf, String)> {
        compare::compare(&self.source(), &self.path(restored)).unwrap().differences
    }
}

/// A cheap passphrase keeps the tests fast.
pub const INIT: [&str; 5] = ["init", "--passphrase-memory", "19M", "--passphrase-passes", "2"];

pub fn run(command: &mut Command) -> Run {
    command.output().unwrap().into()
}

impl From<Output> for Run {
    fn from(output: Output) -> Self {
        use std::os::unix::process::ExitStatusExt;
        Run {
            code: output.status.code().unwrap_or_else(|| 1000 + output.status.signal().unwrap_or_default()),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
            bytes: output.stdout,
        }
    }
}

impl Run {
    /// Fails the test unless it ended like this.
    #[track_caller]
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stdout:\n{}\nstderr:\n{}", self.out, self.err);
        self
    }

    /// Every line of standard output as JSON.
    #[track_caller]
    pub fn json(&self) -> Vec<Value> {
        let parse = |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        self.out.lines().map(parse).collect()
    }

    /// The only object of a type.
    #[track_caller]
    pub fn object(&self, kind: &str) -> Value {
        let mut found = self.json().into_iter().filter(|object| object["type"] == kind);
        let one = found.next().unwrap_or_else(|| panic!("no {kind} in:\n{}\n{}", self.out, self.err));
        assert!(found.next().is_none(), "several {kind} in:\n{}", self.out);
        one
    }
}

/// Waits until something is so, for a while that is long even on a busy machine.
#[track_caller]
pub fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < Duration::from_secs(60), "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Files below a folder, at any depth.
pub fn files(folder: &Path) -> usize {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    entries.filter_map(Result::ok).map(|entry| if entry.path().is_dir() { files(&entry.path()) } else { 1 }).sum()
}

/// Runs the command as somebody who may not do everything: these tests may be run by root.
pub fn unprivileged(setup: &Setup) -> Command {
    if !rustix::process::geteuid().is_root() {
        return setup.command();
    }
    use std::os::unix::process::CommandExt;
    const NOBODY: u32 = 65534;
    // The folder the command was built in may be closed to others.
    let program = setup.path("strongroom");
    if !program.exists() {
        fs::copy(env!("CARGO_BIN_EXE_strongroom"), &program).unwrap();
        fs::set_permissions(setup.path(""), fs::Permissions::from_mode(0o755)).unwrap();
    }
    let mut command = Command::new(program);
    setup.environment(&mut command);
    command.uid(NOBODY).gid(NOBODY);
    command
}

/// Gives everything in a folder to the user of [`unprivileged`].
pub fn give_away(folder: &Path) {
    if rustix::process::geteuid().is_root() {
        let done = Command::new("chown").args(["-R", "65534:65534"]).arg(folder).status().unwrap();
        assert!(done.success());
    }
}

/// Notes that the test at hand cannot run here, in the list by which `cargo xtask test` tells it from one that passed.
fn skipped(why: &str) {
    eprintln!("skipped: {why}");
    if let Some(list) = std::env::var_os("STRONGROOM_SKIPPED_TESTS") {
        use std::io::Write;
        let test = std::thread::current().name().unwrap_or("a test").to_owned();
        let mut list = fs::OpenOptions::new().create(true).append(true).open(list).unwrap();
        list.write_all(format!("{test}: {why}\n").as_bytes()).unwrap();
    }
}

/// A shell with mounts of its own, which go away with it; `None` where that is not allowed, and the test is to be
/// skipped.
pub fn with_mounts() -> Option<Command> {
    let allowed = Command::new("unshare").args(["-m", "mount", "-t", "tmpfs", "none", "/mnt"]).output();
    if !allowed.is_ok_and(|output| output.status.success()) {
        skipped("this needs the right to mount, which this process does not have");
        return None;
    }
    let mut command = Command::new("unshare");
    command.args(["-m", "sh", "-c"]);
    Some(command)
}
