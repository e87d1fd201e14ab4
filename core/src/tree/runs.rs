//! Content of files with very many runs: lists of runs, and lists of lists.

use crate::error::{Result, corrupt, internal};
use crate::format::entry::{Content, Run};
use crate::format::node::{ListChild, MAX_LEVEL, RunList};
use crate::store::blobs::{NodeSink, NodeStore};

/// Most runs that stand in the entry itself.
const INLINE_RUNS: usize = 32;
/// About how many runs or lists a list holds.
const TARGET: usize = 512;

/// Whether a list ends after an element with this id and place: decided by them, so that an edit in the middle of a
/// file leaves the lists before and behind it as they are. The place counts because many runs of one file may lie in
/// few segments.
fn ends_after(id: &[u8; 32], place: u32, length: usize) -> bool {
    let prefix = u32::from_le_bytes(id.first_chunk::<4>().copied().unwrap_or_default());
    // Multiplication by 2^32 / golden ratio spreads neighbours (Knuth, TAOCP 3, section 6.4); its high bits are best.
    let spread = (prefix ^ place).wrapping_mul(0x9E37_79B1) >> 23;
    length >= TARGET * 4 || (length >= TARGET / 4 && spread == 0)
}

/// Joins neighbours, and moves runs out of the entry when they are many.
pub(crate) fn store_runs(runs: Vec<Run>, sink: &mut dyn NodeSink) -> Result<Content> {
    if runs.is_empty() {
        return Ok(Content::Empty);
    }
    if runs.len() <= INLINE_RUNS {
        return Ok(Content::Runs(runs));
    }
    let mut store = |list: RunList| -> Result<ListChild> {
        let bytes = list.bytes().ok_or_else(|| internal("store a run list", "it is too long"))?;
        let (encoded, references) = list.encode();
        Ok(ListChild { id: sink.store_node(&encoded, references)?, bytes })
    };
    let mut children = Vec::new();
    let mut open: Vec<Run> = Vec::new();
    for run in runs {
        open.push(run);
        if ends_after(run.segment.as_bytes(), run.first, open.len()) {
            children.push(store(RunList::Runs(std::mem::take(&mut open)))?);
        }
    }
    if !open.is_empty() {
        children.push(store(RunList::Runs(open))?);
    }
    let mut levels = 1;
    while children.len() > 1 {
        levels += 1;
        let mut above = Vec::new();
        let mut open: Vec<ListChild> = Vec::new();
        for child in children {
            open.push(child);
            if ends_after(child.id.as_bytes(), 0, open.len()) {
                above.push(store(RunList::Lists { level: levels, children: std::mem::take(&mut open) })?);
            }
        }
        if !open.is_empty() {
            above.push(store(RunList::Lists { level: levels, children: open })?);
        }
        children = above;
    }
    let root = children.first().ok_or_else(|| internal("store a run list", "no root"))?;
    Ok(Content::List { id: root.id, levels })
}

/// Reads the runs of a file from any byte on, holding one list a level.
pub(crate) struct RunReader<'a> {
    store: &'a dyn NodeStore,
    stack: Vec<(RunList, usize)>,
    /// Bytes of content still to be skipped before the first run of interest.
    skip: u64,
}

/// Loads a run list and checks that it is of the level and holds as many bytes as its parent says.
pub(crate) fn load_list(store: &dyn NodeStore, child: &ListChild, level: u8) -> Result<RunList> {
    let wrong = |detail| corrupt("read a run list", detail).object(child.id);
    let list = RunList::decode(&store.load_blob(&child.id)?).map_err(|error| error.or_object(child.id))?;
    if list.level() != level || level > MAX_LEVEL {
        return Err(wrong("it is not of the level its parent says"));
    }
    if list.bytes() != Some(child.bytes) {
        return Err(wrong("it does not hold as many bytes as its parent says"));
    }
    Ok(list)
}

