//! Leases: how sessions tell each other that they are at work.

use super::sealed::{self, is_gone, is_of_one_object};
use super::sessions::{self, RejectedObjects, Role, SessionObject};
use crate::backend::Backend;
use crate::error::{Error, ErrorKind, Result, invalid};
use crate::format::entry::Timestamp;
use crate::format::lease::{Lease, LeasePurpose, LeaseState, MAX_DURATION};
use crate::format::sealed::Envelope;
use crate::id::SessionId;
use crate::store::devices::DeviceList;
use crate::store::keys::Keys;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::time::Duration;

/// A lease of this process. It holds until [`expires`](HeldLease::expires) by the storage's clock, or until it is
/// ended.
#[derive(Debug)]
pub(crate) struct HeldLease {
    session: SessionId,
    purpose: LeasePurpose,
    sequence: u32,
    received: Timestamp,
    duration: u32,
}

/// The newest lease of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SessionLease {
    pub(crate) lease: Lease,
    /// When storage received the session's first lease.
    pub(crate) began: Timestamp,
    /// When storage received this one.
    pub(crate) received: Timestamp,
}

/// The sessions that storage knows of.
#[derive(Debug, Default)]
pub(crate) struct LeaseListing {
    /// Ascending by session.
    pub(crate) sessions: Vec<SessionLease>,
    /// Objects that cannot be read or trusted. There may be leases among them: whoever deletes anything must take
    /// each for one that holds for [`MAX_DURATION`] from the time storage received it.
    pub(crate) rejected: RejectedObjects,
}

/// Begins a session. `time` is the caller's clock.
///
/// # Errors
/// [`Conflict`](ErrorKind::Conflict) when the session has begun already, [`Forbidden`](ErrorKind::Forbidden) when
/// these keys do not allow its purpose, [`InvalidArgument`](ErrorKind::InvalidArgument) for more than a week.
pub(crate) fn begin(
    backend: &dyn Backend,
    keys: &Keys,
    devices: &DeviceList,
    session: SessionId,
    purpose: LeasePurpose,
    duration: Duration,
    time: Timestamp,
) -> Result<HeldLease> {
    if purpose == LeasePurpose::Prune && !keys.can_maintain() {
        let detail = "pruning needs a maintainer's or owner's key";
        return Err(Error::new(ErrorKind::Forbidden, Lease::WRITE).detail(detail));
    }
    let mut held = HeldLease { session, purpose, sequence: 0, received: Timestamp::default(), duration: 0 };
    held.write(backend, keys, devices, LeaseState::Active, duration, time)?;
    Ok(held)
}

impl HeldLease {
    #[cfg(test)]
    pub(crate) fn session(&self) -> &SessionId {
        &self.session
    }

    /// When storage received the newest lease, by the storage's clock.
    pub(crate) fn received(&self) -> Timestamp {
        self.received
    }

    /// Until when it holds, by the storage's clock.
    pub(crate) fn expires(&self) -> Timestamp {
        expiry(self.received, self.duration)
    }

    /// Makes it hold for `duration` from now on. After an error it holds at least as before, and this can be called
    /// again.
    ///
    /// # Errors
    /// [`Conflict`](ErrorKind::Conflict) when somebody else uses the session, and those of the storage.
    pub(crate) fn renew(
        &mut self,
        backend: &dyn Backend,
        keys: &Keys,
        devices: &DeviceList,
        duration: Duration,
        time: Timestamp,
    ) -> Result<()> {
        self.advance()?;
        self.write(backend, keys, devices, LeaseState::Active, duration, time)
    }

    /// Ends the session: what it wrote is referred to by a snapshot, or may be removed. After an error this can be
    /// called again; if it never is, the lease expires.
    pub(crate) fn end(
        &mut self,
        backend: &dyn Backend,
        keys: &Keys,
        devices: &DeviceList,
        time: Timestamp,
    ) -> Result<()> {
        self.advance()?;
        self.write(backend, keys, devices, LeaseState::Ended, Duration::ZERO, time)
    }

