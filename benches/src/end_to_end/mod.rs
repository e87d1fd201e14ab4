//! Whole backups, beside other tools that are installed.

mod json;
mod report;
mod subject;

use crate::compare::{compare, extent, restored};
use crate::data::{self, Choice, DataSet, Next};
use crate::machine::Machine;
use crate::{peers, process};
use anyhow::{Context, Result, ensure};
use clap::{Args, ValueEnum, ValueHint};
use report::{Results, Sample, Step};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use subject::{Job, Place};

pub(crate) use report::{Kind, Report};
pub(crate) use subject::Subject;

/// Backs up, restores and checks data sets with every tool there is, and compares what that takes
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) what: What,
    /// Tools to compare [default: all that are installed]
    #[arg(long, value_name = "NAME,...", value_delimiter = ',')]
    peers: Vec<String>,
    /// Where a tool is, unless it is on the PATH; may be given several times
    #[arg(long, value_name = "NAME=PATH")]
    bin: Vec<String>,
    /// Ways to run strongroom, each in a column of its own; the others stay at about zstd 3
    #[arg(long, value_name = "NAME,...", value_delimiter = ',', default_value = "default")]
    variants: Vec<Variant>,
    /// Compression level of the default variant, instead of strongroom's own
    #[arg(long, value_name = "LEVEL", allow_negative_numbers = true)]
    level: Option<i32>,
}

/// A way to run strongroom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Variant {
    /// As it comes
    Default,
    /// zstd level 1
    Fast,
    /// Two threads and 48 MiB, as the library's `Budget::small`
    Small,
}

impl Variant {
    fn subject(self, found: peers::Found, level: Option<i32>) -> Subject {
        let mut subject = Subject::new(found);
        match (self, level) {
            (Variant::Default, None) => {}
            (Variant::Default, Some(level)) => {
                subject.backup_options.push(format!("--level={level}"));
                subject.label += &format!(" level {level}");
            }
            (Variant::Fast, _) => {
                subject.backup_options.push("--level=1".to_owned());
                subject.label += " fast";
            }
            (Variant::Small, _) => {
                subject.be_small();
                subject.label += " small";
            }
        }
        subject
    }
}

/// What is backed up, where, and how often.
#[derive(Debug, Args)]
pub(crate) struct What {
    #[command(flatten)]
    choice: Choice,
    /// What made data are made and changed from
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    seed: u64,
    /// Folder that source, repositories and targets are put in, best on a file system in memory
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath, default_value_os_t = std::env::temp_dir())]
    work: PathBuf,
    /// How often everything is done; medians count
    #[arg(long, value_name = "NUMBER", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=99))]
    runs: u32,
    /// Also writes all figures to a file
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    json: Option<PathBuf>,
}

/// Runs the command; whether every restore by this workspace's tool was right.
pub(crate) fn run(arguments: &Arguments) -> Result<bool> {
    let mut subjects = Vec::new();
    for found in peers::find(&arguments.peers, &arguments.bin)? {
        if found.peer.name == peers::OWN {
            subjects.extend(arguments.variants.iter().map(|variant| variant.subject(found.clone(), arguments.level)));
        } else {
            subjects.push(Subject::new(found));
        }
    }
    ensure!(!subjects.is_empty(), "there is no tool to measure");
    // The first columns are those that are compared with the others.
    subjects.sort_by_key(|subject| subject.found.peer.name != peers::OWN);
    let (report, right) = measure(Kind::EndToEnd, &arguments.what, &subjects)?;
    print!("\n{}", report.markdown());
    write_json(&arguments.what, &report)?;
    Ok(right)
}

pub(crate) fn write_json(what: &What, report: &Report) -> Result<()> {
    let Some(path) = &what.json else { return Ok(()) };
    fs::write(path, format!("{:#}\n", report.json())).with_context(|| format!("cannot write {}", path.display()))
}

