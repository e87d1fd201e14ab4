//! What stands in the target where an entry belongs, and what the policy makes of it.

use super::extra;
use super::failure::{Failure, Outcome};
use super::file::name_of;
use super::folder::Place;
use super::job::Job;
use super::metadata::{Attributes, agrees, attributes_agree, has_none, settle};
use super::options::Overwrite;
use super::sys::{self, Facts, Node};
use crate::format::entry::{Entry, EntryKind};
use rustix::fs::FileType;
use rustix::io::Errno;

pub(super) enum Standing {
    /// Nothing, or nothing any more.
    Nothing,
    /// Something that the policy leaves alone.
    Keep,
    /// The entry itself, but perhaps for its metadata.
    Same(Facts),
    /// A regular file whose content differs or has to be compared, and that nothing else refers to.
    Update(Facts),
    /// Something that the entry takes the place of.
    Other,
}

/// Looks at what stands where `entry`, which is not a folder, belongs.
pub(super) fn judge(job: &Job<'_>, place: &Place, entry: &Entry) -> Outcome<Standing> {
    let name = name_of(entry)?;
    let facts = sys::facts(&place.fd, name).map_err(|errno| Failure::target(errno, "look at what exists"))?;
    let Some(facts) = facts else { return Ok(Standing::Nothing) };
    let policy = job.options.overwrite;
    if policy == Overwrite::Never {
        return Ok(Standing::Keep);
    }
    if facts.is_folder() {
        return clear(job, place, entry, name).map(|()| Standing::Nothing);
    }
    let same = is_same(job, place, entry, name, &facts)?;
    if policy == Overwrite::IfNewer && facts.modified >= entry.metadata.modified {
        return Ok(if same { Standing::Same(facts) } else { Standing::Keep });
    }
    Ok(match &entry.kind {
        _ if same => Standing::Same(facts),
        EntryKind::File if facts.file_type == FileType::RegularFile => {
            // Other names of the file would change with it; they may lie outside the target.
            if facts.links > 1 || job.options.replaces_whole() { Standing::Other } else { Standing::Update(facts) }
        }
        _ => Standing::Other,
    })
}

/// Whether what is there has the content of the entry, as far as can be told without reading it.
fn is_same(job: &Job<'_>, place: &Place, entry: &Entry, name: &[u8], facts: &Facts) -> Outcome<bool> {
    if facts.file_type != sys::type_of(&entry.kind) {
        return Ok(false);
    }
    Ok(match &entry.kind {
        EntryKind::File => {
            let trusted = job.options.overwrite != Overwrite::Always && !job.options.verify_existing;
            trusted && facts.size == entry.size && facts.modified == entry.metadata.modified
        }
        EntryKind::Symlink { target } => {
            let held = sys::read_link(&place.fd, name).map_err(|errno| Failure::target(errno, "read a link"))?;
            held == *target
        }
        _ => facts.number == sys::number_of(&entry.kind),
    })
}

/// Removes a folder that stands where something else belongs, if that is allowed.
fn clear(job: &Job<'_>, place: &Place, entry: &Entry, name: &[u8]) -> Outcome<()> {
    let obstructed = || Failure::obstructed("a folder", entry.kind.name());
    if !job.options.may_clear() || job.options.dry_run {
        return if job.options.may_clear() { Ok(()) } else { Err(obstructed()) };
    }
    match sys::remove_folder(&place.fd, name) {
        Ok(()) => Ok(()),
        Err(Errno::NOTEMPTY | Errno::EXIST) if job.options.delete_extra => {
            if extra::remove_folder(job, place, name, &entry.path)? { Ok(()) } else { Err(obstructed()) }
        }
        Err(Errno::NOTEMPTY | Errno::EXIST) => Err(obstructed()),
        Err(errno) => Err(Failure::target(errno, "remove a folder that is in the way")),
    }
}

/// Brings the metadata of what stands there in line. Says no when other names would change with it, so that it has
/// to be replaced.
pub(super) fn refresh(job: &Job<'_>, place: &Place, entry: &Entry, facts: &Facts) -> Outcome<bool> {
    let looking = |errno| Failure::target(errno, "look at what exists");
    let name = name_of(entry)?;
    let metadata = &entry.metadata;
    let agrees = agrees(job, metadata, facts);
    let names = match job.options.xattrs {
        true => sys::xattr_names(&place.fd, name).map_err(looking)?,
        false => Vec::new(),
    };
    if agrees && (!job.options.xattrs || has_none(&names, &metadata.xattrs)) {
        return Ok(true);
    }
    let node = Node::by_handle(sys::open_handle(&place.fd, name).map_err(looking)?);
    if agrees && attributes_agree(&node, &names, &metadata.xattrs) {
        return Ok(true);
    }
    let now = node.facts().map_err(looking)?;
    if now.identity() != facts.identity() || now.links > 1 {
        return Ok(false);
    }
    settle(job, &entry.path, metadata, &node, &now, Attributes::Existing);
    Ok(true)
}
