//! Folders of the file system: made, compared, damaged.

use super::values::{content, escape, path};
use super::{Place, Played, World, expect};
use serde_json::Value;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

/// A path, and what is there: kind and bytes, or target; mode; seconds of files.
type Tree = BTreeMap<String, (String, Vec<u8>, u32, i64)>;

impl World {
    pub(crate) fn place(&self, folder: &Value, inside: &[u8]) -> PathBuf {
        self.folder.path().join(folder.as_str().unwrap()).join(OsStr::from_bytes(inside))
    }

    pub(crate) fn write(&self, step: &Value) -> Played {
        for entry in step["entries"].as_array().unwrap() {
            let place = self.place(&step["folder"], &path(&entry["path"]));
            fs::create_dir_all(place.parent().unwrap()).unwrap();
            match entry["kind"].as_str().unwrap_or("file") {
                "directory" => fs::create_dir_all(&place).unwrap(),
                "symlink" => symlink(OsStr::from_bytes(&path(&entry["target"])), &place).unwrap(),
                "file" => fs::write(&place, content(&entry["content"])).unwrap(),
                other => return Err(format!("no entry is a {other}").into()),
            }
            if let Some(mode) = entry["mode"].as_u64() {
                fs::set_permissions(&place, fs::Permissions::from_mode(mode as u32)).unwrap();
            }
            if let Some(seconds) = entry["modified"].as_u64() {
                fs::File::open(&place).unwrap().set_modified(UNIX_EPOCH + Duration::from_secs(seconds)).unwrap();
            }
        }
        Ok(Value::Null)
    }

    pub(crate) fn remove(&self, step: &Value) -> Played {
        let place = self.place(&step["folder"], &path(&step["path"]));
        if place.is_dir() { fs::remove_dir_all(place) } else { fs::remove_file(place) }.unwrap();
        Ok(Value::Null)
    }

    pub(crate) fn compare(&self, step: &Value) -> Played {
        let (one, other) = (tree(&self.place(&step["folder"], b"")), tree(&self.place(&step["with"], b"")));
        assert!(!one.is_empty());
        expect("what stands in the folders", other, one)
    }

    pub(crate) fn holds(&self, step: &Value) -> Played {
        let found = tree(&self.place(&step["folder"], b""));
        let files = found.into_iter().filter(|(_, (kind, ..))| kind == "file");
        let found: Vec<_> = files.map(|(path, (_, bytes, ..))| (path, bytes)).collect();
        let wanted = step["entries"].as_array().unwrap();
        let wanted: Vec<_> = wanted
            .iter()
            .map(|entry| (entry["path"].as_str().unwrap().to_owned(), content(&entry["content"])))
            .collect();
        expect("the files", found, wanted)
    }

    pub(crate) fn corrupt(&self, step: &Value) -> Played {
        let (_, place) = self.named(&self.backends, &step["backend"])?;
        let folder = step["folder"].as_str().unwrap();
        match place {
            Place::Memory => return Err("memory cannot be damaged".to_owned().into()),
            Place::Dictionary(dictionary) => {
                let mut objects = dictionary.objects.lock().unwrap();
                let name = objects.keys().find(|name| name.starts_with(&format!("{folder}/"))).unwrap().clone();
                match damage(&objects[&name], step) {
                    Some(bytes) => objects.insert(name, bytes),
                    None => objects.remove(&name),
                };
            }
            Place::Folder(root) => {
                let mut found = Vec::new();
                walk(&root.join(folder), &mut found);
                found.sort_by_key(|path| path.file_name().unwrap().to_owned());
                let first = found.first().unwrap();
                let damaged = damage(&fs::read(first).unwrap(), step);
                fs::set_permissions(first, fs::Permissions::from_mode(0o600)).unwrap();
                match damaged {
                    Some(bytes) => fs::write(first, bytes).unwrap(),
                    None => fs::remove_file(first).unwrap(),
                }
            }
        }
        Ok(Value::Null)
    }
}

fn damage(bytes: &[u8], step: &Value) -> Option<Vec<u8>> {
    let mut bytes = bytes.to_vec();
    match step["how"].as_str().unwrap() {
        "flip" => {
            let middle = bytes.len() / 2;
            bytes[middle] ^= 255;
        }
        "truncate" => drop(bytes.pop()),
        "delete" => return None,
        other => panic!("no damage is called {other}"),
    }
    Some(bytes)
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { walk(&path, found) } else { found.push(path) }
    }
}

fn tree(root: &Path) -> Tree {
    fn add(root: &Path, folder: &Path, found: &mut Tree) {
        for entry in fs::read_dir(folder).unwrap() {
            let place = entry.unwrap().path();
            let metadata = fs::symlink_metadata(&place).unwrap();
            let name = escape(place.strip_prefix(root).unwrap().as_os_str().as_bytes());
            let mode = metadata.permissions().mode() & 0o7777;
            let what = if metadata.is_symlink() {
                ("symlink".to_owned(), fs::read_link(&place).unwrap().as_os_str().as_bytes().to_vec(), 0, 0)
            } else if metadata.is_dir() {
                add(root, &place, found);
                ("directory".to_owned(), Vec::new(), mode, 0)
            } else {
                ("file".to_owned(), fs::read(&place).unwrap(), mode, metadata.mtime())
            };
            found.insert(name, what);
        }
    }
    let mut found = Tree::new();
    add(root, root, &mut found);
    found
}
