//! The import layers of core: a module imports from the layers below it, and nothing else.

mod scan;
mod table;

use crate::report::{Outcome, Tally};
use crate::workspace::Workspace;
use anyhow::{Context, Result, ensure};
use scan::{GLOB, Import, Scan};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The root of the crate, which names everything that lies below it.
const ROOT: &str = "lib";

/// Checks core. Each top-level module counts as one test.
pub(crate) fn run(workspace: &Workspace) -> Result<Outcome> {
    let findings = check(&workspace.root().join("core/src"))?;
    let mut outcome = Outcome::default();
    for (_, faults) in findings {
        outcome.tally += if faults.is_empty() { Tally::PASSED } else { Tally::FAILED };
        outcome.notes.extend(faults);
    }
    Ok(outcome)
}

/// The faults of each top-level module of the crate whose sources are in `sources`.
fn check(sources: &Path) -> Result<BTreeMap<String, Vec<String>>> {
    let mut files = Vec::new();
    for path in rust_files(sources)? {
        let module = module_path(sources, &path)?;
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let scan = scan::scan(&text, &module).with_context(|| shown(sources, &path))?;
        files.push(File { shown: shown(sources, &path), module, scan });
    }
    let root = files.iter().find(|file| file.module.is_empty());
    let root = root.with_context(|| format!("{} has no lib.rs", sources.display()))?;
    let exports = exports(&root.scan.imports);
    let test_modules: BTreeSet<&[String]> =
        files.iter().flat_map(|file| file.scan.test_modules.iter().map(Vec::as_slice)).collect();

    let mut findings: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for file in &files {
        if (1..=file.module.len()).any(|depth| test_modules.contains(&file.module[..depth])) {
            continue;
        }
        let name = file.module.first().map_or(ROOT, String::as_str);
        let faults = findings.entry(name.to_owned()).or_default();
        if name == ROOT {
            continue;
        }
        if table::knows(name) {
            file.faults(name, &exports, faults);
        } else if faults.is_empty() {
            faults.push(format!(
                "{}: the module `{name}` stands in no layer; give it one in {}",
                file.shown,
                table::HERE
            ));
        }
    }
    Ok(findings)
}

struct File {
    shown: String,
    module: Vec<String>,
    scan: Scan,
}

impl File {
    fn faults(&self, own: &str, exports: &BTreeMap<&str, &str>, faults: &mut Vec<String>) {
        for line in &self.scan.displaced {
            faults.push(format!("{}:{line}: a `path` attribute hides which module this is", self.shown));
        }
        for reference in &self.scan.references {
            let said = format!("crate::{}", reference.path.join("::"));
            let at = format!("{}:{}", self.shown, reference.line);
            let target = match reference.path.first().map(String::as_str) {
                None | Some(GLOB) => {
                    faults.push(format!("{at}: `{own}` reaches through the root of the crate, which hides its layers"));
                    continue;
                }
                Some(first) if first == own || table::knows(first) => first,
                // What the root re-exports belongs to the layer it comes from.
                Some(first) => match exports.get(first) {
                    Some(origin) => origin,
                    None => {
                        faults.push(format!(
                            "{at}: `{own}` names `{said}`, which is in no layer; a new module is \
                             given one in {}",
                            table::HERE
                        ));
                        continue;
                    }
                },
            };
            if !table::allows(own, target) {
                faults
                    .push(format!("{at}: `{own}` may not import `{target}` (`{said}`); {} says what may", table::HERE));
            }
        }
    }
}

/// The names that the root re-exports, each with the top-level module it comes from.
fn exports(imports: &[Import]) -> BTreeMap<&str, &str> {
    imports
        .iter()
        .filter_map(|import| Some((import.name.as_str(), import.path.first()?.as_str())))
        .filter(|(_, origin)| table::knows(origin))
        .collect()
}

