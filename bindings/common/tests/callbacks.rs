//! Functions of the app that fail, panic, block, lie and call back.

mod support;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};
use strongroom_bindings::options::{BackupOptions, CheckOptions, OpenOptions, SnapshotFilter};
use strongroom_bindings::records::Progress;
use strongroom_bindings::*;
use support::{Dictionary, Entries, Reader, Writer, back_up, cheap, entries, file, reader, repository, secret};

/// What a language would raise again.
#[derive(Debug, PartialEq)]
struct Exception(u32);

fn raised(number: u32) -> HostError {
    HostError::callback("the app raised").payload(Arc::new(Exception(number)))
}

fn payload(error: &Error) -> Option<u32> {
    Some(error.payload.as_ref()?.downcast_ref::<Exception>()?.0)
}

fn stream(reader: Box<dyn HostReader>) -> Source {
    Source::reader(StreamOptions { path: b"dump".to_vec(), ..StreamOptions::default() }, reader)
}

fn back_up_source(repository: &Repository, source: Source) -> Result<records::BackupReport> {
    repository.backup(source, &BackupOptions::default(), &Run::default())
}

fn count(repository: &Repository) -> usize {
    repository.snapshots(&SnapshotFilter::default()).unwrap().snapshots.len()
}

#[test]
fn a_reader_that_fails_ends_the_backup_with_its_own_error() {
    let repository = repository();
    let mut calls = 0;
    let failing = Reader(move |buffer: &mut [u8]| {
        calls += 1;
        buffer.fill(7);
        if calls > 3 { Err(raised(41)) } else { Ok(buffer.len()) }
    });
    let error = back_up_source(&repository, stream(Box::new(failing))).unwrap_err();
    assert_eq!((error.kind, payload(&error)), (ErrorKind::Callback, Some(41)));
    assert_eq!(count(&repository), 0, "what failed makes no snapshot");
    // And the repository is as good as before.
    back_up(&repository, vec![file("a", "b")]);
    assert!(repository.check(&CheckOptions::default(), &Run::default()).unwrap().is_sound());
}

#[test]
fn a_reader_that_panics_or_lies_is_an_error() {
    let repository = repository();
    let panicking = Reader(|_: &mut [u8]| -> HostResult<usize> { panic!("out of luck") });
    let error = back_up_source(&repository, stream(Box::new(panicking))).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Internal);
    assert!(error.message.contains("out of luck"), "{error}");
    let lying = Reader(|buffer: &mut [u8]| Ok(buffer.len() + 1));
    let error = back_up_source(&repository, stream(Box::new(lying))).unwrap_err();
    assert_eq!(error.kind, ErrorKind::InvalidArgument);
    assert_eq!(count(&repository), 0);
}

#[test]
fn one_unreadable_entry_is_a_problem_and_an_exception_is_not() {
    let repository = repository();
    let of_kind = |kind: ErrorKind| {
        let reader = Reader(move |_: &mut [u8]| Err(HostError::new(kind, "no")));
        let content = Some(HostContent::Reader(Box::new(reader)));
        let bad = HostEntry { content, ..HostEntry::new("bad", EntryKind::File) };
        back_up_source(&repository, Source::entries(entries(vec![file("good", "x"), bad]), false))
    };
    let report = of_kind(ErrorKind::PermissionDenied).unwrap();
    assert_eq!(report.outcome, Outcome::Partial);
    assert_eq!(report.problems[0].path, b"bad");
    assert_eq!(report.problems[0].reason, ProblemReason::PermissionDenied);
    assert_eq!(of_kind(ErrorKind::Callback).unwrap_err().kind, ErrorKind::Callback);
    assert_eq!(count(&repository), 1);
}

#[test]
fn entries_that_fail_end_the_backup() {
    let repository = repository();
    let mut left = 2;
    let failing = Entries(move || {
        left -= 1;
        if left == 0 { Err(raised(5)) } else { Ok(Some(file("a", "b"))) }
    });
    let error = back_up_source(&repository, Source::entries(Box::new(failing), false)).unwrap_err();
    assert_eq!(payload(&error), Some(5));
    let bad = vec![file("../a", "b")];
    let error = back_up_source(&repository, Source::entries(entries(bad), false)).unwrap_err();
    assert_eq!(error.kind, ErrorKind::InvalidArgument);
    assert_eq!(count(&repository), 0);
}