    /// Also after a failure, and so leaving a gap: the object may have been stored without us being told.
    fn advance(&mut self) -> Result<()> {
        let full = || Error::new(ErrorKind::LimitExceeded, Lease::WRITE).object(self.session);
        self.sequence = self.sequence.checked_add(1).ok_or_else(|| full().detail("the session has no more leases"))?;
        Ok(())
    }

    fn write(
        &mut self,
        backend: &dyn Backend,
        keys: &Keys,
        devices: &DeviceList,
        state: LeaseState,
        duration: Duration,
        time: Timestamp,
    ) -> Result<()> {
        let operation = Lease::WRITE;
        let seconds = duration.as_secs().saturating_add(u64::from(duration.subsec_nanos() > 0));
        let duration = u32::try_from(seconds).ok().filter(|seconds| *seconds <= MAX_DURATION);
        let duration = duration.ok_or_else(|| invalid(operation, "it would hold for more than a week"))?;
        let signer = match self.purpose {
            LeasePurpose::Prune if !keys.can_write() => None,
            _ => Some(sealed::signer(keys, devices, operation)?),
        };
        if self.sequence == 0 {
            // Not with every object: a session that is at work when an epoch begins may end what it began.
            devices.check_reach(keys, operation)?;
        }
        let lease = Lease {
            session: self.session,
            sequence: self.sequence,
            device: signer.as_ref().map(|(device, _)| *device),
            purpose: self.purpose,
            duration,
            state,
            time,
        };
        let bytes = sealed::seal(keys, &lease, signer.as_ref().map(|(_, key)| key))?;
        let name = sessions::put(backend, Role::Lease, &self.session, self.sequence, &bytes, operation)?;
        self.received = backend.stat(&name)?.modified;
        self.duration = duration;
        Ok(())
    }
}

impl SessionLease {
    /// Until when it holds, by the storage's clock.
    pub(crate) fn expires(&self) -> Timestamp {
        expiry(self.received, self.lease.duration)
    }

    /// Whether the session is at work at `now`, by the storage's clock.
    pub(crate) fn is_active(&self, now: Timestamp) -> bool {
        self.lease.state == LeaseState::Active && now < self.expires()
    }
}

fn expiry(received: Timestamp, duration: u32) -> Timestamp {
    Timestamp::new(received.seconds.saturating_add(duration.into()), received.nanos)
}

