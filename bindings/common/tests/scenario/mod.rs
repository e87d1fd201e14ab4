//! The runner: one function a step.

mod files;
mod source;
mod steps;
mod values;

use serde_json::Value;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use strongroom_bindings::{Backend, DeviceKey, Error, Repository};

use crate::support::Dictionary;

/// Why a step did not go as told: what the library said, or what the scenario expected.
pub(crate) enum Fault {
    Library(Error),
    Scenario(String),
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Fault::Library(error)
    }
}

impl From<String> for Fault {
    fn from(why: String) -> Self {
        Fault::Scenario(why)
    }
}

pub(crate) type Played<T = Value> = Result<T, Fault>;

/// Where objects of a backend can be damaged.
pub(crate) enum Place {
    Folder(PathBuf),
    Dictionary(Arc<Dictionary>),
    Memory,
}

/// Everything that has a name.
pub(crate) struct World {
    root: PathBuf,
    /// Where the scenario stands.
    scenarios: PathBuf,
    folder: tempfile::TempDir,
    backends: HashMap<String, (Backend, Place)>,
    repositories: HashMap<String, Repository>,
    snapshots: HashMap<String, String>,
    codes: HashMap<String, String>,
    devices: HashMap<String, DeviceKey>,
    streams: HashMap<String, Vec<u8>>,
}

/// Plays one scenario; how many steps it had, or what went wrong.
pub(crate) fn play(root: &Path, file: &Path) -> Result<usize, String> {
    let scenario: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).map_err(|error| error.to_string())?;
    let mut world = World {
        root: root.to_owned(),
        scenarios: file.parent().ok_or("it is in no folder")?.to_owned(),
        folder: tempfile::tempdir().unwrap(),
        backends: HashMap::new(),
        repositories: HashMap::new(),
        snapshots: HashMap::new(),
        codes: HashMap::new(),
        devices: HashMap::new(),
        streams: HashMap::new(),
    };
    let steps = scenario["steps"].as_array().ok_or("it has no steps")?;
    for (number, step) in steps.iter().enumerate() {
        world.step(step).map_err(|why| format!("step {}: {step}: {why}", number + 1))?;
    }
    Ok(steps.len())
}

impl World {
    fn step(&mut self, step: &Value) -> Result<(), String> {
        let result = self.play(step);
        match (result, step["fails"].as_str()) {
            (Err(Fault::Library(error)), Some(kind)) if error.kind.name() == kind => Ok(()),
            (Err(Fault::Library(error)), Some(kind)) => Err(format!("{kind} was expected, and it is {error:?}")),
            (Err(Fault::Library(error)), None) => Err(format!("{error:?}")),
            (Err(Fault::Scenario(why)), _) => Err(why),
            (Ok(_), Some(kind)) => Err(format!("{kind} was expected, and it succeeded")),
            (Ok(report), None) => {
                for (field, expected) in step["expect"].as_object().into_iter().flatten() {
                    if report[field] != *expected {
                        return Err(format!("{field} is {} and not {expected}", report[field]));
                    }
                }
                Ok(())
            }
        }
    }

    fn repository(&self, step: &Value) -> Played<Repository> {
        self.named(&self.repositories, &step["repository"]).cloned()
    }

    fn named<'a, T>(&self, names: &'a HashMap<String, T>, name: &Value) -> Played<&'a T> {
        names.get(name.as_str().unwrap_or_default()).ok_or_else(|| format!("nothing is called {name}").into())
    }

    fn snapshot(&self, name: &Value) -> Played<String> {
        self.named(&self.snapshots, name).cloned()
    }
}

pub(crate) fn expect<T: PartialEq + std::fmt::Debug>(what: &str, found: T, expected: T) -> Played {
    if found == expected {
        return Ok(Value::Null);
    }
    Err(format!("{what}: found {found:?}, expected {expected:?}").into())
}
