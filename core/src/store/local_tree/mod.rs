//! The previous tree, kept by a writer that may not read what it wrote.
//!
//! A writer without the data key cannot open the tree of its last snapshot. It keeps the leaves of that tree in its
//! state folder instead, sealed with a key of this device, so that unchanged files need not be read again. The file is
//! a convenience: when it is missing or damaged, files are read, and nothing is stored twice all the same.

mod ending;

pub(crate) use ending::{CollectLeaves, Ending};

use crate::crypto::{SecretKey, aead, random};
use crate::error::{Error, Result, corrupt};
use crate::format::entry::{Entry, Run};
use crate::format::node::{MAX_NODE, Node};
use crate::format::object::{self, Kind};
use crate::format::pack::Reference;
use crate::format::wire::Reader;
use crate::id::{BlobId, LineageId, hex};
use crate::store::blobs::NodeSink;
use crate::store::keys::Keys;
use ending::{Grown, MAX_ENDING};
use std::collections::{BTreeSet, VecDeque};
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
/// Names of finished trees, and of the endings of unfinished ones, end in these.
const TREE: &str = ".tree";
const ENDING: &str = ".ending";
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
        self.folder.join(format!("{root}{TREE}"))
    }

    fn ending_path(&self, root: &BlobId) -> PathBuf {
        self.folder.join(format!("{root}{ENDING}"))
    }

    fn growing_path(&self, id: &[u8; FILE_ID]) -> PathBuf {
        self.folder.join(format!("{TEMPORARY}{}", hex(id)))
    }

    /// Begins a new tree.
    pub(crate) fn create(&self) -> Result<LocalTreeWriter> {
        let id = random::<FILE_ID>()?;
        let temporary = self.growing_path(&id);
        let failed = |error: io::Error| Error::io(error, WRITE).object(temporary.display());
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary).map_err(failed)?;
        let mut out = BufWriter::new(file);
        let header = [object::header(Kind::LocalTree).as_slice(), &id].concat();
        out.write_all(&header).map_err(failed)?;
        let (leaves, length) = (0, header.len() as u64);
        let (endings, failed) = (VecDeque::new(), false);
        Ok(LocalTreeWriter { trees: self.clone(), id, out, temporary, leaves, length, endings, failed })
    }

    /// The entries of the tree with this root, if it is kept here and whole.
    pub(crate) fn entries(&self, root: &BlobId) -> Result<Option<LocalTree>> {
        let path = self.path(root);
        let failed = |error: io::Error| Error::io(error, READ).object(path.display());
        let mut file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return self.unfinished(root),
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
        Ok(Some(self.tree(input, id, Ending::default())))
    }

    fn tree(&self, input: io::Take<BufReader<File>>, id: [u8; FILE_ID], ending: Ending) -> LocalTree {
        let Ending { leaves, runs } = ending;
        LocalTree { input, key: self.key.clone(), id, number: 0, ahead: Vec::new(), ending: leaves.into(), runs }
    }

    /// The entries of a tree that was never finished.
    fn unfinished(&self, root: &BlobId) -> Result<Option<LocalTree>> {
        let Some((ending, grown)) = self.ending(root)? else { return Ok(None) };
        let path = self.growing_path(&grown.id);
        let failed = |error: io::Error| Error::io(error, READ).object(path.display());
        let mut file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        let leaves = grown.length.checked_sub(HEADER as u64);
        let leaves = leaves.filter(|_| file.metadata().is_ok_and(|metadata| metadata.len() >= grown.length));
        let leaves = leaves.ok_or_else(|| corrupt(READ, "it is shorter than it was").object(path.display()))?;
        file.seek(SeekFrom::Start(HEADER as u64)).map_err(failed)?;
        let input = BufReader::with_capacity(256 * 1024, file).take(leaves);
        Ok(Some(self.tree(input, grown.id, ending)))
    }

    fn ending(&self, root: &BlobId) -> Result<Option<(Ending, Grown)>> {
        let path = self.ending_path(root);
        let failed = |error: io::Error| Error::io(error, READ).object(path.display());
        match fs::metadata(&path) {
            Ok(metadata) if metadata.len() > MAX_ENDING => Err(corrupt(READ, "it is too long").object(path.display())),
            Ok(_) => {
                let bytes = fs::read(&path).map_err(failed)?;
                let sealed = object::strip(&bytes, Kind::LocalTree, READ)?;
                let plain = aead::open(&self.key, ENDING.as_bytes(), sealed, READ)?;
                Ending::decode(&plain, root).map(Some)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed(error)),
        }
    }

    /// Removes every tree but those with these roots.
    pub(crate) fn keep_only(&self, roots: &[BlobId]) {
        let growing_of = |root: &BlobId| Some(self.growing_path(&self.ending(root).ok()??.1.id));
        let growing: BTreeSet<PathBuf> = roots.iter().filter_map(growing_of).collect();
        let Ok(listed) = fs::read_dir(&self.folder) else { return };
        for file in listed.flatten() {
            let name = file.file_name();
            let Some(name) = name.to_str() else { continue };
            let superfluous = match name.strip_suffix(TREE).or_else(|| name.strip_suffix(ENDING)) {
                Some(root) => !roots.iter().any(|kept| kept.to_string() == root),
                None => name.starts_with(TEMPORARY) && !growing.contains(&file.path()) && is_abandoned(&file),
            };
            if superfluous {
                let root = name.strip_suffix(ENDING).and_then(|root| root.parse().ok());
                if let Some(grown) = root.and_then(|root| growing_of(&root)).filter(|grown| !growing.contains(grown)) {
                    let _ = fs::remove_file(grown);
                }
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
    /// Bytes written, with the header.
    length: u64,
    /// The newest endings, the last of which may not be in any checkpoint yet.
    endings: VecDeque<PathBuf>,
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
        written.map_err(|error| Error::io(error, WRITE))?;
        self.length += length.to_le_bytes().len() as u64 + sealed.len() as u64;
        Ok(())
    }

    /// Keeps the tree that what was added so far makes with this ending. It can be added to as before. Where that
    /// fails, files are read again.
    pub(crate) fn cut(&mut self, root: &BlobId, ending: &Ending) {
        if !self.failed
            && let Ok(path) = self.try_cut(root, ending)
            && !self.endings.contains(&path)
        {
            self.endings.push_back(path);
            if self.endings.len() > 2
                && let Some(old) = self.endings.pop_front()
            {
                let _ = fs::remove_file(old);
            }
        }
    }

    fn try_cut(&mut self, root: &BlobId, ending: &Ending) -> Result<PathBuf> {
        let path = self.trees.ending_path(root);
        let failed = |error: io::Error| Error::io(error, WRITE).object(path.display());
        self.out.flush().map_err(failed)?;
        let plain = ending.encode(root, &Grown { id: self.id, leaves: self.leaves, length: self.length });
        let sealed = aead::seal(&self.trees.key, ENDING.as_bytes(), &plain)?;
        let temporary = self.trees.growing_path(&random::<FILE_ID>()?);
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary).map_err(failed)?;
        let written = file.write_all(&object::header(Kind::LocalTree)).and_then(|()| file.write_all(&sealed));
        let named = written.and_then(|()| fs::rename(&temporary, &path));
        if named.is_err() {
            let _ = fs::remove_file(&temporary);
        }
        named.map_err(failed).map(|()| path)
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
        let path = self.trees.path(root);
        // As long as the snapshot is not there, the endings are what to go on from.
        if !self.endings.is_empty() {
            let _ = fs::remove_file(&path);
            if fs::hard_link(&self.temporary, &path).is_ok() {
                return Ok(());
            }
        }
        fs::rename(&self.temporary, path).map_err(failed)
    }
}

