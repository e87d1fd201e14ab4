//! Layers over a backend: one that tries again, one that tells of calls, one that injects faults.

mod common;

use common::conformance::{conformance, listed, name};
use common::noise;
use std::ops::Range;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use strongroom::{
    Backend, BackendOp, CancelToken, Error, ErrorKind, Fault, FaultBackend, FaultPlan, Folder, MemoryBackend,
    ObjectInfo, ObjectName, RecordBackend, Result, Retry, RetryBackend,
};

fn unavailable() -> Fault {
    Fault::Fail(ErrorKind::Unavailable)
}

fn whole(backend: &impl Backend, text: &str) -> Result<Vec<u8>> {
    let object = name(text);
    backend.read(&object, 0..backend.stat(&object)?.length)
}

/// Meets these faults one after the other, and then none.
fn meets(faults: &[Fault]) -> (MemoryBackend, FaultBackend) {
    let (memory, faults) = (MemoryBackend::new(), faults.to_vec());
    let mut left = faults.into_iter();
    (memory.clone(), FaultBackend::new(memory, move |_| left.next()))
}

fn impatient(backend: impl Backend + 'static) -> RetryBackend {
    RetryBackend::new(backend).longest_wait(Duration::from_millis(1))
}

#[test]
fn layers_that_have_nothing_to_do_keep_what_the_trait_promises() {
    conformance(|| RetryBackend::new(MemoryBackend::new()));
    conformance(|| RecordBackend::new(MemoryBackend::new(), |_, _| {}));
    conformance(|| FaultBackend::new(MemoryBackend::new(), |_| None));
}

/// Storage of which every third call fails, done or not, is as good as sound storage to who tries again.
#[test]
fn trying_again_makes_good_what_passes() {
    let seeds = Mutex::new(0..);
    conformance(|| {
        let seed = seeds.lock().unwrap().next().unwrap();
        let plan = FaultPlan::new(seed)
            .with(unavailable(), 150)
            .with(Fault::FailAfter(ErrorKind::Unavailable), 150)
            .with(Fault::Delay(Duration::from_micros(300)), 50);
        // Storing the very same again is refused, but for who cannot know that it is not its own lost answer.
        let spared = |call: &strongroom::BackendCall| (call.op, call.folder) == (BackendOp::Put, Folder::Snapshots);
        let rule = move |call: &strongroom::BackendCall| plan.pick(call).filter(|_| !spared(call));
        impatient(FaultBackend::new(MemoryBackend::new(), rule)).tries(40)
    });
}

#[test]
fn what_does_not_pass_is_not_tried_again() {
    for kind in ErrorKind::ALL.into_iter().filter(|kind| *kind != ErrorKind::Unavailable) {
        let (_, faults) = meets(&[Fault::Fail(kind)]);
        let error = impatient(faults.clone()).put(&name("keys/00"), &[b"x"]).unwrap_err();
        assert_eq!((error.kind(), faults.calls()), (kind, 1));
    }
}

#[test]
fn tries_and_time_are_bounded() {
    let (_, faults) = meets(&vec![unavailable(); 100]);
    let error = impatient(faults.clone()).tries(7).stat(&name("keys/00")).unwrap_err();
    assert_eq!((error.kind(), faults.calls()), (ErrorKind::Unavailable, 7));
    assert!(matches!(error.retry(), Retry::After(_)), "whoever asked may try later");
    let (_, faults) = meets(&vec![unavailable(); 100]);
    impatient(faults.clone()).tries(0).stat(&name("keys/00")).unwrap_err();
    assert_eq!(faults.calls(), 1);
    // The wait that the error asks for would take longer than there is time.
    let (_, faults) = meets(&vec![unavailable(); 100]);
    let begin = Instant::now();
    RetryBackend::new(faults.clone()).within(Duration::from_secs(1)).stat(&name("keys/00")).unwrap_err();
    assert!(faults.calls() == 1 && begin.elapsed() < Duration::from_secs(1));
}

/// Takes nothing, and asks for such a wait.
struct Busy {
    hint: Duration,
    times: Arc<Mutex<Vec<Instant>>>,
    memory: MemoryBackend,
}

