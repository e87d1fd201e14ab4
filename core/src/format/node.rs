//! Nodes of the sorted tree: leaves hold entries, inner nodes hold children, run lists hold content of large files.

use super::entry::{Content, Entry, EntryKind, HardLink, Hole, Metadata, Owner, Run, Timestamp, Xattr};
use super::pack::Reference;
use super::wire::{Reader, put_bytes, put_signed, put_varint};
use crate::error::{Error, ErrorKind, Result, internal, unsupported};
use crate::id::{BlobId, SegmentId};
use crate::path::EntryPath;
use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

const LEAF: u8 = 1;
const INNER: u8 = 2;
const RUN_LIST: u8 = 3;

/// Longest node accepted; a node holds at least one entry, and an entry's attributes can be long.
pub(crate) const MAX_NODE: usize = 8 * 1024 * 1024;
/// Most bytes of extended attributes of one entry, names and values together.
pub(crate) const MAX_XATTRS: usize = 1024 * 1024;
/// Longest target of a symbolic link.
pub(crate) const MAX_LINK: usize = 64 * 1024;
/// Longest name of an owner or group.
pub(crate) const MAX_OWNER: usize = 1024;
/// Most entries, owners, segments, children or runs of one node or run list. Nodes end long before; what is decoded
/// takes more memory than its encoding, and this bounds it.
pub(crate) const MAX_ELEMENTS: usize = 65_536;
/// Most holes of one file.
pub(crate) const MAX_HOLES: usize = 65_536;
/// Deepest tree accepted; far beyond what any number of entries needs.
pub(crate) const MAX_LEVEL: u8 = 32;

/// A decoded node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Node {
    Leaf(Vec<Entry>),
    Inner { level: u8, children: Vec<Child> },
}

/// One child of an inner node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Child {
    /// Key of the first entry below it.
    pub(crate) first: Vec<u8>,
    pub(crate) id: BlobId,
    pub(crate) totals: Totals,
}

/// Sums over the entries below a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Totals {
    pub(crate) entries: u64,
    pub(crate) files: u64,
    /// Sum of the sizes of regular files.
    pub(crate) bytes: u64,
}

impl Totals {
    pub(crate) fn add(&mut self, other: Totals) {
        self.entries = self.entries.saturating_add(other.entries);
        self.files = self.files.saturating_add(other.files);
        self.bytes = self.bytes.saturating_add(other.bytes);
    }

    pub(crate) fn of(entry: &Entry) -> Totals {
        Totals { entries: 1, files: u64::from(matches!(entry.kind, EntryKind::File)), bytes: entry.size }
    }
}

/// A list of runs, or of lists, for the content of a file with very many runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RunList {
    Runs(Vec<Run>),
    Lists { level: u8, children: Vec<ListChild> },
}

/// One child of a run list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ListChild {
    pub(crate) id: BlobId,
    /// Bytes of content below it.
    pub(crate) bytes: u64,
}

/// Numbers the segments a node refers to in the order of their first use.
#[derive(Default)]
struct SegmentTable {
    order: Vec<SegmentId>,
    numbers: HashMap<SegmentId, u64>,
}

impl SegmentTable {
    fn number(&mut self, id: SegmentId) -> u64 {
        let next = self.order.len() as u64;
        *self.numbers.entry(id).or_insert_with(|| {
            self.order.push(id);
            next
        })
    }

    fn write(&self, out: &mut Vec<u8>) {
        put_varint(out, self.order.len() as u64);
        for id in &self.order {
            out.extend_from_slice(id.as_bytes());
        }
    }
}

/// The number of elements of a list, of which each takes at least `each` bytes.
fn elements(reader: &mut Reader<'_>, each: usize) -> Result<usize> {
    let count = reader.count(each)?;
    if count > MAX_ELEMENTS { Err(reader.error("it has more elements than any node may have")) } else { Ok(count) }
}

