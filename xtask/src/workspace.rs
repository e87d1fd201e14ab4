//! Where things are.

use anyhow::{Context, Result};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The workspace this program was built from.
#[derive(Debug)]
pub(crate) struct Workspace {
    root: PathBuf,
    target: PathBuf,
    cargo: OsString,
}

impl Workspace {
    pub(crate) fn find() -> Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("xtask stands in no workspace")?.to_owned();
        // The running program is <target>/<profile>/xtask. Asking it finds the target folder however
        // that was chosen: by default, by an environment variable or in a configuration file.
        let program = std::env::current_exe().context("cannot tell where this program is")?;
        let target = program
            .ancestors()
            .nth(2)
            .with_context(|| format!("{} is in no target folder", program.display()))?
            .to_owned();
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        Ok(Self { root, target, cargo })
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn target(&self) -> &Path {
        &self.target
    }

    /// The same cargo that runs this program, at work in the root of the workspace.
    pub(crate) fn cargo(&self) -> Command {
        self.command(&self.cargo)
    }

    pub(crate) fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.root);
        forget_cargo(&mut command);
        command
    }

    /// Where the release build puts the `strongroom` command.
    pub(crate) fn strongroom(&self) -> PathBuf {
        self.target.join("release").join(format!("strongroom{}", std::env::consts::EXE_SUFFIX))
    }

    /// Builds the `strongroom` command in the release profile.
    pub(crate) fn build_strongroom(&self, further: &[&str]) -> Result<PathBuf> {
        let mut build = self.cargo();
        build.args(["build", "--release", "--package", "strongroom-cli"]).args(further);
        crate::process::succeed(&mut build)?;
        Ok(self.strongroom())
    }
}

/// Cargo tells programs it runs about themselves. What they start is to be as if a person had: a cargo that hears of it in one
/// call and not in the next builds anew what is built.
pub(crate) fn forget_cargo(command: &mut Command) {
    for name in ["CARGO_MANIFEST_DIR", "CARGO_MANIFEST_PATH", "CARGO_PKG_NAME", "CARGO_PKG_VERSION"] {
        command.env_remove(name);
    }
}
