//! The face of the crate: a repository and what can be done with it.

mod backup;
mod care;
mod copy;
mod forget;
mod keys;
mod listing;
mod look;
mod options;
mod restore;

pub use backup::BackupReport;
pub use care::SessionInfo;
pub use keys::{NewKey, RevokeOptions};
pub use listing::{Listing, Pattern};
pub use look::{Changes, Difference};
pub use options::{CreateOptions, OpenOptions};

use crate::backend::Backend;
use crate::cancel::CancelToken;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::format::bundle::Role;
use crate::format::entry::Timestamp;
use crate::id::{BlobId, RepositoryId, SnapshotId};
use crate::store::devices::DeviceList;
use crate::store::keys::{self as store_keys, Secret};
use crate::store::read::StoreReader;
use crate::store::snapshots::{self, Snapshot, Snapshots};
use crate::store::{Store, watched};
use std::sync::Arc;

/// An opened repository.
///
/// Clones are cheap and share everything. All methods may be called from several threads at once; each operation
/// keeps to the budget of its own [`Context`].
///
/// ```
/// use strongroom::{BackupOptions, Context, CreateOptions, MemoryBackend, Repository, RestoreOptions, Secret, Source};
/// # let folder = tempfile::tempdir()?;
/// # let (photos, target) = (folder.path().join("photos"), folder.path().join("restored"));
/// # std::fs::create_dir(&photos)?;
/// # std::fs::write(photos.join("1.jpg"), b"a picture")?;
/// # let cheap = CreateOptions::new().cost(strongroom::Cost::FLOOR);
/// # let create_options = cheap;
/// let backend = MemoryBackend::new();
/// let repo = Repository::create(backend, &Secret::passphrase("correct horse"), &create_options)?;
/// let ctx = Context::new();
/// let report = repo.backup(Source::paths([&photos]), &BackupOptions::new().tag("daily"), &ctx)?;
/// repo.restore(report.snapshot()?, &RestoreOptions::to(&target), &ctx)?;
/// assert_eq!(std::fs::read(target.join("1.jpg"))?, b"a picture");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Repository {
    store: Arc<Store>,
}

