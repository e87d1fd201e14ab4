//! A backend that does what storage, networks and machines do on bad days: for testing what stands on a backend.

use super::{Backend, BackendCall, BackendOp, Folder, ObjectInfo, ObjectName};
use crate::error::{Error, ErrorKind, Result};
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// What goes wrong with a call. One that does not fit what is asked lets the call pass.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// Nothing is done, and it fails.
    Fail(ErrorKind),
    /// It is done, and the answer is lost.
    FailAfter(ErrorKind),
    /// It takes this much longer.
    Delay(Duration),
    /// Of what is stored only so many bytes arrive, and of a listing so many objects; then it fails. A backend that
    /// keeps its promises never stores half an object; storage may.
    Tear(usize),
    /// A read returns this many bytes less than it should.
    Short(usize),
    /// This bit of what is read, counted from its beginning and around, is another one.
    Flip(usize),
    /// It is done twice, as by a network that sends a request again, and the second answer is returned. A listing
    /// names every object twice.
    Duplicate,
    /// It waits for one that comes after it, for some milliseconds at most. A listing goes backwards.
    Reorder,
    /// Listings show what was stored, or removed, only after so many more calls.
    Hide(u64),
}

/// Faults at random, the same ones for the same seed: which call meets which depends on nothing but its number.
///
/// ```
/// use strongroom::{ErrorKind, Fault, FaultBackend, FaultPlan, MemoryBackend};
/// let plan = FaultPlan::new(7).with(Fault::Fail(ErrorKind::Unavailable), 20).with(Fault::Reorder, 50);
/// let backend = FaultBackend::new(MemoryBackend::new(), move |call| plan.pick(call));
/// # drop(backend);
/// ```
#[derive(Debug, Clone)]
pub struct FaultPlan {
    seed: u64,
    faults: Vec<(Fault, u32)>,
}

impl FaultPlan {
    /// No faults yet.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        FaultPlan { seed, faults: Vec::new() }
    }

    /// Lets so many of a thousand calls meet this fault.
    #[must_use]
    pub fn with(mut self, fault: Fault, per_thousand: u32) -> Self {
        self.faults.push((fault, per_thousand));
        self
    }

    /// The fault of a call, if it meets one.
    #[must_use]
    pub fn pick(&self, call: &BackendCall) -> Option<Fault> {
        let mut number = mix(self.seed ^ mix(call.number)) % 1000;
        for (fault, share) in &self.faults {
            match number.checked_sub(u64::from(*share)) {
                None => return Some(fault.clone()),
                Some(left) => number = left,
            }
        }
        None
    }
}

/// SplitMix64 (Steele, Lea, Flood, 2014).
fn mix(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

type Rule = dyn FnMut(&BackendCall) -> Option<Fault> + Send;

/// Passes calls on to another backend, as far as its rule lets them. Clones share the rule and the count of calls.
#[derive(Clone)]
pub struct FaultBackend {
    inner: Arc<dyn Backend>,
    rule: Arc<Mutex<Box<Rule>>>,
    calls: Arc<AtomicU64>,
    hidden: Arc<Mutex<Vec<Hidden>>>,
    settling: Duration,
}

/// What listings do not show yet: that an object is there, or that this one is gone.
struct Hidden {
    name: ObjectName,
    gone: Option<ObjectInfo>,
    /// The number of the first call that sees it.
    until: u64,
}

/// How long a call waits to be overtaken.
const PATIENCE: Duration = Duration::from_millis(5);

fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A rule may panic, as a backend of an app's own may; it is asked again all the same.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl FaultBackend {
    /// `rule` says of every call, before it is passed on, what goes wrong with it.
    pub fn new(
        inner: impl Backend + 'static,
        rule: impl FnMut(&BackendCall) -> Option<Fault> + Send + 'static,
    ) -> Self {
        FaultBackend {
            settling: inner.settling(),
            inner: Arc::new(inner),
            rule: Arc::new(Mutex::new(Box::new(rule))),
            calls: Arc::default(),
            hidden: Arc::default(),
        }
    }

    /// Gives this one and its clones another rule.
    pub fn set_rule(&self, rule: impl FnMut(&BackendCall) -> Option<Fault> + Send + 'static) {
        *lock(&self.rule) = Box::new(rule);
    }

    /// Says that listings lag so far behind at most, as a backend must whose listings do.
    #[must_use]
    pub fn settling_in(mut self, settling: Duration) -> Self {
        self.settling = settling;
        self
    }

    /// How many calls there were.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    /// Asks the rule, and does what comes before the call.
    fn meet(&self, op: BackendOp, folder: Folder, name: Option<&ObjectName>) -> Result<(u64, Option<Fault>)> {
        let number = self.calls.fetch_add(1, Ordering::Relaxed);
        let call = BackendCall { number, op, folder, name: name.cloned() };
        let fault = (lock(&self.rule))(&call);
        match fault {
            Some(Fault::Fail(kind)) => return Err(injected(kind, name)),
            Some(Fault::Delay(time)) => std::thread::sleep(time),
            Some(Fault::Reorder) if op != BackendOp::List => {
                let end = Instant::now() + PATIENCE;
                while self.calls() <= number + 1 && Instant::now() < end {
                    std::thread::sleep(PATIENCE / 10);
                }
            }
            _ => {}
        }
        Ok((number, fault))
    }

    /// Makes a call, as the fault it meets says.
    fn call<T>(&self, op: BackendOp, name: &ObjectName, call: impl Fn() -> Result<T>) -> Result<T> {
        let (_, fault) = self.meet(op, name.folder(), Some(name))?;
        self.make(fault.as_ref(), name, call)
    }

    fn make<T>(&self, fault: Option<&Fault>, name: &ObjectName, call: impl Fn() -> Result<T>) -> Result<T> {
        match fault {
            Some(Fault::FailAfter(kind)) => call().and_then(|_| Err(injected(*kind, Some(name)))),
            Some(Fault::Duplicate) => {
                // Whoever asked does not see the first answer.
                let _ = call();
                call()
            }
            _ => call(),
        }
    }

    fn hide(&self, name: &ObjectName, gone: Option<ObjectInfo>, until: u64) {
        lock(&self.hidden).push(Hidden { name: name.clone(), gone, until });
    }
}

