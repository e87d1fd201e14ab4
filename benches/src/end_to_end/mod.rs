//! Whole backups, beside other tools that are installed.

mod report;
mod subject;

use crate::compare::{compare, extent, restored};
use crate::data::{self, DataSet};
use crate::machine::Machine;
use crate::{peers, process};
use anyhow::{Context, Result, ensure};
use clap::{Args, ValueHint};
use report::{Report, Results, Sample, Step};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use subject::{Job, Place};

pub(crate) use report::Step as StepKind;
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
    /// Compression level of strongroom, instead of its default; the others stay at about zstd 3
    #[arg(long, value_name = "LEVEL", allow_negative_numbers = true)]
    level: Option<i32>,
}

/// What is backed up, where, and how often.
#[derive(Debug, Args)]
pub(crate) struct What {
    /// A folder to back up a copy of; may be given several times
    #[arg(long, value_name = "NAME=DIR", value_hint = ValueHint::DirPath)]
    data: Vec<String>,
    /// What takes that folder's place for the next backup [default: of the first one]
    #[arg(long, value_name = "[NAME=]DIR", value_hint = ValueHint::DirPath)]
    next: Vec<String>,
    /// Generated data: `random[:SIZE]`, `tiny[:FILES]`; may be given several times
    #[arg(long, value_name = "SET")]
    generate: Vec<String>,
    /// What generated data are made from
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
    let mut subjects: Vec<Subject> =
        peers::find(&arguments.peers, &arguments.bin)?.into_iter().map(Subject::new).collect();
    ensure!(!subjects.is_empty(), "there is no tool to measure");
    // The first column is the one that is compared.
    subjects.sort_by_key(|subject| subject.found.peer.name != peers::OWN);
    if let Some(level) = arguments.level {
        for subject in subjects.iter_mut().filter(|subject| subject.found.peer.name == peers::OWN) {
            subject.backup_options.push(format!("--level={level}"));
            subject.label += &format!(" level {level}");
        }
    }
    let (report, right) = measure(&arguments.what, &subjects)?;
    print!("\n{}", report.markdown(subjects[0].found.peer.name == peers::OWN));
    write_json(&arguments.what, &report)?;
    Ok(right)
}

pub(crate) fn write_json(what: &What, report: &Report) -> Result<()> {
    let Some(path) = &what.json else { return Ok(()) };
    fs::write(path, format!("{:#}\n", report.json())).with_context(|| format!("cannot write {}", path.display()))
}

/// Does everything as often as asked for; and whether every restore by this workspace's tool was right.
pub(crate) fn measure(what: &What, subjects: &[Subject]) -> Result<(Report, bool)> {
    let sets = data::chosen(&what.data, &what.next, &what.generate)?;
    let machine = Machine::here();
    fs::create_dir_all(&what.work).with_context(|| format!("cannot make {}", what.work.display()))?;
    // Removed when it goes out of scope, whatever happens.
    let work = tempfile::Builder::new().prefix("strongroom-bench-").tempdir_in(&what.work)?;
    let work_path = fs::canonicalize(work.path())?;
    let mut report = Report { machine, runs: what.runs, least_peak: None, results: Vec::new() };
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
        if let Some(next) = &self.set.next {
            fs::remove_dir_all(&source)?;
            data::copy(next, &source)?;
            self.step(Step::Next, Job::Backup, &mut places, &order)?;
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
