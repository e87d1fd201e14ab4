//! Opened segments of tree nodes that look-ups leave to the next ones.

use crate::crypto::hash::IdHasher;
use crate::format::segment::Segment;
use crate::id::{BlobId, SegmentId};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

/// Most bytes held: the trees of some 250,000 entries, so that any path of most snapshots is found without storage.
pub(crate) const CAPACITY: usize = 8 * 1024 * 1024;
/// What a blob costs beside its bytes: its id in two tables, and its place.
const PER_BLOB: usize = 160;

/// The segments used last, with the ids of their blobs. What an id names never changes, so nothing held here is ever
/// out of date, wherever pruning moves the segment. Shared by all threads of a repository and by its clones.
#[derive(Debug, Default)]
pub(crate) struct TreeCache {
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    segments: HashMap<SegmentId, Kept>,
    /// Where blobs are; one that is in several segments, in any of them.
    places: HashMap<BlobId, (SegmentId, u32)>,
    clock: u64,
    bytes: usize,
}

#[derive(Debug)]
struct Kept {
    segment: Arc<Segment>,
    blobs: Vec<BlobId>,
    cost: usize,
    used: u64,
}

impl TreeCache {
    /// A panic elsewhere leaves tables that may not fit each other: then there is nothing here.
    fn held(&self) -> Option<MutexGuard<'_, Held>> {
        self.held.lock().ok()
    }

    /// The bytes of a blob, if its segment is here.
    pub(crate) fn blob(&self, id: &BlobId) -> Option<Vec<u8>> {
        let (segment, position) = {
            let mut held = self.held()?;
            let (in_segment, position) = *held.places.get(id)?;
            held.clock += 1;
            let now = held.clock;
            let kept = held.segments.get_mut(&in_segment)?;
            kept.used = now;
            (Arc::clone(&kept.segment), position)
        };
        segment.blob(position).ok().map(<[u8]>::to_vec)
    }

    /// Keeps an opened segment; lets go of those that were not used for longest. One that would take all the room alone
    /// is not kept.
    pub(crate) fn keep(&self, id: &SegmentId, segment: &Arc<Segment>, hasher: &IdHasher) {
        if segment.len() > CAPACITY || self.held().is_none_or(|mut held| held.is_kept(id)) {
            return;
        }
        let blobs: Vec<BlobId> = segment.blobs().map(|blob| hasher.blob(blob)).collect();
        let cost = segment.len().saturating_add(blobs.len().saturating_mul(PER_BLOB));
        let Some(mut held) = self.held().filter(|_| cost <= CAPACITY) else { return };
        held.drop_one(id);
        while held.bytes > CAPACITY - cost {
            let Some(oldest) = held.segments.iter().min_by_key(|(_, kept)| kept.used).map(|(id, _)| *id) else { break };
            held.drop_one(&oldest);
        }
        for (position, blob) in (0..).zip(&blobs) {
            held.places.insert(*blob, (*id, position));
        }
        held.clock += 1;
        held.bytes += cost;
        let used = held.clock;
        held.segments.insert(*id, Kept { segment: Arc::clone(segment), blobs, cost, used });
    }

    /// Gives all memory back, for an operation whose own budget has no room for it.
    pub(crate) fn clear(&self) {
        if let Some(mut held) = self.held() {
            *held = Held::default();
        }
    }

    /// What is held, in bytes.
    #[cfg(test)]
    fn bytes(&self) -> usize {
        self.held().unwrap().bytes
    }
}

impl Held {
    /// Whether a segment is here; if so, all its blobs are found again: one that is in several segments is forgotten with
    /// the one that its place was in.
    fn is_kept(&mut self, id: &SegmentId) -> bool {
        let Some(kept) = self.segments.get(id) else { return false };
        for (position, blob) in (0..).zip(&kept.blobs) {
            self.places.entry(*blob).or_insert((*id, position));
        }
        true
    }

