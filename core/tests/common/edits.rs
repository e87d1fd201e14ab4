//! Random edits of a folder, as people and programs make them between two backups.

use super::forest::{Body, Forest, Sizes};
use super::noise;
use super::walk::shown;
use proptest::prelude::*;
use proptest::sample::Index;
use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, XattrFlags, utimensat};
use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

#[derive(Debug, Clone)]
pub(crate) enum Edit {
    Overwrite(Index, Body),
    Append(Index, u16),
    Truncate(Index, u16),
    /// A byte in the middle, and the modification time set back.
    Poke(Index, u8),
    Touch(Index, i64),
    /// Another file of the same size and times in its place.
    Replace(Index, u8),
    Rename(Index, Index, u8),
    Delete(Index),
    Chmod(Index, u32),
    Xattr(Index, u8),
    HardLink(Index, u8),
    Plant(Index, Forest),
}

impl Edit {
    pub(crate) fn strategy() -> impl Strategy<Value = Edit> {
        let at = any::<Index>;
        prop_oneof![
            2 => (at(), Body::strategy()).prop_map(|(at, body)| Edit::Overwrite(at, body)),
            2 => (at(), any::<u16>()).prop_map(|(at, count)| Edit::Append(at, count)),
            1 => (at(), any::<u16>()).prop_map(|(at, length)| Edit::Truncate(at, length)),
            3 => (at(), any::<u8>()).prop_map(|(at, seed)| Edit::Poke(at, seed)),
            1 => (at(), 0_i64..2_000_000_000).prop_map(|(at, time)| Edit::Touch(at, time)),
            3 => (at(), any::<u8>()).prop_map(|(at, seed)| Edit::Replace(at, seed)),
            2 => (at(), at(), any::<u8>()).prop_map(|(at, to, name)| Edit::Rename(at, to, name)),
            2 => at().prop_map(Edit::Delete),
            1 => (at(), 0_u32..0o10000).prop_map(|(at, mode)| Edit::Chmod(at, mode)),
            1 => (at(), any::<u8>()).prop_map(|(at, value)| Edit::Xattr(at, value)),
            1 => (at(), any::<u8>()).prop_map(|(at, name)| Edit::HardLink(at, name)),
            1 => (at(), Forest::strategy(1..4)).prop_map(|(at, forest)| Edit::Plant(at, forest)),
        ]
    }

