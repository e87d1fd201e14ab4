//! Reading a tree: in order, from any path on, or one path.

use crate::error::{Result, corrupt};
use crate::format::entry::Entry;
use crate::format::node::{self, Child, Node};
use crate::id::BlobId;
use crate::path::EntryPath;
use crate::store::blobs::NodeStore;

/// Where a child stands in its parent: what its own content must agree with.
fn load(store: &dyn NodeStore, child: &Child, parent_level: Option<u8>) -> Result<Node> {
    place(child, parent_level, &store.load_blob(&child.id)?)
}

/// Decodes a child and checks its level and first key.
fn place(child: &Child, parent_level: Option<u8>, bytes: &[u8]) -> Result<Node> {
    let node = Node::decode(bytes).map_err(|error| error.or_object(child.id))?;
    let first = match &node {
        Node::Leaf(entries) => entries.first().map(|entry| entry.path.key()),
        Node::Inner { children, .. } => children.first().map(|child| child.first.as_slice()),
    };
    check_place(child, parent_level, node.level(), first)?;
    Ok(node)
}

fn check_place(child: &Child, parent_level: Option<u8>, level: u8, first: Option<&[u8]>) -> Result<()> {
    let Some(parent_level) = parent_level else { return Ok(()) };
    let wrong = |detail| Err(corrupt("read a tree", detail).object(child.id));
    // Levels that descend one by one rule out cycles; first keys that match rule out a node being reached twice.
    if level != parent_level - 1 {
        return wrong("a node is not one level below its parent");
    }
    if first != Some(child.first.as_slice()) {
        return wrong("a node does not begin with the path its parent says");
    }
    Ok(())
}

fn root_of(id: BlobId) -> Child {
    Child { first: Vec::new(), id, totals: crate::format::node::Totals::default() }
}

/// Loads a child and checks what its place in the tree asks of it: its level, its first key, and that all its keys
/// are below `end`, where the next node begins. A root has no parent level.
pub(crate) fn load_child(
    store: &dyn NodeStore,
    child: &Child,
    parent_level: Option<u8>,
    end: Option<&[u8]>,
) -> Result<Node> {
    let node = load(store, child, parent_level)?;
    let last = match &node {
        Node::Leaf(entries) => entries.last().map(|entry| entry.path.key()),
        Node::Inner { children, .. } => children.last().map(|child| child.first.as_slice()),
    };
    if end.is_some_and(|end| last.is_some_and(|last| last >= end)) {
        return Err(corrupt("read a tree", "a node reaches into the next one").object(child.id));
    }
    Ok(node)
}

/// Position in a node: of the element that comes next.
struct Place {
    node: Node,
    next: usize,
    /// Every key of this node must be below it.
    end: Option<Vec<u8>>,
}

/// Walks the entries of a tree in ascending order, holding one node a level.
///
/// When a node cannot be read, the call that needed it returns the error, and the next one goes on behind it.
pub(crate) struct Cursor<'a> {
    store: &'a dyn NodeStore,
    root: BlobId,
    places: Vec<Place>,
    started: bool,
    start: Vec<u8>,
}

impl<'a> Cursor<'a> {
    /// Before the first entry.
    pub(crate) fn new(store: &'a dyn NodeStore, root: BlobId) -> Self {
        Cursor::from(store, root, &[])
    }

    /// Before the first entry whose key is not below `key`.
    pub(crate) fn from(store: &'a dyn NodeStore, root: BlobId, key: &[u8]) -> Self {
        Cursor { store, root, places: Vec::new(), started: false, start: key.to_vec() }
    }

    /// Goes on with the first entry whose key is not below `key`.
    pub(crate) fn seek(&mut self, key: &[u8]) {
        // Within the leaf at hand nothing needs to be read again.
        if let Some(Place { node: Node::Leaf(entries), next, .. }) = self.places.last_mut() {
            let found = entries.partition_point(|entry| entry.path.key() < key);
            if found > *next && found < entries.len() {
                *next = found;
                return;
            }
        }
        self.places.clear();
        self.started = false;
        self.start = key.to_vec();
    }

    /// Goes on behind everything inside the folder `path`.
    pub(crate) fn skip_folder(&mut self, path: &EntryPath) {
        let mut behind = path.key().to_vec();
        if !behind.is_empty() {
            // Everything inside continues with the separator, byte 0; byte 1 is the least that comes after.
            behind.push(1);
            self.seek(&behind);
        }
    }

