//! The previous tree, kept by a writer that may not read what it wrote.
//!
//! A writer without the data key cannot open the tree of its last snapshot. It keeps the leaves of that tree in its
//! state folder instead, sealed with a key of this device, so that unchanged files need not be read again. The file is
//! a convenience: when it is missing or damaged, files are read, and nothing is stored twice all the same.

use crate::crypto::{SecretKey, aead, random};
use crate::error::{Error, Result, corrupt};
use crate::format::entry::Entry;
use crate::format::node::{MAX_NODE, Node};
use crate::format::object::{self, Kind};
use crate::format::pack::Reference;
use crate::format::wire::Reader;
use crate::id::{BlobId, LineageId, hex};
use crate::store::blobs::NodeSink;
use crate::store::keys::Keys;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

const FILE_ID: usize = 16;
const HEADER: usize = object::HEADER + FILE_ID;
/// The trailer holds the root and the number of leaves.
const TRAILER_PLAIN: usize = BlobId::LEN + 8;
const TRAILER: usize = TRAILER_PLAIN + aead::SEAL_OVERHEAD;
const KEY_FILE: &str = "device-local.key";
const TEMPORARY: &str = ".tmp-";
const READ: &str = "read the local copy of the previous tree";
const WRITE: &str = "keep a local copy of the tree";

/// The folder for local trees, and the key that seals them.
#[derive(Debug, Clone)]
pub(crate) struct LocalTrees {
    folder: PathBuf,
    key: SecretKey,
}

impl LocalTrees {
    /// Trees of one lineage below `state`, a folder of this repository on this device. The key is made of the
    /// repository's id key and of random bytes in the folder, so that neither alone opens anything.
    pub(crate) fn open(state: &Path, lineage: &LineageId, keys: &Keys) -> Result<Self> {
        let folder = state.join("trees").join(lineage.to_string());
        let failed = |error: io::Error| Error::io(error, WRITE).object(folder.display());
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder).map_err(failed)?;
        let path = folder.join(KEY_FILE);
        let local = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let bytes = random::<32>()?;
                let created = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
                match created.and_then(|mut file| file.write_all(&bytes)) {
                    Ok(()) => bytes.to_vec(),
                    // Another process was first.
                    Err(error) if error.kind() == io::ErrorKind::AlreadyExists => fs::read(&path).map_err(failed)?,
                    Err(error) => return Err(failed(error)),
                }
            }
            Err(error) => return Err(failed(error)),
        };
        let key = keys.id_key()?.derive_with("strongroom format 1 device-local tree", &local);
        Ok(LocalTrees { folder, key })
    }

    fn path(&self, root: &BlobId) -> PathBuf {
        self.folder.join(format!("{root}.tree"))
    }

    /// Begins a new tree.
    pub(crate) fn create(&self) -> Result<LocalTreeWriter> {
        let id = random::<FILE_ID>()?;
        let temporary = self.folder.join(format!("{TEMPORARY}{}", hex(&id)));
        let failed = |error: io::Error| Error::io(error, WRITE).object(temporary.display());
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary).map_err(failed)?;
        let mut out = BufWriter::new(file);
        let header = [object::header(Kind::LocalTree).as_slice(), &id].concat();
        out.write_all(&header).map_err(failed)?;
        Ok(LocalTreeWriter { trees: self.clone(), id, out, temporary, leaves: 0, failed: false })
    }

    /// The entries of the tree with this root, if it is kept here and whole.
    pub(crate) fn entries(&self, root: &BlobId) -> Result<Option<LocalTree>> {
        let path = self.path(root);
        let failed = |error: io::Error| Error::io(error, READ).object(path.display());
        let mut file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        let length = file.metadata().map_err(failed)?.len();
        let damaged = || corrupt(READ, "it is damaged; it is made anew with the next backup").object(path.display());
        let end = length.checked_sub(TRAILER as u64).filter(|end| *end >= HEADER as u64).ok_or_else(damaged)?;
        let mut header = [0; HEADER];
        file.read_exact(&mut header).map_err(failed)?;
        let id: [u8; FILE_ID] = Reader::new(object::strip(&header, Kind::LocalTree, READ)?, READ).array()?;
        file.seek(SeekFrom::Start(end)).map_err(failed)?;
        let mut trailer = [0; TRAILER];
        file.read_exact(&mut trailer).map_err(failed)?;
        let plain = aead::open(&self.key, &associated_data(&id, u64::MAX), &trailer, READ)?;
        if plain.first_chunk::<32>() != Some(root.as_bytes()) {
            return Err(damaged());
        }
        file.seek(SeekFrom::Start(HEADER as u64)).map_err(failed)?;
        let input = BufReader::with_capacity(256 * 1024, file).take(end - HEADER as u64);
        Ok(Some(LocalTree { input, key: self.key.clone(), id, number: 0, ahead: Vec::new() }))
    }

    /// Removes every tree but those with these roots.
    pub(crate) fn keep_only(&self, roots: &[BlobId]) {
        let Ok(listed) = fs::read_dir(&self.folder) else { return };
        for file in listed.flatten() {
            let name = file.file_name();
            let Some(name) = name.to_str() else { continue };
            let superfluous = match name.strip_suffix(".tree") {
                Some(root) => !roots.iter().any(|kept| kept.to_string() == root),
                None => name.starts_with(TEMPORARY) && is_abandoned(&file),
            };
            if superfluous {
                // What cannot be removed only takes room.
                let _ = fs::remove_file(file.path());
            }
        }
    }
}

