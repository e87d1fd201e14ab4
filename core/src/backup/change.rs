//! What counts as unchanged.

use crate::format::entry::{Entry, EntryKind, Timestamp};

/// When an entry of the previous snapshot is taken over without opening the file.
///
/// A regular file is unchanged when its size, modification time, change time and inode number are those of the
/// previous snapshot. Everything else is unchanged when its type and those times and number are. On top of that a
/// time counts only when it lies clearly before the previous backup began: a file written within a clock tick of
/// being read may change again without its times changing, so such files are read once more. A source that knows no
/// inode numbers is believed without them; one that knows no change times is not.
///
/// The change time is what a user cannot set back; the inode number notices files that were replaced. Switch off
/// `change_time` where something touches every file's metadata between backups (some virus scanners and sync
/// programs do), and `inode` on file systems whose numbers change with every mount (many network and FUSE ones).
///
/// ```
/// let rules = strongroom::ChangeDetection::default().inode(false);
/// assert!(rules.change_time && !rules.inode);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChangeDetection {
    /// Read every file, whatever its times say.
    pub read_everything: bool,
    /// Whether the change time must be the same.
    pub change_time: bool,
    /// Whether the inode number must be the same.
    pub inode: bool,
}

impl Default for ChangeDetection {
    fn default() -> Self {
        ChangeDetection { read_everything: false, change_time: true, inode: true }
    }
}

/// How long before the start of the previous backup a change must lie to be trusted. Linux takes file times from a
/// clock that ticks every 1 to 10 ms.
const TICK_NANOS: i128 = 20_000_000;

/// The same for times in whole seconds, which coarse file systems keep (2 s on FAT).
const COARSE_TICK_NANOS: i128 = 2_000_000_000;

impl ChangeDetection {
    /// Sets whether every file is read, whatever its times say.
    #[must_use]
    pub fn read_everything(mut self, read: bool) -> Self {
        self.read_everything = read;
        self
    }

    /// Sets whether the change time must be the same.
    #[must_use]
    pub fn change_time(mut self, compare: bool) -> Self {
        self.change_time = compare;
        self
    }

    /// Sets whether the inode number must be the same.
    #[must_use]
    pub fn inode(mut self, compare: bool) -> Self {
        self.inode = compare;
        self
    }

    /// Whether `now`, as listed, is what the snapshot that began at `began` holds as `before`.
    pub(crate) fn unchanged(&self, before: &Entry, began: Timestamp, now: &Entry) -> bool {
        before.size == now.size && self.same_version(before, began, now)
    }

    /// Whether `before`, of a backup that broke off, is the beginning of the file that `now` still is. A file that has
    /// the same change time cannot have another length otherwise.
    pub(crate) fn continues(&self, before: &Entry, began: Timestamp, now: &Entry) -> bool {
        let grows = before.size < now.size && before.kind == EntryKind::File;
        grows && self.change_time && self.same_version(before, began, now)
    }

    /// All that is compared but for the size.
    fn same_version(&self, before: &Entry, began: Timestamp, now: &Entry) -> bool {
        if self.read_everything {
            return false;
        }
        let (old, new) = (&before.metadata, &now.metadata);
        let is_file = match (&before.kind, &now.kind) {
            (EntryKind::File, EntryKind::File) => true,
            // The listing does not read link targets; the times vouch for them.
            (EntryKind::Symlink { .. }, EntryKind::Symlink { .. }) => false,
            (before, now) if before == now => false,
            _ => return false,
        };
        if old.modified != new.modified || old.mode != new.mode {
            return false;
        }
        if self.inode && old.inode != new.inode {
            return false;
        }
        let latest = match (self.change_time, old.changed, new.changed) {
            (true, Some(before), Some(now)) if before == now => before.max(new.modified),
            (true, _, _) => return false,
            // Without the change time, attributes and link targets could differ unseen; describing them is cheap.
            (false, _, _) if !is_file => return false,
            (false, _, _) => new.modified,
        };
        let tick = if latest.nanos == 0 { COARSE_TICK_NANOS } else { TICK_NANOS };
        nanoseconds(latest) + tick < nanoseconds(began)
    }
}

fn nanoseconds(time: Timestamp) -> i128 {
    i128::from(time.seconds) * 1_000_000_000 + i128::from(time.nanos)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Content, EntryPath, Metadata};

    fn file() -> Entry {
        let metadata = Metadata {
            modified: Timestamp::new(100, 5),
            changed: Some(Timestamp::new(200, 5)),
            inode: Some(7),
            ..Metadata::default()
        };
        let path = EntryPath::parse("file").unwrap();
        Entry { path, kind: EntryKind::File, metadata, size: 3, holes: Vec::new(), content: Content::Empty }
    }

    const BEGAN: Timestamp = Timestamp { seconds: 300, nanos: 0 };

    #[test]
    fn each_property_counts_unless_switched_off() {
        let rules = ChangeDetection::default();
        assert!(rules.unchanged(&file(), BEGAN, &file()));
        assert!(!rules.read_everything(true).unchanged(&file(), BEGAN, &file()));
        let changed = |change: fn(&mut Entry)| {
            let mut now = file();
            change(&mut now);
            now
        };
        assert!(!rules.unchanged(&file(), BEGAN, &changed(|now| now.size = 4)));
        assert!(!rules.unchanged(&file(), BEGAN, &changed(|now| now.kind = EntryKind::Fifo)));
        assert!(!rules.unchanged(&file(), BEGAN, &changed(|now| now.metadata.modified.nanos = 6)));
        let other_inode = changed(|now| now.metadata.inode = Some(8));
        assert!(!rules.unchanged(&file(), BEGAN, &other_inode));
        assert!(rules.inode(false).unchanged(&file(), BEGAN, &other_inode));
        let no_inode = changed(|now| now.metadata.inode = None);
        assert!(!rules.unchanged(&file(), BEGAN, &no_inode) && !rules.unchanged(&no_inode, BEGAN, &file()));
        assert!(rules.unchanged(&no_inode, BEGAN, &no_inode));
        let other_change = changed(|now| now.metadata.changed = Some(Timestamp::new(201, 5)));
        assert!(!rules.unchanged(&file(), BEGAN, &other_change));
        assert!(rules.change_time(false).unchanged(&file(), BEGAN, &other_change));
    }

    #[test]
    fn a_change_at_the_time_of_the_last_backup_is_not_trusted() {
        let rules = ChangeDetection::default();
        assert!(!rules.unchanged(&file(), Timestamp::new(200, 6), &file()));
        assert!(!rules.unchanged(&file(), Timestamp::new(199, 0), &file()));
        assert!(rules.unchanged(&file(), Timestamp::new(200, 50_000_000), &file()));
    }

    #[test]
    fn without_change_times_only_files_are_taken_over() {
        let mut folder = file();
        folder.kind = EntryKind::Directory;
        let rules = ChangeDetection::default();
        assert!(rules.unchanged(&folder, BEGAN, &folder));
        assert!(!rules.change_time(false).unchanged(&folder, BEGAN, &folder));
    }
}