    fn begin(&mut self) -> Result<()> {
        if self.started {
            return Ok(());
        }
        self.started = true;
        let node = load(self.store, &root_of(self.root), None)?;
        self.enter(node, None);
        Ok(())
    }

    fn enter(&mut self, node: Node, end: Option<Vec<u8>>) {
        let start = self.start.as_slice();
        let next = match &node {
            Node::Leaf(entries) => entries.partition_point(|entry| entry.path.key() < start),
            // The child before the first one that begins behind `start` may still hold it.
            Node::Inner { children, .. } => {
                children.partition_point(|child| child.first.as_slice() <= start).saturating_sub(1)
            }
        };
        self.places.push(Place { node, next, end });
    }

    /// The next entry, without moving on.
    pub(crate) fn peek(&mut self) -> Result<Option<&Entry>> {
        self.begin()?;
        loop {
            let Some(place) = self.places.last_mut() else { return Ok(None) };
            match &place.node {
                Node::Leaf(entries) if place.next < entries.len() => break,
                Node::Inner { level, children } if place.next < children.len() => {
                    let level = *level;
                    let Some(child) = children.get(place.next).cloned() else { return Ok(None) };
                    let end = children.get(place.next + 1).map(|next| next.first.clone()).or_else(|| place.end.clone());
                    place.next += 1;
                    let node = load_child(self.store, &child, Some(level), end.as_deref())?;
                    self.enter(node, end);
                }
                Node::Leaf(_) | Node::Inner { .. } => {
                    self.places.pop();
                }
            }
        }
        Ok(self.places.last().and_then(|place| match &place.node {
            Node::Leaf(entries) => entries.get(place.next),
            Node::Inner { .. } => None,
        }))
    }

    /// The next entry.
    pub(crate) fn next(&mut self) -> Result<Option<Entry>> {
        let entry = self.peek()?.cloned();
        if entry.is_some() {
            self.advance();
        }
        Ok(entry)
    }

    /// Moves past the entry that [`peek`](Cursor::peek) showed.
    pub(crate) fn advance(&mut self) {
        if let Some(place) = self.places.last_mut() {
            place.next += 1;
        }
    }
}

