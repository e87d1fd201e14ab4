//! Folders that a source did not name.

use crate::error::{Result, invalid};
use crate::format::entry::{Content, Entry, EntryKind, Metadata, Owner};
use crate::path::EntryPath;
use crate::problem::{Problem, ProblemReason};
use std::sync::Arc;

/// Finds, while sorted entries pass by, the folders that are missing before them.
///
/// Memory: two paths, whatever passes by.
#[derive(Debug, Default)]
pub(crate) struct FillParents {
    /// The last path that was let through; with all folders above it, it is there.
    last: Option<EntryPath>,
    /// The last entry that is not a folder. Nothing can stand below it.
    blocker: Option<EntryPath>,
}

impl FillParents {
    /// The folders to put before `entry`, from the root down: mode 0755, the owner of `entry`, no times. The
    /// inner error is an entry to leave out, since what should be a folder above it is something else.
    ///
    /// # Errors
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) when `entry` does not come after the one before it.
    pub(crate) fn before(&mut self, entry: &Entry) -> Result<Result<Vec<Entry>, Problem>> {
        const OPERATION: &str = "take entries from the source";
        match &self.last {
            Some(last) if *last == entry.path => {
                return Err(invalid(OPERATION, "the path comes twice").object(&entry.path));
            }
            Some(last) if *last > entry.path => {
                return Err(invalid(OPERATION, "the entries are not in order").object(&entry.path));
            }
            _ => {}
        }
        let is_folder = entry.kind == EntryKind::Directory;
        if entry.path.is_root() && !is_folder {
            let detail = format!("the root is a folder and cannot be a {}", entry.kind.name());
            return Ok(Err(Problem::new(entry.path.clone(), ProblemReason::Unsupported, detail)));
        }
        if let Some(blocker) = &self.blocker
            && entry.path.is_within(blocker)
        {
            let detail = format!("{blocker} above it is not a folder");
            return Ok(Err(Problem::new(entry.path.clone(), ProblemReason::Unsupported, detail)));
        }
        let missing = self.missing(entry)?;
        if !is_folder {
            self.blocker = Some(entry.path.clone());
        }
        self.last = Some(entry.path.clone());
        Ok(Ok(missing))
    }

    fn missing(&self, entry: &Entry) -> Result<Vec<Entry>> {
        let mut missing = Vec::new();
        if self.last.is_none() && !entry.path.is_root() {
            missing.push(folder(EntryPath::root(), &entry.metadata.owner));
        }
        let Some(parent) = entry.path.parent() else { return Ok(missing) };
        // In order, folders are missing only below the last name that the paths have in common.
        if self.last.as_ref().is_some_and(|last| last.is_within(&parent)) {
            return Ok(missing);
        }
        let mut known = self.last.iter().flat_map(EntryPath::names);
        let mut is_known = true;
        let mut path = EntryPath::root();
        for name in parent.names() {
            path.push(name)?;
            is_known = is_known && known.next() == Some(name);
            if !is_known {
                missing.push(folder(path.clone(), &entry.metadata.owner));
            }
        }
        Ok(missing)
    }
}

fn folder(path: EntryPath, owner: &Arc<Owner>) -> Entry {
    let metadata = Metadata { mode: 0o755, owner: Arc::clone(owner), ..Metadata::default() };
    Entry { path, kind: EntryKind::Directory, metadata, size: 0, holes: Vec::new(), content: Content::Empty }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;
    use crate::source::testing::entry;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn passed(paths: &[(&str, EntryKind)]) -> Vec<String> {
        let mut fill = FillParents::default();
        let mut out = Vec::new();
        for (path, kind) in paths {
            let entry = entry(path, kind.clone());
            match fill.before(&entry).unwrap() {
                Ok(missing) => out.extend(missing.into_iter().chain([entry]).map(|entry| entry.path.to_string())),
                Err(problem) => out.push(format!("!{}", problem.path)),
            }
        }
        out
    }

    #[test]
    fn missing_folders_come_from_the_root_down() {
        use EntryKind::{Directory, File};
        assert_eq!(passed(&[("a/b/c", File), ("a/b/d", File)]), ["", "a", "a/b", "a/b/c", "a/b/d"]);
        assert_eq!(passed(&[("", Directory), ("a", Directory), ("a/x", File)]), ["", "a", "a/x"]);
        assert_eq!(passed(&[("a/b", File), ("ab/c", File), ("b", File)]), ["", "a", "a/b", "ab", "ab/c", "b"]);
        assert_eq!(passed(&[("a/b", Directory), ("a/c/d", File)]), ["", "a", "a/b", "a/c", "a/c/d"]);
    }

    #[test]
    fn nothing_stands_below_what_is_not_a_folder() {
        use EntryKind::{Directory, Fifo, File};
        assert_eq!(
            passed(&[("a", File), ("a/b", File), ("a/c/d", File), ("a.b", Fifo), ("b/c", File)]),
            ["", "a", "!a/b", "!a/c/d", "a.b", "b", "b/c"]
        );
        assert_eq!(passed(&[("", File), ("a", Directory)]), ["!", "", "a"]);
    }

    #[test]
    fn twice_and_out_of_order_is_refused() {
        for second in ["a/b", "a", "A"] {
            let mut fill = FillParents::default();
            fill.before(&entry("a/b", EntryKind::File)).unwrap().unwrap();
            let error = fill.before(&entry(second, EntryKind::File)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidArgument);
        }
    }

    #[test]
    fn made_up_folders_belong_to_who_owns_what_is_in_them() {
        let mut one = entry("a/b", EntryKind::File);
        one.metadata.owner = Arc::new(Owner::ids(5, 6));
        let missing = FillParents::default().before(&one).unwrap().unwrap();
        assert!(
            missing.iter().all(|folder| folder.metadata.mode == 0o755 && *folder.metadata.owner == Owner::ids(5, 6))
        );
    }

    proptest! {
        #[test]
        fn every_parent_is_there_once(given in prop::collection::btree_set("[ab]{1,2}(/[ab]{1,2}){0,4}", 1..20)) {
            let mut paths: Vec<EntryPath> = given.iter().map(|path| EntryPath::parse(path).unwrap()).collect();
            paths.sort();
            let mut expected = BTreeSet::new();
            for path in &paths {
                let mut at = Some(path.clone());
                while let Some(path) = at {
                    at = path.parent();
                    expected.insert(path);
                }
            }
            let mut fill = FillParents::default();
            let mut found = Vec::new();
            for path in paths {
                let one = entry(&path.to_string(), EntryKind::Directory);
                found.extend(fill.before(&one).unwrap().unwrap().into_iter().map(|entry| entry.path));
                found.push(path);
            }
            prop_assert_eq!(found, expected.into_iter().collect::<Vec<_>>());
        }
    }
}
