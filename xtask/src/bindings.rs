//! What the tests of the bindings stand on, built by one call of cargo.
//!
//! Cargo chooses the features of shared dependencies anew for every set of packages it is asked for, and two bindings alone
//! lead to two sets: asked for one after another, the engine and all below it are built once for each.

use crate::process;
use crate::rust_tests::FEATURES;
use crate::workspace::Workspace;
use anyhow::Result;
use std::path::PathBuf;

/// What cargo is asked for in the profile for tests: all libraries and programs, and one small test, which has it take the
/// features that tests ask for into account. That is the set that the Rust tests are built with, so after them there is nothing
/// left to build here but the libraries themselves.
const ALL: &[&str] = &["--workspace", "--lib", "--bins", "--test", "opening", "--features", FEATURES];

/// The arguments by which cargo is asked for packages in a profile: in the one for tests, always for all of them.
pub(crate) fn arguments(packages: &[&'static str], profile: &str) -> Vec<String> {
    let mut asked = Vec::new();
    if profile == "dev" {
        asked.extend(ALL.iter().map(|&argument| argument.to_owned()));
    } else {
        asked.extend(packages.iter().flat_map(|&package| ["--package".to_owned(), package.to_owned()]));
    }
    asked.extend(["--profile".to_owned(), profile.to_owned()]);
    asked
}

/// Builds packages in a profile; the folder they are in.
pub(crate) fn build(workspace: &Workspace, packages: &[&'static str], profile: &str) -> Result<PathBuf> {
    let mut build = workspace.cargo();
    build.args(["build", "--quiet"]).args(arguments(packages, profile));
    process::succeed(&mut build)?;
    Ok(workspace.target().join(if profile == "dev" { "debug" } else { profile }))
}

/// Builds the `strongroom` command in the profile for tests; where it is.
pub(crate) fn command(workspace: &Workspace) -> Result<PathBuf> {
    let folder = build(workspace, &["strongroom-cli"], "dev")?;
    Ok(folder.join(format!("strongroom{}", std::env::consts::EXE_SUFFIX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_binding_asks_cargo_for_the_same_in_tests() {
        let asked = arguments(&["strongroom-ffi"], "dev");
        assert_eq!(asked, arguments(&["strongroom-node"], "dev"));
        assert!(asked.iter().any(|argument| argument == "--workspace"));
    }

    #[test]
    fn who_builds_to_keep_builds_only_that() {
        let asked = arguments(&["strongroom-ffi"], "release");
        assert_eq!(asked, ["--package", "strongroom-ffi", "--profile", "release"]);
    }
}
