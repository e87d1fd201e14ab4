//! What is written about the command is what the command has.

mod common;

use common::Setup;
use std::collections::BTreeSet;

fn document(name: &str) -> String {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    std::fs::read_to_string(format!("{root}/{name}")).unwrap()
}

/// The verbs below one, and the long options of all of them.
fn explore(setup: &Setup, verb: &[&str], verbs: &mut BTreeSet<String>, options: &mut BTreeSet<String>) {
    let help = setup.run(verb.iter().chain(&["--help"])).expect(0).out;
    let mut lines = help.lines();
    options.extend(
        help.lines()
            .map(str::trim_start)
            .filter(|line| line.starts_with('-'))
            .filter_map(|line| {
                line.split(|c: char| c != '-' && !c.is_ascii_alphabetic()).find(|word| word.starts_with("--"))
            })
            .map(str::to_owned),
    );
    lines.find(|line| *line == "Commands:");
    for line in lines.take_while(|line| !line.is_empty()) {
        let Some(name) = line.split_whitespace().next().filter(|name| *name != "help") else { continue };
        let deeper: Vec<&str> = verb.iter().copied().chain([name]).collect();
        if line.starts_with("  ") && !line.starts_with("   ") {
            verbs.insert(deeper.join(" "));
            explore(setup, &deeper, verbs, options);
        }
    }
}

#[test]
fn every_verb_and_option_is_described() {
    let setup = Setup::empty();
    let (mut verbs, mut options) = (BTreeSet::new(), BTreeSet::new());
    explore(&setup, &[], &mut verbs, &mut options);
    assert!(verbs.len() > 25 && options.len() > 60, "{verbs:?} {options:?}");
    let text = document("docs/cli.md");
    for verb in verbs {
        assert!(text.contains(&format!("`{verb}")), "docs/cli.md says nothing of `{verb}`");
    }
    options.remove("--help");
    options.remove("--version");
    for option in options {
        assert!(
            text.contains(&format!("{option}`")) || text.contains(&format!("{option} ")),
            "docs/cli.md lacks {option}"
        );
    }
}

#[test]
fn every_exit_code_is_described() {
    let setup = Setup::empty();
    let help = setup.run(["--help"]).expect(0).out;
    let table = help.split_once("Exit codes:").unwrap().1;
    let text = document("docs/cli.md");
    for line in table.lines().filter(|line| !line.trim().is_empty()) {
        let (code, meaning) = line.trim().split_once("  ").unwrap();
        assert!(text.contains(&format!("| {code} | {meaning} |")), "docs/cli.md lacks {code}: {meaning}");
    }
}

#[test]
fn commands_in_the_documents_are_understood() {
    let mut tried = 0;
    for name in ["README.md", "docs/cli.md"] {
        let text = document(name);
        let blocks = text.split("```sh\n").skip(1).map(|behind| behind.split("```").next().unwrap());
        let commands = blocks.flat_map(str::lines).flat_map(|line| line.split(" && "));
        for line in commands.filter(|command| command.starts_with("strongroom ")) {
            let line = line.split(" #").next().unwrap().replace('\'', "");
            let setup = Setup::empty();
            let mut command = setup.command();
            // Nothing is there, and nobody signed in, but the command line is read first: wrong usage would be told with a synopsis.
            command.args(line.split_whitespace().skip(1));
            let run = common::run(&mut command);
            assert!(!run.err.contains("Usage:"), "{line}: {run:?}");
            assert!(run.code == 10 || line.contains(" init") || line.contains(" account"), "{line}: {run:?}");
            tried += 1;
        }
    }
    assert!(tried > 8);
}
