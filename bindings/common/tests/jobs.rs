//! Jobs, cancellation, closing, and many threads at once.

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use strongroom_bindings::options::{BackupOptions, Budget, Pattern, SnapshotFilter};
use strongroom_bindings::*;
use support::{Reader, back_up, file, reader, repository};

fn endless(calls: Arc<AtomicUsize>) -> Source {
    let reader = Reader(move |buffer: &mut [u8]| {
        let call = calls.fetch_add(1, Ordering::SeqCst);
        std::thread::sleep(Duration::from_millis(2));
        // Never the same twice, so that nothing is found to be stored already.
        for (index, byte) in buffer.iter_mut().enumerate() {
            *byte = (call.wrapping_mul(31).wrapping_add(index) >> 3) as u8;
        }
        Ok(buffer.len())
    });
    Source::reader(StreamOptions { path: b"endless".to_vec(), ..StreamOptions::default() }, Box::new(reader))
}

fn begin(repository: &Repository, calls: &Arc<AtomicUsize>, options: RunOptions) -> Job<records::BackupReport> {
    let (repository, source) = (repository.clone(), endless(Arc::clone(calls)));
    let job =
        Job::start("back up", options, move |run| repository.backup(source, &BackupOptions::default(), run)).unwrap();
    while calls.load(Ordering::SeqCst) < 5 {
        std::thread::sleep(Duration::from_millis(5));
    }
    job
}

#[test]
fn a_job_is_cancelled_within_a_quarter_of_a_second() {
    let repository = repository();
    let job = begin(&repository, &Arc::default(), RunOptions::default());
    assert!(!job.is_done() && job.wait_for(Duration::from_millis(10)).is_none());
    let began = Instant::now();
    job.cancel();
    let error = job.wait().unwrap_err();
    assert_eq!(error.kind, ErrorKind::Cancelled);
    assert!(began.elapsed() < Duration::from_millis(1000), "{:?}", began.elapsed());
    assert!(job.is_done());
    assert_eq!(job.wait().unwrap_err().kind, ErrorKind::InvalidArgument, "the result is taken once");
}

#[test]
fn deadline_and_suspension_end_it_durably() {
    let repository = repository();
    let budget = Budget { deadline_ms: Some(150), ..Budget::default() };
    let job = begin(&repository, &Arc::default(), RunOptions { budget, ..RunOptions::default() });
    let report = job.wait().unwrap();
    assert_eq!((report.outcome, report.snapshot), (Outcome::Suspended, None));
    let job = begin(&repository, &Arc::default(), RunOptions::default());
    job.suspend();
    assert_eq!(job.wait().unwrap().outcome, Outcome::Suspended);
    assert!(repository.check(&options::CheckOptions::default(), &Run::default()).unwrap().is_sound());
}

#[test]
fn a_job_says_when_it_is_done() {
    let (sender, receiver) = std::sync::mpsc::channel();
    let job = Job::start("wait", RunOptions::default(), |_| {
        std::thread::sleep(Duration::from_millis(50));
        Ok(7)
    })
    .unwrap();
    let early = sender.clone();
    job.on_done(move || early.send("then").unwrap());
    assert_eq!(receiver.recv_timeout(Duration::from_secs(10)).unwrap(), "then");
    job.on_done(move || sender.send("at once").unwrap());
    assert_eq!(receiver.recv().unwrap(), "at once");
    assert_eq!(job.wait().unwrap(), 7);
}

#[test]
fn a_panic_ends_a_job_and_nothing_else() {
    let job: Job<()> = Job::start("fall", RunOptions::default(), |_| panic!("fell over")).unwrap();
    let error = job.wait().unwrap_err();
    assert_eq!(error.kind, ErrorKind::Internal);
    assert!(error.message.contains("fell over"));
}

#[test]
fn the_polled_function_runs_on_the_calling_thread_and_can_end_the_work() {
    let repository = repository();
    let here = std::thread::current().id();
    let calls = Arc::new(AtomicUsize::new(0));
    let mut polls = 0;
    let poll = |_: &Run| {
        assert_eq!(std::thread::current().id(), here);
        polls += 1;
        if polls == 3 { Err(HostError::callback("interrupted")) } else { Ok(()) }
    };
    let source = endless(calls);
    let error = run_polling("back up", RunOptions::default(), Duration::from_millis(20), poll, |run| {
        repository.backup(source, &BackupOptions::default(), run)
    })
    .unwrap_err();
    assert_eq!((error.kind, polls), (ErrorKind::Callback, 3));
    let answer = run_polling("count", RunOptions::default(), Duration::from_millis(20), |_| Ok(()), |_| Ok(42));
    assert_eq!(answer.unwrap(), 42);
    let job = Job::start("wait", RunOptions::default(), |run: &Run| {
        while !run.token().is_cancelled() {
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    })
    .unwrap();
    let error = job.wait_polling(Duration::from_millis(5), |_| Err(HostError::callback("stop"))).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Callback);
}

