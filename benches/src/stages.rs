//! What each stage of a backup costs on its own, on one thread.

use crate::data::{self, Origin};
use crate::machine::Machine;
use crate::statistics::median;
use crate::table::markdown;
use crate::text::{Random, Text};
use crate::units::{count, parse_size, size};
use anyhow::{Context as _, Result, ensure};
use clap::{Args, ValueHint};
use rustix::time::{ClockId, clock_gettime};
use std::hint::black_box;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Instant;
use strongroom::bench_support::{Stages, decode_leaf, encode_leaf, heal, parity};
use strongroom::{Content, Context, Entry, EntryKind, EntrySource, FileSource, Run, SegmentId, SourceItem};

/// Bytes that are compressed and sealed as one.
const SEGMENT: usize = 1024 * 1024;
/// Bytes of a pack, and of what heals in it as one.
const PACK: usize = 16 * 1024 * 1024;
const SECTOR: usize = 4096;
/// Bytes that are hashed as one.
const BLOB: usize = 64 * 1024;
/// Entries in a leaf.
const LEAF: usize = 256;

/// Measures each stage of a backup on its own, on one thread
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// A source tree to take text from and to walk, instead of generated ones
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    data: Option<PathBuf>,
    /// Bytes of text and of random data
    #[arg(long, value_name = "SIZE", default_value = "64M", value_parser = parse_size)]
    size: u64,
    /// How often each stage is run; medians count
    #[arg(long, value_name = "NUMBER", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=99))]
    runs: u32,
    /// Folder to generate files in that are walked
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath, default_value_os_t = std::env::temp_dir())]
    work: PathBuf,
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments) -> Result<bool> {
    let length = usize::try_from(arguments.size)?.max(SEGMENT);
    let mut bench = Bench { runs: arguments.runs, rows: Vec::new() };
    let work = tempfile::tempdir_in(&arguments.work)?;
    let (tree, text) = match &arguments.data {
        Some(folder) => (folder.clone(), read_text(folder, length)?),
        None => {
            let tree = work.path().join("tree");
            let set = data::DataSet { name: "tiny".to_owned(), origin: Origin::Tiny { files: 20_000 }, next: None };
            set.make(&tree, 1)?;
            let mut text = Vec::with_capacity(length + 256);
            Text::new(1).write(length, &mut text);
            (tree, text)
        }
    };
    ensure!(text.len() >= SEGMENT, "there is less than 1 MiB to read in {}", tree.display());
    let mut random = vec![0; length];
    Random::new(1).fill(&mut random);
    bytes(&mut bench, &text, &random)?;
    files(&mut bench, &tree)?;

    let head = ["stage", "wall", "CPU", "result"].map(str::to_owned);
    println!(
        "One thread; MB or entries a second, of wall time and of the thread's CPU time. Median of {}. {}.\n",
        bench.runs,
        Machine::here().describe()
    );
    print!("{}", markdown(&head, &bench.rows));
    Ok(true)
}

