//! How results come back: a value or an error record, at once or by a promise.

use crate::environment::{Shared, Thrown};
use crate::names::ErrorKind;
use crate::workers::Workers;
use napi::bindgen_prelude::{Object, ToNapiValue};
use napi::{Env, JsValue, sys};
use napi_derive::napi;
use std::sync::Arc;
use strongroom_bindings::guard::catch;
use strongroom_bindings::{Error, Job, Result, Run, RunOptions};

/// What went wrong, of which TypeScript makes an error.
#[napi(object, object_from_js = false)]
pub struct ErrorRecord {
    /// What kind of failure it was.
    pub kind: ErrorKind,
    /// The stable number of that kind.
    pub number: u32,
    /// The operation that failed, as a verb phrase.
    pub operation: String,
    /// The object, path or key it failed on, if one is known.
    pub object: Option<String>,
    /// A sentence on what was wrong, if there is one.
    pub detail: Option<String>,
    /// All of it in one line, for people.
    pub message: String,
    /// What lies behind it, the nearest first.
    pub causes: Vec<String>,
    /// After how many milliseconds the same call may succeed, if that is known.
    pub retry_after_ms: Option<f64>,
    /// The number of the value that a function of the app threw.
    pub thrown: Option<u32>,
}

impl ErrorRecord {
    pub(crate) fn of(error: Error) -> Self {
        let record = error.into_record();
        // The value itself stays where JavaScript keeps it until its number is released, which is after this.
        let thrown = record.payload.as_ref().and_then(|payload| payload.downcast_ref::<Thrown>());
        ErrorRecord {
            kind: ErrorKind(record.kind),
            number: record.kind.code(),
            operation: record.operation,
            object: record.object,
            detail: record.detail,
            message: record.message,
            causes: record.causes,
            retry_after_ms: record.retry_after_ms.map(|milliseconds| milliseconds as f64),
            thrown: thrown.map(|thrown| thrown.number),
        }
    }
}

/// A result as JavaScript gets it: an object with `value`, or with `error`.
pub struct Settled<T>(pub Result<T>);

impl<T: ToNapiValue> ToNapiValue for Settled<T> {
    unsafe fn to_napi_value(env: sys::napi_env, settled: Self) -> napi::Result<sys::napi_value> {
        let mut object = Object::new(&Env::from_raw(env))?;
        match settled.0 {
            Ok(value) => object.set("value", value)?,
            Err(error) => object.set("error", ErrorRecord::of(error))?,
        }
        Ok(object.raw())
    }
}

/// Something that could not be begun for want of a thread.
fn no_thread(operation: &str) -> Error {
    Error::new(strongroom_bindings::ErrorKind::LimitExceeded, operation, "the system has no thread for it")
}

/// Runs a short call on one of the workers.
pub(crate) fn short<'env, T: ToNapiValue + Send + 'static>(
    env: &'env Env,
    workers: &Workers,
    operation: &'static str,
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> napi::Result<Object<'env>> {
    let (deferred, promise) = env.create_deferred()?;
    let spare = deferred.clone();
    let settle = move |result: Result<T>| {
        deferred.resolve(Box::new(move |_: Env| Ok(Settled(result))) as Resolver<T>);
    };
    if workers.run(Box::new(move || settle(catch(operation, work)))).is_err() {
        spare.resolve(Box::new(move |_: Env| Ok(Settled(Err(no_thread(operation))))));
    }
    Ok(promise)
}

type Resolver<T> = Box<dyn FnOnce(Env) -> napi::Result<Settled<T>> + Send>;

/// Runs an operation on a thread of its own. It is cancelled when its environment ends.
pub(crate) fn long<'env, T: ToNapiValue + Send + 'static>(
    env: &'env Env,
    shared: &Arc<Shared>,
    operation: &'static str,
    options: RunOptions,
    work: impl FnOnce(&Run) -> Result<T> + Send + 'static,
) -> napi::Result<Object<'env>> {
    let (deferred, promise) = env.create_deferred()?;
    let spare = deferred.clone();
    let shared = Arc::clone(shared);
    let started = Job::start(operation, options, move |run| {
        let at_work = shared.at_work(run.token());
        let result = catch(operation, || work(run));
        drop(at_work);
        deferred.resolve(Box::new(move |_: Env| Ok(Settled(result))) as Resolver<T>);
        Ok(())
    });
    if let Err(error) = started {
        spare.resolve(Box::new(move |_: Env| Ok(Settled(Err(error)))));
    }
    Ok(promise)
}

/// Says by a promise that an operation cannot begin.
pub(crate) fn refused(env: &Env, error: Error) -> napi::Result<Object<'_>> {
    let (deferred, promise) = env.create_deferred()?;
    deferred.resolve(Box::new(move |_: Env| Ok(Settled(Err(error)))) as Resolver<()>);
    Ok(promise)
}