/// What time it is by the storage's clock, for who only looks: when it receives a lease that holds for no time, and that
/// is removed again. None where nothing can be stored.
///
/// # Errors
/// Those of the storage.
pub(crate) fn look_at_clock(
    backend: &dyn Backend,
    keys: &Keys,
    devices: &DeviceList,
    session: SessionId,
    time: Timestamp,
) -> Result<Option<Timestamp>> {
    use ErrorKind::{PermissionDenied, QuotaExceeded, ReadOnly, StorageFull};
    let mut lease = match begin(backend, keys, devices, session, LeasePurpose::Prune, Duration::ZERO, time) {
        Ok(lease) => lease,
        Err(error) if matches!(error.kind(), PermissionDenied | QuotaExceeded | ReadOnly | StorageFull) => {
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    if backend.delete(&sessions::name(Role::Lease, &session, 0)).is_err() {
        // Then it is cleaned up like those of other sessions.
        let _ = lease.end(backend, keys, devices, time);
    }
    Ok(Some(lease.received()))
}

/// The newest lease of every session.
///
/// A session belongs to the device that began it: leases by any other are rejected.
///
/// # Errors
/// Those of the storage. What is wrong with one object ends in [`rejected`](LeaseListing::rejected).
pub(crate) fn list(backend: &dyn Backend, keys: &Keys, devices: &DeviceList) -> Result<LeaseListing> {
    let (found, rejected) = sessions::list(backend, Role::Lease)?;
    let mut listing = LeaseListing { sessions: Vec::new(), rejected };
    let mut sessions: BTreeMap<SessionId, Vec<SessionObject>> = BTreeMap::new();
    for object in found {
        sessions.entry(object.session).or_default().push(object);
    }
    for mut objects in sessions.into_values() {
        objects.sort_by_key(|object| object.sequence);
        listing.sessions.extend(newest(backend, keys, devices, &objects, &mut listing.rejected)?);
    }
    Ok(listing)
}

/// Most sessions that [`unended_since`] looks at.
const MAX_UNENDED: usize = 64;

/// The newest leases of the newest sessions that storage received a lease of at or after `since`, and that did not
/// say that they ended: they are at work, or broke off. What cannot be read is left out.
///
/// # Errors
/// Those of the storage.
pub(crate) fn unended_since(
    backend: &dyn Backend,
    keys: &Keys,
    devices: &DeviceList,
    since: Option<Timestamp>,
) -> Result<Vec<SessionLease>> {
    let (found, _) = sessions::list(backend, Role::Lease)?;
    let mut sessions: BTreeMap<SessionId, (Timestamp, SessionObject)> = BTreeMap::new();
    for object in found {
        let (began, newest) = sessions.entry(object.session).or_insert_with(|| (object.info.modified, object.clone()));
        *began = object.info.modified.min(*began);
        if object.sequence > newest.sequence {
            *newest = object;
        }
    }
    let mut sessions: Vec<(Timestamp, SessionObject)> = sessions.into_values().collect();
    sessions.retain(|(_, newest)| since.is_none_or(|since| newest.info.modified >= since));
    sessions.sort_by_key(|(_, newest)| Reverse((newest.info.modified, newest.session)));
    let mut unended = Vec::new();
    for (began, object) in sessions.into_iter().take(MAX_UNENDED) {
        let read = sealed::read::<Lease>(backend, keys, devices, &object.info).and_then(|opened| {
            object.check(&opened.value.session, opened.value.sequence, Lease::READ)?;
            Ok(opened.value)
        });
        match read {
            Ok(lease) if lease.state == LeaseState::Active => {
                unended.push(SessionLease { lease, began, received: object.info.modified });
            }
            Ok(_) => {}
            Err(error) if is_gone(&error) || is_of_one_object(&error) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(unended)
}

/// The newest lease among those of one session, which ascend. Reads the first and the last that are valid, not what
/// lies between.
fn newest(
    backend: &dyn Backend,
    keys: &Keys,
    devices: &DeviceList,
    objects: &[SessionObject],
    rejected: &mut RejectedObjects,
) -> Result<Option<SessionLease>> {
    // Taken from storage alone, so that no lease that is rejected can make the session look younger than it is.
    let Some(began) = objects.iter().map(|object| object.info.modified).min() else { return Ok(None) };
    let mut read = |object: &SessionObject, owner: Option<&Lease>| {
        let checked = sealed::read::<Lease>(backend, keys, devices, &object.info).and_then(|opened| {
            let lease = opened.value;
            object.check(&lease.session, lease.sequence, Lease::READ)?;
            if owner.is_some_and(|first| first.device != lease.device) {
                let error = Error::new(ErrorKind::Untrusted, Lease::READ).object(&object.info.name);
                return Err(error.detail("the session was begun by another device"));
            }
            Ok(lease)
        });
        match checked {
            Ok(lease) => Ok(Some(lease)),
            Err(error) if is_gone(&error) => Ok(None),
            Err(error) if is_of_one_object(&error) => {
                rejected.push((object.info.clone(), error));
                Ok(None)
            }
            Err(error) => Err(error),
        }
    };
    let mut ascending = objects.iter();
    let first = loop {
        let Some(object) = ascending.next() else { return Ok(None) };
        if let Some(lease) = read(object, None)? {
            break SessionLease { lease, began, received: object.info.modified };
        }
    };
    for object in ascending.rev() {
        if let Some(lease) = read(object, Some(&first.lease))? {
            return Ok(Some(SessionLease { lease, began, received: object.info.modified }));
        }
    }
    Ok(Some(first))
}

#[cfg(test)]
mod tests;
