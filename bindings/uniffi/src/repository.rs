//! A repository as a handle. Calls block; a run cancels each of them.

mod care;
mod keys;
mod look;
mod work;

use crate::enums::Role;
use crate::failure::NativeResult;
use crate::foreign::{ForeignLog, Log};
use crate::options::{CreateOptions, OpenOptions};
use crate::run::RunHandle;
use crate::secret::SecretHandle;
use crate::storage::BackendHandle;
use crate::values::{Convert, Timestamp};
use std::sync::Arc;
use strongroom_bindings::{self as common, Repository};

/// An opened repository.
#[derive(Debug, uniffi::Object)]
pub struct RepositoryHandle {
    inner: Repository,
}

impl RepositoryHandle {
    /// The same repository, whose calls end with `run`.
    fn watching(&self, run: &RunHandle) -> common::Result<Repository> {
        self.inner.cancelled_by(run.inner.token())
    }
}

#[uniffi::export]
impl RepositoryHandle {
    /// Creates a repository; cancelling `run` ends that.
    #[uniffi::constructor]
    pub fn create(
        backend: Arc<BackendHandle>,
        secret: Arc<SecretHandle>,
        options: CreateOptions,
        log: Option<Arc<dyn ForeignLog>>,
        run: Arc<RunHandle>,
    ) -> NativeResult<Arc<Self>> {
        let options = options.into_common(&run.inner)?;
        let inner = Repository::create(&backend.inner, &secret.get()?, &options, Log::sink(log))?;
        Ok(Arc::new(RepositoryHandle { inner }))
    }

    /// Opens a repository; cancelling `run` ends that.
    #[uniffi::constructor]
    pub fn open(
        backend: Arc<BackendHandle>,
        secret: Arc<SecretHandle>,
        options: OpenOptions,
        log: Option<Arc<dyn ForeignLog>>,
        run: Arc<RunHandle>,
    ) -> NativeResult<Arc<Self>> {
        let options = options.into_common(&run.inner);
        let inner = Repository::open(&backend.inner, &secret.get()?, &options, Log::sink(log))?;
        Ok(Arc::new(RepositoryHandle { inner }))
    }

    /// Lets go of it.
    pub fn shutdown(&self) {
        self.inner.close();
    }

    /// Whether it was closed.
    pub fn is_closed(&self) -> bool {
        self.inner.is_closed()
    }

    /// The id chosen when it was created.
    pub fn id(&self) -> NativeResult<String> {
        Ok(self.inner.id()?)
    }

    /// The public key of its owner.
    pub fn owner_key(&self) -> NativeResult<Vec<u8>> {
        Ok(self.inner.owner_key()?)
    }

    /// What the secret that opened it allows.
    pub fn role(&self) -> NativeResult<Role> {
        Ok(self.inner.role()?)
    }

    /// Where it is, for messages.
    pub fn location(&self) -> NativeResult<String> {
        Ok(self.inner.location()?)
    }

    /// When it was created, by its creator's clock.
    pub fn created(&self) -> NativeResult<Timestamp> {
        Ok(self.inner.created()?.convert())
    }

    /// Why local state is kept in memory although a folder was given for it, if that is so.
    pub fn state_folder_problem(&self) -> NativeResult<Option<String>> {
        Ok(self.inner.state_folder_problem()?)
    }

    /// The same repository, whose calls end with `run`.
    pub fn cancelled_by(&self, run: Arc<RunHandle>) -> NativeResult<Arc<RepositoryHandle>> {
        Ok(Arc::new(RepositoryHandle { inner: self.watching(&run)? }))
    }
}