#[test]
fn closed_handles_say_so_and_close_twice() {
    let repository = repository();
    let snapshot = back_up(&repository, vec![file("a", "bytes"), file("b", "c")]);
    let listing = repository.list(&snapshot, b"", true).unwrap();
    let open = repository.open_file(&snapshot, b"a").unwrap();
    assert_eq!(open.read_range(1, 3).unwrap(), b"yte");
    assert_eq!(open.read_range(4, u64::MAX).unwrap(), b"s");
    assert_eq!(open.read_range(99, 5).unwrap(), b"");
    let mut buffer = [0; 3];
    assert_eq!((open.read(&mut buffer).unwrap(), open.position().unwrap()), (3, 3));
    open.seek_to(u64::MAX).unwrap();
    assert_eq!(open.read(&mut buffer).unwrap(), 0);
    repository.close();
    repository.close();
    assert_eq!(repository.snapshots(&SnapshotFilter::default()).unwrap_err().kind, ErrorKind::Closed);
    assert_eq!(repository.open_file(&snapshot, b"a").unwrap_err().kind, ErrorKind::Closed);
    // What was opened from it lives on until it is closed itself.
    assert_eq!(listing.next(1).unwrap()[0].path, b"a");
    assert_eq!(listing.next(usize::MAX).unwrap().len(), 1);
    assert!(listing.next(1).unwrap().is_empty());
    listing.close();
    listing.close();
    assert_eq!(listing.next(1).unwrap_err().kind, ErrorKind::Closed);
    open.close();
    open.close();
    assert!(open.is_closed());
    assert_eq!(open.read_range(0, 1).unwrap_err().kind, ErrorKind::Closed);
}

#[test]
fn differences_are_pulled_and_can_be_left() {
    let repository = repository();
    let many = |text: &str| (0..2000).map(|n| file(&format!("f{n:04}"), format!("{text}{n}"))).collect::<Vec<_>>();
    let (before, after) = (back_up(&repository, many("a")), back_up(&repository, many("b")));
    let listing = repository.diff(&before, &after, RunOptions::default()).unwrap();
    let mut seen = 0;
    loop {
        let batch = listing.next(300).unwrap();
        if batch.is_empty() {
            break;
        }
        assert!(batch.iter().all(|one| one.change == ChangeKind::Changed && one.changes.content));
        seen += batch.len();
    }
    assert_eq!(seen, 2000);
    let left = repository.diff(&before, &after, RunOptions::default()).unwrap();
    assert_eq!(left.next(1).unwrap().len(), 1);
    drop(left);
    let wrong = repository.diff(&before, &"0".repeat(64), RunOptions::default()).unwrap();
    assert_eq!(wrong.next(1).unwrap_err().kind, ErrorKind::NotFound);
}

#[test]
fn many_threads_use_one_handle() {
    let repository = repository();
    let snapshot = back_up(&repository, (0..200).map(|n| file(&format!("d/{n}"), vec![n as u8; 5000])).collect());
    let shared = Arc::new(repository.open_file(&snapshot, b"d/7").unwrap());
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let (repository, snapshot, shared) = (&repository, &snapshot, &shared);
            scope.spawn(move || {
                for round in 0..10 {
                    assert_eq!(shared.read_range(round * 100, 50).unwrap(), [7; 50]);
                    let pattern = Pattern { glob: format!("{thread}?"), ..Pattern::default() };
                    assert!(repository.find(snapshot, &pattern).unwrap().next(500).unwrap().len() <= 10);
                }
                let source = Source::reader(
                    StreamOptions { path: format!("t{thread}").into_bytes(), ..StreamOptions::default() },
                    reader(vec![thread; 100_000]),
                );
                repository.backup(source, &BackupOptions::default(), &Run::default()).unwrap();
            });
        }
    });
    assert_eq!(repository.snapshots(&SnapshotFilter::default()).unwrap().snapshots.len(), 9);
}
