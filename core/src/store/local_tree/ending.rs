//! How a tree would end that is still being written.
//!
//! The leaves written so far stay where they are, in a file that goes on growing; what ends them is kept beside it under
//! the root of the tree that they make together.

use crate::error::{Result, corrupt};
use crate::format::entry::Run;
use crate::format::node::{MAX_NODE, Node};
use crate::format::pack::Reference;
use crate::format::wire::{Reader, put_bytes, put_varint};
use crate::id::{BlobId, SegmentId};
use crate::store::blobs::NodeSink;

/// Longest ending that is read.
pub(super) const MAX_ENDING: u64 = 128 * 1024 * 1024;
/// More runs than this are not kept: the file is read again.
const MAX_RUNS: usize = 1_000_000;
/// Least bytes that a run takes.
const RUN: usize = SegmentId::LEN + 3;

/// What comes behind the leaves of a tree so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Ending {
    /// The leaves behind them.
    pub(super) leaves: Vec<Vec<u8>>,
    /// The runs of its last file, which is not complete, and the id of their list: who may not read the repository
    /// cannot look them up there.
    pub(crate) runs: Option<(BlobId, Vec<Run>)>,
}

/// The growing file, and how much of it counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Grown {
    pub(super) id: [u8; super::FILE_ID],
    pub(super) leaves: u64,
    /// Bytes with the header.
    pub(super) length: u64,
}

impl Ending {
    pub(crate) fn encode(&self, root: &BlobId, grown: &Grown) -> Vec<u8> {
        let mut out = [root.as_bytes().as_slice(), &grown.id].concat();
        put_varint(&mut out, grown.leaves);
        put_varint(&mut out, grown.length);
        put_varint(&mut out, self.leaves.len() as u64);
        self.leaves.iter().for_each(|leaf| put_bytes(&mut out, leaf));
        if let Some((list, runs)) = self.runs.as_ref().filter(|(_, runs)| runs.len() <= MAX_RUNS) {
            out.extend_from_slice(list.as_bytes());
            put_varint(&mut out, runs.len() as u64);
            for run in runs {
                out.extend_from_slice(run.segment.as_bytes());
                put_varint(&mut out, run.first.into());
                put_varint(&mut out, run.count.into());
                put_varint(&mut out, run.bytes);
            }
        }
        out
    }

    pub(crate) fn decode(bytes: &[u8], root: &BlobId) -> Result<(Self, Grown)> {
        let mut reader = Reader::new(bytes, super::READ);
        if reader.array()? != *root.as_bytes() {
            return Err(corrupt(super::READ, "it is that of another tree"));
        }
        let grown = Grown { id: reader.array()?, leaves: reader.varint()?, length: reader.varint()? };
        let mut ending = Ending::default();
        for _ in 0..reader.count(1)? {
            let leaf = reader.bytes()?;
            if leaf.len() > MAX_NODE {
                return Err(corrupt(super::READ, "a leaf is longer than any may be"));
            }
            ending.leaves.push(leaf.to_vec());
        }
        if reader.remaining() > 0 {
            let list = BlobId::from_bytes(reader.array()?);
            let mut runs = Vec::new();
            for _ in 0..reader.count(RUN)? {
                runs.push(Run {
                    segment: SegmentId::from_bytes(reader.array()?),
                    first: reader.u32()?,
                    count: reader.u32()?,
                    bytes: reader.varint()?,
                });
            }
            ending.runs = Some((list, runs));
        }
        reader.end()?;
        Ok((ending, grown))
    }
}

/// Hands nodes on to another sink and collects the leaves.
pub(crate) struct CollectLeaves<'a> {
    pub(crate) sink: &'a mut dyn NodeSink,
    pub(crate) ending: &'a mut Ending,
    /// Whether anybody wants the leaves.
    pub(crate) keeps: bool,
}

impl NodeSink for CollectLeaves<'_> {
    fn store_node(&mut self, bytes: &[u8], references: Vec<Reference>) -> Result<BlobId> {
        if self.keeps && Node::is_leaf(bytes) {
            self.ending.leaves.push(bytes.to_vec());
        }
        self.sink.store_node(bytes, references)
    }
}
