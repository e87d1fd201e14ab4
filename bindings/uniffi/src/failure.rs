//! Errors, in both directions.

use crate::enums::ErrorKind;
use crate::values::{Convert, Nanoseconds};
use std::fmt;
use std::sync::Arc;
use strongroom_bindings::{Error, ErrorRecord, HostError, HostPayload};

/// What a function of the app threw: kept while an error leads to it, so that the very same comes back.
#[uniffi::export(with_foreign)]
pub trait ForeignThrown: Send + Sync {
    /// What it says.
    fn describe(&self) -> String;
}

/// What went wrong, in its parts.
#[derive(Clone, uniffi::Record)]
pub struct FailureParts {
    /// What kind of failure it was.
    pub kind: ErrorKind,
    /// The operation that failed, as a verb phrase.
    pub operation: String,
    /// The object, path or key it failed on, if one is known.
    pub subject: Option<String>,
    /// A sentence on what was wrong, if there is one.
    pub detail: Option<String>,
    /// All of it in one line, for people.
    pub text: String,
    /// What lies behind it, the nearest first.
    pub causes: Vec<String>,
    /// After how long the same call may succeed; none when it will fail again until something else changes.
    pub retry_after: Option<Nanoseconds>,
    /// What the app's own function threw.
    pub thrown: Option<Arc<dyn ForeignThrown>>,
}

impl fmt::Debug for FailureParts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FailureParts").field("kind", &self.kind).field("text", &self.text).finish_non_exhaustive()
    }
}

/// What went wrong.
#[derive(Debug, Clone)]
pub struct Failure(pub FailureParts);

uniffi::custom_type!(Failure, FailureParts, {
    lower: |failure| failure.0,
    try_lift: |parts| Ok(Failure(parts)),
});

/// What keeps a thrown object as a payload of `strongroom-bindings`.
struct Payload(Arc<dyn ForeignThrown>);

impl Convert<Failure> for Error {
    fn convert(self) -> Failure {
        let ErrorRecord { kind, operation, object, detail, message, causes, retry_after_ms, payload } =
            self.into_record();
        let thrown = payload.and_then(|payload| payload.downcast::<Payload>().ok());
        Failure(FailureParts {
            kind,
            operation,
            subject: object,
            detail,
            text: message,
            causes,
            retry_after: retry_after_ms.map(Nanoseconds::of_milliseconds),
            thrown: thrown.map(|payload| Arc::clone(&payload.0)),
        })
    }
}

/// What every function here fails with.
#[derive(Debug, thiserror::Error, uniffi::Error)]
pub enum NativeError {
    /// The failure.
    #[error("{}", .failure.0.text)]
    Failed {
        /// What went wrong.
        failure: Failure,
    },
}

/// The result of every fallible function here.
pub(crate) type NativeResult<T> = Result<T, NativeError>;

impl From<Error> for NativeError {
    fn from(error: Error) -> Self {
        NativeError::Failed { failure: error.convert() }
    }
}

/// What functions of the app fail with.
#[derive(thiserror::Error, uniffi::Error)]
pub enum ForeignError {
    /// A failure that was thrown.
    #[error("{text}")]
    Failed {
        /// What kind of failure it was; [`Callback`](ErrorKind::Callback) when the app did not say.
        kind: ErrorKind,
        /// What went wrong, for people.
        text: String,
        /// After how long the same call may succeed.
        retry_after: Option<Nanoseconds>,
        /// What was thrown.
        thrown: Option<Arc<dyn ForeignThrown>>,
    },
    /// A failure of the generated code.
    #[error("{text}")]
    Unexpected {
        /// What it said.
        text: String,
    },
}

impl fmt::Debug for ForeignError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ForeignError").field(&self.to_string()).finish()
    }
}

impl From<uniffi::UnexpectedUniFFICallbackError> for ForeignError {
    fn from(error: uniffi::UnexpectedUniFFICallbackError) -> Self {
        ForeignError::Unexpected { text: error.reason }
    }
}

impl From<ForeignError> for HostError {
    fn from(error: ForeignError) -> Self {
        match error {
            ForeignError::Unexpected { text } => HostError::callback(text),
            ForeignError::Failed { kind, text, retry_after, thrown } => {
                let mut made = HostError::new(kind, text);
                if let Some(time) = retry_after.and_then(|time| time.milliseconds("time to wait").ok()) {
                    made = made.retry_after(time);
                }
                match thrown {
                    Some(thrown) => {
                        let payload: HostPayload = Arc::new(Payload(thrown));
                        made.payload(payload)
                    }
                    None => made,
                }
            }
        }
    }
}