fn read_segments(reader: &mut Reader<'_>) -> Result<Vec<SegmentId>> {
    let count = elements(reader, SegmentId::LEN)?;
    let mut segments = Vec::with_capacity(count);
    for _ in 0..count {
        segments.push(SegmentId::from_bytes(reader.array()?));
    }
    Ok(segments)
}

/// A run most often continues where the one before it ended; then it costs three small numbers.
#[derive(Default)]
struct RunState {
    segment: u64,
    next: u32,
}

impl RunState {
    fn write(&mut self, run: &Run, number: u64, bytes: Option<u64>, out: &mut Vec<u8>) {
        put_varint(out, number);
        let expected = if number == self.segment { self.next } else { 0 };
        put_signed(out, i64::from(run.first) - i64::from(expected));
        put_varint(out, u64::from(run.count));
        if let Some(bytes) = bytes {
            put_varint(out, bytes);
        }
        *self = RunState { segment: number, next: run.first.saturating_add(run.count) };
    }

    /// Reads a run; `bytes` is what it holds where that is known without reading it.
    fn read(&mut self, reader: &mut Reader<'_>, segments: &[SegmentId], bytes: Option<u64>) -> Result<Run> {
        let number = reader.varint()?;
        let segment = usize::try_from(number).ok().and_then(|number| segments.get(number));
        let segment = *segment.ok_or_else(|| reader.error("a run names a segment that is not listed"))?;
        let expected = if number == self.segment { self.next } else { 0 };
        let first = i64::from(expected).checked_add(reader.signed()?).and_then(|first| u32::try_from(first).ok());
        let first = first.ok_or_else(|| reader.error("a run begins outside its segment"))?;
        let count = reader.u32()?;
        let next = first.checked_add(count).filter(|_| count > 0);
        let next = next.ok_or_else(|| reader.error("a run is empty or too long"))?;
        let bytes = match bytes {
            Some(bytes) => bytes,
            None => reader.varint()?,
        };
        *self = RunState { segment: number, next };
        Ok(Run { segment, first, count, bytes })
    }
}

const KIND_BITS: u64 = 0b111;
const HAS_CHANGED: u64 = 1 << 3;
const HAS_INODE: u64 = 1 << 4;
const HAS_LINK: u64 = 1 << 5;
const HAS_XATTRS: u64 = 1 << 6;
const HAS_HOLES: u64 = 1 << 7;
const CONTENT_SHIFT: u32 = 8;
const KNOWN_FLAGS: u64 = (1 << 10) - 1;

/// What is wrong with an entry that no reader would accept, if anything. Sources are asked to yield sound entries;
/// what they yield is checked all the same before it is written.
pub(crate) fn fault(entry: &Entry) -> Option<&'static str> {
    let Entry { kind, metadata, size, holes, content, .. } = entry;
    let is_file = *kind == EntryKind::File;
    if metadata.mode > 0o7777 {
        return Some("its mode has bits beyond 07777");
    }
    let times = [Some(metadata.modified), metadata.changed];
    if times.into_iter().flatten().any(|time| time.nanos > 999_999_999) {
        return Some("a time of it has a billion nanoseconds or more");
    }
    if metadata.owner.user.len() > MAX_OWNER || metadata.owner.group.len() > MAX_OWNER {
        return Some("the name of its owner is too long");
    }
    if let EntryKind::Symlink { target } = kind
        && (target.len() > MAX_LINK || target.contains(&0))
    {
        return Some("its link target is too long or holds NUL");
    }
    if !is_file && (*size > 0 || !holes.is_empty() || *content != Content::Empty) {
        return Some("it has content and is not a file");
    }
    if holes.len() > MAX_HOLES {
        return Some("it has more than 65,536 holes");
    }
    let mut end = None;
    for hole in holes {
        let touches = end.is_some_and(|end| hole.offset <= end);
        end = hole.offset.checked_add(hole.length);
        if touches || hole.length == 0 || end.is_none_or(|end| end > *size) {
            return Some("its holes are empty, touch, or lie outside of it");
        }
    }
    xattr_fault(&metadata.xattrs)
}