/// Stages that work on bytes.
fn bytes(bench: &mut Bench, text: &[u8], random: &[u8]) -> Result<()> {
    let stages = Stages::new(3);
    let mut copy = vec![0; random.len()];
    bench.bytes("memcpy", random.len(), || {
        copy.copy_from_slice(black_box(random));
        Ok(String::new())
    })?;
    drop(copy);
    for (name, data) in [("chunk, text", text), ("chunk, random", random)] {
        bench.bytes(name, data.len(), || {
            let (mut rest, mut chunks) = (black_box(data), 0u64);
            while !rest.is_empty() {
                rest = &rest[stages.chunk(rest)..];
                chunks += 1;
            }
            Ok(format!("{} KiB each", data.len() as u64 / chunks / 1024))
        })?;
    }
    bench.bytes("hash, 64 KiB blobs", random.len(), || {
        for blob in random.chunks(BLOB) {
            black_box(stages.hash(blob));
        }
        Ok(String::new())
    })?;
    bench.bytes("hash, 4 KiB blobs", random.len(), || {
        for blob in random.chunks(BLOB / 16) {
            black_box(stages.hash(blob));
        }
        Ok(String::new())
    })?;
    for level in [1, 3] {
        let stages = Stages::new(level);
        for (name, data) in [("text", text), ("random", random)] {
            let mut packed = Vec::with_capacity(2 * SEGMENT);
            bench.bytes(&format!("compress, zstd {level}, {name}"), data.len(), || {
                let mut total = 0;
                for segment in black_box(data).chunks(SEGMENT) {
                    packed.clear();
                    stages.compress(segment, &mut packed)?;
                    total += packed.len();
                }
                Ok(format!("{:.2} to 1", data.len() as f64 / total as f64))
            })?;
        }
    }
    let mut segments = Vec::new();
    for segment in text.chunks(SEGMENT) {
        let mut packed = Vec::new();
        ensure!(stages.compress(segment, &mut packed)?, "the text does not compress");
        segments.push((packed, segment.len()));
    }
    bench.bytes("decompress, text", text.len(), || {
        for (packed, length) in &segments {
            black_box(stages.decompress(packed, *length)?);
        }
        Ok(String::new())
    })?;
    let mut buffer = Vec::with_capacity(SEGMENT + 64);
    bench.bytes("seal", random.len(), || {
        for segment in random.chunks(SEGMENT) {
            buffer.clear();
            buffer.extend_from_slice(segment);
            stages.seal(&mut buffer)?;
        }
        Ok("with a copy".to_owned())
    })?;
    let mut sealed = random[..SEGMENT].to_vec();
    stages.seal(&mut sealed)?;
    bench.bytes("open", random.len(), || {
        for _ in random.chunks(SEGMENT) {
            buffer.clear();
            buffer.extend_from_slice(&sealed);
            stages.open(&mut buffer)?;
        }
        Ok("with a copy".to_owned())
    })?;
    recovery(bench, random)
}

/// Parity of packs: making it, and healing as much as it can.
fn recovery(bench: &mut Bench, random: &[u8]) -> Result<()> {
    for percent in [5, 10] {
        let mut total = 0;
        bench.bytes(&format!("parity of {percent} %"), random.len(), || {
            total = 0;
            for pack in black_box(random).chunks(PACK) {
                total += parity(pack, percent)?.len();
            }
            Ok(format!("{:.2} % more", total as f64 * 100.0 / random.len() as f64))
        })?;
        let pack = &random[..random.len().min(PACK)];
        let (made, name) = (parity(pack, percent)?, *blake3::hash(pack).as_bytes());
        let lost = (pack.len() / SECTOR * usize::from(percent)).div_ceil(100);
        bench.bytes(&format!("heal by {percent} %"), pack.len(), || {
            let mut left = pack.to_vec();
            left[SECTOR..(lost + 1) * SECTOR].fill(0);
            let (healed, sectors) = heal(left, &made, name)?;
            ensure!(healed == pack, "what was healed is not the pack");
            Ok(format!("{sectors} of {} sectors", pack.len().div_ceil(SECTOR)))
        })?;
    }
    Ok(())
}

/// Stages that work on files and entries.
fn files(bench: &mut Bench, tree: &Path) -> Result<()> {
    let mut entries = Vec::new();
    walk(tree, |entry, _| {
        entries.push(entry);
        Ok(())
    })?;
    bench.entries("walk", entries.len(), || {
        walk(tree, |entry, _| {
            black_box(entry);
            Ok(())
        })?;
        Ok(String::new())
    })?;
    let mut buffer = vec![0; SEGMENT];
    bench.entries("walk and read", entries.len(), || {
        let mut total = 0u64;
        walk(tree, |mut entry, handle| {
            if entry.kind == EntryKind::File {
                handle.open(&mut entry).map_err(|problem| anyhow::anyhow!("{problem}"))?;
                loop {
                    match handle.read(&mut buffer)? {
                        0 => break,
                        read => total += read as u64,
                    }
                }
                handle.close(&mut entry);
            }
            Ok(())
        })?;
        Ok(size(total))
    })?;
    // Content as a backup has it: files one after the other in segments of a hundred.
    for (number, entry) in (0u32..).zip(entries.iter_mut().filter(|entry| entry.size > 0)) {
        let segment = SegmentId::from_bytes(*blake3::hash(&(number / 100).to_le_bytes()).as_bytes());
        entry.content = Content::Runs(vec![Run { segment, first: number % 100, count: 1, bytes: entry.size }]);
    }
    let mut leaves = Vec::new();
    bench.entries("tree, encode", entries.len(), || {
        leaves.clear();
        for leaf in entries.chunks(LEAF) {
            leaves.push(encode_leaf(leaf)?);
        }
        let total: usize = leaves.iter().map(Vec::len).sum();
        Ok(format!("{:.1} bytes each", total as f64 / entries.len() as f64))
    })?;
    bench.entries("tree, decode", entries.len(), || {
        let mut total = 0;
        for leaf in &leaves {
            total += decode_leaf(leaf)?.len();
        }
        Ok(count(total as u64))
    })
}

