//! What a folder holds, read with nothing but system calls: the judge of every restore.
//!
//! Folders are reached through `/proc/self/fd`, so that no path is too long.

use rustix::fs::{CWD, Mode, OFlags, SeekFrom, openat, seek};
use rustix::io::Errno;
use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::fs;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

/// Everything about one path that a backup has to bring back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Node {
    pub(crate) kind: Kind,
    pub(crate) mode: u32,
    pub(crate) owner: (u32, u32),
    /// Seconds and nanoseconds; none where it does not matter.
    pub(crate) modified: Option<(i64, i64)>,
    pub(crate) xattrs: BTreeMap<String, Vec<u8>>,
    /// The first of several names of the same thing, for all of them.
    pub(crate) same_as: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    File {
        size: u64,
        hash: String,
        /// Ranges that are no holes; none where that does not matter.
        data: Option<Vec<(u64, u64)>>,
    },
    Folder,
    Symlink(String),
    Fifo,
    Socket,
    CharDevice(u64),
    BlockDevice(u64),
}

/// By path with every byte that is no printable ASCII escaped, the folder itself as the empty path.
pub(crate) type Tree = BTreeMap<String, Node>;

pub(crate) fn shown(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}

/// Reads a folder and all that is in it.
pub(crate) fn walk(root: &Path) -> Tree {
    let mut walk = Walk { tree: Tree::new(), names: HashMap::new() };
    walk.entry(root, b"");
    let several = walk.names.into_values().filter(|names| names.len() > 1);
    for names in several {
        let first = names.iter().min().unwrap().clone();
        for name in names {
            walk.tree.get_mut(&name).unwrap().same_as = Some(first.clone());
        }
    }
    walk.tree
}

struct Walk {
    tree: Tree,
    names: HashMap<(u64, u64), Vec<String>>,
}

impl Walk {
    fn entry(&mut self, at: &Path, path: &[u8]) {
        let metadata = fs::symlink_metadata(at).unwrap_or_else(|error| panic!("{}: {error}", shown(path)));
        let kind = metadata.file_type();
        let kind = if kind.is_file() {
            file(at, metadata.len())
        } else if kind.is_dir() {
            Kind::Folder
        } else if kind.is_symlink() {
            Kind::Symlink(shown(fs::read_link(at).unwrap().as_os_str().as_bytes()))
        } else if kind.is_fifo() {
            Kind::Fifo
        } else if kind.is_socket() {
            Kind::Socket
        } else if kind.is_char_device() {
            Kind::CharDevice(metadata.rdev())
        } else {
            Kind::BlockDevice(metadata.rdev())
        };
        let is_folder = kind == Kind::Folder;
        if !is_folder && metadata.nlink() > 1 {
            self.names.entry((metadata.dev(), metadata.ino())).or_default().push(shown(path));
        }
        let node = Node {
            kind,
            mode: metadata.mode() & 0o7777,
            owner: (metadata.uid(), metadata.gid()),
            modified: Some((metadata.mtime(), metadata.mtime_nsec())),
            xattrs: xattrs(at),
            same_as: None,
        };
        assert!(self.tree.insert(shown(path), node).is_none());
        if is_folder {
            let fd = openat(CWD, at, OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty()).unwrap();
            let opened = PathBuf::from(format!("/proc/self/fd/{}", fd.as_raw_fd()));
            for entry in fs::read_dir(&opened).unwrap() {
                let name = entry.unwrap().file_name().into_vec();
                let below = if path.is_empty() { name.clone() } else { [path, b"/", &name].concat() };
                self.entry(&opened.join(std::ffi::OsStr::from_bytes(&name)), &below);
            }
        }
    }
}

fn file(at: &Path, size: u64) -> Kind {
    let opened = fs::File::open(at).unwrap();
    let mut data = Vec::new();
    let mut position = 0;
    while position < size {
        let start = match seek(&opened, SeekFrom::Data(position)) {
            Ok(start) => start,
            Err(Errno::NXIO) => break,
            Err(error) => panic!("{}: {error}", at.display()),
        };
        position = seek(&opened, SeekFrom::Hole(start)).unwrap().min(size);
        data.push((start, position));
    }
    let hash = blake3::Hasher::new().update_reader(fs::File::open(at).unwrap()).unwrap().finalize();
    Kind::File { size, hash: hash.to_hex().to_string(), data: Some(data) }
}

fn xattrs(at: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut names = vec![0; 64 << 10];
    let length = match rustix::fs::llistxattr(at, &mut names[..]) {
        Ok(length) => length,
        Err(Errno::NOTSUP) => 0,
        Err(error) => panic!("{}: {error}", at.display()),
    };
    let names = names[..length].split(|byte| *byte == 0).filter(|name| !name.is_empty());
    names
        .map(|name| {
            let mut value = vec![0; 64 << 10];
            let length = rustix::fs::lgetxattr(at, name, &mut value[..]).unwrap();
            (shown(name), value[..length].to_vec())
        })
        .collect()
}

/// The same with something taken out of every node that is not to be compared.
pub(crate) fn without(mut tree: Tree, change: impl Fn(&mut Node)) -> Tree {
    tree.values_mut().for_each(change);
    tree
}

/// Takes out which parts of files are holes.
pub(crate) fn without_holes(node: &mut Node) {
    if let Kind::File { data, .. } = &mut node.kind {
        *data = None;
    }
}

/// One line a path that is not the same on both sides; empty when all are.
pub(crate) fn differences(expected: &Tree, found: &Tree) -> String {
    let mut text = String::new();
    for (path, node) in expected {
        match found.get(path) {
            None => writeln!(text, "missing: {path:?}: {node:?}").unwrap(),
            Some(other) if other != node => {
                writeln!(text, "differs: {path:?}\n  expected {node:?}\n  found    {other:?}").unwrap();
            }
            Some(_) => {}
        }
    }
    for (path, node) in found.iter().filter(|(path, _)| !expected.contains_key(*path)) {
        writeln!(text, "not expected: {path:?}: {node:?}").unwrap();
    }
    text
}

/// Panics with what differs.
#[track_caller]
pub(crate) fn assert_same(expected: &Tree, found: &Tree) {
    let differences = differences(expected, found);
    assert!(differences.is_empty(), "{differences}");
}

/// What `rsync` would change to make `found` the same as `expected`, as it lists it; empty where it is not
/// installed.
pub(crate) fn rsync_differences(expected: &Path, found: &Path) -> String {
    let inside = |path: &Path| {
        let mut path = path.as_os_str().to_owned();
        path.push("/");
        path
    };
    let mut rsync = std::process::Command::new("rsync");
    rsync.args(["-aHAXni", "--delete", "--checksum"]).arg(inside(expected)).arg(inside(found));
    match rsync.output() {
        Ok(output) => {
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            shown(&output.stdout)
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => panic!("{error}"),
    }
}