/// What is wrong with a list of extended attributes, if anything.
pub(crate) fn xattr_fault(xattrs: &[Xattr]) -> Option<&'static str> {
    if xattrs.iter().any(|xattr| xattr.name.is_empty() || xattr.name.contains(&0)) {
        return Some("an extended attribute of it has an impossible name");
    }
    if xattrs.windows(2).any(|pair| matches!(pair, [first, second] if first.name >= second.name)) {
        return Some("its extended attributes do not ascend");
    }
    let total = xattrs.iter().map(|xattr| xattr.name.len() + xattr.value.len()).fold(0, usize::saturating_add);
    (total > MAX_XATTRS).then_some("its extended attributes are longer than 1 MiB together")
}

/// What an entry is written relative to.
#[derive(Default)]
struct Previous {
    key: Vec<u8>,
    seconds: i64,
    inode: u64,
    run: RunState,
}

/// Encodes a leaf and lists the segments and lists it refers to.
pub(crate) fn encode_leaf(entries: &[Entry]) -> Result<(Vec<u8>, Vec<Reference>)> {
    let mut segments = SegmentTable::default();
    let mut lists = Vec::new();
    let mut owners: Vec<&Arc<Owner>> = Vec::new();
    let mut body = Vec::with_capacity(entries.len() * 64);
    let mut previous = Previous::default();
    for entry in entries {
        let known = owners.iter().position(|owner| Arc::ptr_eq(owner, &entry.metadata.owner));
        let known = known.or_else(|| owners.iter().position(|owner| **owner == entry.metadata.owner));
        let owner = known.unwrap_or_else(|| {
            owners.push(&entry.metadata.owner);
            owners.len() - 1
        });
        write_entry(entry, owner as u64, &mut previous, &mut segments, &mut lists, &mut body)?;
    }
    let mut out = Vec::with_capacity(body.len() + 34 * segments.order.len() + 64);
    out.extend_from_slice(&[LEAF, 0]);
    segments.write(&mut out);
    put_varint(&mut out, owners.len() as u64);
    for owner in owners {
        put_varint(&mut out, u64::from(owner.uid));
        put_varint(&mut out, u64::from(owner.gid));
        put_bytes(&mut out, owner.user.as_bytes());
        put_bytes(&mut out, owner.group.as_bytes());
    }
    put_varint(&mut out, entries.len() as u64);
    out.append(&mut body);
    if out.len() > MAX_NODE {
        return Err(Error::new(ErrorKind::LimitExceeded, "write a tree node").detail("its entries are too long"));
    }
    let mut references: Vec<Reference> = segments.order.into_iter().map(Reference::Data).collect();
    references.extend(lists.into_iter().map(Reference::Tree));
    Ok((out, references))
}

