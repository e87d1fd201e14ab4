//! Reading whole sources in tests.

use super::{EntryHandle, EntrySource, SourceItem};
use crate::context::Context;
use crate::format::entry::{Content, Entry, EntryKind, Metadata};
use crate::path::EntryPath;
use crate::problem::Problem;

/// An entry with all that its handle told.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) entry: Entry,
    /// Content without holes.
    pub(crate) data: Vec<u8>,
    /// Set for one more name of the file at that path.
    pub(crate) link: Option<EntryPath>,
}

pub(crate) fn path(text: &str) -> EntryPath {
    EntryPath::parse(text).unwrap()
}

pub(crate) fn entry(at: &str, kind: EntryKind) -> Entry {
    let metadata = Metadata::default();
    Entry { path: path(at), kind, metadata, size: 0, holes: Vec::new(), content: Content::Empty }
}

/// Reads all of a source the way a backup does that knows nothing yet.
pub(crate) fn read_all(mut source: impl EntrySource) -> (Vec<Seen>, Vec<Problem>) {
    let ctx = Context::new();
    let (mut seen, mut problems) = (Vec::new(), Vec::new());
    while let Some(item) = source.next(&ctx).unwrap() {
        match item {
            SourceItem::Problem(problem) => problems.push(problem),
            SourceItem::Link(entry, target) => seen.push(Seen { entry, data: Vec::new(), link: Some(target) }),
            SourceItem::Entry(entry, handle) => match read_entry(entry, handle, &mut problems) {
                Ok(one) => seen.push(one),
                Err(problem) => problems.push(problem),
            },
        }
    }
    (seen, problems)
}

pub(crate) fn read_entry(
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
    Ok(Seen { entry, data, link: None })
}

/// With a small buffer, so that even little files take several reads.
pub(crate) fn read_data(handle: &mut dyn EntryHandle) -> Vec<u8> {
    let mut data = Vec::new();
    let mut buffer = [0; 7000];
    loop {
        match handle.read(&mut buffer).unwrap() {
            0 => return data,
            count => data.extend_from_slice(&buffer[..count]),
        }
    }
}

/// The one at `at`; the last of several.
pub(crate) fn find<'a>(seen: &'a [Seen], at: &str) -> &'a Seen {
    let path = path(at);
    seen.iter().rfind(|one| one.entry.path == path).unwrap_or_else(|| panic!("{at} is missing"))
}

/// Content with its holes put back.
pub(crate) fn expand(entry: &Entry, data: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    let mut rest = data;
    for hole in &entry.holes {
        let (before, after) = rest.split_at(usize::try_from(hole.offset).unwrap() - whole.len());
        whole.extend_from_slice(before);
        whole.resize(whole.len() + usize::try_from(hole.length).unwrap(), 0);
        rest = after;
    }
    whole.extend_from_slice(rest);
    assert_eq!(u64::try_from(whole.len()).unwrap(), entry.size);
    whole
}
