//! The index of a very large repository: what it takes to read it, to open it again, and to look for blobs in it.

use crate::machine::Machine;
use crate::process;
use crate::table::markdown;
use crate::text::Random;
use crate::units::{count, mib, size};
use anyhow::{Context as _, Result, ensure};
use clap::{Args, ValueHint};
use std::fs;
use std::hint::black_box;
use std::path::PathBuf;
use std::time::Instant;
use strongroom::bench_support::{
    BLOBS_OF_AN_INDEX_OBJECT, generated_blob, has_blob, index_extent, refresh_index, write_index,
};
use strongroom::{Context, Cost, CreateOptions, LocalBackend, OpenOptions, Repository, Secret};

/// Measures the index of a repository of many blobs: time and memory to read it, to open it and to search it
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// How many blobs
    #[arg(long, value_name = "NUMBER", default_value_t = 50_000_000)]
    blobs: u64,
    /// How many blobs are looked for, and as many that are not there
    #[arg(long, value_name = "NUMBER", default_value_t = 1_000_000)]
    lookups: u64,
    /// Folder that index objects and tables are put in: some 85 bytes for every blob
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath, default_value_os_t = std::env::temp_dir())]
    work: PathBuf,
}

/// A phase of the work.
struct Phases {
    rows: Vec<Vec<String>>,
    /// What the process held before it did anything with the index.
    base: u64,
}

impl Phases {
    fn phase<T>(&mut self, name: &str, work: impl FnOnce() -> Result<(T, String)>) -> Result<T> {
        process::reset_peak();
        let began = Instant::now();
        let (done, result) = work()?;
        let time = began.elapsed().as_secs_f64();
        let peak = process::own_peak().unwrap_or_default().saturating_sub(self.base);
        let held = process::anonymous().unwrap_or_default().saturating_sub(self.base);
        let time = if time < 1.0 { format!("{:.0} ms", time * 1e3) } else { format!("{time:.1} s") };
        self.rows.push(vec![name.to_owned(), time, format!("{:.1}", mib(peak)), format!("{:.1}", mib(held)), result]);
        eprintln!("{}", self.rows.last().map(|row| row.join("  ")).unwrap_or_default());
        Ok(done)
    }
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments) -> Result<bool> {
    let machine = Machine::here();
    let work = tempfile::Builder::new().prefix("strongroom-bench-").tempdir_in(&arguments.work)?;
    let objects = arguments.blobs.div_ceil(BLOBS_OF_AN_INDEX_OBJECT).max(1);
    let blobs = objects * BLOBS_OF_AN_INDEX_OBJECT;
    let state = work.path().join("state");
    let backend = || LocalBackend::new(work.path().join("repository")).sync(false);
    let secret = Secret::passphrase("benchmark");
    // One try at a passphrase takes as much memory as its cost says, which would hide that of the index.
    let repo = Repository::create(backend(), &secret, &CreateOptions::new().cost(Cost::FLOOR))?;
    let open = || Repository::open_with(backend(), &secret, &OpenOptions::new().state_folder(&state));
    let repo_again = open()?;
    let base = process::anonymous().context("this system does not tell how much memory a process holds")?;
    let mut phases = Phases { rows: Vec::new(), base };
    phases.phase("index objects written", || {
        (0..objects).try_for_each(|number| write_index(&repo, number))?;
        Ok(((), format!("{} objects", count(objects))))
    })?;
    drop(repo);
    let ctx = Context::new();
    phases.phase("read for the first time", || {
        ensure!(refresh_index(&repo_again, &ctx)? == 0, "some index objects could not be read");
        let (tables, listed) = index_extent(&repo_again)?;
        ensure!(listed == blobs, "{listed} of {blobs} blobs are listed");
        let bytes = crate::compare::extent(&state)?.bytes;
        Ok(((), format!("{tables} tables, {}", size(bytes))))
    })?;
    drop(repo_again);
    let repo = open()?;
    phases.phase("opened again, nothing new", || {
        ensure!(refresh_index(&repo, &ctx)? == 0, "some index objects could not be read");
        Ok(((), format!("{} tables", index_extent(&repo)?.0)))
    })?;
    let mut random = Random::new(1);
    for turn in ["first", "again"] {
        for (name, there) in [("there", true), ("not there", false)] {
            let numbers: Vec<u64> =
                (0..arguments.lookups).map(|_| random.below(blobs) + if there { 0 } else { blobs }).collect();
            phases.phase(&format!("blobs looked for that are {name}, {turn}"), || {
                let began = Instant::now();
                for number in &numbers {
                    black_box(generated_blob(*number));
                }
                let names = began.elapsed();
                let began = Instant::now();
                for number in &numbers {
                    let found = has_blob(&repo, &generated_blob(*number))?;
                    ensure!(found == there, "blob {number} is {}", if found { "there" } else { "not there" });
                }
                let each = began.elapsed().saturating_sub(names).as_secs_f64() / arguments.lookups.max(1) as f64;
                Ok(((), format!("{:.2} µs each", each * 1e6)))
            })?;
        }
    }
    let head = ["index", "time", "peak MiB", "held MiB", "result"].map(str::to_owned);
    println!("{} blobs. {}.\n\n{}", count(blobs), machine.describe(), markdown(&head, &phases.rows));
    println!("Memory is what the process held beyond its start, of its own; tables are read, not mapped.");
    fs::remove_dir_all(work.path()).context("cannot remove the work folder")?;
    Ok(true)
}
