//! What the vectors say about decoded structures, in JSON.

use crate::Snapshot;
use crate::compress::Compression;
use crate::format::entry::{Content, Entry, EntryKind, Run, Timestamp};
use crate::format::node::{Node, RunList};
use crate::format::pack::{PackContents, Reference};
use crate::format::snapshot::SnapshotCounts;
use crate::id::hex;
use serde_json::{Map, Value, json};

/// Printable ASCII as it is, all other bytes and the backslash as `\xNN`.
pub(super) fn escaped(bytes: &[u8]) -> String {
    let one = |byte: &u8| match byte {
        b' '..=b'~' if *byte != b'\\' => char::from(*byte).to_string(),
        _ => format!("\\x{byte:02x}"),
    };
    bytes.iter().map(one).collect()
}

pub(super) fn time(time: Timestamp) -> Value {
    json!([time.seconds, time.nanos])
}

fn put<T: Into<Value>>(map: &mut Map<String, Value>, name: &str, value: Option<T>) {
    if let Some(value) = value {
        map.insert(name.to_owned(), value.into());
    }
}

/// An entry but for its content.
pub(super) fn entry(entry: &Entry) -> Map<String, Value> {
    let metadata = &entry.metadata;
    let owner = &metadata.owner;
    let mut map = Map::new();
    put(&mut map, "path", Some(escaped(&entry.path.to_os_bytes())));
    put(&mut map, "kind", Some(entry.kind.name()));
    put(&mut map, "mode", Some(metadata.mode));
    put(&mut map, "uid", Some(owner.uid));
    put(&mut map, "gid", Some(owner.gid));
    put(&mut map, "user", Some(owner.user.as_str()));
    put(&mut map, "group", Some(owner.group.as_str()));
    put(&mut map, "modified", Some(time(metadata.modified)));
    put(&mut map, "changed", metadata.changed.map(time));
    put(&mut map, "inode", metadata.inode);
    put(&mut map, "hard_link", metadata.hard_link.map(|link| json!([link.device, link.inode])));
    match &entry.kind {
        EntryKind::File => put(&mut map, "size", Some(entry.size)),
        EntryKind::Symlink { target } => put(&mut map, "target", Some(escaped(target))),
        EntryKind::CharDevice { major, minor } | EntryKind::BlockDevice { major, minor } => {
            put(&mut map, "device", Some(json!([major, minor])));
        }
        _ => {}
    }
    if !metadata.xattrs.is_empty() {
        let pair = |xattr: &crate::Xattr| json!([escaped(&xattr.name), escaped(&xattr.value)]);
        put(&mut map, "xattrs", Some(metadata.xattrs.iter().map(pair).collect::<Vec<_>>()));
    }
    if !entry.holes.is_empty() {
        let holes: Vec<Value> = entry.holes.iter().map(|hole| json!([hole.offset, hole.length])).collect();
        put(&mut map, "holes", Some(holes));
    }
    map
}

/// An entry with the bytes between its holes.
pub(super) fn entry_with_data(found: &Entry, data: &[u8]) -> Value {
    let mut map = entry(found);
    if found.kind == EntryKind::File {
        put(&mut map, "data_length", Some(data.len()));
        put(&mut map, "data_blake3", Some(blake3::hash(data).to_string()));
        put(&mut map, "data", Some(escaped(data)).filter(|_| data.len() <= 64));
    }
    map.into()
}

fn runs(runs: &[Run]) -> Value {
    let run = |run: &Run| json!({"segment": run.segment.to_string(), "first": run.first, "count": run.count, "bytes": run.bytes});
    runs.iter().map(run).collect()
}

/// An entry with where its content is.
fn entry_with_content(found: &Entry) -> Value {
    let mut map = entry(found);
    match &found.content {
        Content::Empty => {}
        Content::Inline(bytes) => put(&mut map, "inline", Some(escaped(bytes))),
        Content::Runs(listed) => put(&mut map, "runs", Some(runs(listed))),
        Content::List { id, levels } => put(&mut map, "lists", Some(json!({"id": id.to_string(), "levels": levels}))),
    }
    map.into()
}

