//! Removing snapshots, and holding them so that nobody does.

use super::Repository;
use crate::context::Context;
use crate::error::{Error, ErrorKind, Result};
use crate::format::bundle::Role;
use crate::format::entry::Timestamp;
use crate::id::SnapshotId;
use crate::maintain::{self, ForgetOptions, ForgetReport};
use crate::store::clock;
use crate::store::devices::DeviceList;
use crate::store::marks::{self, NewMark};
use crate::store::snapshots::{Snapshot, Snapshots};

impl Repository {
    /// Removes snapshots: those that a policy does not keep, or those that are named. Held ones stay, whatever is
    /// asked for. What they alone referred to stays in storage until it is pruned.
    ///
    /// Nothing is removed that cannot be read. When this fails or is cancelled on the way, every snapshot is there
    /// whole or not at all, and the same call goes on with the rest.
    ///
    /// ```
    /// use strongroom::{BackupOptions, Context, ForgetOptions, RetentionPolicy, SnapshotFilter};
    /// # use strongroom::{AppEntry, CreateOptions, EntryPath, MemoryBackend, Repository, Secret, Source};
    /// # let secret = Secret::account_key([1; 32]);
    /// # let repo = Repository::create(MemoryBackend::new(), &secret, &CreateOptions::new())?;
    /// # let ctx = Context::new();
    /// # for text in ["one", "two"] {
    /// #     let source = Source::entries([AppEntry::bytes(EntryPath::parse("a")?, text)]);
    /// #     repo.backup(source, &BackupOptions::new(), &ctx)?;
    /// # }
    /// let policy = RetentionPolicy::new().keep_last(1);
    /// let report = repo.forget(&ForgetOptions::by_policy(policy), &ctx)?;
    /// assert_eq!((report.kept, report.removed), (1, 1));
    /// assert_eq!(repo.snapshots(&SnapshotFilter::all())?.count(), 1);
    /// # Ok::<(), strongroom::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Forbidden`](ErrorKind::Forbidden) without a maintainer's or owner's key, and for rules on tags, host and paths
    /// without an owner's; [`InvalidArgument`](ErrorKind::InvalidArgument) for a policy without rules;
    /// [`NotFound`](ErrorKind::NotFound) when one that is named is not there;
    /// [`PermissionDenied`](ErrorKind::PermissionDenied) where the storage deletes nothing; what is wrong with a mark
    /// that cannot be read, since it may hold any snapshot; and those of the storage.
    pub fn forget(&self, options: &ForgetOptions, ctx: &Context) -> Result<ForgetReport> {
        let this = self.within(ctx, "forget snapshots");
        maintain::forget(&this.store, &this.devices_list()?, options, ctx)
    }

    /// Holds a snapshot until a time: before that, [`forget`](Repository::forget) does not remove it. Never shortens a
    /// hold. Returns the hold that is in force then.
    ///
    /// A hold by an owner can be ended by owners alone; one by a reader's key, by readers and owners. It binds whoever
    /// keeps to the rules: storage, and who can delete there without asking, are not bound by it.
    ///
    /// # Errors
    /// [`Forbidden`](ErrorKind::Forbidden) without a reader's or owner's key, [`NotFound`](ErrorKind::NotFound) when
    /// there is no such snapshot, or no longer after it was marked.
    pub fn hold(&self, snapshot: &SnapshotId, until: Timestamp) -> Result<Timestamp> {
        let seconds = until.seconds.saturating_add(i64::from(until.nanos > 0));
        let until = Timestamp::new(seconds, 0);
        self.set_hold(snapshot, "hold a snapshot", |current, _| {
            if let Some(error) = current.damage {
                return Err(error);
            }
            let longer = current.hold_until.is_none_or(|held| held < until);
            Ok(longer.then_some(Some(until)))
        })
        .map(|held| held.unwrap_or(until))
    }

    /// Ends the hold of a snapshot, of a damaged one too.
    ///
    /// # Errors
    /// [`Forbidden`](ErrorKind::Forbidden) without a reader's or owner's key, and without an owner's for a hold that an
    /// owner set; [`NotFound`](ErrorKind::NotFound).
    pub fn release(&self, snapshot: &SnapshotId) -> Result<()> {
        let operation = "release a snapshot";
        self.set_hold(snapshot, operation, |current, by_owners_alone| {
            if by_owners_alone {
                let detail = "an owner holds it, and only an owner can end that";
                return Err(Error::new(ErrorKind::Forbidden, operation).object(snapshot).detail(detail));
            }
            Ok(current.hold_until.is_some().then_some(None))
        })
        .map(drop)
    }

    /// Asks `change` for the new hold, if there shall be another one, by the snapshot as it is and by whether its hold
    /// is out of this key's reach. Returns the hold in force.
    fn set_hold(
        &self,
        snapshot: &SnapshotId,
        operation: &'static str,
        change: impl FnOnce(Held, bool) -> Result<Option<Option<Timestamp>>>,
    ) -> Result<Option<Timestamp>> {
        let devices = self.devices_list()?;
        let (backend, keys) = (self.store.backend(), self.store.keys());
        let snapshots = Snapshots::open(backend, keys, &devices)?;
        let (current, tags, description) = match snapshots.load(snapshot) {
            Ok(Snapshot { hold_until, tags, description, body_readable: true, .. }) => {
                (Held { hold_until, damage: None }, tags, description)
            }
            Err(error) if keys.can_read() && is_damage(&error) => {
                let hold_until = snapshots.marks().hold_until(snapshot);
                let mark = snapshots.marks().body(backend, keys, &devices, snapshot)?.unwrap_or_default();
                (Held { hold_until, damage: Some(error) }, mark.tags, mark.description)
            }
            Err(error) => return Err(error),
            Ok(_) => {
                let detail = "a hold is set and ended with a reader's or owner's key only";
                return Err(Error::new(ErrorKind::Forbidden, operation).object(snapshot).detail(detail));
            }
        };
        let (before, is_damaged) = (current.hold_until, current.damage.is_some());
        let out_of_reach = snapshots.marks().owners_hold(snapshot).is_some() && !self.is_owner(&devices)?;
        let Some(hold_until) = change(current, out_of_reach)? else { return Ok(before) };
        let hold_until = hold_until.map(|time| time.seconds);
        let new = NewMark { tags, description, hold_until };
        marks::write(backend, keys, &devices, snapshots.marks(), *snapshot, new, clock())?;
        let snapshots = Snapshots::open(backend, keys, &devices)?;
        if is_damaged {
            return Ok(snapshots.marks().hold_until(snapshot));
        }
        // It may have been removed meanwhile; whoever holds it must know.
        Ok(snapshots.load(snapshot)?.hold_until)
    }

    fn is_owner(&self, devices: &DeviceList) -> Result<bool> {
        let (device, _) = self.store.keys().signer()?;
        Ok(devices.role(&device) == Some(Role::Owner))
    }
}

/// What is known of a snapshot's hold.
struct Held {
    hold_until: Option<Timestamp>,
    /// Why the snapshot itself cannot be read.
    damage: Option<Error>,
}

fn is_damage(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::Untrusted | ErrorKind::Io)
}
