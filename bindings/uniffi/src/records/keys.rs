//! Keys, devices and sessions.

use super::Rejected;
use super::record;
use crate::enums::{Role, SlotMethod};
use crate::values::Timestamp;

record! {
    /// A key that opens the repository.
    SlotInfo {
        /// Its id.
        id: String,
        /// What its holder may do.
        role: Role,
        /// The newest epoch that it opens.
        epoch: i64,
        /// What opens it.
        method: SlotMethod,
        /// What it is called; may be empty.
        label: String,
        /// When it was made, by its maker's clock.
        created: Timestamp,
        /// The device that its holder is listed as; none for owners, unless they have a device of their own.
        device: Option<String>,
        /// Whether the repository was opened with it.
        current: bool,
    }
}

record! {
    /// A device as it is listed.
    DeviceInfo {
        /// Its id, derived from its public keys.
        id: String,
        /// Its name for people.
        name: String,
        /// What it may do.
        role: Role,
        /// When it was added, by the owner's clock.
        added: Timestamp,
        /// From when on it is no longer accepted, if it was revoked.
        revoked: Option<Timestamp>,
        /// Whether it is a device with its own key, and not the keys of a passphrase, code or account key.
        has_key: bool,
    }
}

record! {
    /// A session: one writer or maintainer at work, or one that was.
    SessionInfo {
        /// Its id.
        id: String,
        /// The device at work; none for maintainers.
        device: Option<String>,
        /// What it does: `backup`, `prune` or `copy`.
        purpose: String,
        /// When storage received its first lease.
        began: Timestamp,
        /// When storage received its newest lease.
        renewed: Timestamp,
        /// Until when that holds, by the storage's clock.
        expires: Timestamp,
        /// Whether it said that it is done.
        ended: bool,
    }
}

record! {
    /// What beginning a new epoch did.
    RotationReport {
        /// The epoch that everything is written under from now on.
        epoch: i64,
        /// How many holders were handed its keys. Owners need none.
        handed_out: i64,
        /// Key slots with the keys of earlier epochs that are superfluous now, and were deleted.
        removed: Vec<String>,
        /// The same, where the storage would not delete them, and why.
        remaining: Vec<Rejected>,
        /// Who has no key that the new ones could be sealed to.
        left_behind: Vec<LeftBehind>,
        /// Sessions that were at work when the epoch began.
        at_work: Vec<String>,
    }
}

record! {
    /// A holder who could not be handed newer keys.
    LeftBehind {
        /// The name of the device, or the label of the key.
        name: String,
        /// What the holder may do.
        role: Role,
        /// The device that the holder is listed as, if there is one.
        device: Option<String>,
        /// The holder's key slot, if there is one.
        slot: Option<String>,
    }
}

record! {
    /// What revoking a device did.
    Revocation {
        /// The device.
        device: String,
        /// From when on the device is no longer accepted.
        since: Timestamp,
        /// Its key slots, which were deleted.
        removed: Vec<String>,
        /// Its key slots that the storage would not delete, and why.
        remaining: Vec<Rejected>,
        /// The epoch that began with it, unless it was to be kept.
        rotation: Option<RotationReport>,
    }
}

record! {
    /// What removing a key came to.
    KeyRemoval {
        /// The device its holder was listed as, which was revoked.
        revoked: Option<String>,
        /// The key slots that were deleted.
        removed: Vec<String>,
        /// Key slots that the storage would not delete, and why.
        remaining: Vec<Rejected>,
        /// The epoch that began with it, unless it was to be kept.
        rotation: Option<RotationReport>,
    }
}

record! {
    /// What changing the passphrase did.
    PassphraseChange {
        /// The new slot.
        slot: String,
        /// The old slot, if the storage would not delete it, and why: the old passphrase still opens it.
        remaining: Option<Rejected>,
    }
}
