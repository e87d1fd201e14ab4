//! Further names of files in sources that are not sorted.

use crate::format::entry::{Entry, EntryKind, HardLink};
use crate::path::EntryPath;
use crate::problem::{Problem, ProblemReason};
use std::collections::HashMap;

/// Marks groups made here. No file system has this device number.
const DEVICE: u64 = u64::MAX;

/// Ties further names to their files, once entries are sorted.
///
/// For a source that is not sorted, its consumer
/// 1. calls [`link`](Links::link) for every [`SourceItem::Link`](super::SourceItem::Link) and puts the entry, so
///    marked, among those to be sorted; calls [`entry`](Links::entry) for every other entry;
/// 2. after sorting, with the last of several entries for one path left over, and unless
///    [`is_empty`](Links::is_empty): calls [`learn`](Links::learn) for every entry in a first pass;
/// 3. puts every entry through [`resolve`](Links::resolve) in a second pass, and takes what comes out.
///
/// A name refers to the file that is left over at the path it gives. Memory: one path for each name, and the
/// entry of each file that has further ones.
#[derive(Debug, Default)]
pub(crate) struct Links {
    files: Vec<File>,
    /// Files by their path, and by their further names as long as these stand for them.
    by_path: HashMap<EntryPath, usize>,
}

#[derive(Debug)]
struct File {
    path: EntryPath,
    entry: Option<Entry>,
}

impl Links {
    pub(crate) fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// Notes that `entry` is one more name for the file at `target`.
    pub(crate) fn link(&mut self, entry: &mut Entry, target: EntryPath) {
        let number = match self.by_path.get(&target) {
            Some(number) => *number,
            None => {
                self.files.push(File { path: target.clone(), entry: None });
                let number = self.files.len() - 1;
                self.by_path.insert(target, number);
                number
            }
        };
        // A name that is its own target has nothing to stand for, and ends up as missing.
        self.by_path.insert(entry.path.clone(), number);
        entry.kind = EntryKind::File;
        entry.metadata.hard_link = Some(group(number));
    }

    /// Notes that something else stands at a path now.
    pub(crate) fn entry(&mut self, path: &EntryPath) {
        if let Some(number) = self.by_path.get(path)
            && self.files.get(*number).is_some_and(|file| file.path != *path)
        {
            self.by_path.remove(path);
        }
    }

    /// First pass: remembers the files that have further names.
    pub(crate) fn learn(&mut self, entry: &Entry) {
        if number(entry).is_none()
            && entry.kind != EntryKind::Directory
            && let Some(number) = self.by_path.get(&entry.path)
            && let Some(file) = self.files.get_mut(*number)
            && file.path == entry.path
        {
            file.entry = Some(entry.clone());
        }
    }

    /// Second pass: a further name becomes a copy of its file's entry, and both are marked as one group.
    ///
    /// # Errors
    /// A problem with a name whose file is not there; it is left out.
    pub(crate) fn resolve(&self, mut entry: Entry) -> Result<Entry, Problem> {
        if let Some(number) = number(&entry) {
            let file = self.files.get(number);
            return match file.and_then(|file| file.entry.clone()) {
                Some(mut same) => {
                    same.path = entry.path;
                    same.metadata.hard_link = Some(group(number));
                    Ok(same)
                }
                None => {
                    let target = file.map(|file| file.path.to_string()).unwrap_or_default();
                    let detail = format!("it is one more name for {target}, and there is no file of that name");
                    Err(Problem::new(entry.path, ProblemReason::Unreadable, detail))
                }
            };
        }
        if let Some(number) = self.by_path.get(&entry.path)
            && self.files.get(*number).is_some_and(|file| file.entry.is_some() && file.path == entry.path)
        {
            entry.metadata.hard_link = Some(group(*number));
        }
        Ok(entry)
    }
}

fn group(number: usize) -> HardLink {
    HardLink { device: DEVICE, inode: u64::try_from(number).unwrap_or(u64::MAX) }
}

/// The file that an entry is a further name of.
fn number(entry: &Entry) -> Option<usize> {
    let link = entry.metadata.hard_link.filter(|link| link.device == DEVICE)?;
    usize::try_from(link.inode).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::entry::Content;
    use crate::source::testing::{entry, path};
    use std::collections::BTreeMap;

    /// Entries given as (path, content) and links as (path, -> target), in the order of the stream.
    enum Given {
        File(&'static str, &'static str),
        Link(&'static str, &'static str),
    }
    use Given::{File, Link};

    fn resolved(given: &[Given]) -> BTreeMap<String, Result<(String, Option<u64>), ()>> {
        let mut links = Links::default();
        let mut sorted = BTreeMap::new();
        for one in given {
            let entry = match one {
                File(at, content) => {
                    let mut entry = entry(at, EntryKind::File);
                    entry.content = Content::Inline(content.as_bytes().to_vec());
                    links.entry(&entry.path);
                    entry
                }
                Link(at, target) => {
                    let mut entry = entry(at, EntryKind::File);
                    links.link(&mut entry, path(target));
                    entry
                }
            };
            sorted.insert(entry.path.clone(), entry);
        }
        sorted.values().for_each(|entry| links.learn(entry));
        let resolve = |(path, entry): (EntryPath, Entry)| {
            let result = links.resolve(entry).map_err(|_| ()).map(|entry| {
                assert_eq!(entry.path, path);
                let Content::Inline(content) = entry.content else { panic!("no content") };
                (String::from_utf8(content).unwrap(), entry.metadata.hard_link.map(|link| link.inode))
            });
            (path.to_string(), result)
        };
        sorted.into_iter().map(resolve).collect()
    }

    fn file(content: &str, group: Option<u64>) -> Result<(String, Option<u64>), ()> {
        Ok((content.to_owned(), group))
    }

    #[test]
    fn names_before_and_after_the_file_share_its_content_and_group() {
        let found = resolved(&[File("m", "1"), Link("a", "m"), Link("z", "m"), File("n", "2"), Link("y", "a")]);
        let shared = file("1", Some(0));
        assert_eq!([&found["a"], &found["m"], &found["y"], &found["z"]], [&shared; 4]);
        assert_eq!(found["n"], file("2", None));
    }

    #[test]
    fn the_last_entry_of_a_path_counts() {
        let found = resolved(&[File("a", "1"), Link("b", "a"), File("b", "2"), Link("c", "b")]);
        assert_eq!(found["a"], file("1", None).map(|(content, _)| (content, Some(0))));
        assert_eq!((found["b"].clone(), found["c"].clone()), (file("2", Some(1)), file("2", Some(1))));
        let found = resolved(&[File("a", "1"), File("b", "2"), Link("b", "a")]);
        assert_eq!(found["b"], file("1", Some(0)));
    }

    #[test]
    fn a_name_without_a_file_is_a_problem() {
        let found = resolved(&[Link("a", "nowhere"), Link("b", "b"), File("c", "3")]);
        assert_eq!((&found["a"], &found["b"]), (&Err(()), &Err(())));
        assert_eq!(found["c"], file("3", None));
    }
}
