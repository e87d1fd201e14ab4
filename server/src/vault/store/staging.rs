//! Files of objects that are being received.

use super::blocking;
use super::folder::{remove_file, sync_folder};
use axum::body::Bytes;
use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};
use strongroom::account::wire::UploadId;
use strongroom::{Error, ErrorKind, Result, Retry};

const OPERATION: &str = "receive an object";

/// Memory for bytes that wait to be written, all objects together.
const WAITING: usize = 16 << 20;
/// Bytes of one object that are written in one go, at most and at least.
const MOST: usize = 512 << 10;
const LEAST: usize = 16 << 10;
/// Bytes hashed in one go when a file is read again.
const PIECE: usize = 256 << 10;

/// The folder `staging`: one file for each object that is being received, named by its upload.
#[derive(Debug, Clone)]
pub(crate) struct Staging {
    root: PathBuf,
    /// How many files are being written.
    open: Arc<AtomicUsize>,
}

/// A file that one request writes to. It is locked: no other request, and no other process, writes to it meanwhile.
#[derive(Debug)]
pub(crate) struct Staged {
    path: PathBuf,
    file: Arc<File>,
    length: u64,
    /// Over all bytes, where the file was written from its beginning.
    hasher: Option<blake3::Hasher>,
    waiting: Vec<Bytes>,
    waiting_bytes: usize,
    open: Arc<AtomicUsize>,
}

impl Staging {
    pub(crate) fn open(root: &Path) -> Result<Self> {
        let root = root.join("staging");
        fs::create_dir_all(&root).map_err(|error| Error::io(error, "open the storage").object(root.display()))?;
        sync_folder(&root).map_err(|error| Error::io(error, "open the storage").object(root.display()))?;
        Ok(Staging { root, open: Arc::default() })
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(super) fn path(&self, upload: UploadId) -> PathBuf {
        self.root.join(upload.to_string())
    }

    /// Opens the file of an upload to go on with it, or makes it.
    ///
    /// # Errors
    /// [`Unavailable`](ErrorKind::Unavailable) while another request writes to it.
    pub(crate) async fn begin(&self, upload: UploadId) -> Result<Staged> {
        let (path, open) = (self.path(upload), Arc::clone(&self.open));
        blocking(OPERATION, move || {
            let failed = |error| Error::io(error, OPERATION);
            let options =
                fs::OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).clone();
            let file = options.open(&path).map_err(failed)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Err(busy()),
                Err(TryLockError::Error(error)) => return Err(failed(error)),
            }
            let metadata = file.metadata().map_err(failed)?;
            // Between opening and locking, whoever had it may have moved it to its place.
            if !fs::metadata(&path).is_ok_and(|now| (now.dev(), now.ino()) == (metadata.dev(), metadata.ino())) {
                return Err(busy());
            }
            let length = metadata.len();
            let hasher = (length == 0).then(blake3::Hasher::new);
            open.fetch_add(1, Ordering::Relaxed);
            Ok(Staged { path, file: Arc::new(file), length, hasher, waiting: Vec::new(), waiting_bytes: 0, open })
        })
        .await
    }

    /// Bytes received of an upload so far.
    pub(crate) async fn received(&self, upload: UploadId) -> Result<u64> {
        let path = self.path(upload);
        blocking("look at an upload", move || match fs::metadata(&path) {
            Ok(metadata) => Ok(metadata.len()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
            Err(error) => Err(Error::io(error, "look at an upload")),
        })
        .await
    }

    /// The uploads whose files nobody has written to for as long as `idle`.
    pub(crate) async fn idle(&self, idle: Duration) -> Result<Vec<UploadId>> {
        let root = self.root.clone();
        blocking("look for what uploads left", move || {
            let failed = |error| Error::io(error, "look for what uploads left");
            let mut found = Vec::new();
            for entry in fs::read_dir(&root).map_err(failed)? {
                let entry = entry.map_err(failed)?;
                let Some(upload) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
                // One that is gone by now needs nothing.
                let Ok(modified) = entry.metadata().and_then(|metadata| metadata.modified()) else { continue };
                if SystemTime::now().duration_since(modified).is_ok_and(|age| age >= idle) {
                    found.push(upload);
                }
            }
            Ok(found)
        })
        .await
    }

    /// Removes the file of an upload that is known to be no more.
    pub(crate) async fn remove(&self, upload: UploadId) -> Result<()> {
        let path = self.path(upload);
        blocking("remove what an upload left", move || remove_file(&path)).await
    }
}

