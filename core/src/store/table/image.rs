//! The bytes of a table: in memory, or in a file whose blocks are verified when they are first needed.

use crate::crypto::SecretKey;
use crate::error::{Error, Result, corrupt};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes of a file that one checksum covers.
pub(super) const BLOCK: u64 = 64 * 1024;
/// Length of a block's checksum.
pub(super) const CHECKSUM: usize = 16;
/// Length of the checksum over header and checksums.
pub(super) const SEAL: usize = 32;
/// Files up to this length are verified whole when they are opened, and kept in memory, where searching is several
/// times as fast. Tables double in size from one to the next, so that all small ones together take twice that.
const SMALL: u64 = 4 * 1024 * 1024;

pub(super) const OPEN: &str = "open the local index";

pub(super) fn damaged() -> Error {
    corrupt("search the local index", "a table is damaged")
}

/// The bytes of a table.
#[derive(Debug)]
pub(super) enum Image {
    Memory(Vec<u8>),
    File(VerifiedFile),
}

impl Image {
    pub(super) fn read<const N: usize>(&self, offset: u64) -> Result<[u8; N]> {
        let mut bytes = [0; N];
        self.read_into(offset, &mut bytes)?;
        Ok(bytes)
    }

    pub(super) fn read_into(&self, offset: u64, bytes: &mut [u8]) -> Result<()> {
        match self {
            Image::Memory(image) => {
                let start = usize::try_from(offset).ok();
                let from = start.and_then(|start| image.get(start..start.checked_add(bytes.len())?));
                bytes.copy_from_slice(from.ok_or_else(damaged)?);
                Ok(())
            }
            Image::File(file) => file.read_into(offset, bytes),
        }
    }
}

/// The checksum of a block.
pub(super) fn checksum(key: &SecretKey, block: &[u8]) -> [u8; CHECKSUM] {
    blake3::keyed_hash(key.expose(), block).as_bytes().first_chunk().copied().unwrap_or_default()
}

/// The checksum over what stands before the blocks and over their checksums.
pub(super) fn seal(key: &SecretKey, header: &[u8], checksums: &[[u8; CHECKSUM]]) -> [u8; SEAL] {
    let mut hasher = blake3::Hasher::new_keyed(key.expose());
    hasher.update(header).update(checksums.as_flattened());
    *hasher.finalize().as_bytes()
}

/// A file of header, blocks, their checksums, and a seal. The checksums take a four-thousandth of the file in memory,
/// and let a file of any length be used at once.
pub(super) struct VerifiedFile {
    file: File,
    key: SecretKey,
    /// Length of the header.
    start: u64,
    /// End of the last block.
    end: u64,
    checksums: Vec<[u8; CHECKSUM]>,
    /// A bit for each block.
    verified: Vec<AtomicU64>,
}

impl std::fmt::Debug for VerifiedFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("VerifiedFile").field("file", &self.file).field("end", &self.end).finish_non_exhaustive()
    }
}

fn failed(error: std::io::Error) -> Error {
    Error::io(error, "search the local index")
}

fn bitmap(blocks: usize, set: bool) -> Vec<AtomicU64> {
    (0..blocks.div_ceil(64)).map(|_| AtomicU64::new(if set { u64::MAX } else { 0 })).collect()
}

impl VerifiedFile {
    /// Opens a file with this header, which says that `body` bytes follow it.
    pub(super) fn open(file: File, key: &SecretKey, header: &[u8], body: u64) -> Result<Image> {
        let wrong = || corrupt(OPEN, "it does not have the length it should have");
        let start = header.len() as u64;
        let end = start.checked_add(body).ok_or_else(wrong)?;
        let blocks = body.div_ceil(BLOCK);
        let length = blocks.checked_mul(CHECKSUM as u64).and_then(|list| end.checked_add(list + SEAL as u64));
        if length != Some(file.metadata().map_err(failed)?.len()) {
            return Err(wrong());
        }
        let blocks = usize::try_from(blocks).map_err(|_| wrong())?;
        let mut checksums = vec![[0; CHECKSUM]; blocks];
        file.read_exact_at(checksums.as_flattened_mut(), end).map_err(failed)?;
        let mut found = [0; SEAL];
        file.read_exact_at(&mut found, end + (blocks * CHECKSUM) as u64).map_err(failed)?;
        if found != seal(key, header, &checksums) {
            return Err(corrupt(OPEN, "its checksum is wrong"));
        }
        let opened = VerifiedFile { file, key: key.clone(), start, end, checksums, verified: bitmap(blocks, false) };
        if body > SMALL {
            return Ok(Image::File(opened));
        }
        (0..blocks as u64).try_for_each(|block| opened.verify(block))?;
        opened.small(header)
    }

    /// A file that was just written.
    pub(super) fn written(
        file: File,
        key: SecretKey,
        header: &[u8],
        end: u64,
        checksums: Vec<[u8; CHECKSUM]>,
    ) -> Result<Image> {
        let verified = bitmap(checksums.len(), true);
        let written = VerifiedFile { file, key, start: header.len() as u64, end, checksums, verified };
        if written.end - written.start > SMALL { Ok(Image::File(written)) } else { written.small(header) }
    }

    /// The file in memory.
    fn small(&self, header: &[u8]) -> Result<Image> {
        let mut image = header.to_vec();
        image.resize(usize::try_from(self.end).map_err(|_| damaged())?, 0);
        if let Some(body) = image.get_mut(header.len()..) {
            self.file.read_exact_at(body, self.start).map_err(failed)?;
        }
        Ok(Image::Memory(image))
    }

    fn read_into(&self, offset: u64, bytes: &mut [u8]) -> Result<()> {
        let end = offset.checked_add(bytes.len() as u64).filter(|end| *end <= self.end).ok_or_else(damaged)?;
        let from = offset.checked_sub(self.start).ok_or_else(damaged)?;
        if !bytes.is_empty() {
            (from / BLOCK..=(end - 1 - self.start) / BLOCK).try_for_each(|block| self.verify(block))?;
        }
        self.file.read_exact_at(bytes, offset).map_err(failed)
    }

    fn verify(&self, block: u64) -> Result<()> {
        let number = usize::try_from(block).map_err(|_| damaged())?;
        let (word, bit) = (self.verified.get(number / 64).ok_or_else(damaged)?, 1u64 << (number % 64));
        if word.load(Ordering::Relaxed) & bit != 0 {
            return Ok(());
        }
        let start = self.start + block * BLOCK;
        let length = usize::try_from(BLOCK.min(self.end.saturating_sub(start))).map_err(|_| damaged())?;
        let mut bytes = vec![0; length];
        self.file.read_exact_at(&mut bytes, start).map_err(failed)?;
        if self.checksums.get(number) != Some(&checksum(&self.key, &bytes)) {
            return Err(damaged());
        }
        word.fetch_or(bit, Ordering::Relaxed);
        Ok(())
    }
}
