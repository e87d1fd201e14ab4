//! What tree blobs refer to, remembered by the object in which it was found.
//!
//! Blobs and packs never change, so what was found once holds for good: whoever prunes again reads only what is new,
//! and a walk that was broken off gets further the next time. In memory there is room for some; in a state folder for
//! all, in a file for each segment or pack, sealed, since who could change one could have anything removed.

use crate::crypto::{SecretKey, aead, random};
use crate::error::{Error, Result, corrupt};
use crate::format::local_references::{BlobReferences, READ, decode, encode};
use crate::format::object::{self, Kind};
use crate::format::pack::Reference;
use crate::id::{BlobId, PackId, SegmentId, hex, unhex};
use crate::store::Store;
use crate::store::keys::Purpose;
use std::collections::HashMap;
use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

const WRITE: &str = "remember what tree nodes refer to";
const FOLDER: &str = "references";
const TEMPORARY: &str = ".tmp-";
/// Longest file that is read: a footer is shorter, and so are the references of a segment's blobs.
const MAX_FILE: u64 = 256 * 1024 * 1024;
/// Temporary files older than this were left by a crash.
const STALE: Duration = Duration::from_secs(24 * 60 * 60);

/// In what something was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Origin {
    /// The blobs of a segment, which nobody can lie about.
    Segment(SegmentId),
    /// A footer, which says what its writer wants.
    Pack(PackId),
}

impl Origin {
    fn name(&self) -> String {
        match self {
            Origin::Segment(id) => format!("segment-{id}"),
            Origin::Pack(id) => format!("pack-{id}"),
        }
    }

    fn of_name(name: &str) -> Option<Self> {
        let (kind, id) = name.split_once('-')?;
        match kind {
            "segment" => Some(Origin::Segment(SegmentId::from_bytes(unhex(id)?))),
            "pack" => Some(Origin::Pack(PackId::from_bytes(unhex(id)?))),
            _ => None,
        }
    }
}

/// What was found in one object.
#[derive(Debug, Default)]
pub(crate) struct Found {
    blobs: HashMap<BlobId, Vec<Reference>>,
    /// About how many bytes of memory that takes.
    size: usize,
}

impl Found {
    fn new(blobs: BlobReferences) -> Self {
        let size = |references: &Vec<Reference>| 96 + references.len() * size_of::<Reference>();
        let size = blobs.iter().map(|(_, references)| size(references)).sum();
        Found { blobs: blobs.into_iter().collect(), size }
    }

    pub(crate) fn of(&self, blob: &BlobId) -> Option<&Vec<Reference>> {
        self.blobs.get(blob)
    }
}

/// Remembers what was found.
pub(crate) struct Remembered {
    held: HashMap<Origin, (u64, Arc<Found>)>,
    clock: u64,
    size: usize,
    room: usize,
    files: Option<Files>,
}

impl Remembered {
    /// In memory alone, about `room` bytes.
    pub(crate) fn in_memory(room: usize) -> Self {
        Remembered { held: HashMap::new(), clock: 0, size: 0, room, files: None }
    }

    /// In the state folder as well, if there is one.
    pub(crate) fn of_store(store: &Store, room: usize) -> Result<Self> {
        let Some(state) = store.state_folder() else { return Ok(Remembered::in_memory(room)) };
        // Of the oldest epoch, so that a new one does not cost what is remembered.
        let key = store.keys().oldest()?.sealing(Purpose::Index);
        let key = key.derive("strongroom format 1 local references of tree blobs");
        let files = Files { folder: state.join(FOLDER), key, failed: false };
        Ok(Remembered { files: Some(files), ..Remembered::in_memory(room) })
    }

    /// What is known of an object.
    pub(crate) fn find(&mut self, origin: &Origin) -> Option<Arc<Found>> {
        self.clock += 1;
        if let Some((used, found)) = self.held.get_mut(origin) {
            *used = self.clock;
            return Some(Arc::clone(found));
        }
        // Whatever is wrong with a file, what it holds can be found again.
        let found = self.files.as_ref()?.read(origin).ok()??;
        Some(self.hold(*origin, found))
    }

