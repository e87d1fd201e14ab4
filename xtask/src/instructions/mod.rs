//! `cargo xtask bench instructions`: how many instructions a small job that is always the same takes, held against what
//! is written down in the repository. Wall time rots unseen on machines that are busy; this does not.
//!
//! The job is four commands of the release build on one thread, run by callgrind: a first backup, one of the same again,
//! a restore, and a check that decrypts everything. Keys are those of a test vector, so that chunks end where they did.

mod callgrind;
mod tree;

use crate::Options;
use crate::process;
use crate::report::{Outcome, Tally};
use crate::workspace::Workspace;
use anyhow::{Context, Result, ensure};
use callgrind::Counts;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// What was counted, and is kept.
const RECORD: &str = "benches/instructions.json";
/// The vector whose keys are used, and its owner's device key.
const VECTOR: &str = "docs/vectors/repositories/keys";
/// How far a step may be from the record in either direction, in percent. Runs of one build differ by less than a
/// tenth of it.
const TOLERANCE: f64 = 3.0;
/// Parts that are named when a step is too far off.
const NAMED: usize = 3;

/// The steps with what the command is told.
const STEPS: &[(&str, &[&str])] = &[
    ("first backup", &["backup", "{source}"]),
    ("unchanged backup", &["backup", "{source}"]),
    ("restore", &["restore", "latest", "--target", "{target}"]),
    ("check, content too", &["check", "--read-data", "--verify-content"]),
];

/// Counts of every step.
#[derive(Debug, Clone, PartialEq)]
struct Record {
    /// Another compiler makes other instructions of the same source.
    compiler: String,
    steps: BTreeMap<String, Counts>,
}

/// The step of `cargo xtask test`.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<Outcome> {
    if let Some(why) = cannot() {
        return Ok(Outcome::missing(format!("instructions are not counted: {why}"), options.all));
    }
    let (counted, kept) = (count(workspace)?, Record::read(workspace)?);
    let mut outcome = Outcome::default();
    for (step, _) in STEPS {
        let problem = compare(step, &kept, &counted);
        outcome.tally += if problem.is_some() { Tally::FAILED } else { Tally::PASSED };
        outcome.notes.extend(problem);
    }
    if outcome.tally.failed > 0 {
        outcome.notes.push(explain(&kept, &counted));
    }
    println!("{}", table(&kept, &counted));
    Ok(outcome)
}

/// `cargo xtask bench instructions [--update]`.
pub(crate) fn bench(workspace: &Workspace, arguments: &[String]) -> Result<ExitCode> {
    let update = match arguments {
        [] => false,
        [one] if one == "--update" => true,
        _ => anyhow::bail!("instructions takes --update and nothing else"),
    };
    if let Some(why) = cannot() {
        anyhow::bail!("instructions are not counted: {why}");
    }
    let counted = count(workspace)?;
    let kept = Record::read(workspace);
    println!("{}", table(kept.as_ref().unwrap_or(&counted), &counted));
    if update {
        counted.write(workspace)?;
        println!("{RECORD} is written");
    }
    Ok(ExitCode::SUCCESS)
}

/// Why this machine cannot count, if it cannot.
fn cannot() -> Option<String> {
    if !process::exists(Command::new("valgrind").arg("--version")) {
        return Some("there is no valgrind".to_owned());
    }
    // Ciphers and hashes choose their code by what the processor has. Valgrind shows programs the same processor
    // everywhere, but for this.
    let processor = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    if !processor.split_ascii_whitespace().any(|flag| flag == "avx2") {
        return Some("they are counted on processors with AVX2, and this one has none".to_owned());
    }
    None
}

/// Runs the job.
fn count(workspace: &Workspace) -> Result<Record> {
    let program = workspace.build_strongroom(&[])?;
    let work = workspace.target().join("xtask").join("instructions");
    if work.exists() {
        fs::remove_dir_all(&work).with_context(|| format!("cannot remove {}", work.display()))?;
    }
    let places = Places::make(workspace, work)?;
    let mut steps = BTreeMap::new();
    for (step, arguments) in STEPS {
        steps.insert((*step).to_owned(), places.count(&program, arguments).with_context(|| format!("count {step}"))?);
    }
    fs::remove_dir_all(&places.work).context("cannot remove what was counted")?;
    let (_, compiler) = process::capture(workspace.command("rustc").arg("--version"))?;
    Ok(Record { compiler: compiler.trim().to_owned(), steps })
}

