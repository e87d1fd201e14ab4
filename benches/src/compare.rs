//! Whether two trees are the same: content and metadata, by this program's own walk.

use anyhow::{Context, Result};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ffi::{CString, OsString};
use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

/// Differences shown by their paths; all are counted.
const SHOWN: usize = 5;

/// What a comparison found. The roots themselves are not compared: not every tool keeps what it is given by name.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Comparison {
    /// Entries in the first tree.
    pub(crate) entries: u64,
    /// How many entries differ, by what differs.
    pub(crate) differences: BTreeMap<&'static str, u64>,
    /// Some of them by their paths.
    pub(crate) examples: Vec<String>,
}

impl Comparison {
    pub(crate) fn is_same(&self) -> bool {
        self.differences.is_empty()
    }

    /// `mtime of 90, xattrs of 2 entries`.
    pub(crate) fn describe(&self) -> String {
        if self.is_same() {
            return "the same".to_owned();
        }
        let parts: Vec<_> = self.differences.iter().map(|(what, count)| format!("{what} of {count}")).collect();
        format!("{} entries", parts.join(", "))
    }
}

/// Compares all that is below two folders.
pub(crate) fn compare(first: &Path, second: &Path) -> Result<Comparison> {
    let mut walk = Walk { found: Comparison::default(), links: HashMap::new(), buffers: Default::default() };
    // A stack instead of recursion, of folders relative to both roots.
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        let (names, others) = (names(&first.join(&folder))?, names(&second.join(&folder))?);
        walk.found.entries += names.len() as u64;
        for name in names.union(&others) {
            let path = folder.join(name);
            match (names.contains(name), others.contains(name)) {
                (true, false) => walk.differs("existence", &path),
                (false, true) => walk.differs("absence", &path),
                _ => {
                    if walk.entry(first, second, &path)? {
                        folders.push(path);
                    }
                }
            }
        }
    }
    Ok(walk.found)
}

struct Walk {
    found: Comparison,
    /// Which file of the second tree a file of several names in the first one is.
    links: HashMap<(u64, u64), (u64, u64)>,
    buffers: [Vec<u8>; 2],
}

impl Walk {
    fn differs(&mut self, what: &'static str, path: &Path) {
        *self.found.differences.entry(what).or_default() += 1;
        if self.found.examples.len() < SHOWN {
            self.found.examples.push(format!("{}: {what}", path.display()));
        }
    }

    /// Compares one entry; whether it is a folder in both trees.
    fn entry(&mut self, first: &Path, second: &Path, path: &Path) -> Result<bool> {
        let (left_path, right_path) = (first.join(path), second.join(path));
        let (left, right) = (stat(&left_path)?, stat(&right_path)?);
        if left.file_type() != right.file_type() {
            self.differs("type", path);
            return Ok(false);
        }
        let kind = left.file_type();
        let owner = |of: &Metadata| (of.uid(), of.gid());
        let time = |of: &Metadata| (of.mtime(), of.mtime_nsec());
        // The mode of a symlink means nothing, and no call sets it everywhere.
        if !kind.is_symlink() && left.mode() & 0o7777 != right.mode() & 0o7777 {
            self.differs("mode", path);
        }
        if owner(&left) != owner(&right) {
            self.differs("owner", path);
        }
        if time(&left) != time(&right) {
            self.differs("mtime", path);
        }
        if xattrs(&left_path)? != xattrs(&right_path)? {
            self.differs("xattrs", path);
        }
        if !kind.is_dir() && (left.nlink() > 1 || right.nlink() > 1) && !self.same_link(&left, &right) {
            self.differs("hard links", path);
        }
        let same = if kind.is_file() {
            left.len() == right.len() && self.same_content(&left_path, &right_path)?
        } else if kind.is_symlink() {
            fs::read_link(&left_path)? == fs::read_link(&right_path)?
        } else if kind.is_block_device() || kind.is_char_device() {
            left.rdev() == right.rdev()
        } else {
            true
        };
        if !same {
            self.differs("content", path);
        }
        Ok(kind.is_dir())
    }