    /// Makes the edit if there is something to make it on.
    pub(crate) fn apply(&self, root: &Path, sizes: Sizes) {
        let of = |wanted: fn(&fs::FileType) -> bool| {
            let mut paths: Vec<PathBuf> = stats(root).into_values().map(|stat| stat.path).collect();
            paths.retain(|path| wanted(&fs::symlink_metadata(path).unwrap().file_type()));
            paths
        };
        let pick = |index: &Index, paths: Vec<PathBuf>| (!paths.is_empty()).then(|| index.get(&paths).clone());
        let file = |index| pick(index, of(fs::FileType::is_file));
        let anything = |index| pick(index, of(|_| true)).filter(|path| path != root);
        let no_link = |index| pick(index, of(|kind| !kind.is_symlink()));
        let folder = |index| pick(index, of(fs::FileType::is_dir));
        match self {
            Edit::Overwrite(at, body) => {
                file(at).iter().for_each(|path| body.write(path, sizes));
            }
            Edit::Append(at, count) => {
                if let Some(path) = file(at) {
                    let mut file = fs::OpenOptions::new().append(true).open(path).unwrap();
                    file.write_all(&noise(5, usize::from(*count))).unwrap();
                }
            }
            Edit::Truncate(at, length) => {
                if let Some(path) = file(at) {
                    let file = fs::OpenOptions::new().write(true).open(path).unwrap();
                    let length = file.metadata().unwrap().len().min(u64::from(*length));
                    file.set_len(length).unwrap();
                }
            }
            Edit::Poke(at, seed) => {
                if let Some(path) = file(at) {
                    let times = times_of(&path);
                    let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
                    let length = file.metadata().unwrap().len();
                    if length > 0 {
                        file.write_all_at(&[*seed], u64::from(*seed) * 37 % length).unwrap();
                    }
                    set_times(&path, &times);
                }
            }
            Edit::Touch(at, time) => {
                if let Some(path) = anything(at) {
                    let time = Timespec { tv_sec: *time, tv_nsec: 77 };
                    set_times(&path, &Timestamps { last_access: time, last_modification: time });
                }
            }
            Edit::Replace(at, seed) => {
                if let Some(path) = file(at) {
                    let (times, metadata) = (times_of(&path), fs::metadata(&path).unwrap());
                    let other = path.with_file_name("replacement in the making");
                    fs::write(&other, noise(u64::from(*seed), metadata.len().try_into().unwrap())).unwrap();
                    fs::set_permissions(&other, metadata.permissions()).unwrap();
                    set_times(&other, &times);
                    fs::rename(&other, &path).unwrap();
                }
            }
            Edit::Rename(at, to, name) => {
                if let (Some(path), Some(folder)) = (anything(at), folder(to))
                    && !folder.starts_with(&path)
                {
                    let to = folder.join(format!("renamed {}", name % 4));
                    if fs::symlink_metadata(&to).is_err() {
                        fs::rename(path, to).unwrap();
                    }
                }
            }
            Edit::Delete(at) => {
                if let Some(path) = anything(at) {
                    let is_folder = fs::symlink_metadata(&path).unwrap().is_dir();
                    let delete = if is_folder { fs::remove_dir_all(path) } else { fs::remove_file(path) };
                    delete.unwrap();
                }
            }
            Edit::Chmod(at, mode) => {
                if let Some(path) = no_link(at) {
                    let readable = if super::forest::is_root() { 0 } else { 0o700 };
                    fs::set_permissions(path, fs::Permissions::from_mode(mode | readable)).unwrap();
                }
            }
            Edit::Xattr(at, value) => {
                if let Some(path) = file(at) {
                    if value % 4 == 0 {
                        let _ = rustix::fs::lremovexattr(&path, "user.a");
                    } else {
                        let _ = rustix::fs::lsetxattr(&path, "user.a", &[*value], XattrFlags::empty());
                    }
                }
            }
            Edit::HardLink(at, name) => {
                if let Some(path) = file(at) {
                    let _ = fs::hard_link(&path, path.with_file_name(format!("linked {}", name % 4)));
                }
            }
            Edit::Plant(at, forest) => {
                folder(at).iter().for_each(|path| forest.plant(path, sizes));
            }
        }
    }
}

fn times_of(path: &Path) -> Timestamps {
    let metadata = fs::symlink_metadata(path).unwrap();
    let modified = Timespec { tv_sec: metadata.mtime(), tv_nsec: metadata.mtime_nsec() };
    Timestamps { last_access: modified, last_modification: modified }
}

fn set_times(path: &Path, times: &Timestamps) {
    utimensat(CWD, path, times, AtFlags::SYMLINK_NOFOLLOW).unwrap();
}

/// What a listing tells of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stat {
    pub(crate) path: PathBuf,
    pub(crate) is_file: bool,
    pub(crate) inode: u64,
    pub(crate) size: u64,
    pub(crate) mode: u32,
    pub(crate) modified: (i64, i64),
    pub(crate) changed: (i64, i64),
}

/// Everything below a folder, itself included, by its relative path.
pub(crate) fn stats(root: &Path) -> BTreeMap<String, Stat> {
    let (mut found, mut folders) = (BTreeMap::new(), vec![root.to_path_buf()]);
    let mut add = |path: PathBuf, folders: &mut Vec<PathBuf>| {
        let metadata = fs::symlink_metadata(&path).unwrap();
        let relative = shown(path.strip_prefix(root).unwrap().as_os_str().as_bytes());
        if metadata.is_dir() {
            folders.push(path.clone());
        }
        let stat = Stat {
            path,
            is_file: metadata.is_file(),
            inode: metadata.ino(),
            size: metadata.len(),
            mode: metadata.mode(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        };
        found.insert(relative, stat);
    };
    add(root.to_path_buf(), &mut Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            add(entry.unwrap().path(), &mut folders);
        }
    }
    found
}

/// Waits until the last change in a folder is so long ago that its time can be told from that of the next.
pub(crate) fn settle(root: &Path) {
    let last = stats(root).values().map(|stat| stat.changed).max().unwrap();
    let last = SystemTime::UNIX_EPOCH + Duration::new(last.0.try_into().unwrap(), last.1.try_into().unwrap());
    while SystemTime::now() < last + Duration::from_millis(30) {
        std::thread::sleep(Duration::from_millis(5));
    }
}