fn write_entry(
    entry: &Entry,
    owner: u64,
    previous: &mut Previous,
    segments: &mut SegmentTable,
    lists: &mut Vec<BlobId>,
    out: &mut Vec<u8>,
) -> Result<()> {
    let (key, metadata) = (entry.path.key(), &entry.metadata);
    let shared = key.iter().zip(&previous.key).take_while(|(a, b)| a == b).count();
    put_varint(out, shared as u64);
    put_bytes(out, key.get(shared..).unwrap_or_default());
    let kind = match entry.kind {
        EntryKind::File => 0,
        EntryKind::Directory => 1,
        EntryKind::Symlink { .. } => 2,
        EntryKind::Fifo => 3,
        EntryKind::Socket => 4,
        EntryKind::CharDevice { .. } => 5,
        EntryKind::BlockDevice { .. } => 6,
    };
    let content: u64 = match &entry.content {
        Content::Empty => 0,
        Content::Inline(_) => 1,
        Content::Runs(_) => 2,
        Content::List { .. } => 3,
    };
    let flag = |set: bool, bit: u64| if set { bit } else { 0 };
    let flags = kind
        | flag(metadata.changed.is_some(), HAS_CHANGED)
        | flag(metadata.inode.is_some(), HAS_INODE)
        | flag(metadata.hard_link.is_some(), HAS_LINK)
        | flag(!metadata.xattrs.is_empty(), HAS_XATTRS)
        | flag(!entry.holes.is_empty(), HAS_HOLES)
        | (content << CONTENT_SHIFT);
    put_varint(out, flags);
    put_varint(out, u64::from(metadata.mode));
    put_varint(out, owner);
    put_signed(out, metadata.modified.seconds.wrapping_sub(previous.seconds));
    put_varint(out, u64::from(metadata.modified.nanos));
    if let Some(changed) = metadata.changed {
        put_signed(out, changed.seconds.wrapping_sub(metadata.modified.seconds));
        put_varint(out, u64::from(changed.nanos));
    }
    if let Some(inode) = metadata.inode {
        put_signed(out, inode.wrapping_sub(previous.inode).cast_signed());
        previous.inode = inode;
    }
    if let Some(link) = metadata.hard_link {
        put_varint(out, link.device);
        put_varint(out, link.inode);
    }
    match &entry.kind {
        EntryKind::File => put_varint(out, entry.size),
        EntryKind::Symlink { target } => put_bytes(out, target),
        EntryKind::CharDevice { major, minor } | EntryKind::BlockDevice { major, minor } => {
            put_varint(out, u64::from(*major));
            put_varint(out, u64::from(*minor));
        }
        EntryKind::Directory | EntryKind::Fifo | EntryKind::Socket => {}
    }
    if !metadata.xattrs.is_empty() {
        put_varint(out, metadata.xattrs.len() as u64);
        for xattr in &metadata.xattrs {
            put_bytes(out, &xattr.name);
            put_bytes(out, &xattr.value);
        }
    }
    let mut data = entry.size;
    if !entry.holes.is_empty() {
        put_varint(out, entry.holes.len() as u64);
        let mut end = 0u64;
        for hole in &entry.holes {
            put_varint(out, hole.offset.saturating_sub(end));
            put_varint(out, hole.length);
            end = hole.offset.saturating_add(hole.length);
            data = data.saturating_sub(hole.length);
        }
    }
    match &entry.content {
        Content::Empty => {}
        Content::Inline(bytes) => put_bytes(out, bytes),
        Content::Runs(runs) => {
            put_varint(out, runs.len() as u64);
            for (position, run) in runs.iter().enumerate() {
                // The last run holds what is left of the file.
                let bytes = (position + 1 < runs.len()).then_some(run.bytes);
                previous.run.write(run, segments.number(run.segment), bytes, out);
            }
            if runs.is_empty() || runs.iter().try_fold(0u64, |sum, run| sum.checked_add(run.bytes)) != Some(data) {
                return Err(internal("write a tree node", "runs do not add up to the file").object(&entry.path));
            }
        }
        Content::List { id, levels } => {
            out.extend_from_slice(id.as_bytes());
            out.push(*levels);
            if !lists.contains(id) {
                lists.push(*id);
            }
        }
    }
    previous.key.truncate(shared);
    previous.key.extend_from_slice(key.get(shared..).unwrap_or_default());
    previous.seconds = metadata.modified.seconds;
    Ok(())
}

fn read_timestamp(reader: &mut Reader<'_>, relative_to: i64) -> Result<Timestamp> {
    let seconds = relative_to.wrapping_add(reader.signed()?);
    let nanos = reader.u32()?;
    if nanos > 999_999_999 {
        return Err(reader.error("a time has a billion nanoseconds or more"));
    }
    Ok(Timestamp { seconds, nanos })
}

fn read_holes(reader: &mut Reader<'_>, size: u64) -> Result<(Vec<Hole>, u64)> {
    let count = reader.count(2)?;
    if count == 0 {
        return Err(reader.error("a list of holes is empty"));
    }
    if count > MAX_HOLES {
        return Err(reader.error("a file has more than 65,536 holes"));
    }
    let mut holes = Vec::with_capacity(count);
    let (mut end, mut data) = (0u64, size);
    for position in 0..count {
        let (gap, length) = (reader.varint()?, reader.varint()?);
        let offset = end.checked_add(gap).filter(|_| position == 0 || gap > 0);
        let hole_end = offset.and_then(|offset| offset.checked_add(length)).filter(|end| length > 0 && *end <= size);
        let (Some(offset), Some(hole_end)) = (offset, hole_end) else {
            return Err(reader.error("a hole is empty, touches another, or lies outside its file"));
        };
        holes.push(Hole { offset, length });
        end = hole_end;
        data -= length;
    }
    Ok((holes, data))
}