/// Whether a temporary file is so old that nobody is writing it any more.
fn is_abandoned(file: &fs::DirEntry) -> bool {
    let age = file.metadata().and_then(|metadata| metadata.modified()).ok().and_then(|time| time.elapsed().ok());
    age.is_some_and(|age| age > Duration::from_secs(7 * 24 * 60 * 60))
}

fn associated_data(id: &[u8; FILE_ID], number: u64) -> Vec<u8> {
    [id.as_slice(), &number.to_le_bytes()].concat()
}

/// A tree being written beside the repository's.
#[derive(Debug)]
pub(crate) struct LocalTreeWriter {
    trees: LocalTrees,
    id: [u8; FILE_ID],
    out: BufWriter<File>,
    temporary: PathBuf,
    leaves: u64,
    failed: bool,
}

impl LocalTreeWriter {
    /// Adds the next leaf. When the disk is full the tree is given up, not the backup.
    fn add(&mut self, leaf: &[u8]) {
        if !self.failed {
            self.failed = self.try_add(leaf).is_err();
            self.leaves += 1;
        }
    }

    fn try_add(&mut self, leaf: &[u8]) -> Result<()> {
        let sealed = aead::seal(&self.trees.key, &associated_data(&self.id, self.leaves), leaf)?;
        let length = u32::try_from(sealed.len()).map_err(|_| corrupt(WRITE, "a leaf is too long"))?;
        let written = self.out.write_all(&length.to_le_bytes()).and_then(|()| self.out.write_all(&sealed));
        written.map_err(|error| Error::io(error, WRITE))
    }

    /// Ends the tree and gives it its name.
    pub(crate) fn finish(mut self, root: &BlobId) -> Result<()> {
        let failed = |error: io::Error| Error::io(error, WRITE).object(self.temporary.display());
        if self.failed {
            return Err(Error::new(crate::ErrorKind::Io, WRITE).object(self.temporary.display()));
        }
        let plain = [root.as_bytes().as_slice(), &self.leaves.to_le_bytes()].concat();
        let trailer = aead::seal(&self.trees.key, &associated_data(&self.id, u64::MAX), &plain)?;
        self.out.write_all(&trailer).and_then(|()| self.out.flush()).map_err(failed)?;
        fs::rename(&self.temporary, self.trees.path(root)).map_err(failed)
    }
}

impl Drop for LocalTreeWriter {
    fn drop(&mut self) {
        // After finish it has another name.
        let _ = fs::remove_file(&self.temporary);
    }
}

/// Hands nodes on to another sink and keeps the leaves.
pub(crate) struct KeepLeaves<'a> {
    pub(crate) sink: &'a mut dyn NodeSink,
    pub(crate) local: Option<&'a mut LocalTreeWriter>,
}

impl NodeSink for KeepLeaves<'_> {
    fn store_node(&mut self, bytes: &[u8], references: Vec<Reference>) -> Result<BlobId> {
        if let Some(local) = &mut self.local
            && Node::is_leaf(bytes)
        {
            local.add(bytes);
        }
        self.sink.store_node(bytes, references)
    }
}

/// The entries of a kept tree, in order.
#[derive(Debug)]
pub(crate) struct LocalTree {
    input: io::Take<BufReader<File>>,
    key: SecretKey,
    id: [u8; FILE_ID],
    number: u64,
    /// Entries of the leaf at hand, the next one last.
    ahead: Vec<Entry>,
}