/// Where the job works.
struct Places {
    work: PathBuf,
}

impl Places {
    fn make(workspace: &Workspace, work: PathBuf) -> Result<Self> {
        let vector = workspace.root().join(VECTOR);
        let repository = work.join("repository");
        for folder in ["devices", "keys"] {
            let (from, to) = (vector.join("repository").join(folder), repository.join(folder));
            fs::create_dir_all(&to)?;
            for file in fs::read_dir(&from).with_context(|| format!("cannot list {}", from.display()))? {
                let file = file?;
                fs::copy(file.path(), to.join(file.file_name()))?;
            }
        }
        fs::copy(vector.join("repository/config"), repository.join("config"))?;
        fs::write(work.join("key"), device_key(&fs::read_to_string(vector.join("expected.json"))?)?)?;
        tree::make(&work.join("source"))?;
        Ok(Places { work })
    }

    fn count(&self, program: &Path, arguments: &[&str]) -> Result<Counts> {
        let at = |name: &str| self.work.join(name);
        let said = at("counts");
        let mut command = Command::new("valgrind");
        command.arg("--tool=callgrind").arg(format!("--callgrind-out-file={}", said.display())).arg("--quiet");
        command.arg(program);
        for argument in arguments {
            match *argument {
                "{source}" => command.arg(at("source")),
                "{target}" => command.arg(at("target")),
                other => command.arg(other),
            };
        }
        command.args(["--quiet", "--no-progress", "--threads=1"]);
        // Nothing of the person's own settings has a say.
        let path = std::env::var_os("PATH").unwrap_or_default();
        command.env_clear().env("PATH", path).env("HOME", &self.work).env("LANG", "C.UTF-8");
        command.arg("--repository").arg(at("repository")).arg("--cache-dir").arg(at("cache"));
        command.arg("--device-key").arg(at("key"));
        if arguments.first() == Some(&"backup") {
            // Inode numbers and change times are the file system's own.
            command.args(["--host=bench", "--level=3"]);
        }
        let (status, text) = process::capture(&mut command)?;
        ensure!(status.success(), "{} failed ({status})\n{text}", process::line(&command));
        Counts::parse(&fs::read_to_string(&said).with_context(|| format!("cannot read {}", said.display()))?)
    }
}

/// The key of the owner's device among the secrets of a vector.
fn device_key(expected: &str) -> Result<Vec<u8>> {
    let expected: Value = serde_json::from_str(expected)?;
    let secrets = expected["secrets"].as_array().context("the vector has no secrets")?;
    let owner = secrets.iter().find(|secret| secret["method"] == "device" && secret["role"] == "owner");
    let digits = owner.and_then(|secret| secret["value"].as_str()).context("the vector has no owner's device key")?;
    let pair = |at: usize| digits.get(at..at + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok());
    (0..digits.len()).step_by(2).map(|at| pair(at).context("the device key is not hexadecimal")).collect()
}

/// How far a count is from the one that was kept, in percent.
fn change(kept: u64, counted: u64) -> f64 {
    (counted as f64 / kept.max(1) as f64 - 1.0) * 100.0
}

/// What is wrong with a step, if anything.
fn compare(step: &str, kept: &Record, counted: &Record) -> Option<String> {
    let new = counted.steps.get(step)?;
    let Some(old) = kept.steps.get(step) else { return Some(format!("{step}: it is not in {RECORD}")) };
    let changed = change(old.total(), new.total());
    if changed.abs() <= TOLERANCE {
        return None;
    }
    let (before, now) = (millions(old.total()), millions(new.total()));
    Some(format!("{step}: {changed:+.1} % instructions ({before} to {now} million): {}", old.differences(new, NAMED)))
}