fn read_entry(
    reader: &mut Reader<'_>,
    previous: &mut Previous,
    segments: &[SegmentId],
    owners: &[Arc<Owner>],
    first: bool,
) -> Result<Entry> {
    let shared = usize::try_from(reader.varint()?).unwrap_or(usize::MAX);
    let suffix = reader.bytes()?;
    let prefix = previous.key.get(..shared).ok_or_else(|| reader.error("a path shares more than there is"))?;
    let mut key = Vec::with_capacity(shared + suffix.len());
    key.extend_from_slice(prefix);
    key.extend_from_slice(suffix);
    if !first && key <= previous.key {
        return Err(reader.error("paths do not ascend"));
    }
    previous.key.clone_from(&key);
    let path = EntryPath::from_key(key).map_err(|detail| reader.error(detail))?;

    let flags = reader.varint()?;
    if flags & !KNOWN_FLAGS != 0 {
        return Err(unsupported("read a tree node", "an entry has a property this build does not know").object(&path));
    }
    let has = |bit: u64| flags & bit != 0;
    let mode = reader.u32()?;
    if mode > 0o7777 {
        return Err(reader.error("a mode has bits beyond 07777"));
    }
    let owner = usize::try_from(reader.varint()?).ok().and_then(|number| owners.get(number));
    let owner = Arc::clone(owner.ok_or_else(|| reader.error("an owner is not listed"))?);
    let modified = read_timestamp(reader, previous.seconds)?;
    previous.seconds = modified.seconds;
    let changed = if has(HAS_CHANGED) { Some(read_timestamp(reader, modified.seconds)?) } else { None };
    let inode = if has(HAS_INODE) {
        previous.inode = previous.inode.wrapping_add(reader.signed()?.cast_unsigned());
        Some(previous.inode)
    } else {
        None
    };
    let hard_link =
        if has(HAS_LINK) { Some(HardLink { device: reader.varint()?, inode: reader.varint()? }) } else { None };
    let mut size = 0;
    let kind = match flags & KIND_BITS {
        0 => {
            size = reader.varint()?;
            EntryKind::File
        }
        1 => EntryKind::Directory,
        2 => {
            let target = reader.bytes()?;
            if target.len() > MAX_LINK || target.contains(&0) {
                return Err(reader.error("the target of a link is too long or holds NUL"));
            }
            EntryKind::Symlink { target: target.to_vec() }
        }
        3 => EntryKind::Fifo,
        4 => EntryKind::Socket,
        5 => EntryKind::CharDevice { major: reader.u32()?, minor: reader.u32()? },
        6 => EntryKind::BlockDevice { major: reader.u32()?, minor: reader.u32()? },
        _ => return Err(unsupported("read a tree node", "an entry is of an unknown type").object(&path)),
    };
    let xattrs = if has(HAS_XATTRS) { read_xattrs(reader)? } else { Vec::new() };
    let is_file = matches!(kind, EntryKind::File);
    let (holes, data) = match has(HAS_HOLES) {
        true if is_file => read_holes(reader, size)?,
        true => return Err(reader.error("something that is not a file has holes")),
        false => (Vec::new(), size),
    };
    let content = match (flags >> CONTENT_SHIFT) & 3 {
        0 if data == 0 => Content::Empty,
        0 => return Err(reader.error("a file has a size and no content")),
        _ if !is_file => return Err(reader.error("something that is not a file has content")),
        1 => {
            let bytes = reader.bytes()?;
            if bytes.is_empty() || bytes.len() as u64 != data {
                return Err(reader.error("inline content does not have the file's size"));
            }
            Content::Inline(bytes.to_vec())
        }
        2 => Content::Runs(read_runs_of(reader, previous, segments, data)?),
        _ => {
            let (id, levels) = (BlobId::from_bytes(reader.array()?), reader.u8()?);
            if levels == 0 || levels > MAX_LEVEL || data == 0 {
                return Err(reader.error("a run list has an impossible depth or no content"));
            }
            Content::List { id, levels }
        }
    };
    let metadata = Metadata { mode, owner, modified, changed, inode, hard_link, xattrs };
    Ok(Entry { path, kind, metadata, size, holes, content })
}

