//! Virtual environments under the target folder, so that nothing is installed into a person's Python.

use crate::process;
use crate::workspace::Workspace;
use anyhow::{Context, Result};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Why there is no environment: the machine lacks something, which no change of the project mends.
#[derive(Debug)]
pub(crate) struct Unavailable(pub(crate) String);

/// A virtual environment that holds what its requirement files ask for.
#[derive(Debug)]
pub(crate) struct Environment {
    scripts: PathBuf,
}

impl Environment {
    /// Makes the environment, or takes the one that earlier runs made of the same files.
    pub(crate) fn open(
        workspace: &Workspace,
        name: &str,
        requirements: &[PathBuf],
    ) -> Result<Result<Self, Unavailable>> {
        let folder = workspace.target().join("venv").join(name);
        let scripts = folder.join(if cfg!(windows) { "Scripts" } else { "bin" });
        let environment = Self { scripts };
        let wanted = stamp(requirements)?;
        let stamp = folder.join("requirements.stamp");
        if fs::read_to_string(&stamp).is_ok_and(|made_of| made_of == wanted)
            && process::exists(environment.program("python").arg("--version"))
        {
            return Ok(Ok(environment));
        }

        let Some(python) = python3() else {
            return Ok(Err(Unavailable("python3 is not installed".to_owned())));
        };
        // Whatever stood there was made of something else, or not finished.
        let made = process::status(Command::new(python).args(["-m", "venv", "--clear"]).arg(&folder))?;
        if !made.success() {
            return Ok(Err(Unavailable(format!("python3 -m venv failed ({made})"))));
        }
        let mut pip = environment.program("python");
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
        for file in requirements {
            pip.arg("-r").arg(file);
        }
        let installed = process::status(&mut pip)?;
        if !installed.success() {
            return Ok(Err(Unavailable(format!("pip install failed ({installed})"))));
        }
        fs::write(&stamp, wanted).with_context(|| format!("cannot write {}", stamp.display()))?;
        Ok(Ok(environment))
    }

    /// A program of the environment.
    pub(crate) fn program(&self, name: &str) -> Command {
        Command::new(self.path(name))
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.scripts.join(format!("{name}{}", std::env::consts::EXE_SUFFIX))
    }
}

fn python3() -> Option<&'static str> {
    ["python3", "python"].into_iter().find(|python| {
        let mut command = Command::new(python);
        process::exists(command.args(["-c", "import sys; sys.exit(sys.version_info < (3, 11))"]))
    })
}

/// What an environment is made of: the requirement files with their contents.
fn stamp(requirements: &[PathBuf]) -> Result<String> {
    let mut stamp = String::new();
    for file in requirements {
        let text = read(file)?;
        writeln!(stamp, "# {}", file.display())?;
        stamp.push_str(&text);
    }
    Ok(stamp)
}

fn read(file: &Path) -> Result<String> {
    fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_changes_with_any_of_its_files() {
        let folder = tempfile::tempdir().unwrap();
        let (first, second) = (folder.path().join("a.txt"), folder.path().join("b.txt"));
        fs::write(&first, "one==1\n").unwrap();
        fs::write(&second, "two==2\n").unwrap();
        let files = [first, second.clone()];
        let before = stamp(&files).unwrap();
        assert_eq!(before, stamp(&files).unwrap());
        fs::write(&second, "two==3\n").unwrap();
        assert_ne!(before, stamp(&files).unwrap());
        fs::remove_file(&second).unwrap();
        assert!(stamp(&files).unwrap_err().to_string().contains("b.txt"));
    }
}
