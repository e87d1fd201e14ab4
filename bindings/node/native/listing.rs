//! Listings that are pulled in batches, and files of a snapshot.

use crate::records::{Difference, Entry, Rejected, Snapshot};
use crate::settle::short;
use crate::values::Whole;
use crate::workers::Workers;
use napi::bindgen_prelude::{Either3, Object, Uint8Array};
use napi::{Env, Result};
use napi_derive::napi;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use strongroom_bindings::records::{Snapshot as CommonSnapshot, SnapshotListing};
use strongroom_bindings::{DifferenceListing, EntryListing, FileHandle};

enum Items {
    Entries(EntryListing),
    Differences(DifferenceListing),
    Snapshots(Mutex<VecDeque<CommonSnapshot>>),
}

/// A listing that is under way.
#[napi]
pub struct NativeListing {
    items: Arc<Items>,
    rejected: Mutex<Vec<strongroom_bindings::records::Rejected>>,
    workers: Arc<Workers>,
}

impl NativeListing {
    fn new(items: Items, workers: &Arc<Workers>) -> Self {
        NativeListing { items: Arc::new(items), rejected: Mutex::default(), workers: Arc::clone(workers) }
    }

    pub(crate) fn entries(listing: EntryListing, workers: &Arc<Workers>) -> Self {
        NativeListing::new(Items::Entries(listing), workers)
    }

    pub(crate) fn differences(listing: DifferenceListing, workers: &Arc<Workers>) -> Self {
        NativeListing::new(Items::Differences(listing), workers)
    }

    pub(crate) fn snapshots(listing: SnapshotListing, workers: &Arc<Workers>) -> Self {
        let mut made = NativeListing::new(Items::Snapshots(Mutex::new(listing.snapshots.into())), workers);
        made.rejected = Mutex::new(listing.rejected);
        made
    }
}

#[napi]
impl NativeListing {
    /// The next items, at most `most` of them; none at the end.
    ///
    /// # Errors
    /// Those of Node.
    #[napi(ts_return_type = "Promise<Settled<unknown[]>>")]
    pub fn next<'env>(&self, env: &'env Env, most: u32) -> Result<Object<'env>> {
        let items = Arc::clone(&self.items);
        short(env, &self.workers, "list", move || {
            let most = usize::try_from(most).unwrap_or(usize::MAX);
            Ok(match items.as_ref() {
                Items::Entries(listing) => {
                    Either3::A(listing.next(most)?.into_iter().map(Entry::from).collect::<Vec<_>>())
                }
                Items::Differences(listing) => {
                    Either3::B(listing.next(most)?.into_iter().map(Difference::from).collect::<Vec<_>>())
                }
                Items::Snapshots(snapshots) => {
                    let mut snapshots = crate::environment::lock(snapshots);
                    let count = most.min(snapshots.len());
                    Either3::C(snapshots.drain(..count).map(Snapshot::from).collect::<Vec<_>>())
                }
            })
        })
    }

    /// What of a listing of snapshots could not be read or trusted.
    #[napi]
    pub fn rejected(&self) -> Vec<Rejected> {
        crate::environment::lock(&self.rejected).iter().cloned().map(Rejected::from).collect()
    }

    /// Ends it. A batch under way comes first.
    ///
    /// # Errors
    /// Those of Node.
    #[napi(ts_return_type = "Promise<Settled<void>>")]
    pub fn close<'env>(&self, env: &'env Env) -> Result<Object<'env>> {
        let items = Arc::clone(&self.items);
        short(env, &self.workers, "list", move || {
            match items.as_ref() {
                Items::Entries(listing) => listing.close(),
                Items::Differences(listing) => listing.close(),
                Items::Snapshots(snapshots) => crate::environment::lock(snapshots).clear(),
            }
            Ok(())
        })
    }
}

/// A file of a snapshot.
#[napi]
pub struct NativeFile {
    inner: Arc<FileHandle>,
    workers: Arc<Workers>,
}

impl NativeFile {
    pub(crate) fn new(inner: FileHandle, workers: &Arc<Workers>) -> Self {
        NativeFile { inner: Arc::new(inner), workers: Arc::clone(workers) }
    }
}

const READ: &str = "read a file of the snapshot";

#[napi]
impl NativeFile {
    /// The entry that is read.
    #[napi]
    pub fn entry(&self) -> Entry {
        self.inner.entry().clone().into()
    }

    /// The bytes from `offset` on, at most `length` and as far as the file goes.
    ///
    /// # Errors
    /// Those of Node.
    #[napi(ts_return_type = "Promise<Settled<Uint8Array>>")]
    pub fn read<'env>(&self, env: &'env Env, offset: Whole, length: Whole) -> Result<Object<'env>> {
        let file = Arc::clone(&self.inner);
        short(env, &self.workers, READ, move || Ok(Uint8Array::new(file.read_range(offset.0, length.0)?)))
    }

    /// Ends the reading. Reads under way come first.
    ///
    /// # Errors
    /// Those of Node.
    #[napi(ts_return_type = "Promise<Settled<void>>")]
    pub fn close<'env>(&self, env: &'env Env) -> Result<Object<'env>> {
        let file = Arc::clone(&self.inner);
        short(env, &self.workers, READ, move || {
            file.close();
            Ok(())
        })
    }
}
