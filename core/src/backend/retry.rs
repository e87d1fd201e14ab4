//! A backend that tries again what storage could not do at the moment.

use super::{Backend, Folder, ObjectInfo, ObjectName};
use crate::cancel::CancelToken;
use crate::crypto;
use crate::error::{Error, ErrorKind, Result, Retry};
use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Tries calls again that fail for a reason that passes, as errors say of themselves ([`Error::retry`]).
///
/// It waits as long as the error asks for, twice as long after every further try, and up to half of that less at random,
/// so that many clients do not come back at the same moment. It gives up after a number of tries and a time, and ends a
/// wait when its token is cancelled.
///
/// An object that is there after a try that failed, with the very same bytes, counts as stored: that try's answer was lost.
///
/// ```
/// use std::time::Duration;
/// use strongroom::{CancelToken, Context, MemoryBackend, RetryBackend};
/// # let storage = MemoryBackend::new();
/// let token = CancelToken::new();
/// let backend = RetryBackend::new(storage).tries(8).within(Duration::from_secs(300)).cancel_token(token.clone());
/// let ctx = Context::new().cancel_token(token); // one token for the work and for what it waits for
/// # drop((backend, ctx));
/// ```
#[derive(Clone)]
pub struct RetryBackend {
    inner: Arc<dyn Backend>,
    patience: Patience,
}

/// How often and how long something is tried again.
#[derive(Debug, Clone)]
pub(super) struct Patience {
    /// How often a call is tried, the first time included; 0 counts as 1.
    pub(super) tries: u32,
    /// No try begins later than this after the first.
    pub(super) within: Duration,
    /// No wait is longer than this, whatever an error asks for.
    pub(super) longest_wait: Duration,
    /// What ends a wait.
    pub(super) token: CancelToken,
}

impl Default for Patience {
    fn default() -> Self {
        Patience {
            tries: 6,
            within: Duration::from_secs(180),
            longest_wait: Duration::from_secs(60),
            token: CancelToken::new(),
        }
    }
}

/// How long a wait goes without looking for cancellation.
const PATIENCE: Duration = Duration::from_millis(50);
/// Bytes compared in one go.
const PIECE: usize = 4 << 20;

impl Patience {
    /// Makes a call until it succeeds, or fails for good. The call is told which try it is.
    pub(super) fn retry<T>(&self, mut call: impl FnMut(u32) -> Result<T>) -> Result<T> {
        let begin = Instant::now();
        let mut tried = 0;
        loop {
            let error = match call(tried) {
                Err(error) => error,
                done => return done,
            };
            let Retry::After(asked) = error.retry() else { return Err(error) };
            tried = tried.saturating_add(1);
            let wait = asked.saturating_mul(1 << (tried - 1).min(16)).min(self.longest_wait);
            let wait = jittered(wait)?;
            if tried >= self.tries.max(1) || begin.elapsed().saturating_add(wait) > self.within {
                return Err(error);
            }
            self.wait(wait, &error)?;
        }
    }

    fn wait(&self, wait: Duration, error: &Error) -> Result<()> {
        let until = Instant::now().checked_add(wait);
        loop {
            self.token.check(error.operation())?;
            let now = Instant::now();
            let left = until.and_then(|until| until.checked_duration_since(now)).unwrap_or_default();
            if left.is_zero() {
                return Ok(());
            }
            std::thread::sleep(left.min(PATIENCE));
        }
    }
}

impl RetryBackend {
    /// Up to 6 tries within 3 minutes, with waits of a minute at most.
    pub fn new(inner: impl Backend + 'static) -> Self {
        RetryBackend { inner: Arc::new(inner), patience: Patience::default() }
    }

    /// How often a call is tried, the first time included; 0 counts as 1.
    #[must_use]
    pub fn tries(mut self, tries: u32) -> Self {
        self.patience.tries = tries;
        self
    }

    /// No try begins later than this after the first.
    #[must_use]
    pub fn within(mut self, within: Duration) -> Self {
        self.patience.within = within;
        self
    }

    /// No wait is longer than this, whatever an error asks for.
    #[must_use]
    pub fn longest_wait(mut self, longest: Duration) -> Self {
        self.patience.longest_wait = longest;
        self
    }

    /// What ends a wait: the token of the operations that use this backend.
    #[must_use]
    pub fn cancel_token(mut self, token: CancelToken) -> Self {
        self.patience.token = token;
        self
    }

    fn retry<T>(&self, call: impl FnMut(u32) -> Result<T>) -> Result<T> {
        self.patience.retry(call)
    }

    /// Whether an object has these bytes.
    fn has(&self, name: &ObjectName, parts: &[&[u8]]) -> Result<bool> {
        let length = parts.iter().map(|part| part.len() as u64).sum::<u64>();
        if self.stat(name)?.length != length {
            return Ok(false);
        }
        let mut offset = 0;
        for piece in parts.iter().flat_map(|part| part.chunks(PIECE)) {
            let end = offset + piece.len() as u64;
            if self.read(name, offset..end)? != piece {
                return Ok(false);
            }
            offset = end;
        }
        Ok(true)
    }
}

/// Between a half and the whole of this.
fn jittered(wait: Duration) -> Result<Duration> {
    let share = u32::from(u16::from_le_bytes(crypto::random()?));
    Ok((wait / 2).saturating_add((wait / 2).saturating_mul(share) / u32::from(u16::MAX)))
}

impl Backend for RetryBackend {
    fn put(&self, name: &ObjectName, parts: &[&[u8]]) -> Result<()> {
        let mut tried = false;
        self.retry(|try_number| {
            tried = try_number > 0;
            self.inner.put(name, parts)
        })
        .or_else(|error| match error.kind() {
            // By an earlier try of this call, if it is the same.
            ErrorKind::AlreadyExists if tried && self.has(name, parts)? => Ok(()),
            _ => Err(error),
        })
    }

    fn read(&self, name: &ObjectName, range: Range<u64>) -> Result<Vec<u8>> {
        self.retry(|_| self.inner.read(name, range.clone()))
    }

    fn stat(&self, name: &ObjectName) -> Result<ObjectInfo> {
        self.retry(|_| self.inner.stat(name))
    }

    /// A listing that breaks off begins anew; what was found before is not found again.
    fn list(&self, folder: Folder, found: &mut dyn FnMut(ObjectInfo) -> Result<()>) -> Result<()> {
        // Hashes of names: a listing may be long.
        let mut seen: HashSet<[u8; 16]> = HashSet::new();
        let mut refused = None;
        let listed = self.retry(|_| {
            let result = self.inner.list(folder, &mut |info| {
                let hash = blake3::hash(info.name.file().as_bytes());
                if !seen.insert(hash.as_bytes().first_chunk().copied().unwrap_or_default()) {
                    return Ok(());
                }
                found(info).map_err(|error| {
                    let told = Error::new(error.kind(), error.operation()).retry_hint(Retry::No);
                    refused = Some(error);
                    told
                })
            });
            // Whoever asked wants no more.
            if refused.is_some() { Ok(()) } else { result }
        });
        refused.map_or(listed, Err)
    }

    fn delete(&self, name: &ObjectName) -> Result<()> {
        self.retry(|_| self.inner.delete(name))
    }

    fn tidy(&self) -> Result<()> {
        self.inner.tidy()
    }

    fn location(&self) -> String {
        self.inner.location()
    }

    fn settling(&self) -> Duration {
        self.inner.settling()
    }
}
