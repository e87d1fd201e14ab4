//! Building a tree from entries that come in ascending order.

use crate::crypto::SecretKey;
use crate::error::{Result, internal};
use crate::format::entry::{Content, Entry, EntryKind};
use crate::format::node::{Child, Totals, encode_inner, encode_leaf};
use crate::id::BlobId;
use crate::store::blobs::NodeSink;

/// Decides after which entry a node ends: by a keyed hash of the entry's key, within bounds on the node's weight.
/// A key's hash does not depend on its neighbours, so an edit moves no boundary but those next to it.
#[derive(Debug, Clone)]
pub(crate) struct Boundaries {
    key: SecretKey,
    target: u64,
}

impl Boundaries {
    pub(crate) fn new(id_key: &SecretKey, target: u32) -> Self {
        Boundaries { key: id_key.derive("strongroom format 1 tree boundary"), target: u64::from(target.max(1)) }
    }

    /// Whether a node of this level that weighs `total` ends after an element with this key and weight.
    fn ends_after(&self, level: u8, key: &[u8], weight: u64, total: u64) -> bool {
        if total >= self.target.saturating_mul(4) {
            return true;
        }
        if total < self.target / 4 {
            return false;
        }
        let mut hasher = blake3::Hasher::new_keyed(self.key.expose());
        hasher.update(&[level]).update(key);
        let hash = hasher.finalize();
        let prefix = hash.as_bytes().first_chunk::<8>().copied().unwrap_or_default();
        // The heavier an element, the likelier a boundary after it: nodes so get about the same weight.
        u64::from_le_bytes(prefix) < (u64::MAX / self.target).saturating_mul(weight)
    }
}

/// About how long an entry's encoding is. It depends on nothing but the entry itself, and not on where its content
/// is stored, so that the same entries are cut the same way everywhere.
fn weight(entry: &Entry) -> u64 {
    const FIXED: u64 = 24;
    const PER_MIB: u64 = 36;
    let name = entry.path.name().map_or(0, <[u8]>::len);
    let xattrs: usize = entry.metadata.xattrs.iter().map(|xattr| xattr.name.len() + xattr.value.len() + 2).sum();
    let link = if let EntryKind::Symlink { target } = &entry.kind { target.len() } else { 0 };
    let content = match &entry.content {
        Content::Inline(bytes) => bytes.len() as u64,
        Content::Empty => 0,
        Content::Runs(_) | Content::List { .. } => (entry.size >> 20).min(64) * PER_MIB,
    };
    FIXED + (name + xattrs + link + entry.holes.len() * 4) as u64 + content
}

/// Builds one tree. Entries must come in ascending order of their paths, each path once.
#[derive(Debug, Clone)]
pub(crate) struct TreeBuilder {
    boundaries: Boundaries,
    leaf: Vec<Entry>,
    leaf_weight: u64,
    last_key: Option<Vec<u8>>,
    /// Unfinished inner nodes from the lowest level up.
    levels: Vec<Level>,
    totals: Totals,
}

#[derive(Debug, Clone, Default)]
struct Level {
    children: Vec<Child>,
    weight: u64,
}

impl TreeBuilder {
    pub(crate) fn new(boundaries: Boundaries) -> Self {
        TreeBuilder {
            boundaries,
            leaf: Vec::new(),
            leaf_weight: 0,
            last_key: None,
            levels: Vec::new(),
            totals: Totals::default(),
        }
    }

    pub(crate) fn push(&mut self, entry: Entry, sink: &mut dyn NodeSink) -> Result<()> {
        let key = entry.path.key();
        if self.last_key.as_deref().is_some_and(|last| last >= key) {
            return Err(internal("build a tree", "entries do not ascend").object(&entry.path));
        }
        let last = self.last_key.get_or_insert_default();
        last.clear();
        last.extend_from_slice(key);
        let weight = weight(&entry);
        self.leaf_weight += weight;
        self.totals.add(Totals::of(&entry));
        let ends = self.boundaries.ends_after(0, key, weight, self.leaf_weight);
        self.leaf.push(entry);
        if ends { self.end_leaf(sink) } else { Ok(()) }
    }

    fn end_leaf(&mut self, sink: &mut dyn NodeSink) -> Result<()> {
        let entries = std::mem::take(&mut self.leaf);
        self.leaf_weight = 0;
        let (bytes, references) = encode_leaf(&entries)?;
        let mut totals = Totals::default();
        entries.iter().for_each(|entry| totals.add(Totals::of(entry)));
        let first = entries.first().map(|entry| entry.path.key().to_vec()).unwrap_or_default();
        let id = sink.store_node(&bytes, references)?;
        self.add_child(0, Child { first, id, totals }, sink)
    }

    /// Adds a child to the unfinished node at `level + 1`.
    fn add_child(&mut self, level: usize, child: Child, sink: &mut dyn NodeSink) -> Result<()> {
        if self.levels.len() == level {
            self.levels.push(Level::default());
        }
        let too_deep = || internal("build a tree", "the tree became too deep");
        let number = u8::try_from(level + 1).map_err(|_| too_deep())?;
        let parent = self.levels.get_mut(level).ok_or_else(too_deep)?;
        let weight = child.first.len() as u64 + 44;
        parent.weight += weight;
        // More than two children, or a level of huge keys would hardly get narrower.
        let ends = parent.children.len() > 1 && self.boundaries.ends_after(number, &child.first, weight, parent.weight);
        parent.children.push(child);
        if ends { self.end_inner(level, sink) } else { Ok(()) }
    }

    fn end_inner(&mut self, level: usize, sink: &mut dyn NodeSink) -> Result<()> {
        let Some(node) = self.levels.get_mut(level).map(std::mem::take) else { return Ok(()) };
        let number = u8::try_from(level + 1).map_err(|_| internal("build a tree", "the tree became too deep"))?;
        let (bytes, references) = encode_inner(number, &node.children);
        let mut totals = Totals::default();
        node.children.iter().for_each(|child| totals.add(child.totals));
        let first = node.children.into_iter().next().map(|child| child.first).unwrap_or_default();
        let id = sink.store_node(&bytes, references)?;
        self.add_child(level + 1, Child { first, id, totals }, sink)
    }

    /// Ends the tree; returns its root and its sums.
    pub(crate) fn finish(mut self, sink: &mut dyn NodeSink) -> Result<(BlobId, Totals)> {
        if !self.leaf.is_empty() || self.levels.is_empty() {
            self.end_leaf(sink)?;
        }
        let mut level = 0;
        loop {
            let top = level + 1 == self.levels.len();
            match self.levels.get(level) {
                Some(node) if top && node.children.len() == 1 => {
                    let root = node.children.first().map(|child| child.id);
                    return root.map(|root| (root, self.totals)).ok_or_else(|| internal("build a tree", "no root"));
                }
                Some(node) if !node.children.is_empty() => self.end_inner(level, sink)?,
                Some(_) => {}
                None => return Err(internal("build a tree", "no root")),
            }
            level += 1;
        }
    }
}