fn walk(tree: &Path, mut found: impl FnMut(Entry, &mut dyn strongroom::EntryHandle) -> Result<()>) -> Result<()> {
    let mut source = FileSource::new([tree]);
    let ctx = Context::new();
    while let Some(item) = source.next(&ctx)? {
        if let SourceItem::Entry(entry, mut handle) = item {
            found(entry, handle.as_mut())?;
        }
    }
    Ok(())
}

/// The beginning of the regular files of a tree, in order.
fn read_text(tree: &Path, length: usize) -> Result<Vec<u8>> {
    let mut text = Vec::with_capacity(length);
    walk(tree, |entry, _| {
        let left = length - text.len();
        if entry.kind == EntryKind::File && left > 0 {
            let path = tree.join(entry.path.to_path_buf());
            let file = std::fs::File::open(&path).with_context(|| format!("cannot open {}", path.display()))?;
            file.take(left as u64).read_to_end(&mut text)?;
        }
        Ok(())
    })?;
    Ok(text)
}

struct Bench {
    runs: u32,
    rows: Vec<Vec<String>>,
}

impl Bench {
    /// A stage that goes through so many bytes; `work` says what came of it.
    fn bytes(&mut self, name: &str, bytes: usize, work: impl FnMut() -> Result<String>) -> Result<()> {
        self.stage(name, bytes as f64 / 1e6, |speed| format!("{} MB/s", count(speed.round() as u64)), work)
    }

    /// A stage that goes through so many entries.
    fn entries(&mut self, name: &str, entries: usize, work: impl FnMut() -> Result<String>) -> Result<()> {
        self.stage(name, entries as f64, |speed| format!("{} /s", count(speed.round() as u64)), work)
    }

    fn stage(
        &mut self,
        name: &str,
        amount: f64,
        shown: impl Fn(f64) -> String,
        mut work: impl FnMut() -> Result<String>,
    ) -> Result<()> {
        // Once for memory that is touched, and caches that are filled, for the first time.
        let mut result = work()?;
        let (mut wall, mut cpu) = (Vec::new(), Vec::new());
        for _ in 0..self.runs {
            let (began, used) = (Instant::now(), thread_time());
            result = work()?;
            wall.push(amount / began.elapsed().as_secs_f64());
            cpu.push(amount / (thread_time() - used));
        }
        let middle = |speeds: Vec<f64>| median(speeds).map(&shown).unwrap_or_default();
        self.rows.push(vec![name.to_owned(), middle(wall), middle(cpu), result]);
        Ok(())
    }
}

/// CPU seconds of this thread so far.
fn thread_time() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_are_timed_and_shown() {
        let mut bench = Bench { runs: 3, rows: Vec::new() };
        let mut calls = 0;
        bench
            .bytes("sum", 1_000_000, || {
                calls += 1;
                Ok(black_box(vec![1u8; 1_000_000]).iter().map(|byte| u64::from(*byte)).sum::<u64>().to_string())
            })
            .unwrap();
        assert_eq!(calls, 4);
        assert_eq!((bench.rows[0][0].as_str(), bench.rows[0][3].as_str()), ("sum", "1000000"));
        assert!(bench.rows[0][1].ends_with(" MB/s"));
    }

    #[test]
    fn every_stage_runs() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("a")).unwrap();
        std::fs::write(folder.path().join("a/file"), "content ".repeat(400_000)).unwrap();
        let text = read_text(folder.path(), 2 * SEGMENT).unwrap();
        assert_eq!(text.len(), 2 * SEGMENT);
        let mut random = vec![0; SEGMENT];
        Random::new(1).fill(&mut random);
        let mut bench = Bench { runs: 1, rows: Vec::new() };
        bytes(&mut bench, &text, &random).unwrap();
        files(&mut bench, folder.path()).unwrap();
        assert_eq!(bench.rows.len(), 20);
    }
}
