//! Sources that a test can watch: which files are opened, and what listings say of them.

use std::collections::BTreeSet;
use std::io;
use std::sync::{Arc, Mutex};
use strongroom::{Context, Entry, EntryHandle, EntryPath, EntrySource, Problem, Result, Source, SourceItem};

/// The paths of regular files that were opened, shared with the source.
#[derive(Clone, Default)]
pub(crate) struct Opened(Arc<Mutex<Vec<EntryPath>>>);

impl Opened {
    /// What was opened since the last call.
    pub(crate) fn take(&self) -> BTreeSet<String> {
        let opened = std::mem::take(&mut *self.0.lock().unwrap());
        let paths: BTreeSet<String> = opened.iter().map(|path| super::walk::shown(&path.to_os_bytes())).collect();
        assert_eq!(paths.len(), opened.len(), "a file was opened twice: {opened:?}");
        paths
    }
}

type Change = Arc<dyn Fn(&mut Entry) + Send + Sync>;
type OnOpen = Arc<dyn Fn() + Send + Sync>;

struct Watched<S> {
    inner: S,
    opened: Opened,
    change: Change,
    on_open: OnOpen,
}

struct WatchedHandle {
    inner: Box<dyn EntryHandle>,
    opened: Opened,
    change: Change,
    on_open: OnOpen,
}

/// Passes everything on, and notes what is opened. `name` is what it is known as.
pub(crate) fn watched(inner: impl EntrySource + 'static, opened: &Opened, name: &str) -> Source {
    changed(inner, opened, name, |_| {})
}

/// The same, with every entry changed as a file system of other habits would.
pub(crate) fn changed(
    inner: impl EntrySource + 'static,
    opened: &Opened,
    name: &str,
    change: impl Fn(&mut Entry) + Send + Sync + 'static,
) -> Source {
    let (opened, change) = (opened.clone(), Arc::new(change));
    Source::new(Watched { inner, opened, change, on_open: Arc::new(|| {}) }).known_as([name])
}

/// The same as [`watched`], with a call for every file that is opened.
pub(crate) fn with_call(
    inner: impl EntrySource + 'static,
    opened: &Opened,
    name: &str,
    on_open: impl Fn() + Send + Sync + 'static,
) -> Source {
    let (opened, on_open) = (opened.clone(), Arc::new(on_open));
    Source::new(Watched { inner, opened, change: Arc::new(|_| {}), on_open }).known_as([name])
}

impl<S: EntrySource> EntrySource for Watched<S> {
    fn next(&mut self, ctx: &Context) -> Result<Option<SourceItem>> {
        Ok(match self.inner.next(ctx)? {
            Some(SourceItem::Entry(mut entry, inner)) => {
                (self.change)(&mut entry);
                let (change, on_open) = (Arc::clone(&self.change), Arc::clone(&self.on_open));
                let handle = WatchedHandle { inner, opened: self.opened.clone(), change, on_open };
                Some(SourceItem::Entry(entry, Box::new(handle)))
            }
            other => other,
        })
    }

    fn is_sorted(&self) -> bool {
        self.inner.is_sorted()
    }

    fn handles_keep(&self) -> bool {
        self.inner.handles_keep()
    }

    fn is_concurrent(&self) -> bool {
        self.inner.is_concurrent()
    }
}

impl EntryHandle for WatchedHandle {
    fn describe(&mut self, entry: &mut Entry) -> Result<(), Problem> {
        self.inner.describe(entry)
    }

    fn open(&mut self, entry: &mut Entry) -> Result<(), Problem> {
        self.opened.0.lock().unwrap().push(entry.path.clone());
        (self.on_open)();
        self.inner.open(entry)?;
        (self.change)(entry);
        Ok(())
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.inner.read(buffer)
    }

    fn close(&mut self, entry: &mut Entry) -> Option<Problem> {
        let problem = self.inner.close(entry);
        (self.change)(entry);
        problem
    }

    fn take_problem(&mut self) -> Option<Problem> {
        self.inner.take_problem()
    }
}