fn explain(kept: &Record, counted: &Record) -> String {
    let mut text = format!(
        "more than {TOLERANCE} % either way is looked at; where it is meant, `cargo xtask bench instructions --update` \
         writes {RECORD} anew"
    );
    if kept.compiler != counted.compiler {
        text += &format!(" (which was counted with {}; this is {})", kept.compiler, counted.compiler);
    }
    text
}

fn millions(instructions: u64) -> String {
    format!("{:.1}", instructions as f64 / 1e6)
}

/// A Markdown table of what was counted.
fn table(kept: &Record, counted: &Record) -> String {
    let mut text = String::from("| step | million instructions | change | largest parts |\n|---|---:|---:|---|\n");
    for (step, _) in STEPS {
        let Some(new) = counted.steps.get(*step) else { continue };
        let changed = kept.steps.get(*step).map(|old| format!("{:+.2} %", change(old.total(), new.total())));
        let (total, parts) = (millions(new.total()), new.largest(5));
        text += &format!("| {step} | {total} | {} | {parts} |\n", changed.unwrap_or_default());
    }
    text
}

impl Record {
    fn read(workspace: &Workspace) -> Result<Self> {
        let path = workspace.root().join(RECORD);
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        Record::from_json(&serde_json::from_str(&text)?).with_context(|| format!("{RECORD} is not what it should be"))
    }

    fn write(&self, workspace: &Workspace) -> Result<()> {
        let path = workspace.root().join(RECORD);
        fs::write(&path, format!("{:#}\n", self.json())).with_context(|| format!("cannot write {}", path.display()))
    }

    fn json(&self) -> Value {
        let steps: BTreeMap<&String, Value> = self.steps.iter().map(|(step, counts)| (step, counts.json())).collect();
        json!({ "compiler": self.compiler, "steps": steps })
    }

    fn from_json(json: &Value) -> Option<Self> {
        let steps = json["steps"].as_object()?.iter();
        let steps = steps.map(|(step, counts)| Some((step.clone(), Counts::from_json(counts)?)));
        Some(Record { compiler: json["compiler"].as_str()?.to_owned(), steps: steps.collect::<Option<_>>()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(zstd: u64, blake3: u64) -> Record {
        let parts = BTreeMap::from([("zstd".to_owned(), zstd), ("blake3".to_owned(), blake3)]);
        let steps = BTreeMap::from([("restore".to_owned(), Counts { parts })]);
        Record { compiler: "rustc 1".to_owned(), steps }
    }

    #[test]
    fn a_change_beyond_the_tolerance_is_told_with_the_part_it_comes_from() {
        let kept = record(900_000_000, 100_000_000);
        assert_eq!(compare("restore", &kept, &record(900_000_000, 129_000_000)), None);
        let grown = compare("restore", &kept, &record(900_000_000, 150_000_000)).unwrap();
        assert!(grown.starts_with("restore: +5.0 % instructions (1000.0 to 1050.0 million): blake3"), "{grown}");
        let shrunk = compare("restore", &kept, &record(850_000_000, 100_000_000)).unwrap();
        assert!(shrunk.contains("-5.0 %") && shrunk.contains("zstd"), "{shrunk}");
        let missing = Record { steps: BTreeMap::new(), ..kept.clone() };
        assert!(compare("restore", &missing, &kept).unwrap().contains(RECORD));
        assert!(explain(&kept, &Record { compiler: "rustc 2".to_owned(), ..kept.clone() }).contains("rustc 2"));
    }

    #[test]
    fn a_record_is_read_back() {
        let kept = record(1, 2);
        assert_eq!(Record::from_json(&kept.json()), Some(kept));
        assert_eq!(Record::from_json(&json!({ "compiler": 7 })), None);
    }

    #[test]
    fn the_vector_opens_the_repository() {
        let workspace = Workspace::find().unwrap();
        let expected = fs::read_to_string(workspace.root().join(VECTOR).join("expected.json")).unwrap();
        assert!(device_key(&expected).unwrap().starts_with(b"SRoom"));
        assert!(device_key("{}").is_err());
    }
}
