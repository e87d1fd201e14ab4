//! Sources of backups, and what stops them.

use super::values::{content, path, texts};
use super::{Fault, Played, World};
use crate::support::{Entries, Reader};
use serde_json::{Value, json};
use std::os::unix::ffi::OsStrExt;
use std::sync::{Arc, Mutex};
use strongroom_bindings::options::{BackupOptions, Budget, Parent};
use strongroom_bindings::records::{Timestamp, Xattr};
use strongroom_bindings::{
    EntryKind, FilesOptions, HostContent, HostEntry, HostError, HostReader, HostResult, Run, RunOptions, Source,
    StreamOptions,
};

/// Counts the calls into the runner's streams and iterators, and acts before one of them.
#[derive(Clone)]
struct Stop {
    calls: Arc<Mutex<u64>>,
    after: u64,
    how: String,
    run: Run,
}

/// What a language would raise; it has to come back.
struct Raised;

impl Stop {
    fn call(&self) -> HostResult<()> {
        let mut calls = self.calls.lock().unwrap();
        *calls += 1;
        if *calls == self.after {
            match self.how.as_str() {
                "cancel" => self.run.cancel(),
                "suspend" => self.run.suspend(),
                "fail" => return Err(HostError::callback("the runner raised").payload(Arc::new(Raised))),
                other => panic!("nothing stops by {other}"),
            }
        }
        Ok(())
    }

    fn reader(&self, bytes: Vec<u8>, piece: usize) -> Box<dyn HostReader> {
        let (stop, mut at) = (self.clone(), 0);
        Box::new(Reader(move |buffer: &mut [u8]| {
            stop.call()?;
            let count = buffer.len().min(piece).min(bytes.len() - at);
            buffer[..count].copy_from_slice(&bytes[at..at + count]);
            at += count;
            Ok(count)
        }))
    }

    fn entry(&self, entry: &Value) -> HostEntry {
        let kind = EntryKind::from_name(entry["kind"].as_str().unwrap_or("file")).unwrap();
        let mut made = HostEntry::new(path(&entry["path"]), kind);
        if kind == EntryKind::File {
            made.content = Some(HostContent::Reader(self.reader(content(&entry["content"]), 1000)));
        }
        made.target = entry["target"].is_string().then(|| path(&entry["target"]));
        made.mode = entry["mode"].as_u64().map(|mode| mode as u32);
        made.modified = entry["modified"].as_i64().map(|seconds| Timestamp { seconds, nanos: 0 });
        for (name, value) in entry["xattrs"].as_object().into_iter().flatten() {
            made.xattrs.push(Xattr { name: name.clone().into_bytes(), value: path(value) });
        }
        made
    }
}

impl World {
    fn source(&self, source: &Value, stop: &Stop) -> Played<Source> {
        let stream = StreamOptions { path: path(&source["path"]), ..StreamOptions::default() };
        Ok(match source["kind"].as_str().unwrap() {
            "files" => {
                let folder = self.place(&source["folder"], b"");
                let folder = folder.as_os_str().as_bytes();
                let paths = vec![folder.strip_suffix(b"/").unwrap_or(folder).to_vec()];
                Source::files(FilesOptions { paths, exclude: texts(&source["exclude"]), ..FilesOptions::default() })
            }
            "bytes" => Source::bytes(stream, content(&source["content"])),
            "reader" => {
                let piece = source["piece"].as_u64().unwrap() as usize;
                Source::reader(stream, stop.reader(content(&source["content"]), piece))
            }
            "tar" => Source::tar(stop.reader(self.named(&self.streams, &source["of"])?.clone(), 10_000)),
            "entries" => {
                let (stop, entries) = (stop.clone(), source["entries"].as_array().unwrap().clone());
                let mut entries = entries.into_iter();
                let next = move || {
                    stop.call()?;
                    Ok(entries.next().map(|entry| stop.entry(&entry)))
                };
                let known_as = source["known_as"].as_array().into_iter().flatten().map(path).collect();
                let sorted = source["sorted"].as_bool().unwrap_or(false);
                Source::entries(Box::new(Entries(next)), sorted).known_as(known_as)
            }
            other => return Err(format!("no source is a {other}").into()),
        })
    }

    pub(crate) fn backup(&mut self, step: &Value) -> Played {
        let options = &step["options"];
        let parent = match options["parent"].as_str() {
            None | Some("newest") => Parent::Newest,
            Some("none") => Parent::None,
            Some(_) => Parent::Snapshot(self.snapshot(&options["parent"])?),
        };
        let backup = BackupOptions {
            tags: texts(&options["tags"]),
            host: super::values::text(&options["host"]),
            description: super::values::text(&options["description"]),
            skip_if_unchanged: options["skip_if_unchanged"].as_bool().unwrap_or(false),
            parent,
            ..BackupOptions::default()
        };
        let budget = Budget {
            deadline_ms: step["budget"]["deadline_ms"].as_u64(),
            threads: step["budget"]["threads"].as_u64().map(|threads| threads as u32),
            ..Budget::default()
        };
        let run = Run::new(RunOptions { budget, ..RunOptions::default() });
        let how = super::values::text(&step["stop"]["how"]);
        let after = step["stop"]["after"].as_u64().unwrap_or(0);
        let stop = Stop { calls: Arc::default(), after, how: how.clone(), run: run.clone() };
        let source = self.source(&step["source"], &stop)?;
        let report = match self.repository(step)?.backup(source, &backup, &run) {
            Ok(report) => report,
            Err(error) if how == "fail" && !error.payload.as_ref().is_some_and(|payload| payload.is::<Raised>()) => {
                return Err(Fault::Scenario(format!("the app's own error is lost: {error:?}")));
            }
            Err(error) => return Err(error.into()),
        };
        match (&report.snapshot, step["makes_none"].as_bool()) {
            (Some(snapshot), None) => {
                self.snapshots.insert(step["as"].as_str().unwrap().to_owned(), snapshot.clone());
            }
            (None, Some(true)) => {}
            (snapshot, _) => return Err(format!("the snapshot is {snapshot:?}").into()),
        }
        Ok(json!({
            "outcome": report.outcome.name(), "entries": report.entries, "files": report.files,
            "directories": report.directories, "bytes": report.bytes, "unchanged": report.unchanged,
            "new_bytes": report.new_bytes, "problem_count": report.problem_count,
        }))
    }
}