impl<'a> RunReader<'a> {
    /// The runs of `content` of `bytes` bytes from the one that holds byte `skip` on. The second value of each item
    /// is how many bytes of the run come before that byte.
    pub(crate) fn new(store: &'a dyn NodeStore, content: &Content, bytes: u64, skip: u64) -> Result<Self> {
        let mut reader = RunReader { store, stack: Vec::new(), skip };
        match content {
            Content::Empty | Content::Inline(_) => {}
            Content::Runs(runs) => reader.stack.push((RunList::Runs(runs.clone()), 0)),
            Content::List { id, levels } => reader.open(&ListChild { id: *id, bytes }, *levels)?,
        }
        Ok(reader)
    }

    fn open(&mut self, child: &ListChild, level: u8) -> Result<()> {
        let list = load_list(self.store, child, level)?;
        self.stack.push((list, 0));
        Ok(())
    }

    pub(crate) fn next(&mut self) -> Result<Option<(Run, u64)>> {
        loop {
            let Some((list, next)) = self.stack.last_mut() else { return Ok(None) };
            let position = *next;
            *next += 1;
            match list {
                RunList::Runs(runs) => match runs.get(position) {
                    None => {
                        self.stack.pop();
                    }
                    Some(run) if run.bytes <= self.skip => self.skip -= run.bytes,
                    Some(run) => return Ok(Some((*run, std::mem::take(&mut self.skip)))),
                },
                RunList::Lists { level, children } => match children.get(position) {
                    None => {
                        self.stack.pop();
                    }
                    Some(child) if child.bytes <= self.skip => self.skip -= child.bytes,
                    Some(child) => {
                        let (child, level) = (*child, *level - 1);
                        self.open(&child, level)?;
                    }
                },
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Nodes;
    use super::*;
    use crate::id::SegmentId;
    use proptest::prelude::*;

    fn runs(count: u32) -> Vec<Run> {
        let run = |number: u32| Run {
            segment: SegmentId::from_bytes(*blake3::hash(&number.to_le_bytes()).as_bytes()),
            first: number % 5,
            count: 1 + number % 3,
            bytes: 1 + u64::from(number % 1000),
        };
        (0..count).map(run).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn any_byte_is_found(count in 1u32..20_000, at: prop::sample::Index) {
            let runs = runs(count);
            let total: u64 = runs.iter().map(|run| run.bytes).sum();
            let mut nodes = Nodes::default();
            let content = store_runs(runs.clone(), &mut nodes).unwrap();
            let offset = at.index(usize::try_from(total).unwrap()) as u64;
            let mut reader = RunReader::new(&nodes, &content, total, offset).unwrap();
            let mut end = 0;
            let expected = runs.iter().find(|run| { end += run.bytes; end > offset }).unwrap();
            let (run, skip) = reader.next().unwrap().unwrap();
            prop_assert_eq!(&run, expected);
            prop_assert_eq!(skip, offset - (end - run.bytes));
            let mut all = RunReader::new(&nodes, &content, total, 0).unwrap();
            let read: Vec<Run> = std::iter::from_fn(|| all.next().unwrap().map(|(run, _)| run)).collect();
            prop_assert_eq!(read, runs);
        }
    }

    #[test]
    fn an_edit_in_the_middle_keeps_most_lists() {
        let mut nodes = Nodes::default();
        store_runs(runs(100_000), &mut nodes).unwrap();
        let before = nodes.stored.len();
        let mut edited = runs(100_000);
        edited.remove(50_000);
        store_runs(edited, &mut nodes).unwrap();
        let new = nodes.stored.len() - before;
        assert!(new < 6, "{new} of {before} lists are new");
    }

    #[test]
    fn a_list_that_lies_about_its_length_is_refused() {
        let mut nodes = Nodes::default();
        let content = store_runs(runs(5000), &mut nodes).unwrap();
        let total: u64 = runs(5000).iter().map(|run| run.bytes).sum();
        assert!(RunReader::new(&nodes, &content, total + 1, 0).is_err());
    }
}
