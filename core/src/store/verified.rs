//! Snapshots that look-ups have verified, so that the next one needs not do so again.

use super::Store;
use super::devices::DeviceList;
use super::snapshots;
use crate::backend::ObjectInfo;
use crate::error::Result;
use crate::id::{BlobId, SnapshotId};
use std::sync::{Arc, Mutex};

/// Most snapshots remembered.
const MOST: usize = 64;

/// The roots of snapshots whose signatures were checked, and the device list that they were checked against. Shared by
/// all threads of a repository and by its clones.
#[derive(Debug, Default)]
pub(super) struct Verified {
    found: Mutex<Option<Found>>,
}

#[derive(Debug)]
struct Found {
    devices: Arc<DeviceList>,
    /// The one asked for last comes last.
    roots: Vec<(SnapshotId, ObjectInfo, BlobId)>,
}

impl Store {
    /// The root of a snapshot that was verified before, if storage still has the snapshot and shows the same device list.
    /// Then verifying it again would come to the same, and the index has known all that it refers to. Where storage
    /// cannot be read there is no answer, and whoever asks reads everything again, or learns what is wrong.
    pub(crate) fn verified_root(&self, id: &SnapshotId) -> Option<BlobId> {
        let (devices, info, root) = {
            let mut found = self.shared.verified.found.lock().ok()?;
            let found = found.as_mut()?;
            let position = found.roots.iter().position(|(known, _, _)| known == id)?;
            found.roots.get_mut(position..)?.rotate_left(1);
            let (_, info, root) = found.roots.last()?;
            (Arc::clone(&found.devices), info.clone(), *root)
        };
        let stands = || -> Result<bool> {
            let stored = snapshots::stat(self.backend(), id)?;
            if stored != info || !devices.is_current(self.backend())? {
                return Ok(false);
            }
            self.check_pins(&devices, self.keys().newest_epoch())?;
            Ok(true)
        };
        stands().is_ok_and(|stands| stands).then_some(root)
    }

    /// From now on [`verified_root`](Store::verified_root) knows a snapshot: it was read under this device list, and the
    /// index was brought up to date after that.
    pub(crate) fn remember_verified(&self, devices: DeviceList, id: &SnapshotId, info: ObjectInfo, root: BlobId) {
        let Ok(mut found) = self.shared.verified.found.lock() else { return };
        match found.as_mut().filter(|found| found.devices.is_same(&devices)) {
            Some(found) => {
                found.roots.retain(|(known, _, _)| known != id);
                if found.roots.len() >= MOST {
                    found.roots.remove(0);
                }
                found.roots.push((*id, info, root));
            }
            None => *found = Some(Found { devices: Arc::new(devices), roots: vec![(*id, info, root)] }),
        }
    }
}