fn read_runs_of(
    reader: &mut Reader<'_>,
    previous: &mut Previous,
    segments: &[SegmentId],
    data: u64,
) -> Result<Vec<Run>> {
    let count = elements(reader, 3)?;
    let mut runs = Vec::with_capacity(count);
    let mut left = data;
    for position in 0..count {
        let last = position + 1 == count;
        let run = previous.run.read(reader, segments, last.then_some(left))?;
        left = left.checked_sub(run.bytes).ok_or_else(|| reader.error("runs are longer than their file"))?;
        runs.push(run);
    }
    if left != 0 || runs.is_empty() {
        return Err(reader.error("a file has no runs"));
    }
    Ok(runs)
}

fn read_xattrs(reader: &mut Reader<'_>) -> Result<Vec<Xattr>> {
    let count = reader.count(2)?;
    let mut xattrs: Vec<Xattr> = Vec::with_capacity(count.min(64));
    let mut total = 0usize;
    for _ in 0..count {
        let (name, value) = (reader.bytes()?, reader.bytes()?);
        total = total.saturating_add(name.len()).saturating_add(value.len());
        if name.is_empty() || name.contains(&0) || total > MAX_XATTRS {
            return Err(reader.error("an extended attribute has an impossible name or is too long"));
        }
        if xattrs.last().is_some_and(|last| last.name.as_slice() >= name) {
            return Err(reader.error("extended attributes do not ascend"));
        }
        xattrs.push(Xattr { name: name.to_vec(), value: value.to_vec() });
    }
    if xattrs.is_empty() {
        return Err(reader.error("a list of extended attributes is empty"));
    }
    Ok(xattrs)
}

/// Encodes an inner node.
pub(crate) fn encode_inner(level: u8, children: &[Child]) -> (Vec<u8>, Vec<Reference>) {
    let mut out = vec![INNER, level];
    put_varint(&mut out, children.len() as u64);
    let mut previous: &[u8] = &[];
    for child in children {
        let shared = child.first.iter().zip(previous).take_while(|(a, b)| a == b).count();
        put_varint(&mut out, shared as u64);
        put_bytes(&mut out, child.first.get(shared..).unwrap_or_default());
        out.extend_from_slice(child.id.as_bytes());
        put_varint(&mut out, child.totals.entries);
        put_varint(&mut out, child.totals.files);
        put_varint(&mut out, child.totals.bytes);
        previous = &child.first;
    }
    (out, children.iter().map(|child| Reference::Tree(child.id)).collect())
}

/// What a tree blob of any kind refers to, each once.
pub(crate) fn references(bytes: &[u8]) -> Result<Vec<Reference>> {
    let mut found: HashSet<Reference> = HashSet::new();
    let runs = |runs: &[Run], found: &mut HashSet<Reference>| {
        found.extend(runs.iter().map(|run| Reference::Data(run.segment)));
    };
    if bytes.first() == Some(&RUN_LIST) {
        match RunList::decode(bytes)? {
            RunList::Runs(list) => runs(&list, &mut found),
            RunList::Lists { children, .. } => found.extend(children.iter().map(|child| Reference::Tree(child.id))),
        }
    } else {
        match Node::decode(bytes)? {
            Node::Inner { children, .. } => found.extend(children.iter().map(|child| Reference::Tree(child.id))),
            Node::Leaf(entries) => entries.iter().for_each(|entry| match &entry.content {
                Content::Runs(list) => runs(list, &mut found),
                Content::List { id, .. } => drop(found.insert(Reference::Tree(*id))),
                Content::Empty | Content::Inline(_) => {}
            }),
        }
    }
    Ok(found.into_iter().collect())
}