impl LocalTree {
    /// The next entry, without moving on.
    pub(crate) fn peek(&mut self) -> Result<Option<&Entry>> {
        while self.ahead.is_empty() {
            if self.input.limit() == 0 {
                return Ok(None);
            }
            let result = self.fill();
            if result.is_err() {
                // What follows a damaged part cannot be told apart; the files will be read.
                self.input.set_limit(0);
            }
            result?;
        }
        Ok(self.ahead.last())
    }

    /// Moves past the entry that [`peek`](LocalTree::peek) showed.
    pub(crate) fn advance(&mut self) {
        self.ahead.pop();
    }

    fn fill(&mut self) -> Result<()> {
        let failed = |error: io::Error| Error::io(error, READ);
        let mut length = [0; 4];
        self.input.read_exact(&mut length).map_err(failed)?;
        let length = usize::try_from(u32::from_le_bytes(length)).unwrap_or(usize::MAX);
        if length > MAX_NODE + aead::SEAL_OVERHEAD {
            return Err(corrupt(READ, "a leaf is longer than any may be"));
        }
        let mut sealed = vec![0; length];
        self.input.read_exact(&mut sealed).map_err(failed)?;
        let leaf = aead::open(&self.key, &associated_data(&self.id, self.number), &sealed, READ)?;
        self.number += 1;
        let Node::Leaf(mut entries) = Node::decode(&leaf)? else {
            return Err(corrupt(READ, "it holds a node that is not a leaf"));
        };
        entries.reverse();
        self.ahead = entries;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::hash::IdHasher;
    use crate::format::node::encode_leaf;
    use crate::format::node::tests::entries;
    use proptest::prelude::*;

    struct Nowhere;

    impl NodeSink for Nowhere {
        fn store_node(&mut self, bytes: &[u8], _: Vec<Reference>) -> Result<BlobId> {
            Ok(IdHasher::new(&SecretKey::from_bytes([1; 32])).blob(bytes))
        }
    }

    const ROOT: BlobId = BlobId::from_bytes([9; 32]);

    fn trees(folder: &Path) -> LocalTrees {
        LocalTrees { folder: folder.to_owned(), key: SecretKey::from_bytes([3; 32]) }
    }

    fn all(tree: &mut LocalTree) -> Result<Vec<Entry>> {
        let mut found = Vec::new();
        while let Some(entry) = tree.peek()?.cloned() {
            found.push(entry);
            tree.advance();
        }
        Ok(found)
    }

    fn keep(folder: &Path, entries: &[Entry]) {
        let mut local = trees(folder).create().unwrap();
        for part in entries.chunks(7) {
            let (leaf, references) = encode_leaf(part).unwrap();
            KeepLeaves { sink: &mut Nowhere, local: Some(&mut local) }.store_node(&leaf, references).unwrap();
        }
        local.finish(&ROOT).unwrap();
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(30))]
        #[test]
        fn entries_come_back_and_damage_is_noticed(entries in entries(1..40), flip: prop::sample::Index) {
            let folder = tempfile::tempdir().unwrap();
            keep(folder.path(), &entries);
            let trees = trees(folder.path());
            prop_assert_eq!(all(&mut trees.entries(&ROOT).unwrap().unwrap()).unwrap(), entries.clone());
            prop_assert!(trees.entries(&BlobId::from_bytes([8; 32])).unwrap().is_none());
            let path = trees.path(&ROOT);
            let mut bytes = fs::read(&path).unwrap();
            let at = flip.index(bytes.len());
            bytes[at] ^= 1;
            fs::write(&path, &bytes).unwrap();
            let damaged = trees.entries(&ROOT).and_then(|tree| all(&mut tree.unwrap()));
            prop_assert!(damaged.is_err());
            fs::write(&path, &bytes[..at]).unwrap();
            prop_assert!(trees.entries(&ROOT).is_err());
        }
    }

    #[test]
    fn only_finished_trees_stay_and_only_those_that_are_wanted() {
        let folder = tempfile::tempdir().unwrap();
        let trees = trees(folder.path());
        drop(trees.create().unwrap());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        trees.create().unwrap().finish(&ROOT).unwrap();
        trees.create().unwrap().finish(&BlobId::from_bytes([8; 32])).unwrap();
        trees.keep_only(&[ROOT]);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        assert!(trees.entries(&ROOT).unwrap().is_some());
    }
}
