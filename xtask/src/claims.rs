//! What documents claim is shown by tests: every test that they name is there, and has run.

use crate::report::{Outcome, Tally};
use crate::rust_tests;
use crate::workspace::Workspace;
use crate::{Options, links};
use anyhow::{Context, Result};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Documents in which a link from a word to a file of Rust names a test in that file.
const DOCUMENTS: &[&str] = &["docs/threat-model.md"];

/// Each test that is named counts as one test here. Where the tests have run just before, each has to have passed.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<Outcome> {
    let passed = if options.wants("rust") { Some(rust_tests::passed(workspace)?) } else { None };
    let mut outcome = Outcome::default();
    for document in DOCUMENTS {
        let text =
            fs::read_to_string(workspace.root().join(document)).with_context(|| format!("cannot read {document}"))?;
        let named = tests(&text);
        if named.is_empty() {
            outcome.tally += Tally::FAILED;
            outcome.notes.push(format!("{document} names no test"));
        }
        for (line, name, link) in named {
            match check(workspace.root(), document, &name, &link, passed.as_ref()) {
                Ok(()) => outcome.tally += Tally::PASSED,
                Err(fault) => {
                    outcome.tally += Tally::FAILED;
                    outcome.notes.push(format!("{document}:{line}: {fault}"));
                }
            }
        }
    }
    Ok(outcome)
}

/// The tests that a text names: line, name, and the link to the file.
fn tests(text: &str) -> Vec<(usize, String, String)> {
    let mut tests = Vec::new();
    for (number, line) in links::prose(text) {
        for (before, rest) in line.match_indices("](").map(|(at, mark)| (&line[..at], &line[at + mark.len()..])) {
            let name = before.rsplit('[').next().unwrap_or_default();
            let link = rest.split(')').next().unwrap_or_default();
            if link.ends_with(".rs") {
                tests.push((number, name.to_owned(), link.to_owned()));
            }
        }
    }
    tests
}

fn check(root: &Path, document: &str, name: &str, link: &str, passed: Option<&BTreeSet<String>>) -> Result<(), String> {
    let file = root.join(document).parent().map(|folder| folder.join(link)).unwrap_or_default();
    let source = fs::read_to_string(&file).map_err(|error| format!("{link}: {error}"))?;
    if !is_test(&source, name) {
        return Err(format!("there is no test `{name}` in {link}"));
    }
    if passed.is_some_and(|passed| !passed.contains(name)) {
        return Err(format!("the test `{name}` of {link} did not run, or did not pass"));
    }
    Ok(())
}

/// Whether `source` has a function of this name that is marked as a test.
fn is_test(source: &str, name: &str) -> bool {
    let definition = format!("fn {name}(");
    let mut marked = false;
    for line in source.lines().map(str::trim) {
        if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
            marked = true;
        } else if line.contains(&definition) {
            return marked;
        } else if !line.starts_with("#[") && !line.starts_with("//") && !line.is_empty() {
            marked = false;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_to_sources_name_tests() {
        let text = "| a | [one](../x.rs), [two](../y.rs) |\n[page](page.md)\n```\n[three](z.rs)\n```\n";
        let found: Vec<_> = tests(text).into_iter().map(|(line, name, link)| format!("{line} {name} {link}")).collect();
        assert_eq!(found, ["1 one ../x.rs", "1 two ../y.rs"]);
    }

    #[test]
    fn only_what_is_marked_is_a_test() {
        let source = "#[test]\nfn shown() {}\n\nfn helper() {}\nproptest! {\n    #[test]\n    // Why.\n    fn drawn(x in 0..1) {}\n}\n";
        assert!(is_test(source, "shown") && is_test(source, "drawn"));
        assert!(!is_test(source, "helper") && !is_test(source, "show") && !is_test(source, "other"));
    }

    #[test]
    fn a_test_that_is_gone_or_did_not_run_is_a_fault() -> Result<()> {
        let root = tempfile::tempdir()?;
        fs::create_dir(root.path().join("docs"))?;
        fs::write(root.path().join("x.rs"), "#[test]\nfn shown() {}\n")?;
        let check = |name, link, passed| check(root.path(), "docs/page.md", name, link, passed);
        let (passed, none) = (BTreeSet::from(["shown".to_owned()]), BTreeSet::new());
        assert_eq!(check("shown", "../x.rs", None), Ok(()));
        assert_eq!(check("shown", "../x.rs", Some(&passed)), Ok(()));
        assert!(check("shown", "../x.rs", Some(&none)).is_err());
        assert!(check("gone", "../x.rs", None).is_err());
        assert!(check("shown", "../y.rs", None).is_err());
        Ok(())
    }
}
