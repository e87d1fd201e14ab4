//! What the bytes of one tree pay in the stages they pass, one after the other on one thread, and what a backup of the
//! same tree takes. The first is the floor under the second.

use super::alone::{SEGMENT, thread_time};
use super::{Row, Stacked, count, json, markdown, seconds, size, walk};
use crate::statistics::median;
use anyhow::{Context as _, Result, ensure};
use rustix::time::{ClockId, clock_gettime};
use serde_json::Value;
use std::collections::HashSet;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};
use strongroom::bench_support::Stages;
use strongroom::{
    BackupOptions, BlobId, Context, CreateOptions, EntryHandle, EntryKind, LocalBackend, Outcome, Repository, Secret,
    Source,
};

/// Files up to this length stay in the tree.
const INLINE: usize = 512;

/// The stages, in the order in which they are passed.
#[derive(Debug, Clone, Copy)]
enum Pass {
    Walk,
    Read,
    Chunk,
    Hash,
    Known,
    Compress,
    Seal,
    Name,
    Write,
}

const STAGES: [&str; 9] =
    ["walk", "read", "chunk", "hash", "find and gather", "compress", "seal", "hash of packs", "write"];

/// One stage of the tree.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Stage {
    pub(super) name: String,
    /// Bytes that reach it; of the walk, entries.
    pub(super) amount: f64,
    /// CPU seconds.
    cpu: f64,
}

/// Stages and backup of one tree.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Whole {
    pub(super) name: String,
    pub(super) entries: u64,
    pub(super) bytes: u64,
    level: i32,
    pub(super) stages: Vec<Stage>,
    backup_cpu: f64,
    backup_wall: f64,
}

impl Whole {
    fn sum(&self) -> f64 {
        self.stages.iter().map(|stage| stage.cpu).sum()
    }

    pub(super) fn markdown(&self) -> String {
        let head = [format!("{}: {} entries", self.name, count(self.entries)), "what reaches it".to_owned()];
        let head = [&head[..], &["CPU".to_owned(), "CPU s".to_owned(), "share".to_owned()]].concat();
        let share = |cpu: f64| format!("{:.0} %", 100.0 * cpu / self.backup_cpu);
        let rows = self.stages.iter().enumerate().map(|(number, stage)| {
            let (amount, speed) = (stage.amount as u64, stage.amount / stage.cpu.max(1e-9));
            let (amount, speed) = if number == Pass::Walk as usize {
                (format!("{} entries", count(amount)), format!("{} /s", count(speed as u64)))
            } else {
                (size(amount), format!("{} MB/s", count((speed / 1e6) as u64)))
            };
            vec![stage.name.clone(), amount, speed, seconds(stage.cpu), share(stage.cpu)]
        });
        let mut rows: Vec<Vec<String>> = rows.collect();
        let last = |name: &str, amount: String, cpu: f64| {
            vec![name.to_owned(), amount, String::new(), seconds(cpu), share(cpu)]
        };
        rows.push(last("sum", String::new(), self.sum()));
        rows.push(last("backup, end to end", size(self.bytes), self.backup_cpu));
        format!(
            "A first backup at zstd level {} beside the stages its bytes pass, on their own and one after the other on one \
             thread. Without the derivation of keys. The backup took {} s on the clock.\n\n{}",
            self.level,
            seconds(self.backup_wall),
            markdown(&head, &rows)
        )
    }

    pub(super) fn plot(&self) -> Stacked {
        let parts = self.stages.iter().map(|stage| (stage.name.clone(), stage.cpu)).collect();
        let rows = vec![
            Row { label: "stages on their own".to_owned(), parts },
            Row { label: "backup, end to end".to_owned(), parts: vec![("everything".to_owned(), self.backup_cpu)] },
        ];
        Stacked { title: format!("{}: CPU time of a first backup by stage", self.name), unit: "s", rows }
    }

