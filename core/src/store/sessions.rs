//! Names in the folder of sessions: `<session>-<sequence>` for leases, `<session>.<sequence>` for checkpoints.

use super::sealed;
use crate::backend::{Backend, Folder, ObjectInfo, ObjectName};
use crate::context::Context;
use crate::error::{Error, ErrorKind, Result, corrupt};
use crate::format::checkpoint::Checkpoint;
use crate::format::lease::Lease;
use crate::format::sealed::Envelope;
use crate::id::{SessionId, unhex};
use crate::store::devices::DeviceList;
use crate::store::keys::Keys;

/// What a name in the folder stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Lease,
    Checkpoint,
}

impl Role {
    fn separator(self) -> char {
        match self {
            Role::Lease => '-',
            Role::Checkpoint => '.',
        }
    }
}

/// An object of the folder, by its name.
#[derive(Debug, Clone)]
pub(super) struct SessionObject {
    pub(super) role: Role,
    pub(super) session: SessionId,
    pub(super) sequence: u32,
    pub(super) info: ObjectInfo,
}

/// Objects that cannot be read or trusted, and why. Their storage time tells how long each may matter.
pub(crate) type RejectedObjects = Vec<(ObjectInfo, Error)>;

pub(super) fn name(role: Role, session: &SessionId, sequence: u32) -> ObjectName {
    ObjectName::of(Folder::Sessions, format_args!("{session}{}{sequence:08x}", role.separator()))
}

/// Stores one more object of a session.
pub(super) fn put(
    backend: &dyn Backend,
    role: Role,
    session: &SessionId,
    sequence: u32,
    bytes: &[u8],
    operation: &'static str,
) -> Result<ObjectName> {
    let name = name(role, session, sequence);
    match sealed::put(backend, &name, bytes) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            Err(Error::new(ErrorKind::Conflict, operation).object(name).detail("somebody else is using this session"))
        }
        stored => stored.map(|()| name),
    }
}

fn parse(info: &ObjectInfo) -> Option<SessionObject> {
    [Role::Lease, Role::Checkpoint].into_iter().find_map(|role| {
        let (session, sequence) = info.name.file().split_once(role.separator())?;
        let session = session.parse().ok()?;
        Some(SessionObject { role, session, sequence: u32::from_be_bytes(unhex(sequence)?), info: info.clone() })
    })
}

/// The objects of one role, and what is in the folder and has the name of neither.
pub(super) fn list(backend: &dyn Backend, wanted: Role) -> Result<(Vec<SessionObject>, RejectedObjects)> {
    let (mut found, mut rejected) = (Vec::new(), Vec::new());
    backend.list(Folder::Sessions, &mut |info| {
        match parse(&info) {
            Some(object) if object.role == wanted => found.push(object),
            Some(_) => {}
            None => {
                let error = corrupt("list sessions", "it is named neither like a lease nor like a checkpoint");
                rejected.push((info.clone(), error.object(info.name)));
            }
        }
        Ok(())
    })?;
    Ok((found, rejected))
}

/// What is wrong in the folder of sessions.
#[derive(Debug)]
pub(crate) struct SessionSurvey {
    /// Leases and checkpoints that cannot be read or trusted.
    pub(crate) rejected: RejectedObjects,
    /// What has the name of neither.
    pub(crate) strange: RejectedObjects,
}

/// Reads every lease and every checkpoint.
pub(crate) fn survey(backend: &dyn Backend, keys: &Keys, devices: &DeviceList, ctx: &Context) -> Result<SessionSurvey> {
    let (leases, strange) = list(backend, Role::Lease)?;
    let (checkpoints, _) = list(backend, Role::Checkpoint)?;
    let mut survey = SessionSurvey { rejected: Vec::new(), strange };
    for object in leases.into_iter().chain(checkpoints) {
        ctx.check("check the sessions")?;
        let read = match object.role {
            Role::Lease => sealed::read::<Lease>(backend, keys, devices, &object.info)
                .and_then(|read| object.check(&read.value.session, read.value.sequence, Lease::READ)),
            Role::Checkpoint => sealed::read::<Checkpoint>(backend, keys, devices, &object.info)
                .and_then(|read| object.check(&read.value.session, read.value.sequence, Checkpoint::READ)),
        };
        match read {
            Ok(()) => {}
            Err(error) if sealed::is_gone(&error) => {}
            Err(error) if sealed::is_of_one_object(&error) => survey.rejected.push((object.info, error)),
            Err(error) => return Err(error),
        }
    }
    Ok(survey)
}

impl SessionObject {
    /// Refuses what is stored under the name of another object.
    pub(super) fn check(&self, session: &SessionId, sequence: u32, operation: &'static str) -> Result<()> {
        if (self.session, self.sequence) == (*session, sequence) {
            return Ok(());
        }
        Err(corrupt(operation, "it is another object than its name says").object(&self.info.name))
    }
}
