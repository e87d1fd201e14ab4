//! The file system source against real folders.

mod changing;
mod choosing;
mod content;
mod metadata;
mod walking;

use super::FileSource;
use crate::context::Context;
use crate::format::entry::{Entry, EntryKind};
use crate::path::EntryPath;
use crate::problem::Problem;
use crate::source::{EntryHandle, EntrySource, SourceItem};
use std::path::Path;

/// An entry with all that its handle told.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) entry: Entry,
    /// Content without holes.
    pub(super) data: Vec<u8>,
}

/// Reads all of a source the way a backup does that knows nothing yet.
pub(super) fn read_all(mut source: impl EntrySource) -> (Vec<Seen>, Vec<Problem>) {
    let ctx = Context::new();
    let (mut seen, mut problems) = (Vec::new(), Vec::new());
    while let Some(item) = source.next(&ctx).unwrap() {
        match item {
            SourceItem::Problem(problem) => problems.push(problem),
            SourceItem::Entry(entry, handle) => match read_entry(entry, handle, &mut problems) {
                Ok(one) => seen.push(one),
                Err(problem) => problems.push(problem),
            },
        }
    }
    (seen, problems)
}

pub(super) fn read_entry(
    mut entry: Entry,
    mut handle: Box<dyn EntryHandle>,
    problems: &mut Vec<Problem>,
) -> Result<Seen, Problem> {
    let mut data = Vec::new();
    if entry.kind == EntryKind::File {
        handle.open(&mut entry)?;
        data = read_data(handle.as_mut());
        problems.extend(handle.close(&mut entry));
    } else {
        handle.describe(&mut entry)?;
    }
    problems.extend(handle.take_problem());
    Ok(Seen { entry, data })
}

/// With a small buffer, so that even little files take several reads.
pub(super) fn read_data(handle: &mut dyn EntryHandle) -> Vec<u8> {
    let mut data = Vec::new();
    let mut buffer = [0; 7000];
    loop {
        match handle.read(&mut buffer).unwrap() {
            0 => return data,
            count => data.extend_from_slice(&buffer[..count]),
        }
    }
}

/// Everything a source lists, without reading; fails on problems.
pub(super) fn listed(mut source: FileSource) -> Vec<Entry> {
    let ctx = Context::new();
    let mut entries = Vec::new();
    while let Some(item) = source.next(&ctx).unwrap() {
        match item {
            SourceItem::Entry(entry, _) => entries.push(entry),
            SourceItem::Problem(problem) => panic!("{problem}"),
        }
    }
    assert!(entries.windows(2).all(|pair| pair[0].path < pair[1].path));
    entries
}

pub(super) fn names(source: FileSource) -> Vec<String> {
    listed(source).iter().map(|entry| entry.path.to_string()).collect()
}

pub(super) fn find<'a>(seen: &'a [Seen], path: &str) -> &'a Seen {
    let path = EntryPath::parse(path).unwrap();
    seen.iter().find(|one| one.entry.path == path).unwrap_or_else(|| panic!("{path} is missing"))
}

/// Creates folders and files; a name that ends in `/` is a folder.
pub(super) fn tree(root: &Path, paths: &[&str]) {
    for path in paths {
        let full = root.join(path);
        if path.ends_with('/') {
            std::fs::create_dir_all(full).unwrap();
        } else {
            std::fs::create_dir_all(full.parent().unwrap()).unwrap();
            std::fs::write(full, path).unwrap();
        }
    }
}
