//! A repository as JavaScript holds it: every call gives a promise, but for those that only tell what is known.

mod care;
mod keys;
mod look;
mod work;

use crate::environment::{Environment, Shared};
use crate::handles::{NativeBackend, NativeSecret, NativeToken};
use crate::host::{Host, Listener, Sink};
use crate::names::Role;
use crate::options::{Budget, NativeCreateOptions, NativeOpenOptions};
use crate::settle::{Settled, long, short};
use crate::values::Date;
use crate::workers::Workers;
use napi::bindgen_prelude::{Object, Uint8Array};
use napi::{Env, Result};
use napi_derive::napi;
use std::sync::Arc;
use strongroom_bindings::{LogSink, ProgressListener, Repository, RunOptions};

/// An opened repository.
#[napi]
pub struct NativeRepository {
    pub(crate) inner: Repository,
    shared: Arc<Shared>,
    workers: Arc<Workers>,
}

fn sink(log: Option<&Host>) -> Option<Arc<dyn LogSink>> {
    log.map(|host| Arc::new(Sink(host.line())) as Arc<dyn LogSink>)
}

/// How an operation is to run.
fn run_options(budget: Option<Budget>, token: &NativeToken, progress: Option<&Host>) -> RunOptions {
    let listener = |host: &Host| Arc::new(Listener(host.line().until(&token.inner))) as Arc<dyn ProgressListener>;
    RunOptions {
        budget: budget.map(Budget::common).unwrap_or_default(),
        token: Some(token.inner.clone()),
        progress: progress.map(listener),
    }
}

#[napi]
impl NativeRepository {
    /// Creates a repository.
    ///
    /// # Errors
    /// Those of Node.
    #[napi(ts_return_type = "Promise<Settled<NativeRepository>>")]
    pub fn create<'env>(
        env: &'env Env,
        environment: &Environment,
        backend: &NativeBackend,
        secret: &NativeSecret,
        options: NativeCreateOptions,
        log: Option<&Host>,
        token: &NativeToken,
    ) -> Result<Object<'env>> {
        let (backend, secret, log) = (backend.inner.clone(), secret.inner.clone(), sink(log));
        let shared = Arc::clone(&environment.shared);
        long(env, &environment.shared, "create a repository", run_options(None, token, None), move |run| {
            let inner = Repository::create(&backend, &secret, &options.common(run.token().clone())?, log)?;
            Ok(NativeRepository { inner, shared, workers: Arc::default() })
        })
    }

    /// Opens a repository.
    ///
    /// # Errors
    /// Those of Node.
    #[napi(ts_return_type = "Promise<Settled<NativeRepository>>")]
    pub fn open<'env>(
        env: &'env Env,
        environment: &Environment,
        backend: &NativeBackend,
        secret: &NativeSecret,
        options: NativeOpenOptions,
        log: Option<&Host>,
        token: &NativeToken,
    ) -> Result<Object<'env>> {
        let (backend, secret, log) = (backend.inner.clone(), secret.inner.clone(), sink(log));
        let shared = Arc::clone(&environment.shared);
        long(env, &environment.shared, "open a repository", run_options(None, token, None), move |run| {
            let inner = Repository::open(&backend, &secret, &options.common(run.token().clone()), log)?;
            Ok(NativeRepository { inner, shared, workers: Arc::default() })
        })
    }

    /// Lets go of it.
    ///
    /// # Errors
    /// Those of Node.
    #[napi(ts_return_type = "Promise<Settled<void>>")]
    pub fn close<'env>(&self, env: &'env Env) -> Result<Object<'env>> {
        let inner = self.inner.clone();
        short(env, &self.workers, "close a repository", move || {
            inner.close();
            Ok(())
        })
    }

    /// Sets who hears what happens.
    #[napi]
    pub fn set_log(&self, log: Option<&Host>) {
        self.inner.set_log(sink(log));
    }

    /// Its id.
    #[napi(ts_return_type = "Settled<string>")]
    pub fn id(&self) -> Settled<String> {
        Settled(self.inner.id())
    }

    /// The public key of its owner.
    #[napi(ts_return_type = "Settled<Uint8Array>")]
    pub fn owner_key(&self) -> Settled<Uint8Array> {
        Settled(self.inner.owner_key().map(Uint8Array::new))
    }

    /// What the secret that opened it allows.
    #[napi(ts_return_type = "Settled<Role>")]
    pub fn role(&self) -> Settled<Role> {
        Settled(self.inner.role().map(Role))
    }

    /// Where it is.
    #[napi(ts_return_type = "Settled<string>")]
    pub fn location(&self) -> Settled<String> {
        Settled(self.inner.location())
    }

    /// When it was created.
    #[napi(ts_return_type = "Settled<Date>")]
    pub fn created(&self) -> Settled<Date> {
        Settled(self.inner.created().map(Date))
    }

    /// Why local state is kept in memory.
    #[napi(ts_return_type = "Settled<string | undefined>")]
    pub fn state_folder_problem(&self) -> Settled<Option<String>> {
        Settled(self.inner.state_folder_problem())
    }

    /// How much parity packs get, in percent.
    #[napi(ts_return_type = "Settled<number | undefined>")]
    pub fn parity(&self) -> Settled<Option<u8>> {
        Settled(self.inner.parity())
    }

    /// Packs that were read by their parity.
    #[napi(ts_return_type = "Settled<string[]>")]
    pub fn healed_packs(&self) -> Settled<Vec<String>> {
        Settled(self.inner.healed_packs())
    }

    /// The same repository, whose calls end with a token.
    #[napi(ts_return_type = "Settled<NativeRepository>")]
    pub fn cancelled_by(&self, token: &NativeToken) -> Settled<NativeRepository> {
        let (shared, workers) = (Arc::clone(&self.shared), Arc::clone(&self.workers));
        Settled(self.inner.cancelled_by(&token.inner).map(|inner| NativeRepository { inner, shared, workers }))
    }
}