fn busy() -> Error {
    Error::new(ErrorKind::Unavailable, OPERATION)
        .detail("another request is sending the same upload")
        .retry_hint(Retry::After(Duration::from_secs(1)))
}

impl Staged {
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn file(&self) -> &Arc<File> {
        &self.file
    }

    /// Bytes received so far, those that wait to be written included.
    pub(crate) fn length(&self) -> u64 {
        self.length + self.waiting_bytes as u64
    }

    /// Takes bytes that follow those received so far.
    pub(crate) async fn append(&mut self, bytes: Bytes) -> Result<()> {
        self.waiting_bytes += bytes.len();
        self.waiting.push(bytes);
        // Few at a time when many objects are on their way: memory is bounded.
        let share = (WAITING / self.open.load(Ordering::Relaxed).max(1)).clamp(LEAST, MOST);
        if self.waiting_bytes >= share { self.flush().await } else { Ok(()) }
    }

    /// Writes what waits.
    pub(crate) async fn flush(&mut self) -> Result<()> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let (pieces, file, mut offset) = (std::mem::take(&mut self.waiting), Arc::clone(&self.file), self.length);
        let mut hasher = self.hasher.take();
        self.waiting_bytes = 0;
        let (end, hasher) = blocking(OPERATION, move || {
            for piece in &pieces {
                file.write_all_at(piece, offset).map_err(|error| Error::io(error, OPERATION))?;
                if let Some(hasher) = &mut hasher {
                    hasher.update(piece);
                }
                offset += piece.len() as u64;
            }
            Ok((offset, hasher))
        })
        .await?;
        (self.length, self.hasher) = (end, hasher);
        Ok(())
    }

    /// The BLAKE3 hash of all that was received; read again where other requests wrote a part of it.
    pub(crate) async fn hash(&mut self) -> Result<[u8; 32]> {
        self.flush().await?;
        if let Some(hasher) = &self.hasher {
            return Ok(*hasher.finalize().as_bytes());
        }
        let (file, length) = (Arc::clone(&self.file), self.length);
        blocking(OPERATION, move || {
            let (mut hasher, mut buffer) = (blake3::Hasher::new(), vec![0; PIECE]);
            let mut offset = 0;
            while offset < length {
                let wanted = usize::try_from(length - offset).unwrap_or(PIECE).min(PIECE);
                let piece = buffer.get_mut(..wanted).unwrap_or_default();
                file.read_exact_at(piece, offset).map_err(|error| Error::io(error, OPERATION))?;
                hasher.update(piece);
                offset += wanted as u64;
            }
            Ok(*hasher.finalize().as_bytes())
        })
        .await
    }

    /// Forgets all that was received, so that the upload can begin again.
    pub(crate) async fn start_over(&mut self) -> Result<()> {
        let file = Arc::clone(&self.file);
        (self.waiting, self.waiting_bytes, self.length) = (Vec::new(), 0, 0);
        self.hasher = Some(blake3::Hasher::new());
        blocking(OPERATION, move || file.set_len(0).map_err(|error| Error::io(error, OPERATION))).await
    }

    /// Removes the file.
    pub(super) fn remove(self) -> Result<()> {
        remove_file(&self.path)
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        self.open.fetch_sub(1, Ordering::Relaxed);
    }
}
