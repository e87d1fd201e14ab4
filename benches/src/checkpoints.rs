//! What checkpoints cost: the same first backup with them and without.

use crate::data::{self, Choice};
use crate::machine::Machine;
use crate::statistics::median;
use crate::table::markdown;
use crate::units::{count, size};
use anyhow::{Result, ensure};
use clap::{Args, ValueHint};
use rustix::time::{ClockId, clock_gettime};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use strongroom::{
    BackendOp, BackupOptions, Budget, Context, CreateOptions, Folder, LocalBackend, RecordBackend, Repository, Secret,
    Source,
};

/// Measures what checkpoints cost a first backup
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Data that is generated: `random:SIZE` or `tiny:FILES`; may be repeated
    #[arg(long, value_name = "KIND", default_values_t = ["random:1500M".to_owned(), "tiny:400000".to_owned()])]
    generate: Vec<String>,
    /// A folder to back up, with a name for it; may be repeated
    #[arg(long, value_name = "NAME=DIR")]
    data: Vec<String>,
    /// How often each backup is made; medians count
    #[arg(long, value_name = "NUMBER", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=99))]
    runs: u32,
    /// Folder for sources and repositories
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath, default_value_os_t = std::env::temp_dir())]
    work: PathBuf,
}

/// What one backup cost.
struct Cost {
    cpu: f64,
    sent: u64,
    checkpoints: u64,
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments) -> Result<bool> {
    let mut rows = Vec::new();
    let (data, generate) = (arguments.data.clone(), arguments.generate.clone());
    for set in data::chosen(&Choice { data, generate, ..Choice::default() })? {
        let work = tempfile::tempdir_in(&arguments.work)?;
        let source = work.path().join("source");
        set.make(&source, 1)?;
        let (mut with, mut without) = (Vec::new(), Vec::new());
        for run in 0..arguments.runs {
            // Each is the first one every other time.
            for checkpoints in [run % 2 == 0, run % 2 != 0] {
                let cost = back_up(work.path(), &source, checkpoints)?;
                if checkpoints { with.push(cost) } else { without.push(cost) }
            }
        }
        rows.push(row(&set.name, &with, &without)?);
    }
    let head = ["first backup", "CPU without", "CPU with", "more", "sent without", "sent with", "more", "checkpoints"];
    println!(
        "CPU time of the whole process and bytes sent to storage. Median of {}. {}.\n",
        arguments.runs,
        Machine::here().describe()
    );
    print!("{}", markdown(&head.map(str::to_owned), &rows));
    Ok(true)
}

fn row(name: &str, with: &[Cost], without: &[Cost]) -> Result<Vec<String>> {
    let middle = |of: &[Cost], what: fn(&Cost) -> f64| median(of.iter().map(what)).unwrap_or_default();
    let (cpu, cpu_with) = (middle(without, |cost| cost.cpu), middle(with, |cost| cost.cpu));
    let (sent, sent_with) = (middle(without, |cost| cost.sent as f64), middle(with, |cost| cost.sent as f64));
    let written = middle(with, |cost| cost.checkpoints as f64);
    ensure!(
        middle(without, |cost| cost.checkpoints as f64) == 0.0,
        "there were checkpoints where there should be none"
    );
    let more = |before: f64, after: f64| format!("{:+.2} %", (after / before - 1.0) * 100.0);
    Ok(vec![
        name.to_owned(),
        format!("{cpu:.2} s"),
        format!("{cpu_with:.2} s"),
        more(cpu, cpu_with),
        size(sent as u64),
        size(sent_with as u64),
        more(sent, sent_with),
        count(written as u64),
    ])
}

fn back_up(work: &Path, source: &Path, checkpoints: bool) -> Result<Cost> {
    let folder = tempfile::tempdir_in(work)?;
    let counters = Arc::<Counters>::default();
    let counting = Arc::clone(&counters);
    let backend = RecordBackend::new(LocalBackend::new(folder.path()).sync(false), move |call, answer| {
        if call.op != BackendOp::Put {
            return;
        }
        let is_checkpoint = call.name.as_ref().is_some_and(|name| name.file().contains('.'));
        counting.sent.fetch_add(answer.bytes, Ordering::Relaxed);
        counting.checkpoints.fetch_add(u64::from(call.folder == Folder::Sessions && is_checkpoint), Ordering::Relaxed);
    });
    let repo = Repository::create(backend, &Secret::account_key([7; 32]), &CreateOptions::new())?;
    counters.sent.store(0, Ordering::Relaxed);
    let ctx = Context::new().budget(Budget::default());
    let options = BackupOptions::new().without_checkpoints(!checkpoints);
    let began = process_time();
    repo.backup(Source::paths([source]), &options, &ctx)?;
    let cpu = process_time() - began;
    let (sent, checkpoints) = (counters.sent.load(Ordering::Relaxed), counters.checkpoints.load(Ordering::Relaxed));
    Ok(Cost { cpu, sent, checkpoints })
}

/// CPU seconds of all threads of this process so far.
fn process_time() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

#[derive(Default)]
struct Counters {
    sent: AtomicU64,
    checkpoints: AtomicU64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_of_backup_are_made_and_counted() {
        let work = tempfile::tempdir().unwrap();
        let source = work.path().join("source");
        std::fs::create_dir(&source).unwrap();
        std::fs::write(source.join("file"), vec![7; 100_000]).unwrap();
        let with = back_up(work.path(), &source, true).unwrap();
        let without = back_up(work.path(), &source, false).unwrap();
        assert!(with.sent > 0 && without.sent > 0 && without.checkpoints == 0);
        let row = row("name", &[with], &[without]).unwrap();
        assert_eq!((row.len(), row[0].as_str()), (8, "name"));
    }
}