    fn same_link(&mut self, left: &Metadata, right: &Metadata) -> bool {
        let id = |of: &Metadata| (of.dev(), of.ino());
        left.nlink() == right.nlink() && *self.links.entry(id(left)).or_insert_with(|| id(right)) == id(right)
    }

    fn same_content(&mut self, left: &Path, right: &Path) -> Result<bool> {
        let (mut left_file, mut right_file) = (open(left)?, open(right)?);
        loop {
            let [left_bytes, right_bytes] = &mut self.buffers;
            fill(&mut left_file, left_bytes).with_context(|| format!("cannot read {}", left.display()))?;
            fill(&mut right_file, right_bytes).with_context(|| format!("cannot read {}", right.display()))?;
            if left_bytes != right_bytes {
                return Ok(false);
            }
            if left_bytes.is_empty() {
                return Ok(true);
            }
        }
    }
}

/// Reads as much as there is, up to a bound that keeps this process small.
fn fill(file: &mut File, buffer: &mut Vec<u8>) -> io::Result<usize> {
    buffer.clear();
    file.take(128 * 1024).read_to_end(buffer)
}

fn open(path: &Path) -> Result<File> {
    File::open(path).with_context(|| format!("cannot open {}", path.display()))
}

fn stat(path: &Path) -> Result<Metadata> {
    fs::symlink_metadata(path).with_context(|| format!("cannot look at {}", path.display()))
}

fn names(folder: &Path) -> Result<BTreeSet<OsString>> {
    let listing = fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))?;
    listing.map(|entry| Ok(entry?.file_name())).collect()
}

/// Extended attributes, ACLs among them, by name. File systems without any have none.
fn xattrs(path: &Path) -> Result<BTreeMap<Vec<u8>, Vec<u8>>> {
    let failed = || format!("cannot read the attributes of {}", path.display());
    // 64 KiB is the most that Linux has for the list, and for a value.
    let mut list = [0u8; 1024];
    let mut long = Vec::new();
    let list = match rustix::fs::llistxattr(path, &mut list) {
        Ok(length) => &list[..length],
        Err(rustix::io::Errno::OPNOTSUPP) => return Ok(BTreeMap::new()),
        Err(rustix::io::Errno::RANGE) => {
            long.resize(64 * 1024, 0);
            let length = rustix::fs::llistxattr(path, &mut long).with_context(failed)?;
            &long[..length]
        }
        Err(error) => return Err(error).with_context(failed),
    };
    let mut found = BTreeMap::new();
    for name in list.split(|byte| *byte == 0).filter(|name| !name.is_empty()) {
        let mut value = vec![0; 64 * 1024];
        let length = rustix::fs::lgetxattr(path, CString::new(name)?, &mut value).with_context(failed)?;
        value.truncate(length);
        found.insert(name.to_vec(), value);
    }
    Ok(found)
}

/// What is below a folder: entries, and bytes of the regular files among them.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Extent {
    pub(crate) entries: u64,
    pub(crate) bytes: u64,
}

/// Counts what is below a folder.
pub(crate) fn extent(root: &Path) -> Result<Extent> {
    let mut extent = Extent::default();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).with_context(|| format!("cannot list {}", folder.display()))? {
            let entry = entry?;
            let metadata = entry.metadata()?;
            extent.entries += 1;
            if metadata.is_dir() {
                folders.push(entry.path());
            } else if metadata.is_file() {
                extent.bytes += metadata.len();
            }
        }
    }
    Ok(extent)
}

