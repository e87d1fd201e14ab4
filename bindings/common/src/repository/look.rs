//! Looking at snapshots and what is in them.

use super::Repository;
use crate::error::Result;
use crate::flat::Flat;
use crate::listing::{Batches, DifferenceListing, EntryListing};
use crate::options::{Pattern, SnapshotFilter, entry_path, id};
use crate::records::{Difference, Entry, Rejected, RepositoryStats, SessionInfo, Snapshot, SnapshotListing, Timestamp};
use crate::run::{Run, RunOptions};
use strongroom::ErrorKind as CoreKind;

impl Repository {
    /// The snapshots that `filter` accepts, oldest first by the clocks of their devices.
    ///
    /// # Errors
    /// Those of the storage; [`Forbidden`](crate::ErrorKind::Forbidden) when the filter asks for what these keys cannot
    /// read. A snapshot that cannot be read or trusted is in the listing, and hides no other.
    pub fn snapshots(&self, filter: &SnapshotFilter) -> Result<SnapshotListing> {
        let filter = filter.to_core()?;
        self.small("list snapshots", |engine| {
            let mut listing = SnapshotListing { snapshots: Vec::new(), rejected: Vec::new() };
            for snapshot in engine.snapshots(&filter)? {
                match snapshot {
                    Ok(snapshot) => listing.snapshots.push(Snapshot::from(&snapshot)),
                    Err(error) => listing.rejected.push(Rejected {
                        object: error.object_name().unwrap_or_default().to_owned(),
                        error: error.into(),
                    }),
                }
            }
            Ok(listing)
        })
    }

    /// One snapshot by what a person would type: `latest`, or the first digits of its id.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound), [`InvalidArgument`](crate::ErrorKind::InvalidArgument) when several
    /// match.
    pub fn snapshot(&self, spec: &str, filter: &SnapshotFilter) -> Result<Snapshot> {
        let filter = filter.to_core()?;
        self.small("find the snapshot", |engine| Ok(Snapshot::from(&engine.snapshot(spec, &filter)?)))
    }

    /// The entry at a path of a snapshot.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) when the snapshot has no such path.
    pub fn entry(&self, snapshot: &str, path: &[u8]) -> Result<Entry> {
        let (snapshot, path) = (id(snapshot)?, entry_path(path)?);
        self.small("find a path", |engine| Ok(Entry::from(&engine.entry(&snapshot, &path)?)))
    }

    /// What is in a folder of a snapshot, directly or at any depth; for anything but a folder, the entry itself.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) when the snapshot has no such path.
    pub fn list(&self, snapshot: &str, folder: &[u8], recursive: bool) -> Result<EntryListing> {
        let (snapshot, folder) = (id(snapshot)?, entry_path(folder)?);
        self.small("list a folder", |engine| Ok(entries("list a folder", engine.list(&snapshot, &folder, recursive)?)))
    }

    /// The entries of a snapshot whose paths match.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) when there is no such snapshot,
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) for a malformed pattern.
    pub fn find(&self, snapshot: &str, pattern: &Pattern) -> Result<EntryListing> {
        let (snapshot, pattern) = (id(snapshot)?, pattern.to_core()?);
        self.small("find entries", |engine| Ok(entries("find entries", engine.find(&snapshot, &pattern)?)))
    }

    /// The paths on which two snapshots differ, in ascending order.
    ///
    /// # Errors
    /// [`Closed`](crate::ErrorKind::Closed) here; everything else from the listing.
    pub fn diff(&self, before: &str, after: &str, options: RunOptions) -> Result<DifferenceListing> {
        const OPERATION: &str = "compare snapshots";
        let (before, after) = (id(before)?, id(after)?);
        self.engine(OPERATION)?;
        let repository = self.clone();
        Batches::pushed(OPERATION, options, move |run, push| {
            repository.operate("diff", OPERATION, run, |engine, ctx| {
                let mut told = Ok(());
                let ended = engine.diff(
                    &before,
                    &after,
                    &mut |difference| {
                        push(Difference::from(&difference)).map_err(|error| {
                            told = Err(error);
                            strongroom::Error::new(CoreKind::Cancelled, OPERATION)
                        })
                    },
                    ctx,
                );
                told?;
                Ok(ended?)
            })
        })
    }

    /// How much the repository holds.
    ///
    /// # Errors
    /// Those of the storage; [`Forbidden`](crate::ErrorKind::Forbidden) for who may not read trees.
    pub fn stats(&self, run: &Run) -> Result<RepositoryStats> {
        self.operate("stats", "count what is stored", run, |engine, ctx| Ok(RepositoryStats::from(&engine.stats(ctx)?)))
    }

    /// Adds and removes tags of a snapshot; returns the tags it has now.
    ///
    /// # Errors
    /// [`Forbidden`](crate::ErrorKind::Forbidden) without a reader's or owner's key.
    pub fn tag(&self, snapshot: &str, add: &[String], remove: &[String]) -> Result<Vec<String>> {
        let snapshot = id(snapshot)?;
        let (add, remove): (Vec<&str>, Vec<&str>) =
            (add.iter().map(String::as_str).collect(), remove.iter().map(String::as_str).collect());
        self.small("tag a snapshot", |engine| Ok(engine.tag(&snapshot, &add, &remove)?))
    }

    /// Holds a snapshot until a time: before that it is not forgotten. Returns the hold that is in force then.
    ///
    /// # Errors
    /// [`Forbidden`](crate::ErrorKind::Forbidden) without a reader's or owner's key.
    pub fn hold(&self, snapshot: &str, until: Timestamp) -> Result<Timestamp> {
        let snapshot = id(snapshot)?;
        self.small("hold a snapshot", |engine| Ok(engine.hold(&snapshot, until.into())?.into()))
    }

    /// Ends the hold of a snapshot.
    ///
    /// # Errors
    /// [`Forbidden`](crate::ErrorKind::Forbidden) without the key it takes.
    pub fn release(&self, snapshot: &str) -> Result<()> {
        let snapshot = id(snapshot)?;
        self.small("release a snapshot", |engine| Ok(engine.release(&snapshot)?))
    }

    /// The sessions storage knows of: who is at work, and who was and has not been cleaned up after.
    ///
    /// # Errors
    /// Those of the storage.
    pub fn sessions(&self) -> Result<Vec<SessionInfo>> {
        self.small("list sessions", |engine| Ok(engine.sessions()?.flat()))
    }
}

fn entries(operation: &'static str, listing: strongroom::Listing) -> EntryListing {
    Batches::new(operation, listing.map(|entry| Ok(Entry::from(&entry?))))
}
