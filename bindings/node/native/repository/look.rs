//! Looking at snapshots and what is in them.

use super::{NativeRepository, run_options};
use crate::handles::NativeToken;
use crate::host::Host;
use crate::listing::{NativeFile, NativeListing};
use crate::options::{self, Budget, SnapshotFilter};
use crate::records::{Entry, RepositoryStats, SessionInfo, Snapshot};
use crate::settle::{Settled, long, short};
use crate::values::{Date, Moment, PathInput, Text};
use napi::bindgen_prelude::Object;
use napi::{Env, Result};
use napi_derive::napi;
use std::sync::Arc;
use strongroom_bindings::options::Pattern;

#[napi]
impl NativeRepository {
    /// The snapshots that a filter accepts.
    ///
    /// # Errors
    /// Those of Node.
    #[napi(ts_return_type = "Promise<Settled<NativeListing>>")]
    pub fn snapshots<'env>(&self, env: &'env Env, filter: Option<SnapshotFilter>) -> Result<Object<'env>> {
        let repository = self.inner.clone();
        let workers = Arc::clone(&self.workers);
        short(env, &self.workers, "list snapshots", move || {
            Ok(NativeListing::snapshots(repository.snapshots(&options::filter(filter))?, &workers))
        })
    }

    /// One snapshot.
    ///
    /// # Errors
    /// Those of Node.
    #[napi(ts_return_type = "Promise<Settled<Snapshot>>")]
    pub fn snapshot<'env>(&self, env: &'env Env, spec: Text, filter: Option<SnapshotFilter>) -> Result<Object<'env>> {
        let repository = self.inner.clone();
        short(env, &self.workers, "find the snapshot", move || {
            Ok(Snapshot::from(repository.snapshot(&spec.0, &options::filter(filter))?))
        })
    }

    /// The entry at a path.
    ///
    /// # Errors
    /// Those of Node.
    #[napi(ts_return_type = "Promise<Settled<Entry>>")]
    pub fn entry<'env>(&self, env: &'env Env, snapshot: Text, path: PathInput) -> Result<Object<'env>> {
        let repository = self.inner.clone();
        short(env, &self.workers, "find a path", move || Ok(Entry::from(repository.entry(&snapshot.0, &path.0)?)))
    }

    /// What is in a folder.
    ///
    /// # Errors
    /// Those of Node.
    #[napi(ts_return_type = "Promise<Settled<NativeListing>>")]
    pub fn list<'env>(
        &self,
        env: &'env Env,
        snapshot: Text,
        folder: PathInput,
        recursive: bool,
    ) -> Result<Object<'env>> {
        let repository = self.inner.clone();
        let workers = Arc::clone(&self.workers);
        short(env, &self.workers, "list a folder", move || {
            Ok(NativeListing::entries(repository.list(&snapshot.0, &folder.0, recursive)?, &workers))
        })
    }

    /// The entries whose paths match.
    ///
    /// # Errors
    /// Those of Node.
    #[napi(ts_return_type = "Promise<Settled<NativeListing>>")]
    pub fn find<'env>(&self, env: &'env Env, snapshot: Text, glob: Text, any_case: bool) -> Result<Object<'env>> {
        let repository = self.inner.clone();
        let workers = Arc::clone(&self.workers);
        short(env, &self.workers, "find entries", move || {
            let pattern = Pattern { glob: glob.0, any_case };
            Ok(NativeListing::entries(repository.find(&snapshot.0, &pattern)?, &workers))
        })
    }

    /// Adds and removes tags.
    ///
    /// # Errors
    /// Those of Node.
    #[napi(ts_return_type = "Promise<Settled<string[]>>")]
    pub fn tag<'env>(&self, env: &'env Env, snapshot: Text, add: Vec<Text>, remove: Vec<Text>) -> Result<Object<'env>> {
        let repository = self.inner.clone();
        short(env, &self.workers, "tag a snapshot", move || {
            let names = |texts: Vec<Text>| texts.into_iter().map(|text| text.0).collect::<Vec<_>>();
            repository.tag(&snapshot.0, &names(add), &names(remove))
        })
    }

    /// Holds a snapshot.
    ///
    /// # Errors
    /// Those of Node.
    #[napi(ts_return_type = "Promise<Settled<Date>>")]
    pub fn hold<'env>(&self, env: &'env Env, snapshot: Text, until: Moment) -> Result<Object<'env>> {
        let repository = self.inner.clone();
        short(env, &self.workers, "hold a snapshot", move || repository.hold(&snapshot.0, until.0).map(Date))
    }

    /// Ends a hold.
    ///
    /// # Errors
    /// Those of Node.
    #[napi(ts_return_type = "Promise<Settled<void>>")]
    pub fn release<'env>(&self, env: &'env Env, snapshot: Text) -> Result<Object<'env>> {
        let repository = self.inner.clone();
        short(env, &self.workers, "release a snapshot", move || repository.release(&snapshot.0))
    }

    /// Who is at work.
    ///
    /// # Errors
    /// Those of Node.
    #[napi(ts_return_type = "Promise<Settled<SessionInfo[]>>")]
    pub fn sessions<'env>(&self, env: &'env Env) -> Result<Object<'env>> {
        let repository = self.inner.clone();
        short(env, &self.workers, "list sessions", move || {
            Ok(repository.sessions()?.into_iter().map(SessionInfo::from).collect::<Vec<_>>())
        })
    }

    /// Opens a file of a snapshot.
    ///
    /// # Errors
    /// Those of Node.
    #[napi(ts_return_type = "Promise<Settled<NativeFile>>")]
    pub fn open_file<'env>(&self, env: &'env Env, snapshot: Text, path: PathInput) -> Result<Object<'env>> {
        let repository = self.inner.clone();
        let workers = Arc::clone(&self.workers);
        short(env, &self.workers, "open a file of the snapshot", move || {
            Ok(NativeFile::new(repository.open_file(&snapshot.0, &path.0)?, &workers))
        })
    }

    /// How much the repository holds.
    ///
    /// # Errors
    /// Those of Node.
    #[napi(ts_return_type = "Promise<Settled<RepositoryStats>>")]
    pub fn stats<'env>(
        &self,
        env: &'env Env,
        budget: Option<Budget>,
        token: &NativeToken,
        progress: Option<&Host>,
    ) -> Result<Object<'env>> {
        let repository = self.inner.clone();
        let run = run_options(budget, token, progress);
        long(env, &self.shared, "count what is stored", run, move |run| {
            Ok(RepositoryStats::from(repository.stats(run)?))
        })
    }

    /// The paths on which two snapshots differ.
    #[napi(ts_return_type = "Settled<NativeListing>")]
    pub fn diff(
        &self,
        before: Text,
        after: Text,
        budget: Option<Budget>,
        token: &NativeToken,
        progress: Option<&Host>,
    ) -> Settled<NativeListing> {
        let listing = self.inner.diff(&before.0, &after.0, run_options(budget, token, progress));
        Settled(listing.map(|listing| NativeListing::differences(listing, &self.workers)))
    }
}