/// `store/pack.rs` and `store/pack/mod.rs` are both `store::pack`; `lib.rs` is the root.
fn module_path(sources: &Path, file: &Path) -> Result<Vec<String>> {
    let relative = file.strip_prefix(sources)?.with_extension("");
    let mut module = Vec::new();
    for part in relative.iter() {
        let part = part.to_str();
        module.push(part.with_context(|| format!("{} is not UTF-8", file.display()))?.to_owned());
    }
    if module.last().is_some_and(|last| last == "mod") || module == [ROOT] {
        module.pop();
    }
    Ok(module)
}

/// The path of a file as seen from the root of the workspace.
fn shown(sources: &Path, file: &Path) -> String {
    let relative = file.strip_prefix(sources).unwrap_or(file);
    format!("core/src/{}", relative.display())
}

fn rust_files(sources: &Path) -> Result<Vec<PathBuf>> {
    ensure!(sources.is_dir(), "{} is not there", sources.display());
    let mut files = Vec::new();
    let mut folders = vec![sources.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).with_context(|| format!("cannot list {}", folder.display()))? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Checks a crate made of these files and returns all faults.
    fn faults(files: &[(&str, &str)]) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        check(folder.path()).unwrap().into_values().flatten().collect()
    }

    #[test]
    fn a_crate_in_layers_has_no_faults() {
        let found = faults(&[
            ("lib.rs", "pub mod error; pub mod store; mod tree; pub use tree::Tree;"),
            ("error.rs", "pub struct Error;"),
            ("store/mod.rs", "mod pack; use crate::error::Error; use pack::Pack;"),
            ("store/pack.rs", "use super::super::error; use crate::store::x;"),
            ("tree.rs", "use crate::store::Store; #[cfg(test)] mod model;"),
            ("tree/model.rs", "use crate::repository::Repository;"),
        ]);
        assert_eq!(found, Vec::<String>::new());
    }

    #[test]
    fn an_import_from_above_is_caught() {
        let found = faults(&[
            ("lib.rs", ""),
            ("store/pack.rs", "\nuse crate::error::Error;\nuse crate::{id::Id, tree::Tree};"),
            ("tree.rs", ""),
        ]);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with("core/src/store/pack.rs:3: `store` may not import `tree`"));
    }

    #[test]
    fn an_import_from_beside_is_caught() {
        let found = faults(&[("lib.rs", ""), ("backup.rs", "fn f() { super::restore::g(); }")]);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains("`backup` may not import `restore`"));
    }

    #[test]
    fn a_re_export_does_not_launder_an_import() {
        let found = faults(&[
            ("lib.rs", "pub use tree::{Tree, Node as TreeNode}; pub use error::Error;"),
            ("store.rs", "use crate::{Error, TreeNode};"),
            ("tree.rs", ""),
        ]);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains("may not import `tree` (`crate::TreeNode`)"));
    }

    #[test]
    fn the_root_is_not_imported_whole() {
        let found = faults(&[
            ("lib.rs", ""),
            ("store.rs", "use crate::*;\nuse super::*;\nuse crate as strongroom;"),
            ("tree.rs", "use crate::{self as whole};"),
        ]);
        assert_eq!(found.len(), 4, "{found:?}");
    }

    #[test]
    fn a_module_without_a_layer_is_told_where_to_go() {
        let found = faults(&[
            ("lib.rs", "mod gadget;"),
            ("gadget/mod.rs", ""),
            ("gadget/wheel.rs", ""),
            ("store.rs", "use crate::gadget::Wheel;"),
        ]);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found.iter().all(|fault| fault.contains(table::HERE)), "{found:?}");
    }

    #[test]
    fn each_module_counts_once() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["lib.rs", "error.rs", "store/mod.rs", "store/pack.rs"] {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        let findings = check(folder.path()).unwrap();
        assert_eq!(findings.keys().collect::<Vec<_>>(), ["error", "lib", "store"]);
    }
}