/// The entry at exactly this path.
pub(crate) fn lookup(store: &dyn NodeStore, root: BlobId, path: &EntryPath) -> Result<Option<Entry>> {
    let (mut child, mut parent_level) = (root_of(root), None);
    loop {
        let bytes = store.load_blob(&child.id)?;
        if Node::is_leaf(&bytes) {
            let found = node::find_in_leaf(&bytes, path.key());
            let (first, entry) = found.map_err(|error| error.or_object(child.id))?;
            check_place(&child, parent_level, 0, first.as_deref())?;
            return Ok(entry);
        }
        let Node::Inner { level, mut children } = place(&child, parent_level, &bytes)? else { return Ok(None) };
        let behind = children.partition_point(|child| child.first.as_slice() <= path.key());
        let Some(at) = behind.checked_sub(1) else { return Ok(None) };
        (child, parent_level) = (children.swap_remove(at), Some(level));
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Nodes;
    use super::super::{Boundaries, TreeBuilder};
    use super::*;
    use crate::crypto::SecretKey;
    use crate::format::node::Totals;
    use crate::format::node::tests::entries;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn boundaries() -> Boundaries {
        // Tiny nodes make deep trees out of few entries.
        Boundaries::new(&SecretKey::from_bytes([2; 32]), 256)
    }

    fn build(nodes: &mut Nodes, entries: impl IntoIterator<Item = Entry>) -> (BlobId, Totals) {
        let mut builder = TreeBuilder::new(boundaries());
        for entry in entries {
            builder.push(entry, nodes).unwrap();
        }
        builder.finish(nodes).unwrap()
    }

    fn all(nodes: &Nodes, root: BlobId) -> Vec<Entry> {
        let mut cursor = Cursor::new(nodes, root);
        std::iter::from_fn(|| cursor.next().unwrap()).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]

        #[test]
        fn a_tree_holds_its_entries(entries in entries(0..150), probe in entries(1..10)) {
            let mut nodes = Nodes::default();
            let (root, totals) = build(&mut nodes, entries.clone());
            prop_assert_eq!(totals.entries, entries.len() as u64);
            let model: BTreeMap<EntryPath, Entry> =
                entries.iter().map(|entry| (entry.path.clone(), entry.clone())).collect();
            prop_assert_eq!(all(&nodes, root), entries);
            for probe in probe {
                let found = lookup(&nodes, root, &probe.path).unwrap();
                prop_assert_eq!(found.as_ref(), model.get(&probe.path));
                let mut cursor = Cursor::from(&nodes, root, probe.path.key());
                let expected = model.range(probe.path.clone()..).next().map(|(_, entry)| entry);
                prop_assert_eq!(cursor.peek().unwrap(), expected);
                let mut cursor = Cursor::new(&nodes, root);
                cursor.next().unwrap();
                cursor.skip_folder(&probe.path);
                let mut rest = model.iter().filter(|(path, _)| **path > probe.path && !path.is_within(&probe.path));
                prop_assert_eq!(cursor.peek().unwrap(), rest.next().map(|(_, entry)| entry));
            }
        }

        #[test]
        fn the_history_of_edits_leaves_no_trace(
            before in entries(0..100), edits in entries(0..20), removed in prop::collection::vec(any::<prop::sample::Index>(), 0..10),
        ) {
            let mut model: BTreeMap<EntryPath, Entry> =
                before.into_iter().map(|entry| (entry.path.clone(), entry)).collect();
            let mut nodes = Nodes::default();
            build(&mut nodes, model.values().cloned());
            for edit in edits {
                model.insert(edit.path.clone(), edit);
            }
            for index in removed {
                if let Some(key) = model.keys().nth(index.index(model.len().max(1))).cloned() {
                    model.remove(&key);
                }
            }
            let (root, _) = build(&mut nodes, model.values().cloned());
            prop_assert_eq!(all(&nodes, root), model.into_values().collect::<Vec<_>>());
        }
    }

    fn numbered(count: usize) -> Vec<Entry> {
        let mut entries = Vec::new();
        for number in 0..count {
            entries.push(Entry {
                path: EntryPath::parse(format!("folder/{number:08}")).unwrap(),
                kind: crate::EntryKind::Directory,
                metadata: crate::Metadata::default(),
                size: 0,
                holes: Vec::new(),
                content: crate::Content::Empty,
            });
        }
        entries
    }

    #[test]
    fn one_change_rewrites_one_node_a_level() {
        let mut nodes = Nodes::default();
        let mut entries = numbered(20_000);
        build(&mut nodes, entries.clone());
        let before = nodes.stored.len();
        entries[12_345].metadata.mode = 0o700;
        build(&mut nodes, entries);
        let rewritten = nodes.stored.len() - before;
        assert!((2..=12).contains(&rewritten), "{rewritten} of {before} nodes");
    }

    #[test]
    fn a_lookup_reads_one_node_a_level() {
        let mut nodes = Nodes::default();
        let (root, _) = build(&mut nodes, numbered(20_000));
        nodes.loads.set(0);
        assert!(lookup(&nodes, root, &EntryPath::parse("folder/00012345").unwrap()).unwrap().is_some());
        assert!(nodes.loads.get() <= 9, "{} nodes were read", nodes.loads.get());
    }

    #[test]
    fn a_lost_node_costs_only_what_it_held() {
        let mut nodes = Nodes::default();
        let (root, _) = build(&mut nodes, numbered(2000));
        let leaf = nodes.stored.iter().find(|(id, bytes)| **id != root && bytes[0] == 1).map(|(id, _)| *id).unwrap();
        nodes.stored.remove(&leaf);
        let (mut found, mut errors) = (0, 0);
        let mut cursor = Cursor::new(&nodes, root);
        loop {
            match cursor.next() {
                Ok(Some(_)) => found += 1,
                Ok(None) => break,
                Err(_) => errors += 1,
            }
        }
        assert_eq!(errors, 1);
        assert!((1900..2000).contains(&found), "{found} entries found");
    }

    #[test]
    fn nodes_in_the_wrong_place_are_refused() {
        let mut nodes = Nodes::default();
        let (root, _) = build(&mut nodes, numbered(500));
        let bytes = nodes.stored[&root].clone();
        let Node::Inner { level, mut children } = Node::decode(&bytes).unwrap() else { panic!("a deep tree") };
        let other = children[1].id;
        children[0].id = other;
        let (bytes, references) = crate::format::node::encode_inner(level, &children);
        use crate::store::blobs::NodeSink;
        let forged = nodes.store_node(&bytes, references).unwrap();
        let error = Cursor::new(&nodes, forged).next().unwrap_err();
        assert_eq!(error.kind(), crate::ErrorKind::Corrupt);
        let error = lookup(&nodes, forged, &EntryPath::parse("folder/00000000").unwrap()).unwrap_err();
        assert_eq!(error.kind(), crate::ErrorKind::Corrupt);
    }
}
