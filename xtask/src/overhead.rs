//! `cargo xtask bench bindings`: the measuring programs in benches/bindings, built as they would be released, and handed to the
//! benchmark that compares them.

use crate::commands::bench;
use crate::workspace::Workspace;
use crate::{bindings, process, python_binding, swift, uniffi};
use anyhow::{Result, ensure};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// What is built in one go, so that what all stand on is built once.
const PACKAGES: &[&str] = &["strongroom-ffi", "strongroom-node", "strongroom-uniffi", "strongroom-uniffi-bindgen"];

/// Builds a language's program; what runs it.
type Build = fn(&Workspace, &Path) -> Result<String>;

const LANGUAGES: &[(&str, Build)] =
    &[("C", c), ("Python", python), ("Node", node), ("Kotlin", kotlin), ("Swift", swift_program)];

/// Builds the measuring programs of all languages that this machine has, and measures them against Rust's.
pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> Result<ExitCode> {
    let mut build = workspace.cargo();
    build.args(["build", "--release", "--package", "strongroom-bench", "--bins", "--example", "bindings-rust"]);
    process::succeed(&mut build)?;
    let rust = workspace.target().join("release/examples/bindings-rust");
    let mut all = vec!["bindings".to_owned(), "--command".to_owned(), format!("Rust={}", rust.display())];
    let built = bindings::build(workspace, PACKAGES, "release")?;
    for (language, build) in LANGUAGES {
        match build(workspace, &built) {
            Ok(command) => all.extend(["--command".to_owned(), format!("{language}={command}")]),
            Err(why) => eprintln!("{language} is left out: {why:#}"),
        }
    }
    all.extend_from_slice(arguments);
    bench(workspace, &all)
}

fn program(workspace: &Workspace, name: &str) -> PathBuf {
    workspace.root().join("benches/bindings").join(name)
}

fn c(workspace: &Workspace, built: &Path) -> Result<String> {
    let made = workspace.target().join("xtask/bench-c");
    fs::create_dir_all(workspace.target().join("xtask"))?;
    let mut compile = workspace.command("cc");
    compile.args(["-std=c11", "-O2", "-Wall", "-Wextra", "-Werror", "-I", "ffi/include"]);
    compile.arg(program(workspace, "c/bench.c")).arg("-o").arg(&made).arg("-L").arg(built);
    compile.args(["-lstrongroom_ffi".to_owned(), format!("-Wl,-rpath,{}", built.display())]);
    process::succeed(&mut compile)?;
    Ok(made.display().to_string())
}

fn python(workspace: &Workspace, _: &Path) -> Result<String> {
    let python = python_binding::released(workspace)?;
    Ok(format!("{} {}", python.display(), program(workspace, "python/bench.py").display()))
}

fn node(workspace: &Workspace, _: &Path) -> Result<String> {
    let package = workspace.root().join("bindings/node");
    ensure!(package.join("node_modules").is_dir(), "its step of `cargo xtask test` installs what its build takes");
    let mut build = workspace.command("node");
    build.arg("scripts/build.mjs").args(bindings::arguments(PACKAGES, "release"));
    process::succeed(build.current_dir(package).env("CARGO", workspace.cargo().get_program()))?;
    Ok(format!("node {}", program(workspace, "node.mjs").display()))
}

fn kotlin(workspace: &Workspace, built: &Path) -> Result<String> {
    uniffi::kotlin_of(workspace, built)?;
    let maven = |folder: &str, arguments: &[&str]| {
        let mut maven = workspace.command("mvn");
        // The library was put there now.
        maven.args(["--batch-mode", "--quiet", "-Dexec.skip", "-f", folder]).args(arguments);
        process::succeed(&mut maven)
    };
    maven("bindings/kotlin", &["install", "-DskipTests"])?;
    let folder = "benches/bindings/kotlin";
    maven(folder, &["compile", "dependency:build-classpath", "-Dmdep.outputFile=target/classpath"])?;
    let target = workspace.root().join(folder).join("target");
    let libraries = fs::read_to_string(target.join("classpath"))?;
    Ok(format!("java -cp {}:{} BenchKt", target.join("classes").display(), libraries.trim()))
}

fn swift_program(workspace: &Workspace, built: &Path) -> Result<String> {
    uniffi::swift_of(workspace, built)?;
    let made = swift::released(workspace, "benches/bindings/swift/Bench", "Bench")?;
    Ok(made.display().to_string())
}

/// Makes a script that runs a command with the arguments it is given.
pub(crate) fn script(place: &Path, command: &Command) -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let quoted = |text: &std::ffi::OsStr| format!("'{}'", text.to_string_lossy().replace('\'', r"'\''"));
    let words: Vec<_> = std::iter::once(command.get_program()).chain(command.get_args()).map(quoted).collect();
    if let Some(folder) = place.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(place, format!("#!/bin/sh\nexec {} \"$@\"\n", words.join(" ")))?;
    Ok(fs::set_permissions(place, fs::Permissions::from_mode(0o755))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_runs_its_command_with_what_it_is_given() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("made/run");
        let mut command = Command::new("printf");
        command.args(["%s|", "it's", "a b"]);
        script(&place, &command).unwrap();
        let said = Command::new(&place).arg("c d").output().unwrap().stdout;
        assert_eq!(said, b"it's|a b|c d|");
    }
}
