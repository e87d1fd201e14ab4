//! The tests of the Swift binding, and its example, by the Swift of this machine or by Debian's beside it.

use crate::report::{Outcome, Tally};
use crate::workspace::Workspace;
use crate::{Options, bindings, overhead, process, uniffi};
use anyhow::{Context as _, Result, ensure};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A Swift that can be run.
enum Toolchain {
    /// On the path.
    Here,
    /// In a Debian unpacked into this folder, which `.ci/setup` makes.
    Beside(PathBuf),
}

/// Where the workspace stands inside of an unpacked Debian.
const INSIDE: &str = "/src";

/// Enters a Debian with the workspace in it. The mounts end with the process.
const ENTER: &str = "set -e
mount -t proc proc \"$1/proc\"
mount --rbind /dev \"$1/dev\"
mkdir -p \"$1/src\"
mount --bind \"$2\" \"$1/src\"
root=$1
shift 2
exec chroot \"$root\" /usr/bin/env -i HOME=/tmp PATH=/usr/bin:/bin LANG=C.UTF-8 \"$@\"
";

impl Toolchain {
    fn find() -> Option<Self> {
        if process::exists(Command::new("swift").arg("--version")) {
            return Some(Toolchain::Here);
        }
        let cache = || {
            let home = std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache"));
            std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).or(home)
        };
        let root = std::env::var_os("STRONGROOM_SWIFT_ROOT").map(PathBuf::from);
        let root = root.or_else(|| cache().map(|cache| cache.join("strongroom/swift-root")))?;
        let is_whole = root.join("usr/bin/swift").symlink_metadata().is_ok();
        let found = is_whole && process::exists(Command::new("unshare").args(["--mount", "true"]));
        found.then_some(Toolchain::Beside(root))
    }

    /// Where Swift sees a path of the workspace.
    fn path(&self, workspace: &Workspace, path: &Path) -> PathBuf {
        match self {
            Toolchain::Here => path.to_owned(),
            Toolchain::Beside(_) => Path::new(INSIDE).join(path.strip_prefix(workspace.root()).unwrap_or(path)),
        }
    }

    /// A command of Swift's package manager on a package of the workspace.
    fn swift(&self, workspace: &Workspace, verb: &str, package: &str) -> Command {
        self.swift_with(workspace, verb, package, None)
    }

    /// The same, with a variable set to a path of the workspace.
    fn swift_with(&self, workspace: &Workspace, verb: &str, package: &str, variable: Option<(&str, &Path)>) -> Command {
        let variable = variable.map(|(name, path)| (name, self.path(workspace, path)));
        let library = self.path(workspace, &workspace.root().join("bindings/swift/lib"));
        let folder = self.path(workspace, &workspace.root().join(package));
        let mut arguments: Vec<OsString> = vec!["swift".into(), verb.into(), "--disable-sandbox".into()];
        arguments.extend(["--package-path".into(), folder.into()]);
        for argument in [format!("-L{}", library.display()), "-rpath".into(), library.display().to_string()] {
            arguments.extend(["-Xlinker".into(), argument.into()]);
        }
        match self {
            Toolchain::Here => {
                let mut command = workspace.command("swift");
                command.args(&arguments[1..]).envs(variable);
                command
            }
            Toolchain::Beside(root) => {
                let mut command = entered(workspace, root);
                // What `env` in there sets before it starts the rest.
                let variable = variable.map(|(name, path)| format!("{name}={}", path.display()));
                command.args(variable).args(arguments);
                command
            }
        }
    }
}

/// A command that enters an unpacked Debian and runs what its further arguments say.
fn entered(workspace: &Workspace, root: &Path) -> Command {
    let mut command = workspace.command("unshare");
    command.args(["--mount", "sh", "-c", ENTER, "sh"]).arg(root).arg(workspace.root());
    command
}

