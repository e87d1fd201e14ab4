//! Removing what sessions leave behind.

use super::Store;
use super::leases::SessionLease;
use super::sealed::{self, is_gone, is_of_one_object};
use super::sessions::{self, Role, SessionObject};
use crate::backend::ObjectName;
use crate::error::Result;
use crate::format::checkpoint::Checkpoint;
use crate::format::entry::Timestamp;
use crate::format::lease::{LeaseState, MAX_DURATION};
use crate::id::{BlobId, LineageId, SessionId};
use crate::store::devices::DeviceList;
use crate::store::snapshots::Snapshot;
use std::collections::{BTreeSet, HashMap, HashSet};

/// How long a checkpoint that nobody went on from is kept.
const CHECKPOINT_LIFE: i64 = 30 * 24 * 60 * 60;

/// What is kept of unfinished backups, and what may go.
#[derive(Debug, Default)]
pub(crate) struct Leftovers {
    /// Roots of trees that a backup may yet go on from.
    pub(crate) roots: Vec<BlobId>,
    /// Checkpoints that nobody goes on from, and leases of sessions that are over, in the order to remove them.
    pub(crate) removable: Vec<ObjectName>,
    /// The sessions these belong to.
    pub(crate) sessions: BTreeSet<SessionId>,
}

impl Leftovers {
    /// Looks through the folder of sessions. `leases` are the newest lease of every session, `snapshots` all there
    /// are, `now` is by the storage's clock. Checkpoints that cannot be read are left alone.
    pub(crate) fn find(
        store: &Store,
        devices: &DeviceList,
        leases: &[SessionLease],
        snapshots: &[Snapshot],
        now: Timestamp,
    ) -> Result<Self> {
        let (backend, keys) = (store.backend(), store.keys());
        let mut newest: HashMap<LineageId, Timestamp> = HashMap::new();
        for snapshot in snapshots {
            let received = newest.entry(snapshot.lineage).or_insert(snapshot.received);
            *received = snapshot.received.max(*received);
        }
        let committed: HashSet<SessionId> = snapshots.iter().map(|snapshot| snapshot.session).collect();
        let mut left = Leftovers::default();
        for object in sessions::list(backend, Role::Checkpoint)?.0 {
            let checked = sealed::read::<Checkpoint>(backend, keys, devices, &object.info);
            let checkpoint = match checked {
                Ok(opened) => opened.value,
                Err(error) if is_gone(&error) || is_of_one_object(&error) => continue,
                Err(error) => return Err(error),
            };
            let received = object.info.modified;
            let overtaken = committed.contains(&checkpoint.session)
                || newest.get(&checkpoint.lineage).is_some_and(|snapshot| *snapshot > received);
            if overtaken || now.seconds.saturating_sub(received.seconds) > CHECKPOINT_LIFE {
                left.sessions.insert(object.session);
                left.removable.push(object.info.name);
            } else {
                left.roots.push(checkpoint.root);
            }
        }
        let over: HashSet<SessionId> =
            leases.iter().filter(|lease| is_over(lease, now)).map(|lease| lease.lease.session).collect();
        let mut objects = sessions::list(backend, Role::Lease)?.0;
        objects.retain(|object| over.contains(&object.session));
        // The newest lease, which says how things stand, goes last.
        objects.sort_by_key(|object| (object.session, object.sequence));
        for SessionObject { session, info, .. } in objects {
            left.sessions.insert(session);
            left.removable.push(info.name);
        }
        Ok(left)
    }
}

/// Whether a session will not come back. One that never said that it ended gets as long again as any lease may hold.
fn is_over(lease: &SessionLease, now: Timestamp) -> bool {
    lease.lease.state == LeaseState::Ended
        || now.seconds.saturating_sub(lease.expires().seconds) > i64::from(MAX_DURATION)
}
