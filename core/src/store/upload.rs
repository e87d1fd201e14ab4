//! Sending finished packs to storage beside the work that makes them, and publishing the index of what arrived.

use super::Store;
use super::packs;
use super::session::Session;
use super::throttle::Throttle;
use crate::context::Context;
use crate::error::{Error, ErrorKind, Result, Retry, internal};
use crate::format::index::{IndexObject, MAX_INDEX};
use crate::format::pack::{IndexedPack, PackContents, contents_length};
use crate::id::PackId;
use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::Duration;

/// Packs between two index objects: what a crash loses of the index can be found again in the packs, but then they
/// have to be looked at.
const PACKS_PER_INDEX: usize = 8;

/// Most bytes an index object spends on a pack beside its contents.
const PACK_RECORD: u64 = 32 + 10;

/// How long a wait goes without looking for cancellation.
const PATIENCE: Duration = Duration::from_millis(50);

/// A pack that is ready to be sent.
#[derive(Debug)]
pub(crate) struct FinishedPack {
    pub(crate) id: PackId,
    /// One more than the number of its last segment in the session.
    pub(crate) end: u64,
    pub(crate) parts: Vec<Vec<u8>>,
    pub(crate) contents: PackContents,
}

impl FinishedPack {
    fn length(&self) -> u64 {
        self.parts.iter().map(|part| part.len() as u64).sum()
    }
}

/// What is to be done once all of the session's segments below a number are in storage and in the index.
pub(crate) type WhenListed = Box<dyn FnOnce() + Send>;

/// One thread that sends packs. It also keeps the session's lease, since it is what goes on while others wait.
#[derive(Debug)]
pub(crate) struct Uploader {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug)]
struct Shared {
    store: Arc<Store>,
    session: Arc<Session>,
    ctx: Context,
    throttle: Throttle,
    /// Most bytes of packs that may be waiting and under way.
    room: u64,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<FinishedPack>,
    /// Bytes of packs waiting and under way.
    held: u64,
    busy: bool,
    closed: bool,
    /// Asks for an index object of everything sent so far.
    publish: bool,
    error: Option<Error>,
    /// What ended the sending, once something has.
    failed: Option<(ErrorKind, Retry)>,
    sent_packs: u64,
    sent_bytes: u64,
    /// The packs that were sent.
    packs: Vec<PackId>,
    unpublished: Vec<IndexedPack>,
    /// About how long an index object of these is.
    unpublished_length: u64,
    /// All segments below this number are in storage.
    sent: u64,
    /// All below this one are in the index, too.
    listed: u64,
    when_listed: Option<(u64, WhenListed)>,
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State").field("sent", &self.sent).field("listed", &self.listed).finish_non_exhaustive()
    }
}

impl Uploader {
    pub(crate) fn start(store: &Arc<Store>, session: &Arc<Session>, ctx: &Context) -> Result<Self> {
        let shared = Arc::new(Shared {
            store: Arc::clone(store),
            session: Arc::clone(session),
            ctx: ctx.clone(),
            throttle: Throttle::new(ctx.limits().upload_rate),
            room: ctx.limits().memory_bytes() / 4,
            state: Mutex::default(),
            changed: Condvar::new(),
        });
        let worker = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("strongroom-upload".to_owned())
            .spawn(move || worker.work())
            .map_err(|error| Error::io(error, "start the upload thread"))?;
        Ok(Uploader { shared, thread: Mutex::new(Some(thread)) })
    }

    /// Hands a pack over; waits while there is no room for it. One pack always has room.
    pub(crate) fn send(&self, pack: FinishedPack) -> Result<()> {
        let (length, room) = (pack.length(), self.shared.room);
        let mut state = self.shared.wait_until(|state| state.held == 0 || state.held + length <= room)?;
        state.held += length;
        state.waiting.push_back(pack);
        self.shared.changed.notify_all();
        Ok(())
    }