impl Backend for Busy {
    fn put(&self, _: &ObjectName, _: &[&[u8]]) -> Result<()> {
        self.times.lock().unwrap().push(Instant::now());
        Err(Error::new(ErrorKind::QuotaExceeded, "store an object").retry_hint(Retry::After(self.hint)))
    }

    fn read(&self, name: &ObjectName, range: Range<u64>) -> Result<Vec<u8>> {
        self.memory.read(name, range)
    }

    fn stat(&self, name: &ObjectName) -> Result<ObjectInfo> {
        self.memory.stat(name)
    }

    fn list(&self, folder: Folder, found: &mut dyn FnMut(ObjectInfo) -> Result<()>) -> Result<()> {
        self.memory.list(folder, found)
    }

    fn delete(&self, name: &ObjectName) -> Result<()> {
        self.memory.delete(name)
    }

    fn location(&self) -> String {
        "busy".to_owned()
    }
}

/// The hint counts, whatever the kind; then twice as long, each time up to half of it less.
#[test]
fn waits_are_what_the_error_asks_for_and_grow() {
    let times = Arc::<Mutex<Vec<Instant>>>::default();
    let hint = Duration::from_millis(40);
    let busy = Busy { hint, times: Arc::clone(&times), memory: MemoryBackend::new() };
    let error = RetryBackend::new(busy).tries(4).put(&name("keys/00"), &[]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::QuotaExceeded);
    let times = times.lock().unwrap();
    assert_eq!(times.len(), 4);
    for (number, pair) in times.windows(2).enumerate() {
        let wait = pair[1] - pair[0];
        assert!(wait >= hint * (1 << number) / 2, "wait {number} took {wait:?}");
    }
}

#[test]
fn a_wait_ends_when_the_token_is_cancelled() {
    let token = CancelToken::new();
    let (_, faults) = meets(&vec![unavailable(); 100]);
    let backend = RetryBackend::new(faults).cancel_token(token.clone());
    let waiting = std::thread::spawn(move || backend.delete(&name("keys/00")));
    std::thread::sleep(Duration::from_millis(100));
    let begin = Instant::now();
    token.cancel();
    let error = waiting.join().unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled);
    assert!(begin.elapsed() < Duration::from_millis(250), "{:?}", begin.elapsed());
}

#[test]
fn what_a_lost_answer_was_about_counts_as_stored_only_if_it_is_the_same() {
    let (memory, faults) = meets(&[Fault::FailAfter(ErrorKind::Unavailable)]);
    let bytes = noise(1, 9 << 20);
    impatient(faults).put(&name("packs/00"), &[&bytes[..5], b"", &bytes[5..]]).unwrap();
    assert!(whole(&memory, "packs/00").unwrap() == bytes);
    // Somebody else was first, between the two tries.
    for other in [&b"other"[..], b"others"] {
        let memory = MemoryBackend::new();
        let there = memory.clone();
        let faults = FaultBackend::new(memory, move |call| {
            let first = call.number == 0 && call.op == BackendOp::Put;
            if first {
                there.put(&name("packs/00"), &[other]).unwrap();
            }
            first.then(unavailable)
        });
        let error = impatient(faults).put(&name("packs/00"), &[b"mine!"]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AlreadyExists);
    }
    // Without a lost answer nothing is compared: the name is taken.
    let backend = impatient(MemoryBackend::new());
    backend.put(&name("packs/00"), &[b"same"]).unwrap();
    assert_eq!(backend.put(&name("packs/00"), &[b"same"]).unwrap_err().kind(), ErrorKind::AlreadyExists);
}

#[test]
fn a_listing_that_breaks_off_names_every_object_once() {
    let faults = [Fault::Tear(3), unavailable(), Fault::Tear(7), Fault::FailAfter(ErrorKind::Unavailable)];
    let (memory, faults) = meets(&faults);
    for number in 0..10 {
        memory.put(&name(&format!("index/0{number}")), &[&[number]]).unwrap();
    }
    let backend = impatient(faults.clone());
    let mut seen = Vec::new();
    backend
        .list(Folder::Index, &mut |info| {
            seen.push(info.name);
            Ok(())
        })
        .unwrap();
    assert_eq!((seen.len(), faults.calls()), (10, 5));
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 10);
}