impl Node {
    /// Decodes a leaf or an inner node.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Node> {
        let mut reader = start_node(bytes)?;
        let node = match (reader.u8()?, reader.u8()?) {
            (LEAF, 0) => Node::Leaf(read_leaf(&mut reader)?),
            (INNER, level @ 1..=MAX_LEVEL) => Node::Inner { level, children: read_children(&mut reader)? },
            (LEAF | INNER | RUN_LIST, _) => return Err(reader.error("it is not a node of a tree of paths")),
            _ => return Err(unsupported("read a tree node", "it is of an unknown kind")),
        };
        reader.end()?;
        Ok(node)
    }

    /// Whether these bytes are those of a leaf.
    pub(crate) fn is_leaf(bytes: &[u8]) -> bool {
        bytes.first() == Some(&LEAF)
    }

    pub(crate) fn level(&self) -> u8 {
        match self {
            Node::Leaf(_) => 0,
            Node::Inner { level, .. } => *level,
        }
    }
}

/// What stands before the entries of a leaf.
struct LeafHead {
    segments: Vec<SegmentId>,
    owners: Vec<Arc<Owner>>,
    count: usize,
}

fn read_leaf(reader: &mut Reader<'_>) -> Result<Vec<Entry>> {
    let head = read_leaf_head(reader)?;
    let mut entries = Vec::with_capacity(head.count);
    let mut previous = Previous::default();
    for position in 0..head.count {
        entries.push(read_entry(reader, &mut previous, &head.segments, &head.owners, position == 0)?);
    }
    Ok(entries)
}

/// The first key of a leaf, and its entry with this key, if there is one. Reads no further than that takes.
pub(crate) fn find_in_leaf(bytes: &[u8], key: &[u8]) -> Result<(Option<Vec<u8>>, Option<Entry>)> {
    let mut reader = start_node(bytes)?;
    let (LEAF, 0) = (reader.u8()?, reader.u8()?) else { return Err(reader.error("it is not a leaf")) };
    let head = read_leaf_head(&mut reader)?;
    let mut previous = Previous::default();
    let mut first = None;
    for position in 0..head.count {
        let entry = read_entry(&mut reader, &mut previous, &head.segments, &head.owners, position == 0)?;
        let found = entry.path.key().cmp(key);
        if first.is_none() {
            first = Some(entry.path.key().to_vec());
        }
        if found != Ordering::Less {
            return Ok((first, Some(entry).filter(|_| found == Ordering::Equal)));
        }
    }
    Ok((first, None))
}

fn start_node(bytes: &[u8]) -> Result<Reader<'_>> {
    let reader = Reader::new(bytes, "read a tree node");
    if bytes.len() > MAX_NODE { Err(reader.error("it is longer than any node may be")) } else { Ok(reader) }
}

fn read_leaf_head(reader: &mut Reader<'_>) -> Result<LeafHead> {
    let segments = read_segments(reader)?;
    let count = elements(reader, 4)?;
    let mut owners = Vec::with_capacity(count);
    for _ in 0..count {
        let (uid, gid) = (reader.u32()?, reader.u32()?);
        let mut name = || -> Result<String> {
            let bytes = reader.bytes()?;
            let text = std::str::from_utf8(bytes).map_err(|_| reader.error("the name of an owner is not text"))?;
            if text.len() > MAX_OWNER {
                return Err(reader.error("the name of an owner is too long"));
            }
            Ok(text.to_owned())
        };
        let (user, group) = (name()?, name()?);
        owners.push(Arc::new(Owner { uid, gid, user, group }));
    }
    Ok(LeafHead { segments, owners, count: elements(reader, 7)? })
}

