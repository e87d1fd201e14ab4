//! A session at work: its lease, renewed as long as the work goes on.

use super::condemned::Condemned;
use super::devices::DeviceList;
use super::index::Writing;
use super::leases::{self, HeldLease};
use super::{Store, clock, makes_mistake};
use crate::backend::{Folder, ObjectName};
use crate::error::{Error, ErrorKind, Result, internal};
use crate::format::entry::Timestamp;
use crate::format::lease::LeasePurpose;
use crate::id::{PackId, SessionId};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant, SystemTime};

/// How long a lease holds without being renewed. Long enough for a phone that sleeps between two packs.
const DURATION: Duration = Duration::from_secs(60 * 60);
/// Renewed well before it runs out, so that some failed tries do no harm.
const RENEW_AFTER: Duration = Duration::from_secs(15 * 60);
/// How long to wait after a failed try.
const RETRY_AFTER: Duration = Duration::from_secs(60);

/// A session of this process.
#[derive(Debug)]
pub(crate) struct Session {
    store: Arc<Store>,
    devices: Arc<DeviceList>,
    id: SessionId,
    purpose: LeasePurpose,
    state: Mutex<State>,
    _writing: Option<Writing>,
}

#[derive(Debug)]
struct State {
    lease: HeldLease,
    renew_at: Instant,
    /// When it was last renewed by the clock on the wall, which goes on while the machine sleeps.
    renewed: SystemTime,
    /// Whether a lease ran out before the next was received.
    lapsed: bool,
    ended: bool,
}

impl State {
    fn is_due(&self) -> bool {
        // A clock that went back says nothing, and so the time may have come.
        let asleep = self.renewed.elapsed().map_or(true, |time| time >= RENEW_AFTER);
        asleep || Instant::now() >= self.renew_at
    }
}

impl Session {
    /// Writes the first lease. A session that writes content does without what is condemned from here on; the index
    /// has to be brought up to date after this.
    pub(crate) fn begin(store: &Arc<Store>, devices: &Arc<DeviceList>, purpose: LeasePurpose) -> Result<Self> {
        let id = super::write::new_session()?;
        let now = clock();
        let lease = leases::begin(store.backend(), store.keys(), devices, id, purpose, DURATION, now)?;
        let state = State {
            lease,
            renew_at: Instant::now() + RENEW_AFTER,
            renewed: SystemTime::now(),
            lapsed: false,
            ended: false,
        };
        let (store, devices) = (Arc::clone(store), Arc::clone(devices));
        let mut session = Session { store, devices, id, purpose, state: Mutex::new(state), _writing: None };
        if purpose != LeasePurpose::Prune {
            // Only now, when whoever prunes can see the lease.
            let mut absent = Condemned::load(&session.store, &session.devices)?.absent()?;
            if makes_mistake!(session.store, TakeCondemnedForPresent) {
                absent.clear();
            }
            session._writing = Some(session.store.index().begin_writing(absent)?);
        }
        Ok(session)
    }

    pub(crate) fn id(&self) -> SessionId {
        self.id
    }

    pub(crate) fn purpose(&self) -> LeasePurpose {
        self.purpose
    }

    fn state(&self) -> Result<MutexGuard<'_, State>> {
        self.state.lock().map_err(|_| internal("renew a lease", "a thread panicked while holding it"))
    }

    /// Renews the lease when it is time to. To be called now and then; a failure is made up for by a later call.
    pub(crate) fn keep(&self) {
        let Ok(mut state) = self.state() else { return };
        if state.is_due() {
            let _ = self.renew_now(&mut state);
        }
    }

    /// Renews the lease. Returns whether there ever was a time at which none held, by the storage's clock.
    pub(crate) fn renew(&self) -> Result<bool> {
        let mut state = self.state()?;
        self.renew_now(&mut state)?;
        Ok(state.lapsed)
    }

    /// Renews the lease when it is time to, and stops the work if there ever was a time at which none held: others
    /// may have taken over.
    ///
    /// # Errors
    /// [`Conflict`](ErrorKind::Conflict) then.
    pub(crate) fn hold(&self, operation: &'static str) -> Result<()> {
        let mut state = self.state()?;
        if state.is_due() {
            self.renew_now(&mut state)?;
        }
        if state.lapsed { Err(self.was_away(operation)) } else { Ok(()) }
    }

    fn was_away(&self, operation: &'static str) -> Error {
        let detail = "the session was away for longer than its lease held: start again";
        Error::new(ErrorKind::Conflict, operation).object(self.id).detail(detail)
    }

    /// Makes sure that packs which this session stored may still be listed in the index: that, while it was taken for
    /// dead, they were not taken for leftovers.
    ///
    /// # Errors
    /// [`Conflict`](ErrorKind::Conflict) when they were.
    pub(crate) fn confirm_packs<'p>(&self, packs: impl Iterator<Item = &'p PackId>) -> Result<()> {
        let operation = "list packs in the index";
        let lapsed = {
            let mut state = self.state()?;
            if state.is_due() {
                self.renew_now(&mut state)?;
            }
            state.lapsed
        };
        if !lapsed || makes_mistake!(self.store, CommitWithoutLookingAgain) {
            return Ok(());
        }
        let going = Condemned::load(&self.store, &self.devices)?.absent()?;
        for pack in packs {
            let name = ObjectName::of(Folder::Packs, pack);
            match self.store.backend().stat(&name) {
                Ok(_) if !going.contains(pack) => {}
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                _ => return Err(self.was_away(operation)),
            }
        }
        Ok(())
    }

    fn renew_now(&self, state: &mut State) -> Result<()> {
        let held_until = state.lease.expires();
        let renewed = state.lease.renew(self.store.backend(), self.store.keys(), &self.devices, DURATION, clock());
        state.renew_at = Instant::now() + if renewed.is_ok() { RENEW_AFTER } else { RETRY_AFTER };
        state.renewed = SystemTime::now();
        renewed?;
        state.lapsed |= state.lease.received() >= held_until;
        Ok(())
    }

    /// When storage received the newest lease, by the storage's clock.
    pub(crate) fn received(&self) -> Result<Timestamp> {
        Ok(self.state()?.lease.received())
    }

    /// Leaves the lease to run out by itself: there are packs of this session that no index object lists, and the
    /// device's next session looks for those of sessions that never ended.
    pub(crate) fn leave(&self) {
        if let Ok(mut state) = self.state() {
            state.ended = true;
        }
    }

    /// Says that nobody needs to wait for this session any more. Where that cannot be written, the lease runs out by
    /// itself.
    pub(crate) fn end(&self) {
        let Ok(mut state) = self.state() else { return };
        if std::mem::replace(&mut state.ended, true) {
            return;
        }
        let now = clock();
        // Also when the work was cancelled.
        let _ = state.lease.end(self.store.unbound_backend(), self.store.keys(), &self.devices, now);
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // A backend that panicked may do so again, which would end the process. The lease runs out by itself.
        if !std::thread::panicking() {
            self.end();
        }
    }
}