/// Builds the library and the package, runs its tests, then the example as a stranger would.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<Outcome> {
    let Some(toolchain) = Toolchain::find() else {
        let what = "swift is not installed, and .ci/setup, which unpacks one beside the system, has not run as root";
        return Ok(Outcome::missing(what, options.all));
    };
    uniffi::swift(workspace, "dev")?;
    // Inside of the package, since an unpacked Debian sees no more.
    let name = format!("strongroom{}", std::env::consts::EXE_SUFFIX);
    fs::copy(bindings::command(workspace)?, workspace.root().join("bindings/swift/lib").join(name))?;
    let mut test = toolchain.swift(workspace, "test", "bindings/swift");
    let (status, said) = process::capture(&mut test)?;
    let mut outcome = Outcome { tally: counts(&said).unwrap_or_default(), notes: Vec::new() };
    for line in said.lines().filter(|line| line.contains("error:") || line.contains("Executed ")) {
        println!("{line}");
    }
    if !status.success() || outcome.tally.passed == 0 {
        outcome.tally += if outcome.tally.failed == 0 { Tally::FAILED } else { Tally::default() };
        outcome.notes.push(format!("swift test failed ({status})"));
        return Ok(outcome);
    }
    match example(workspace, &toolchain) {
        Ok(()) => outcome.tally += Tally::PASSED,
        Err(error) => {
            outcome.tally += Tally::FAILED;
            outcome.notes.push(format!("examples/swift: {error:#}"));
        }
    }
    Ok(outcome)
}

/// Builds a program of a package as it would be released; what runs it.
pub(crate) fn released(workspace: &Workspace, package: &str, name: &str) -> Result<PathBuf> {
    let toolchain = Toolchain::find().context("swift is not installed, nor unpacked beside the system")?;
    let mut build = toolchain.swift(workspace, "build", package);
    process::succeed(build.args(["-c", "release", "--product", name]))?;
    let built = workspace.root().join(package).join(".build/release").join(name);
    let Toolchain::Beside(root) = &toolchain else { return Ok(built) };
    let place = workspace.target().join("xtask").join(format!("swift-{name}"));
    let mut run = entered(workspace, root);
    run.arg(toolchain.path(workspace, &built));
    overhead::script(&place, &run)?;
    Ok(place)
}

/// Plays the scenarios of a folder with what the tests were built of, if they were.
pub(crate) fn scenarios(workspace: &Workspace, folder: &Path) -> Option<Command> {
    let package = "bindings/swift";
    let is_built = workspace.root().join(package).join(".build/debug").is_dir();
    let toolchain = is_built.then(Toolchain::find)??;
    let mut play = toolchain.swift_with(workspace, "test", package, Some(("STRONGROOM_SCENARIOS", folder)));
    play.args(["--skip-build", "--filter", "testThoseOfAnotherFolder"]);
    Some(play)
}

fn example(workspace: &Workspace, toolchain: &Toolchain) -> Result<()> {
    let work = workspace.root().join("examples/swift/Backup/.build/work");
    let _ = fs::remove_dir_all(&work);
    let source = work.join("source");
    fs::create_dir_all(&source)?;
    fs::write(source.join("hello.txt"), "hello\n")?;
    let target = work.join("restored");
    let mut run = toolchain.swift(workspace, "run", "examples/swift/Backup");
    run.arg("Backup");
    for path in [&source, &work.join("repository"), &target] {
        run.arg(toolchain.path(workspace, path));
    }
    process::succeed(&mut run)?;
    ensure!(fs::read(target.join("hello.txt"))? == b"hello\n", "it restored something else");
    Ok(())
}

/// The last line of counts that XCTest printed.
fn counts(said: &str) -> Option<Tally> {
    let line = said.lines().rev().find(|line| line.contains("Executed ") && line.contains(" failure"))?;
    let mut numbers = line.split(|letter: char| !letter.is_ascii_digit()).filter_map(|text| text.parse::<u64>().ok());
    let run = numbers.next()?;
    let (skipped, failed) = match line.contains("skipped") {
        true => (numbers.next()?, numbers.next()?),
        false => (0, numbers.next()?),
    };
    Some(Tally { passed: run.checked_sub(failed + skipped)?, failed, skipped })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_those_of_the_whole_run() {
        let said = "\t Executed 3 tests, with 0 failures (0 unexpected) in 0.1 (0.1) seconds\n\
                    \t Executed 7 tests, with 2 failures (1 unexpected) in 1.5 (1.5) seconds\nbye\n";
        assert_eq!(counts(said), Some(Tally { passed: 5, failed: 2, skipped: 0 }));
        let skipped = "Executed 7 tests, with 1 test skipped and 0 failures (0 unexpected) in 1.5 (1.5) seconds";
        assert_eq!(counts(skipped), Some(Tally { passed: 6, failed: 0, skipped: 1 }));
        assert_eq!(counts("error: no such module"), None);
    }
}