fn injected(kind: ErrorKind, name: Option<&ObjectName>) -> Error {
    let error = Error::new(kind, "use the storage").detail("this fault was injected");
    name.iter().fold(error, |error, name| error.object(name))
}

impl Backend for FaultBackend {
    fn put(&self, name: &ObjectName, parts: &[&[u8]]) -> Result<()> {
        let (number, fault) = self.meet(BackendOp::Put, name.folder(), Some(name))?;
        if let Some(Fault::Tear(length)) = fault {
            let whole = parts.concat();
            self.inner.put(name, &[whole.get(..length).unwrap_or(&whole)])?;
            return Err(injected(ErrorKind::Io, Some(name)));
        }
        self.make(fault.as_ref(), name, || self.inner.put(name, parts))?;
        if let Some(Fault::Hide(calls)) = fault {
            self.hide(name, None, number.saturating_add(calls));
        }
        Ok(())
    }

    fn read(&self, name: &ObjectName, range: Range<u64>) -> Result<Vec<u8>> {
        let (_, fault) = self.meet(BackendOp::Read, name.folder(), Some(name))?;
        let mut bytes = self.make(fault.as_ref(), name, || self.inner.read(name, range.clone()))?;
        match fault {
            Some(Fault::Short(by)) => bytes.truncate(bytes.len().saturating_sub(by)),
            Some(Fault::Flip(bit)) => {
                let bit = bit.checked_rem(bytes.len().saturating_mul(8)).unwrap_or_default();
                if let Some(byte) = bytes.get_mut(bit / 8) {
                    *byte ^= 1 << (bit % 8);
                }
            }
            _ => {}
        }
        Ok(bytes)
    }

    fn stat(&self, name: &ObjectName) -> Result<ObjectInfo> {
        self.call(BackendOp::Stat, name, || self.inner.stat(name))
    }

    fn list(&self, folder: Folder, found: &mut dyn FnMut(ObjectInfo) -> Result<()>) -> Result<()> {
        let (number, fault) = self.meet(BackendOp::List, folder, None)?;
        let mut listed = Vec::new();
        self.inner.list(folder, &mut |info| {
            listed.push(info);
            Ok(())
        })?;
        {
            let mut hidden = lock(&self.hidden);
            hidden.retain(|hidden| hidden.until > number);
            for hidden in hidden.iter().filter(|hidden| hidden.name.folder() == folder) {
                listed.retain(|info| info.name != hidden.name);
                listed.extend(hidden.gone.clone());
            }
        }
        match fault {
            Some(Fault::Reorder) => listed.reverse(),
            Some(Fault::Duplicate) => listed = listed.into_iter().flat_map(|info| [info.clone(), info]).collect(),
            Some(Fault::Tear(length)) => listed.truncate(length),
            _ => {}
        }
        listed.into_iter().try_for_each(found)?;
        match fault {
            Some(Fault::FailAfter(kind)) => Err(injected(kind, None)),
            Some(Fault::Tear(_)) => Err(injected(ErrorKind::Unavailable, None)),
            _ => Ok(()),
        }
    }

    fn delete(&self, name: &ObjectName) -> Result<()> {
        let (number, fault) = self.meet(BackendOp::Delete, name.folder(), Some(name))?;
        let gone = matches!(fault, Some(Fault::Hide(_))).then(|| self.inner.stat(name).ok()).flatten();
        self.make(fault.as_ref(), name, || self.inner.delete(name))?;
        if let (Some(Fault::Hide(calls)), Some(gone)) = (fault, gone) {
            self.hide(name, Some(gone), number.saturating_add(calls));
        }
        Ok(())
    }

    fn tidy(&self) -> Result<()> {
        self.inner.tidy()
    }

    fn location(&self) -> String {
        self.inner.location()
    }

    fn settling(&self) -> Duration {
        self.settling
    }
}