    /// Takes note of what was found in an object.
    pub(crate) fn learn(&mut self, origin: Origin, blobs: BlobReferences) -> Arc<Found> {
        if let Some(files) = self.files.as_mut().filter(|files| !files.failed) {
            files.failed = files.write(&origin, &blobs).is_err();
        }
        self.hold(origin, blobs)
    }

    fn hold(&mut self, origin: Origin, blobs: BlobReferences) -> Arc<Found> {
        let found = Arc::new(Found::new(blobs));
        while self.size + found.size > self.room && !self.held.is_empty() {
            let oldest = self.held.iter().min_by_key(|(_, (used, _))| *used).map(|(origin, _)| *origin);
            let Some((_, gone)) = oldest.and_then(|oldest| self.held.remove(&oldest)) else { break };
            self.size -= gone.size;
        }
        self.size += found.size;
        if let Some((_, before)) = self.held.insert(origin, (self.clock, Arc::clone(&found))) {
            self.size -= before.size;
        }
        found
    }

    /// Forgets on this machine what is needed no longer.
    pub(crate) fn keep_only(&self, needed: &mut dyn FnMut(&Origin) -> Result<bool>) -> Result<()> {
        self.files.as_ref().map_or(Ok(()), |files| files.keep_only(needed))
    }
}

struct Files {
    folder: PathBuf,
    key: SecretKey,
    /// Nothing could be written: there is no use in trying again and again.
    failed: bool,
}

impl Files {
    fn read(&self, origin: &Origin) -> Result<Option<BlobReferences>> {
        let name = origin.name();
        let path = self.folder.join(&name);
        let failed = |error: io::Error| Error::io(error, READ).object(path.display());
        let file = match fs::File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        if file.metadata().map_err(failed)?.len() > MAX_FILE {
            return Err(corrupt(READ, "it is too long").object(path.display()));
        }
        let mut bytes = Vec::new();
        file.take(MAX_FILE).read_to_end(&mut bytes).map_err(failed)?;
        let sealed = object::strip(&bytes, Kind::LocalReferences, READ)?;
        decode(&aead::open(&self.key, name.as_bytes(), sealed, READ)?).map(Some)
    }

    fn write(&self, origin: &Origin, blobs: &BlobReferences) -> Result<()> {
        let name = origin.name();
        let temporary = self.folder.join(format!("{TEMPORARY}{}", hex(&random::<8>()?)));
        let sealed = aead::seal(&self.key, name.as_bytes(), &encode(blobs))?;
        let written = self.write_as(&temporary, &self.folder.join(name), &sealed);
        if written.is_err() {
            let _ = fs::remove_file(&temporary);
        }
        written.map_err(|error| Error::io(error, WRITE).object(self.folder.display()))
    }

    fn write_as(&self, temporary: &Path, path: &Path, sealed: &[u8]) -> io::Result<()> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)?;
        let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(temporary)?;
        file.write_all(&object::header(Kind::LocalReferences))?;
        file.write_all(sealed)?;
        fs::rename(temporary, path)
    }

    fn keep_only(&self, needed: &mut dyn FnMut(&Origin) -> Result<bool>) -> Result<()> {
        let Ok(listed) = fs::read_dir(&self.folder) else { return Ok(()) };
        for file in listed.flatten() {
            let name = file.file_name();
            let Some(name) = name.to_str() else { continue };
            let gone = match Origin::of_name(name) {
                Some(origin) => !needed(&origin)?,
                None if name.starts_with(TEMPORARY) => {
                    let written = file.metadata().and_then(|metadata| metadata.modified()).ok();
                    written.and_then(|time| time.elapsed().ok()).is_some_and(|age| age > STALE)
                }
                None => false,
            };
            if gone {
                // Where that fails, it is looked at again next time.
                let _ = fs::remove_file(file.path());
            }
        }
        Ok(())
    }
}