    /// Waits until packs waiting and under way are done, or take no more than `room` together with the `filled` bytes of the
    /// next one.
    pub(crate) fn wait_for_room(&self, filled: u64, room: u64) -> Result<()> {
        self.shared.wait_until(|state| state.held == 0 || state.held.saturating_add(filled) <= room).map(drop)
    }

    /// Waits until everything handed over is stored and listed in an index object.
    pub(crate) fn flush(&self) -> Result<()> {
        {
            let mut state = self.shared.lock()?;
            state.publish = true;
            self.shared.changed.notify_all();
        }
        let done = |state: &State| state.waiting.is_empty() && !state.busy && !state.publish;
        self.shared.wait_until(done).map(drop)
    }

    /// Lets `call` run beside the work once all segments below `end` are in storage and in the index. It takes the
    /// place of an earlier one that still waits.
    pub(crate) fn when_listed(&self, end: u64, call: WhenListed) -> Result<()> {
        self.shared.lock()?.when_listed = Some((end, call));
        self.shared.changed.notify_all();
        Ok(())
    }

    /// Whether something waits for segments to be in the index.
    pub(crate) fn is_awaited(&self) -> Result<bool> {
        Ok(self.shared.lock()?.when_listed.is_some())
    }

    /// Forgets what waits for segments to be in the index.
    pub(crate) fn await_nothing(&self) -> Result<()> {
        self.shared.lock()?.when_listed = None;
        Ok(())
    }

    /// Ends the sending: what is under way is finished, what waits is given up. Whether everything that was sent
    /// is in the index.
    pub(crate) fn close(&self) -> bool {
        if let Ok(mut state) = self.shared.state.lock() {
            state.closed = true;
            // Whoever still wants to send must not wait for room.
            if !state.waiting.is_empty() {
                state.failed.get_or_insert((ErrorKind::Cancelled, Retry::No));
            }
            state.waiting.clear();
            state.when_listed = None;
        }
        self.shared.changed.notify_all();
        if let Some(thread) = self.thread.lock().ok().and_then(|mut thread| thread.take()) {
            let _ = thread.join();
        }
        self.shared.state.lock().is_ok_and(|state| state.unpublished.is_empty())
    }

    /// Packs and bytes stored so far.
    pub(crate) fn sent(&self) -> Result<(u64, u64)> {
        let state = self.shared.lock()?;
        Ok((state.sent_packs, state.sent_bytes))
    }

    /// The packs stored so far.
    pub(crate) fn sent_packs(&self) -> Result<Vec<PackId>> {
        Ok(self.shared.lock()?.packs.clone())
    }

    /// The error that ended the sending, if one did.
    pub(crate) fn check(&self) -> Result<()> {
        self.shared.lock()?.check()
    }
}

impl Drop for Uploader {
    fn drop(&mut self) {
        self.close();
    }
}

impl State {
    /// Whether something waits for segments that are in storage, but not in the index yet.
    fn is_wanted_in_the_index(&self) -> bool {
        self.when_listed.as_ref().is_some_and(|(end, _)| self.listed < *end && *end <= self.sent)
    }

    fn take_reached(&mut self) -> Option<WhenListed> {
        let listed = self.listed;
        self.when_listed.take_if(|(end, _)| *end <= listed).map(|(_, call)| call)
    }

    /// The first caller gets the error itself, later ones learn that there was one.
    fn check(&mut self) -> Result<()> {
        match self.error.take() {
            Some(error) => Err(error),
            None => match self.failed {
                Some((kind, retry)) => {
                    let error = Error::new(kind, "store a pack").retry_hint(retry);
                    Err(error.detail("storing an earlier pack failed"))
                }
                None => Ok(()),
            },
        }
    }
}

