//! The difference of two trees, in time proportional to what differs.

use crate::error::{Result, corrupt};
use crate::format::entry::Entry;
use crate::format::node::{Child, Node, Totals};
use crate::id::BlobId;
use crate::store::blobs::NodeStore;
use std::cmp::Ordering;

/// One path that two trees do not agree on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Change {
    Added(Entry),
    Removed(Entry),
    /// Both have it, and anything about it differs.
    Changed {
        before: Box<Entry>,
        after: Box<Entry>,
    },
}

/// What comes next on one side.
enum Item {
    Entry(Entry),
    Subtree { level: u8, child: Child },
}

impl Item {
    fn key(&self) -> &[u8] {
        match self {
            Item::Entry(entry) => entry.path.key(),
            Item::Subtree { child, .. } => &child.first,
        }
    }
}

/// One side: what is still to be looked at, the next thing last.
struct Side<'a> {
    store: &'a dyn NodeStore,
    items: Vec<Item>,
}

impl<'a> Side<'a> {
    fn new(store: &'a dyn NodeStore, root: BlobId) -> Result<Self> {
        let mut side = Side { store, items: Vec::new() };
        side.open(&root, None)?;
        Ok(side)
    }

    /// Puts the elements of a node in place of the node.
    fn open(&mut self, id: &BlobId, expected: Option<(u8, &[u8])>) -> Result<()> {
        let wrong = || corrupt("compare trees", "a node does not fit its parent").object(id);
        let node = Node::decode(&self.store.load_blob(id)?).map_err(|error| error.or_object(id))?;
        let level = node.level();
        if expected.is_some_and(|(expected, _)| expected != level) {
            return Err(wrong());
        }
        match node {
            Node::Leaf(entries) => self.items.extend(entries.into_iter().rev().map(Item::Entry)),
            Node::Inner { children, .. } => {
                let subtree = |child| Item::Subtree { level: level - 1, child };
                self.items.extend(children.into_iter().rev().map(subtree));
            }
        }
        match (expected, self.items.last()) {
            (Some((_, first)), Some(item)) if item.key() != first => Err(wrong()),
            (Some(_), None) => Err(wrong()),
            _ => Ok(()),
        }
    }

