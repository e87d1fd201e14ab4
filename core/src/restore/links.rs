//! Files with several names: which name came first, and whether the others can be linked to it.

use crate::format::entry::{Entry, HardLink};
use crate::path::EntryPath;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

/// What the first entry of a group is for the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Claim {
    /// This entry is the first; it is restored as any other.
    First,
    /// Another one came before.
    Later,
    /// There is no memory left to remember groups in: the entry stands alone.
    Alone,
}

/// The groups met so far.
pub(super) struct Links {
    inner: Mutex<Inner>,
    /// Bytes that may be used.
    budget: u64,
}

#[derive(Default)]
struct Inner {
    groups: HashMap<HardLink, First>,
    /// The folder of the last first name, shared with those that follow in it.
    folder: Option<Arc<EntryPath>>,
    used: u64,
}

struct First {
    folder: Arc<EntryPath>,
    name: Box<[u8]>,
    /// Whether it stands in the target as the snapshot has it.
    stands: bool,
}

/// What a group costs beside its name: the table's slot and what the allocator adds.
const GROUP: u64 = 96;

impl Links {
    pub(super) fn within(budget: u64) -> Self {
        Links { inner: Mutex::default(), budget }
    }

    /// Decides what `entry` is in its group.
    pub(super) fn claim(&self, group: HardLink, entry: &Entry) -> Claim {
        let Ok(mut inner) = self.inner.lock() else { return Claim::Alone };
        if inner.groups.contains_key(&group) {
            return Claim::Later;
        }
        let (Some(parent), Some(name)) = (entry.path.parent(), entry.path.name()) else { return Claim::Alone };
        if inner.used > self.budget {
            return Claim::Alone;
        }
        inner.used += GROUP + name.len() as u64;
        let folder = match &inner.folder {
            Some(folder) if **folder == parent => Arc::clone(folder),
            _ => {
                inner.used += parent.key().len() as u64 + 64;
                let folder = Arc::new(parent);
                inner.folder = Some(Arc::clone(&folder));
                folder
            }
        };
        inner.groups.insert(group, First { folder, name: name.into(), stands: false });
        Claim::First
    }

    /// Notes that `path` stands in the target as the snapshot has it, so that others can be linked to it.
    pub(super) fn stands(&self, group: HardLink, path: &EntryPath) {
        let Ok(mut inner) = self.inner.lock() else { return };
        let Some(first) = inner.groups.get_mut(&group) else { return };
        if path.name() != Some(&first.name) || path.parent().as_ref() != Some(&*first.folder) {
            let (Some(parent), Some(name)) = (path.parent(), path.name()) else { return };
            *first = First { folder: Arc::new(parent), name: name.into(), stands: true };
        }
        first.stands = true;
    }

    /// The folder and the name that others of the group can be linked to.
    pub(super) fn first(&self, group: HardLink) -> Option<(Arc<EntryPath>, Box<[u8]>)> {
        let inner = self.inner.lock().ok()?;
        let first = inner.groups.get(&group).filter(|first| first.stands)?;
        Some((Arc::clone(&first.folder), first.name.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(path: &str) -> Entry {
        Entry {
            path: EntryPath::parse(path).unwrap(),
            kind: crate::EntryKind::File,
            metadata: crate::Metadata::default(),
            size: 0,
            holes: Vec::new(),
            content: crate::Content::Empty,
        }
    }

    #[test]
    fn the_first_name_is_found_once_it_stands() {
        let links = Links::within(1000);
        let group = HardLink { device: 1, inode: 2 };
        assert_eq!(links.claim(group, &entry("a/x")), Claim::First);
        assert_eq!(links.claim(group, &entry("b/y")), Claim::Later);
        assert!(links.first(group).is_none());
        links.stands(group, &EntryPath::parse("b/y").unwrap());
        let (folder, name) = links.first(group).unwrap();
        assert_eq!((folder.to_string().as_str(), &*name), ("b", &b"y"[..]));
    }

    #[test]
    fn memory_is_bounded() {
        let links = Links::within(1000);
        let claims: Vec<Claim> =
            (0..100).map(|inode| links.claim(HardLink { device: 0, inode }, &entry("a/x"))).collect();
        assert_eq!(claims[0], Claim::First);
        assert_eq!(claims[99], Claim::Alone);
    }
}