impl Shared {
    fn lock(&self) -> Result<MutexGuard<'_, State>> {
        self.state.lock().map_err(|_| internal("store a pack", "a thread panicked while holding the queue"))
    }

    fn wait_until(&self, ready: impl Fn(&State) -> bool) -> Result<MutexGuard<'_, State>> {
        let mut state = self.lock()?;
        loop {
            self.ctx.check("store a pack")?;
            state.check()?;
            if ready(&state) {
                return Ok(state);
            }
            state = self
                .changed
                .wait_timeout(state, PATIENCE)
                .map_err(|_| internal("store a pack", "a thread panicked while holding the queue"))?
                .0;
        }
    }

    fn work(&self) {
        while let Ok(mut state) = self.lock() {
            if state.is_wanted_in_the_index() {
                drop(state);
                let result = caught(|| self.publish());
                self.finish(result, |_| {});
            } else if let Some(call) = state.take_reached() {
                drop(state);
                // What it does is worth something only later, and fails nothing now.
                let _ = caught(|| {
                    call();
                    Ok(())
                });
            } else if let Some(pack) = state.waiting.pop_front() {
                state.busy = true;
                drop(state);
                let length = pack.length();
                let result = caught(|| self.store_pack(pack));
                self.finish(result, |state| state.held = state.held.saturating_sub(length));
            } else if state.publish {
                drop(state);
                let result = caught(|| self.publish());
                self.finish(result, |state| state.publish = false);
            } else if state.closed {
                break;
            } else {
                // Work wakes this up; the timeout is there for the lease.
                let _ = self.changed.wait_timeout(state, Duration::from_secs(1));
            }
            self.session.keep();
        }
    }

    /// Notes in one step what was done and how it ended: whoever sees that it is done must see an error, too.
    fn finish(&self, result: Result<()>, done: impl FnOnce(&mut State)) {
        if let Ok(mut state) = self.lock() {
            done(&mut state);
            state.busy = false;
            if let Err(error) = result {
                state.failed = Some((error.kind(), error.retry()));
                state.error = Some(error);
                state.waiting.clear();
                state.held = 0;
                state.when_listed = None;
            }
        }
        self.changed.notify_all();
    }

    fn store_pack(&self, pack: FinishedPack) -> Result<()> {
        if self.lock()?.failed.is_some() {
            return Ok(());
        }
        self.ctx.check("store a pack")?;
        let length = pack.length();
        let parts: Vec<&[u8]> = pack.parts.iter().map(Vec::as_slice).collect();
        packs::put(&self.store, &pack.id, &parts)?;
        drop(parts);
        drop(pack.parts);
        let listed = contents_length(&pack.contents) + PACK_RECORD;
        // Packs of very many tiny blobs have footers that are long together, and no index may be longer than allowed.
        if self.lock()?.unpublished_length + listed > MAX_INDEX / 2 {
            self.publish()?;
        }
        let full = {
            let mut state = self.lock()?;
            state.sent_packs += 1;
            state.packs.push(pack.id);
            state.sent_bytes += length;
            state.unpublished_length += listed;
            state.sent = pack.end;
            state.unpublished.push(IndexedPack { id: pack.id, length, contents: pack.contents });
            state.unpublished.len() >= PACKS_PER_INDEX
        };
        if full {
            self.publish()?;
        }
        self.throttle.pay(length, &self.ctx, "store a pack")
    }

    fn publish(&self) -> Result<()> {
        let (packs, end) = {
            let mut state = self.lock()?;
            state.unpublished_length = 0;
            (std::mem::take(&mut state.unpublished), state.sent)
        };
        if packs.is_empty() {
            return Ok(());
        }
        self.session.confirm_packs(packs.iter().map(|pack| &pack.id))?;
        let object = IndexObject { supersedes: Vec::new(), packs };
        match super::index::write(self.store.backend(), self.store.keys(), &object) {
            Ok(id) => {
                self.store.index().add(id, &object.packs)?;
                self.lock()?.listed = end;
                Ok(())
            }
            Err(error) => {
                // They still are in storage and in no index.
                self.lock()?.unpublished = object.packs;
                Err(error)
            }
        }
    }
}

/// Calls into a backend. One that panics must not leave those waiting who wait for this thread.
fn caught(call: impl FnOnce() -> Result<()>) -> Result<()> {
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(call));
    result.unwrap_or_else(|_| Err(internal("store a pack", "the storage backend panicked")))
}
