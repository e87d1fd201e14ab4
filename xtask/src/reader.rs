//! The tests of the independent reader of the format, written in Python against the built command.

use crate::Options;
use crate::bindings;
use crate::python::{self, Environment};
use crate::report::Outcome;
use crate::workspace::Workspace;
use anyhow::{Result, ensure};

const FOLDER: &str = "examples/format-reader";

pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<Outcome> {
    let folder = workspace.root().join(FOLDER);
    ensure!(folder.join("tests").is_dir(), "{FOLDER}/tests is missing: no second reader is tested");
    let requirements = [folder.join("requirements.txt"), workspace.root().join("xtask/requirements-test.txt")];
    let environment = match Environment::open(workspace, "format-reader", &requirements)? {
        Ok(environment) => environment,
        Err(why) => {
            return Ok(Outcome::missing(format!("{FOLDER}: {}", why.0), options.all));
        }
    };
    let strongroom = bindings::command(workspace)?;
    let strongroom = strongroom.as_os_str();
    python::pytest(workspace, options, &environment, &folder, "format-reader", &[("STRONGROOM_BIN", strongroom)])
}
