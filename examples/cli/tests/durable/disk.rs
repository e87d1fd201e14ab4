//! A disk that keeps what is flushed, and may or may not keep the rest.

use super::trace::Call;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Names below the root as programs see them, and what of them is on disk.
pub(crate) struct Disk {
    root: PathBuf,
    names: BTreeMap<PathBuf, Thing>,
    /// What of each folder is on disk.
    flushed: BTreeMap<PathBuf, BTreeMap<PathBuf, Thing>>,
    /// Folders and files whose flush began, with what it covers.
    flushing: BTreeMap<PathBuf, Covers>,
    /// By the number of the file: whether its bytes are on disk.
    on_disk: BTreeMap<usize, bool>,
    next: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Thing {
    Folder,
    File(usize),
}

enum Covers {
    Names(BTreeMap<PathBuf, Thing>),
    Bytes(usize),
}

/// The names that are left, and whether the bytes are, too.
pub(crate) type State = BTreeMap<PathBuf, Left>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Left {
    Folder,
    Whole,
    /// The name came through, and the bytes did not.
    Empty,
}

impl Disk {
    pub(crate) fn new(root: &Path) -> Self {
        let (names, flushed, flushing, on_disk) = Default::default();
        Disk { root: root.to_owned(), names, flushed, flushing, on_disk, next: 0 }
    }

    pub(crate) fn is_inside(&self, path: &Path) -> bool {
        path.starts_with(&self.root)
    }

    fn children(&self, folder: &Path) -> BTreeMap<PathBuf, Thing> {
        let inside = self.names.iter().filter(|(path, _)| path.parent() == Some(folder));
        inside.map(|(path, thing)| (path.clone(), *thing)).collect()
    }

    pub(crate) fn apply(&mut self, call: &Call) {
        match call {
            Call::Create(path) if self.is_inside(path) => {
                self.names.entry(path.clone()).or_insert_with(|| {
                    self.next += 1;
                    Thing::File(self.next)
                });
            }
            Call::Write(path) => {
                if let Some(Thing::File(file)) = self.names.get(path) {
                    self.on_disk.insert(*file, false);
                }
            }
            Call::SyncBegins(path) => {
                let covers = match self.names.get(path) {
                    Some(Thing::File(file)) => Covers::Bytes(*file),
                    _ => Covers::Names(self.children(path)),
                };
                self.flushing.insert(path.clone(), covers);
            }
            Call::Sync(path) => match self.flushing.remove(path) {
                Some(Covers::Bytes(file)) => drop(self.on_disk.insert(file, true)),
                Some(Covers::Names(names)) => drop(self.flushed.insert(path.clone(), names)),
                None => panic!("a flush of {} that never began", path.display()),
            },
            Call::Rename { from, to, keeps } if self.is_inside(to) => {
                let thing = if *keeps { self.names[from] } else { self.names.remove(from).unwrap() };
                self.names.insert(to.clone(), thing);
            }
            Call::MakeFolder(path) if self.is_inside(path) => drop(self.names.insert(path.clone(), Thing::Folder)),
            Call::Remove(path) => drop(self.names.remove(path)),
            _ => {}
        }
    }

    fn is_temporary(path: &Path) -> bool {
        path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."))
    }

    fn is_on_disk(&self, thing: Thing) -> bool {
        !matches!(thing, Thing::File(file) if self.on_disk.get(&file) == Some(&false))
    }

    /// Objects whose name is there and whose bytes are not on disk.
    pub(crate) fn empty_names(&self) -> Vec<PathBuf> {
        let empty = self.names.iter().filter(|(path, thing)| !Disk::is_temporary(path) && !self.is_on_disk(**thing));
        empty.map(|(path, _)| path.clone()).collect()
    }

    /// Objects that a power cut could take away now.
    pub(crate) fn unsafe_names(&self) -> Vec<PathBuf> {
        let least = self.least();
        let objects = self.names.iter().filter(|(path, thing)| **thing != Thing::Folder && !Disk::is_temporary(path));
        objects.map(|(path, _)| path.clone()).filter(|path| least.get(path) != Some(&Left::Whole)).collect()
    }

    /// Nothing but what was flushed.
    pub(crate) fn least(&self) -> State {
        let mut state = State::new();
        let mut folders = BTreeSet::new();
        folders.extend(self.root.parent().map(Path::to_owned));
        while let Some(folder) = folders.pop_first() {
            for (path, thing) in self.flushed.get(&folder).into_iter().flatten() {
                if !self.is_inside(path) {
                    continue;
                }
                let left = match thing {
                    Thing::Folder => {
                        folders.insert(path.clone());
                        Left::Folder
                    }
                    file if self.is_on_disk(*file) => Left::Whole,
                    Thing::File(_) => Left::Empty,
                };
                state.insert(path.clone(), left);
            }
        }
        state
    }

    /// Every name, also those that were not flushed, with the bytes of those files alone that were.
    pub(crate) fn most(&self) -> State {
        let left = |thing: &Thing| match thing {
            Thing::Folder => Left::Folder,
            file if self.is_on_disk(*file) => Left::Whole,
            Thing::File(_) => Left::Empty,
        };
        self.names.iter().map(|(path, thing)| (path.clone(), left(thing))).collect()
    }

    /// Makes a folder of a state, with bytes from `original`: objects never change.
    pub(crate) fn write(&self, state: &State, original: &Path, target: &Path) {
        let _ = fs::remove_dir_all(target);
        fs::create_dir(target).unwrap();
        for (path, left) in state {
            let inside = path.strip_prefix(&self.root).unwrap();
            let to = target.join(inside);
            match left {
                Left::Folder => fs::create_dir_all(to).unwrap(),
                Left::Whole if !Disk::is_temporary(path) => {
                    fs::hard_link(original.join(inside), to).unwrap();
                }
                Left::Whole | Left::Empty => drop(fs::File::create(to).unwrap()),
            }
        }
    }
}
