//! The stages of a backup: each on its own, and all that one backup passes beside that backup.

mod alone;
mod whole;

use crate::data::{self, Origin};
use crate::machine::Machine;
use crate::plot::{Row, Stacked};
use crate::table::markdown;
use crate::text::{Random, Text};
use crate::units::{count, parse_size, seconds, size};
use alone::{Alone, SEGMENT};
use anyhow::{Context as _, Result, ensure};
use clap::{Args, ValueHint};
use serde_json::{Value, json};
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;
use strongroom::{Context, Entry, EntryKind, EntrySource, FileSource, SourceItem};
use whole::Whole;

/// Measures each stage of a backup on its own, and a backup beside the sum of its stages
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// A source tree to take text from, to walk and to back up, instead of generated ones
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    data: Option<PathBuf>,
    /// Bytes of text and of random data
    #[arg(long, value_name = "SIZE", default_value = "16M", value_parser = parse_size)]
    size: u64,
    /// Seconds that each stage is run for
    #[arg(long, value_name = "SECONDS", default_value_t = 3.0)]
    seconds: f64,
    /// How often the backup and the stages it passes are run; medians count
    #[arg(long, value_name = "NUMBER", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=99))]
    runs: u32,
    /// Compression level of the backup
    #[arg(long, value_name = "LEVEL", default_value_t = 3, allow_negative_numbers = true)]
    level: i32,
    /// Folder to generate files and to back up in, best on a file system in memory
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath, default_value_os_t = std::env::temp_dir())]
    work: PathBuf,
    /// Also writes all figures to a file
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    json: Option<PathBuf>,
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments) -> Result<bool> {
    let length = usize::try_from(arguments.size)?.max(SEGMENT);
    ensure!((0.01..=600.0).contains(&arguments.seconds), "--seconds is to be from 0.01 to 600");
    let machine = Machine::here();
    let work = tempfile::Builder::new().prefix("strongroom-bench-").tempdir_in(&arguments.work)?;
    let (tree, text) = match &arguments.data {
        Some(folder) => (fs::canonicalize(folder)?, read_text(folder, length)?),
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
    let mut bench = alone::Bench::new(&work.path().join("criterion"), Duration::from_secs_f64(arguments.seconds));
    alone::bytes(&mut bench, &text, &random)?;
    alone::files(&mut bench, &tree)?;
    drop((text, random));
    let whole = whole::measure(&tree, work.path(), arguments.level, arguments.runs)?;
    let report = Report { machine, alone: bench.finish()?, whole };
    print!("\n{}", report.markdown());
    if let Some(path) = &arguments.json {
        fs::write(path, format!("{:#}\n", report.json()))
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(true)
}

/// Everything of one call.
#[derive(Debug)]
pub(crate) struct Report {
    machine: Machine,
    alone: Vec<Alone>,
    whole: Whole,
}

impl Report {
    pub(crate) fn markdown(&self) -> String {
        let head = ["stage", "CPU", "from", "to", "result"].map(str::to_owned);
        let rows: Vec<Vec<String>> = self.alone.iter().map(Alone::row).collect();
        format!(
            "One thread; MB or entries a second of its CPU time: median, and the interval it is in with 95 % confidence. \
             {}.\n\n{}\n{}",
            self.machine.describe(),
            markdown(&head, &rows),
            self.whole.markdown()
        )
    }

    /// Pictures by their names.
    pub(crate) fn plots(&self) -> Vec<(String, String)> {
        vec![(format!("{}-stages", self.whole.name), self.whole.plot().svg())]
    }

    fn json(&self) -> Value {
        json!({
            "kind": "stages",
            "machine": self.machine.json(),
            "stages": self.alone.iter().map(Alone::json).collect::<Vec<_>>(),
            "whole": self.whole.json(),
        })
    }

    pub(crate) fn from_json(json: &Value) -> Result<Self> {
        ensure!(json["kind"] == "stages", "reports of the kind {} are not known", json["kind"]);
        let stages = json["stages"].as_array().context("there are no stages")?;
        Ok(Report {
            machine: Machine::from_json(&json["machine"])?,
            alone: stages
                .iter()
                .map(|stage| Alone::from_json(stage).context("a stage is incomplete"))
                .collect::<Result<_>>()?,
            whole: Whole::from_json(&json["whole"]).context("the backup is incomplete")?,
        })
    }
}

/// Hands over every entry of a tree, as a backup sees it.
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
            let file = fs::File::open(&path).with_context(|| format!("cannot open {}", path.display()))?;
            file.take(left as u64).read_to_end(&mut text)?;
        }
        Ok(())
    })?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stage_runs_and_a_report_is_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let tree = folder.path().join("tree");
        fs::create_dir_all(tree.join("a")).unwrap();
        fs::write(tree.join("a/file"), "content ".repeat(400_000)).unwrap();
        fs::write(tree.join("a/same"), "content ".repeat(400_000)).unwrap();
        fs::write(tree.join("small"), "inline").unwrap();
        let text = read_text(&tree, 2 * SEGMENT).unwrap();
        assert_eq!(text.len(), 2 * SEGMENT);
        let mut random = vec![0; SEGMENT];
        Random::new(1).fill(&mut random);
        let mut bench = alone::Bench::new(&folder.path().join("criterion"), Duration::from_millis(1));
        alone::bytes(&mut bench, &text, &random).unwrap();
        alone::files(&mut bench, &tree).unwrap();
        let alone = bench.finish().unwrap();
        assert_eq!(alone.len(), 20);
        assert!(alone.iter().all(|stage| stage.from <= stage.speed && stage.speed <= stage.to && stage.from > 0.0));
        let whole = whole::measure(&tree, folder.path(), 3, 1).unwrap();
        assert_eq!((whole.name.as_str(), whole.entries, whole.bytes), ("tree", 5, 6_400_006));
        let reach = |name: &str| whole.stages.iter().find(|stage| stage.name == name).unwrap().amount;
        // The second file is known, and the smallest is not cut.
        assert_eq!((reach("chunk"), reach("hash")), (6_400_000.0, 6_400_000.0));
        assert!(reach("compress") <= 3_200_000.0 && reach("seal") < reach("compress") / 10.0, "{:?}", whole.stages);
        let report = Report { machine: Machine::here(), alone, whole };
        let read = Report::from_json(&report.json()).unwrap();
        assert_eq!((read.json(), read.markdown()), (report.json(), report.markdown()));
        assert!(report.markdown().contains("| sum "));
        assert_eq!(report.plots()[0].0, "tree-stages");
        assert!(Report::from_json(&json!({ "kind": "else" })).is_err());
    }
}
