//! Folders of the target: opened through their parents, and finished when nothing works in them any more.

use super::extra;
use super::failure::{Failure, Outcome};
use super::job::Job;
use super::metadata::{Attributes, settle};
use super::options::Overwrite;
use super::sys::{self, Node};
use crate::format::entry::Metadata;
use crate::path::EntryPath;
use rustix::io::Errno;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// Mode of folders while they are filled.
const PRIVATE: u32 = 0o700;
/// Mode of folders the snapshot says nothing about, less what the process masks.
const USUAL: u32 = 0o777;

/// A folder that entries are restored into.
pub(super) struct Folder {
    /// Whether this restore made it, so that nothing can stand in it yet.
    pub(super) fresh: bool,
    /// Whether what is made in it inherits an access list.
    pub(super) inherits: bool,
    /// The walk while it is inside, and every task with work in it.
    users: AtomicUsize,
    finish: Mutex<Option<Finish>>,
}

/// What is left to do when the last user leaves.
pub(super) struct Finish {
    pub(super) path: EntryPath,
    pub(super) look: Look,
    /// Numbers of all names it should hold, when others are to be removed.
    pub(super) names: Option<Vec<u64>>,
    /// Whether it is taken by the patterns of the restore.
    pub(super) taken: bool,
}

/// How a folder looks in the end.
#[derive(Debug, Default)]
pub(super) enum Look {
    /// As the file system makes it.
    #[default]
    Any,
    /// With this mode, which was taken away to work in it.
    Mode(u32),
    /// As its entry says.
    Entry(Box<Metadata>),
    /// As its entry says, which is read again when the time comes.
    ReadAgain,
}

/// A folder with an open descriptor of it.
#[derive(Clone)]
pub(super) struct Place {
    pub(super) folder: Arc<Folder>,
    pub(super) fd: Arc<OwnedFd>,
}

impl Place {
    pub(super) fn new(fd: Arc<OwnedFd>, fresh: bool, inherits: bool) -> Self {
        let folder = Folder { fresh, inherits, users: AtomicUsize::new(1), finish: Mutex::new(None) };
        Place { folder: Arc::new(folder), fd }
    }

    /// Keeps the folder from being finished until a matching [`leave`](Place::leave).
    pub(super) fn enter(&self) {
        self.folder.users.fetch_add(1, Ordering::AcqRel);
    }

    /// The walk is through with it.
    pub(super) fn close(&self, job: &Job<'_>, finish: Finish) {
        if let Ok(mut slot) = self.folder.finish.lock() {
            *slot = Some(finish);
        }
        self.leave(job);
    }

    /// Ends one use; the last one finishes the folder.
    pub(super) fn leave(&self, job: &Job<'_>) {
        if self.folder.users.fetch_sub(1, Ordering::AcqRel) != 1 {
            return;
        }
        let finish = self.folder.finish.lock().ok().and_then(|mut slot| slot.take());
        if let Some(finish) = finish {
            self.finish(job, finish);
        }
    }

    fn finish(&self, job: &Job<'_>, finish: Finish) {
        if let Some(names) = &finish.names
            && !job.is_ending()
        {
            extra::remove_others(job, self, names, &finish);
        }
        let node = Node::Open(self.fd.as_fd());
        match &finish.look {
            Look::Any | Look::ReadAgain => {}
            Look::Mode(mode) => {
                if let Err(errno) = node.set_mode(*mode) {
                    job.fail(&finish.path, Failure::target(errno, "set a folder's mode back"));
                }
            }
            Look::Entry(metadata) => {
                let attributes =
                    if self.folder.fresh && !self.folder.inherits { Attributes::Fresh } else { Attributes::Existing };
                match node.facts() {
                    Ok(facts) => settle(job, &finish.path, metadata, &node, &facts, attributes),
                    Err(errno) => job.fail(&finish.path, Failure::target(errno, "look at a folder")),
                }
            }
        }
    }
}

/// Opens the folder `name` in `parent`, or makes it. `look` is how its entry wants it; a folder that exists only
/// becomes so when `taken` and the policy say that it may.
pub(super) fn open_or_make(job: &Job<'_>, parent: &Place, name: &[u8], taken: bool, look: &mut Look) -> Outcome<Place> {
    let mode = if matches!(look, Look::Entry(_)) { PRIVATE } else { USUAL };
    let mut fresh = make(&parent.fd, name, mode)?;
    if !fresh && (!taken || job.options.overwrite == Overwrite::Never) {
        *look = Look::Any;
    }
    let opened = match sys::open_folder(&parent.fd, name) {
        Err(Errno::NOTDIR | Errno::LOOP) if !fresh => {
            clear_for_folder(job, parent, name)?;
            fresh = make(&parent.fd, name, mode)?;
            sys::open_folder(&parent.fd, name)
        }
        Err(Errno::ACCESS) if !fresh && !job.privileged => loosen(job, &parent.fd, name, look),
        opened => opened,
    };
    let fd = Arc::new(opened.map_err(|errno| Failure::target(errno, "open a folder"))?);
    if fresh {
        return Ok(Place::new(fd, true, parent.folder.inherits));
    }
    make_writable(job, &fd, look).map_err(|errno| Failure::target(errno, "make a folder writable"))?;
    let inherits = sys::has_default_acl(&fd);
    Ok(Place::new(fd, false, inherits))
}

fn make(parent: &OwnedFd, name: &[u8], mode: u32) -> Outcome<bool> {
    match sys::make_folder(parent, name, mode) {
        Ok(()) => Ok(true),
        Err(Errno::EXIST) => Ok(false),
        Err(errno) => Err(Failure::target(errno, "make a folder")),
    }
}

/// Removes what stands where a folder must be, if that is allowed.
fn clear_for_folder(job: &Job<'_>, parent: &Place, name: &[u8]) -> Outcome<()> {
    let failed = |errno| Failure::target(errno, "remove what stands where a folder should be");
    let Some(facts) = sys::facts(&parent.fd, name).map_err(failed)? else { return Ok(()) };
    if facts.is_folder() {
        return Ok(());
    }
    if !job.options.may_clear() {
        return Err(Failure::obstructed(facts.type_name(), "folder"));
    }
    sys::remove(&parent.fd, name).map_err(failed)
}

/// Lets a folder of our own be worked in while the restore lasts.
pub(super) fn make_writable(job: &Job<'_>, fd: &OwnedFd, look: &mut Look) -> Result<(), Errno> {
    if job.privileged {
        return Ok(());
    }
    let facts = sys::facts_of(fd.as_fd())?;
    if facts.uid == job.uid && facts.mode & PRIVATE != PRIVATE {
        Node::Open(fd.as_fd()).set_mode(facts.mode | PRIVATE)?;
        keep_mode(look, facts.mode);
    }
    Ok(())
}

/// Opens a folder of our own that does not let us read it.
fn loosen(job: &Job<'_>, parent: &OwnedFd, name: &[u8], look: &mut Look) -> Result<OwnedFd, Errno> {
    let node = Node::by_handle(sys::open_handle(parent, name)?);
    let facts = node.facts()?;
    if !facts.is_folder() || facts.uid != job.uid {
        return Err(Errno::ACCESS);
    }
    node.set_mode(facts.mode | PRIVATE)?;
    keep_mode(look, facts.mode);
    sys::open_folder(parent, name)
}

fn keep_mode(look: &mut Look, mode: u32) {
    if matches!(look, Look::Any) {
        *look = Look::Mode(mode);
    }
}