/// Where the tree `source` stands below a folder it was restored into: tools differ in how much of its path they
/// restore.
pub(crate) fn restored(source: &Path, target: &Path) -> PathBuf {
    let whole = target.join(Path::new(std::ffi::OsStr::from_bytes(
        source.as_os_str().as_bytes().strip_prefix(b"/").unwrap_or(source.as_os_str().as_bytes()),
    )));
    let named = source.file_name().map(|name| target.join(name));
    [Some(whole), named].into_iter().flatten().find(|place| place.is_dir()).unwrap_or_else(|| target.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::time::{Duration, SystemTime};

    fn tree(root: &Path) {
        fs::create_dir_all(root.join("a/b")).unwrap();
        fs::write(root.join("a/b/file"), "some content").unwrap();
        fs::write(root.join("one"), "1").unwrap();
        fs::hard_link(root.join("one"), root.join("a/two")).unwrap();
        symlink("nowhere", root.join("link")).unwrap();
        let time = SystemTime::UNIX_EPOCH + Duration::new(1_000_000, 17);
        for path in ["a/b/file", "one", "a/b", "a"] {
            File::open(root.join(path)).unwrap().set_modified(time).unwrap();
        }
        let times = rustix::fs::Timespec { tv_sec: 1_000_000, tv_nsec: 17 };
        let times = rustix::fs::Timestamps { last_access: times, last_modification: times };
        let flags = rustix::fs::AtFlags::SYMLINK_NOFOLLOW;
        rustix::fs::utimensat(rustix::fs::CWD, root.join("link"), &times, flags).unwrap();
    }

    fn after(change: impl FnOnce(&Path)) -> Vec<&'static str> {
        let folder = tempfile::tempdir().unwrap();
        let (first, second) = (folder.path().join("first"), folder.path().join("second"));
        tree(&first);
        tree(&second);
        change(&second);
        let found = compare(&first, &second).unwrap();
        assert_eq!(found.entries, 6);
        found.differences.into_keys().collect()
    }

    fn keeping_time(path: &Path, change: impl FnOnce()) {
        let time = fs::metadata(path).unwrap().modified().unwrap();
        change();
        File::open(path).unwrap().set_modified(time).unwrap();
    }

    #[test]
    fn equal_trees_are_the_same() {
        assert!(after(|_| ()).is_empty());
        assert_eq!(Comparison::default().describe(), "the same");
    }

    #[test]
    fn every_difference_has_its_name() {
        let file = |root: &Path| root.join("a/b/file");
        let rewrite = |text: &'static str| {
            move |root: &Path| {
                let file = root.join("a/b/file");
                keeping_time(&file, || fs::write(&file, text).unwrap());
            }
        };
        assert_eq!(after(rewrite("Some content")), ["content"]);
        assert_eq!(after(rewrite("some")), ["content"]);
        assert_eq!(after(|root| fs::set_permissions(file(root), fs::Permissions::from_mode(0o600)).unwrap()), ["mode"]);
        assert_eq!(
            after(|root| File::open(root.join("a")).unwrap().set_modified(SystemTime::now()).unwrap()),
            ["mtime"]
        );
        assert_eq!(
            after(|root| keeping_time(&root.join("a"), || fs::remove_file(root.join("a/two")).unwrap())).len(),
            2
        );
        assert_eq!(after(|root| fs::write(root.join("more"), "").unwrap()), ["absence"]);
        assert_eq!(
            after(|root| {
                fs::remove_file(root.join("link")).unwrap();
                fs::create_dir(root.join("link")).unwrap();
            }),
            ["type"]
        );
    }

    #[test]
    fn trees_are_found_where_tools_put_them() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path();
        assert_eq!(restored(Path::new("/x/y"), target), target);
        fs::create_dir_all(target.join("y")).unwrap();
        assert_eq!(restored(Path::new("/x/y"), target), target.join("y"));
        fs::create_dir_all(target.join("x/y")).unwrap();
        assert_eq!(restored(Path::new("/x/y"), target), target.join("x/y"));
    }

    #[test]
    fn extents_are_counted() {
        let folder = tempfile::tempdir().unwrap();
        tree(folder.path());
        assert_eq!(extent(folder.path()).unwrap(), Extent { entries: 6, bytes: 14 });
    }
}