impl Drop for LocalTreeWriter {
    fn drop(&mut self) {
        // After finish it has another name. What endings need stays, for the next try.
        if self.endings.is_empty() {
            let _ = fs::remove_file(&self.temporary);
        }
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
    /// The leaves behind those in the file.
    ending: VecDeque<Vec<u8>>,
    runs: Option<(BlobId, Vec<Run>)>,
}

impl LocalTree {
    /// The next entry, without moving on.
    pub(crate) fn peek(&mut self) -> Result<Option<&Entry>> {
        while self.ahead.is_empty() {
            if self.input.limit() == 0 && self.ending.is_empty() {
                return Ok(None);
            }
            let result = self.fill();
            if result.is_err() {
                // What follows a damaged part cannot be told apart; the files will be read.
                self.input.set_limit(0);
                self.ending.clear();
            }
            result?;
        }
        Ok(self.ahead.last())
    }

    /// Moves past the entry that [`peek`](LocalTree::peek) showed.
    pub(crate) fn advance(&mut self) {
        self.ahead.pop();
    }

    /// The runs of a file that is not complete, by the id of their list.
    pub(crate) fn runs_of(&self, list: &BlobId) -> Option<&[Run]> {
        self.runs.as_ref().filter(|(id, _)| id == list).map(|(_, runs)| runs.as_slice())
    }

    fn fill(&mut self) -> Result<()> {
        if self.input.limit() == 0 {
            let leaf = self.ending.pop_front().unwrap_or_default();
            return self.take(&leaf);
        }
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
        self.take(&leaf)
    }

    fn take(&mut self, leaf: &[u8]) -> Result<()> {
        let Node::Leaf(mut entries) = Node::decode(leaf)? else {
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