    fn drop_one(&mut self, id: &SegmentId) {
        let Some(kept) = self.segments.remove(id) else { return };
        self.bytes = self.bytes.saturating_sub(kept.cost);
        for blob in kept.blobs {
            if self.places.get(&blob).is_some_and(|(in_segment, _)| in_segment == id) {
                self.places.remove(&blob);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::SecretKey;
    use proptest::prelude::*;

    fn hasher() -> IdHasher {
        IdHasher::new(&SecretKey::from_bytes([7; 32]))
    }

    /// A segment of `count` blobs of `length` bytes, which say who they are.
    fn segment(number: u8, count: u8, length: usize) -> (SegmentId, Vec<Vec<u8>>, Arc<Segment>) {
        let blobs: Vec<Vec<u8>> = (0..count)
            .map(|blob| {
                let mut bytes = vec![number; length.max(2)];
                bytes[1] = blob;
                bytes
            })
            .collect();
        let segment = Arc::new(Segment::of_blobs(&blobs));
        (SegmentId::from_bytes([number; 32]), blobs, segment)
    }

    #[test]
    fn the_least_recently_used_go_first_and_never_is_more_held_than_allowed() {
        let (cache, hasher) = (TreeCache::default(), hasher());
        let each = CAPACITY / 8;
        let segments: Vec<_> = (0..10).map(|number| segment(number, 4, each / 4)).collect();
        for (id, blobs, segment) in &segments {
            cache.keep(id, segment, &hasher);
            assert!(cache.bytes() <= CAPACITY);
            // The first is used all the time.
            assert_eq!(cache.blob(&hasher.blob(&segments[0].1[3])), Some(segments[0].1[3].clone()));
            assert_eq!(cache.blob(&hasher.blob(&blobs[1])), Some(blobs[1].clone()));
        }
        let held: Vec<bool> =
            segments.iter().map(|(_, blobs, _)| cache.blob(&hasher.blob(&blobs[2])).is_some()).collect();
        assert_eq!(held, [true, false, false, false, true, true, true, true, true, true]);
        cache.clear();
        assert_eq!(cache.bytes(), 0);
        assert!(segments.iter().all(|(_, blobs, _)| cache.blob(&hasher.blob(&blobs[2])).is_none()));
    }

    #[test]
    fn what_is_too_large_is_not_kept_and_displaces_nothing() {
        let (cache, hasher) = (TreeCache::default(), hasher());
        let (small, blobs, held) = segment(1, 2, 100);
        cache.keep(&small, &held, &hasher);
        let (large, _, segment) = segment(2, 1, CAPACITY);
        cache.keep(&large, &segment, &hasher);
        assert_eq!(cache.blob(&hasher.blob(&blobs[0])), Some(blobs[0].clone()));
        assert!(cache.bytes() < 1000);
    }

    proptest! {
        #[test]
        fn it_returns_what_was_put_in_or_nothing(steps in prop::collection::vec((0u8..20, any::<bool>()), 1..80)) {
            let (cache, hasher) = (TreeCache::default(), hasher());
            // Every other segment holds a blob that all of those hold.
            let segments: Vec<_> = (0..20u8).map(|number| {
                let (id, mut blobs, _) = segment(number, 3, CAPACITY / 40);
                if number % 2 == 0 {
                    blobs[2] = b"the same in many".to_vec();
                }
                (id, Arc::new(Segment::of_blobs(&blobs)), blobs)
            }).collect();
            for (number, look) in steps {
                let (id, segment, blobs) = &segments[usize::from(number)];
                if look {
                    for blob in blobs {
                        let found = cache.blob(&hasher.blob(blob));
                        prop_assert!(found.is_none_or(|found| found == *blob));
                    }
                } else {
                    cache.keep(id, segment, &hasher);
                    for blob in blobs {
                        let found = cache.blob(&hasher.blob(blob));
                        prop_assert_eq!(found.as_ref(), Some(blob));
                    }
                }
                prop_assert!(cache.bytes() <= CAPACITY);
            }
            cache.clear();
            prop_assert!(cache.held().unwrap().places.is_empty());
        }
    }
}
