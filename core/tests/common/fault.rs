//! The crate's fault and record layers, with what tests want to know afterwards.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use strongroom::{Backend, Folder, ObjectInfo, ObjectName, RecordBackend, Result};
pub(crate) use strongroom::{BackendCall as Call, BackendOp as Op, Fault};

/// Passes calls on to another backend, as a rule allows. Clones share everything.
#[derive(Clone)]
pub(crate) struct FaultBackend {
    faults: strongroom::FaultBackend,
    calls: Arc<Mutex<Vec<Call>>>,
    done: Arc<Mutex<Done>>,
}

/// What got through to the storage.
#[derive(Default)]
struct Done {
    bytes_read: BTreeMap<Folder, u64>,
    bytes_put: u64,
}

impl FaultBackend {
    pub(crate) fn new(
        inner: impl Backend + 'static,
        rule: impl FnMut(&Call) -> Option<Fault> + Send + 'static,
    ) -> Self {
        let done = Arc::<Mutex<Done>>::default();
        let noted = Arc::clone(&done);
        let recorded = RecordBackend::new(inner, move |call, answer| {
            let mut done = noted.lock().unwrap();
            match call.op {
                Op::Put => done.bytes_put += answer.bytes,
                Op::Read => *done.bytes_read.entry(call.folder).or_default() += answer.bytes,
                _ => {}
            }
        });
        let backend =
            FaultBackend { faults: strongroom::FaultBackend::new(recorded, |_| None), calls: Arc::default(), done };
        backend.set_rule(rule);
        backend
    }

    pub(crate) fn set_rule(&self, mut rule: impl FnMut(&Call) -> Option<Fault> + Send + 'static) {
        let calls = Arc::clone(&self.calls);
        self.faults.set_rule(move |call| {
            calls.lock().unwrap().push(call.clone());
            rule(call)
        });
    }

    pub(crate) fn settling_in(mut self, settling: Duration) -> Self {
        self.faults = self.faults.settling_in(settling);
        self
    }

    /// Every call so far.
    pub(crate) fn calls(&self) -> Vec<Call> {
        self.calls.lock().unwrap().clone()
    }

    pub(crate) fn count(&self, op: Op, folder: Folder) -> usize {
        self.calls().iter().filter(|call| call.op == op && call.folder == folder).count()
    }

    pub(crate) fn bytes_read(&self, folder: Folder) -> u64 {
        self.done.lock().unwrap().bytes_read.get(&folder).copied().unwrap_or_default()
    }

    pub(crate) fn bytes_put(&self) -> u64 {
        self.done.lock().unwrap().bytes_put
    }
}

impl Backend for FaultBackend {
    fn put(&self, name: &ObjectName, parts: &[&[u8]]) -> Result<()> {
        self.faults.put(name, parts)
    }

    fn read(&self, name: &ObjectName, range: Range<u64>) -> Result<Vec<u8>> {
        self.faults.read(name, range)
    }

    fn stat(&self, name: &ObjectName) -> Result<ObjectInfo> {
        self.faults.stat(name)
    }

    fn list(&self, folder: Folder, found: &mut dyn FnMut(ObjectInfo) -> Result<()>) -> Result<()> {
        self.faults.list(folder, found)
    }

    fn delete(&self, name: &ObjectName) -> Result<()> {
        self.faults.delete(name)
    }

    fn location(&self) -> String {
        self.faults.location()
    }

    fn settling(&self) -> Duration {
        self.faults.settling()
    }
}
