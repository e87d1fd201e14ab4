//! Every stage on its own, by criterion, whose clock is the CPU time of the thread: a busy machine moves that less.

use super::{count, json, size, walk};
use anyhow::{Context, Result, ensure};
use criterion::measurement::{Measurement, ValueFormatter, WallTime};
use criterion::{Criterion, SamplingMode, Throughput};
use rustix::time::{ClockId, clock_gettime};
use serde_json::Value;
use std::fs;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::time::Duration;
use strongroom::bench_support::{Stages, decode_leaf, encode_leaf, heal, parity};
use strongroom::{Content, EntryKind, Run, SegmentId};

/// Bytes that are compressed and sealed as one.
pub(super) const SEGMENT: usize = 1536 * 1024;
/// Bytes of a pack, and of what heals in it as one.
const PACK: usize = 16 * 1024 * 1024;
const SECTOR: usize = 4096;
/// Bytes that are hashed as one.
const BLOB: usize = 64 * 1024;
/// Entries in a leaf.
const LEAF: usize = 256;
/// What criterion calls all of them together.
const GROUP: &str = "stages";
/// The fewest that criterion takes.
const SAMPLES: usize = 10;

/// CPU time of this thread so far.
pub(super) fn thread_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or_default(), u32::try_from(time.tv_nsec).unwrap_or_default())
}

/// Has criterion measure by [`thread_time`].
struct ThreadTime;

impl Measurement for ThreadTime {
    type Intermediate = Duration;
    type Value = Duration;

    fn start(&self) -> Duration {
        thread_time()
    }

    fn end(&self, began: Duration) -> Duration {
        thread_time() - began
    }

    fn add(&self, one: &Duration, other: &Duration) -> Duration {
        *one + *other
    }

    fn zero(&self) -> Duration {
        Duration::ZERO
    }

    fn to_f64(&self, value: &Duration) -> f64 {
        value.as_nanos() as f64
    }

    fn formatter(&self) -> &dyn ValueFormatter {
        // Both count nanoseconds.
        WallTime.formatter()
    }
}

/// What a stage goes through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    Bytes,
    Entries,
}

/// What came out for one stage.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Alone {
    name: String,
    unit: Unit,
    /// Bytes or entries a second.
    pub(super) speed: f64,
    pub(super) from: f64,
    pub(super) to: f64,
    result: String,
}

impl Alone {
    pub(super) fn row(&self) -> Vec<String> {
        let shown = |speed: f64| match self.unit {
            Unit::Bytes => format!("{} MB/s", count((speed / 1e6).round() as u64)),
            Unit::Entries => format!("{} /s", count(speed.round() as u64)),
        };
        vec![self.name.clone(), shown(self.speed), shown(self.from), shown(self.to), self.result.clone()]
    }

    pub(super) fn json(&self) -> Value {
        json!({
            "stage": self.name,
            "unit": if self.unit == Unit::Bytes { "bytes" } else { "entries" },
            "per_cpu_second": self.speed,
            "from": self.from,
            "to": self.to,
            "result": self.result,
        })
    }

    pub(super) fn from_json(json: &Value) -> Option<Self> {
        Some(Alone {
            name: json["stage"].as_str()?.to_owned(),
            unit: if json["unit"] == "bytes" { Unit::Bytes } else { Unit::Entries },
            speed: json["per_cpu_second"].as_f64()?,
            from: json["from"].as_f64()?,
            to: json["to"].as_f64()?,
            result: json["result"].as_str()?.to_owned(),
        })
    }
}

/// Runs stages.
pub(super) struct Bench {
    criterion: Criterion<ThreadTime>,
    folder: PathBuf,
    time: Duration,
    /// Name, unit, how many of them, and what came of it.
    taken: Vec<(String, Unit, usize, String)>,
}

impl Bench {
    /// Criterion writes into the folder; each stage is run for about so long.
    pub(super) fn new(folder: &Path, time: Duration) -> Self {
        let criterion = Criterion::default().with_measurement(ThreadTime).output_directory(folder).without_plots();
        Bench { criterion, folder: folder.to_owned(), time, taken: Vec::new() }
    }

    /// A stage that goes through so many bytes; `work` says what came of it.
    fn bytes(&mut self, name: &str, bytes: usize, work: impl FnMut() -> Result<String>) -> Result<()> {
        self.stage(name, Unit::Bytes, bytes, work)
    }

    /// A stage that goes through so many entries.
    fn entries(&mut self, name: &str, entries: usize, work: impl FnMut() -> Result<String>) -> Result<()> {
        self.stage(name, Unit::Entries, entries, work)
    }

    fn stage(&mut self, name: &str, unit: Unit, amount: usize, mut work: impl FnMut() -> Result<String>) -> Result<()> {
        let mut result = work()?;
        let mut failed = None;
        let mut group = self.criterion.benchmark_group(GROUP);
        group.sample_size(SAMPLES).sampling_mode(SamplingMode::Flat);
        group.warm_up_time(self.time / 10).measurement_time(self.time);
        group.throughput(match unit {
            Unit::Bytes => Throughput::BytesDecimal(amount as u64),
            Unit::Entries => Throughput::Elements(amount as u64),
        });
        group.bench_function(name, |bencher| {
            bencher.iter(|| match work() {
                Ok(said) => result = said,
                Err(error) => failed = Some(error),
            });
        });
        group.finish();
        if let Some(error) = failed {
            return Err(error);
        }
        self.taken.push((name.to_owned(), unit, amount, result));
        Ok(())
    }

    /// What criterion found.
    pub(super) fn finish(self) -> Result<Vec<Alone>> {
        let estimate = |(name, unit, amount, result): (String, Unit, usize, String)| {
            let path = self.folder.join(GROUP).join(&name).join("new/estimates.json");
            let text = fs::read_to_string(&path).with_context(|| format!("{} is missing", path.display()))?;
            let json: Value = serde_json::from_str(&text)?;
            let median = &json["median"];
            let nanoseconds = |value: &Value| value.as_f64().context("criterion wrote no median");
            let speed = |value: &Value| Ok::<_, anyhow::Error>(amount as f64 * 1e9 / nanoseconds(value)?);
            let interval = &median["confidence_interval"];
            let (speed, from, to) =
                (speed(&median["point_estimate"])?, speed(&interval["upper_bound"])?, speed(&interval["lower_bound"])?);
            Ok(Alone { name, unit, speed, from, to, result })
        };
        self.taken.into_iter().map(estimate).collect()
    }
}

/// Stages that work on bytes.
pub(super) fn bytes(bench: &mut Bench, text: &[u8], random: &[u8]) -> Result<()> {
    let stages = Stages::new(3);
    let mut copy = vec![0; random.len()];
    bench.bytes("memcpy", random.len(), || {
        copy.copy_from_slice(black_box(random));
        black_box(&copy);
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
    for (name, length) in [("hash, 64 KiB blobs", BLOB), ("hash, 4 KiB blobs", BLOB / 16)] {
        bench.bytes(name, random.len(), || {
            for blob in random.chunks(length) {
                black_box(stages.hash(blob));
            }
            Ok(String::new())
        })?;
    }
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
        bench.bytes(&format!("parity of {percent} %"), random.len(), || {
            let mut total = 0;
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
pub(super) fn files(bench: &mut Bench, tree: &Path) -> Result<()> {
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