type Fault = fn() -> HostResult<()>;

/// A dictionary of which one kind of call fails, panics or lies.
struct Faulty {
    inner: Dictionary,
    fault: Mutex<Option<(&'static str, Fault)>>,
}

impl Faulty {
    fn check(&self, call: &str) -> HostResult<()> {
        let fault = *self.fault.lock().unwrap();
        match fault {
            Some((at, what)) if at == call => what(),
            _ => Ok(()),
        }
    }
}

impl HostBackend for Faulty {
    fn put(&self, name: &str, parts: &[&[u8]]) -> HostResult<()> {
        self.check("put")?;
        self.inner.put(name, parts)
    }
    fn read(&self, name: &str, offset: u64, length: u64) -> HostResult<Vec<u8>> {
        self.check("read")?;
        let mut bytes = self.inner.read(name, offset, length)?;
        if self.check("shorten").is_err() {
            bytes.pop();
        }
        Ok(bytes)
    }
    fn stat(&self, name: &str) -> HostResult<HostObject> {
        self.check("stat")?;
        self.inner.stat(name)
    }
    fn list(&self, folder: &str, found: &mut dyn FnMut(HostObject) -> HostResult<()>) -> HostResult<()> {
        self.check("list")?;
        self.inner.list(folder, found)
    }
    fn delete(&self, name: &str) -> HostResult<()> {
        self.check("delete")?;
        self.inner.delete(name)
    }
    fn location(&self) -> String {
        "faulty".to_owned()
    }
}

#[test]
fn storage_that_fails_keeps_the_apps_error_and_the_repository() {
    let host = Arc::new(Faulty { inner: Dictionary::default(), fault: Mutex::new(None) });
    let backend = Backend::host(Arc::clone(&host) as Arc<dyn HostBackend>);
    let repository = Repository::create(&backend, &secret(), &cheap(), None).unwrap();
    back_up(&repository, vec![file("a", vec![1; 100_000])]);
    let attempts: &[(&str, Fault, ErrorKind)] = &[
        ("put", || Err(raised(9)), ErrorKind::Callback),
        ("list", || Err(raised(9)), ErrorKind::Callback),
        (
            "put",
            || Err(HostError::new(ErrorKind::StorageFull, "full").payload(Arc::new(Exception(9)))),
            ErrorKind::StorageFull,
        ),
    ];
    for (call, fault, kind) in attempts {
        *host.fault.lock().unwrap() = Some((call, *fault));
        let error = back_up_source(&repository, stream(reader(vec![3; 3_000_000]))).unwrap_err();
        assert_eq!((error.kind, payload(&error)), (*kind, Some(9)), "{call}: {error:?}");
    }
    *host.fault.lock().unwrap() = Some(("list", || panic!("broken")));
    let error = back_up_source(&repository, stream(reader(vec![3; 10]))).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Internal, "{error}");
    *host.fault.lock().unwrap() = Some(("shorten", || Err(raised(0))));
    let opened = Repository::open(&backend, &secret(), &OpenOptions::default(), None);
    assert_eq!(opened.unwrap_err().kind, ErrorKind::Corrupt);
    *host.fault.lock().unwrap() = None;
    let again = Repository::open(&backend, &secret(), &OpenOptions::default(), None).unwrap();
    assert!(
        again
            .check(&CheckOptions { read_data: Some(100.0), ..Default::default() }, &Run::default())
            .unwrap()
            .is_sound()
    );
    assert_eq!(count(&again), 1);
}

#[test]
fn callbacks_may_use_the_repository_and_even_close_it() {
    let repository = repository();
    let first = back_up(&repository, vec![file("a", "b")]);
    let inside = repository.clone();
    let mut calls = 0;
    let calling = Entries(move || {
        calls += 1;
        assert_eq!(count(&inside), 1);
        assert_eq!(inside.entry(&first, b"a").unwrap().size, 1);
        if calls == 2 {
            inside.close();
            return Ok(None);
        }
        back_up_within(&inside);
        Ok(Some(file("c", "d")))
    });
    fn back_up_within(repository: &Repository) {
        let listed = repository.keys().unwrap();
        assert_eq!(listed.len(), 1);
    }
    let mut checked = calling;
    let source = Source::entries(Box::new(Entries(move || checked.0())), false);
    let report = back_up_source(&repository, source);
    // The last call closed the handle, after which `count` fails inside: nothing of that may go further than an error.
    match report {
        Ok(report) => assert_eq!(report.files, 1),
        Err(error) => panic!("{error}"),
    }
    assert_eq!(repository.keys().unwrap_err().kind, ErrorKind::Closed);
}

