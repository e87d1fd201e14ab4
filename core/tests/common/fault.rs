//! A backend that counts what it is asked for, and fails when a test says so.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use strongroom::{Backend, Error, ErrorKind, Folder, ObjectInfo, ObjectName, Result};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Op {
    Put,
    Read,
    Stat,
    List,
    Delete,
}

/// One call, before it is passed on.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    /// How many calls came before it.
    pub(crate) number: u64,
    pub(crate) op: Op,
    pub(crate) folder: Folder,
    /// None for listings.
    pub(crate) name: Option<ObjectName>,
}

#[derive(Debug, Clone)]
pub(crate) enum Fault {
    /// Nothing is done.
    Fail(ErrorKind),
    /// It is done, and the answer is lost.
    FailAfter(ErrorKind),
    /// It takes this long.
    Delay(Duration),
    /// A read returns this many bytes less.
    Short(usize),
    /// A bit of what is read is another one.
    Flip(usize),
    /// As a backend of an app's own may.
    Panic,
}

/// Passes calls on to another backend, as `rule` allows. Clones share everything.
#[derive(Clone)]
pub(crate) struct FaultBackend {
    inner: Arc<dyn Backend>,
    state: Arc<Mutex<State>>,
}

type Rule = Box<dyn FnMut(&Call) -> Option<Fault> + Send>;

struct State {
    rule: Option<Rule>,
    calls: Vec<Call>,
    bytes_read: BTreeMap<Folder, u64>,
    bytes_put: u64,
}

impl FaultBackend {
    pub(crate) fn new(
        inner: impl Backend + 'static,
        rule: impl FnMut(&Call) -> Option<Fault> + Send + 'static,
    ) -> Self {
        let state = State { rule: Some(Box::new(rule)), calls: Vec::new(), bytes_read: BTreeMap::new(), bytes_put: 0 };
        FaultBackend { inner: Arc::new(inner), state: Arc::new(Mutex::new(state)) }
    }

    pub(crate) fn set_rule(&self, rule: impl FnMut(&Call) -> Option<Fault> + Send + 'static) {
        self.state.lock().unwrap().rule = Some(Box::new(rule));
    }

    /// Every call so far.
    pub(crate) fn calls(&self) -> Vec<Call> {
        self.state.lock().unwrap().calls.clone()
    }

    pub(crate) fn count(&self, op: Op, folder: Folder) -> usize {
        self.calls().iter().filter(|call| call.op == op && call.folder == folder).count()
    }

    pub(crate) fn bytes_read(&self, folder: Folder) -> u64 {
        self.state.lock().unwrap().bytes_read.get(&folder).copied().unwrap_or_default()
    }

    pub(crate) fn bytes_put(&self) -> u64 {
        self.state.lock().unwrap().bytes_put
    }

    /// Asks the rule, without holding anything while it waits.
    fn fault(&self, op: Op, folder: Folder, name: Option<&ObjectName>) -> Option<Fault> {
        let mut state = self.state.lock().unwrap();
        let number = state.calls.len() as u64;
        let call = Call { number, op, folder, name: name.cloned() };
        state.calls.push(call.clone());
        let mut rule = state.rule.take()?;
        let fault = rule(&call);
        state.rule = Some(rule);
        drop(state);
        match fault {
            Some(Fault::Delay(time)) => std::thread::sleep(time),
            Some(Fault::Panic) => panic!("the backend panics, as the test wants it"),
            _ => {}
        }
        fault
    }

    fn call<T>(
        &self,
        op: Op,
        folder: Folder,
        name: Option<&ObjectName>,
        call: impl FnOnce() -> Result<T>,
    ) -> Result<T> {
        let error = |kind| {
            let error = Error::new(kind, "use the storage").detail("this fault is made by a test");
            name.iter().fold(error, |error, name| error.object(name))
        };
        match self.fault(op, folder, name) {
            Some(Fault::Fail(kind)) => Err(error(kind)),
            Some(Fault::FailAfter(kind)) => call().and_then(|_| Err(error(kind))),
            _ => call(),
        }
    }
}

impl Backend for FaultBackend {
    fn put(&self, name: &ObjectName, parts: &[&[u8]]) -> Result<()> {
        self.call(Op::Put, name.folder(), Some(name), || {
            self.inner.put(name, parts)?;
            self.state.lock().unwrap().bytes_put += parts.iter().map(|part| part.len() as u64).sum::<u64>();
            Ok(())
        })
    }

    fn read(&self, name: &ObjectName, range: Range<u64>) -> Result<Vec<u8>> {
        let fault = self.fault(Op::Read, name.folder(), Some(name));
        let error = |kind| Error::new(kind, "use the storage").object(name).detail("this fault is made by a test");
        if let Some(Fault::Fail(kind) | Fault::FailAfter(kind)) = fault {
            return Err(error(kind));
        }
        let mut bytes = self.inner.read(name, range)?;
        *self.state.lock().unwrap().bytes_read.entry(name.folder()).or_default() += bytes.len() as u64;
        match fault {
            Some(Fault::Short(by)) => bytes.truncate(bytes.len().saturating_sub(by)),
            Some(Fault::Flip(at)) if !bytes.is_empty() => {
                let at = at % (bytes.len() * 8);
                bytes[at / 8] ^= 1 << (at % 8);
            }
            _ => {}
        }
        Ok(bytes)
    }

    fn stat(&self, name: &ObjectName) -> Result<ObjectInfo> {
        self.call(Op::Stat, name.folder(), Some(name), || self.inner.stat(name))
    }

    fn list(&self, folder: Folder, found: &mut dyn FnMut(ObjectInfo) -> Result<()>) -> Result<()> {
        self.call(Op::List, folder, None, || self.inner.list(folder, found))
    }

    fn delete(&self, name: &ObjectName) -> Result<()> {
        self.call(Op::Delete, name.folder(), Some(name), || self.inner.delete(name))
    }

    fn location(&self) -> String {
        self.inner.location()
    }
}
