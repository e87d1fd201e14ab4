//! Compares two folders by reading them: nothing the engine says is taken for granted.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

/// What a comparison looked at and found.
#[derive(Debug, Default)]
pub(super) struct Comparison {
    pub(super) entries: u64,
    pub(super) bytes: u64,
    /// The first differences: where, and which.
    pub(super) differences: Vec<(PathBuf, String)>,
    pub(super) count: u64,
    /// Whether owners were compared: only who may set them can expect them to be the same.
    pub(super) owners: bool,
}

/// Differences kept with their words.
const LISTED: usize = 50;

const CACHE_TAG: &str = "CACHEDIR.TAG";
const CACHE_SIGNATURE: &[u8] = b"Signature: 8a477f597d28d172789f06886806bc55";

/// Names of the same file, by where they stand, for each of the two trees.
type Links = BTreeMap<(u64, u64), Vec<PathBuf>>;

/// Compares `copy` with `original`, in which folders marked as caches count for their mark alone.
pub(super) fn compare(original: &Path, copy: &Path) -> io::Result<Comparison> {
    let mut comparison = Comparison { owners: rustix::process::geteuid().is_root(), ..Comparison::default() };
    let mut links = (Links::new(), Links::new());
    let mut folders = vec![PathBuf::new()];
    let (left, right) = (fs::metadata(original)?, fs::metadata(copy)?);
    comparison.metadata(Path::new("."), &left, &right);
    comparison.entries += 1;
    while let Some(folder) = folders.pop() {
        let mut names = names(&original.join(&folder))?;
        if !folder.as_os_str().is_empty() && is_cache(&original.join(&folder)) {
            names.retain(|name| name.as_bytes() == CACHE_TAG.as_bytes());
        }
        for extra in self::names(&copy.join(&folder))?.difference(&names) {
            comparison.differs(&folder.join(extra), "only the copy has it");
        }
        for name in names {
            let path = folder.join(name);
            comparison.entries += 1;
            let left = fs::symlink_metadata(original.join(&path))?;
            let right = match fs::symlink_metadata(copy.join(&path)) {
                Ok(right) => right,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    comparison.differs(&path, "the copy lacks it");
                    continue;
                }
                Err(error) => return Err(error),
            };
            if left.file_type() != right.file_type() {
                comparison.differs(&path, "it is of another type");
                continue;
            }
            comparison.metadata(&path, &left, &right);
            comparison.content(&path, &original.join(&path), &copy.join(&path), &left, &right)?;
            comparison.xattrs(&path, &original.join(&path), &copy.join(&path));
            if left.is_dir() {
                folders.push(path);
            } else if left.nlink() > 1 {
                links.0.entry((left.dev(), left.ino())).or_default().push(path.clone());
                links.1.entry((right.dev(), right.ino())).or_default().push(path);
            }
        }
    }
    comparison.links(links);
    Ok(comparison)
}

fn names(folder: &Path) -> io::Result<BTreeSet<OsString>> {
    fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.file_name())).collect()
}

fn is_cache(folder: &Path) -> bool {
    let mut start = [0; CACHE_SIGNATURE.len()];
    let tag = folder.join(CACHE_TAG);
    fs::symlink_metadata(&tag).is_ok_and(|tag| tag.is_file())
        && File::open(tag).and_then(|mut file| file.read_exact(&mut start)).is_ok()
        && start == *CACHE_SIGNATURE
}

impl Comparison {
    fn differs(&mut self, path: &Path, how: &str) {
        self.count += 1;
        if self.differences.len() < LISTED {
            self.differences.push((path.to_owned(), how.to_owned()));
        }
    }

    fn metadata(&mut self, path: &Path, left: &Metadata, right: &Metadata) {
        // What a link's own mode says is up to the system.
        if !left.is_symlink() && left.mode() != right.mode() {
            self.differs(path, &format!("mode {:o} instead of {:o}", right.mode(), left.mode()));
        }
        if (left.mtime(), left.mtime_nsec()) != (right.mtime(), right.mtime_nsec()) {
            self.differs(path, "another modification time");
        }
        if self.owners && (left.uid(), left.gid()) != (right.uid(), right.gid()) {
            self.differs(path, "another owner or group");
        }
        let kind = left.file_type();
        if (kind.is_block_device() || kind.is_char_device()) && left.rdev() != right.rdev() {
            self.differs(path, "another device number");
        }
    }

    fn content(
        &mut self,
        path: &Path,
        left: &Path,
        right: &Path,
        first: &Metadata,
        second: &Metadata,
    ) -> io::Result<()> {
        if first.is_symlink() {
            if fs::read_link(left)? != fs::read_link(right)? {
                self.differs(path, "the link points elsewhere");
            }
            return Ok(());
        }
        if !first.is_file() {
            return Ok(());
        }
        if first.len() != second.len() {
            self.differs(path, &format!("{} bytes instead of {}", second.len(), first.len()));
            return Ok(());
        }
        self.bytes += first.len();
        if !same_bytes(File::open(left)?, File::open(right)?)? {
            self.differs(path, "other content");
        }
        Ok(())
    }

    fn xattrs(&mut self, path: &Path, left: &Path, right: &Path) {
        if xattrs(left) != xattrs(right) {
            self.differs(path, "other extended attributes or ACLs");
        }
    }

    /// Names of one file must be names of one file in the copy, and no others with them.
    fn links(&mut self, (left, right): (Links, Links)) {
        let groups = |links: Links| -> BTreeSet<Vec<PathBuf>> {
            let sorted = |mut names: Vec<PathBuf>| {
                names.sort();
                names
            };
            links.into_values().map(sorted).filter(|names| names.len() > 1).collect()
        };
        let (left, right) = (groups(left), groups(right));
        for names in left.symmetric_difference(&right) {
            if let Some(name) = names.first() {
                self.differs(name, "other hard links");
            }
        }
    }
}

fn same_bytes(mut left: File, mut right: File) -> io::Result<bool> {
    let mut buffers = (vec![0; 1 << 17], vec![0; 1 << 17]);
    loop {
        let read = left.read(&mut buffers.0)?;
        let (Some(first), Some(second)) = (buffers.0.get(..read), buffers.1.get_mut(..read)) else { return Ok(false) };
        if read == 0 {
            return Ok(right.read(&mut buffers.1)? == 0);
        }
        if right.read_exact(second).is_err() || first != second {
            return Ok(false);
        }
    }
}

/// Attributes by name; none where they cannot be read.
fn xattrs(path: &Path) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let mut names = vec![0; 64 * 1024];
    let Ok(length) = rustix::fs::llistxattr(path, names.as_mut_slice()) else { return BTreeMap::new() };
    names.truncate(length);
    let mut value = vec![0; 64 * 1024];
    let mut found = BTreeMap::new();
    for name in names.split(|byte| *byte == 0).filter(|name| !name.is_empty()) {
        // Labels of a security module are the system's own, and it sets them anew.
        if name.starts_with(b"security.") && name != b"security.capability" {
            continue;
        }
        if let Ok(length) = rustix::fs::lgetxattr(path, std::ffi::OsStr::from_bytes(name), value.as_mut_slice()) {
            found.insert(name.to_vec(), value.get(..length).unwrap_or_default().to_vec());
        }
    }
    found
}