pub(super) fn node(node: &Node) -> Value {
    match node {
        Node::Leaf(entries) => {
            json!({"level": 0, "entries": entries.iter().map(entry_with_content).collect::<Vec<_>>()})
        }
        Node::Inner { level, children } => {
            let children: Vec<Value> = children
                .iter()
                .map(|child| {
                    json!({
                        "first": escaped(&child.first),
                        "id": child.id.to_string(),
                        "entries": child.totals.entries,
                        "files": child.totals.files,
                        "bytes": child.totals.bytes,
                    })
                })
                .collect();
            json!({"level": level, "children": children})
        }
    }
}

pub(super) fn run_list(list: &RunList) -> Value {
    match list {
        RunList::Runs(listed) => json!({"level": 1, "runs": runs(listed)}),
        RunList::Lists { level, children } => {
            let child =
                |child: &crate::format::node::ListChild| json!({"id": child.id.to_string(), "bytes": child.bytes});
            json!({"level": level, "lists": children.iter().map(child).collect::<Vec<_>>()})
        }
    }
}

pub(super) fn contents(contents: &PackContents) -> Value {
    let segment = |segment: &crate::format::pack::PackedSegment| {
        let header = &segment.header;
        json!({
            "id": header.id.to_string(),
            "session": header.session.to_string(),
            "counter": header.counter,
            "kind": header.kind as u8,
            "compression": if header.compression == Compression::Stored { 0 } else { 1 },
            "stored_length": header.stored_length,
            "raw_length": header.raw_length,
            "offset": segment.offset,
            "blobs": segment.blobs.iter().map(ToString::to_string).collect::<Vec<_>>(),
        })
    };
    contents.segments.iter().map(segment).collect()
}

pub(super) fn references(references: &[Vec<Reference>]) -> Value {
    let one = |reference: &Reference| match reference {
        Reference::Data(id) => json!({"segment": id.to_string()}),
        Reference::Tree(id) => json!({"blob": id.to_string()}),
    };
    references.iter().map(|blob| blob.iter().map(one).collect::<Value>()).collect()
}

pub(super) fn counts(counts: &SnapshotCounts) -> Value {
    json!({
        "entries": counts.entries,
        "files": counts.files,
        "directories": counts.directories,
        "bytes": counts.bytes,
        "new_bytes": counts.new_bytes,
        "stored_bytes": counts.stored_bytes,
        "problems": counts.problems,
        "unchanged_files": counts.unchanged_files,
    })
}

pub(super) fn snapshot(snapshot: &Snapshot) -> Map<String, Value> {
    let texts = |texts: &[Vec<u8>]| texts.iter().map(|text| escaped(text)).collect::<Vec<_>>();
    let metadata: Vec<Value> = snapshot.metadata.iter().map(|(name, value)| json!([name, escaped(value)])).collect();
    let value = json!({
        "id": snapshot.id.to_string(),
        "root": snapshot.root.to_string(),
        "time": time(snapshot.time),
        "lineage": snapshot.lineage.to_string(),
        "device": snapshot.device.to_string(),
        "session": snapshot.session.to_string(),
        "parents": snapshot.parents.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "outcome": snapshot.outcome.name(),
        "counts": counts(&snapshot.counts),
        "host": snapshot.host,
        "paths": texts(&snapshot.paths),
        "tags": snapshot.tags,
        "metadata": metadata,
        "user": snapshot.user,
        "program": snapshot.program,
        "description": snapshot.description,
        "hold_until": snapshot.hold_until.map(|time| time.seconds),
    });
    let Value::Object(map) = value else { unreachable!() };
    map
}

pub(super) fn optional_hex(bytes: Option<&[u8]>) -> Value {
    bytes.map_or(Value::Null, |bytes| hex(bytes).into())
}
