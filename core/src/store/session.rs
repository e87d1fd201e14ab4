//! A session at work: its lease, renewed as long as the work goes on.

use super::devices::DeviceList;
use super::leases::{self, HeldLease};
use super::{Store, clock};
use crate::error::{Result, internal};
use crate::format::lease::LeasePurpose;
use crate::id::SessionId;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

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
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    lease: HeldLease,
    renew_at: Instant,
    ended: bool,
}

impl Session {
    /// Writes the first lease.
    pub(crate) fn begin(store: &Arc<Store>, devices: &Arc<DeviceList>, purpose: LeasePurpose) -> Result<Self> {
        let id = super::write::new_session()?;
        let now = clock();
        let lease = leases::begin(store.backend(), store.keys(), devices, id, purpose, DURATION, now)?;
        let state = State { lease, renew_at: Instant::now() + RENEW_AFTER, ended: false };
        Ok(Session { store: Arc::clone(store), devices: Arc::clone(devices), id, state: Mutex::new(state) })
    }

    pub(crate) fn id(&self) -> SessionId {
        self.id
    }

    fn state(&self) -> Result<MutexGuard<'_, State>> {
        self.state.lock().map_err(|_| internal("renew a lease", "a thread panicked while holding it"))
    }

    /// Renews the lease when it is time to. To be called now and then; a failure is made up for by a later call.
    pub(crate) fn keep(&self) {
        let Ok(mut state) = self.state() else { return };
        if Instant::now() < state.renew_at {
            return;
        }
        let now = clock();
        let renewed = state.lease.renew(self.store.backend(), self.store.keys(), &self.devices, DURATION, now);
        state.renew_at = Instant::now() + if renewed.is_ok() { RENEW_AFTER } else { RETRY_AFTER };
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
        let _ = state.lease.end(self.store.backend(), self.store.keys(), &self.devices, now);
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
