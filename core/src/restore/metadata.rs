//! Owner, mode, attributes and times, in the order in which none undoes another.

use super::failure::text;
use super::job::Job;
use super::options::Ownership;
use super::sys::{Facts, Node};
use crate::format::entry::{Metadata, Xattr};
use crate::path::EntryPath;
use crate::problem::ProblemReason;
use rustix::fs::FileType;
use rustix::io::Errno;

/// setuid and setgid.
const SET_ID: u32 = 0o6000;
const SET_UID: u32 = 0o4000;
const SET_GID: u32 = 0o2000;
const OWNER_WRITES: u32 = 0o200;

/// What attributes the thing may have that the entry has not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Attributes {
    /// None: it was just made.
    Fresh,
    /// Any: it existed, or inherited some.
    Existing,
}

/// Which attributes are part of a file and not of the system it is on (as security labels are).
fn is_portable(name: &[u8]) -> bool {
    const PREFIXES: [&[u8]; 3] = [b"user.", b"trusted.", b"system.posix_acl_"];
    PREFIXES.iter().any(|prefix| name.starts_with(prefix)) || name == b"security.capability"
}

fn is_acl(name: &[u8]) -> bool {
    name.starts_with(b"system.posix_acl_")
}

/// Whether there are no attributes, and should be none.
pub(super) fn has_none(names: &[Vec<u8>], wanted: &[Xattr]) -> bool {
    wanted.is_empty() && !names.iter().any(|name| is_portable(name))
}

/// Whether the attributes are those that are wanted.
pub(super) fn attributes_agree(node: &Node<'_>, names: &[Vec<u8>], wanted: &[Xattr]) -> bool {
    let is_wanted = |name: &Vec<u8>| find(wanted, name).is_some();
    names.iter().all(|name| !is_portable(name) || is_wanted(name)) && wanted.iter().all(|xattr| holds(node, xattr))
}

fn find<'x>(wanted: &'x [Xattr], name: &[u8]) -> Option<&'x Xattr> {
    wanted.binary_search_by(|xattr| xattr.name.as_slice().cmp(name)).ok().and_then(|found| wanted.get(found))
}

fn holds(node: &Node<'_>, xattr: &Xattr) -> bool {
    // One byte more, so that a longer value that begins alike is not taken for the same.
    let mut held = vec![0; xattr.value.len() + 1];
    node.xattr(&xattr.name, &mut held) == Ok(xattr.value.as_slice())
}

/// Whether what stands there has the metadata it should have, attributes not counted.
pub(super) fn agrees(job: &Job<'_>, metadata: &Metadata, facts: &Facts) -> bool {
    let owned = job.options.owner == Ownership::Skip || (facts.uid, facts.gid) == job.ids(&metadata.owner);
    let is_link = facts.file_type == FileType::Symlink;
    owned && facts.modified == metadata.modified && (is_link || facts.mode == kept_mode(job, metadata, facts))
}

/// The mode an entry gets. Where the owner stays another, setuid and setgid would lend the rights of somebody who
/// never gave them.
fn kept_mode(job: &Job<'_>, metadata: &Metadata, facts: &Facts) -> u32 {
    let mut mode = metadata.mode;
    if job.options.owner == Ownership::Skip && !facts.is_folder() {
        let (uid, gid) = job.ids(&metadata.owner);
        if facts.uid != uid {
            mode &= !SET_UID;
        }
        if facts.gid != gid {
            mode &= !SET_GID;
        }
    }
    mode
}

/// Gives `node` the metadata of an entry; what could not be set is reported as one problem.
pub(super) fn settle(
    job: &Job<'_>,
    path: &EntryPath,
    metadata: &Metadata,
    node: &Node<'_>,
    facts: &Facts,
    attributes: Attributes,
) {
    let mut settling = Settling { node, mode: facts.mode, wrong: Vec::new() };
    let mut mode = kept_mode(job, metadata, facts);
    if job.options.owner != Ownership::Skip {
        mode = settling.own(job.ids(&metadata.owner), facts, mode);
    }
    if job.options.xattrs {
        settling.attributes(job, &metadata.xattrs, attributes);
    }
    let is_link = facts.file_type == FileType::Symlink;
    if !is_link && settling.mode != mode {
        settling.note("its mode", node.set_mode(mode));
    }
    if job.options.xattrs {
        for acl in metadata.xattrs.iter().filter(|xattr| is_acl(&xattr.name)) {
            settling.set(acl, attributes);
        }
    }
    settling.note("its modification time", node.set_modified(metadata.modified));
    if !settling.wrong.is_empty() {
        job.problem(path, ProblemReason::Metadata, settling.wrong.join("; "));
    }
}

