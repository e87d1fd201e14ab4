//! What one task is given: consecutive entries, cut where the segment changes.

use super::entry::{Item, Restorer};
use super::folder::Place;
use super::job::Job;
use crate::format::entry::{Content, Entry, HardLink, Hole, Run};
use crate::id::SegmentId;
use std::sync::Arc;

/// A task is cut off behind this many entries or bytes where the segment changes,
const SOFT: (usize, u64) = (256, 4 * 1024 * 1024);
/// and behind these wherever it is.
const HARD: (usize, u64) = (1024, 16 * 1024 * 1024);
/// Most memory that the entries of a task take.
const HELD: usize = 1024 * 1024;

/// Entries for one task, with the folders they are in.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) places: Vec<Place>,
    pub(super) items: Vec<Item>,
    bytes: u64,
    /// About how much memory the entries take.
    held: usize,
    segment: Option<SegmentId>,
}

impl Batch {
    /// Whether the task should end before this entry.
    pub(super) fn ends_before(&self, entry: &Entry) -> bool {
        let (items, bytes) = (self.items.len(), self.bytes);
        if items >= HARD.0 || bytes >= HARD.1 || self.held >= HELD {
            return true;
        }
        let goes_on = match &entry.content {
            Content::Runs(runs) => runs.first().is_some_and(|run| Some(run.segment) == self.segment),
            _ => false,
        };
        (items >= SOFT.0 || bytes >= SOFT.1) && !goes_on
    }

    pub(super) fn add(&mut self, place: Place, entry: Entry, later: Option<HardLink>) {
        if !self.places.last().is_some_and(|last| Arc::ptr_eq(&last.fd, &place.fd)) {
            place.enter();
            self.places.push(place);
        }
        if let Content::Runs(runs) = &entry.content {
            self.segment = runs.last().map(|run| run.segment);
        }
        self.bytes = self.bytes.saturating_add(entry.size);
        self.held += memory_of(&entry);
        self.items.push(Item { entry, place: self.places.len() - 1, later });
    }

    pub(super) fn run(self, job: &Job<'_>) {
        let mut restorer = Restorer::new(job);
        for item in &self.items {
            if job.is_ending() {
                break;
            }
            // Before the first byte is read: that may take long, and then one wants to know what is waited for.
            job.meter.report(|| Some(item.entry.path.to_string()));
            if let Some(place) = self.places.get(item.place) {
                restorer.restore(place, item);
            }
        }
        for place in &self.places {
            place.leave(job);
        }
    }
}

fn memory_of(entry: &Entry) -> usize {
    let content = match &entry.content {
        Content::Inline(bytes) => bytes.len(),
        Content::Runs(runs) => runs.len() * size_of::<Run>(),
        Content::Empty | Content::List { .. } => 0,
    };
    let xattrs: usize = entry.metadata.xattrs.iter().map(|xattr| xattr.name.len() + xattr.value.len() + 64).sum();
    size_of::<Item>() + entry.path.key().len() + entry.holes.len() * size_of::<Hole>() + content + xattrs
}
