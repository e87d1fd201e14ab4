//! Backups that break off at any moment, and what the next one has to do again.

#[path = "../common/mod.rs"]
mod common;

mod crash;
mod stream;
mod unsorted;
mod windows;

use common::vault::Vault;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use strongroom::{
    Backend, Context, Entry, EntryHandle, EntrySource, FileSource, Folder, Problem, Result, Source, SourceItem,
};

/// Counts the bytes that are read of files, and takes its time for them.
#[derive(Clone, Default)]
struct Disk {
    read: Arc<AtomicU64>,
    /// For every piece that is read.
    pause: Duration,
    /// Longest piece.
    piece: Option<usize>,
}

impl Disk {
    fn source(&self, folder: &std::path::Path) -> Source {
        let files = FileSource::new([folder]);
        Source::new(DiskSource { inner: files, disk: self.clone() }).known_as(["disk"])
    }

    /// Bytes read since the last call.
    fn take(&self) -> u64 {
        self.read.swap(0, Ordering::Relaxed)
    }
}

struct DiskSource {
    inner: FileSource,
    disk: Disk,
}

struct DiskHandle {
    inner: Box<dyn EntryHandle>,
    disk: Disk,
}

impl EntrySource for DiskSource {
    fn next(&mut self, ctx: &Context) -> Result<Option<SourceItem>> {
        Ok(self.inner.next(ctx)?.map(|item| match item {
            SourceItem::Entry(entry, inner) => {
                SourceItem::Entry(entry, Box::new(DiskHandle { inner, disk: self.disk.clone() }))
            }
            other => other,
        }))
    }

    fn is_sorted(&self) -> bool {
        true
    }
}

impl EntryHandle for DiskHandle {
    fn describe(&mut self, entry: &mut Entry) -> Result<(), Problem> {
        self.inner.describe(entry)
    }

    fn open(&mut self, entry: &mut Entry) -> Result<(), Problem> {
        self.inner.open(entry)
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        std::thread::sleep(self.disk.pause);
        let length = self.disk.piece.unwrap_or(buffer.len()).min(buffer.len());
        let count = self.inner.read(&mut buffer[..length])?;
        self.disk.read.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }

    fn skip(&mut self, bytes: u64) -> io::Result<bool> {
        self.inner.skip(bytes)
    }

    fn close(&mut self, entry: &mut Entry) -> Option<Problem> {
        self.inner.close(entry)
    }

    fn take_problem(&mut self) -> Option<Problem> {
        self.inner.take_problem()
    }
}

/// Bytes of all packs in storage.
fn packs(vault: &Vault) -> u64 {
    vault.names(Folder::Packs).iter().map(|name| vault.stat(name).unwrap().length).sum()
}
