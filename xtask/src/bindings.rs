//! What the tests of the bindings stand on, built by one call of cargo.
//!
//! Cargo chooses the features of shared dependencies anew for every set of packages it is asked for, and two bindings alone
//! lead to two sets: asked for one after another, the engine and all below it are built once for each.

use crate::process;
use crate::workspace::Workspace;
use anyhow::Result;
use std::path::PathBuf;

/// The libraries of all bindings but Python's, whose packager calls cargo for that one alone, the generator of sources, and
/// the command that the bindings are held against.
const PACKAGES: &[&str] =
    &["strongroom-cli", "strongroom-ffi", "strongroom-node", "strongroom-uniffi", "strongroom-uniffi-bindgen"];

/// The arguments by which cargo is asked for packages in a profile: in the one for tests, always for all of them.
pub(crate) fn arguments(packages: &[&'static str], profile: &str) -> Vec<String> {
    let packages = if profile == "dev" { PACKAGES } else { packages };
    let named = packages.iter().flat_map(|package| ["--package".to_owned(), (*package).to_owned()]);
    named.chain(["--profile".to_owned(), profile.to_owned()]).collect()
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
        assert!(asked.iter().any(|argument| argument == "strongroom-node"));
    }

    #[test]
    fn who_builds_to_keep_builds_only_that() {
        let asked = arguments(&["strongroom-ffi"], "release");
        assert_eq!(asked, ["--package", "strongroom-ffi", "--profile", "release"]);
    }
}