impl Repository {
    /// Creates a repository whose owner is whoever holds `secret`.
    ///
    /// # Errors
    /// [`AlreadyExists`](crate::ErrorKind::AlreadyExists) when there is one at this place,
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) for impossible sizes, and those of the storage.
    pub fn create(backend: impl Backend + 'static, secret: &Secret, options: &CreateOptions) -> Result<Self> {
        let backend: Arc<dyn Backend> = Arc::new(backend);
        let asked = watched(&backend, options.token.as_ref(), "create a repository");
        let (config, keys) = store_keys::create(asked.as_ref(), &options.new_repository(), secret)?;
        Ok(Repository { store: Arc::new(Store::new(backend, config, keys, options.state_folder.as_deref())) })
    }

    /// Opens a repository.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) when there is none, [`WrongKey`](crate::ErrorKind::WrongKey) when the
    /// secret opens none of its key slots, and those of the storage.
    pub fn open(backend: impl Backend + 'static, secret: &Secret) -> Result<Self> {
        Self::open_with(backend, secret, &OpenOptions::new())
    }

    /// Opens a repository with options.
    ///
    /// # Errors
    /// As [`open`](Repository::open).
    pub fn open_with(backend: impl Backend + 'static, secret: &Secret, options: &OpenOptions) -> Result<Self> {
        let backend: Arc<dyn Backend> = Arc::new(backend);
        let asked = watched(&backend, options.token.as_ref(), "open a repository");
        let (config, keys) = store_keys::open(asked.as_ref(), secret)?;
        Ok(Repository { store: Arc::new(Store::new(backend, config, keys, options.state_folder.as_deref())) })
    }

    /// The id chosen when it was created.
    #[must_use]
    pub fn id(&self) -> RepositoryId {
        self.store.keys().repository
    }

    /// The public key of its owner, which belongs to this repository alone: what
    /// [`Secret::expect_owner`] of a later opening takes.
    ///
    /// ```
    /// use strongroom::{DeviceKey, MemoryBackend, Repository, Role, Secret};
    /// # let options = strongroom::CreateOptions::new().cost(strongroom::Cost::FLOOR);
    /// let backend = MemoryBackend::new();
    /// let repo = Repository::create(backend.clone(), &Secret::passphrase("correct horse"), &options)?;
    /// let device = DeviceKey::generate()?;
    /// repo.add_device(&device.request("phone")?, Role::Writer)?;
    /// let on_the_phone = Secret::device(device).expect_owner(repo.owner_key());
    /// assert_eq!(Repository::open(backend, &on_the_phone)?.id(), repo.id());
    /// # Ok::<(), strongroom::Error>(())
    /// ```
    #[must_use]
    pub fn owner_key(&self) -> [u8; 32] {
        self.store.keys().owner_public().to_bytes()
    }

    /// What the secret that opened it allows.
    #[must_use]
    pub fn role(&self) -> Role {
        self.store.keys().role
    }

    /// Where it is, for messages.
    #[must_use]
    pub fn location(&self) -> String {
        self.store.backend().location()
    }

    /// What it is made of.
    #[cfg(feature = "bench")]
    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    /// When it was created, by its creator's clock.
    #[must_use]
    pub fn created(&self) -> Timestamp {
        Timestamp::new(self.store.config().created, 0)
    }

    /// Makes it make a mistake, for tests that are to notice it.
    #[cfg(feature = "mistakes")]
    #[doc(hidden)]
    pub fn make_mistake(&self, mistake: Option<crate::Mistake>) {
        self.store.make(mistake);
    }

    /// The same repository, for calls that end once this token is cancelled: those too that take no [`Context`], and what
    /// they return, as listings and open files.
    ///
    /// ```
    /// # use strongroom::{CreateOptions, ErrorKind, MemoryBackend, Repository, Secret, SnapshotFilter};
    /// # let cheap = CreateOptions::new().cost(strongroom::Cost::FLOOR);
    /// # let repo = Repository::create(MemoryBackend::new(), &Secret::passphrase("correct horse"), &cheap)?;
    /// let token = strongroom::CancelToken::new();
    /// let looking = repo.cancelled_by(&token);
    /// assert_eq!(looking.snapshots(&SnapshotFilter::all())?.count(), 0);
    /// token.cancel();
    /// assert_eq!(looking.snapshots(&SnapshotFilter::all()).err().unwrap().kind(), ErrorKind::Cancelled);
    /// # Ok::<(), strongroom::Error>(())
    /// ```
    #[must_use]
    pub fn cancelled_by(&self, token: &CancelToken) -> Self {
        Repository { store: Arc::new(self.store.within(token, "use the repository")) }
    }

    /// The same repository for one operation: once that is cancelled, nothing more is asked of the storage. What
    /// look-ups have left in memory is given back, so that the operation has its whole budget.
    fn within(&self, ctx: &Context, operation: &'static str) -> Self {
        self.store.trees().clear();
        Repository { store: Arc::new(self.store.within(ctx.token(), operation)) }
    }

    /// What every operation begins with: the devices that may sign, of the repository that was opened.
    fn devices_list(&self) -> Result<DeviceList> {
        let (backend, keys) = (self.store.backend(), self.store.keys());
        self.store.check_present()?;
        let reached = keys.newest_epoch();
        let devices = DeviceList::load(backend, keys)?;
        self.store.check_pins(&devices, reached)?;
        store_keys::catch_up(backend, keys, devices.epoch())?;
        Ok(devices)
    }

    /// Calls `use_them` with the snapshots and marks of this moment.
    fn with_snapshots<T>(&self, use_them: impl FnOnce(Snapshots<'_>) -> Result<T>) -> Result<T> {
        let devices = self.devices_list()?;
        use_them(Snapshots::open(self.store.backend(), self.store.keys(), &devices)?)
    }

    /// The snapshot with this id, verified.
    fn load(&self, id: &SnapshotId) -> Result<Snapshot> {
        self.with_snapshots(|snapshots| snapshots.load(id))
    }

    /// The root of a snapshot's tree, and a reader for look-ups in it. What an earlier look-up verified and read is not
    /// verified and read again, as long as storage shows the same snapshot and the same device list.
    fn look_into(&self, id: &SnapshotId) -> Result<(BlobId, StoreReader)> {
        let ctx = Context::new();
        let reader = StoreReader::for_look_ups(Arc::clone(&self.store), share(&ctx), &ctx);
        if let Some(root) = self.store.verified_root(id) {
            return Ok((root, reader));
        }
        let devices = self.devices_list()?;
        let (backend, keys) = (self.store.backend(), self.store.keys());
        let (root, info) = snapshots::root(backend, keys, &devices, id)?;
        self.store.index().refresh(backend, keys, &ctx)?;
        self.store.remember_verified(devices, id, info, root);
        Ok((root, reader))
    }

    /// Brings the index up to date and returns a reader with a share of the budget.
    fn reader(&self, ctx: &Context) -> Result<(StoreReader, Vec<(crate::ObjectName, Error)>)> {
        let rejected = self.store.index().refresh(self.store.backend(), self.store.keys(), ctx)?;
        Ok((StoreReader::new(Arc::clone(&self.store), share(ctx), ctx), rejected))
    }
}

/// What a reader may hold of the budget.
fn share(ctx: &Context) -> usize {
    usize::try_from(ctx.limits().memory_bytes() / 4).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod forged;
#[cfg(test)]
mod tests;