    pub(super) fn json(&self) -> Value {
        let stage = |stage: &Stage| json!({ "stage": stage.name, "amount": stage.amount, "cpu_seconds": stage.cpu });
        json!({
            "data": self.name,
            "entries": self.entries,
            "bytes": self.bytes,
            "level": self.level,
            "stages": self.stages.iter().map(stage).collect::<Vec<_>>(),
            "backup_cpu_seconds": self.backup_cpu,
            "backup_wall_seconds": self.backup_wall,
        })
    }

    pub(super) fn from_json(json: &Value) -> Option<Self> {
        let stage = |stage: &Value| {
            Some(Stage {
                name: stage["stage"].as_str()?.to_owned(),
                amount: stage["amount"].as_f64()?,
                cpu: stage["cpu_seconds"].as_f64()?,
            })
        };
        Some(Whole {
            name: json["data"].as_str()?.to_owned(),
            entries: json["entries"].as_u64()?,
            bytes: json["bytes"].as_u64()?,
            level: json["level"].as_i64()?.try_into().ok()?,
            stages: json["stages"].as_array()?.iter().map(stage).collect::<Option<_>>()?,
            backup_cpu: json["backup_cpu_seconds"].as_f64()?,
            backup_wall: json["backup_wall_seconds"].as_f64()?,
        })
    }
}

/// Measures a tree.
pub(super) fn measure(tree: &Path, work: &Path, level: i32, runs: u32) -> Result<Whole> {
    let name = tree.file_name().map_or_else(|| "tree".to_owned(), |name| name.to_string_lossy().into_owned());
    // What is read for the first time costs more than the stages do.
    let amounts = Passage::run(tree, work, level)?.amounts;
    let (mut cpus, mut backups) = (vec![Vec::new(); STAGES.len()], Vec::new());
    for _ in 0..runs {
        let passed = Passage::run(tree, work, level)?;
        cpus.iter_mut().zip(passed.cpu).for_each(|(all, cpu)| all.push(cpu.as_secs_f64()));
        backups.push(backup(tree, work, level)?);
    }
    let middle = |values: Vec<f64>| median(values).context("nothing was run");
    let stages = STAGES.iter().zip(amounts).zip(cpus);
    let stages = stages.map(|((name, amount), cpus)| {
        Ok(Stage { name: (*name).to_owned(), amount: amount as f64, cpu: middle(cpus)? })
    });
    Ok(Whole {
        name,
        entries: amounts[Pass::Walk as usize],
        bytes: amounts[Pass::Read as usize],
        level,
        stages: stages.collect::<Result<_>>()?,
        backup_cpu: middle(backups.iter().map(|(cpu, _)| *cpu).collect())?,
        backup_wall: middle(backups.iter().map(|(_, wall)| *wall).collect())?,
    })
}

/// CPU and wall seconds of a backup by the engine itself, as an app calls it.
fn backup(tree: &Path, work: &Path, level: i32) -> Result<(f64, f64)> {
    let place = tempfile::tempdir_in(work)?;
    let [repository, state] = ["repository", "state"].map(|name| place.path().join(name));
    let options = CreateOptions::new().state_folder(state);
    let repo = Repository::create(LocalBackend::new(repository), &Secret::passphrase("benchmark"), &options)?;
    let process_time = || {
        let time = clock_gettime(ClockId::ProcessCPUTime);
        time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
    };
    let (began, used) = (Instant::now(), process_time());
    let report = repo.backup(Source::paths([tree]), &BackupOptions::new().level(level), &Context::new())?;
    let taken = (process_time() - used, began.elapsed().as_secs_f64());
    ensure!(report.outcome == Outcome::Complete, "the backup is not complete");
    Ok(taken)
}

/// One way of all bytes through all stages.
struct Passage {
    stages: Stages,
    cpu: [Duration; STAGES.len()],
    amounts: [u64; STAGES.len()],
    last: Duration,
    /// CPU time of asking for the CPU time.
    of_clock: Duration,
    known: HashSet<BlobId>,
    segment: Vec<u8>,
    packed: Vec<u8>,
    packs: blake3::Hasher,
    out: File,
}