struct Slow {
    heard: AtomicUsize,
    blocked: Mutex<mpsc::Receiver<()>>,
    was_final: AtomicBool,
}

impl ProgressListener for Slow {
    fn progress(&self, progress: &Progress) -> HostResult<()> {
        self.heard.fetch_add(1, Ordering::SeqCst);
        let _ = self.blocked.lock().unwrap().recv_timeout(Duration::from_secs(30));
        self.was_final.store(progress.current.is_none(), Ordering::SeqCst);
        Ok(())
    }
}

#[test]
fn a_listener_that_blocks_holds_nothing_up() {
    let (release, blocked) = mpsc::channel();
    let slow =
        Arc::new(Slow { heard: AtomicUsize::new(0), blocked: Mutex::new(blocked), was_final: AtomicBool::new(false) });
    let repository = repository();
    let run = Run::new(RunOptions { progress: Some(slow.clone()), ..RunOptions::default() });
    let began = Instant::now();
    repository.backup(stream(reader(vec![1; 20_000_000])), &BackupOptions::default(), &run).unwrap();
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    assert_eq!(slow.heard.load(Ordering::SeqCst), 1, "the states it was too slow for were left out");
    assert_eq!(run.progress().unwrap().bytes, 20_000_000);
    release.send(()).unwrap();
    drop(release);
}

struct Failing;

impl ProgressListener for Failing {
    fn progress(&self, _: &Progress) -> HostResult<()> {
        Err(raised(77))
    }
}

#[test]
fn a_listener_that_raises_ends_the_operation() {
    let repository = repository();
    let run = Run::new(RunOptions { progress: Some(Arc::new(Failing)), ..RunOptions::default() });
    let endless = Reader(|buffer: &mut [u8]| {
        std::thread::sleep(Duration::from_millis(1));
        buffer.fill(1);
        Ok(buffer.len())
    });
    let error = repository.backup(stream(Box::new(endless)), &BackupOptions::default(), &run).unwrap_err();
    assert_eq!((error.kind, payload(&error)), (ErrorKind::Callback, Some(77)));
}

struct Full;

impl HostWriter for Full {
    fn write(&mut self, _: &[u8]) -> HostResult<()> {
        Err(raised(3))
    }
}

#[test]
fn a_writer_that_raises_ends_the_export() {
    let repository = repository();
    let snapshot = back_up(&repository, vec![file("a", "b")]);
    let error = repository.export_tar(&snapshot, b"", &mut Full, &Run::default()).unwrap_err();
    assert_eq!(payload(&error), Some(3));
    let mut out = Writer::default();
    repository.export_tar(&snapshot, b"", &mut out, &Run::default()).unwrap();
    assert!(out.0.len() >= 1024 && out.0.len() % 512 == 0);
}

#[derive(Default)]
struct Log(Mutex<BTreeMap<String, Vec<String>>>);

impl LogSink for Log {
    fn log(&self, event: &LogEvent) {
        let line = format!("{} {}", event.level.name(), event.message);
        self.0.lock().unwrap().entry(event.operation.clone()).or_default().push(line);
        panic!("a log that panics");
    }
}

#[test]
fn the_log_hears_of_work_problems_and_failures() {
    let log = Arc::new(Log::default());
    let repository = Repository::create(&Backend::memory(), &secret(), &cheap(), Some(log.clone())).unwrap();
    let problem = Some(HostProblem { reason: ProblemReason::Vanished, detail: "it is gone".to_owned() });
    back_up(&repository, vec![HostEntry { problem, ..HostEntry::new("lost", EntryKind::File) }]);
    let lines = log.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner).remove("backup").unwrap();
    assert_eq!(lines, ["debug begins", "info is done", "warning lost: it is gone (vanished)"]);
}