/// An error of whoever asked is no failure of storage, even if it says that it passes.
#[test]
fn a_listing_that_its_caller_ends_is_not_begun_again() {
    let (memory, faults) = meets(&[]);
    memory.put(&name("index/00"), &[b"x"]).unwrap();
    let error = impatient(faults.clone())
        .list(Folder::Index, &mut |_| Err(Error::new(ErrorKind::Unavailable, "look at it").detail("as it was")))
        .unwrap_err();
    assert_eq!(
        (error.kind(), error.operation(), error.detail_text()),
        (ErrorKind::Unavailable, "look at it", Some("as it was"))
    );
    assert_eq!(faults.calls(), 1);
}

#[test]
fn every_fault_does_what_it_says() {
    let object = name("packs/0a");
    let put = |fault: Fault| {
        let (memory, faults) = meets(&[fault]);
        let begin = Instant::now();
        let error = faults.put(&object, &[b"abc", b"def"]).err().map(|error| error.kind());
        (error, whole(&memory, "packs/0a").ok(), begin.elapsed())
    };
    let bytes = || Some(b"abcdef".to_vec());
    assert_eq!(put(unavailable()).0, Some(ErrorKind::Unavailable));
    assert_eq!(put(unavailable()).1, None);
    let (error, stored, _) = put(Fault::FailAfter(ErrorKind::Io));
    assert_eq!((error, stored), (Some(ErrorKind::Io), bytes()));
    let (error, stored, took) = put(Fault::Delay(Duration::from_millis(30)));
    assert!(error.is_none() && stored == bytes() && took >= Duration::from_millis(30));
    let (error, stored, _) = put(Fault::Tear(4));
    assert_eq!((error, stored), (Some(ErrorKind::Io), Some(b"abcd".to_vec())));
    let (error, stored, _) = put(Fault::Duplicate);
    assert_eq!((error, stored), (Some(ErrorKind::AlreadyExists), bytes()));

    let read = |fault: Fault| {
        let (memory, faults) = meets(&[fault]);
        memory.put(&object, &[b"abcdef"]).unwrap();
        faults.read(&object, 1..4)
    };
    assert_eq!(read(Fault::Short(2)).unwrap(), b"b");
    assert_eq!(read(Fault::Short(9)).unwrap(), b"");
    assert_eq!(read(Fault::Flip(8)).unwrap(), [b'b', b'c' ^ 1, b'd']);
    assert_eq!(read(Fault::Flip(24)).unwrap(), [b'b' ^ 1, b'c', b'd']);
    assert_eq!(read(Fault::FailAfter(ErrorKind::Io)).unwrap_err().kind(), ErrorKind::Io);
    assert_eq!(read(Fault::Tear(1)).unwrap(), b"bcd");
}

#[test]
fn listings_go_backwards_and_twice_and_lag() {
    let names = |backend: &FaultBackend| {
        let mut found = Vec::new();
        let result = backend.list(Folder::Marks, &mut |info| {
            found.push(info.name.file().to_owned());
            Ok(())
        });
        (found, result.err().map(|error| error.kind()))
    };
    let listing = |fault: Fault| {
        let (memory, faults) = meets(&[fault]);
        ["marks/00", "marks/01"].iter().for_each(|text| memory.put(&name(text), &[b"x"]).unwrap());
        names(&faults)
    };
    let of = |files: &[&str]| files.iter().map(|file| (*file).to_owned()).collect::<Vec<_>>();
    assert_eq!(listing(Fault::Reorder), (of(&["01", "00"]), None));
    assert_eq!(listing(Fault::Duplicate), (of(&["00", "00", "01", "01"]), None));
    assert_eq!(listing(Fault::Tear(1)), (of(&["00"]), Some(ErrorKind::Unavailable)));

    // What is stored is seen two calls later, and can be read at once; what is removed is shown two calls longer.
    let (_, backend) = meets(&[Fault::Hide(3)]);
    backend.put(&name("marks/00"), &[b"x"]).unwrap();
    assert_eq!(whole(&backend, "marks/00").unwrap(), b"x");
    let backend = FaultBackend::new(backend, |call| (call.op == BackendOp::Delete).then_some(Fault::Hide(3)));
    assert_eq!(listed(&backend, Folder::Marks).len(), 1);
    let (_, backend) = meets(&[Fault::Hide(3)]);
    let seen = |backend: &FaultBackend| names(backend).0.len();
    backend.put(&name("marks/00"), &[b"x"]).unwrap();
    assert_eq!([seen(&backend), seen(&backend), seen(&backend)], [0, 0, 1]);
    backend.set_rule(|call| (call.op == BackendOp::Delete).then_some(Fault::Hide(3)));
    backend.delete(&name("marks/00")).unwrap();
    assert!(backend.stat(&name("marks/00")).is_err());
    assert_eq!([seen(&backend), seen(&backend)], [1, 0]);
    assert_eq!(backend.settling(), Duration::ZERO);
    assert_eq!(backend.settling_in(Duration::from_secs(9)).settling(), Duration::from_secs(9));
}