impl Passage {
    fn run(tree: &Path, work: &Path, level: i32) -> Result<Self> {
        let looks = 20_000;
        let began = thread_time();
        (0..looks).for_each(|_| {
            std::hint::black_box(thread_time());
        });
        let mut passage = Passage {
            stages: Stages::new(level),
            cpu: Default::default(),
            amounts: Default::default(),
            last: Duration::ZERO,
            of_clock: (thread_time() - began) / looks,
            known: HashSet::new(),
            segment: Vec::with_capacity(2 * SEGMENT),
            packed: Vec::with_capacity(2 * SEGMENT),
            packs: blake3::Hasher::new(),
            out: tempfile::tempfile_in(work)?,
        };
        let mut buffer = vec![0; SEGMENT];
        passage.last = thread_time();
        walk(tree, |mut entry, handle| {
            passage.lap(Pass::Walk, 1);
            if entry.kind == EntryKind::File {
                handle.open(&mut entry).map_err(|problem| anyhow::anyhow!("{problem}"))?;
                passage.content(handle, &mut buffer)?;
                handle.close(&mut entry);
                passage.lap(Pass::Read, 0);
            }
            Ok(())
        })?;
        passage.lap(Pass::Walk, 0);
        passage.flush()?;
        Ok(passage)
    }

    /// What was used since the last lap, but for the clock itself, was for this stage.
    fn lap(&mut self, pass: Pass, amount: u64) {
        let now = thread_time();
        self.cpu[pass as usize] += (now - self.last).saturating_sub(self.of_clock);
        self.amounts[pass as usize] += amount;
        self.last = now;
    }

    /// Cuts the content of a file. As a backup does, it keeps in the buffer what may not be cut yet.
    fn content(&mut self, handle: &mut dyn EntryHandle, buffer: &mut [u8]) -> Result<()> {
        let (mut filled, mut first) = (0, true);
        loop {
            let mut ended = false;
            while filled < buffer.len() {
                match handle.read(&mut buffer[filled..])? {
                    0 => {
                        ended = true;
                        break;
                    }
                    read => {
                        filled += read;
                        self.amounts[Pass::Read as usize] += read as u64;
                    }
                }
            }
            self.lap(Pass::Read, 0);
            if first && ended && filled <= INLINE {
                return Ok(());
            }
            first = false;
            let mut start = 0;
            while start < filled && (ended || filled - start >= self.stages.longest_chunk()) {
                let length = self.stages.chunk(&buffer[start..filled]);
                self.lap(Pass::Chunk, length as u64);
                self.blob(&buffer[start..start + length])?;
                start += length;
            }
            buffer.copy_within(start..filled, 0);
            filled -= start;
            self.lap(Pass::Chunk, 0);
            if ended {
                return Ok(());
            }
        }
    }

    fn blob(&mut self, blob: &[u8]) -> Result<()> {
        let id = self.stages.hash(blob);
        self.lap(Pass::Hash, blob.len() as u64);
        let new = self.known.insert(id);
        if new {
            self.segment.extend_from_slice(blob);
        }
        self.lap(Pass::Known, blob.len() as u64);
        if self.segment.len() >= SEGMENT { self.flush() } else { Ok(()) }
    }

    /// Brings the segment to storage.
    fn flush(&mut self) -> Result<()> {
        self.packed.clear();
        self.stages.compress(&self.segment, &mut self.packed)?;
        self.lap(Pass::Compress, self.segment.len() as u64);
        self.segment.clear();
        self.stages.seal(&mut self.packed)?;
        self.lap(Pass::Seal, self.packed.len() as u64);
        self.packs.update(&self.packed);
        self.lap(Pass::Name, self.packed.len() as u64);
        self.out.write_all(&self.packed)?;
        self.lap(Pass::Write, self.packed.len() as u64);
        Ok(())
    }
}