    /// Opens the subtree that comes next.
    fn descend(&mut self) -> Result<()> {
        match self.items.pop() {
            Some(Item::Subtree { level, child }) => self.open(&child.id, Some((level, &child.first))),
            Some(entry) => {
                self.items.push(entry);
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn take(&mut self) -> Option<Entry> {
        match self.items.pop()? {
            Item::Entry(entry) => Some(entry),
            Item::Subtree { .. } => None,
        }
    }
}

/// Calls `found` for every path that differs, in ascending order. Subtrees with equal ids are not read.
pub(crate) fn diff(
    store: &dyn NodeStore,
    before: BlobId,
    after: BlobId,
    found: &mut dyn FnMut(Change) -> Result<()>,
) -> Result<()> {
    if before == after {
        return Ok(());
    }
    let (mut left, mut right) = (Side::new(store, before)?, Side::new(store, after)?);
    loop {
        match (left.items.last(), right.items.last()) {
            (None, None) => return Ok(()),
            (Some(Item::Subtree { level: a, child: x }), Some(Item::Subtree { level: b, child: y })) => {
                if x.id == y.id {
                    left.items.pop();
                    right.items.pop();
                    continue;
                }
                // The higher one may hold the other; of equals, the one that begins first is behind.
                match a.cmp(b).then_with(|| y.first.cmp(&x.first)) {
                    Ordering::Greater => left.descend()?,
                    Ordering::Less => right.descend()?,
                    Ordering::Equal => {
                        left.descend()?;
                        right.descend()?;
                    }
                }
            }
            (Some(Item::Entry(x)), Some(Item::Entry(y))) => {
                let order = x.path.cmp(&y.path);
                let x = if order.is_le() { left.take() } else { None };
                let y = if order.is_ge() { right.take() } else { None };
                match (x, y) {
                    (Some(before), Some(after)) if before != after => {
                        found(Change::Changed { before: Box::new(before), after: Box::new(after) })?
                    }
                    (Some(before), None) => found(Change::Removed(before))?,
                    (None, Some(after)) => found(Change::Added(after))?,
                    _ => {}
                }
            }
            (Some(Item::Entry(x)), Some(Item::Subtree { child, .. })) if x.path.key() < child.first.as_slice() => {
                if let Some(before) = left.take() {
                    found(Change::Removed(before))?;
                }
            }
            (Some(Item::Subtree { child, .. }), Some(Item::Entry(y))) if y.path.key() < child.first.as_slice() => {
                if let Some(after) = right.take() {
                    found(Change::Added(after))?;
                }
            }
            (Some(Item::Subtree { .. }), _) => left.descend()?,
            (_, Some(Item::Subtree { .. })) => right.descend()?,
            (Some(Item::Entry(_)), None) => {
                if let Some(before) = left.take() {
                    found(Change::Removed(before))?;
                }
            }
            (None, Some(Item::Entry(_))) => {
                if let Some(after) = right.take() {
                    found(Change::Added(after))?;
                }
            }
        }
    }
}

/// The sums of a tree, from its root alone where that is an inner node.
pub(crate) fn totals(store: &dyn NodeStore, root: BlobId) -> Result<Totals> {
    let mut totals = Totals::default();
    match Node::decode(&store.load_blob(&root)?)? {
        Node::Leaf(entries) => entries.iter().for_each(|entry| totals.add(Totals::of(entry))),
        Node::Inner { children, .. } => children.iter().for_each(|child| totals.add(child.totals)),
    }
    Ok(totals)
}

#[cfg(test)]
mod tests {
    use super::super::testing::Nodes;
    use super::super::{Boundaries, TreeBuilder};
    use super::*;
    use crate::crypto::SecretKey;
    use crate::format::node::tests::entries;
    use crate::path::EntryPath;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn build(nodes: &mut Nodes, entries: impl IntoIterator<Item = Entry>) -> BlobId {
        let mut builder = TreeBuilder::new(Boundaries::new(&SecretKey::from_bytes([2; 32]), 256));
        for entry in entries {
            builder.push(entry, nodes).unwrap();
        }
        builder.finish(nodes).unwrap().0
    }

    fn changes(nodes: &Nodes, before: BlobId, after: BlobId) -> Vec<Change> {
        let mut changes = Vec::new();
        diff(nodes, before, after, &mut |change| {
            changes.push(change);
            Ok(())
        })
        .unwrap();
        changes
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(80))]

        #[test]
        fn agrees_with_the_difference_of_maps(common in entries(0..120), left in entries(0..12), right in entries(0..12)) {
            let map = |more: &[Entry]| -> BTreeMap<EntryPath, Entry> {
                common.iter().chain(more).map(|entry| (entry.path.clone(), entry.clone())).collect()
            };
            let (left, right) = (map(&left), map(&right));
            let mut nodes = Nodes::default();
            let before = build(&mut nodes, left.values().cloned());
            let after = build(&mut nodes, right.values().cloned());
            let mut expected = Vec::new();
            let paths: std::collections::BTreeSet<_> = left.keys().chain(right.keys()).collect();
            for path in paths {
                match (left.get(path).cloned(), right.get(path).cloned()) {
                    (Some(before), Some(after)) if before != after => expected.push(Change::Changed { before: Box::new(before), after: Box::new(after) }),
                    (Some(before), None) => expected.push(Change::Removed(before)),
                    (None, Some(after)) => expected.push(Change::Added(after)),
                    _ => {}
                }
            }
            prop_assert_eq!(changes(&nodes, before, after), expected);
        }
    }

    #[test]
    fn reads_only_where_trees_differ() {
        let mut nodes = Nodes::default();
        let entry = |number: usize| Entry {
            path: EntryPath::parse(format!("{number:08}")).unwrap(),
            kind: crate::EntryKind::Fifo,
            metadata: crate::Metadata::default(),
            size: 0,
            holes: Vec::new(),
            content: crate::Content::Empty,
        };
        let before = build(&mut nodes, (0..20_000).map(entry));
        let after = build(&mut nodes, (0..20_000).filter(|number| *number != 7_777).map(entry));
        nodes.loads.set(0);
        assert_eq!(changes(&nodes, before, after), [Change::Removed(entry(7_777))]);
        assert!(nodes.loads.get() < 30, "{} nodes were read", nodes.loads.get());
    }
}