/// Does everything as often as asked for; and whether every restore by this workspace's tool was right.
pub(crate) fn measure(kind: Kind, what: &What, subjects: &[Subject]) -> Result<(Report, bool)> {
    let sets = data::chosen(&what.choice)?;
    let machine = Machine::here();
    fs::create_dir_all(&what.work).with_context(|| format!("cannot make {}", what.work.display()))?;
    // Removed when it goes out of scope, whatever happens.
    let work = tempfile::Builder::new().prefix("strongroom-bench-").tempdir_in(&what.work)?;
    let work_path = fs::canonicalize(work.path())?;
    let mut report = Report { kind, machine, runs: what.runs, least_peak: None, results: Vec::new() };
    let mut right = true;
    for set in &sets {
        let mut session = Session {
            set,
            seed: what.seed,
            subjects,
            // Of a name that no data set has, to be told apart where a tool restores it under its name.
            source: work_path.join("strongroom-bench-source"),
            work: &work_path,
            results: Results {
                name: set.name.clone(),
                extent: Default::default(),
                subjects: subjects.iter().map(|subject| subject.label.clone()).collect(),
                own: subjects.iter().filter(|subject| subject.found.peer.name == peers::OWN).count(),
                samples: BTreeMap::new(),
                differences: Vec::new(),
            },
            right: true,
        };
        for run in 0..what.runs {
            eprintln!("{}: run {} of {}", set.name, run + 1, what.runs);
            session.run(run)?;
        }
        right &= session.right;
        report.results.push(session.results);
    }
    report.least_peak = process::own_peak();
    work.close().context("cannot remove the work folder")?;
    Ok((report, right))
}

/// The measurements of one data set.
struct Session<'a> {
    set: &'a DataSet,
    seed: u64,
    subjects: &'a [Subject],
    source: PathBuf,
    work: &'a Path,
    results: Results,
    right: bool,
}

impl Session<'_> {
    /// Takes all steps once. Each step is taken by all tools before the next one is, beginning with another tool in
    /// every run, so that what disturbs the machine for a while disturbs all of them.
    fn run(&mut self, run: u32) -> Result<()> {
        self.set.make(&self.source, self.seed)?;
        self.results.extent = extent(&self.source)?;
        let source = self.source.clone();
        let mut places = Vec::new();
        for (index, subject) in self.subjects.iter().enumerate() {
            places.push(Place::create(subject, self.work.join(format!("tool-{index}")), &source)?);
        }
        let mut order: Vec<usize> = (0..places.len()).collect();
        order.rotate_left(run as usize % places.len());
        self.step(Step::First, Job::Backup, &mut places, &order)?;
        self.step(Step::Unchanged, Job::Backup, &mut places, &order)?;
        self.step(Step::Restore, Job::Restore, &mut places, &order)?;
        if self.set.advance(&source, self.seed)? {
            let edited = self.set.next == Some(Next::Edit);
            self.step(if edited { Step::Changed } else { Step::Next }, Job::Backup, &mut places, &order)?;
            self.step(Step::RestoreNext, Job::Restore, &mut places, &order)?;
        }
        self.step(Step::Check, Job::Check, &mut places, &order)?;
        self.step(Step::CheckContent, Job::CheckContent, &mut places, &order)?;
        for index in 0..places.len() {
            fs::remove_dir_all(self.work.join(format!("tool-{index}")))?;
        }
        fs::remove_dir_all(&source)?;
        Ok(())
    }

    fn step(&mut self, step: Step, job: Job, places: &mut [Place<'_>], order: &[usize]) -> Result<()> {
        for &index in order {
            let place = &mut places[index];
            let Some(usage) = place.measure(job)? else { continue };
            let repository = if job == Job::Backup { Some(place.repository_size()?) } else { None };
            let label = &self.subjects[index].label;
            eprintln!("  {label}, {}: {:.2} s", step.name(), usage.wall.as_secs_f64());
            self.results.samples.entry((step, index)).or_default().push(Sample { usage, repository });
            if job == Job::Restore {
                let target = place.target();
                let found = compare(&self.source, &restored(&self.source, &target))?;
                fs::remove_dir_all(&target)?;
                if !found.is_same() {
                    self.right &= self.subjects[index].found.peer.name != peers::OWN;
                    let example = found.examples.first().map(|one| format!(", such as {one}")).unwrap_or_default();
                    let text = format!("{label}, {}: differs in {}{example}", step.name(), found.describe());
                    if !self.results.differences.contains(&text) {
                        self.results.differences.push(text);
                    }
                }
            }
        }
        Ok(())
    }
}
