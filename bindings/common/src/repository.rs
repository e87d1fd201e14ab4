//! A repository as a handle.

mod care;
mod keys;
mod look;
mod work;

use crate::backend::Backend;
use crate::enums::{LogLevel, Role};
use crate::error::{Error, Result};
use crate::guard::catch;
use crate::host::{LogEvent, LogSink};
use crate::options::{CreateOptions, OpenOptions};
use crate::records::Timestamp;
use crate::run::Run;
use crate::secret::Secret;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use strongroom::{CancelToken, Context};

/// An opened repository. Clones are the same handle; any number of threads may use it at once. Operations that are under
/// way when it is closed go on to their end.
#[derive(Clone)]
pub struct Repository {
    shared: Arc<Shared>,
}

struct Shared {
    engine: RwLock<Option<strongroom::Repository>>,
    log: RwLock<Option<Arc<dyn LogSink>>>,
}

impl fmt::Debug for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Repository").field("closed", &self.is_closed()).finish_non_exhaustive()
    }
}

impl Repository {
    fn of(engine: strongroom::Repository, log: Option<Arc<dyn LogSink>>) -> Self {
        let repository =
            Repository { shared: Arc::new(Shared { engine: RwLock::new(Some(engine)), log: RwLock::new(log) }) };
        if let Ok(Some(problem)) = repository.state_folder_problem() {
            repository.log(LogLevel::Warning, "open", || format!("local state is kept in memory: {problem}"));
        }
        repository
    }

    /// Creates a repository whose owner is whoever holds `secret`.
    ///
    /// # Errors
    /// [`AlreadyExists`](crate::ErrorKind::AlreadyExists) when there is one at this place, and those of the storage.
    pub fn create(
        backend: &Backend,
        secret: &Secret,
        options: &CreateOptions,
        log: Option<Arc<dyn LogSink>>,
    ) -> Result<Self> {
        catch("create a repository", || {
            let engine = strongroom::Repository::create(backend.clone(), secret.core(), &options.to_core()?)?;
            Ok(Repository::of(engine, log))
        })
    }

    /// Opens a repository.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) when there is none, [`WrongKey`](crate::ErrorKind::WrongKey) when the
    /// secret opens none of its key slots, and those of the storage.
    pub fn open(
        backend: &Backend,
        secret: &Secret,
        options: &OpenOptions,
        log: Option<Arc<dyn LogSink>>,
    ) -> Result<Self> {
        catch("open a repository", || {
            let engine = strongroom::Repository::open_with(backend.clone(), secret.core(), &options.to_core()?)?;
            Ok(Repository::of(engine, log))
        })
    }

    /// Lets go of it; whatever is called after that fails with [`Closed`](crate::ErrorKind::Closed). Closing twice is
    /// harmless.
    pub fn close(&self) {
        let engine = self.shared.engine.write().unwrap_or_else(PoisonError::into_inner).take();
        // Dropped outside of the lock: the storage may be an app's, which may do anything.
        drop(engine);
    }

    /// Whether it was closed.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.shared.engine.read().unwrap_or_else(PoisonError::into_inner).is_none()
    }

    /// Sets who hears what happens; nobody when none is given.
    pub fn set_log(&self, log: Option<Arc<dyn LogSink>>) {
        let before = std::mem::replace(&mut *self.shared.log.write().unwrap_or_else(PoisonError::into_inner), log);
        drop(before);
    }

    /// The id chosen when it was created.
    ///
    /// # Errors
    /// [`Closed`](crate::ErrorKind::Closed), as all that follow.
    pub fn id(&self) -> Result<String> {
        self.small("name a repository", |engine| Ok(engine.id().to_string()))
    }

    /// The public key of its owner: what [`Secret::expect_owner`] of a later opening takes.
    ///
    /// # Errors
    /// [`Closed`](crate::ErrorKind::Closed).
    pub fn owner_key(&self) -> Result<Vec<u8>> {
        self.small("name the owner of a repository", |engine| Ok(engine.owner_key().to_vec()))
    }

    /// What the secret that opened it allows.
    ///
    /// # Errors
    /// [`Closed`](crate::ErrorKind::Closed).
    pub fn role(&self) -> Result<Role> {
        self.small("tell a role", |engine| Ok(Role::from(&engine.role())))
    }

    /// Where it is, for messages.
    ///
    /// # Errors
    /// [`Closed`](crate::ErrorKind::Closed).
    pub fn location(&self) -> Result<String> {
        self.small("tell where a repository is", |engine| Ok(engine.location()))
    }

    /// When it was created, by its creator's clock.
    ///
    /// # Errors
    /// [`Closed`](crate::ErrorKind::Closed).
    pub fn created(&self) -> Result<Timestamp> {
        self.small("tell when a repository was created", |engine| Ok(engine.created().into()))
    }

    /// Why local state is kept in memory although a folder was given for it, if that is so.
    ///
    /// # Errors
    /// [`Closed`](crate::ErrorKind::Closed).
    pub fn state_folder_problem(&self) -> Result<Option<String>> {
        self.small("look at the state folder", |engine| Ok(engine.state_folder_problem()))
    }

    /// The same repository, whose calls ask nothing more of the storage once `token` is cancelled: for those that take no
    /// [`Run`], such as listings and files that are read.
    ///
    /// # Errors
    /// [`Closed`](crate::ErrorKind::Closed).
    pub fn cancelled_by(&self, token: &CancelToken) -> Result<Repository> {
        let engine = self.engine("watch a token")?.cancelled_by(token);
        let log = self.shared.log.read().unwrap_or_else(PoisonError::into_inner).clone();
        Ok(Repository { shared: Arc::new(Shared { engine: RwLock::new(Some(engine)), log: RwLock::new(log) }) })
    }

    pub(crate) fn engine(&self, operation: &str) -> Result<strongroom::Repository> {
        let engine = self.shared.engine.read().unwrap_or_else(PoisonError::into_inner).clone();
        engine.ok_or_else(|| Error::closed(operation, "repository"))
    }

    /// Something short: neither cancelled nor logged.
    fn small<T>(&self, operation: &str, work: impl FnOnce(&strongroom::Repository) -> Result<T>) -> Result<T> {
        let engine = self.engine(operation)?;
        catch(operation, || work(&engine))
    }

    /// An operation of this name with all that belongs to it.
    fn operate<T>(
        &self,
        name: &'static str,
        operation: &str,
        run: &Run,
        work: impl FnOnce(&strongroom::Repository, &Context) -> Result<T>,
    ) -> Result<T> {
        let engine = self.engine(operation)?;
        self.log(LogLevel::Debug, name, || "begins".to_owned());
        let result = run.perform(operation, |ctx| work(&engine, ctx));
        match &result {
            Ok(_) => self.log(LogLevel::Info, name, || "is done".to_owned()),
            Err(error) => self.log(LogLevel::Error, name, || error.to_string()),
        }
        for pack in engine.healed_packs() {
            self.log(LogLevel::Warning, name, || format!("{pack} was damaged and healed by its parity: repair it"));
        }
        result
    }

    fn log(&self, level: LogLevel, operation: &str, message: impl FnOnce() -> String) {
        let sink = self.shared.log.read().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(sink) = sink {
            let event = LogEvent { level, operation: operation.to_owned(), message: message() };
            // Nobody is left to tell of a panic in there.
            let _ = catch("log", || {
                sink.log(&event);
                Ok(())
            });
        }
    }
}
