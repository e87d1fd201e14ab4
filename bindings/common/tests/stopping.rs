//! What ends openings, waits for storage, and comparisons.

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use strongroom_bindings::options::{CreateOptions, OpenOptions, RetryOptions};
use strongroom_bindings::{
    Backend, CancelToken, ErrorKind, HostBackend, HostError, HostObject, HostResult, Repository, Run, RunOptions,
};
use support::{Dictionary, back_up, cheap, file, repository, secret};

/// A dictionary that does something before it answers.
struct Before<P, R> {
    dictionary: Dictionary,
    put: P,
    read: R,
}

impl<P, R> HostBackend for Before<P, R>
where
    P: Fn() -> HostResult<()> + Send + Sync,
    R: Fn() -> HostResult<()> + Send + Sync,
{
    fn put(&self, name: &str, parts: &[&[u8]]) -> HostResult<()> {
        (self.put)()?;
        self.dictionary.put(name, parts)
    }

    fn read(&self, name: &str, offset: u64, length: u64) -> HostResult<Vec<u8>> {
        (self.read)()?;
        self.dictionary.read(name, offset, length)
    }

    fn stat(&self, name: &str) -> HostResult<HostObject> {
        self.dictionary.stat(name)
    }

    fn list(&self, folder: &str, found: &mut dyn FnMut(HostObject) -> HostResult<()>) -> HostResult<()> {
        self.dictionary.list(folder, found)
    }

    fn delete(&self, name: &str) -> HostResult<()> {
        self.dictionary.delete(name)
    }

    fn location(&self) -> String {
        self.dictionary.location()
    }
}

fn busy(milliseconds: u64) -> HostResult<()> {
    Err(HostError::new(ErrorKind::Unavailable, "busy").retry_after(milliseconds))
}

#[test]
fn opening_ends_with_its_token_and_does_not_listen_to_it_afterwards() {
    let token = CancelToken::new();
    let cancels = token.clone();
    let backend = Backend::host(Arc::new(Before {
        dictionary: Dictionary::default(),
        put: || Ok(()),
        read: move || {
            cancels.cancel();
            Ok(())
        },
    }));
    Repository::create(&backend, &secret(), &cheap(), None).unwrap();
    let fresh = OpenOptions { cancel_token: Some(CancelToken::new()), ..OpenOptions::default() };
    let opened = Repository::open(&backend, &secret(), &fresh, None).unwrap();
    fresh.cancel_token.unwrap().cancel();
    assert_eq!(opened.stats(&Run::default()).unwrap().raw_bytes, 0);

    assert!(token.is_cancelled());
    let token = CancelToken::new();
    let options = OpenOptions { cancel_token: Some(token.clone()), ..OpenOptions::default() };
    token.cancel();
    assert_eq!(Repository::open(&backend, &secret(), &options, None).unwrap_err().kind, ErrorKind::Cancelled);
    let (empty, create) = (Backend::memory(), CreateOptions { cancel_token: Some(token), ..cheap() });
    assert_eq!(Repository::create(&empty, &secret(), &create, None).unwrap_err().kind, ErrorKind::Cancelled);
    Repository::create(&empty, &secret(), &cheap(), None).unwrap();
}

#[test]
fn storage_is_tried_again_as_often_as_is_said() {
    let puts = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&puts);
    let backend = Backend::host(Arc::new(Before {
        dictionary: Dictionary::default(),
        put: move || if counted.fetch_add(1, Ordering::SeqCst) % 3 == 2 { Ok(()) } else { busy(1) },
        read: || Ok(()),
    }));
    let tries = |tries| RetryOptions { tries: Some(tries), ..RetryOptions::default() };
    let refused = Repository::create(&backend.retrying(&tries(2)), &secret(), &cheap(), None);
    assert_eq!(refused.unwrap_err().kind, ErrorKind::Unavailable);
    puts.store(0, Ordering::SeqCst);
    let repository = Repository::create(&backend.retrying(&tries(3)), &secret(), &cheap(), None).unwrap();
    back_up(&repository, vec![file("a", "b")]);
    assert!(puts.load(Ordering::SeqCst) >= 9);
}

#[test]
fn a_wait_for_storage_ends_with_its_token() {
    let backend =
        Backend::host(Arc::new(Before { dictionary: Dictionary::default(), put: || Ok(()), read: || busy(60_000) }));
    let token = CancelToken::new();
    let options = RetryOptions { cancel_token: Some(token.clone()), ..RetryOptions::default() };
    let patient = backend.retrying(&options);
    Repository::create(&patient, &secret(), &cheap(), None).unwrap();
    let begun = Instant::now();
    let canceller = thread::spawn(move || {
        thread::sleep(Duration::from_millis(50));
        token.cancel();
    });
    let ended = Repository::open(&patient, &secret(), &OpenOptions::default(), None);
    assert_eq!(ended.unwrap_err().kind, ErrorKind::Cancelled);
    assert!(begun.elapsed() < Duration::from_secs(5));
    canceller.join().unwrap();
}

#[test]
fn a_comparison_runs_as_the_run_says_it_was_made_of() {
    let repository = repository();
    let (first, second) = (back_up(&repository, vec![file("a", "1")]), back_up(&repository, vec![file("a", "2")]));
    let run = Run::new(RunOptions::default());
    let listing = repository.diff(&first, &second, run.options()).unwrap();
    assert_eq!(listing.next(10).unwrap().len(), 1);
    listing.close();
    assert!(!run.token().is_cancelled());
    run.cancel();
    let listing = repository.diff(&first, &second, run.options()).unwrap();
    assert_eq!(listing.next(10).unwrap_err().kind, ErrorKind::Cancelled);
}