fn read_children(reader: &mut Reader<'_>) -> Result<Vec<Child>> {
    let count = elements(reader, 37)?;
    let mut children: Vec<Child> = Vec::with_capacity(count);
    for _ in 0..count {
        let shared = usize::try_from(reader.varint()?).unwrap_or(usize::MAX);
        let suffix = reader.bytes()?;
        let last = children.last().map(|child| child.first.as_slice());
        let prefix = last.unwrap_or_default().get(..shared);
        let first = [prefix.ok_or_else(|| reader.error("a path shares more than there is"))?, suffix].concat();
        if last.is_some_and(|last| first.as_slice() <= last) {
            return Err(reader.error("paths do not ascend"));
        }
        EntryPath::from_key(first.clone()).map_err(|detail| reader.error(detail))?;
        let id = BlobId::from_bytes(reader.array()?);
        let totals = Totals { entries: reader.varint()?, files: reader.varint()?, bytes: reader.varint()? };
        children.push(Child { first, id, totals });
    }
    if children.is_empty() {
        return Err(reader.error("an inner node has no children"));
    }
    Ok(children)
}

impl RunList {
    pub(crate) fn encode(&self) -> (Vec<u8>, Vec<Reference>) {
        match self {
            RunList::Runs(runs) => {
                let mut segments = SegmentTable::default();
                let mut state = RunState::default();
                let mut body = Vec::new();
                put_varint(&mut body, runs.len() as u64);
                for run in runs {
                    state.write(run, segments.number(run.segment), Some(run.bytes), &mut body);
                }
                let mut out = vec![RUN_LIST, 1];
                segments.write(&mut out);
                out.append(&mut body);
                (out, segments.order.into_iter().map(Reference::Data).collect())
            }
            RunList::Lists { level, children } => {
                let mut out = vec![RUN_LIST, *level];
                put_varint(&mut out, children.len() as u64);
                let mut references = Vec::new();
                for child in children {
                    out.extend_from_slice(child.id.as_bytes());
                    put_varint(&mut out, child.bytes);
                    if !references.contains(&Reference::Tree(child.id)) {
                        references.push(Reference::Tree(child.id));
                    }
                }
                (out, references)
            }
        }
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<RunList> {
        let mut reader = Reader::new(bytes, "read a run list");
        if bytes.len() > MAX_NODE {
            return Err(reader.error("it is longer than any list may be"));
        }
        let list = match (reader.u8()?, reader.u8()?) {
            (RUN_LIST, 1) => {
                let segments = read_segments(&mut reader)?;
                let count = elements(&mut reader, 4)?;
                let mut state = RunState::default();
                let mut runs = Vec::with_capacity(count);
                for _ in 0..count {
                    runs.push(state.read(&mut reader, &segments, None)?);
                }
                RunList::Runs(runs)
            }
            (RUN_LIST, level @ 2..=MAX_LEVEL) => {
                let count = elements(&mut reader, 33)?;
                let mut children = Vec::with_capacity(count);
                for _ in 0..count {
                    children.push(ListChild { id: BlobId::from_bytes(reader.array()?), bytes: reader.varint()? });
                }
                RunList::Lists { level, children }
            }
            (LEAF | INNER | RUN_LIST, _) => return Err(reader.error("it is not a run list")),
            _ => return Err(unsupported("read a run list", "it is of an unknown kind")),
        };
        reader.end()?;
        Ok(list)
    }

    pub(crate) fn level(&self) -> u8 {
        match self {
            RunList::Runs(_) => 1,
            RunList::Lists { level, .. } => *level,
        }
    }

    /// Bytes of content below it, `None` when the sum does not fit.
    pub(crate) fn bytes(&self) -> Option<u64> {
        match self {
            RunList::Runs(runs) => runs.iter().try_fold(0u64, |sum, run| sum.checked_add(run.bytes)),
            RunList::Lists { children, .. } => {
                children.iter().try_fold(0u64, |sum, child| sum.checked_add(child.bytes))
            }
        }
    }
}

#[cfg(test)]
#[path = "node_tests.rs"]
pub(crate) mod tests;
