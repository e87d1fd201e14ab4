//! Repositories that each language writes are read by every other one: listed, checked, restored byte for byte, copied.
//!
//! Every language plays `docs/scenarios/exchange/write.json`, and then `read.json` for each of the others. What plays is what
//! the steps of the languages have built.

use crate::python::Environment;
use crate::report::{Outcome, Tally};
use crate::workspace::Workspace;
use crate::{Options, process, swift};
use anyhow::{Context, Result};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where a runner looks for scenarios.
const VARIABLE: &str = "STRONGROOM_SCENARIOS";

/// Makes a command that plays the scenarios of a folder; none when the step of the language has not built what it takes.
type Player = fn(&Workspace, &Path) -> Option<Command>;

const LANGUAGES: &[(&str, Player)] =
    &[("rust", rust), ("c", c), ("python", python), ("node", node), ("kotlin", kotlin), ("swift", swift::scenarios)];

fn rust(workspace: &Workspace, folder: &Path) -> Option<Command> {
    let mut test = workspace.cargo();
    // As the step `rust` asks for them, so that nothing is built once more.
    test.args(["test", "--quiet", "--workspace", "--test", "scenarios"]).env(VARIABLE, folder);
    Some(test)
}

fn c(workspace: &Workspace, folder: &Path) -> Option<Command> {
    let program = workspace.target().join("xtask/c++-scenarios");
    let mut play = program.is_file().then(|| workspace.command(program))?;
    play.arg(workspace.root()).env(VARIABLE, folder);
    Some(play)
}

fn python(workspace: &Workspace, folder: &Path) -> Option<Command> {
    let environment = Environment::existing(workspace, "python")?;
    let mut play = environment.program("python");
    play.args(["-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/test_scenarios.py"]);
    play.current_dir(workspace.root().join("bindings/python"));
    play.env(VARIABLE, folder).env("PYTHONDONTWRITEBYTECODE", "1");
    Some(play)
}

fn node(workspace: &Workspace, folder: &Path) -> Option<Command> {
    let package = workspace.root().join("bindings/node");
    let tests = package.join("build/tests/scenarios.test.mjs");
    let mut play = tests.is_file().then(|| workspace.command("node"))?;
    play.arg("--test").arg(tests).current_dir(package).env(VARIABLE, folder);
    Some(play)
}

fn kotlin(workspace: &Workspace, folder: &Path) -> Option<Command> {
    let package = workspace.root().join("bindings/kotlin");
    let mut play = package.join("target/test-classes").is_dir().then(|| workspace.command("mvn"))?;
    play.args(["--batch-mode", "--quiet", "-Dtest=ScenarioTest", "-f"]).arg(package).arg("surefire:test");
    play.env(VARIABLE, folder);
    Some(play)
}

pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<Outcome> {
    // Inside of the workspace, since Swift may see no more.
    let folder = workspace.root().join("bindings/swift/.build/exchange");
    let _ = fs::remove_dir_all(&folder);
    let mut outcome = Outcome::default();
    let mut wrote = Vec::new();
    for &(name, player) in LANGUAGES {
        let scenarios = folder.join(format!("write in {name}"));
        fill(workspace, &scenarios, "write", name, name)?;
        let Some(mut play) = player(workspace, &scenarios) else {
            let missing =
                Outcome::missing(format!("{name}: the step {name} has built nothing that plays"), options.all);
            outcome.tally += missing.tally;
            outcome.notes.extend(missing.notes);
            continue;
        };
        println!("{name} writes");
        let left = folder.join("repositories").join(name).join("config");
        if tell(&mut outcome, &format!("{name} writes"), &mut play, &[left])? {
            wrote.push((name, player));
        }
    }
    for &(reader, player) in &wrote {
        let scenarios = folder.join(format!("read in {reader}"));
        let mut copies: Vec<PathBuf> = Vec::new();
        for &(writer, _) in wrote.iter().filter(|(writer, _)| *writer != reader) {
            fill(workspace, &scenarios, "read", reader, writer)?;
            copies.push(folder.join("copies").join(format!("{reader} of {writer}")).join("config"));
        }
        let Some(mut play) = player(workspace, &scenarios) else { continue };
        println!("{reader} reads what {} others wrote", copies.len());
        tell(&mut outcome, &format!("{reader} reads"), &mut play, &copies)?;
    }
    let _ = fs::remove_dir_all(&folder);
    Ok(outcome)
}

/// Writes a scenario with its gaps filled into a folder.
fn fill(workspace: &Workspace, folder: &Path, scenario: &str, reader: &str, writer: &str) -> Result<()> {
    let file = workspace.root().join(format!("docs/scenarios/exchange/{scenario}.json"));
    let text = fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let place = folder.join(format!("{scenario}-{writer}.json"));
    fs::write(&place, text.replace("@READER@", reader).replace("@WRITER@", writer))
        .with_context(|| format!("cannot write {}", place.display()))
}

/// Runs a player. Each thing that it has to leave is a test that passed, or, when it fails or leaves it not, one that failed.
fn tell(outcome: &mut Outcome, what: &str, play: &mut Command, leaves: &[PathBuf]) -> Result<bool> {
    let (status, said) = process::capture(play)?;
    if !status.success() {
        println!("{said}");
        outcome.notes.push(format!("{what}: {} failed ({status})", process::line(play)));
    }
    let mut is_whole = status.success();
    for place in leaves {
        if status.success() && place.is_file() {
            outcome.tally += Tally::PASSED;
        } else {
            is_whole = false;
            outcome.tally += Tally::FAILED;
            outcome.notes.push(format!("{what}: {} is not as it should be", place.display()));
        }
    }
    Ok(is_whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_player_that_leaves_nothing_has_failed() {
        let folder = tempfile::tempdir().unwrap();
        let (left, missing) = (folder.path().join("left"), folder.path().join("missing"));
        fs::write(&left, "").unwrap();
        let mut outcome = Outcome::default();
        let mut play = Command::new("true");
        assert!(tell(&mut outcome, "it", &mut play, std::slice::from_ref(&left)).unwrap());
        assert!(!tell(&mut outcome, "it", &mut play, &[left.clone(), missing]).unwrap());
        assert_eq!(outcome.tally, Tally { passed: 2, failed: 1, skipped: 0 });
        assert!(!tell(&mut outcome, "it", &mut Command::new("false"), &[left]).unwrap());
        assert_eq!(outcome.tally, Tally { passed: 2, failed: 2, skipped: 0 });
    }
}
