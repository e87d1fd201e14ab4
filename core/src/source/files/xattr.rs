//! Reading extended attributes, POSIX ACLs among them.

use crate::format::entry::Xattr;
use crate::path::EntryPath;
use crate::problem::{Problem, ProblemReason};
use rustix::io::Errno;
use std::ffi::CStr;
use std::os::fd::BorrowedFd;

/// First buffer for a list of names or a value: nearly all fit.
const USUAL: usize = 512;

/// Largest list or value asked for. Linux allows 64 KiB; other systems keep whole resource forks here.
const LARGEST: usize = 16 * 1024 * 1024;

/// Where the attributes are read.
#[derive(Clone, Copy)]
pub(super) enum Target<'a> {
    /// An open file or folder.
    Open(BorrowedFd<'a>),
    /// A name, without following it.
    Name(&'a CStr),
}

impl Target<'_> {
    fn list(self, buffer: &mut [u8]) -> Result<usize, Errno> {
        match self {
            Target::Open(fd) => rustix::fs::flistxattr(fd, buffer),
            Target::Name(path) => rustix::fs::llistxattr(path, buffer),
        }
    }

    fn get(self, name: &CStr, buffer: &mut [u8]) -> Result<usize, Errno> {
        match self {
            Target::Open(fd) => rustix::fs::fgetxattr(fd, name, buffer),
            Target::Name(path) => rustix::fs::lgetxattr(path, name, buffer),
        }
    }
}

/// All attributes sorted by name, and what could not be read of them.
///
/// # Errors
/// The list itself could not be read. A file system without attributes is not an error.
pub(super) fn read(target: Target<'_>) -> Result<(Vec<Xattr>, Vec<Failure>), Errno> {
    let list = match fetch(|buffer| target.list(buffer)) {
        Ok(list) if list.is_empty() => return Ok((Vec::new(), Vec::new())),
        Ok(list) => list,
        Err(error) if unsupported(error) => return Ok((Vec::new(), Vec::new())),
        Err(error) => return Err(error),
    };
    let mut xattrs = Vec::new();
    let mut failures = Vec::new();
    let mut rest = list.as_slice();
    while let Ok(name) = CStr::from_bytes_until_nul(rest) {
        rest = rest.get(name.count_bytes() + 1..).unwrap_or_default();
        match fetch(|buffer| target.get(name, buffer)) {
            Ok(value) => xattrs.push(Xattr { name: name.to_bytes().to_vec(), value }),
            // Removed since it was listed, or listed by a layer whose lower file system has none.
            Err(Errno::NODATA) => {}
            Err(error) if unsupported(error) => {}
            Err(error) => failures.push(Failure { name: name.to_bytes().to_vec(), error }),
        }
    }
    xattrs.sort_unstable();
    xattrs.dedup_by(|one, other| one.name == other.name);
    Ok((xattrs, failures))
}

/// An attribute that is there and could not be read.
pub(super) struct Failure {
    name: Vec<u8>,
    error: Errno,
}

/// Puts failures into one sentence.
pub(super) fn problem(path: &EntryPath, failures: &[Failure]) -> Option<Problem> {
    let first = failures.first()?;
    let more = match failures.len() {
        1 => String::new(),
        count => format!(" (and {} more)", count - 1),
    };
    let name = String::from_utf8_lossy(&first.name);
    let detail = format!("the extended attribute {name}{more} could not be read: {}", first.error);
    Some(Problem::new(path.clone(), ProblemReason::Metadata, detail))
}

fn unsupported(error: Errno) -> bool {
    // On Linux the two are one number, elsewhere they are not.
    error == Errno::NOTSUP || error == Errno::OPNOTSUPP || error == Errno::NOSYS
}

fn fetch(call: impl Fn(&mut [u8]) -> Result<usize, Errno>) -> Result<Vec<u8>, Errno> {
    let mut usual = [0; USUAL];
    match call(&mut usual) {
        Ok(length) => return Ok(usual.get(..length).unwrap_or_default().to_vec()),
        Err(Errno::RANGE) => {}
        Err(error) => return Err(error),
    }
    let mut size = 64 * 1024;
    loop {
        let mut large = vec![0; size];
        match call(&mut large) {
            Ok(length) => {
                large.truncate(length);
                large.shrink_to_fit();
                return Ok(large);
            }
            Err(Errno::RANGE) if size < LARGEST => size *= 4,
            Err(error) => return Err(error),
        }
    }
}