struct Settling<'a> {
    node: &'a Node<'a>,
    /// The mode it has now.
    mode: u32,
    wrong: Vec<String>,
}

impl Settling<'_> {
    fn note(&mut self, what: &str, result: Result<(), Errno>) {
        if let Err(errno) = result {
            self.wrong.push(format!("{what} could not be set: {}", text(errno)));
        }
    }

    /// Sets the owner and returns the mode that may then be set.
    fn own(&mut self, (new_uid, new_gid): (u32, u32), facts: &Facts, mut mode: u32) -> u32 {
        let uid = (facts.uid != new_uid).then_some(new_uid);
        let gid = (facts.gid != new_gid).then_some(new_gid);
        if uid.is_none() && gid.is_none() {
            return mode;
        }
        let Err(errno) = self.node.set_owner(uid, gid) else {
            self.owner_changed(facts);
            return mode;
        };
        // Everybody may give files to groups they are in.
        let group_set = gid.is_none() || (uid.is_some() && self.node.set_owner(None, gid).is_ok());
        if group_set && gid.is_some() {
            self.owner_changed(facts);
        }
        let lost = if uid.is_some() { SET_UID } else { 0 } | if group_set { 0 } else { SET_GID };
        if !facts.is_folder() {
            mode &= !lost;
        }
        let (user, group) = (facts.uid, if group_set { new_gid } else { facts.gid });
        self.wrong.push(format!("its owner stays {user}:{group} instead of {new_uid}:{new_gid}: {}", text(errno)));
        mode
    }

    /// The system takes setuid and setgid away, from some files and not from others.
    fn owner_changed(&mut self, facts: &Facts) {
        if facts.mode & SET_ID != 0 {
            self.mode = u32::MAX;
        }
    }

    /// Removes attributes that should not be there and sets all but ACLs, which a change of mode would alter.
    fn attributes(&mut self, job: &Job<'_>, wanted: &[Xattr], attributes: Attributes) {
        let mut extra = Vec::new();
        if attributes == Attributes::Existing {
            match self.node.xattr_names() {
                Ok(names) => extra = names,
                Err(errno) => self.wrong.push(format!("its attributes could not be listed: {}", text(errno))),
            }
            extra.retain(|name| is_portable(name) && find(wanted, name).is_none());
        }
        if wanted.is_empty() && extra.is_empty() {
            return;
        }
        // Attributes of users can only be changed on what its owner may write.
        if !job.privileged && self.mode & OWNER_WRITES == 0 && self.mode <= 0o7777 {
            let writable = self.mode | OWNER_WRITES;
            if self.node.set_mode(writable).is_ok() {
                self.mode = writable;
            }
        }
        for name in extra {
            match self.node.remove_xattr(&name) {
                Ok(()) | Err(Errno::NODATA) => {}
                Err(errno) => {
                    let name = String::from_utf8_lossy(&name);
                    self.wrong.push(format!("attribute {name} could not be removed: {}", text(errno)));
                }
            }
        }
        for xattr in wanted.iter().filter(|xattr| !is_acl(&xattr.name)) {
            self.set(xattr, attributes);
        }
    }

    fn set(&mut self, xattr: &Xattr, attributes: Attributes) {
        if attributes == Attributes::Existing && holds(self.node, xattr) {
            return;
        }
        if let Err(errno) = self.node.set_xattr(&xattr.name, &xattr.value) {
            let name = String::from_utf8_lossy(&xattr.name);
            self.wrong.push(format!("attribute {name} could not be set: {}", text(errno)));
        }
    }
}