/// Two calls at once: the first to come is the second to be done.
#[test]
fn a_call_is_overtaken() {
    let (memory, faults) = meets(&[Fault::Reorder]);
    let order = Arc::<Mutex<Vec<String>>>::default();
    let noted = Arc::clone(&order);
    let recorded = RecordBackend::new(memory, move |call, _| {
        noted.lock().unwrap().push(call.name.as_ref().unwrap().file().to_owned());
    });
    drop(faults);
    let mut first = true;
    let faults = FaultBackend::new(recorded, move |_| std::mem::take(&mut first).then_some(Fault::Reorder));
    let other = faults.clone();
    let thread = std::thread::spawn(move || other.put(&name("keys/0a"), &[b"x"]).unwrap());
    while faults.calls() == 0 {
        std::hint::spin_loop();
    }
    faults.put(&name("keys/0b"), &[b"x"]).unwrap();
    thread.join().unwrap();
    assert_eq!(*order.lock().unwrap(), ["0b", "0a"]);
}

#[test]
fn a_plan_is_the_same_for_the_same_seed_and_as_frequent_as_it_says() {
    let faults = |seed: u64| {
        let plan = FaultPlan::new(seed).with(unavailable(), 100).with(Fault::Reorder, 50);
        let picked = Arc::<Mutex<Vec<Option<Fault>>>>::default();
        let noted = Arc::clone(&picked);
        let backend = FaultBackend::new(MemoryBackend::new(), move |call| {
            noted.lock().unwrap().push(plan.pick(call));
            None
        });
        (0..4000).for_each(|_| drop(backend.stat(&name("keys/00"))));
        drop(backend);
        Arc::try_unwrap(picked).unwrap().into_inner().unwrap()
    };
    let one = faults(1);
    assert!(one == faults(1) && one != faults(2));
    let count = |fault: Option<Fault>| one.iter().filter(|picked| **picked == fault).count();
    assert!((300..500).contains(&count(Some(unavailable()))), "{}", count(Some(unavailable())));
    assert!((140..260).contains(&count(Some(Fault::Reorder))), "{}", count(Some(Fault::Reorder)));
}

#[test]
fn every_call_is_told_with_its_answer() {
    let told = Arc::<Mutex<Vec<_>>>::default();
    let noted = Arc::clone(&told);
    let backend = RecordBackend::new(MemoryBackend::new(), move |call, answer| {
        let file = call.name.as_ref().map(|name| name.file().to_owned());
        noted.lock().unwrap().push((call.number, call.op, call.folder, file, answer.bytes, answer.error));
    });
    let object = name("marks/0c");
    backend.put(&object, &[b"ab", b"c"]).unwrap();
    backend.read(&object, 1..3).unwrap();
    backend.clone().put(&object, &[b"x"]).unwrap_err();
    backend.stat(&object).unwrap();
    backend.list(Folder::Marks, &mut |_| Ok(())).unwrap();
    backend.delete(&object).unwrap();
    let file = || Some("0c".to_owned());
    assert_eq!(
        *told.lock().unwrap(),
        [
            (0, BackendOp::Put, Folder::Marks, file(), 3, None),
            (1, BackendOp::Read, Folder::Marks, file(), 2, None),
            (2, BackendOp::Put, Folder::Marks, file(), 0, Some(ErrorKind::AlreadyExists)),
            (3, BackendOp::Stat, Folder::Marks, file(), 0, None),
            (4, BackendOp::List, Folder::Marks, None, 0, None),
            (5, BackendOp::Delete, Folder::Marks, file(), 0, None),
        ]
    );
}
